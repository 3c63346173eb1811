"""FAPI604: the text of an internal error goes out to the client. What is told where, the model knows."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.catalog.errors import audience
from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module
from fastapi_lint.model.application import wraps_endpoint
from fastapi_lint.model.calls import Raising, body_of, only_computes
from fastapi_lint.model.names import ClassObject, External, FunctionObject, Instance, walk
from fastapi_lint.model.routing import Answer, Message, is_response
from fastapi_lint.model.taint import Told, only_parses, wrapped
from fastapi_lint.model.values import NOWHERE, Bound
from fastapi_lint.rule import Check, rule

_SERVER_ERROR = 500
_OF_CONTENT = frozenset({413, 415, 422})
"""Statuses that say that what the client sent cannot be worked with."""
_SENDING = {"TemplateResponse": "context", "RedirectResponse": "url"}
"""What sends something of what it is given first, or by this name."""
_DEEPEST = 4
_IN_HEADERS = frozenset({"append", "setdefault", "update"})


@rule("FAPI604", needs_requests=True)
def exception_detail_leak(function: Function, check: Check) -> Iterator[Finding]:
    """The text of an internal error is sent to the client.

    Why is this bad?
    The text of an exception that nobody expected is written for developers: it holds SQL with its values, host names,
    paths, parts of other people's data. Attackers read it to find out what to try next, and users cannot act on it. Log
    the exception, and answer with a fixed text; the status code and a request id are enough to find the entry.

    Known limits
    Reported for what is caught as `Exception`, for errors of databases and the operating system, for other errors of
    libraries and of Python with a status of 500 and above, and for tracebacks: in responses, HTTP errors, returned
    values, streams and WebSocket messages, also by way of functions, variables and objects, and of an exception of the
    project whose handler answers with what it says or keeps. The project's own exception classes are taken to be
    written for clients, and so is, with a 4xx status, a `ValueError` and what parsing the client's own data says; with
    413, 415 or 422 also what code says that only turns values into others. Where a setting (`if settings.debug`) or the
    type of the exception decides, nothing is reported.

    References
    - [Handling errors](https://fastapi.tiangolo.com/tutorial/handling-errors/)
    - [OWASP: error handling](https://cheatsheetseries.owasp.org/cheatsheets/Error_Handling_Cheat_Sheet.html)
    - [CWE-209](https://cwe.mitre.org/data/definitions/209.html)
    """
    if function.module.is_test:
        return
    yield from _wrapped(function, check)
    for at, content, status in _sent(function, check):
        named: set[tuple[Module, int]] = set()
        for told in check.project.telling.told(content):
            if told.function is None or (told.given is None and told.function is not function):
                continue  # caught where the answer is made: reported there
            what = "the traceback" if told.what == "traceback" else _text(told, status, check) or _inner(told, check)
            if not what:
                continue
            helper = _helper(told, content) if told.given is None else None
            if helper is not None and _is_only_for(helper[1], told.function, check):
                helper = None  # there is no other that it would be one finding with
            place, sender = helper or (told.given or at, told.function)
            home = sender.module if helper is not None or told.given is not None else function.module
            cause = (home, place.start) if told.given is None else (told.module, told.block)
            if cause in named:
                continue  # one for each except clause, or for each place that says it
            named.add(cause)
            yield check.finding(
                place,
                f"{what} goes to the client in `{sender.name}`",
                why="it shows code and paths" if told.what == "traceback" else "it may hold SQL, paths or data",
                instead="log it, and answer with a fixed text",
                module=home,
            )


def _wrapped(function: Function, check: Check) -> Iterator[Finding]:
    """Texts of others that an exception of the project takes to the handler that answers with them."""
    named: set[int] = set()
    for each in wrapped(check.project, function):
        if each.status is None and only_parses(check.project, each.told):
            continue  # it may be a 4xx
        what = "the traceback" if each.told.what == "traceback" else _text(each.told, each.status, check)
        if what and each.told.function is function and each.told.block not in named:
            named.add(each.told.block)
            yield check.finding(
                each.arg,
                f"{what}, as a `{each.cls.name}`, goes to the client in `{each.sender.name}`",
                why="it shows code and paths" if each.told.what == "traceback" else "it may hold SQL, paths or data",
                instead="log it, and raise this with a fixed text",
                related=[check.related(each.sender, "this answers with what it says", module=each.sender.module)],
            )


def _helper(told: Told, content: Bound) -> tuple[f.Call, Function] | None:
    """The function that is given the exception and makes an answer of its text, and where: one for all callers."""
    expr, (module, block, at), environment = content
    caught = told.module.facts.blocks[told.block].target
    function = module.enclosing(block)
    if function is None or function is told.function or not isinstance(caught, f.Name) or function.name == "__init__":
        return None
    for part in _parts(expr, module, _DEEPEST):
        bound = environment.get(part.id) if isinstance(part, f.Name) else None
        while bound is not None and isinstance(bound[0], f.Name) and bound[0].id in bound[2]:
            bound = bound[2][bound[0].id]
        if bound is not None and bound[0] == caught and bound[1][0] is told.module:
            made = next((call for call in function.calls if call.start == at), None)
            return (made, function) if made is not None else None
    return None


def _is_only_for(helper: Function, function: Function, check: Check) -> bool:
    """Whether nobody else calls a function, or those on the way to it."""
    current: Function | None = helper
    for _ in range(_DEEPEST):
        uses = check.project.callers.uses(current) if current is not None and current is not function else []
        if len(uses) != 1:
            break
        current = uses[0].caller
    return current is function


def _parts(expr: f.Expr | None, module: Module, depth: int) -> Iterator[f.Expr]:
    """What an expression is written with, arguments of its calls included."""
    for part in walk(expr):
        yield part
        if isinstance(part, f.CallRef) and depth > 0:
            for arg in module.facts.calls[part.index].args:
                yield from _parts(arg.value, module, depth - 1)


def _sent(
    function: Function, check: Check
) -> Iterator[tuple[Answer | Message | f.Arg | f.Exit | f.Assign, Bound, int | None]]:
    """What a function sends: where, the content, and the status (None when not known)."""
    project = check.project
    answers = project.answers.of(function)
    is_streamed = function.is_generator and function in project.channels.streamed
    if is_streamed:  # its answer has begun: an error breaks it off, and no text of it is sent
        answers = tuple(answer for answer in answers if answer.kind != "error")
    if any(answer.kind == "value" for answer in answers):
        is_asked = function in project.routes.by_handler or project.failures.parameter(function) is not None
        is_asked = is_asked or wraps_endpoint(project, function)
        answers = tuple(answer for answer in answers if is_asked or answer.kind != "value")
    for answer in answers:
        if answer.content is not None and answer.kind != "stream":
            given = answer.call.args if answer.call is not None and answer.is_direct else ()
            at = next((arg for arg in given if arg.value is answer.content[0]), answer)
            yield (
                at,
                answer.content,
                project.answers.code(answer.status)
                or (answer.default if answer.status is None else None)
                or _set(answer, function, check),
            )
        headers = f.keyword(answer.call, "headers") if answer.call is not None and answer.is_direct else None
        if headers is not None and answer.call is not None and answer.kind != "value":
            where = (function.module, answer.call.block, answer.call.start)
            yield headers, (headers.value, where, NOWHERE), project.answers.code(answer.status)
    yield from _headers(function, check)
    yield from _pages(function, check)
    for message in project.channels.messages(function):
        yield message, message.content, None
    if is_streamed:
        for leave in function.exits:
            if leave.kind == "yield" and leave.value is not None:
                yield leave, (leave.value, (function.module, leave.block, leave.start), NOWHERE), None


def _headers(function: Function, check: Check) -> Iterator[tuple[f.Assign | f.Arg, Bound, None]]:
    """What a function writes into the headers and cookies of a response."""
    module = function.module
    if not module.mentions("headers", "set_cookie"):
        return
    for entry in module.assigns_in.get(function.index, ()):
        match entry.target:
            case f.Sub(value=f.Attr(value=response, attr="headers")) if entry.value is not None:
                where = (module, entry.block, entry.start)
                if _goes_out(response, entry, function, check):
                    yield entry, (entry.value, where, NOWHERE), None
    for call in function.calls:
        match call.func:
            case f.Attr(value=f.Attr(value=response, attr="headers"), attr=attr) if attr in _IN_HEADERS:
                given = call.args
            case f.Attr(value=response, attr="set_cookie"):
                given = call.args[1:]
            case _:
                continue
        if _goes_out(response, call, function, check):
            where = (module, call.block, call.start)
            yield from ((arg, (arg.value, where, NOWHERE), None) for arg in given)


def _goes_out(response: f.Expr, place: f.Assign | f.Call, function: Function, check: Check) -> bool:
    """Whether an object is a response that is sent: that which FastAPI injects is not, when an error is raised."""
    module = function.module
    if not is_response(check.project.infer(response, module, place.block, place.start), check.project.types):
        return False
    is_injected = isinstance(response, f.Name) and check.project.answers.injects(function, response.id)
    return not is_injected or not any(
        leave.kind == "raise" and leave.block == place.block and leave.start > place.start for leave in function.exits
    )


def _pages(function: Function, check: Check) -> Iterator[tuple[f.Arg, Bound, int | None]]:
    """What a function gives a template for the page that it answers, and the address to which it sends a browser."""
    module = function.module
    for call in function.calls if module.mentions(*_SENDING) else ():
        name = _SENDING.get(f.last_name(call.func))
        if name is not None:
            where = (module, call.block, call.start)
            code = f.keyword(call, "status_code")
            status = check.project.values.status(code.value, where) if code is not None else None
            yield from ((arg, (arg.value, where, NOWHERE), status) for arg in call.args if arg.name in ("", name))


def _set(answer: Answer, function: Function, check: Check) -> int | None:
    """The status that a handler sets on its injected response before it returns a value."""
    answers, module = check.project.answers, function.module
    found = None
    for name, entry in answers.set_statuses(function) if answer.kind == "value" else ():
        if entry.end <= answer.start and answers.injects(function, name):
            if module.blocks_around(entry.block) <= module.blocks_around(answer.block):
                found = check.project.values.status(entry.value, (module, entry.block, entry.start))
    return found


def _text(told: Told, status: int | None, check: Check) -> str:
    """Whose text it is, when that is not for clients; empty when it is, or one of the types is the project's own."""
    found = ""
    for one in told.types:
        if isinstance(one, (ClassObject, Instance)) or not isinstance(one, External):
            return ""
        kind = audience(one.name)
        is_server_error = status is not None and status >= _SERVER_ERROR
        if kind == "internal" or (kind == "system" and status is None) or (kind != "client" and is_server_error):
            if kind == "internal" or not _is_own(told, one.name, check):
                found = found or f"the text of any `{one.name.rsplit('.', 1)[-1]}`"
    if found and status is not None and status < _SERVER_ERROR and only_parses(check.project, told):
        return ""
    if found and status in _OF_CONTENT and _only_turns(told, check):
        return ""
    return found


def _inner(told: Told, check: Check) -> str:
    """The text that an exception of the project itself is made of, when that is the text of any exception."""
    body = body_of(told.module, told.module.facts.blocks[told.block])
    if body is None or not told.types or not all(isinstance(one, ClassObject) for one in told.types):
        return ""
    function = told.module.enclosing(told.block)
    todo = [(function, 0)] if function is not None else []
    for current, depth in todo:
        calls = [call for call in current.calls if depth or body.start <= call.start < body.end]
        for leave in current.exits if depth else ():
            if leave.kind == "raise" and isinstance(leave.value, f.CallRef):
                found = _made_of(current, current.module.facts.calls[leave.value.index], told, check)
                if found:
                    return found
        for call in calls if depth < _DEEPEST else ():
            callee = check.project.callee(current.module, call)
            if isinstance(callee, FunctionObject) and all(callee.function is not each for each, _ in todo):
                todo.append((callee.function, depth + 1))
    return ""


def _made_of(function: Function, call: f.Call, told: Told, check: Check) -> str:
    module = function.module
    made = check.project.callee(module, call)
    if not isinstance(made, ClassObject) or made not in told.types:
        return ""
    for arg in call.args[:1]:
        for inner in check.project.telling.told((arg.value, (module, call.block, call.start), NOWHERE)):
            for one in inner.types:
                if isinstance(one, External) and audience(one.name) == "internal" and inner.what == "text":
                    return f"the text of any `{one.name.rsplit('.', 1)[-1]}`, as a `{made.cls.name}`,"
    return ""


def _is_own(told: Told, name: str, check: Check) -> bool:
    """Whether the project raises such an exception there itself, with a text of its own."""
    body = body_of(told.module, told.module.facts.blocks[told.block])
    if body is None or told.function is None:
        return False
    raising = Raising(check.project.types, check.project.effects.execution)
    return raising.raises(told.function, body.start, body.end, name)


def _only_turns(told: Told, check: Check) -> bool:
    """Whether the `try` around an except clause only turns values into others: what fails there is what was sent."""
    body = body_of(told.module, told.module.facts.blocks[told.block])
    return (
        body is not None
        and told.function is not None
        and only_computes(check.project, told.function, body.start, body.end)
    )
