"""FAPI345: templates that are rendered without the request in front."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits.calls import value_text
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Instance, Module
from fastapi_lint.model.names import Type
from fastapi_lint.rule import Check, rule

_TEMPLATES = ("fastapi.templating.Jinja2Templates", "starlette.templating.Jinja2Templates")


@rule("FAPI345", severity=Severity.ERROR, fix=Safety.SAFE, since="0.2.0")
def old_template_response(module: Module, check: Check) -> Iterator[Finding]:
    """`TemplateResponse` gets the name of the template first.

    Why is this bad?
    Since Starlette 0.29 the request comes first, and the old order is deprecated; since 1.0 it is a `TypeError`, so
    that the page answers 500.

    Known limits
    Where the project allows a Starlette older than 0.29, nothing is reported. The fix is offered where the context is
    written out and holds the request.

    References
    - [Templates](https://fastapi.tiangolo.com/advanced/templates/)
    - [Starlette release notes: 0.29](https://www.starlette.io/release-notes/#0290-july-13-2023)
    """
    if not module.mentions("TemplateResponse"):
        return
    versions = check.project.versions.for_path(module.path)
    if not versions.reaches("starlette", "0.29"):
        return
    gone = versions.reaches("starlette", "1.0")
    for call in module.facts.calls:
        if not isinstance(call.func, f.Attr) or call.func.attr != "TemplateResponse":
            continue
        owner = check.project.infer(call.func.value, module, call.block, call.start)
        if not check.project.types.is_instance(owner, *_TEMPLATES) or not _is_old(module, call, check):
            continue
        if _has_own(owner, check) or _is_other_way(module, call, check):
            continue
        yield check.finding(
            call,
            "`TemplateResponse` gets no request as its first argument",
            why="it is a `TypeError` since Starlette 1.0" if gone else "it is deprecated, and fails with Starlette 1.0",
            instead="write `TemplateResponse(request, name, context)`",
            severity=None if gone else Severity.WARNING,
            fix=partial(_fix, module, call),
        )


def _has_own(owner: Type, check: Check) -> bool:
    """Whether the project's own class of templates says what its `TemplateResponse` takes."""
    cls = owner.cls if isinstance(owner, Instance) else None
    lineage = check.project.types.mro(cls) if isinstance(cls, Class) else ()
    return any(
        isinstance(base, Class) and ("TemplateResponse" in base.methods or "TemplateResponse" in base.assigns)
        for base in lineage
    )


def _is_other_way(module: Module, call: f.Call, check: Check) -> bool:
    """Whether a function renders the same template in both ways: it has looked which of them the version takes."""
    function = module.enclosing(call.block)
    given = {arg.value for arg in call.args}
    return function is not None and any(
        each.func == call.func and not _is_old(module, each, check) and given <= {arg.value for arg in each.args}
        for each in function.calls
        if each is not call
    )


def _is_old(module: Module, call: f.Call, check: Check) -> bool:
    """Whether a call is known to give a name first, or no request at all."""
    names = {arg.name for arg in call.args}
    if not names.isdisjoint({"*", "**", "request"}):
        return False
    first = next((arg for arg in call.args if arg.name == ""), None)
    if first is None:
        return "name" in names
    if isinstance(first.value, (f.Const, f.Joined)):
        return isinstance(first.value, f.Joined) or isinstance(first.value.value, str)
    found = check.project.infer(first.value, module, call.block, call.start)
    return isinstance(found, Instance) and found.cls == "str"


def _fix(module: Module, call: f.Call) -> Fix | None:
    """The request out of the context to the front, where both are written out."""
    context = f.keyword(call, "context") or next((arg for arg in call.args[1:2] if arg.name == ""), None)
    if context is None or not isinstance(context.value, f.Mapping) or module.facts.errors:
        return None
    text = value_text(module, context)
    for key, value in context.value.items:
        if key == f.Const("request") and isinstance(value, f.Name):
            rest = _without(text, value.id)
            if rest is None:
                return None
            source = module.source
            first = min(arg.start for arg in call.args)
            start = context.end - len(text.encode())
            edits = [Edit(source.span(first, first), f"{value.id}, ")]
            if all(arg.name for arg in call.args):
                edits = [Edit(source.span(first, first), f"request={value.id}, ")]
            edits.append(Edit(source.span(start, context.end), rest))
            return Fix("Give the request first", Safety.SAFE, tuple(edits))
    return None


def _without(text: str, name: str) -> str | None:
    """A dict display without its entry for the request, and without one of the commas beside it."""
    for entry in (f'"request": {name}', f"'request': {name}"):
        if text.count(entry) != 1:
            continue
        before, _, after = text.partition(entry)
        rest = after.lstrip()
        if rest.startswith(","):
            return before + rest[1:].lstrip()
        if rest == "}" and before.rstrip().endswith((",", "{")):
            return before.rstrip().removesuffix(",") + after
    return None
