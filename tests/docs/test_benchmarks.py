"""The benchmarks' bookkeeping. Only `make bench` measures."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("results")


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE))


@pytest.mark.parametrize("package", ["dlt", "duckdb", "pyarrow"])
def test_the_peer_dlt_has_our_version(package: str) -> None:
    peer, ours = pins(BENCHMARKS / "environments/dlt.txt"), pins(ROOT / "requirements.lock")
    assert peer[package] == ours[package], "lock benchmarks/environments/dlt.txt again, as its header describes"


def test_results_page_matches_the_json(results: ModuleType) -> None:
    file = BENCHMARKS / "results.json"
    if not file.is_file():
        pytest.skip("no results yet")
    assert (BENCHMARKS / "RESULTS.md").read_text() == results.rendered(json.loads(file.read_text()))


def test_a_part_that_runs_alone_replaces_its_own_section(results: ModuleType, tmp_path: Path) -> None:
    def section(name: str, ratio: float) -> object:
        target = results.Target.at_most(f"ratio of {name}", ratio, 1.5)
        return results.Section(name, f"The {name}", ("path", "CPU s"), rows=[("ours", ratio)], targets=[target])

    results.write([section("first", 1.4), section("second", 2.0)], tmp_path, rows=2000, runs=1, load=0.1)
    page = results.write([section("second", 1.5)], tmp_path, rows=2000, runs=3, load=2.34).read_text()

    assert "| ratio of first | ≤ 1.50 | 1.40 | yes |" in page
    assert "| ratio of second | ≤ 1.50 | 1.50 | yes |" in page
    assert "medians of 1 run," in page
    assert "medians of 3 runs," in page
    assert page.count("with other work beside it (a load of 2.3 before)") == 1
    kept = json.loads((tmp_path / "results.json").read_text())
    assert [section["targets"][0]["value"] for section in kept.values()] == [1.4, 1.5]


def test_changed_results_do_not_mark_the_commit(results: ModuleType, tmp_path: Path) -> None:
    """Each part writes its results before the next part records the commit."""

    def git(*command: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid", *command], cwd=tmp_path, check=True)

    written = [tmp_path / name for name in ("benchmarks/RESULTS.md", "benchmarks/results.json", "measured.py")]
    (tmp_path / "benchmarks").mkdir()
    for file in written:
        file.write_text("before")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message=before")
    commits = [results._commit(tmp_path / "benchmarks")]
    for file in written:
        file.write_text("after")
        commits.append(results._commit(tmp_path / "benchmarks"))
    assert commits == [*[commits[0]] * 3, commits[0] + "+"]


def test_a_missed_target_is_shown(results: ModuleType, tmp_path: Path) -> None:
    missed = [results.Target.at_least("peer ÷ ours", 14.9, 15), results.Target.flat("CPU per row", [2.0, 1.0, 1.1])]
    assert [target.reached for target in missed] == [False, False]
    page = results.write(
        [results.Section("a", "A", ("path",), targets=missed)], tmp_path, rows=2000, runs=1, load=0
    ).read_text()
    assert page.count("| **no** |") == 2


def test_the_limit_reads_no_time_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    ours = importlib.import_module("ours")
    log = [
        {
            "endpoint": endpoint,
            "path": f"/v1/appointments/?calendarId={service}&startDate={start}&endDate={end}&includeAll=true",
            "status": status,
            "key": "k",
        }
        for endpoint, service, start, end, status in (
            ("GET /appointments/", "a", 0, 100, 200),
            ("GET /appointments/", "a", 20, 60, 200),  # a part of the first window, requested again
            ("GET /appointments/", "a", 90, 200, 200),
            ("GET /appointments/", "b", 0, 200, 503),
            ("GET /appointments/", "b", 0, 200, 200),
            ("GET /appointments/slots", "b", 0, 200, 200),
        )
    ]
    asked = [
        re.findall(r"calendarId=(\w)&startDate=(\d+)&endDate=(\d+)", each["path"])[0] for each in ours.once_each(log)
    ]
    assert asked == [("a", "0", "99"), ("a", "100", "199"), ("b", "0", "199")]
