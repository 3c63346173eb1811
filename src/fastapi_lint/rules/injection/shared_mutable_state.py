"""FAPI216: request code keeps its state in variables of modules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.model import Function, Module
from fastapi_lint.model.application import is_served, role_of
from fastapi_lint.model.application.variables import (
    Change,
    changes_of,
    is_kept_for_a_process,
    is_spared,
    is_told_by_signals,
)
from fastapi_lint.model.calls import root_of
from fastapi_lint.rule import Check, rule

_FOR_ONE_PROCESS = re.compile(r"cache|memo|registr|pool|lock|metric", re.IGNORECASE)
"""What its name says that is meant for one process; the catalogue of rules wants these left alone."""
_SENT = frozenset({"", "fastapi.Body", "fastapi.Query", "fastapi.Path", "fastapi.Form"})
_SENDABLE = ("str", "int", "float", "bool", "dict", "list", "pydantic.BaseModel")


@rule("FAPI216", preset="strict")
def shared_mutable_state(function: Function, check: Check) -> Iterator[Finding]:
    """Code that runs for requests binds or fills a variable of a module.

    Why is this bad?
    Each worker process has variables of its own: with two workers a client writes in one and reads in the other, and a
    restart or a new release forgets everything. In one process requests run at the same time, in threads and between
    two `await`s, and change the variable under each other. State belongs into a database or a cache server, and what
    is made once into the lifespan.

    Known limits
    Only functions that requests are seen to reach are looked at, and of the containers the plain ones: dicts, lists,
    sets, deques, counters. Left alone are values that are made when they are first asked for, memos (`if key not in
    found`), changes below a lock, what nobody can keep elsewhere (connections, tasks, locks, functions), and variables
    whose name says that they are a cache, a registry, a pool, a lock or metrics, unless they are given what a client
    has sent as it is.

    References
    - [FastAPI: server workers](https://fastapi.tiangolo.com/deployment/server-workers/)
    """
    if not is_served(check.project, function.module) or is_told_by_signals(function, check.project):
        return
    found: dict[tuple[Module, str], list[Change]] = {}
    for change in changes_of(function, check.project):
        found.setdefault((change.owner, change.name), []).append(change)
    is_asked = False
    for (owner, name), every in found.items():
        left = [each for each in every if not is_spared(each, function, check.project)]
        if not left or (_FOR_ONE_PROCESS.search(name) and not any(_is_sent(each, function, check) for each in left)):
            continue
        if is_kept_for_a_process(left[0], check.project):
            continue
        if not is_asked and role_of(check.project, function) is None:
            return
        is_asked = True
        first = min(left, key=lambda each: each.start)
        where = "its module" if owner is function.module else f"`{owner.name}`"
        yield check.finding(
            (first.start, first.end),
            f"`{function.name}` {'binds' if first.how == 'bound' else 'changes'} `{name}`, a variable of {where}",
            why="each worker process has its own, and requests that overlap change it under each other",
            instead="keep it in a database or a cache server",
        )


def _is_sent(change: Change, function: Function, check: Check) -> bool:
    """Whether what a client has sent is put in as it is: nobody can make it again, and a cache it is not."""
    name = root_of(change.value) if change.value is not None else ""
    if not name or function not in check.project.routes.by_handler:
        return False
    sent = (each for each in check.project.dependencies.parameters(function) if each.name == name)
    return not function.rebinds(name) and any(
        each.marker in _SENT and check.project.types.is_instance(each.type, *_SENDABLE) for each in sent
    )
