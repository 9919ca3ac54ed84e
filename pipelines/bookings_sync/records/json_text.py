"""JSON: decodes the bytes of a reply, including JSON that strict parsers refuse.

Input:  a body, or the text of one record in it.
Output: the decoded value. Raises `Unreadable`. Pure.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

Record = dict[str, Any]
Records = list[Record]


class Unreadable(ValueError):  # noqa: N818 - callers turn it into errors.BadReply, which names the request
    """The body does not have the expected form. The message never quotes the body."""


def decode(body: bytes) -> Any:
    """The JSON value of a body. Raises Unreadable.

    Accepts some JSON that strict parsers refuse:

    - NaN and Infinity become null.
    - Control characters in texts are kept.
    - Half a surrogate pair and bytes that are not UTF-8 become the replacement character. So does NUL, because
      PostgreSQL cannot store NUL and every load would fail.
    - An integer beyond 64 bits becomes a text of its digits. As a number it would lose digits.
    """
    if _is_plain(body):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
    # Repair the text and decode with the same decoder. A second decoder might read other values differently, and
    # unchanged records would look changed.
    text = _TOKEN.sub(_repaired, body.decode("utf-8-sig", "replace"))
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        # Do not chain the decoder's error: it holds the body.
        raise Unreadable("the body is not JSON, or not all of it") from None


def holds_nul(body: bytes) -> bool:
    """Whether a text in the body holds a NUL. rfind is faster than find here."""
    return body.rfind(b"\\u0000") >= 0


def _is_plain(body: bytes) -> bool:
    """Whether the body needs no repair, provided it is strict JSON: no NUL and no integer beyond 64 bits."""
    return not holds_nul(body) and not _may_hold_a_long_integer(body)


_TOKEN = re.compile(
    r'"[^"\\]*(?:\\.[^"\\]*)*"|-?\bInfinity\b|\bNaN\b|(?P<integer>(?<![\w.+-])-?\d{19,}(?![\w.]))', re.DOTALL
)
_LONGEST_INTEGER = len("18446744073709551615")
_LONG_INTEGER = re.compile(rb"(?:\A|[:,\[\s-])\d{19}")
_NINES = bytes.maketrans(b"012345678", b"9" * 9)


def _may_hold_a_long_integer(body: bytes) -> bool:
    """Whether a number may have 19 digits or more.

    Every reply goes through this check, so it first looks at every second byte: 19 digits in a row have 9 of them.
    """
    digits = body[::2].translate(_NINES)
    at = digits.find(b"9" * 9)
    while at >= 0:
        if _LONG_INTEGER.search(body, max(2 * at - 20, 0), 2 * at + 40):
            return True
        at = digits.find(b"9" * 9, at + 1)
    return False


_CONTROL = re.compile(r"[\x00-\x1f]")
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|(u0000|u[dD][89a-fA-F]\w\w)|.)")


def _repaired(token: re.Match[str]) -> str:
    """Strict JSON for a token that `_TOKEN` matched: a text, NaN, Infinity or a long integer."""
    text = token[0]
    if token["integer"]:
        fits = len(text) <= _LONGEST_INTEGER and -(2**63) <= int(text) < 2**64
        return text if fits else f'"{text}"'
    if not text.startswith('"'):
        return "null"
    if _CONTROL.search(text):
        text = _CONTROL.sub(lambda control: f"\\u{ord(control[0]):04x}", text)
    return _ESCAPE.sub(lambda escape: "\ufffd" if escape[1] else escape[0], text)
