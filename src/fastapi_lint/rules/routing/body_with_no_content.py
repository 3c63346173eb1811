"""FAPI303: bodies declared or returned with a status that has none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.fixing.edits import remove_argument
from fastapi_lint.fixing.edits.calls import argument_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Function, Instance, Project, Route
from fastapi_lint.model.routing import declares_response, is_response
from fastapi_lint.model.types import is_none
from fastapi_lint.rule import Check, rule

_BODILESS = (204, 205, 304)
_PLAIN = ("str", "int", "float", "bool", "bytes", "dict", "list", "tuple", "set")


@rule("FAPI303", fix=Safety.UNSAFE)
def body_with_no_content(route: Route, check: Check) -> Iterator[Finding]:
    """A path operation with status 204, 205 or 304 declares or returns a body.

    Why is this bad?
    Responses with these statuses have no body. With a response model, or a return annotation that becomes one, FastAPI
    fails at import; a value that is returned all the same is dropped in silence, and the client gets nothing.

    Fix safety
    The fix makes the code say what happens: no response model, `-> None`, a bare `return`. It is unsafe because the
    other repair, a status with a body such as 200, may be the one that is meant.

    Known limits
    Of returned values only those are reported that are known to be one: literals, and objects of known classes.

    References
    - [FastAPI: response status code](https://fastapi.tiangolo.com/tutorial/response-status-code/)
    - [RFC 9110: 204 No Content](https://www.rfc-editor.org/rfc/rfc9110.html#name-204-no-content)
    """
    handler, status = route.handler, route.status_code
    if handler is None or status not in _BODILESS or route.kind != "http" or route.module.is_test:
        return
    model = route.keyword("response_model")
    if model is not None and not is_none(model.value):
        yield check.finding(
            model,
            f"`{handler.name}` answers {status}, which has no body, but declares a response model: FastAPI fails at "
            "import; drop `response_model`",
            fix=partial(_without, route, model),
        )
    declared = handler.facts.returns
    if declared is not None and model is None and _becomes_model(declared, handler, check.project):
        yield check.finding(
            handler,
            f"`{handler.name}` answers {status}, which has no body, but its return annotation becomes a response "
            "model: FastAPI fails at import; annotate `-> None`",
            fix=_annotated_none(handler),
            module=handler.module,
        )
    if declares_response(handler, check.project.types):
        return
    for leaving in handler.exits:
        if leaving.kind == "return" and leaving.value is not None and _is_body(leaving, handler, check.project):
            yield check.finding(
                leaving,
                f"`{handler.name}` answers {status}, which has no body: what it returns here is dropped in silence; "
                "return nothing, or choose a status with a body",
                fix=_bare(leaving, handler),
                module=handler.module,
            )


def _becomes_model(declared: f.Expr, handler: Function, project: Project) -> bool:
    if is_none(declared) or declares_response(handler, project.types):
        return False
    where = (handler.module, handler.facts.outer, handler.start)
    if project.types.name_of_type(project.types.infer(declared, where)) in (
        "typing.Any",
        "typing.NoReturn",
        "typing.Never",
    ):
        return False
    return isinstance(project.types.annotation(declared, where), Instance)


def _is_body(leaving: f.Exit, handler: Function, project: Project) -> bool:
    match leaving.value:
        case f.Const(value=value):
            return value is not None
        case f.Display() | f.Mapping() | f.Joined() | f.Each():
            return True
        case f.Name() | f.CallRef() | f.Await():
            made = project.infer(leaving.value, handler.module, leaving.block, leaving.start)
            if not isinstance(made, Instance) or is_response(made, project.types):
                return False
            if isinstance(made.cls, Class):
                bases = project.types.mro(made.cls)
                return "?" not in bases and not any(
                    isinstance(base, str)
                    and not base.startswith(("pydantic.", "sqlmodel.", "typing.", "object", "sqlalchemy."))
                    for base in bases
                )
            return made.cls in _PLAIN and isinstance(leaving.value, f.Name)
    return False


def _without(route: Route, model: f.Arg) -> Fix | None:
    nodes = argument_node(route.module, route.call, model)
    if nodes is None:
        return None
    edit = remove_argument(*nodes)
    return Fix("Drop the response model", Safety.UNSAFE, (edit,))


def _annotated_none(handler: Function) -> Fix | None:
    """`-> X:` becomes `-> None:`."""
    source = handler.module.source
    head = source.slice(handler.start, handler.facts.head_end)
    before, arrow, annotation = head.rpartition("->")
    if not arrow or not annotation.endswith(":") or "#" in annotation or '"' in annotation or ")" in annotation:
        return None
    start = handler.start + len((before + arrow).encode())
    return Fix("Annotate None", Safety.UNSAFE, (Edit(source.span(start, handler.facts.head_end), " None:"),))


def _bare(leaving: f.Exit, handler: Function) -> Fix | None:
    """`return value` becomes `return`, where the value does nothing."""
    text = handler.module.source.slice(leaving.start, leaving.end)
    plain = isinstance(leaving.value, (f.Const, f.Name, f.Display, f.Mapping))
    built = isinstance(leaving.value, f.CallRef) and text.count("(") == 1
    if not (built or (plain and "(" not in text)) or "#" in text or "await" in text:
        return None
    span = handler.module.source.span(leaving.start + len("return"), leaving.end)
    return Fix("Return nothing", Safety.UNSAFE, (Edit(span, ""),))
