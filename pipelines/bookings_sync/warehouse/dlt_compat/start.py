"""Override for dlt's start: what it imports before a command begins."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from dlt.common.configuration.specs import RuntimeConfiguration
from dlt.common.runtime import run_context as _run_context

_CLIENT = "dlt.sources.helpers.requests"
"""dlt's HTTP client."""


def start_without_requests() -> None:
    """Makes dlt start without its HTTP client: 60 ms of imports. For a process that uses neither the client nor a
    source of dlt that does.

    dlt imports and configures the client as soon as anything asks for a setting, such as `dlt.config.get("x")`.
    """
    run_context: Any = _run_context  # the module exports nothing
    start = run_context.initialize_runtime

    def initialize_runtime(logger_name: str, runtime_config: RuntimeConfiguration) -> None:
        if _CLIENT in sys.modules or runtime_config.dlthub_telemetry or runtime_config.dlthub_dsn:
            start(logger_name, runtime_config)  # telemetry sends with the client
            return
        sys.modules[_CLIENT] = _without_client()
        try:
            start(logger_name, runtime_config)
        finally:
            del sys.modules[_CLIENT]

    run_context.initialize_runtime = initialize_runtime


def _without_client() -> ModuleType:
    module: Any = ModuleType(_CLIENT)
    module.init = lambda _runtime_config: None
    return module  # type: ignore[no-any-return]
