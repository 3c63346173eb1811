"""FAPI342: HTTPException that is given its text where the status belongs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits.calls import value_text
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, External, Instance, Module, Project, Type
from fastapi_lint.rule import Check, rule
from fastapi_lint.tracking.queries import query

_EXCEPTIONS = frozenset({"fastapi.HTTPException", "starlette.exceptions.HTTPException"})


@rule("FAPI342", severity=Severity.ERROR, fix=Safety.UNSAFE, since="0.2.0")
def misordered_http_exception(module: Module, check: Check) -> Iterator[Finding]:
    """An `HTTPException` is given a text as its status.

    Why is this bad?
    The first argument is the status, the second the detail. `HTTPException("not found")` does not answer 404 but 500,
    because no text is a status.

    Fix safety
    The two arguments change places where both are there. The fix is unsafe because the answer changes, which is the
    repair of a bug.

    Known limits
    Subclasses with an `__init__` of their own take what they say.

    References
    - [FastAPI: HTTPException](https://fastapi.tiangolo.com/reference/exceptions/#fastapi.HTTPException)
    """
    names = _names(check.project)
    assigned = [one for one in module.facts.assigns if type(one.value) is f.Name and one.value.id in names]
    for call in module.calls_named(names.union(f.last_name(one.target) for one in assigned)):
        given = _status(call)
        if (
            given is None
            or type(given.value) is f.Unknown
            or (type(given.value) is f.Const and type(given.value.value) is not str)
            or not _is_exception(check.project.callee(module, call), check)
            or not _is_text(given, module, call, check)
        ):
            continue
        name, shown = f.last_name(call.func), value_text(module, given)
        second = call.args[1] if len(call.args) == 2 and not given.name else None
        yield check.finding(
            given,
            f"`{name}` gets the text `{_short(shown)}` as its status",
            why="the client gets a 500 without a detail",
            instead=_instead(name, module, second),
            fix=partial(_fix, module, given, second)
            if second is not None and not _is_text(second, module, call, check)
            else None,
        )


@query
def _names(project: Project) -> frozenset[str]:
    """What HTTPException and the classes below are called where they are made or imported."""
    modules, found = project.modules, ["HTTPException"]
    for name in found:  # grows while it runs
        others = (*(cls.name for cls in modules.classes_by_base.get(name, ())), *modules.aliases.get(name, ()))
        found += [each for each in dict.fromkeys(others) if each not in found]
    return frozenset(found)


def _status(call: f.Call) -> f.Arg | None:
    if (given := f.keyword(call, "status_code")) is not None:
        return given
    return call.args[0] if call.args and call.args[0].name == "" else None


def _is_exception(called: Type, check: Check) -> bool:
    """Whether a call makes an HTTPException, or a subclass that takes the same arguments."""
    match called:
        case External(name=name):
            return name in _EXCEPTIONS
        case ClassObject(cls=cls):
            order = check.project.types.mro(cls)
            owned = any(isinstance(base, Class) and "__init__" in base.methods for base in order)
            return not owned and not _EXCEPTIONS.isdisjoint(base for base in order if isinstance(base, str))
    return False


def _is_text(given: f.Arg, module: Module, call: f.Call, check: Check) -> bool:
    match given.value:
        case f.Const(value=str()) | f.Joined():
            return True
        case f.Const() | f.Unknown():
            return False
    found = check.project.infer(given.value, module, call.block, call.start)
    return isinstance(found, Instance) and found.cls == "str"


def _short(text: str) -> str:
    return text if len(text) <= 40 and "\n" not in text else text.split("\n")[0][:37] + "..."


def _instead(name: str, module: Module, second: f.Arg | None) -> str:
    status = value_text(module, second) if second is not None and len(value_text(module, second)) < 40 else "404"
    return f"write `{name}({status}, ...)`, status first"


def _fix(module: Module, first: f.Arg, second: f.Arg) -> Fix | None:
    if module.facts.errors or first.name or second.name not in ("", "detail"):
        return None
    if second.name == "detail":
        return None  # what is given as the detail is one
    source = module.source
    texts = value_text(module, first), value_text(module, second)
    edits = (
        Edit(source.span(first.start, first.end), texts[1]),
        Edit(source.span(second.start, second.end), texts[0]),
    )
    return Fix("Give the status first", Safety.UNSAFE, edits)
