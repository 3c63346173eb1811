"""FAPI303: bodies declared, returned or built with a status that has none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.fixing.edits import remove_argument
from fastapi_lint.fixing.edits.calls import argument_node
from fastapi_lint.index import facts as f
from fastapi_lint.model import ClassObject, External, Function, Instance, Project, Route
from fastapi_lint.model.routing import Answer, declares_response
from fastapi_lint.model.types import is_none
from fastapi_lint.rule import Check, rule

_BODILESS = (204, 205, 304)
_SAID = ("204", "205", "304", "NO_CONTENT", "RESET_CONTENT", "NOT_MODIFIED", "status_code")
_BROKEN = {
    204: "the server sends it behind a head that forbids it, which breaks the connection",
    205: "the client must not get one, but it is sent all the same",
    304: "the server sends it behind a head that forbids it, which breaks the connection",
}
_NEED_CONTENT = frozenset({"JSONResponse", "ORJSONResponse", "UJSONResponse"})
"""Responses whose `content` has no default."""


@rule("FAPI303", fix=Safety.UNSAFE)
def body_with_no_content(subject: Route | Function, check: Check) -> Iterator[Finding]:
    """A path operation or response with status 204, 205 or 304 has a body.

    Why is this bad?
    Responses with these statuses have no body. With a response model, or a return annotation that becomes one, FastAPI
    fails at import; a value that is returned all the same is dropped in silence, and the client gets nothing.

    A response object takes its body along: the server finds more data than the head announces, and the connection is
    lost for the next request on it. `JSONResponse(None, status_code=204)` has a body, too: it is written `null`.

    Fix safety
    The fix makes the code say what happens: no response model, `-> None`, a bare `return`. It is unsafe because the
    other repair, a status with a body such as 200, may be the one that is meant. A value
    is left in where code calls the handler, and may use it.

    Known limits
    Of returned values only those are reported that are known to be one: literals, and objects of known classes.
    Functions of the project that make a response are followed, unless it depends on a condition whether they do.

    References
    - [FastAPI: response status code](https://fastapi.tiangolo.com/tutorial/response-status-code/)
    - [RFC 9110: 204 No Content](https://www.rfc-editor.org/rfc/rfc9110.html#name-204-no-content)
    """
    if subject.module.is_test:
        return
    if isinstance(subject, Function):
        if subject.module.mentions(*_SAID):
            yield from _objects(subject, check)
            yield from _set_later(subject, check)
    elif subject.handler is not None and subject.status_code in _BODILESS and subject.kind == "http":
        yield from _declared(subject, subject.handler, subject.status_code, check)


def _declared(route: Route, handler: Function, status: int, check: Check) -> Iterator[Finding]:
    """The response model, annotation and returned values of a route with such a status."""
    title, why = f"`{handler.name}` answers {status}", "a response with this status has no body"
    model, before = route.keyword("response_model"), None  # there, or in a `partial` that registers routes
    if model is None and route.partial is not None:
        model, before = f.keyword(route.partial.facts, "response_model"), route.partial.module
    if model is not None and not is_none(model.value):
        yield check.finding(
            model,
            f"{title}, but declares a response model",
            why=f"{why}, and FastAPI fails at import",
            instead="drop `response_model`",
            fix=partial(_without, route, model) if before is None else None,
            module=before,
        )
    declared = handler.facts.returns
    if declared is not None and model is None and _becomes_model(declared, handler, check.project):
        yield check.finding(
            handler,
            f"{title}, but its return annotation becomes a response model",
            why=f"{why}, and FastAPI fails at import",
            instead="annotate `-> None`",
            fix=_annotated_none(handler),
            module=handler.module,
        )
    answers = check.project.answers
    if any(answers.injects(handler, name) for name, _ in answers.set_statuses(handler)):
        return  # the handler chooses another status, at least sometimes
    for answer in answers.of(handler):
        if answer.kind == "value" and answers.is_known_value(answer):
            yield _dropped(answer, handler, status, check)


def _dropped(answer: Answer, handler: Function, status: int, check: Check) -> Finding:
    leaving = next((e for e in handler.exits if e.start == answer.start), None)
    callers = check.project.callers
    is_called = bool(callers.uses(handler)) or callers.is_held(handler)
    return check.finding(
        answer,
        f"`{handler.name}` answers {status}, but returns a value here",
        why="a response with this status has no body: the value is dropped in silence",
        instead="return nothing, or choose a status with a body",
        fix=_bare(leaving, handler, check) if leaving is not None and not is_called else None,
        module=handler.module,
    )


def _objects(function: Function, check: Check) -> Iterator[Finding]:
    """Response objects that are made with such a status and a body, by a call or by a function that it calls."""
    answers = check.project.answers
    for answer in answers.of(function):
        if answer.kind not in ("response", "stream") or answer.conditions or answer.call is None:
            continue
        status = answers.code(answer.status)
        if status in _BODILESS and answers.is_passed(answer) and answers.has_body(answer):
            yield _object(answer, status, check)


def _object(answer: Answer, status: int, check: Check) -> Finding:
    shown = answer.made.name.rpartition(".")[2] if answer.made is not None and answer.is_direct else "the response"
    title, why = f"{f'`{shown}`' if answer.is_direct else shown} has status {status}, and a body", _BROKEN[status]
    given = {arg.name for arg in answer.call.args} if answer.call is not None else {""}
    if shown in _NEED_CONTENT and not given & {"", "*", "**", "content"}:
        title, why = (
            f"`{shown}` has status {status}, and no `content`",
            "it has to be given, and TypeError is raised here",
        )
    return check.finding(
        answer,
        title,
        why=why,
        instead=f"return `Response(status_code={status})`, or choose a status with a body",
        module=answer.module,
    )


def _set_later(function: Function, check: Check) -> Iterator[Finding]:
    """`response.status_code = 204`: of the injected response, or of one that was made with a body."""
    project, module, answers = check.project, function.module, check.project.answers
    for name, entry in answers.set_statuses(function):
        status = project.values.status(entry.value, (module, entry.block, entry.start))
        if status not in _BODILESS or not project.routes.by_handler.get(function):
            continue
        around = module.blocks_around(entry.block)
        for answer in answers.of(function):
            if answer.kind == "value" and entry.end <= answer.start and answers.injects(function, name):
                if around <= module.blocks_around(answer.block) and answers.is_known_value(answer):
                    yield _dropped(answer, function, status, check)
            elif answer.kind == "response" and answers.is_kept_as(answer, name, entry) and answers.has_body(answer):
                yield _object(answer, status, check)


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


def _bare(leaving: f.Exit, handler: Function, check: Check) -> Fix | None:
    """`return value` becomes `return`; the last statement goes, but for the call that makes the value."""
    module = handler.module
    text = module.source.slice(leaving.start, leaving.end)
    if "#" in text or "await" in text:
        return None
    is_last = _is_last(leaving, handler)
    if isinstance(leaving.value, f.CallRef):
        call = module.facts.calls[leaving.value.index]
        if not _only_makes(call, handler, check):
            if not is_last:
                return None
            edit = Edit(module.source.span(leaving.start, call.start), "")
            return Fix("Drop the value", Safety.UNSAFE, (edit,))
    elif not isinstance(leaving.value, (f.Const, f.Name, f.Display, f.Mapping)) or "(" in text:
        return None
    start, end = _lines(module.text, leaving)
    around = module.text[start : leaving.start], module.text[end : module.text.find(b"\n", end)]
    if not is_last or any(part.strip() for part in around):
        span = module.source.span(leaving.start + len("return"), leaving.end)
        return Fix("Return nothing", Safety.UNSAFE, (Edit(span, ""),))
    if _stands_alone(module.text, leaving, start):
        return Fix("Return nothing", Safety.UNSAFE, (Edit(module.source.span(leaving.start, leaving.end), "pass"),))
    return Fix("Return nothing", Safety.UNSAFE, (Edit(module.source.span(start, end), ""),))


def _only_makes(call: f.Call, handler: Function, check: Check) -> bool:
    """Whether a call does nothing but to make an object of plain values."""
    callee = check.project.callee(handler.module, call)
    is_class = isinstance(callee, External) and callee.name.rpartition(".")[2][:1].isupper()
    made = is_class or isinstance(callee, ClassObject)
    return made and not any(isinstance(arg.value, (f.CallRef, f.Await, f.Each)) for arg in call.args)


def _is_last(leaving: f.Exit, handler: Function) -> bool:
    """Whether nothing runs behind a `return` in any case: it is the last statement, or that of a last branch."""
    blocks, index = handler.module.facts.blocks, leaving.block
    end = leaving.end
    while blocks[index].kind in ("if", "else", "case", "choice"):
        if blocks[index].kind != "choice" and blocks[index].end != end:
            return False
        end, index = blocks[index].end, blocks[index].parent
    return blocks[index].kind == "function" and handler.facts.end == end


def _lines(text: bytes, leaving: f.Exit) -> tuple[int, int]:
    """The range of the lines of a statement, the break before them included."""
    start = text.rfind(b"\n", 0, leaving.start)
    return (start - 1 if text[start - 1 : start] == b"\r" else start), leaving.end


def _stands_alone(text: bytes, leaving: f.Exit, start: int) -> bool:
    """Whether no other statement stands in the block of one: the next line above that says something is a head."""
    indent = leaving.start - text.rfind(b"\n", 0, leaving.start)
    above = text[:start].decode("utf-8", "replace").splitlines()
    for line in reversed(above):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            return len(line) - len(line.lstrip()) + 1 < indent
    return True
