# `make demo` and `make test` need Python 3.11+ and nothing else: each sets up what it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A Python told not to write bytecode would compile every module at each start.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help setup dagster airflow lake metricflow demo test test-dagster test-airflow test-lake test-metricflow test-elsewhere \
  chaos bench check lint format types lock clean

help:  ## Show what each target does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 26

setup: $(VENV)/.installed  ## Make .venv with the pinned dependencies and this package

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "bookings-sync needs Python 3.11 or newer; choose one with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV) (once) …"
	@$(PYTHON) -m venv $(VENV)
	@# pip installs uv, as the lock pins it; uv the rest, in a third of the time.
	@awk '/^[^ ]/ {wanted = 0} /^uv==/ {wanted = 1} wanted' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@$(BIN)/uv pip install --quiet --python $(VENV) --require-hashes --requirement requirements.lock
	@$(BIN)/uv pip install --quiet --python $(VENV) --no-deps --no-build-isolation --editable .
	@touch $@

# The orchestrators' environments: uv makes each in seconds where pip takes minutes.
dagster: .venv-dagster/.installed  ## Make .venv-dagster, with the pinned Dagster
airflow: .venv-airflow/.installed  ## Make .venv-airflow, with the pinned Airflow
lake: .venv-lake/.installed  ## Make .venv-lake, with DuckLake, Delta and Iceberg
metricflow: .venv-metricflow/.installed  ## Make .venv-metricflow, the semantic layer that the metrics catalogue is tested with

.venv-%/.installed: requirements-%.lock pyproject.toml | setup
	@echo "Setting up .venv-$* (once) …"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-$*
	@$(BIN)/uv pip install --quiet --python .venv-$* --require-hashes --requirement requirements-$*.lock
	@$(BIN)/uv pip install --quiet --python .venv-$* --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## Sync a living sandbox calendar into DuckDB, twice, and report on it
	@$(BIN)/bookings demo

test: check  ## Lint, types, and every test but those of test-elsewhere
	@$(BIN)/python -m pip check
	@$(BIN)/pytest -n 3 --dist worksteal

test-elsewhere: test-dagster test-airflow test-lake test-metricflow  ## Orchestrators, lakes, MetricFlow: each in its own environment

test-dagster: dagster
	@.venv-dagster/bin/python -m pytest tests/integration/orchestration/dagster

test-airflow: airflow
	@.venv-airflow/bin/python -m pytest tests/integration/orchestration/airflow

test-lake: lake
	@.venv-lake/bin/python -m pytest tests/integration/lake

test-metricflow: metricflow
	@.venv-metricflow/bin/python -m pytest tests/integration/metricflow

# `make chaos SEED=n` repeats a run; a history or a record that fails is printed as small as it could be made.
ifndef SEED
SEED := $(shell date +%s)
endif
chaos: setup  ## About two hours of random histories, kills, faults and bad input; SEED=n repeats a run
	@echo "make chaos SEED=$(SEED)"
	@CHAOS=$(SEED) $(BIN)/pytest -n 2 --dist worksteal tests/chaos tests/integration/postgres tests/integration/sync tests/integration/upgrade tests/integration/recompute \
		tests/integration/cli/test_doctor.py tests/integration/cli/test_forget.py tests/unit/models/test_incremental.py

bench: setup  ## Measure against the limit and other tools, into benchmarks/RESULTS.md; ARGS="--help" shows the parts
	@$(BIN)/python benchmarks/bench.py $(ARGS)

check: lint types  ## Lint and types alone: the quick loop

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: setup
	@$(BIN)/mypy

format: setup  ## Format, and mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

LOCK = $(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
  --no-emit-index-url --quiet --upgrade
lock: setup  ## Pin the newest allowed dependencies, with hashes and without addresses
	@$(LOCK) --extra dev --output-file requirements.lock
	@$(LOCK) --extra dagster --group orchestration --output-file requirements-dagster.lock
	@$(LOCK) --extra airflow --group orchestration --output-file requirements-airflow.lock
	@$(LOCK) --extra lake --group orchestration --output-file requirements-lake.lock
	@$(LOCK) --group orchestration --group metricflow --output-file requirements-metricflow.lock

clean:  ## Remove .venv and caches
	rm -rf $(VENV) .venv-dagster .venv-airflow .venv-lake .venv-metricflow .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
