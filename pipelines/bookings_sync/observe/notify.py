"""Notices: one message to a webhook (Slack's, or any that takes its `text`) or to a command.

Input:  what happened.
Output: a POST of JSON, or a process with the JSON on its standard input. Neither holds a key or personal data.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass

from bookings_sync.observe.settings import Observing

_TIMEOUT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Notice:
    """`event` is failed, partial, stale or schema; `text` says it in one line for people; `details` are its lines."""

    event: str
    text: str
    run_id: str
    details: tuple[str, ...] = ()


def send(notice: Notice, observing: Observing) -> list[str]:
    """Tells whoever is to be told of such an event. Returns what went wrong on the way, which ends no run."""
    if notice.event not in observing.notify_on:
        return []
    problems: list[str] = []
    if observing.notify_webhook:
        import httpx  # a transform needs it for nothing else

        text = "\n".join((f"bookings-sync: {notice.text}", *(f"• {line}" for line in notice.details)))
        try:
            reply = httpx.post(observing.notify_webhook, json={"text": text}, timeout=_TIMEOUT_SECONDS)
            if reply.status_code // 100 != 2:
                problems.append(f"the webhook answered {reply.status_code}")
        except httpx.HTTPError as error:  # its message may hold the address, which is a secret
            problems.append(f"the webhook could not be reached: {type(error).__name__}")
    if observing.notify_command:
        try:
            ran = subprocess.run(  # noqa: S603 - the command is the owner's own, and no shell reads it
                observing.notify_command,
                input=json.dumps(asdict(notice)),
                text=True,
                capture_output=True,
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
            if ran.returncode:
                problems.append(f"{observing.notify_command[0]} ended with {ran.returncode}")
        except (OSError, subprocess.TimeoutExpired) as error:
            problems.append(f"{observing.notify_command[0]}: {type(error).__name__}")
    return problems
