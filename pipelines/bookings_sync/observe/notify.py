"""Notify: sends a notice to a webhook (Slack's, or any that accepts `{"text": …}`) and to a command.

Input:  a notice.
Output: a POST of JSON, or a process with the JSON on its standard input. Neither holds a key or personal data.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bookings_sync.observe.settings import ObserveSettings

_TIMEOUT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened. `event` is one of `settings.EVENTS`; `text` is one line for people, `details` are more."""

    event: str
    text: str
    run_id: str
    details: tuple[str, ...] = ()


def send(notice: Notice, settings: ObserveSettings) -> list[str]:
    """Sends a notice if its event is in `notify_on`. Returns what went wrong, one line for each receiver."""
    if notice.event not in settings.notify_on:
        return []
    problems: list[str | None] = []
    if settings.notify_webhook:
        problems.append(_post(notice, settings.notify_webhook))
    if settings.notify_command:
        problems.append(_run(notice, settings.notify_command))
    return [problem for problem in problems if problem]


def _post(notice: Notice, url: str) -> str | None:
    """Posts a notice. Returns what went wrong, without the address, which is a secret."""
    import httpx  # slow to import, and only needed here by a transform

    text = "\n".join((f"bookings-sync: {notice.text}", *(f"• {line}" for line in notice.details)))
    try:
        reply = httpx.post(url, json={"text": text}, timeout=_TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        return f"the webhook could not be reached: {type(error).__name__}. Check observe.notify_webhook."
    if reply.status_code // 100 != 2:
        return f"the webhook answered with status {reply.status_code}. Check observe.notify_webhook."
    return None


def _run(notice: Notice, command: Sequence[str]) -> str | None:
    """Runs a command with a notice as JSON on its standard input. Returns what went wrong."""
    try:
        ran = subprocess.run(  # noqa: S603 - the operator's own command, and no shell parses it
            command,
            input=json.dumps(asdict(notice)),
            text=True,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within {_TIMEOUT_SECONDS} s. Check observe.notify_command."
    except OSError as error:
        # PermissionError too, even for a command that is nowhere: one PATH folder that may not be entered is enough.
        return (
            f"{command[0]} could not be started: {type(error).__name__}. "
            "Set observe.notify_command to the full path of an executable file."
        )
    return f"{command[0]} ended with exit code {ran.returncode}" if ran.returncode else None
