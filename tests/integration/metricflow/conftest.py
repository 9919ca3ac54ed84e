"""The metrics catalogue as MetricFlow reads it, in a separate environment: `make test-metricflow`."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("metricflow") else ["test_catalogue.py"]
