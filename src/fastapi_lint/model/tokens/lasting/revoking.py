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
from fastapi_lint.model.names.expressions import dotted, evaluated, stands_in, walk
from fastapi_lint.model.names.symbols import (
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Module,
    Type,
)
from fastapi_lint.model.tokens.expressions import tests_of
from fastapi_lint.model.tokens.lasting.identifying import asking, asks_rows, column_of, deep
from fastapi_lint.model.tokens.lasting.lifetimes import OTHERS, contains
from fastapi_lint.model.tokens.reading import token_call, token_calls
from fastapi_lint.model.types.inference.inference import DEPENDS
from fastapi_lint.tracking.queries import gathered

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DIGESTS = ("hashlib.", "hmac.", "base64.", "str.", "bytes.")
_OF_TEXTS = frozenset({"encode", "decode", "hexdigest", "digest"})
_NO_LOOK_UP = (*_DIGESTS, "re.", "json.", "jwt.", "jose.", "authlib.", "joserfc.", "logging.")
"""What is asked about a text and finds nothing out of it."""
_PASSWORDS = (".HTTPBasic", ".HTTPDigest")
"""Schemes that bring a password and no token."""
_SENT = frozenset({"cookies", "headers", "query_params", "path_params"})
"""What of a request holds texts under a key: not what is kept for somebody."""
_THREADS = frozenset({"run_in_threadpool", "to_thread", "run_sync"})
_LOOKED = 2
_DEPTH = 8


def takes_back(project: Project, *, access: bool = False) -> bool:
    """Whether the program asks tokens when they were issued, or which one they are, or looks them up: those before a
    logout, a new password, on a list, or without a row of their own, can be refused.

    `access`: it is asked of a token for access, for which a look-up of refresh tokens and the like does nothing.
    """
    looked_up = any(not (access and contains(names, OTHERS)) for names in _looking_up(project))
    return looked_up or bool(asking(project)) or asks_rows(project)


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
        if not stands_in(self.tokens, expr, self.module, _DEPTH):
            return False
        calls = (self.module.facts.calls[part.index] for part in deep(expr, self.module) if isinstance(part, f.CallRef))
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
                if part.operators in (("==",), ("!=",)) and self._is_compared(*part.operands):
                    return True
            elif isinstance(part, f.CallRef) and self._looks(self.module.facts.calls[part.index], depth):
                return True
        return False

    def _looks(self, call: f.Call, depth: int) -> bool:
        if token_call(self.module, call, self.project) is not None:
            return False
        callee, func, args = _called(self.module, call, self.project)
        if f.last_name(func) == "compare_digest" and len(args) == 2:
            return self._is_compared(args[0].value, args[1].value)
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

    def _is_compared(self, one: f.Expr, other: f.Expr) -> bool:
        """Whether the token is compared with the one that is kept for somebody: `store.get(user_id) == token`."""
        return any(self._holds(a) and not self._holds(b) and self._is_kept(b) for a, b in ((one, other), (other, one)))

    def _is_kept(self, expr: f.Expr, depth: int = _DEPTH) -> bool:
        """Whether a value is what a row holds, or what is looked up by something that is no literal."""
        if depth < 0:
            return False
        module, function = self.module, self.function
        match expr:
            case f.Name(id=name):
                bound = (each for each in module.assigns_in.get(function.index, ()) if each.target == f.Name(name))
                return any(each.value is not None and self._is_kept(each.value, depth - 1) for each in bound)
            case f.Attr(value=owner):
                where = (module, function.facts.outer, function.facts.end)
                return bool(column_of(expr, where, self.project)) or self._is_kept(owner, depth - 1)
            case f.Sub(value=value) | f.Await(value=value):
                return self._is_kept(value, depth - 1)
            case f.Choice(options=options):
                return any(self._is_kept(option, depth - 1) for option in options)
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                if _read(module, call, self.readers, self.project) is not None:
                    return False
                if (self.project.called_name(module, call) or "").startswith(("json.", "str", *_DIGESTS)):
                    return any(self._is_kept(arg.value, depth - 1) for arg in call.args)
                if not isinstance(call.func, f.Attr) or f.last_name(call.func.value) in _SENT:
                    return False
                is_asked = any(not isinstance(arg.value, f.Const) for arg in call.args)
                return (is_asked and not self._is_claims(call.func.value)) or self._is_kept(call.func.value, depth - 1)
        return False

    def _is_claims(self, expr: f.Expr) -> bool:
        """Whether a variable holds what was read out of the token."""
        for entry in self.module.assigns_in.get(self.function.index, ()):
            if entry.target == expr and isinstance(entry.value, f.CallRef):
                if _read(self.module, self.module.facts.calls[entry.value.index], self.readers, self.project):
                    return True
        return False

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
