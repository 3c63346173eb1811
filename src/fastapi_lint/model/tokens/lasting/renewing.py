"""Whether tokens whose time is up are what a function is for: it makes new ones of them. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy import tokens
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.steps import Step
from fastapi_lint.model.calls.trails import Memo
from fastapi_lint.model.names.symbols import External, Function

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_FOR_EXPIRED = ("expired", "refresh", "renew", "logout", "revoke")
"""Parts of the names of calls that nobody knows, and that are for such tokens if the names are right."""


def expects_expired(function: Function, project: Project) -> bool:
    """Whether an endpoint, or each endpoint that a dependency is for, signs a token, or calls what is not known and
    renews or revokes tokens by its name."""
    return _renews(function, project) or (
        function not in project.routes.by_handler
        and bool(behind := list(_endpoints(function, project)))
        and all(_renews(each, project) for each in behind)
    )


def _endpoints(dependency: Function, project: Project) -> Iterator[Function]:
    """The endpoints whose signatures ask for what a dependency gives."""
    for handler in project.routes.by_handler:
        for depends in project.dependencies.of_function(handler):
            if any(each.function is dependency for each in (depends, *project.dependencies.closure(depends))):
                yield handler
                break


def _renews(function: Function, project: Project) -> bool:
    memo: Memo[str] = Memo()

    def own(each: Function) -> tuple[Step, str] | None:
        for call in each.calls:
            last, callee = f.last_name(call.func), project.callee(each.module, call)
            signs = tokens.encoder(project.types.name_of_type(callee) or "") is not None
            if signs or (isinstance(callee, External | None) and any(word in last.lower() for word in _FOR_EXPIRED)):
                return Step(each.module, call.start, call.name_end, None, call, last), last
        return None

    return project.effects.search(function, lambda each, _: own(each), memo, through_await=True) is not None
