"""Selection: chooses the models of a run by name patterns.

Input:  the project, and patterns: `rpt_*`, `+rpt_bookings` (and everything upstream), `fct_slots+` (and everything
        downstream), `+fct_slots+`.
Output: models, in build order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase

from bookings_sync.models.audits import set_audits
from bookings_sync.models.errors import ModelError
from bookings_sync.models.project import Model, Project, references


def select(project: Project, patterns: Iterable[str]) -> tuple[Model, ...]:
    """The models that match any pattern; all models without a pattern. Raises ModelError if a pattern matches none."""
    wanted = list(patterns)
    if not wanted:
        return tuple(project.models.values())
    upstream = {name: needs(model) & project.models.keys() for name, model in project.models.items()}
    downstream = {name: {each for each, read in upstream.items() if name in read} for name in upstream}
    chosen: set[str] = set()
    for pattern in wanted:
        bare = pattern.removeprefix("+").removesuffix("+")
        named = {name for name in project.models if fnmatchcase(name, bare)}
        if not named:
            near = get_close_matches(bare, project.models, cutoff=0.5)
            hint = f"Did you mean {' or '.join(near)}?" if near else "`bookings docs` writes a page of all models."
            raise ModelError(f"no model is called {bare}. {hint}")
        chosen |= named
        if pattern.startswith("+"):
            chosen |= _reached(named, upstream)
        if pattern.endswith("+"):
            chosen |= _reached(named, downstream)
    return tuple(model for name, model in project.models.items() if name in chosen)


def needs(model: Model) -> set[str]:
    """The tables that the model or its audits read."""
    queries = (model.query, *set_audits(model).values())
    return {table.name for query in queries for table in references(query)} - {model.name}


def _reached(start: set[str], neighbours: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    new = start
    while new:
        reached |= new
        new = {each for name in new for each in neighbours[name]} - reached
    return reached
