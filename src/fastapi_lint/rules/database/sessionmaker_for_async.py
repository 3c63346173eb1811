"""FAPI505: factories of async sessions that are made with the synchronous `sessionmaker`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import importing, remove_argument, replace
from fastapi_lint.fixing.edits.calls import call_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import External, Module
from fastapi_lint.model.database import is_async_session
from fastapi_lint.rule import Check, rule

_ASYNC = "sqlalchemy.ext.asyncio.AsyncSession"


@rule("FAPI505", severity=Severity.INFO, fix=Safety.UNSAFE, since="0.2.0")
def sessionmaker_for_async(module: Module, check: Check) -> Iterator[Finding]:
    """A factory of async sessions is made with `sessionmaker(class_=AsyncSession)`.

    Why is this bad?
    It works, but its type says that it makes synchronous sessions: type checkers and editors miss a forgotten `await`.
    SQLAlchemy 2 has `async_sessionmaker`, which makes an `AsyncSession` by itself.

    Fix safety
    The fix is unsafe because code may ask for the class of the factory.

    Known limits
    Projects that allow SQLAlchemy 1 are left alone. A call without `expire_on_commit` is another rule's.

    References
    - [SQLAlchemy: async_sessionmaker](https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html#sqlalchemy.ext.asyncio.async_sessionmaker)
    """
    if not module.mentions("sessionmaker") or module.is_test:
        return
    if not check.project.versions.for_path(module.path).reaches("sqlalchemy", "2"):
        return
    for call in module.facts.calls:
        given = f.keyword(call, "class_")
        if given is None or not any(arg.name in ("expire_on_commit", "**") for arg in call.args):
            continue
        if check.project.called_name(module, call) != "sqlalchemy.orm.sessionmaker":
            continue
        cls = check.project.infer(given.value, module, call.block, call.start)
        if not is_async_session(check.project.types, check.project.types.instantiate(cls)):
            continue
        is_plain = isinstance(cls, External) and cls.name == _ASYNC
        yield check.finding(
            (call.start, call.name_end),
            "a factory of async sessions is made with the synchronous `sessionmaker`",
            why="its type says that it makes synchronous sessions",
            instead="write `async_sessionmaker`" + (", which needs no `class_`" if is_plain else ""),
            fix=partial(_fix, module, call, given, is_plain),
        )


def _fix(module: Module, call: f.Call, given: f.Arg, is_plain: bool) -> Fix | None:
    found = None if module.facts.errors else call_node(module, call)
    if found is None:
        return None
    source, node = found
    imported = importing(source, "sqlalchemy.ext.asyncio", "async_sessionmaker", at=node)
    if imported is None:
        return None
    name, imports = imported
    edits: list[Edit] = [*imports, replace(source, node.func, name)]
    if is_plain:
        edits.append(remove_argument(source, node, node.args[call.args.index(given)]))
    return Fix("Write async_sessionmaker", Safety.UNSAFE, tuple(edits))
