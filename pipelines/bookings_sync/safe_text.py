"""Safe text: makes characters that steer a terminal visible.

Input:  text that may hold a customer's or a stranger's words.
Output: the same text; where a character would set the title, clear the screen, write the clipboard or turn the reading
        direction, its code is shown instead: `\\x1b`, `\\u202e`. Line breaks and tabs stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, and the marks that turn the reading direction."""


def safe_text(text: str) -> str:
    """The text with steering characters shown as their codes."""
    return _STEERING.sub(_code, text)


def safe_json(value: Any, default: Callable[[Any], Any] | None = None) -> str:
    """JSON on one line. Steering characters are escaped, which changes no value."""
    text = json.dumps(value, default=default, ensure_ascii=False)
    return _STEERING.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _code(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
