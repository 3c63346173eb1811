"""Which functions may leave what they write to others, who do not commit it either. Judges nothing.

By names alone, so that it is cheap: who is not among them need not be looked into. A function that writes and commits
is not among them, nor is one of which all callers commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.database.writing.transactions import WRITING
from fastapi_lint.model.names.symbols import Function, Module
from fastapi_lint.tracking.queries import gathered, query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_KEEP_THE_NAME = frozenset({
    "staticmethod", "classmethod", "contextmanager", "asynccontextmanager", "abstractmethod", "override", "final",
})  # fmt: skip
"""Decorators that are no calls, behind which a method is still called by its name."""
_INJECTING = frozenset({"Depends", "Security"})


def may_leave_open(project: Project, function: Function) -> bool:
    """Whether a function, or what it calls, may write without anybody on the way from there to it committing."""
    found = _leaving(project)
    return found is None or function in found


@gathered
def _writing(project: Project, module: Module) -> Iterator[Function]:
    """The functions of a module that write, and do not commit."""
    transactions = project.transactions
    for number in module.calls_named_in(WRITING) if not module.is_test else ():
        if number >= 0 and not transactions.may_commit(module.functions[number]):
            if transactions.writes(module.functions[number]):
                yield module.functions[number]


@query
def _leaving(project: Project) -> frozenset[Function] | None:
    """The functions that write without committing, and their callers as long as these do not commit; None when one of
    them may be called by another name than its own."""
    found = dict.fromkeys(_writing(project))
    queue, names = list(found), set[str]()
    for function in queue:
        if (parent := function.parent) is not None:
            callers = [parent]
        elif not _is_called_by_name(function):
            return None
        else:
            callers = []
        new = {function.name, *project.modules.aliases.get(function.name, ())} - names - {"<lambda>"}
        names |= new
        for name in new:
            users = _users(project, function, name)
            if users is None:
                return None
            callers += users
        for caller in callers:
            if caller not in found and not caller.module.is_test and not project.transactions.may_commit(caller):
                found[caller] = None
                queue.append(caller)
    return frozenset(found)


def _is_called_by_name(function: Function) -> bool:
    if function.name.startswith("__") or function.name == "<lambda>":
        return False
    if function.facts.cls < 0:
        return True
    plain = (each for each in function.facts.decorators if not isinstance(each, f.CallRef))  # a property, who knows
    return all(f.last_name(each) in _KEEP_THE_NAME for each in plain)


def _users(project: Project, function: Function, name: str) -> list[Function] | None:
    """The functions that call something of a name, or give it to what they call; None when it is kept by another.

    What is defined in a function is known by name in its own module alone."""
    modules, home = project.modules, function.module if function.parent is not None else None
    found: list[Function | None] = []
    for module, index in modules.calls_by_name.get(name, ()):
        if home in (None, module):
            found.append(module.enclosing(module.facts.calls[index].block))
    for module, kind, index in modules.values_by_name.get(name, ()):
        if module.is_test or home not in (None, module):
            continue
        if kind != "call":
            return None
        call = module.facts.calls[index]
        user = module.enclosing(call.block)
        if user is None and f.last_name(call.func) not in _INJECTING:
            return None
        found.append(user)
    return [each for each in found if each is not None]
