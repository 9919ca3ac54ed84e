"""Editing TOML changes the values that were asked for, and no other byte."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings_sync.config.toml_text import CannotEditError, NotTomlError, key, parsed, quoted, with_values

SECTION = ("sources", "bookings", "locations", "oslo")

FILE = """\
# my keys

[sources.bookings.locations.berlin]   # the first
api_key   = "old # no comment"   # rotate in May
location_id = 'AbC'

[observe]
notify_webhook = "https://example.org/[x]#y"
text = '''
[sources.bookings.locations.bergen]
'''"""


def test_a_new_section_goes_to_the_end_and_nothing_else_changes() -> None:
    assert with_values(FILE, SECTION, {"api_key": "k", "timezone": None}) == (
        FILE + '\n\n[sources.bookings.locations.oslo]\napi_key = "k"\n'
    )


def test_replacing_keeps_spaces_and_comments() -> None:
    values = {"api_key": 'n"ew', "location_id": None, "api": "v2"}
    assert with_values(FILE, (*SECTION[:3], "berlin"), values) == FILE.replace(
        "first\napi_key   = \"old # no comment\"   # rotate in May\nlocation_id = 'AbC'\n",
        'first\napi = "v2"\napi_key   = "n\\"ew"   # rotate in May\n',
    )


def test_line_ends_of_windows_stay() -> None:
    before = '[a]\r\nb = "1"\r\n'
    assert with_values(before, ("c",), {"d": "2"}) == before + '\r\n[c]\r\nd = "2"\r\n'
    assert with_values(before, ("a",), {"b": "3", "c": "4"}) == '[a]\r\nc = "4"\r\nb = "3"\r\n'


def test_an_empty_file_gets_one_section() -> None:
    assert with_values("", ("a", "b.c"), {"d": "2"}) == '[a."b.c"]\nd = "2"\n'


@pytest.mark.parametrize("header", ["[ sources . bookings.locations.'oslo' ]", '["sources".bookings.locations."oslo"]'])
def test_other_spellings_of_a_header_are_the_same_section(header: str) -> None:
    assert with_values(f'{header}\napi_key = "a"', SECTION, {"api_key": "b"}) == f'{header}\napi_key = "b"'


@pytest.mark.parametrize(
    "text",
    [
        'sources.bookings.locations.oslo.api_key = "a"\n',
        '[sources.bookings]\nlocations = {oslo = {api_key = "a"}}\n',
        '[sources.bookings.locations]\noslo = {api_key = "a"}\n',
        '[sources.bookings.locations.oslo]\napi_key = """\na"""\n',
        "[sources.bookings]\nlocations = 3\n",
        "[[sources.bookings.locations]]\na = 1\n",
        "text = '''\n[sources.bookings.locations.oslo]\n'''\n",
    ],
)
def test_forms_that_cannot_be_edited_are_refused(text: str) -> None:
    with pytest.raises(CannotEditError):
        with_values(text, SECTION, {"api_key": "b"})


@pytest.mark.parametrize(
    ("text", "line"), [('a = "pit-secret', 1), ("a = 1\nb = pit-secret\n", 2), ("a = 1\na = 2", 2)]
)
def test_an_error_names_the_line_and_quotes_nothing(text: str, line: int) -> None:
    with pytest.raises(NotTomlError) as caught:
        parsed(text)
    assert caught.value.line == line
    assert "pit-secret" not in str(caught.value)
    assert caught.value.__context__ is None


TEXTS = st.text(st.characters(codec="utf-8"))


@given(TEXTS)
def test_any_text_is_quoted_so_that_toml_reads_it_back(text: str) -> None:
    assert tomllib.loads(f"{key(text)} = {quoted(text)}") == {text: text}


COMMENTS = st.lists(st.sampled_from(["# a", "", "  # [b]", "\t", "# x = 1"]), max_size=3)


@given(st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=4), TEXTS, COMMENTS, st.sampled_from(["\n", "\r\n"]))
def test_other_lines_stay_byte_for_byte(held: dict[str, str], new: str, comments: list[str], end: str) -> None:
    """A file of several locations: one is changed, the others and all comments keep their lines."""
    sections = [
        [*comments, f"[a.{key(name)}]", f"k = {quoted(value)} # {n}"] for n, (name, value) in enumerate(held.items())
    ]
    text = end.join(line for section in sections for line in section) + end
    changed = next(iter(held))
    before, after = text.split(end), with_values(text, ("a", changed), {"k": new}).split(end)
    assert len(after) == len(before)
    assert [number for number, line in enumerate(before) if after[number] != line] in ([], [len(comments) + 1])
    assert tomllib.loads(end.join(after))["a"] == {name: {"k": value} for name, value in held.items()} | {
        changed: {"k": new}
    }
