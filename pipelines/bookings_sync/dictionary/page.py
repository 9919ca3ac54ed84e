"""Page: renders the dictionary as one HTML file that works offline and loads nothing.

Input:  `Dictionary`; the names of the datasets; the template, style and script in this folder.
Output: HTML. Readable without its script, which only searches. Its content security policy allows exactly that script.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from bookings_sync.dictionary import Dictionary
from bookings_sync.models.destination import Datasets

_LAYERS = {
    "marts": ("Marts", "Reports (rpt_), events (fct_) and dimensions (dim_), made for analysts."),
    "staging": (
        "Staging",
        "One table for each raw table: current rows, cleaned, without contacts' personal data.",
    ),
    "raw": ("Raw", "Every version of every record that the API sent, and the connector's own records."),
}


def render(dictionary: Dictionary, datasets: Datasets) -> str:
    """The whole page as HTML."""
    environment = Environment(
        loader=PackageLoader("bookings_sync.dictionary", ""),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        layers=[
            (layer, *_LAYERS[layer], datasets.of(layer), list(tables))
            for layer, tables in groupby(dictionary.tables, key=lambda table: table.layer)
        ],
        metrics=dictionary.metrics,
        tables=len(dictionary.tables),
        columns=sum(1 for _ in dictionary.columns()),
        policy=f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:",
        style=_asset("page.css"),
        script=script,
    )


def _asset(name: str) -> str:
    return files("bookings_sync.dictionary").joinpath(name).read_text(encoding="utf-8")
