"""FAPI222: scopes that an endpoint demands and nobody checks."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, Depends, External, Function, FunctionObject, Instance, Module, Type
from fastapi_lint.model.names import evaluated, walk
from fastapi_lint.rule import Check, rule

_SCOPES = ("fastapi.security.SecurityScopes",)


@rule("FAPI222", severity=Severity.ERROR, since="0.2.0")
def unchecked_scope(module: Module, check: Check) -> Iterator[Finding]:
    """`Security(...)` demands scopes, and nothing behind it takes `SecurityScopes`.

    Why is this bad?
    FastAPI only collects the scopes and documents them. Whoever is to check them has to ask for them with a parameter
    of type `SecurityScopes`. When nobody does, the endpoint is open to every token, and its documentation says
    otherwise.

    Known limits
    Dependencies that cannot be followed to their end are left alone, and so are those that take the request: they may
    read the scopes from the route. So are scopes that the handler itself passes on or compares.

    References
    - [OAuth2 scopes](https://fastapi.tiangolo.com/advanced/security/oauth2-scopes/)
    """
    if not module.mentions("Security"):
        return
    for index, call in enumerate(module.facts.calls):
        scopes = f.keyword(call, "scopes") or next((arg for arg in call.args[1:2] if arg.name == ""), None)
        if scopes is None or not _names_any(scopes.value):
            continue
        depends = check.project.dependencies.depends(module, index)
        if depends is None or not depends.is_security:
            continue
        if _is_checked_by_handler(module, call, scopes.value):
            continue
        if all(_ignores(each, check) for each in check.project.dependencies.closure(depends)):
            yield check.finding(
                call,
                f"nobody checks the scopes that `Security({depends.name}, ...)` demands",
                why="they are documented, and every token gets in",
                instead=f"take `SecurityScopes` in `{depends.name}` and compare them",
            )


def _names_any(value: f.Expr) -> bool:
    return isinstance(value, f.Display) and bool(value.items)


def _is_checked_by_handler(module: Module, call: f.Call, scopes: f.Expr) -> bool:
    """Whether the function whose decorators or parameters demand scopes compares or passes on each of them itself."""
    wanted = {_plain(item) for item in scopes.items} if isinstance(scopes, f.Display) else set()
    for function in module.functions:
        begin = function.facts.head_end
        if not function.facts.first <= call.start < begin:
            continue
        given = {_plain(arg.value) for one in function.calls if one.start >= begin for arg in one.args}
        compared = {
            _plain(operand)
            for expr, _, at in evaluated(function)
            for part in walk(expr)
            if at >= begin and isinstance(part, f.Compare)
            for operand in part.operands
        }
        named = compared | {one for one in given if not isinstance(one, f.Const)}  # a text may mean something else
        return wanted <= named
    return False


def _plain(expr: f.Expr) -> f.Expr:
    """`Scope.READ` of `Scope.READ.value`."""
    return expr.value if isinstance(expr, f.Attr) and expr.attr == "value" else expr


def _ignores(depends: Depends, check: Check) -> bool:
    """Whether a dependency is known to know nothing of scopes; what it depends on is asked for itself."""
    match depends.target:
        case FunctionObject(function=function):
            return not _takes_scopes(function, check)
        case ClassObject(cls=cls):
            return _class_ignores(cls, "__init__", check)
        case Instance(cls=Class() as cls):
            return _class_ignores(cls, "__call__", check)
        case External(name=name) | Instance(cls=str(name)):
            return name.startswith("fastapi.security.")
    return False


def _class_ignores(cls: Class, method: str, check: Check) -> bool:
    order = check.project.types.mro(cls)
    if any(isinstance(base, str) and base != "object" and not base.startswith("fastapi.security.") for base in order):
        return False
    bodies = [
        base.methods[name]
        for base in order
        if isinstance(base, Class)
        for name in (method, "__init__")
        if name in base.methods
    ]
    return not any(_takes_scopes(function, check) for function in bodies)


def _takes_scopes(function: Function, check: Check) -> bool:
    """Whether a function may get at the scopes: by a parameter of its own, the request, or what collects everything."""
    if any(param.kind in ("args", "kwargs") for param in function.params) or function.facts.decorators:
        return True
    return any(
        _may_hold(parameter.type, parameter.fact.annotation, check)
        for parameter in check.project.dependencies.parameters(function)
    )


def _may_hold(declared: Type, annotation: f.Expr | None, check: Check) -> bool:
    requests = ("fastapi.Request", "fastapi.WebSocket", "fastapi.requests.HTTPConnection")
    if check.project.types.is_instance(declared, *_SCOPES, *requests):
        return True
    return declared is None and annotation is not None and "Scopes" in f.last_name(annotation)
