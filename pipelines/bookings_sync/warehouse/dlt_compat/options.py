"""Overrides for dlt's configuration: which options of dlt the connector's own pipelines take from the user.

Input:  dlt's configuration providers (the environment, the files in .dlt, vaults).
Output: `own_options`: a context in which dlt finds the options of [destination] and no others.

dlt looks for each of its 200 options under many names, the shortest without any section. So `DEV_MODE=true` loads into
another dataset, `REFRESH=drop_sources` drops all rows, and `PROGRESS=1` ends the command, even if the variables belong
to another program.
A pipeline that a user builds keeps all options of dlt.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, ClassVar

from dlt.common import known_env
from dlt.common.configuration import configspec
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers.provider import ConfigProvider
from dlt.common.configuration.specs import BaseConfiguration, known_sections
from dlt.common.configuration.specs.base_configuration import ContainerInjectableContext, is_secret_hint
from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.destination.client import DestinationClientDwhWithStagingConfiguration
from dlt.common.storages.configuration import WithLocalFiles

from bookings_sync.config.lookup import COMMITTED_SECRET, MOVE_SECRET
from bookings_sync.errors import ConfigurationError

_FIXED = {
    each.name for spec in (DestinationClientDwhWithStagingConfiguration, WithLocalFiles) for each in fields(spec)
} - {"credentials"}
"""Options of every destination. They decide where and how tables are loaded. The options of one type of destination,
such as BigQuery's location, are the user's."""

HARMLESS = frozenset(
    {
        known_env.DLT_PROJECT_DIR,
        known_env.DLT_CONFIG_FOLDER,
        known_env.DLT_LOCAL_DIR,
        known_env.DLT_DATA_DIR,
        known_env.DLT_DISABLE_PLUGINS,
        known_env.DLT_PIP_TOOL,
        known_env.DLT_USE_JSON,
        known_env.DLT_DLT_ID_LENGTH_BYTES,
        known_env.DLT_INTERVAL_START,
        known_env.DLT_INTERVAL_END,
        known_env.DLT_ALLOW_EXTERNAL_SCHEDULERS,
    }
)
"""Environment variables that dlt reads outside of its configuration, and that cannot change what is loaded: folders,
and options of features that the connector does not use."""

REFUSED = frozenset(
    {
        known_env.DLT_DEFAULT_NAMING_NAMESPACE,
        known_env.DLT_DEFAULT_NAMING_MODULE,
        known_env.DLT_JSON_TYPED_PUA_START,
        known_env.DLT_INTERVAL_TIMEZONE,
    }
)
"""Environment variables that rename tables, or change how values are stored. dlt reads them when it is imported."""


@contextmanager
def own_options() -> Iterator[None]:
    """Inside, dlt takes only the options of [destination] from the user. For this thread, and dlt's threads for it.

    Raises ConfigurationError for an environment variable in `REFUSED`.
    """
    for name in sorted(REFUSED & os.environ.keys()):
        where, fix = f"environment variable {name}", "Unset the variable for bookings-sync."
        raise ConfigurationError("changes how dlt stores tables and values", key=name, where=where, fix=fix)
    context = Container()[PluggableRunContext]
    if not isinstance(context.providers, _Providers):
        context.providers = _Providers(context.providers)
    with Container().injectable_context(_OwnPipeline()):
        yield


@configspec
class NoOptions(BaseConfiguration):
    """No options: only its caller passes arguments to the source.

    dlt would take `full: bool = False` from a variable called FULL, and `start` from one called START.
    """


@configspec
class _OwnPipeline(ContainerInjectableContext):
    """Marks the threads that work for a pipeline of the connector."""

    can_create_default: ClassVar[bool] = False
    global_affinity: ClassVar[bool] = False


class _Providers(ConfigProvidersContainer):
    """dlt's providers. Marked threads see one provider in their place."""

    def __init__(self, original: ConfigProvidersContainer) -> None:
        self._all = original.providers
        self._own: list[ConfigProvider] = [_DestinationOptions(self._all)]
        self.context_provider = original.context_provider

    @property
    def providers(self) -> list[ConfigProvider]:  # type: ignore[override]
        return self._own if _OwnPipeline in Container() else self._all


class _DestinationOptions(ConfigProvider):
    """Finds options of [destination] under their full section, in the first provider that has them, and nothing else.

    A load asks for 360 options. It finds two or three, and dlt asks each provider for each of them.
    """

    supports_secrets = True
    supports_sections = True
    name = "the options of [destination]"
    is_empty = False

    def __init__(self, providers: Sequence[ConfigProvider]) -> None:
        self._providers = providers

    def get_value(self, key: str, hint: type[Any], pipeline_name: str | None, *sections: str) -> tuple[Any, str]:
        """Raises ConfigurationError for a secret in a file that is no place for secrets, which dlt refuses too."""
        is_own = bool(sections) and sections[0] == known_sections.DESTINATION and pipeline_name is None
        if not is_own or (key in _FIXED and "credentials" not in sections):
            return None, key
        for provider in filter(lambda each: each.supports_sections, self._providers):
            value, name = provider.get_value(key, hint, None, *sections)
            if value is not None:
                if not provider.supports_secrets and is_secret_hint(hint):
                    where = f".dlt/{provider.name}" if provider.name.endswith(".toml") else provider.name
                    raise ConfigurationError(
                        COMMITTED_SECRET, key=".".join((*sections, key)), where=where, fix=MOVE_SECRET
                    )
                return value, name
        return None, key
