"""The page: one HTML file that holds everything it shows, and asks nobody for anything.

Input:  `Figures`; the style, the scripts and the frame beside this module; Vega-Lite, out of the installed vl-convert.
Output: HTML. A policy in it lets the browser run these very scripts and load nothing, so that a name in the data can
        neither run nor call anywhere, whatever it holds.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import fields
from datetime import date
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

from bookings_sync.report.figures import AHEAD, DAILY, KNOWN_WEEKS, PERIODS, Drift, Figures, Freshness, Table
from bookings_sync.status import Rejection

_SCRIPTS = ("figures", "words", "charts", "choices", "tiles", "cards", "early", "freshness", "page")
"""In the order they build upon one another; together they are one script."""


def render(figures: Figures) -> str:
    """The whole page."""
    library = _alone("", _chart_library())
    # The figures are unpacked first, for which the script must wait.
    script = _alone("async", '"use strict";\n' + "\n".join(_asset(f"{name}.js") for name in _SCRIPTS))
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in (library, script))
    return Template(_asset("page.html")).substitute(
        policy=f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; base-uri 'none'",
        style=_asset("page.css"),
        figures=_packed(_content(figures)),
        library=library,
        script=script,
    )


def _content(figures: Figures) -> dict[str, Any]:
    return {each.name: getattr(figures, each.name) for each in fields(figures)} | {
        "locations": [{"name": name, "today": today} for name, today in figures.locations],
        "today": figures.written_at.date(),
        "ahead": AHEAD,
        "daily": DAILY,
        "known_weeks": KNOWN_WEEKS,
        "all_periods": PERIODS,
    }


def _packed(content: dict[str, Any]) -> str:
    """JSON, gzipped, as base64: a sixth of its size, and no name in it can be anything but data."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=_written)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _written(value: object) -> object:
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, Table | Freshness | Rejection | Drift):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    raise TypeError(f"{type(value).__name__} has no place in the page")


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _chart_library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that sets `vegaEmbed`. It takes some seconds to put together."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _alone(kind: str, script: str) -> str:
    """A script in a scope of its own, which cannot end its element early."""
    return f"({kind}()=>{{" + script.replace("</script", "<\\/script").replace("<!--", "<\\!--") + "})();"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
