"""FAPI604: the text of an internal error goes out to the client."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model.names import ClassObject, External, Function, Instance, Module, TupleOf, Type
from fastapi_lint.model.routing import argument
from fastapi_lint.model.types import Where
from fastapi_lint.rule import Check, rule

_EXCEPTIONS = frozenset({
    "fastapi.HTTPException", "fastapi.exceptions.HTTPException", "starlette.exceptions.HTTPException",
    "starlette.HTTPException",
})  # fmt: skip
_RESPONSES = frozenset({
    f"{package}.responses.{name}"
    for package in ("fastapi", "starlette")
    for name in ("JSONResponse", "PlainTextResponse", "HTMLResponse", "Response", "ORJSONResponse", "UJSONResponse")
})  # fmt: skip
_ANYTHING = frozenset({"Exception", "BaseException"})
_INTERNAL = (
    "sqlalchemy.", "sqlmodel.", "psycopg", "asyncpg.", "pymysql.", "aiomysql.", "sqlite3.", "pymongo.", "motor.",
    "redis.", "botocore.", "subprocess.", "elasticsearch.", "docker.errors.", "kubernetes.",
)  # fmt: skip
"""Errors of infrastructure: their texts hold statements, addresses, paths."""
_SYSTEM = frozenset({
    "OSError", "IOError", "EnvironmentError", "ConnectionError", "MemoryError", "SystemError", "RuntimeError",
    "AttributeError", "ImportError", "ModuleNotFoundError", "NameError",
})  # fmt: skip
_TRACEBACKS = frozenset(
    {"traceback.format_exc", "traceback.format_exception", "traceback.format_tb", "traceback.format_stack"}
)
_PARSES = frozenset({"json", "loads", "model_validate", "model_validate_json", "parse_obj", "parse_raw", "form"})
_PREPARES = frozenset({"body", "decode", "startswith", "get", "strip", "lower", "dict"})
"""What reads the body of a request, and what comes before: the error then speaks of what the client sent."""
_DEPTH = 8
_Ask = Callable[[f.Expr], bool]


@rule("FAPI604", words={"HTTPException", "Response", "@"}, hint=r"except|traceback")
def exception_detail_leak(function: Function, check: Check) -> Iterator[Finding]:
    """The text of an internal error is sent to the client.

    Why is this bad?
        The text of an exception that nobody expected is written for developers: it holds SQL with its values, host
        names, paths, parts of other people's data. Attackers read it to find out what to try next, and users cannot
        act on it. Log the exception, and answer with a fixed text; the status code and a request id are enough to
        find the entry.

    Known limits
        Reported for what is caught as `Exception`, for errors of databases and the operating system, and for
        tracebacks. `ValueError` and the like with a 4xx status, and the project's own exception classes, are taken to
        be written for clients, and so is, with a 4xx status, what parsing the client's own body says. Exceptions that
        are passed to a function which builds the answer are not followed.

    References
        - https://fastapi.tiangolo.com/tutorial/handling-errors/
        - https://cheatsheetseries.owasp.org/cheatsheets/Error_Handling_Cheat_Sheet.html
        - https://cwe.mitre.org/data/definitions/209.html
    """
    module = function.module
    if module.is_test:
        return
    handled = _handled_error(function, check)
    for value, place, status, block in _answers(function, check):
        caught = _caught(module, block, check) or handled
        where = (module, block, place.start)
        if _has_traceback(value, where, check):
            yield check.finding(
                place,
                f"the traceback goes to the client in `{function.name}`: it shows code and paths; "
                "log it, and answer with a fixed text",
            )
        elif (
            caught is not None
            and _tells(value, caught[0], where, check)
            and (what := _internal(caught[1], status))
            and not (status is not None and status < 500 and _only_reads(function, block))
        ):
            yield check.finding(
                place,
                f"the text of any `{what}` goes to the client in `{function.name}`: it may hold SQL, paths or data; "
                "log the exception, and answer with a fixed text",
            )


class _Place:
    """A byte range."""

    __slots__ = ("end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end


def _answers(function: Function, check: Check) -> Iterator[tuple[f.Expr, _Place, int | None, int]]:
    """What a function sends: the expression, its place, the status (None when unknown) and the block."""
    module = function.module
    for call in function.calls:
        called = f.last_name(call.func)
        if called != "HTTPException" and not called.endswith("Response"):
            continue
        name = check.project.called_name(module, call)
        where = (module, call.block, call.start)
        if name in _EXCEPTIONS:
            content, code = argument(call, 1, "detail"), argument(call, 0, "status_code")
        elif name in _RESPONSES:
            content, code = argument(call, 0, "content"), argument(call, 1, "status_code")
        else:
            continue
        if content is not None:
            status = check.project.values.status(code.value, where) if code else None
            yield content.value, _Place(content.start, content.end), status, call.block
    for leave in function.exits:
        if leave.kind != "return" or not isinstance(leave.value, f.Mapping) or not _in_handler(module, leave.block):
            continue
        if function in check.project.routes.by_handler:
            yield leave.value, _Place(leave.start, leave.end), 500, leave.block


def _in_handler(module: Module, block: int) -> bool:
    return any(entry.kind == "except" for entry in module.block_chain(block))


_Caught = tuple[str, tuple[Type, ...]]


def _caught(module: Module, block: int, check: Check) -> _Caught | None:
    """Name and types of the exception that is handled in a block; None when there is none, or it was told apart."""
    blocks = module.facts.blocks
    while block >= 0:
        entry = blocks[block]
        if entry.kind in ("function", "lambda", "class", "module"):
            return None
        if entry.kind in ("if", "case") and _tells_apart(entry.test, module):
            return None
        if entry.kind == "except":
            if not isinstance(entry.target, f.Name):
                return "", _types(entry, module, check)
            return entry.target.id, _types(entry, module, check)
        block = entry.parent
    return None


def _only_reads(function: Function, block: int) -> bool:
    """Whether the body of the `try` around an except clause does nothing but read and parse what the client sent."""
    module = function.module
    clause = next((entry for entry in module.block_chain(block) if entry.kind == "except"), None)
    for entry in module.blocks_in.get(function.index, ()) if clause is not None else ():
        if clause is not None and entry.kind == "body" and entry.parent == clause.parent:
            calls = [call for call in function.calls if entry.start <= call.start < entry.end]
            names = {f.last_name(call.func) for call in calls if {arg.name for arg in call.args} != {"**"}}
            return bool(names & _PARSES) and names <= _PARSES | _PREPARES
    return False


def _types(entry: f.Block, module: Module, check: Check) -> tuple[Type, ...]:
    if entry.test is None:
        return (External("BaseException"),)
    value = check.project.infer(entry.test, module, entry.parent, entry.start)
    return value.items if isinstance(value, TupleOf) else (value,)


def _tells_apart(test: f.Expr | None, module: Module) -> bool:
    """Whether a condition asks what the exception is (`isinstance(e, NotFound)`) or whether details may be shown."""
    match test:
        case f.CallRef(index=index):
            return f.last_name(module.facts.calls[index].func) in ("isinstance", "hasattr", "issubclass")
        case f.Name(id=name) | f.Attr(attr=name):
            return any(word in name.lower() for word in ("debug", "dev", "verbose"))
        case f.Choice(options=options):
            return any(_tells_apart(option, module) for option in options)
    return False


def _handled_error(function: Function, check: Check) -> _Caught | None:
    """The parameter of an exception handler registered for `Exception` or 500."""
    module = function.module
    for decorator in function.facts.decorators:
        if not isinstance(decorator, f.CallRef):
            continue
        call = module.facts.calls[decorator.index]
        first = argument(call, 0, "exc_class_or_status_code")
        if f.last_name(call.func) != "exception_handler" or first is None or len(function.params) < 2:
            continue
        index = 2 if function.params[0].name == "self" and len(function.params) > 2 else 1
        if isinstance(first.value, f.Const) and first.value.value == 500:
            return function.params[index].name, (External("Exception"),)
        return function.params[index].name, (check.project.infer(first.value, module, call.block, call.start),)
    return None


def _internal(types: tuple[Type, ...], status: int | None) -> str:
    """The first caught type whose text is not for clients; empty when there is none, or one is the project's own."""
    found = ""
    for one in types:
        if isinstance(one, (ClassObject, Instance)) or not isinstance(one, External):
            return ""
        name = one.name
        if name in _ANYTHING or name.startswith(_INTERNAL) or (name in _SYSTEM and (status is None or status >= 500)):
            found = found or name.rsplit(".", 1)[-1]
    return found


def _tells(value: f.Expr, name: str, where: Where, check: Check, depth: int = 0) -> bool:
    """Whether an expression says what the exception says: `str(e)`, `f"...{e}"`, `repr(e)`, `"..." + str(e)`."""
    if not name or depth > _DEPTH:
        return False
    module = where[0]

    def inner(part: f.Expr) -> bool:
        return _tells(part, name, where, check, depth + 1)

    match value:
        case f.Name(id=found):
            if found == name:
                return True
            return any(
                _tells(expr, name, at, check, depth + 3)
                for expr, at in check.project.values.definitions(value, where)
                if at[0] is module and _same_handler(module, at[1], where[1])
            )
        case f.Joined(parts=parts):
            return any(inner(part) for part in parts)
        case f.Binary(op="+" | "%", left=left, right=right):
            return inner(left) or inner(right)
        case f.Mapping(items=items):
            return any(inner(item) for _, item in items)
        case f.Display(items=items) | f.Choice(options=items):
            return any(inner(item) for item in items)
        case f.Attr(value=f.Name(id=found), attr="args" | "__str__" | "orig"):
            return found == name
        case f.Sub(value=f.Attr(value=f.Name(id=found), attr="args")):
            return found == name
        case f.CallRef(index=index):
            return _called_tells(module.facts.calls[index], inner)
    return False


def _called_tells(call: f.Call, inner: _Ask) -> bool:
    called = f.last_name(call.func)
    if called in ("str", "repr", "format_exception_only") and isinstance(call.func, (f.Name, f.Attr)):
        return any(inner(arg.value) for arg in call.args)
    if called == "format" and isinstance(call.func, f.Attr):
        return any(inner(arg.value) for arg in call.args)
    if called in ("strip", "lower", "encode", "dumps"):
        receiver = isinstance(call.func, f.Attr) and inner(call.func.value)
        return receiver or (called == "dumps" and any(inner(arg.value) for arg in call.args))
    return False


def _same_handler(module: Module, one: int, other: int) -> bool:
    """Whether a block lies in the same except clause as another."""
    blocks = module.facts.blocks

    def clause(block: int) -> int:
        while block >= 0 and blocks[block].kind != "except":
            block = blocks[block].parent
        return block

    return clause(one) == clause(other)


def _has_traceback(value: f.Expr, where: Where, check: Check, depth: int = 0) -> bool:
    if depth > _DEPTH:
        return False
    module = where[0]

    def inner(part: f.Expr) -> bool:
        return _has_traceback(part, where, check, depth + 1)

    match value:
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            if f.last_name(call.func).startswith("format_"):
                return check.project.called_name(module, call) in _TRACEBACKS
            return f.last_name(call.func) in ("str", "join", "format") and any(inner(arg.value) for arg in call.args)
        case f.Joined(parts=parts):
            return any(inner(part) for part in parts)
        case f.Binary(left=left, right=right):
            return inner(left) or inner(right)
        case f.Mapping(items=items):
            return any(inner(item) for _, item in items)
        case f.Name():
            found = list(check.project.values.definitions(value, where))
            return (
                len(found) == 1
                and found[0][1][0] is module
                and _has_traceback(found[0][0], found[0][1], check, depth + 3)
            )
    return False
