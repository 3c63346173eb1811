"""FAPI617: apps that show their insides to whoever makes them fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Finding, Fix, Safety
from fastapi_lint.fixing.edits import remove_argument
from fastapi_lint.fixing.edits.calls import argument_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.calls import Given, given, runs_by_configuration, switch
from fastapi_lint.model.types import Where
from fastapi_lint.model.values import Unfolded
from fastapi_lint.rule import Check, rule

_APP = "fastapi.FastAPI"
_GUARD = re.compile(rb"if[ \t(]{1,20}__name__")


@rule("FAPI617", fix=Safety.UNSAFE, words={"debug"})
def debug_enabled(module: Module, check: Check) -> Iterator[Finding]:
    """An app is made with `debug=True`.

    Why is this bad?
    With `debug` on, an unhandled error answers with its traceback: paths, versions, pieces of the source and of what
    was sent. That helps at a desk, and helps whoever looks for a way in, too; a client of the API gets a page of HTML
    where it expects JSON.

    Let settings switch it on: `FastAPI(debug=settings.debug)`.

    Fix safety
    The fix takes the argument away. It is unsafe because the answers to unhandled errors change.

    Known limits
    Values of settings and of the environment are left alone, and so are tests and code below `__main__`.

    References
    - [FastAPI](https://fastapi.tiangolo.com/reference/fastapi/)
    - [Starlette: debug](https://www.starlette.dev/applications/)
    """
    if module.is_test:
        return
    values, types = check.project.values, check.project.types
    for index, call in enumerate(module.facts.calls):
        if not any(arg.name in ("debug", "**") for arg in call.args):
            continue
        value = given(values, module, call, "debug")
        if value is None or not types.is_instance(types.call_type(module, index), _APP):
            continue
        if _is_on(value.value, value.where, check) and not _is_spared(module, call.block, check):
            yield _finding(value.arg, check, partial(_fix, module, call, value))
    for assign in module.facts.assigns:
        if isinstance(assign.target, f.Attr) and assign.target.attr == "debug" and assign.value is not None:
            where = (module, assign.block, assign.start)
            is_app = types.is_instance(check.project.infer(assign.target.value, *where), _APP)
            if is_app and _is_on(assign.value, where, check) and not _is_spared(module, assign.block, check):
                yield _finding((assign.start, assign.end), check, None)


def _finding(at: f.Arg | tuple[int, int], check: Check, fix: partial[Fix | None] | None) -> Finding:
    return check.finding(
        at,
        "`debug` is on wherever this app runs",
        why="an unhandled error answers with its traceback and pieces of the source",
        instead="let settings switch it on, or leave it out",
        fix=fix,
    )


def _is_on(value: f.Expr, where: Where, check: Check) -> bool:
    try:
        return switch(check.project.values, value, where) is True
    except Unfolded:
        return False


def _is_spared(module: Module, block: int, check: Check) -> bool:
    """Whether a place runs below `__main__`, or where configuration says so."""
    if runs_by_configuration(check.project.values, module, block):
        return True
    blocks = module.facts.blocks
    while block >= 0:
        if blocks[block].kind == "if" and _GUARD.match(module.text, blocks[block].start):
            return True
        block = blocks[block].parent
    return False


def _fix(module: Module, call: f.Call, value: Given) -> Fix | None:
    if value.arg.name != "debug":
        return None
    found = argument_node(module, call, value.arg)
    if found is None:
        return None
    return Fix("Leave `debug` out", Safety.UNSAFE, (remove_argument(*found),))
