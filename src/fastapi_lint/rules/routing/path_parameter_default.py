"""FAPI309: defaults of path parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing.edits import remove_argument
from fastapi_lint.fixing.edits.calls import argument_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.injection import Parameter
from fastapi_lint.model.routing import placeholders
from fastapi_lint.model.values import UNKNOWN
from fastapi_lint.rule import Check, rule

_REQUIRED = (f.Raw("ellipsis"),)
_DEFAULT = re.compile(r"(?<!\s)\s*=[^=]*\Z")


@rule("FAPI309", severity=Severity.ERROR, fix=Safety.SAFE, since="0.2.0")
def path_parameter_default(function: Function, check: Check) -> Iterator[Finding]:
    """A path parameter has a default.

    Why is this bad?
    The value of a path parameter is always there, or the path does not match. `Path(1)` and
    `Annotated[int, Path()] = 1` raise an AssertionError at import. A bare default is ignored without a word: the
    document says "required", and nobody ever gets it.

    Known limits
    A bare default is information, and right where the handler has a second path without the placeholder, or where the
    project calls it without the argument. The fix is offered where the parameters stay in an order that Python allows,
    and where no table or other code holds the handler, and may call it so.

    References
    - [FastAPI: path parameters and numeric validations](https://fastapi.tiangolo.com/tutorial/path-params-numeric-validations/)
    """
    routes = check.project.routes.by_handler.get(function, [])
    if function.module.is_test or not (routes or function in check.project.dependencies.injected):
        return
    everywhere = _in_every_path(function, check) if routes else frozenset()
    for parameter in check.project.dependencies.parameters(function):
        if parameter.marker == "fastapi.Path":
            given = _given(parameter) if not parameter.in_annotation else None  # in Annotated it is FAPI203's
            if given is not None or (parameter.in_annotation and parameter.fact.default is not None):
                yield check.finding(
                    parameter,
                    f"path parameter `{parameter.name}` of `{function.name}` has a default",
                    why="FastAPI raises an AssertionError at import",
                    instead="drop the default",
                    fix=partial(_fix, parameter, given),
                )
        elif not parameter.marker and isinstance(parameter.fact.default, f.Const) and parameter.name in everywhere:
            index = function.params.index(parameter.fact)
            if all(use.passes(parameter.name, index) for use in check.project.callers.uses(function)):
                yield check.finding(
                    parameter,
                    f"the default of path parameter `{parameter.name}` is never used",
                    why=f"every path of `{function.name}` has it, so that FastAPI ignores the default",
                    instead="drop the default",
                    severity=Severity.INFO,
                    fix=partial(_fix, parameter, None) if not check.project.callers.is_held(function) else None,
                )


def _in_every_path(function: Function, check: Check) -> frozenset[str]:
    """The placeholders that are in all paths under which a handler is served."""
    found: frozenset[str] | None = None
    for route in check.project.routes.by_handler.get(function, []):
        for path in [address.path for address in route.addresses] or [route.path]:
            if UNKNOWN in path or not route.takes_prefix:
                return frozenset()
            names = frozenset(name for name, _ in placeholders(path))
            found = names if found is None else found & names
    return found or frozenset()


def _given(parameter: Parameter) -> f.Arg | None:
    """The default that a call of `Path` is given."""
    call = parameter.marker_call
    for number, arg in enumerate(call.args) if call is not None else ():
        if arg.name in ("default", "default_factory") or (arg.name == "" and number == 0):
            return None if arg.value in _REQUIRED else arg
    return None


def _fix(parameter: Parameter, given: f.Arg | None) -> Fix | None:
    function = parameter.function
    module = function.module
    if given is not None:
        if parameter.marker_call is None or parameter.marker_module is not module:
            return None
        nodes = argument_node(module, parameter.marker_call, given)
        return Fix("Drop the default", Safety.SAFE, (remove_argument(*nodes),)) if nodes is not None else None
    fact = parameter.fact
    before = function.params[: function.params.index(fact)]
    if fact.kind != "keyword-only" and any(each.default is not None for each in before):
        return None  # a parameter without a default cannot stand behind one with
    text = module.source.slice(fact.start, fact.end)
    found = _DEFAULT.search(text)
    if found is None or not isinstance(fact.default, (f.Const, f.Name, f.Attr)) or "#" in text:
        return None
    span = module.source.span(fact.start + len(text[: found.start()].encode()), fact.end)
    return Fix("Drop the default", Safety.SAFE, (Edit(span, ""),))
