"""FAPI408: validators in the form of Pydantic 1."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import extent, importing, insert_after, line_start, newline_at, remove_argument, replace
from fastapi_lint.fixing.edits.calls import function_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.data import is_for_a_release
from fastapi_lint.model.names import is_conditional_import
from fastapi_lint.rule import Check, rule

_NEW = {"validator": "field_validator", "root_validator": "model_validator"}
_OLD = {f"{module}.{name}": name for name in _NEW for module in ("pydantic", "pydantic.class_validators")}
_OLD |= {f"pydantic.deprecated.class_validators.{name}": name for name in _NEW}


@rule("FAPI408", fix=Safety.UNSAFE, since="0.2.0")
def pydantic_v1_validator(module: Module, check: Check) -> Iterator[Finding]:
    """A validator is declared with `validator` or `root_validator` in a project on Pydantic 2.

    Why is this bad?
    Both are deprecated since Pydantic 2.0 and go with version 3. `@root_validator` without `skip_on_failure=True` or
    `pre=True` does not even import: it raises `PydanticUserError`.

    Fix safety
    `@validator("name")` becomes `@field_validator("name")`, with `mode="before"` for `pre=True`, and
    `@root_validator(pre=True)` becomes `@model_validator(mode="before")`, each above `@classmethod`. The fix is unsafe
    because a field validator sees a default only when that is validated. There is none for `always`, `each_item`, for
    validators that take `values`, `field` or `config`, and for root validators that run after the fields.

    Known limits
    Imports from `pydantic.v1`, and imports that depend on the version (in `try` or below an `if`), are left alone. So
    are projects that allow Pydantic 1.

    References
    - [Pydantic: migration guide, changes to validators](https://docs.pydantic.dev/latest/migration/#changes-to-validators)
    """
    if not module.mentions("validator") or not check.project.versions.for_path(module.path).reaches("pydantic", "2"):
        return
    for function in module.functions:
        if function.cls is None:
            continue
        for decorator in function.facts.decorators:
            call = module.facts.calls[decorator.index] if isinstance(decorator, f.CallRef) else None
            shown = decorator if call is None else call.func
            old = _OLD.get(check.project.name(shown, module, function.facts.outer, function.facts.first) or "")
            if old is None or is_conditional_import(module, shown):
                continue
            if is_for_a_release(check.project.values, module, function.facts.outer, "pydantic"):
                continue
            fails = old == "root_validator" and not _is_declared_fit(call)
            yield check.finding(
                function,
                f"`{function.name}` is a Pydantic 1 `{old}`",
                why="with Pydantic 2 it raises `PydanticUserError` at import" if fails else "it is deprecated and goes",
                instead=f"use `@{_NEW[old]}`{_mode(old, call)}",
                severity=Severity.ERROR if fails else None,
                fix=partial(_fix, function, old, call) if call is not None and not fails else None,
            )


def _is_declared_fit(call: f.Call | None) -> bool:
    """Whether a root validator says one of the two things without which Pydantic 2 refuses it."""
    if call is None:
        return False
    return any(arg.name in ("pre", "skip_on_failure", "**") and arg.value != f.Const(False) for arg in call.args)


def _mode(old: str, call: f.Call | None) -> str:
    before = call is not None and any(arg.name == "pre" and arg.value == f.Const(True) for arg in call.args)
    if old == "root_validator":
        return ' with `mode="before"`' if before else ' with `mode="after"`, which gets the instance'
    return ' with `mode="before"`' if before else ""


def _fix(function: Function, old: str, call: f.Call) -> Fix | None:
    """The new decorator above `classmethod`, where the function needs no other change."""
    if len(function.params) != 2 or any(param.kind in ("args", "kwargs") for param in function.params):
        return None
    if any(
        arg.name not in ("", "pre", "allow_reuse") or (arg.name and arg.value != f.Const(True)) for arg in call.args
    ):
        return None
    before = f.keyword(call, "pre") is not None
    if old == "root_validator" and not before:
        return None
    found = function_node(function)
    if found is None:
        return None
    source, node = found
    given = importing(source, "pydantic", _NEW[old], at=node)
    span = source.span(call.start, call.end)
    own = next((each for each in node.decorators if source.span_of(each.decorator) == span), None)
    if given is None or own is None or not isinstance(own.decorator, cst.Call):
        return None
    name, imports = given
    edits: list[Edit] = [*imports, replace(source, own.decorator.func, name)]
    for node_arg, arg in zip(own.decorator.args, call.args, strict=True):
        if arg.name == "pre":
            edits.append(replace(source, node_arg, 'mode="before"'))
        elif arg.name:
            edits.append(remove_argument(source, own.decorator, node_arg))
    if not any(source.code_of(each.decorator) == "classmethod" for each in node.decorators):
        start = extent(source, own)[0]
        indent = source.text[line_start(source, start) : start]
        edits.append(insert_after(source, own.decorator, f"{newline_at(source, start)}{indent}@classmethod"))
    return Fix(f"Use `{_NEW[old]}`", Safety.UNSAFE, tuple(edits))
