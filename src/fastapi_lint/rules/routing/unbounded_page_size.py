"""FAPI318: page sizes that a client may choose without a limit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.fixing.edits import add_argument, between, importing
from fastapi_lint.fixing.edits.calls import call_node, function_node
from fastapi_lint.fixing.edits.layout import broken_signature
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, Module, Parameter, Project, Route
from fastapi_lint.model.data import LIMITS
from fastapi_lint.model.database import Fate, QueryNumber, query_numbers
from fastapi_lint.model.names import evaluated, walk
from fastapi_lint.model.routing import placeholders
from fastapi_lint.rule import Check, rule

_NAMES = frozenset({
    "limit", "page_size", "per_page", "items_per_page", "results_per_page", "max_results", "max_count", "pagesize",
    "perpage",
})  # fmt: skip
"""Names that mean a page size wherever the number makes work; by any other name it has to limit a query."""
_ALL = frozenset(
    {"all", "unlimited", "no_limit", "unpaged", "everything", "full", "return_all", "get_all", "fetch_all"}
)
_BOUNDS = frozenset({"le", "lt", "multiple_of"})
_LEAST = ("ge", "gt")
_STEPS = (100, 200, 500, 1000)
_NUMBER = re.compile(r"(\w+\s*:\s*)(int|(?:Positive|NonNegative|Strict)Int|int \| None|Optional\[int\])(?=\s*(?:=|\Z))")
_PLAIN_DEFAULT = re.compile(r"\s*=\s*(-?\w+)\s*")


@rule("FAPI318", fix=Safety.UNSAFE, needs_requests=True)
def unbounded_page_size(project: Project, check: Check) -> Iterator[Finding]:
    """A client can ask for a page of any size.

    Why is this bad?
    `?limit=1000000000` makes the database, the serialiser and the memory of the worker do as much work as there are
    rows. One request is enough to stop a service, and it looks like any other in the log. `Query(le=100)` turns it into
    a 422, and says the limit in the OpenAPI document.

    What counts is that the number gets into `limit(...)` of a query, or into the LIMIT of an SQL text, whatever it is
    called; for a parameter with the name of a page size also that the server counts up to it.

    Fix safety
    A bound is added: 100, or more if the default is; and `ge=1` where zero leaves the limit out. Clients that ask for
    more get 422.

    Known limits
    Silent when the size is clamped or compared with a constant on the way, when it only cuts a piece out of a list or
    is handed to somebody who cannot be followed (another service has limits of its own), when the operation offers all
    rows on purpose (`all: bool`, which it asks for before it answers), and when the type is not a plain `int`.

    References
    - [FastAPI: query parameters and validations](https://fastapi.tiangolo.com/tutorial/query-params-str-validations/)
    - [OWASP API4:2023 unrestricted resource consumption](https://owasp.org/API-Security/editions/2023/en/0xa4-unrestricted-resource-consumption/)
    """
    seen: set[tuple[str, int]] = set()
    for route in project.routes.all:
        if route.handler is None or route.module.is_test or route.kind != "http":
            continue
        if _offers_all(route.handler, project):
            continue
        for number in query_numbers(route, route.handler, project):
            key = (number.module.path, number.start)
            if key in seen or not _is_page_size(number) or _stands_by_an_offer(number, project):
                continue
            if number.parameter is not None:
                if _is_open(number.parameter, project) and not _in_some_path(number.parameter, route, project):
                    seen.add(key)
                    yield _report(number.parameter, number.fate, route, check)
            elif number.field is not None and _is_open_field(*number.field, project):
                seen.add(key)
                yield _report_field(*number.field, number.fate, route, check)


def _is_page_size(number: QueryNumber) -> bool:
    """Whether a number without a bound of its own makes as much work as the client likes."""
    fate = number.fate
    return not fate.is_bounded and (fate.limits or (fate.works and number.name.lower() in _NAMES))


def _offers_all(function: Function, project: Project) -> bool:
    """Whether a parameter asks for all, by its name, and may decide what is read."""
    return any(
        parameter.name.lower() in _ALL and _decides(function, parameter, project)
        for parameter in project.dependencies.parameters(function)
    )


def _decides(function: Function, parameter: Parameter, project: Project) -> bool:
    """Whether a flag is asked for before the answer is put together, or handed on: what is read may depend on it."""
    if parameter.type is not None and not project.types.is_instance(parameter.type, "bool", "int"):
        return False
    flag = f.Name(parameter.name)
    given = {leave.start for leave in function.exits} if function in project.routes.by_handler else set[int]()
    return any(flag in walk(expr) for expr, _, at in evaluated(function, nested=True) if at not in given)


def _stands_by_an_offer(number: QueryNumber, project: Project) -> bool:
    """Whether what declares a number, a dependency or a class, also has a parameter or field that asks for all."""
    if number.parameter is not None:
        return _offers_all(number.parameter.function, project)
    bases = project.types.mro(number.field[0]) if number.field is not None else ()
    return any(isinstance(base, Class) and any(name.lower() in _ALL for name in base.assigns) for base in bases)


def _in_some_path(parameter: Parameter, route: Route, project: Project) -> bool:
    """Whether a placeholder gives the parameter, for any route of the handler: there it can have no default."""
    routes = {route, *project.routes.by_handler.get(parameter.function, ())}
    paths = {each.path for each in routes} | {address.path for each in routes for address in each.addresses}
    return any(parameter.name == name for path in paths for name, _ in placeholders(path))


def _is_open(parameter: Parameter, project: Project) -> bool:
    """Whether a number of the query has no upper bound."""
    if parameter.marker not in ("", "fastapi.Query") or parameter.fact.kind in ("args", "kwargs"):
        return False
    call = parameter.marker_call
    if call is not None and any(arg.name in _BOUNDS or arg.name in ("*", "**") for arg in call.args):
        return False
    where = (parameter.function.module, parameter.function.facts.outer, parameter.start)
    return not _bounded_annotation(parameter.fact.annotation, where, parameter.marker_call, project)


def _bounded_annotation(
    annotation: f.Expr | None, where: tuple[Module, int, int], marker: f.Call | None, project: Project
) -> bool:
    """Whether other metadata (`Field(le=...)`, `annotated_types.Le`, a validator) may bound the value."""
    for module, expr, _ in project.types.metadata(annotation, where):
        if not isinstance(expr, f.CallRef):
            if not isinstance(expr, f.Const):
                return True
            continue
        call = module.facts.calls[expr.index]
        if call is marker:
            continue
        name = project.called_name(module, call) or "?"
        if not name.endswith((".Doc", ".Field", ".Query", ".WithJsonSchema")) or any(
            a.name in _BOUNDS for a in call.args
        ):
            return True
    return False


def _field(entry: f.Assign) -> str:
    return entry.target.id if isinstance(entry.target, f.Name) else "?"


def _is_open_field(cls: Class, entry: f.Assign, project: Project) -> bool:
    where = (cls.module, entry.block, entry.start)
    if isinstance(entry.value, f.CallRef):
        call = cls.module.facts.calls[entry.value.index]
        name = project.called_name(cls.module, call) or "?"
        if not name.endswith((".Field", ".Query")) or any(arg.name in (*_BOUNDS, "*", "**") for arg in call.args):
            return False
    return not _bounded_annotation(entry.annotation, where, None, project)


def _report_field(cls: Class, entry: f.Assign, fate: Fate, route: Route, check: Check) -> Finding:
    given = cls.module.facts.calls[entry.value.index].args if isinstance(entry.value, f.CallRef) else ()
    least = "ge=1, " if fate.zero_is_all and not any(arg.name in _LEAST for arg in given) else ""
    default = next((arg.value for arg in given if arg.name in ("", "default")), None) if given else entry.value
    bound = _bound(check.project.values.number(default, (cls.module, entry.block, entry.start)))
    return check.finding(
        entry,
        f"`{_field(entry)}` of `{cls.name}` has no upper bound",
        why=f"a client of `{route.name}` can ask for any number of rows at once",
        instead=f"give it `Field({least}le={bound or '...'})`",
        module=cls.module,
        related=[check.related(route, "a query parameter here", module=route.module)],
    )


def _report(parameter: Parameter, fate: Fate, route: Route, check: Check) -> Finding:
    function = parameter.function
    owner = function.cls.name if function.cls is not None and function.name == "__init__" else function.name
    given = parameter.marker_call.args if parameter.marker_call is not None else ()
    least = "ge=1, " if fate.zero_is_all and not any(arg.name in _LEAST for arg in given) else ""
    bound = _bound(_default(parameter, check.project))
    wanted = f"{least}le={bound}" if bound is not None else f"{least}le=..."
    return check.finding(
        parameter,
        f"`{parameter.name}` of `{owner}` has no upper bound",
        why="a client can ask for any number of rows at once"
        + (", and for all of them with zero or less" if least else ""),
        instead=f"give it `Query({wanted})`",
        module=function.module,
        related=[] if function is route.handler else [check.related(route, "used here", module=route.module)],
        fix=partial(_fix, parameter, wanted, check.project) if bound is not None else None,
    )


def _bound(number: float | None) -> int | None:
    """A round number above a default; None when the default itself is no limit."""
    return next((step for step in _STEPS if number is None or step > number), None)


def _default(parameter: Parameter, project: Project) -> float | None:
    """The default of a parameter or of its marker, when that is a known number."""
    default = parameter.fact.default
    if parameter.marker_call is not None and not parameter.in_annotation:
        given = [arg.value for arg in parameter.marker_call.args if arg.name in ("", "default")]
        default = given[0] if given else None
    function = parameter.function
    return project.values.number(default, (function.module, function.facts.outer, parameter.start))


def _fix(parameter: Parameter, wanted: str, project: Project) -> Fix | None:
    module = parameter.function.module
    call = parameter.marker_call
    if call is not None:
        if parameter.marker_module is not module or not parameter.start <= call.start < parameter.end:
            return None  # an alias: others use it too
        if any(LIMITS.get(arg.name) in _BOUNDS for arg in call.args):
            return None  # what was meant stands there under a wrong name
        found = call_node(module, call)
        return Fix("Bound the page size", Safety.UNSAFE, (add_argument(*found, wanted),)) if found else None
    text = module.source.slice(parameter.start, parameter.end)
    match = _NUMBER.match(text)
    opened = function_node(parameter.function) if match is not None else None
    if match is None or opened is None:
        return None
    source, function = opened
    query = importing(source, "fastapi", "Query", at=function)
    if query is not None and project.versions.for_path(module.path).never_at_least("fastapi", "0.95.0", default=False):
        default = _PLAIN_DEFAULT.fullmatch(text, match.end())
        if default is None:
            return None
        edit = _edit(parameter, text, default.span(1), f"{query[0]}({default[1]}, {wanted})")
        return Fix("Bound the page size", Safety.UNSAFE, (*query[1], edit))
    annotated = importing(source, "typing", "Annotated", at=function)
    if query is None or annotated is None:
        return None
    edit = _edit(parameter, text, match.span(2), f"{annotated[0]}[{match[2]}, {query[0]}({wanted})]")
    broken = broken_signature(source, function, len(edit.content) - len(match[2])) or []
    made = (between(source, *piece) for piece in broken)
    return Fix("Bound the page size", Safety.UNSAFE, (*query[1], *annotated[1], edit, *made))


def _edit(parameter: Parameter, text: str, piece: tuple[int, int], content: str) -> Edit:
    """Another content for a piece of the text of a parameter."""
    first, last = (parameter.start + len(text[:place].encode()) for place in piece)
    return Edit(parameter.function.module.source.span(first, last), content)
