"""`user_folder`: keys in .dlt/secrets.toml, the address in .dlt/config.toml, and a sandbox at that address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from bookings_sync.sandbox import SandboxServer, WorldSpec, generate
from support.user_folder import UserFolder


@pytest.fixture(scope="module")
def user_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UserFolder]:
    path = tmp_path_factory.mktemp("user")
    world = generate(WorldSpec(now=datetime.now(UTC), locations=2, services_per_location=2, appointments=400))
    (path / ".dlt").mkdir()
    keys = [f'[sources.bookings.locations.{each.name}]\napi_key = "{each.key}"\n' for each in world.locations]
    (path / ".dlt/secrets.toml").write_text("\n".join(keys))
    with SandboxServer(world) as server:
        (path / ".dlt/config.toml").write_text(f'[sources.bookings]\nbase_url = "{server.base_url}"\n')
        yield UserFolder(path)
