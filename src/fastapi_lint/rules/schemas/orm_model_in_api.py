"""FAPI403: database models as bodies or responses."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Instance, Parameter, Route, Type
from fastapi_lint.model.types import options
from fastapi_lint.rule import Check, rule

_CONTAINERS = frozenset({"list", "tuple", "set", "dict", "typing.Sequence", "collections.abc.Sequence"})


@rule("FAPI403", severity=Severity.ERROR, since="0.2.0")
def orm_model_in_api(route: Route, check: Check) -> Iterator[Finding]:
    """A database model is the body or the response of an endpoint.

    Why is this bad?
    A declarative class of SQLAlchemy is no type that FastAPI can read or document: as `response_model`, as a return
    annotation without one, or as a body it raises `FastAPIError` at import. A SQLModel table works, and makes the table
    the contract with clients: every column goes out, and comes in.

    Known limits
    A SQLModel table is information: all of its columns may be meant. A return annotation beside
    `response_model=Schema` or `response_model=None` is fine, and so are SQLModel classes without `table=True`.

    References
    - [Response model](https://fastapi.tiangolo.com/tutorial/response-model/)
    - [SQL databases: multiple models](https://fastapi.tiangolo.com/tutorial/sql-databases/#create-multiple-models)
    """
    model = route.keyword("response_model")
    handler = route.handler
    if model is not None:
        yield from _judged(model.value, route.where, (model.start, model.end), "the response model", route, check)
    elif handler is not None and handler.facts.returns is not None and not route.has_unpacked:
        where = (handler.module, handler.facts.outer, handler.facts.start)
        if len(handler.facts.decorators) <= 1:
            what = f"what `{handler.name}` returns"
            yield from _judged(handler.facts.returns, where, (route.start, route.end), what, route, check)
    if handler is None:
        return
    for parameter in check.project.dependencies.parameters(handler):
        if parameter.marker in ("", "fastapi.Body") and (cls := _table(parameter.type, check)) is not None:
            yield _finding(parameter, f"the body `{parameter.name}`", cls, route, check)


def _judged(
    expr: f.Expr, where: tuple[object, int, int], at: tuple[int, int], what: str, route: Route, check: Check
) -> Iterator[Finding]:
    for option, place in options(check.project.types, expr, where):  # type: ignore[arg-type]
        cls = _table(check.project.types.annotation(option, place), check)
        if cls is not None:
            yield _finding(at, what, cls, route, check)
            return


def _table(value: Type, check: Check) -> Class | None:
    """The database model that a type is, or holds; None for everything else."""
    if not isinstance(value, Instance):
        return None
    if isinstance(value.cls, str):
        return next((found for arg in value.args if (found := _table(arg, check))), None) if _holds(value) else None
    return value.cls if check.project.orm.is_orm(value.cls) else None


def _holds(value: Instance) -> bool:
    return value.cls in _CONTAINERS


def _finding(at: Parameter | tuple[int, int], what: str, cls: Class, route: Route, check: Check) -> Finding:
    model = check.project.orm.of(cls)
    is_table = model is not None and model.kind == "sqlmodel"
    handler = route.handler
    module = handler.module if isinstance(at, Parameter) and handler is not None else route.module
    return check.finding(
        at,
        f"{what} is the table `{cls.name}`",
        why="every column is part of the contract with clients" if is_table else "it raises `FastAPIError` at import",
        instead="declare a schema with the fields that are meant",
        module=module,
        severity=Severity.INFO if is_table else None,
    )
