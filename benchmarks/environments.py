"""Builds the peers' virtual environments in `.envs/` from the locks in `environments/`.

Input:  the name of a lock.
Output: the folder of its commands. An environment is rebuilt when its lock or Python changes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from measure import progress

_HERE = Path(__file__).parent
_LOCKS, _ENVIRONMENTS = _HERE / "environments", _HERE / ".envs"
_UV = Path(sys.executable).with_name("uv")


def commands_of(name: str) -> Path:
    """The `bin` folder of an environment with exactly the packages of `environments/<name>.txt`.

    Raises RuntimeError with uv's message if the environment cannot be built.
    """
    lock = _LOCKS / f"{name}.txt"
    folder = _ENVIRONMENTS / name
    built_from, wanted = folder / "built-from.txt", f"{sys.version}\n{lock.read_text(encoding='utf-8')}"
    if not built_from.is_file() or built_from.read_text(encoding="utf-8") != wanted:
        progress(f"building the environment {name} (once)")
        shutil.rmtree(folder, ignore_errors=True)
        _run([_UV, "venv", "--quiet", "--python", sys.executable, folder])
        # Compile now, so that no measured run pays for it.
        python = folder / "bin" / "python"
        _run([_UV, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, "--requirements", lock])
        built_from.write_text(wanted, encoding="utf-8")
    return folder / "bin"


def _run(command: list[Path | str]) -> None:
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed:\n{result.stderr[-3000:]}")
