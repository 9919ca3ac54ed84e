"""Page: renders the report as one HTML file that holds everything it shows and loads nothing.

Input:  `Figures`; the metrics catalogue; the style, scripts and template in this folder; Vega-Lite from the installed
        vl-convert.
Output: HTML. Its content security policy allows exactly these scripts and no requests, so a name in the data can
        neither run as script nor send anything.
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
from itertools import pairwise
from string import Template
from typing import Any

from bookings_sync.catalogue import Metric, load_metrics
from bookings_sync.models.unusable import Unusable
from bookings_sync.report.figures import AHEAD, FEWEST_CONTACTS, PERIODS, TWELVE_WEEKS, Drift, Figures, Freshness
from bookings_sync.report.index import CountTable
from bookings_sync.report.rates import rate_columns
from bookings_sync.report.today import Today
from bookings_sync.status import Rejection

_SCRIPTS = (
    *("statistics", "words", "figures", "periods", "choices", "charts", "daygrid", "today", "tiles", "outcomes"),
    *("rates", "hours", "members", "compare", "early", "more", "freshness", "meanings", "page"),
)
"""In order of dependence. The page joins them into one script."""


def render(figures: Figures) -> str:
    """The whole page as HTML."""
    library = _in_own_scope("", _chart_library())
    # Async, because the script awaits the unpacked figures.
    script = _in_own_scope("async", '"use strict";\n' + "\n".join(_asset(f"{name}.js") for name in _SCRIPTS))
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in (library, script))
    return Template(_asset("page.html")).substitute(
        policy=f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; base-uri 'none'",
        too_few=_too_few(),
        style=_asset("page.css") + _asset("today.css"),
        figures=_packed(_content(figures)),
        library=library,
        script=script,
    )


def _content(figures: Figures) -> dict[str, Any]:
    """The object that the scripts read as DATA."""
    names, counts, health = figures.names, figures.counts, figures.health
    return {
        **{each.name: getattr(names, each.name) for each in fields(names)},
        **counts._asdict(),
        "more": figures.more._asdict(),
        **{each.name: getattr(health, each.name) for each in fields(health)},
        "written_at": figures.written_at,
        "past": figures.past,
        "locations": [{"name": name, "today": today} for name, today in names.locations],
        "today": figures.written_at.date(),
        "day": figures.today,
        "ahead": AHEAD,
        "too_few": _too_few(),
        "fewest_contacts": FEWEST_CONTACTS,
        "known_days": TWELVE_WEEKS,
        "all_periods": PERIODS,
        "metrics": {each.name: _meaning(each) | rate_columns(each) for each in load_metrics().values()},
    }


def _too_few() -> int:
    """Bookings from which on a rate says something."""
    return load_metrics()["show_rate"].too_few or 0


def _meaning(metric: Metric) -> dict[str, Any]:
    """What the page says about a metric."""
    return {name: getattr(metric, name) for name in ("label", "question", "definition", "unit", "caveats")}


def _packed(content: dict[str, Any]) -> str:
    """Gzipped JSON as base64: a sixth of the size, and no name in it can become markup."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _plain(value: object) -> object:
    if isinstance(value, date):  # includes datetime
        return value.isoformat()
    if isinstance(value, CountTable):
        return _by_column(value)
    if isinstance(value, Today | Freshness | Rejection | Drift | Unusable):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    raise TypeError(f"{type(value).__name__} cannot be written to the page")


def _by_column(table: CountTable) -> dict[str, Any]:
    """A table as lists of values, one for each column. The first two columns hold differences from the row before.

    Rows are sorted by these two, so both measures make long runs of equal numbers, and the page a tenth of the size.
    """
    values = [list(column) for column in zip(*table.rows, strict=True)] or [[] for _ in table.columns]
    for column in values[:2]:
        column[1:] = [value - before for before, value in pairwise(column)]
    return {"columns": table.columns, "values": values}


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _chart_library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that sets `vegaEmbed`. Cached: bundling takes seconds."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _in_own_scope(kind: str, script: str) -> str:
    """Wraps a script in a function. Escapes everything that could end its HTML element early."""
    return f"({kind}()=>{{" + script.replace("</script", "<\\/script").replace("<!--", "<\\!--") + "})();"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
