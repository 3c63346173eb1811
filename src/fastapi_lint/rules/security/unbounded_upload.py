"""FAPI620: uploads that are read into memory whole, however large they are. Looked for is any limit in sight."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from fastapi_lint import catalog
from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, External, Function, FunctionObject, Instance, Module
from fastapi_lint.model.application import middleware_in
from fastapi_lint.model.calls import filled, put_in_place, root_of
from fastapi_lint.model.data import weighs, weighs_given
from fastapi_lint.model.names import parts
from fastapi_lint.rule import Check, rule

_UPLOADS = ("fastapi.UploadFile", "starlette.datastructures.UploadFile")
_OPTIONS = ("max_body_size", "form_limits")
_LENGTH = rb"\blen\((?:[^()]|\([^()]*\))*\)"
_NAMED = rb"(?:check|valid|limit|size|quota|ensure)\w*\(\s*len\("
_FEW = rb"=?[ ]*\d{1,2}(?![\w.]|[ ]*(?:\*|<<))"
"""A number that limits nothing, behind its operator: an upload of so few bytes is none."""
_CHECKED = re.compile(_NAMED, re.IGNORECASE)
_KEPT = re.compile(rb"\b(\w+)(?:[ \t]*:[ \t]*\w+)?[ \t]*[+:]?=([^=\n]*?)" + _LENGTH + rb"(.?)")
_BODIES = re.compile(rb"\.body\(\)|\.stream\(\)|\breceive\(|(?:\.get\(|\[)[\"']body[\"']")
_LIMITERS = re.compile(r"(?<!rate)(?<!rate_)limit|size|body", re.IGNORECASE)
"""What the middleware of libraries is called that limits sizes: one of rates counts requests."""
_LOOK_AT_NO_SIZE = ("fastapi.security.", "pydantic.", "abc.", "typing.", "object", "Generic", "Protocol")
"""Beginnings of the names of classes that have to do with nothing that limits a body."""
_READING = frozenset({"read"})
_MOST = 12
_DEEPEST = 3
"""Calls over which a function hands on what it has read."""


@rule("FAPI620", severity=Severity.INFO, words={"UploadFile", "File"}, needs_requests=True)
def unbounded_upload(function: Function, check: Check) -> Iterator[Finding]:
    """An upload is read into memory whole, and nothing in sight limits its size.

    Why is this bad?
    An `UploadFile` lies on the disk until it is read; `await file.read()` and `bytes = File()` bring all of it into
    memory. A few clients that send a gigabyte each end the process, and with it all other requests.

    Read in pieces (`while chunk := await file.read(65536)`) and stop when it is too much, or limit the body of
    requests.

    Known limits
    What compares a length or looks at a size in the function, in what it hands the file to, in its dependencies or in
    those that call it, counts as a limit, and so does middleware of the project that looks at `Content-Length`. Limits
    of a proxy in front are not seen.

    References
    - [Request files](https://fastapi.tiangolo.com/tutorial/request-files/)
    - [OWASP: file upload](https://cheatsheetseries.owasp.org/cheatsheets/File_Upload_Cheat_Sheet.html)
    - [CWE-400](https://cwe.mitre.org/data/definitions/400.html)
    """
    module = function.module
    if module.is_test:
        return
    found = [*_reads(function, check), *_held(function, check)]
    if not found or _is_limited(function, check) or _is_limited_around(function, check):
        return
    has_option = check.project.versions.for_path(module.path).reaches("fastapi", "0.164")
    limit = "limit it with `max_body_size=`" if has_option else "limit the body of requests"
    for at, content, shown in found:
        followed = _followed(function, content, check, _DEEPEST)
        if any(_looks_at_size(each.module, each.facts.head_end, each.facts.end, check) for each in followed):
            continue
        yield check.finding(
            at,
            f"{shown} into memory, however large it is",
            why="a few large uploads at once end the process",
            instead=f"read it in pieces and stop when it is too much, or {limit}",
        )


def _reads(function: Function, check: Check) -> Iterator[tuple[tuple[int, int], set[str], str]]:
    """The calls that read all of an upload, with the variables that hold it and what is read."""
    for call in function.calls_named(_READING):
        if not isinstance(call.func, f.Attr) or call.args:
            continue
        receiver = call.func.value
        if isinstance(receiver, f.Attr) and receiver.attr == "file":
            receiver = receiver.value
        kind = check.project.infer(receiver, function.module, call.block, call.start)
        is_upload = check.project.types.is_instance(kind, *_UPLOADS)
        if is_upload or (kind is None and call.awaited and _is_of_untyped(function, receiver, call, check)):
            shown = function.module.source.slice(call.start, call.name_end)
            content = {root_of(receiver), *_read_into(function, call)}
            yield (call.start, call.name_end), content - {""}, f"`{shown}()` reads the whole upload"


def _is_of_untyped(function: Function, receiver: f.Expr, call: f.Call, check: Check) -> bool:
    """Whether something is one of the files of a parameter that is no more than a list: FastAPI fills it."""
    parameters = check.project.taint.tracing.entries.parameters(function).items()
    untyped = {
        f.Name(name) for name, one in parameters if one.marker == "fastapi.File" and _is_list(one.fact.annotation)
    }
    if not untyped:
        return False
    if isinstance(receiver, f.Sub):
        return receiver.value in untyped
    blocks = (function.module.facts.blocks[each] for each in function.module.blocks_around(call.block))
    return any(each.target == receiver and each.test in untyped for each in blocks)


def _is_list(annotation: f.Expr | None) -> bool:
    if isinstance(annotation, f.Sub) and f.last_name(annotation.value) == "Annotated":
        annotation = annotation.items[0]
    return isinstance(annotation, f.Name | f.Attr) and f.last_name(annotation) in ("list", "List", "Sequence")


def _held(function: Function, check: Check) -> Iterator[tuple[tuple[int, int], set[str], str]]:
    """The parameters that FastAPI fills with all of an upload."""
    for name, parameter in check.project.taint.tracing.entries.parameters(function).items():
        if parameter.marker != "fastapi.File":
            continue
        kind = check.project.types.parameter(function, parameter.fact)
        if isinstance(kind, Instance) and kind.cls == "list" and kind.args:
            kind = kind.args[0]
        if isinstance(kind, Instance) and kind.cls == "bytes":
            yield (parameter.fact.start, parameter.fact.end), {name}, f"FastAPI reads all of `{name}`"


def _is_limited(function: Function, check: Check) -> bool:
    """Whether the size is looked at in a function, in what it calls or depends on, or in what calls it."""
    project = check.project
    near = [function, *_handed(function, check)]
    called = (_called(function.module, call, check) for call in function.calls)
    others = [each for each in called if each is not None and each not in near]
    for caller, start in _callers(function, check):
        near += (caller, *_handed(caller, check, before=start))
    for handler in list(near):
        for param in project.taint.tracing.entries.parameters(handler).values():
            where = (handler.module, handler.facts.outer, param.fact.start)
            target = project.types.dependency_of(param.fact, where) if param.marker.endswith("Depends") else None
            if isinstance(target, FunctionObject):
                near.append(target.function)
            elif isinstance(target, (ClassObject, Instance)) and _may_limit(target, check):
                return True
    if any(weighs(project, each.module, each.facts.head_end, each.facts.end) for each in others):
        return True
    if any(weighs(project, each.module, *each.span) for each in _in_front(function, check)):
        return True
    return any(_looks_at_size(each.module, each.facts.head_end, each.facts.end, check) for each in near)


class _Body(NamedTuple):
    """The text of a function or class."""

    module: Module
    span: tuple[int, int]


def _in_front(function: Function, check: Check) -> Iterator[_Body]:
    """What runs before a handler because its route, a router or the app says so: `dependencies=[Depends(limited)]`."""
    project = check.project
    for decorator in function.facts.decorators:
        for wrapper in put_in_place(project.types, function, decorator) or ():
            yield _Body(wrapper.module, (wrapper.facts.head_end, wrapper.facts.end))
    for route in project.routes.by_handler.get(function, ()):
        for address in project.routes.addresses_of(route):
            for one in project.dependencies.effective(address)[0]:
                for each in (one, *project.dependencies.closure(one)):
                    match each.target:
                        case FunctionObject(function=found):
                            yield _Body(found.module, (found.facts.head_end, found.facts.end))
                        case ClassObject(cls=Class() as cls) | Instance(cls=Class() as cls):
                            yield _Body(cls.module, (cls.facts.head_end, cls.facts.end))


def _callers(function: Function, check: Check, depth: int = 2) -> Iterator[tuple[Function, int]]:
    """What calls a function, and what calls it through one that only hands on its own, with the place of the call."""
    for use in check.project.callers.uses(function)[:_MOST]:
        if (caller := use.caller) is None or (call := use.call) is None:
            continue
        yield caller, use.start
        own = {param.name for param in caller.params if param.name not in ("self", "cls")}
        if depth > 1 and any(_holds(arg.value, own, caller.module, depth=0) for arg in call.args):
            yield from _callers(caller, check, depth - 1)


def _handed(function: Function, check: Check, before: float = inf) -> Iterator[Function]:
    """The functions that are handed what a function holds, in calls before a place."""
    given = check.project.taint.tracing.entries.parameters(function)
    others = {"self", "cls", *(name for name, parameter in given.items() if parameter.marker.endswith("Depends"))}
    held = {param.name for param in function.params if param.name not in others} | _read_into(function)
    for call in function.calls:
        if call.start < before and any(_holds(arg.value, held, function.module) for arg in call.args):
            if (callee := _called(function.module, call, check)) is not None:
                yield callee


def _called(module: Module, call: f.Call, check: Check) -> Function | None:
    """The function of the project that a call runs, the `__call__` of an object among them."""
    callee = check.project.callee(module, call)
    if isinstance(callee, Instance) and isinstance(callee.cls, Class):
        callee = check.project.types.member(callee.cls, "__call__", callee)
    return callee.function if isinstance(callee, FunctionObject) else None


def _followed(function: Function, content: set[str], check: Check, depth: int) -> Iterator[Function]:
    """The functions that are handed what is in the upload, over some calls."""
    content = _packed(function, content) if depth and content else content
    for call in function.calls if depth and content else ():
        given = [index for index, arg in enumerate(call.args) if _holds(arg.value, content, function.module)]
        callee = check.project.callee(function.module, call) if given else None
        if isinstance(callee, FunctionObject):
            yield callee.function
            params = callee.function.params[filled(check.project.types, callee) :]
            taken = {call.args[index].name or (params[index].name if index < len(params) else "") for index in given}
            yield from _followed(callee.function, taken - {""}, check, depth - 1)


def _holds(value: f.Expr | None, held: set[str], module: Module, depth: int = 2) -> bool:
    """Whether an argument is one of some variables, or what calls make of one."""
    while isinstance(value, f.Await | f.Star | f.Sub):
        value = value.value
    if value is not None and root_of(value) in held:
        return True
    if isinstance(value, f.Mapping | f.Display):  # `{"name": name, "bytes": content}`
        return bool(depth) and any(_holds(part, held, module, depth - 1) for part in parts(value))
    if not depth or not isinstance(value, f.CallRef):
        return False
    inner = module.facts.calls[value.index]
    return root_of(inner.func) in held or any(_holds(arg.value, held, module, depth - 1) for arg in inner.args)


def _packed(function: Function, content: set[str]) -> set[str]:
    """Some variables, and the dicts and lists that one of them is put into."""
    module = function.module
    for assign in module.assigns_in.get(function.index, ()):
        if isinstance(assign.value, f.Mapping | f.Display) and _holds(assign.value, content, module):
            content = content | set(f.target_names(assign.target))
    return content


def _read_into(function: Function, call: f.Call | None = None) -> set[str]:
    """The variables of a function that are given something that a call has read, one of them or any."""
    calls, found = function.module.facts.calls, set[str]()
    for assign in function.module.assigns_in.get(function.index, ()):
        value = assign.value.value if isinstance(assign.value, f.Await) else assign.value
        if isinstance(value, f.CallRef) and f.last_name(calls[value.index].func) == "read":
            if call is None or calls[value.index] is call:
                found |= set(f.target_names(assign.target))
    return found


def _looks_at_size(module: Module, start: int, end: int, check: Check) -> bool:
    """Whether code asks for a size, or compares a length with another: one that is stored or logged limits nothing."""
    text = module.text
    if weighs(check.project, module, start, end) or _hands_on_a_length(module, start, end, check):
        return True
    if _is_compared(_LENGTH, rb"\blen\(", text[start:end]):
        return True
    for found in _KEPT.finditer(text, start, end):
        name = rb"\b%b\b" % found[1]
        if _is_compared(name, name, text[start:end], is_length=not found[2].strip() and found[3] in b")\n\r:"):
            return True
    return False


def _is_compared(first: bytes, last: bytes, text: bytes, is_length: bool = True) -> bool:
    """Whether something is compared, in front of the operator or behind it; a length with more than a few."""
    few = _FEW if is_length else rb"(?!)"
    if re.search(first + rb"(?:[ )]{0,9}[<>](?!%b)|[ )]{0,9}[/*][ )/*\w.]{0,80}[<>])" % few, text):
        return True
    small = rb"((?<![\w.])\d{1,2}[ ]{0,9})?" if is_length else rb"()?"
    for found in re.finditer(small + rb"[<>]=?[ (\w.*/]{0,80}" + last, text):
        if not found[1] or text[: found.start()].rstrip().endswith((b"*", b"<<")):
            return True
    return False


def _may_limit(dependency: ClassObject | Instance, check: Check) -> bool:
    """Whether a class on which an endpoint depends looks at sizes, or is not known."""
    if not isinstance(dependency.cls, Class):
        return catalog.security_scheme(dependency.cls) is None
    for base in check.project.types.mro(dependency.cls):
        if not isinstance(base, Class):
            if not base.startswith(_LOOK_AT_NO_SIZE):
                return True
        elif _looks_at_size(base.module, base.facts.head_end, base.facts.end, check):
            return True
    return False


def _is_limited_around(function: Function, check: Check) -> bool:
    """Whether the routes, their routers, apps or the middleware of the project limit the body."""
    project = check.project
    for route in project.routes.by_handler.get(function, ()):
        if any(route.keyword(name) is not None for name in _OPTIONS):
            return True
    for app in project.routes.apps:
        if any(app.given(name) is not None for name in _OPTIONS):
            return True
    for router in project.routes.routers.values():
        if any(router.given(name) is not None for name in _OPTIONS):
            return True
    return any(_limits(module, check) for module in project.modules if module.mentions("iddleware"))


def _limits(module: Module, check: Check) -> bool:
    for each in middleware_in(check.project, module):
        match each.what:
            case External(name=name):
                if _LIMITERS.search(name.rpartition(".")[2]):
                    return True
            case ClassObject(cls=cls):
                if _limits_requests(cls.module, cls.facts.head_end, cls.facts.end, check):
                    return True
            case FunctionObject(function=function):
                if _limits_requests(function.module, function.facts.head_end, function.facts.end, check):
                    return True
    return False


def _limits_requests(module: Module, start: int, end: int, check: Check) -> bool:
    """Whether middleware looks at a size, and not only at that of what it answers or logs."""
    if weighs(check.project, module, start, end):
        return True
    return bool(_BODIES.search(module.text, start, end)) and _looks_at_size(module, start, end, check)


def _hands_on_a_length(module: Module, start: int, end: int, check: Check) -> bool:
    """Whether a length is handed to what compares it, or may do so by its name."""
    for found in _CHECKED.finditer(module.text, start, end):
        here = (call for call in module.facts.calls if call.start <= found.start() < call.name_end)
        if any(weighs_given(check.project, module, call) for call in here):
            return True
    return False
