"""Selection: which models a run is about.

Input:  the project, and patterns as they are typed: `rpt_*`, `+rpt_bookings` (and all it needs), `fct_slots+` (and all
        that is made of it), `+fct_slots+`.
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
    """The models that any of the patterns names; all of them where there is no pattern.

    Raises ModelError for a pattern that names nothing: it is a misspelling.
    """
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
            where = f"perhaps {' or '.join(near)}?" if near else "`bookings docs` writes a page of all there are"
            raise ModelError(f"no model is called {bare}; {where}")
        chosen |= named
        if pattern.startswith("+"):
            chosen |= _reached(named, upstream)
        if pattern.endswith("+"):
            chosen |= _reached(named, downstream)
    return tuple(model for name, model in project.models.items() if name in chosen)


def needs(model: Model) -> set[str]:
    """The tables that the model reads, and those that its audits compare it with."""
    queries = (model.query, *set_audits(model).values())
    return {table.name for query in queries for table in references(query)} - {model.name}


def _reached(start: set[str], neighbours: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    new = start
    while new:
        reached |= new
        new = {each for name in new for each in neighbours[name]} - reached
    return reached
