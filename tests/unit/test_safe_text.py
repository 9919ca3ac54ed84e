"""No text of the API can steer the terminal that shows it."""

from __future__ import annotations

import json
import logging
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.cli.output import Output
from bookings_sync.logs import PlainFormatter
from bookings_sync.safe_text import safe_json, safe_text

STEERING = st.characters(categories=["Cc", "Zl", "Zp"], exclude_characters="\n\t") | st.sampled_from(
    "\u202e\u2066\u200f"
)
TEXTS = st.text(STEERING | st.characters(codec="utf-8"))


def steers(text: str) -> bool:
    bidirectional = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return any(
        (unicodedata.category(char) == "Cc" and char not in "\n\t") or unicodedata.bidirectional(char) in bidirectional
        for char in text
    )


@given(TEXTS)
def test_a_text_loses_its_power_and_nothing_else(text: str) -> None:
    assert not steers(safe_text(text))
    assert not steers(safe_json(text))
    assert json.loads(safe_json(text)) == text
    if not steers(text):
        assert safe_text(text) == text or set("\u200e\u200f\u061c\u2028\u2029") & set(text)


def test_an_error_and_a_log_line_are_shown_safely(capsys) -> None:  # type: ignore[no-untyped-def]
    Output().print_error("the service \x1b]0;owned\x07 is gone")
    record = logging.LogRecord("a", logging.WARNING, "a", 1, "the team \x1b[2J", None, None)
    shown = capsys.readouterr().err + PlainFormatter("%(message)s").format(record)
    assert "owned" in shown
    assert not steers(shown)
