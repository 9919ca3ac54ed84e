"""[observe]: the committed file lists every key with its default, and invalid values are errors."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from bookings_sync.errors import ConfigurationError
from bookings_sync.observe.settings import ObserveSettings, load_observing

from .conftest import Project

ROOT = Path(__file__).parents[3]


def test_committed_config_lists_every_key_with_its_default() -> None:
    written = tomllib.loads((ROOT / ".dlt/config.toml").read_text())["observe"]
    defaults = {each.name: getattr(ObserveSettings(), each.name) for each in fields(ObserveSettings)}
    del defaults["notify_webhook"]  # a secret, so it belongs in secrets.toml
    assert {name: tuple(value) if isinstance(value, list) else value for name, value in written.items()} == defaults


def test_settings_are_loaded(project: Project) -> None:
    project.configure(
        'notify_on = ["failed"]\nnotify_command = ["mail", "-s", "x"]', 'notify_webhook = "https://a.b/c"'
    )
    found = load_observing()
    assert (found.notify_on, found.notify_command, found.notifies) == (("failed",), ("mail", "-s", "x"), True)
    assert "a.b" not in repr(found)


@pytest.mark.parametrize(
    ("observe", "secrets", "message"),
    [
        ('notify_on = ["sometimes"]', "", "observe.notify_on: 'sometimes' is not an event"),
        ("stale_after_hours = 0", "", "observe.stale_after_hours: 0 is too small"),
        ('notify_webhok = "x"', "", "Did you mean notify_webhook?"),
        ('notify_webhook = "https://a.b/token"', "", "a secret in a file that is committed"),
        ("", 'notify_webhook = "http://elsewhere.example/token"', "observe.notify_webhook: not an https address"),
        ("", 'notify_webhook = "http://[::1].evil.invalid/token"', "observe.notify_webhook: not an https address"),
        ("", 'notify_webhook = "https://hooks..example/token"', "observe.notify_webhook: not an https address"),
        ("", 'notify_webhook = "https://hooks.example:port/token"', "observe.notify_webhook: not an https address"),
        ("", 'notify_webhook = "https://hooks.example/to ken"', "observe.notify_webhook: not an https address"),
        ("", 'notify_webhook = "hooks.example/token"', "observe.notify_webhook: not an https address"),
    ],
)
def test_an_invalid_value_is_an_error(project: Project, observe: str, secrets: str, message: str) -> None:
    project.configure(observe, secrets)
    with pytest.raises(ConfigurationError) as caught:
        load_observing()
    assert message in str(caught.value)
    assert "token" not in str(caught.value)
    assert "to ken" not in str(caught.value)
