"""FAPI401: endpoints that return rows of the database without a model for them."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, Instance, Route
from fastapi_lint.model.types import Where
from fastapi_lint.rule import Check, rule

_ANYTHING = frozenset({"typing.Any", "object", "typing_extensions.Any"})
_DEEPEST = 3
_LISTS = frozenset({"list", "tuple", "set", "typing.List", "typing.Sequence", "typing.Iterable"})


@rule("FAPI401", since="0.2.0")
def untyped_response(route: Route, check: Check) -> Iterator[Finding]:
    """An endpoint returns an object of the database, and declares no response model.

    Why is this bad?
    FastAPI sends what the object has: every column that is loaded goes out, password hashes and internal flags among
    them, and so does each column that is added later. Clients and the OpenAPI document do not learn what comes.

    Declare a Pydantic model with the fields that are meant for clients, as return annotation or `response_model`.

    Known limits
    What is returned has to be known as a mapped object, or as the rows of a query, in the endpoint or in functions of
    the project. Endpoints with a response class other than JSON, without a body, or that are not in the schema are
    left alone; for dicts that are written out there is another rule.

    References
    - [FastAPI: response model](https://fastapi.tiangolo.com/tutorial/response-model/)
    """
    handler = route.handler
    if handler is None or route.kind != "http" or route.module.is_test or handler.is_generator:
        return
    if check.project.routes.by_handler[handler][0] is not route or route.has_unpacked or not _is_open(route, check):
        return
    for leave in handler.exits:
        if leave.kind != "return" or leave.value is None:
            continue
        where = (handler.module, leave.block, leave.start)
        found = _row(leave.value, where, check)
        if found is None:
            continue
        cls, what = found
        yield check.finding(
            handler,
            f"`{handler.name}` returns {what} of `{cls.name}` without a response model",
            why="every column goes out, whatever is added later",
            instead="declare a model of what clients may see: as return annotation, or with `response_model`",
            module=handler.module,
            related=[check.related(leave, "it is returned here", module=handler.module)],
        )
        return


def _is_open(route: Route, check: Check) -> bool:
    """Whether nothing says what a route returns: no model, no annotation that means something, no other response."""
    handler = route.handler
    if handler is None or route.status_code in (204, 304):
        return False
    given = route.given("response_model")
    if given is not None and given[0] != f.Const(None):
        return False
    hidden = route.given("include_in_schema")
    if hidden is not None and hidden[0] == f.Const(False):
        return False
    response = route.given("response_class")
    if response is not None:
        name = check.project.name(response[0], *response[1]) or ""
        if not name.endswith("JSONResponse"):
            return False
    return _means_nothing(handler, check)


def _means_nothing(handler: Function, check: Check) -> bool:
    returns = handler.facts.returns
    if returns is None:
        return True
    name = check.project.name(returns, handler.module, handler.facts.outer, handler.facts.start)
    return name in _ANYTHING


def _row(expr: f.Expr, where: Where, check: Check, depth: int = _DEEPEST) -> tuple[Class, str] | None:
    """The mapped class of which a value is an object, a list, or the `__dict__`, and which of these."""
    match expr:
        case f.Choice(options=options):
            return next((found for each in options if (found := _row(each, where, check, depth))), None)
        case f.Attr(value=value, attr="__dict__"):
            inner = _row(value, where, check, depth)
            return (inner[0], "the `__dict__`") if inner is not None and inner[1] == "an object" else None
        case f.CallRef(index=index):
            call = where[0].facts.calls[index]
            if check.project.called_name(where[0], call) == "vars" and call.args:
                inner = _row(call.args[0].value, where, check, depth)
                return (inner[0], "the `__dict__`") if inner is not None and inner[1] == "an object" else None
    rows = check.project.loading.rows(expr, where)
    if rows is not None:
        known = rows.entities and not rows.is_taken
        return (rows.entities[0], "rows" if rows.many else "an object") if known else None
    held = check.project.infer(expr, *where)
    if not isinstance(held, Instance):
        return _found_or_made(expr, where, check, depth) if isinstance(expr, f.Name) and depth else None
    if isinstance(held.cls, Class):
        model = check.project.orm.of(held.cls)
        return (held.cls, "an object") if model is not None and model.is_mapped else None
    inner_type = held.args[0] if held.cls in _LISTS and len(held.args) == 1 else None
    if isinstance(inner_type, Instance) and isinstance(inner_type.cls, Class):
        model = check.project.orm.of(inner_type.cls)
        return (inner_type.cls, "a list") if model is not None and model.is_mapped else None
    return None


def _found_or_made(name: f.Name, where: Where, check: Check, depth: int) -> tuple[Class, str] | None:
    """What a variable holds that has several values (found by a query, else made), where each of them is a row."""
    every = set()
    for binding in check.project.types.find_bindings(name.id, where):
        entry = binding.entry
        if not isinstance(entry, f.Assign) or entry.target != name or entry.value is None:
            return None
        if entry.value != f.Const(None):
            every.add(_row(entry.value, (where[0], binding.block, binding.start), check, depth - 1))
    return every.pop() if len(every) == 1 else None
