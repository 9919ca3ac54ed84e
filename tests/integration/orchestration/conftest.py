"""Each orchestrator's tests run only in its own environment: `make test-elsewhere`."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [name for name in ("dagster", "airflow") if find_spec(name) is None]
