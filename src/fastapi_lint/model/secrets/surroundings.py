"""What lies around a secret: the host it opens, the script or branch it is for, the class nobody makes. Judges none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.data.unread import is_unread
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Module
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.literals import quoted_at
from fastapi_lint.model.values.texts import BoundText, bound_texts, target_name

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_GUARD = re.compile(rb"if\s+(?:\(\s*)?(?:__name__\s*==\s*[\"']__main__[\"']|[\"']__main__[\"']\s*==\s*__name__)")
_SERVERS = frozenset({
    "uvicorn.run", "uvicorn.Server", "uvicorn.main.run", "hypercorn.asyncio.serve", "hypercorn.trio.serve",
    "granian.Granian", "daphne.server.Server", "gunicorn.app.wsgiapp.run",
})  # fmt: skip
_SERVER_NAMES = frozenset(name.rsplit(".", 1)[-1] for name in _SERVERS)
_HOST_WORDS = ("host", "hostname", "server", "address", "addr", "url", "uri", "endpoint")
_IMPORT = re.compile(rb"^\s*(?:from\s|import\s|class\s)|__all__")
_DEPTH = 3


def host_beside(bound: BoundText) -> str | None:
    """The host that a password is for, by the names around it (`db_host` beside `db_password`); None when unknown."""
    name = secrets.words(bound.name)
    ending = len(secrets.ending(bound.name))
    prefix = name[: len(name) - ending] if ending else name[:-1]
    wanted = {(*prefix, word) for word in _HOST_WORDS}
    hosts = []
    for other in bound_texts(bound.module):
        is_together = bound.binding is not None and other.binding is bound.binding
        is_near = other.cls is bound.cls and (other.call is bound.call or is_together)
        if (prefix or is_near) and tuple(secrets.words(other.name)) in wanted and other.text:
            hosts.append(other.text)
    return hosts[0] if hosts and len(set(map(secrets.is_local_host, hosts))) == 1 else None


def runs_a_server(module: Module, project: Project) -> bool:
    """Whether a module starts a server for an application."""
    return any(
        f.last_name(call.func) in _SERVER_NAMES and project.called_name(module, call) in _SERVERS
        for call in module.facts.calls
    )


def runs_as_script(module: Module, block: int, project: Project, depth: int = _DEPTH) -> bool:
    """Whether a place is reached only when its module is run as a script: it stands below the guard for that, or in a
    function that only code below it mentions."""
    guards = _guards(module)
    if not guards:
        return False
    start = module.facts.blocks[block].start
    if any(one.start <= start < one.end for one in guards):
        return True
    function = module.enclosing(block)
    return function is not None and depth > 0 and _is_for_script(function, guards, project, depth)


def _guards(module: Module) -> list[f.Block]:
    if not module.facts.has_main_guard:
        return []
    data = module.text
    return [block for block in module.facts.blocks if block.kind == "if" and _GUARD.match(data, block.start)]


def _is_for_script(function: Function, guards: list[f.Block], project: Project, depth: int) -> bool:
    module = function.module
    found = False
    for at in mentions(function.name, module):
        if at == function.facts.name_start:
            continue
        found = True
        if any(one.start <= at < one.end for one in guards):
            continue
        if not runs_as_script(module, block_at(module, at), project, depth - 1):
            return False
    callers = project.routes.expansion.objects.callers(function.name)
    return found and not any(
        other is not module and project.callee(other, call) == FunctionObject(function) for other, call in callers
    )


def mentions(name: str, module: Module) -> Iterator[int]:
    """The places of a module's text at which a name stands, those in literals and comments aside."""
    if not module.mentions(name):
        return
    data = module.text
    for found in re.finditer(rb"(?<!\w)" + re.escape(name.encode()) + rb"(?!\w)", data):
        literal = quoted_at(module, found.start())
        line = data[data.rfind(b"\n", 0, found.start()) + 1 : found.start()]
        if (literal is None or literal.formatted) and b"#" not in line:
            yield found.start()


def block_at(module: Module, offset: int) -> int:
    """The innermost block around a place."""
    blocks = module.facts.blocks
    around = [index for index, block in enumerate(blocks) if block.start <= offset < block.end]
    return min(around, key=lambda index: blocks[index].end - blocks[index].start, default=0)


def is_unused_alternative(cls: Class, project: Project) -> bool:
    """Whether a project makes no object of a class, mentions it nowhere, and uses another one of the module."""
    others = [one for one in cls.module.classes if one is not cls and (one.facts.bases or one.facts.decorators)]
    return _is_unused(cls, project) and any(not _is_unused(one, project) for one in others)


def _is_unused(cls: Class, project: Project) -> bool:
    if project.routes.expansion.objects.makers(cls) or project.routes.expansion.objects.subclasses(cls):
        return False
    for module in project.modules:
        data = module.text if module.mentions(cls.name) else b""
        for at in mentions(cls.name, module) if data else ():
            line = data[data.rfind(b"\n", 0, at) + 1 : at]
            if not _IMPORT.match(line) and not _in_import(module, at):
                return False
    return True


def _in_import(module: Module, at: int) -> bool:
    return any(entry.start <= at < entry.end for entry in module.facts.imports)


def is_for_one_branch(bound: BoundText, project: Project) -> bool:
    """Whether all code that uses a secret stands in one of several branches, as far as the names tell: without the
    secret the others go on."""
    name = target_name(bound.binding.target) if bound.binding is not None else _target_of(bound)
    if not name or (bound.binding is None and bound.how != "fallback"):
        return False
    found = False
    for module in project.modules:
        for at in mentions(name, module):
            if _in_import(module, at) or (module is bound.module and _is_bound(bound, at)):
                continue
            block = block_at(module, at)
            around = module.block_chain(block)
            if not any(one.kind in ("if", "else", "case") for one in around) and not _is_left_before(module, block, at):
                return False
            found = True
    return found


def _is_left_before(module: Module, block: int, at: int) -> bool:
    """Whether a function may have been left by a `return` below a condition on the configuration before it gets to a
    place: a condition on what it was given, or has found out, says nothing about the installation."""
    function = module.enclosing(block)
    if function is None:
        return False
    blocks = module.facts.blocks
    own = {param.name for param in function.params}
    own.update(name for entry in module.assigns_in.get(function.index, ()) for name in target_names(entry.target))
    for leave in function.exits:
        test = blocks[leave.block].test
        if leave.kind != "return" or leave.start >= at or blocks[leave.block].kind != "if" or test is None:
            continue
        names = {part.id for part in walk(test) if isinstance(part, f.Name)}
        if names and names.isdisjoint(own):
            return True
    return False


_CONDITION = re.compile(rb"\b(?:if|elif|assert|while|not|or|and|raise|validator|field_validator)\b")


def is_checked(bound: BoundText, project: Project) -> bool:
    """Whether code looks whether a secret is there before it goes on, or a validator does, as far as the lines tell."""
    if bound.cls is not None and _is_validated(bound, bound.cls, project):
        return True
    names = {bound.name, target_name(bound.binding.target) if bound.binding is not None else _target_of(bound)}
    for name in filter(None, names):
        for module in project.modules:
            data = module.text if module.mentions(name) else b""
            for at in mentions(name, module):
                if module is bound.module and _is_bound(bound, at):
                    continue
                if _CONDITION.search(data[data.rfind(b"\n", 0, at) + 1 : _end_of_code(module, at)]):
                    return True
    return False


def _end_of_code(module: Module, at: int) -> int:
    """Where the code of the line around a place ends: before a comment, or before the next line."""
    data = module.text
    end = data.find(b"\n", at)
    end = end if end >= 0 else len(data)
    hashes = (found.start() for found in re.finditer(rb"#", data[at:end]))
    return next((at + each for each in hashes if quoted_at(module, at + each) is None), end)


def _is_validated(bound: BoundText, cls: Class, project: Project) -> bool:
    """Whether a model refuses an empty text for a field: by the length that it demands, or by a validator that names it
    and raises. (Settings validate their defaults.)"""
    if bound.call is not None and any(
        arg.name == "min_length" and isinstance(arg.value, f.Const) and arg.value.value for arg in bound.call.args
    ):
        return True
    for one in (cls, *project.routes.expansion.objects.subclasses(cls)):
        for method in one.methods.values():
            made = (each.index for each in method.facts.decorators if isinstance(each, f.CallRef))
            for call in (one.module.facts.calls[index] for index in made):
                named = {arg.value.value for arg in call.args if isinstance(arg.value, f.Const) and arg.name == ""}
                if f.last_name(call.func) in ("field_validator", "validator") and {bound.name, "*"} & named:
                    if any(leave.kind == "raise" for leave in method.exits):
                        return True
    return False


def is_refused(bound: BoundText, project: Project) -> bool:
    """Whether the program stops when a secret still is this text: something compares the two, by itself or by a method
    that says so, and raises."""
    if not bound.text:
        return False
    methods = (method for cls in bound.module.classes for method in cls.methods.values())
    asked = {bound.name, *(method.name for method in methods if _tells(method, bound, project))}
    for module in project.modules:
        if not any(map(module.mentions, asked)):
            continue
        blocks = module.facts.blocks
        raising = {entry.block for entry in module.facts.exits if entry.kind == "raise"}
        for index in raising:
            while index >= 0 and blocks[index].kind not in ("function", "class", "module", "lambda"):
                block = blocks[index]
                if block.kind == "if" and _compares(block.test, bound, (module, block.parent, block.start), project):
                    return True
                index = block.parent
    return False


def _compares(test: f.Expr | None, bound: BoundText, where: Where, project: Project, depth: int = 5) -> bool:
    match test:
        case f.Choice(options=options) if depth:
            return any(_compares(each, bound, where, project, depth - 1) for each in options)
        case f.Compare(operators=("==" | "in",), operands=(one, other)):
            pairs = ((one, other), (other, one)) if test.operators == ("==",) else ((one, other),)
            return any(
                f.last_name(mine) == bound.name and bound.text in _held(theirs, where, project)
                for mine, theirs in pairs
            )
        case f.Attr(attr=attr) if depth:  # a property
            owners = (bound.module, where[0]) if bound.module is not where[0] else (bound.module,)
            methods = [cls.methods[attr] for module in owners for cls in module.classes if attr in cls.methods]
            return any(_tells(method, bound, project, depth - 1) for method in methods)
        case f.CallRef(index=index) if depth:
            callee = project.callee(where[0], where[0].facts.calls[index])
            return isinstance(callee, FunctionObject) and _tells(callee.function, bound, project, depth - 1)
    return False


def _tells(function: Function, bound: BoundText, project: Project, depth: int = 2) -> bool:
    """Whether a function answers with a comparison of a secret with this text."""
    places = ((leave.value, (function.module, leave.block, leave.start)) for leave in function.exits)
    return function.module.mentions(bound.name) and any(
        _compares(value, bound, where, project, depth) for value, where in places
    )


def _held(expr: f.Expr, where: Where, project: Project) -> tuple[str, ...]:
    """The text that an expression is, or the texts that a display holds, also behind a name."""
    texts: list[str] = []
    for value, place in ((expr, where), *project.values.definitions(expr, where)):
        for one in value.items if isinstance(value, f.Display) else (value,):
            if (text := project.values.text(one, place)) is not None:
                texts.append(text)
    return tuple(texts)


def is_never_read(bound: BoundText, project: Project) -> bool:
    """Whether nothing in an application reads what a secret is kept as."""
    entry = bound.binding or _assignment(bound)
    return entry is not None and is_unread(bound.module, entry, project)


def class_around(bound: BoundText) -> Class | None:
    """The class in whose body a text stands, in a `lambda` of it as well: a factory of a default."""
    blocks = bound.module.facts.blocks
    block = blocks[bound.block]
    while block.kind == "lambda":
        block = blocks[block.parent]
    cls = block.cls
    return bound.module.classes[cls] if cls >= 0 else None


def _is_bound(bound: BoundText, at: int) -> bool:
    entry = bound.binding or _assignment(bound)
    return entry is not None and entry.start <= at < entry.end


def _target_of(bound: BoundText) -> str:
    entry = _assignment(bound)
    return target_name(entry.target) if entry is not None else ""


def _assignment(bound: BoundText) -> f.Assign | None:
    """The assignment in which a text stands."""
    return next((each for each in bound.module.facts.assigns if each.start <= bound.start < each.end), None)
