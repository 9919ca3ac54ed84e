"""JSON: decodes the bytes of a reply, including JSON that strict parsers refuse.

Input:  a body, or the text of one record in it.
Output: the decoded value, or `Unreadable`. Pure.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

Record = dict[str, Any]
Records = list[Record]


class Unreadable(ValueError):  # noqa: N818 - it becomes an errors.BadReply, once it is known whose
    """The body is not what was asked for. The message never quotes it."""


def decode(body: bytes) -> Any:
    """The JSON value of a body. Raises Unreadable.

    What strict JSON forbids but a whole reply may hold is read all the same: NaN (as null), control characters in
    texts, half a surrogate pair or bytes that are not UTF-8 (as the replacement character). So is NUL, which PostgreSQL
    cannot hold: one such text would make every load fail. An integer beyond 64 bits is read as the text of its digits:
    as a number it would lose some of them, here or in the warehouse's JSON.
    """
    if _is_plain(body):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
    # The text is mended for the same decoder: another one would read the record's neighbours differently (an integer
    # beyond 64 bits), and they would seem to change.
    text = _TOKEN.sub(_mended, body.decode("utf-8-sig", "replace"))
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # The decoder's error holds the body: it must not be chained.
        raise Unreadable("the body is not JSON, or not all of it") from None


def holds_nul(body: bytes) -> bool:
    """Whether a text in strict JSON holds a NUL. Python looks from the end in half the time that it takes from the
    beginning."""
    return body.rfind(b"\\u0000") >= 0


def _is_plain(body: bytes) -> bool:
    """Whether strict JSON may be decoded as it stands: no NUL in it, and no integer beyond 64 bits."""
    return not holds_nul(body) and not _may_hold_a_long_integer(body)


_TOKEN = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*"|-?\bInfinity\b|\bNaN\b|(?P<integer>(?<![\w.+-])-?\d{19,}(?![\w.]))', re.DOTALL
)
_LONGEST_INTEGER = len("18446744073709551615")
_LONG_INTEGER = re.compile(rb"(?:\A|[:,\[\s-])\d{19}")
_NINES = bytes.maketrans(b"012345678", b"9" * 9)


def _may_hold_a_long_integer(body: bytes) -> bool:
    """Whether 19 digits stand in a row where a number may begin. Of any so many, every second byte has
    nine: looked for so first, for it is done to every reply, in a fraction of the time that decoding takes."""
    digits = body[::2].translate(_NINES)
    at = digits.find(b"9" * 9)
    while at >= 0:
        if _LONG_INTEGER.search(body, max(2 * at - 20, 0), 2 * at + 40):
            return True
        at = digits.find(b"9" * 9, at + 1)
    return False


_CONTROL = re.compile(r"[\x00-\x1f]")
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|(u0000|u[dD][89a-fA-F]\w\w)|.)")


def _mended(token: re.Match[str]) -> str:
    """A text with its control characters escaped, each NUL and half of a surrogate pair replaced; null for NaN; an
    integer as it is, or as text."""
    text = token[0]
    if token["integer"]:
        fits = len(text) <= _LONGEST_INTEGER and -(2**63) <= int(text) < 2**64
        return text if fits else f'"{text}"'
    if not text.startswith('"'):
        return "null"
    if _CONTROL.search(text):
        text = _CONTROL.sub(lambda control: f"\\u{ord(control[0]):04x}", text)
    return _ESCAPE.sub(lambda escape: "\ufffd" if escape[1] else escape[0], text)
