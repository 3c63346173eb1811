"""Claims that tell which token one is: when it was issued, its own key, its session, what a row says of its user.

Says whether the program asks for them. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.names.expressions import evaluated, stands_in, walk
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, Instance, Module
from fastapi_lint.model.tokens.expressions import read_of, tests_of
from fastapi_lint.model.tokens.parts import Part
from fastapi_lint.model.tokens.payloads import Payloads, encodings
from fastapi_lint.model.types.inference.inference import DEPENDS, Where
from fastapi_lint.tracking.queries import gathered

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_IDENTITY = frozenset({"iat", "jti", "sid"})
"""Claims that tell of the token itself: when it was issued, which one it is, to which session it belongs."""
_NEW = ("uuid.uuid", "secrets.token_", "os.urandom")
_ACCOUNT = "sub"
_SESSION = "session"
_DEPTH = 8


@gathered
def asking(project: Project, module: Module) -> Iterator[str]:
    """A module that reads `iat`, `jti` or `sid` of something, where tokens have that claim, as far as they are known.

    (What Twilio sends has a `sid` as well, and so have the clients of Socket.IO.)
    """
    known = frozenset(_identifying(project))
    names = _IDENTITY & known if known else _IDENTITY  # without a token that it signs, a library does
    if names and not module.is_test and module.mentions(*names) and _reads(module, names):
        yield module.path


@gathered
def _identifying(project: Project, module: Module) -> Iterator[str]:
    """The claims that tell of the token itself which a module puts into one, or may; "" for a token without any."""
    if module.is_test:
        return
    payloads = Payloads(project)
    for encoding in encodings(module, project):
        yield ""
        put = {part.key for part in payloads.claims(encoding)}
        for name in sorted(_IDENTITY):
            if name in put or payloads.presence(encoding.payload, encoding.where, (), name) == "unknown":
                yield name


@gathered
def _telling(project: Project, module: Module) -> Iterator[tuple[str, str]]:
    """The claims that a module puts into tokens under names of its own, each with what it is (`_kind`)."""
    if module.is_test:
        return
    payloads = Payloads(project)
    found: set[tuple[str, str]] = set()
    for encoding in encodings(module, project):
        for part in payloads.claims(encoding):
            if part.key is not None and part.key != _ACCOUNT:
                found.add((part.key, _kind(part, project)))
    yield from sorted(found)


def asks_rows(project: Project) -> bool:
    """Whether a claim that tells the session is read, or one that stands in a row is compared with what stands there
    now."""
    return bool(_asking_sessions(project)) or bool(_comparing_rows(project))


@gathered
def _asking_sessions(project: Project, module: Module) -> Iterator[str]:
    told = _telling(project)
    others = {name for name, kind in told if kind != _SESSION}  # the key of a user who has just been made, for example
    sessions = frozenset(name for name, _ in told) - others
    if sessions and not module.is_test and module.mentions(*sessions) and _reads(module, sessions):
        yield module.path


@gathered
def _comparing_rows(project: Project, module: Module) -> Iterator[str]:
    told = frozenset(_telling(project))
    names = [name for name, kind in told if "." in kind]
    if not names or module.is_test or not module.mentions(*names):
        return
    for function in module.functions:
        for test, block, at in tests_of(function):
            for part in walk(test):
                if isinstance(part, f.Compare) and part.operators in (("==",), ("!=",)):
                    one, other = part.operands
                    for a, b in ((one, other), (other, one)):
                        where = (module, block, at)
                        column = column_of(b, where, project)
                        if column and any((name, column) in told for name in _claims(a, function, where, project)):
                            yield module.path
                            return


def _reads(module: Module, names: frozenset[str]) -> bool:
    """Whether a module reads an entry or attribute of one of some names."""
    for call in module.facts.calls:
        if f.last_name(call.func) in ("get", "pop") and call.args and _text(call.args[0].value) in names:
            return True
    for function in module.functions:
        written = {entry.target for entry in module.assigns_in.get(function.index, ())}
        for expr, _, _ in evaluated(function):
            for part in walk(expr):
                match part:
                    case f.Sub(items=(item,)) if _text(item) in names and part not in written:
                        return True
                    case f.Attr(attr=attr) if attr in names and part not in written:
                        return True
    return False


def _text(expr: f.Expr) -> str:
    return expr.value if isinstance(expr, f.Const) and isinstance(expr.value, str) else ""


def _kind(part: Part, project: Project) -> str:
    """What the value of a claim is: "session" for what is new or the key of a new row, the column ("User.changes") for
    what a row holds, or ""."""
    module, block, at = part.where
    function = module.enclosing(block)
    values: list[f.Expr] = [part.value]
    for entry in module.assigns_in.get(function.index, ()) if function is not None else ():
        if entry.target == part.value and entry.value is not None and entry.start < at:
            values.append(entry.value)
    for value in values:
        for inner in deep(value, module):
            if isinstance(inner, f.CallRef):
                if (project.called_name(module, module.facts.calls[inner.index]) or "").startswith(_NEW):
                    return _SESSION
            elif isinstance(inner, f.Attr) and isinstance(inner.value, f.Name) and function is not None:
                column = column_of(inner, part.where, project)
                if column is not None:
                    return _SESSION if _is_made_in(inner.value.id, function, project) else column
    return ""


def column_of(expr: f.Expr, where: Where, project: Project) -> str | None:
    """The column that an expression reads of a row, as "User.changes"; "" of its key, None of anything else."""
    owner = project.infer(expr.value, *where) if isinstance(expr, f.Attr) else None
    cls = owner.cls if isinstance(owner, Instance) and isinstance(owner.cls, Class) else None
    if cls is None or not isinstance(expr, f.Attr) or not project.orm.is_orm(cls):
        return None
    model = project.orm.of(cls)
    keys = {each.name for each in model.columns if each.is_true("primary_key")} if model is not None else set()
    return f"{cls.qualname}.{expr.attr}" if expr.attr not in keys else ""


def _is_made_in(name: str, function: Function, project: Project) -> bool:
    """Whether a function makes the row itself that a variable holds."""
    module = function.module
    for entry in module.assigns_in.get(function.index, ()):
        if name in target_names(entry.target) and isinstance(entry.value, f.CallRef):
            callee = project.callee(module, module.facts.calls[entry.value.index])
            if isinstance(callee, ClassObject) and project.orm.is_orm(callee.cls):
                return True
    return False


def _claims(expr: f.Expr, function: Function, where: Where, project: Project) -> Iterator[str]:
    """The names of entries and attributes that an expression is, or that a variable was set to: not of what an endpoint
    is sent beside the token, as the role with which somebody wants to log in, and not of another row."""
    module = function.module
    sent: set[f.Expr] = set()
    if function in project.routes.by_handler:
        parameters = project.dependencies.parameters(function)
        sent = {f.Name(each.name) for each in parameters if each.marker not in DEPENDS}
    values = [expr]
    if isinstance(expr, f.Name):
        assigns = module.assigns_in.get(function.index, ())
        values += [entry.value for entry in assigns if entry.target == expr and entry.value is not None]
    for value in values:
        if stands_in(sent, value, module, _DEPTH):
            continue
        read = read_of(value, module)
        if read is not None:
            yield read.key
        elif isinstance(value, f.Attr):
            if column_of(value, where, project) is None:
                yield value.attr


def deep(expr: f.Expr, module: Module, depth: int = _DEPTH) -> Iterator[f.Expr]:
    """An expression and all in it, with the callees and arguments of calls."""
    for part in walk(expr):
        yield part
        if isinstance(part, f.CallRef) and depth > 0:
            call = module.facts.calls[part.index]
            for inner in (call.func, *(arg.value for arg in call.args)):
                yield from deep(inner, module, depth - 1)
