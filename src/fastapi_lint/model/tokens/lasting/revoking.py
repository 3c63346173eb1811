"""Whether tokens can be taken back before they expire: by a list, by a table of sessions, by what a user's row says.

What decides is asked with the token itself, or with a claim that tells which token it is. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.calls.bodies.binding import filled
from fastapi_lint.model.calls.ways.endings import Endings
from fastapi_lint.model.names.expressions import dotted, evaluated, walk
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Module,
    Type,
)
from fastapi_lint.model.tokens.expressions import read_of, tests_of
from fastapi_lint.model.tokens.lasting.lifetimes import OTHERS, contains
from fastapi_lint.model.tokens.parts import Part
from fastapi_lint.model.tokens.payloads import Payloads, encodings
from fastapi_lint.model.tokens.reading import token_call, token_calls
from fastapi_lint.model.types.inference.inference import DEPENDS, Where
from fastapi_lint.tracking.queries import gathered

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_IDENTITY = frozenset({"iat", "jti", "sid"})
"""Claims that tell of the token itself: when it was issued, which one it is, to which session it belongs."""
_DIGESTS = ("hashlib.", "hmac.", "base64.", "str.", "bytes.")
_OF_TEXTS = frozenset({"encode", "decode", "hexdigest", "digest"})
_NO_LOOK_UP = (*_DIGESTS, "re.", "json.", "jwt.", "jose.", "authlib.", "joserfc.", "logging.")
"""What is asked about a text and finds nothing out of it."""
_NEW = ("uuid.uuid", "secrets.token_", "os.urandom")
_PASSWORDS = (".HTTPBasic", ".HTTPDigest")
"""Schemes that bring a password and no token."""
_THREADS = frozenset({"run_in_threadpool", "to_thread", "run_sync"})
_ACCOUNT = "sub"
_SESSION = "session"
_LOOKED = 2
_DEPTH = 8


def takes_back(project: Project, *, access: bool = False) -> bool:
    """Whether the program asks tokens when they were issued, or which one they are, or looks them up: those before a
    logout, a new password, on a list, or without a row of their own, can be refused.

    `access`: it is asked of a token for access, for which a look-up of refresh tokens and the like does nothing.
    """
    looked_up = any(not (access and contains(names, OTHERS)) for names in _looking_up(project))
    return looked_up or bool(_asking(project)) or _asks_rows(project)


# ---------------------------------------------------------------- claims that tell which token it is


@gathered
def _asking(project: Project, module: Module) -> Iterator[str]:
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


def _asks_rows(project: Project) -> bool:
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
                        column = _column(b, (module, block, at), project)
                        if column and any((name, column) in told for name in _claims(a, function, project)):
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
        for inner in _deep(value, module):
            if isinstance(inner, f.CallRef):
                if (project.called_name(module, module.facts.calls[inner.index]) or "").startswith(_NEW):
                    return _SESSION
            elif isinstance(inner, f.Attr) and isinstance(inner.value, f.Name) and function is not None:
                column = _column(inner, part.where, project)
                if column is not None:
                    return _SESSION if _is_made_in(inner.value.id, function, project) else column
    return ""


def _column(expr: f.Expr, where: Where, project: Project) -> str | None:
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


def _claims(expr: f.Expr, function: Function, project: Project) -> Iterator[str]:
    """The names of entries and attributes that an expression is, or that a variable was set to: not of what an endpoint
    is sent beside the token, as the role with which somebody wants to log in."""
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
        if any(part in sent for part in _deep(value, module)):
            continue
        read = read_of(value, module)
        if read is not None:
            yield read.key
        elif isinstance(value, f.Attr):
            yield value.attr


# ---------------------------------------------------------------- tokens that are looked up


@gathered
def _readers(project: Project, module: Module) -> Iterator[tuple[Function, str]]:
    """The functions that read the token that they are given, with the name of that parameter."""
    if not module.is_test:
        for found in token_calls(module, project):
            function = module.enclosing(found.call.block)
            if function is not None and isinstance(found.token, f.Name) and found.token.id in function.positional:
                yield function, found.token.id


@gathered
def _looking_up(project: Project, module: Module) -> Iterator[tuple[str, ...]]:
    """The functions in which a condition looks up the token itself, on a list, in a cache or a table: each with its
    name and that of the token."""
    readers = dict(_readers(project)) if not module.is_test else {}
    for function in module.functions if readers else ():
        if not function.calls:
            continue
        tokens = {token for call in function.calls if (token := _read(module, call, readers, project)) is not None}
        given = dict.fromkeys(tokens, True)
        given.update(dict.fromkeys(_brought(function, project) - tokens, False))
        found = (
            token
            for token, is_read in given.items()
            if _Asking(function, token, readers, project, is_read=is_read).is_looked_up()
        )
        yield from ((function.name, dotted(token)) for token in islice(found, 1))


def _brought(function: Function, project: Project) -> set[f.Expr]:
    """The parameters of a function that a security scheme fills: the token as it came, or what holds it."""
    found: set[f.Expr] = set()
    for parameter in project.dependencies.parameters(function):
        if parameter.marker in DEPENDS:
            where = (function.module, function.facts.outer, parameter.start)
            scheme = project.types.dependency_of(parameter.fact, where)
            if isinstance(scheme, Instance) and _is_scheme(scheme, project):
                found |= {f.Name(parameter.name), f.Attr(f.Name(parameter.name), "credentials")}
    return found


def _is_scheme(scheme: Instance, project: Project) -> bool:
    bases = (scheme.cls,) if isinstance(scheme.cls, str) else project.types.mro(scheme.cls)
    names = [base for base in bases if isinstance(base, str) and base.startswith("fastapi.security.")]
    return bool(names) and not any(name.endswith(_PASSWORDS) for name in names)


def _read(module: Module, call: f.Call, readers: Mapping[Function, str], project: Project) -> f.Expr | None:
    """The token that a call reads, itself or by a function of the project; None for other calls and literals."""
    found = token_call(module, call, project)
    token = found.token if found is not None else None
    callee, _, args = _called(module, call, project)
    if found is None and isinstance(callee, FunctionObject):
        name = readers.get(callee.function)
        given = [arg.value for arg in args if name is not None and arg.name in ("", name)]
        token = given[0] if given else None
    return token if isinstance(token, (f.Name, f.Attr)) else None


def _called(module: Module, call: f.Call, project: Project) -> tuple[Type | None, f.Expr, Sequence[f.Arg]]:
    """What a call calls, how that is written, and what it gives it: at once, or in a thread."""
    if f.last_name(call.func) in _THREADS and call.args and not call.args[0].name:
        func = call.args[0].value
        return project.infer(func, module, call.block, call.start), func, call.args[1:]
    return project.callee(module, call), call.func, call.args


class _Asking:
    """Answers for one function and the token that it has: under which names, and whether a look-up with it decides."""

    def __init__(
        self,
        function: Function,
        token: f.Expr,
        readers: Mapping[Function, str],
        project: Project,
        depth: int = _LOOKED,
        *,
        is_read: bool = True,
    ) -> None:
        """`is_read`: the function reads the token itself, so that what else it asks with it is no reading."""
        self.function = function
        self.module = function.module
        self.project = project
        self.readers = readers
        self.depth = depth
        self.is_read = is_read
        self.tokens: set[f.Expr] = {token}
        assigns = [entry for entry in self.module.assigns_in.get(function.index, ()) if entry.value is not None]
        for entry in assigns:
            if isinstance(entry.target, f.Name) and entry.value is not None and self._is_token(entry.value):
                self.tokens.add(entry.target)
        self.found: set[f.Expr] = set()
        """The variables that hold what a look-up gave, or what is looked up."""
        for entry in assigns:
            if entry.value is not None and entry.target not in self.tokens and self._comes_of_look_up(entry.value):
                self.found |= {f.Name(name) for name in target_names(entry.target)}

    def is_looked_up(self) -> bool:
        """Whether a condition of the function depends on a look-up with the token, or a `try` around one does."""
        if any(
            self._comes_of_look_up(test) and not self._is_apart(test, block)
            for test, block, _ in tests_of(self.function)
        ):
            return True
        return any(self._is_tried(call) for call in self.function.calls)

    def _is_apart(self, test: f.Expr, block: int) -> bool:
        """Whether a condition is only asked where the function leaves before it reads any token: for keys, say."""
        first = min(
            (c.start for c in self.function.calls if _read(self.module, c, self.readers, self.project) in self.tokens),
            default=-1,
        )
        blocks, endings = self.module.facts.blocks, self.project.types.shared(Endings)
        if blocks[block].test == test:
            block = blocks[block].parent
        while block >= 0 and blocks[block].kind != "function":
            if blocks[block].kind in ("if", "else") and blocks[block].end <= first:
                if not endings.comes_out(self.function, block):
                    return True
            block = blocks[block].parent
        return False

    def looks_up(self) -> bool:
        """Whether the function looks for the token anywhere in it."""
        return any(self._comes_of_look_up(expr) for expr, _, _ in evaluated(self.function))

    def _is_tried(self, call: f.Call) -> bool:
        """Whether a call that looks up the token stands in a `try` that names the error of finding nothing."""
        blocks = self.module.facts.blocks
        for each in self.module.block_chain(call.block):
            if each.kind == "body" and blocks[each.parent].kind == "try":
                clauses = (blocks[number] for number in self.module.clauses_of(each.parent))
                names = {f.last_name(part) for clause in clauses for part in walk(clause.test)}
                if any(name.startswith(("NoResultFound", "DoesNotExist", "KeyError")) for name in names):
                    number = self.module.call_numbers[call.start, call.end]
                    return self._comes_of_look_up(f.CallRef(number))
        return False

    def _is_token(self, expr: f.Expr) -> bool:
        """Whether a value is the token, a part or a digest of it, and nothing that was read out of it."""
        if not any(part in self.tokens for part in _deep(expr, self.module)):
            return False
        calls = (
            self.module.facts.calls[part.index] for part in _deep(expr, self.module) if isinstance(part, f.CallRef)
        )
        return all(self._is_digest(call) for call in calls)

    def _is_digest(self, call: f.Call) -> bool:
        callee = self.project.callee(self.module, call)
        if isinstance(callee, FunctionObject):
            inner = callee.function
            return inner not in self.readers and all(self._is_plain(inner.module, each) for each in inner.calls)
        return self._is_plain(self.module, call)

    def _is_plain(self, module: Module, call: f.Call) -> bool:
        """`hashlib.sha256(...)`, and methods of what that gives, of texts and of the token."""
        name = self.project.called_name(module, call) or ""
        if name.startswith(_DIGESTS) or name in ("str", "bytes"):
            return True
        return isinstance(call.func, f.Attr) and not name and call.func.attr in _OF_TEXTS

    def _comes_of_look_up(self, expr: f.Expr, depth: int = _DEPTH) -> bool:
        """Whether a value comes out of a look-up: `token in revoked`, `cache.get(token)`, `query.first()`."""
        if depth < 0:
            return False
        for part in walk(expr):
            if part in self.found:
                return True
            if isinstance(part, f.Compare):
                pairs = zip(part.operators, part.operands, strict=False)
                if any(operator in ("in", "not in") and self._holds(left) for operator, left in pairs):
                    return True
            elif isinstance(part, f.CallRef) and self._looks(self.module.facts.calls[part.index], depth):
                return True
        return False

    def _looks(self, call: f.Call, depth: int) -> bool:
        if token_call(self.module, call, self.project) is not None:
            return False
        callee, func, args = _called(self.module, call, self.project)
        given = next((number for number, arg in enumerate(args) if self._holds(arg.value)), None)
        if isinstance(callee, FunctionObject):
            return given is not None and self._looks_inside(callee, args[given], given)
        if given is not None and isinstance(func, f.Attr):
            name = self.project.types.name_of_type(callee) or ""
            is_told = self.is_read or bool(name) or isinstance(args[given].value, f.Compare)
            if is_told and not name.startswith(_NO_LOOK_UP) and not self._holds(func):
                return True
        if isinstance(callee, (ClassObject, External)) and not isinstance(func, f.Attr):
            return False
        inside: list[f.Expr] = [arg.value for arg in args if isinstance(arg.value, (f.CallRef, f.Name))]
        if isinstance(func, f.Attr) and not isinstance(func.value, f.Name):
            inside.append(func.value)
        elif isinstance(func, f.Attr) and func.value in self.found:
            return True
        return any(self._comes_of_look_up(each, depth - 1) for each in inside)

    def _looks_inside(self, callee: FunctionObject, arg: f.Arg, given: int) -> bool:
        inner = callee.function
        names = inner.positional[filled(self.project.types, callee) :]
        name = arg.name or (names[given] if given < len(names) else "")
        if self.depth <= 0 or not name or inner in self.readers:
            return False
        return _Asking(inner, f.Name(name), self.readers, self.project, self.depth - 1, is_read=self.is_read).looks_up()

    def _holds(self, expr: f.Expr) -> bool:
        """Whether the token stands in an expression, or a digest of it: not in any other call there."""
        for part in walk(expr):
            if part in self.tokens:
                return True
            if isinstance(part, f.CallRef) and self._is_token(part):
                return True
        return False


def _deep(expr: f.Expr, module: Module, depth: int = _DEPTH) -> Iterator[f.Expr]:
    """An expression and all in it, with the callees and arguments of calls."""
    for part in walk(expr):
        yield part
        if isinstance(part, f.CallRef) and depth > 0:
            call = module.facts.calls[part.index]
            for inner in (call.func, *(arg.value for arg in call.args)):
                yield from _deep(inner, module, depth - 1)
