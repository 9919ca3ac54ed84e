"""A sync does not import what it never uses, and the libraries still need to be told."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from support.overrides import obsolete

_COMMAND = """
import sys, json, contextlib, io
from bookings_sync.cli.main import main
sys.argv = ["bookings", "sync", "--json"]
with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
    main()
loaded = sorted(name for name, module in sys.modules.items() if module)
print(json.dumps({"outcome": json.loads(printed.getvalue())["outcome"], "loaded": loaded}))
"""

_PLAIN_HTTPX = "import sys, httpx; print('httpx._main' in sys.modules)"
_PLAIN_DLT = "import sys, dlt; dlt.config.get('x'); print('requests' in sys.modules)"
_PLAIN_DUCKDB = """
import sys, duckdb
class Counted:
    asked = 0
    def find_spec(self, name, path=None, target=None):
        self.asked += name == "pandas"
sys.meta_path.insert(0, counted := Counted())
for _ in range(3):
    duckdb.execute("SELECT ?", ["a"])
print(counted.asked > 3)
"""


def _run(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


@pytest.mark.usefixtures("project")
def test_a_sync_without_notices_imports_no_models_and_no_second_http_client() -> None:
    result = json.loads(_run(_COMMAND))
    assert result["outcome"] == "ok"
    loaded = set(result["loaded"])
    assert not loaded & {"httpx._main", "click", "requests", "pandas", "bookings_sync.models.dialect"}


@pytest.mark.parametrize(
    ("script", "override"),
    [
        (_PLAIN_HTTPX, "lean_imports._leave_out_httpx_command_line"),
        (_PLAIN_DLT, "start_without_requests"),
        (_PLAIN_DUCKDB, "lean_imports._note_missing_pandas"),
    ],
)
def test_the_libraries_import_it_by_themselves(script: str, override: str) -> None:
    assert _run(script).strip() == "True", obsolete(override)
