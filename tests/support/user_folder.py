"""A folder as a new user has it, for running the commands and examples of the documentation."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class UserFolder:
    """Runs commands and Python examples in a configured folder, each in a process of its own."""

    path: Path

    def run(self, command: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        # dlt keeps a pipeline's state under the pipeline's name, outside the working directory.
        environment = {**os.environ, "PATH": path, "DLT_DATA_DIR": str(self.path / "dlt")}
        return subprocess.run(
            command, input=stdin, cwd=self.path, env=environment, capture_output=True, text=True, check=False
        )

    def python(self, example: str) -> str:
        """Runs a page's example and returns what it prints."""
        ran = self.run([sys.executable, "-c", example])
        assert ran.returncode == 0, f"{example}\n{ran.stderr}"
        return ran.stdout
