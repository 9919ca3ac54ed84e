"""The built wheel works by itself: installed with its dependencies into an empty environment, run in an empty
folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from uv import find_uv_bin

from bookings_sync.sandbox import SandboxServer, WorldSpec, generate

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
    assert zipfile.ZipFile(wheel).read("bookings_sync/config/example.toml") == (ROOT / ".dlt/config.toml").read_bytes()
    assert "bookings_sync/dictionary/page.html.j2" in names
    assert not [name for name in names if name.startswith("tests/")]


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SOURCES__"))}


def test_the_demo_runs_in_an_empty_folder(bookings: Path, tmp_path: Path) -> None:
    demo = [bookings, "demo", "--locations", "2", "--services", "1", "--appointments", "500"]
    ran = subprocess.run(demo, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert list(tmp_path.rglob("*.duckdb"))


def test_a_new_user_can_set_up_a_location_and_sync(bookings: Path, tmp_path: Path) -> None:
    """The wheel holds everything that `bookings init` writes: a user has no checkout to copy from."""
    world = generate(WorldSpec(now=datetime.now(UTC), locations=1, services_per_location=1, appointments=60))
    (location,) = world.locations
    with SandboxServer(world) as server:
        address = server.base_url_v2
        init = [
            "init",
            "--name",
            "berlin",
            "--key-stdin",
            "--location-id",
            location.id,
            "--base-url",
            address,
        ]
        for arguments, key in ((init, location.pit), (["sync"], "")):
            command = [str(bookings), *arguments]
            ran = subprocess.run(
                command, input=key, cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False
            )
            assert ran.returncode == 0, ran.stderr[-2000:]
    committed = (ROOT / ".dlt/config.toml").read_text().splitlines()
    config = (tmp_path / ".dlt/config.toml").read_text().splitlines()
    changed = [(ours, theirs) for ours, theirs in zip(config, committed, strict=True) if ours != theirs]
    assert changed == [(f'v2_base_url = "{address}"', 'v2_base_url = "https://services.leadconnectorhq.com"')]
