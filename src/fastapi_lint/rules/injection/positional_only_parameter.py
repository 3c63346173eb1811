"""FAPI230: parameters that FastAPI cannot pass, because they take no keyword."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.model import Function
from fastapi_lint.rule import Check, rule

_BARE = frozenset({"staticmethod", "classmethod"})


@rule("FAPI230", severity=Severity.ERROR, fix=Safety.UNSAFE, since="0.2.0")
def positional_only_parameter(function: Function, check: Check) -> Iterator[Finding]:
    """An endpoint or dependency has a parameter in front of `/`.

    Why is this bad?
    FastAPI passes every argument by keyword. A parameter in front of `/` takes none, so that every request fails with a
    500.

    Fix safety
    The `/` is taken out. The fix is unsafe because callers may then pass these arguments by keyword, which is the
    purpose.

    Known limits
    Functions below another decorator are left alone: it may call them itself.

    References
    - [Python: special parameters](https://docs.python.org/3/tutorial/controlflow.html#positional-only-parameters)
    """
    names = [param.name for param in function.params if param.kind == "positional-only"]
    if function.cls is not None and names[:1] in (["self"], ["cls"]):
        names = names[1:]
    if not names or function.name == "<lambda>":
        return
    what = _injected(function, check)
    if what is None:
        return
    shown = ", ".join(f"`{name}`" for name in names)
    yield check.finding(
        function,
        f"{shown} of {what} `{function.name}` can be passed by position only",
        why="FastAPI passes every argument by keyword, so that every request fails with a 500",
        instead="take out the `/`",
        fix=partial(_fix, function),
    )


def _injected(function: Function, check: Check) -> str | None:
    """What FastAPI calls a function as; None where it does not, or where a decorator may stand between."""
    project = check.project
    if project.routes.by_handler.get(function):
        return "endpoint" if len(function.facts.decorators) <= 1 else None
    if not _BARE.issuperset(check.project.types.decorators(function)):
        return None
    if project.dependencies.injected.get(function) and not project.dependencies.wrapped.get(function):
        return "dependency"
    return None


def _fix(function: Function) -> Fix | None:
    """Delete from behind the last of these parameters to behind the slash."""
    if any(param.kind == "kwargs" for param in function.params):
        return None  # these may hold an argument of the same name
    last = max(param.end for param in function.params if param.kind == "positional-only")
    text = function.module.text[last : function.facts.head_end]
    before, slash, _ = text.partition(b"/")
    if not slash or before.strip() != b"," or function.module.facts.errors:
        return None
    place = function.module.source.span(last, last + len(before) + 1)
    return Fix("Take out the `/`", Safety.UNSAFE, (Edit(place, ""),))
