"""FAPI222: scopes that an endpoint demands and nobody checks."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.injection import ignores_scopes
from fastapi_lint.model.names import evaluated, walk
from fastapi_lint.rule import Check, rule


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
        if all(ignores_scopes(check.project, each) for each in check.project.dependencies.closure(depends)):
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
