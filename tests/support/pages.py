"""The repository's Markdown pages, for the tests in tests/docs."""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def code_blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def check_generated(page: Path, name: str, expected: str) -> None:
    """Compares the block `<!-- name -->` … `<!-- end of name -->` of a page; with UPDATE_DOCS=1 it writes the block."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    written, _, after = rest.partition(end)
    assert after, f"{page.name} has no block between {begin.strip()} and {end}"
    if os.environ.get("UPDATE_DOCS"):
        page.write_text(f"{before}{begin}{expected.strip()}\n{end}{after}", encoding="utf-8")
    else:
        assert written.strip() == expected.strip(), f"{page.name} is out of date: UPDATE_DOCS=1 pytest tests/docs"
