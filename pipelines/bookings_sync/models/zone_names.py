"""Zone names: the canonical names of time zones.

Input:  the IANA data of the package tzdata.
Output: `aliases`. Pure.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def aliases() -> dict[str, str]:
    """The canonical name of each outdated zone name: US/Central is America/Chicago. Names of a country's own zone, such
    as Europe/Stockholm, are canonical, although their clocks show the same as others."""
    data = files("tzdata.zoneinfo")
    lines = data.joinpath("tzdata.zi").read_text(encoding="utf-8").splitlines()
    links = {alias: target for _, target, alias in (line.split() for line in lines if line.startswith("L "))}
    tabbed = data.joinpath("zone.tab").read_text(encoding="utf-8").splitlines()
    own = {line.split("\t")[2] for line in tabbed if line and not line.startswith("#")}
    return {alias: target for alias, target in links.items() if alias not in own}
