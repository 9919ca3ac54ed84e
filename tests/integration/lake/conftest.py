"""Lakes on the local disk, in a separate environment: `make test-lake`."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("duckdb_extension_ducklake") else ["test_ducklake.py", "test_publish.py"]
