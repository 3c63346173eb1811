"""FAPI212: a call by hand of a function whose defaults only FastAPI can resolve."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import ClassObject, Function, FunctionObject, Instance, Module, Parameter
from fastapi_lint.model.calls import Use, decorator_effect
from fastapi_lint.model.injection import Reading, default_of
from fastapi_lint.model.names import Type
from fastapi_lint.model.types import DEPENDS
from fastapi_lint.rule import Check, rule

_KEEPING = frozenset({
    "functools.lru_cache", "functools.cache", "contextlib.contextmanager", "contextlib.asynccontextmanager",
})  # fmt: skip
_RUNNERS = frozenset({"add_task", "run_in_threadpool", "to_thread"})


@rule("FAPI212", severity=Severity.ERROR)
def depends_default_outside_injection(function: Function, check: Check) -> Iterator[Finding]:
    """A function with `Depends` or `Query` defaults is called by hand, without these arguments.

    Why is this bad?
    Only FastAPI resolves `Depends`, and only for what it calls itself. For Python `db = Depends(get_db)` is a default
    like any other: in a call by hand `db` is the `Depends` object, and `db.execute(...)` fails with AttributeError.
    So it is with `limit = Query(10)`, `Body(...)`, `Header(...)` and their kin: the call gets the marker, not the 10.

    Pass the argument; or move the body into a function without markers that both call. With
    `db: Annotated[Session, Depends(get_db)]` there is no default to fall for, and a forgotten argument is a TypeError
    at once; `limit: Annotated[int, Query()] = 10` has a default that everybody can use.

    Known limits
    Calls with `*args` or `**kwargs` are left alone, and so are tests, functions under decorators that may inject
    something themselves, parameters that this call makes nobody read (branches that it excludes, functions that are
    handed one and ask whether it is what they want), bodies that ask whether they got one, and `Query(True)`, which
    counts as true itself.

    References
    - [Dependencies](https://fastapi.tiangolo.com/tutorial/dependencies/)
    - [FastAPI reference: Depends](https://fastapi.tiangolo.com/reference/dependencies/)
    """
    candidates = [
        (index, param)
        for index, param in enumerate(function.params)
        if isinstance(param.default, (f.CallRef, f.Name)) and param.kind not in ("args", "kwargs")
    ]
    if not candidates or not _is_called(function, check):
        return
    parameters = {p.name: p for p in check.project.dependencies.parameters(function)}
    markers = {name: p for name, p in parameters.items() if p.marker and not p.in_annotation and not _does_as_well(p)}
    wanted = [(index, markers[param.name]) for index, param in candidates if param.name in markers]
    if not wanted or _injects_itself(function, check):
        return
    bare = [
        (index, parameters[param.name])
        for index, param in enumerate(function.params)
        if param.default is None and param.kind not in ("args", "kwargs") and param.name in parameters
    ]
    reading = Reading(check.project.types)
    for use in check.project.callers.uses(function):
        if use.module.is_test or use.is_unpacked or not use.is_complete:
            continue
        missing = [parameter for index, parameter in wanted if not use.passes(parameter.name, index)]
        call = _call(use, function, check) if missing else None
        if call is None:
            continue
        missing = [one for one in missing if reading.reads(function, one.name, call, use.module)]
        if missing:
            left_out = [parameter for index, parameter in bare if not use.passes(parameter.name, index)]
            first = [one for one in missing if one.marker in DEPENDS] or missing
            also = [one for one in missing if one not in first]
            yield _finding(function, use.module, call, first, left_out, also, check)


def _does_as_well(parameter: Parameter) -> bool:
    """Whether a marker stands for a True, which it counts as: a flag that is only asked for does what was meant."""
    default = default_of(parameter)
    return default is not None and isinstance(default.value, f.Const) and default.value.value is True


def _is_called(function: Function, check: Check) -> bool:
    """Whether something in the project may call a function, or hand it on: most endpoints nobody calls by hand."""
    modules = check.project.types.modules
    names = (function.cls.name if function.cls is not None else function.name, function.name)
    if function.name in ("__init__", "__call__") or any(name in modules.aliases for name in names):
        return True
    return any(name in modules.calls_by_name or name in modules.values_by_name for name in names)


def _injects_itself(function: Function, check: Check) -> bool:
    """Whether a decorator may fill in the defaults."""
    for decorator in function.facts.decorators:
        effect, name = decorator_effect(check.project.types, function, decorator)
        if effect != "same" and name not in _KEEPING:
            return True
    return False


def _call(use: Use, function: Function, check: Check) -> f.Call | None:
    """The call of a use, when it certainly calls this very function, or makes another function call it."""
    calls = use.module.facts.calls
    for index in range(bisect_left(calls, use.start, key=lambda call: call.start), len(calls)):
        call = calls[index]
        if call.start != use.start:
            return None
        if _is(check.project.callee(use.module, call), function, check):
            return call
        last = f.last_name(call.func)
        if last in _RUNNERS and call.args:
            given = check.project.infer(call.args[0].value, use.module, call.block, call.start)
            if _is(given, function, check):
                return call
    return None


def _is(value: Type, function: Function, check: Check) -> bool:
    match value:
        case FunctionObject(function=other):
            return other is function
        case ClassObject(cls=cls) if function.name == "__init__":
            found = check.project.types.member(cls, "__init__", Instance(cls))
            return isinstance(found, FunctionObject) and found.function is function
        case Instance(cls=cls) if function.name == "__call__" and not isinstance(cls, str):
            found = check.project.types.member(cls, "__call__", value)
            return isinstance(found, FunctionObject) and found.function is function
    return False


def _finding(
    function: Function,
    module: Module,
    call: f.Call,
    missing: list[Parameter],
    bare: list[Parameter],
    also: list[Parameter],
    check: Check,
) -> Finding:
    """`missing` are left to `Depends`, or all to other markers, else `also` are; `bare` have no default at all."""
    kinds = list(dict.fromkeys(one.marker.rsplit(".", 1)[-1] for one in missing))
    called = module.source.slice(call.start, call.name_end)
    if len(called) > 60 or "\n" in called:
        called = function.name
    shown = " and ".join(f"`{kind}`" for kind in kinds)
    are = f"are {shown} objects" if len(missing) > 1 else f"is the {shown} object"
    why = f"only FastAPI resolves {shown}: here {_listed(missing)} {are}"
    if also:
        why = f"{why}, and {_listed(also)} {'are other markers' if len(also) > 1 else 'is another marker'}"
    if bare:
        why = f"the call fails without {_listed(bare)}, and {why}"
    if (strange := _strange(function, call)) and f.last_name(call.func) not in _RUNNERS:
        why = f"it takes no {' and no '.join(f'`{name}`' for name in strange[:3])}: the call raises TypeError"
    target = function.cls.name if function.cls is not None and function.name == "__init__" else function.name
    instead = f"pass {_listed([*bare, *missing, *also])}, or call a function without {shown}"
    return check.finding(
        (call.start, call.name_end),
        f"`{called}(...)` leaves out {_listed([*bare, *missing, *also])} of `{target}`",
        why=why,
        instead=instead,
        module=module,
        related=[
            check.related(parameter, f"the default of `{parameter.name}`", module=function.module)
            for parameter in (*missing, *also)
        ],
    )


def _strange(function: Function, call: f.Call) -> list[str]:
    """The keywords of a call that the function does not take."""
    names = {param.name for param in function.params}
    if any(param.kind == "kwargs" for param in function.params):
        return []
    return [arg.name for arg in call.args if arg.name and arg.name not in names]


def _listed(parameters: list[Parameter]) -> str:
    names = [f"`{parameter.name}`" for parameter in parameters]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
