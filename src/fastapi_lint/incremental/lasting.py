"""The states of the files of a project that lasts, and what is remembered of it from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from fastapi_lint.files.source import Source
from fastapi_lint.incremental.holding import is_about
from fastapi_lint.index import facts as f
from fastapi_lint.model.names import Module
from fastapi_lint.model.project import Project
from fastapi_lint.tracking import memory

_MOST_GONE = 20
"""States of modules that are no more, before what is known about them is looked for and forgotten."""


class States:
    """The modules as they are and as they were when all was checked; `before` are these, as far as they are known."""

    def __init__(self) -> None:
        self.before: dict[str, Module] = {}
        self._now: dict[str, Module] = {}
        self._gone: set[Module] = set()
        self._is_settled = False

    def modules(self, sources: Mapping[str, Source], facts: Callable[[Source], f.Facts]) -> Collection[Module]:
        """The modules of sources: those of files that have not changed are kept, with all they know.

        An edit that is taken back brings back the module of the last check: what is remembered is about that.
        """
        found = {}
        for path, source in sources.items():
            states = (state for state in (self._now.get(path), self.before.get(path)) if state is not None)
            same = (state for state in states if state.source is source or state.source.data == source.data)
            found[path] = next(same, None) or Module(source, lambda source=source: facts(source))  # type: ignore[misc]
        self._now = found
        return found.values()

    def begin(self, make: Callable[[], Project]) -> Project:
        """A project that is made anew: nothing is remembered."""
        self._is_settled = False
        self._gone.clear()
        return memory.forget(make)

    def turn(self, project: Project, modules: Collection[Module]) -> bool:
        """Have a project be about other states of its modules, and remember what it knows.

        False when it has others than these, or something is remembered of another project, or others of them are called
        like tests and are none: on that nothing depends that is remembered.
        """
        by_path = project.modules.by_path
        if not memory.is_of(project) or {module.path for module in modules} != by_path.keys():
            return False
        served_tests = project.served_tests
        project.turn([each for each in modules if by_path[each.path] is not each], is_settled=self._is_settled)
        self._is_settled = False
        return project.served_tests == served_tests

    def settle(self, project: Project) -> None:
        """The state that a project is in was checked: the next one is compared with that."""
        if not memory.is_of(project):
            self.before = {}
            return
        now = dict(project.modules.by_path)
        self._gone.update(each for path, each in self.before.items() if now.get(path) is not each)
        gone = frozenset(self._gone) if len(self._gone) >= _MOST_GONE else frozenset()
        memory.settle((lambda key: is_about(key, gone)) if gone else None)
        self._gone -= gone
        self.before, self._is_settled = now, True
