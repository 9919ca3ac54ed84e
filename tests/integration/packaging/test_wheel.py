"""The built wheel works by itself: installed with its dependencies into an empty environment, run in an empty
folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def bookings(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment with the wheel and its dependencies, in the versions of the lock."""
    folder = tmp_path_factory.mktemp("alone")
    venv.create(folder / "env")
    pins = folder / "pins.txt"
    lock = (ROOT / "requirements.lock").read_text()
    pins.write_text("\n".join(re.findall(r"^[\w.-]+==\S+[^\\\n]*", lock, re.MULTILINE)))
    install = [find_uv_bin(), "pip", "install", "--quiet", "--python", folder / "env", "--constraint", pins, wheel]
    subprocess.run(install, check=True, capture_output=True)
    return folder / "env/bin/bookings"


def test_the_wheel_contains_the_models_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    models = {str(path.relative_to(ROOT)) for path in (ROOT / "sql").rglob("*.sql")}
    assert models
    assert {f"bookings_sync/{model}" for model in models} <= set(names)
    assert "bookings_sync/sql/metrics.yml" in names
    assert "bookings_sync/py.typed" in names
    assert "bookings_sync/dictionary/page.html.j2" in names
    assert not [name for name in names if name.startswith("tests/")]


def test_the_demo_runs_in_an_empty_folder(bookings: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SOURCES__"))}
    demo = [bookings, "demo", "--locations", "2", "--services", "1", "--appointments", "500"]
    ran = subprocess.run(demo, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert list(tmp_path.rglob("*.duckdb"))
