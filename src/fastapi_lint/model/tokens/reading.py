"""What a call that reads or writes a token checks: by its arguments, variables, dicts and flags. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from msgspec import structs

from fastapi_lint import catalog
from fastapi_lint.catalog.secrecy import tokens
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.arguments import bound_names
from fastapi_lint.model.calls.ways.endings import Endings
from fastapi_lint.model.names.expressions import called
from fastapi_lint.model.names.symbols import Instance, Method, Module, Origin, Partial
from fastapi_lint.model.tokens import headers
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.constants import Unfolded

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

Flaw = Literal[
    "signature", "claims", "header", "expiry", "any-algorithm", "token-algorithm", "token-key", "lists-none", "unsigned"
]
"""What is wrong: the signature is not checked (by a switch, or because the call never does, that of claims or of a
header); the expiry is not; the token chooses its algorithm (there is no list, or it is made from its header) or its
key; `none` is listed; nothing signs."""

_PACKAGES = ("jwt", "jose", "jws")
_SWITCHES = frozenset({"verify_signature", "verify_exp"})
_BRANCHES = frozenset({"if", "else", "case", "except"})
_COPIES = (f.Name("list"), f.Name("tuple"), f.Name("set"), f.Name("sorted"))
_DEPTH = 5


@dataclass(frozen=True)
class TokenCall:
    """A call that reads or writes a token: the token that it is given, and the first thing that is wrong."""

    module: Module
    call: f.Call
    token: f.Expr | None
    flaw: Flaw | None


def token_calls(module: Module, project: Project) -> Iterator[TokenCall]:
    """The calls of a module that read or write tokens."""
    bound = project.about(_bound_names)
    if module.mentions(*_PACKAGES, *bound):
        for call in module.facts.calls:
            if (found := token_call(module, call, project)) is not None:
                yield found


def token_call(module: Module, call: f.Call, project: Project) -> TokenCall | None:
    """What a call does with a token, if it reads or writes one."""
    last = called(module, call)
    name, made, options = "", None, None
    if last in tokens.last_names():
        name = project.called_name(module, call) or ""
        callee = project.callee(module, call)
        if isinstance(callee, Method) and isinstance(callee.owner, Instance):  # `PyJWT(options=...).decode(...)`
            options = callee.owner.origin
    elif last in catalog.handoff_names():
        return _handed_over(module, call, project)
    elif last in project.about(_bound_names):
        callee = project.callee(module, call)
        if isinstance(callee, Partial):
            name, made = project.types.name_of_type(callee.callable) or "", callee.made
    if (look := tokens.unchecked(name)) is not None:
        return TokenCall(module, call, _token(call, look.token), "claims")
    given = _Given(module, call, project, made, options)
    if (reader := tokens.reader(name)) is not None:
        return TokenCall(module, call, _token(call, reader.token), given.flaw(reader) if given.is_known else None)
    if (writer := tokens.writer(name)) is not None:
        unsigned = given.is_known and given.is_unsigned(writer)
        return TokenCall(module, call, None, "unsigned" if unsigned else None)
    return None


def _handed_over(module: Module, call: f.Call, project: Project) -> TokenCall | None:
    """As `token_call`, of what is handed over to be called elsewhere: `to_thread(jwt.decode, token, ...)`."""
    entry = catalog.handoff(project.called_name(module, call) or "")
    if entry is None or entry.gives != "result" or entry.argument >= len(call.args):
        return None
    given = call.args[entry.argument].value
    if not isinstance(given, (f.Name, f.Attr)) or f.last_name(given) not in tokens.last_names():
        return None
    name = project.types.name_of_type(project.infer(given, module, call.block, call.start)) or ""
    reader, inner = tokens.reader(name), structs.replace(call, args=call.args[entry.argument + 1 :])
    if reader is None:
        return None
    return TokenCall(module, call, _token(inner, reader.token), _Given(module, inner, project).flaw(reader))


def header_call(module: Module, call: f.Call, project: Project) -> TokenCall | None:
    """A call that reads the header of a token, which nothing checks."""
    if called(module, call) not in tokens.last_names():
        return None
    look = tokens.header(project.called_name(module, call) or "")
    return TokenCall(module, call, _token(call, look.token), "header") if look is not None else None


def _bound_names(project: Project) -> frozenset[str]:
    """The names of partials of what reads or writes tokens."""
    return bound_names(project.modules, tokens.last_names())


def _token(call: f.Call, position: int) -> f.Expr | None:
    for index, arg in enumerate(call.args):
        if arg.name in ("jwt", "token") or (arg.name == "" and index == position):
            return arg.value
    return None


Placed = tuple[f.Expr, Where]


class _Given:
    """What one call is given: an argument with the place where it is written, of `**keywords` as well."""

    def __init__(
        self,
        module: Module,
        call: f.Call,
        project: Project,
        made: Origin | None = None,
        maker: Origin | None = None,
    ) -> None:
        """`made` is the `partial` that the call calls, with what it has bound; `maker` what made the object of which a
        method is called, with the options for all of its calls."""
        self.project = project
        self.where: Where = (module, call.block, call.start)
        self.is_known = True
        self._by_position: list[Placed] = []
        self._by_name: dict[str, Placed] = {}
        if made is not None:
            self._take(made.facts.args[1:], (made.module, made.facts.block, made.start))
        if maker is not None and (options := f.keyword(maker.facts, "options")) is not None:
            self._by_name["options"] = (options.value, (maker.module, maker.facts.block, maker.start))
        self._take(call.args, self.where)

    def _take(self, args: tuple[f.Arg, ...], where: Where) -> None:
        self.is_known = self.is_known and not any(arg.name == "*" for arg in args)
        for arg in args:
            if arg.name == "**":
                entries = self._entries(arg.value, where)
                self.is_known = self.is_known and entries is not None
                self._by_name.update(entries or {})
            elif arg.name:
                self._by_name[arg.name] = (arg.value, where)
            else:
                self._by_position.append((arg.value, where))

    def argument(self, position: int, name: str) -> Placed | None:
        """An argument by name or position."""
        if name in self._by_name:
            return self._by_name[name]
        if 0 <= position < len(self._by_position):
            return self._by_position[position]
        return None

    def flaw(self, reader: tokens.Reader) -> Flaw | None:
        """The first thing that a call does not check."""
        switches = self._switches(reader)
        if switches.get("verify_signature") is False or self._is_switched_off(reader):
            return "signature"
        key = self.argument(1, "key")
        if key is not None and headers.is_key_of_token(*key, self.project):
            return "token-key"
        algorithms = self.argument(reader.algorithms, "algorithms")
        if algorithms is None:
            if reader.own_algorithm and key is not None:
                return "any-algorithm"
        elif any(headers.is_chosen_by_token(*each, self.project) for each in self._items(*algorithms)):
            return "token-algorithm"
        elif any(self._text(each).lower() == "none" for each in self._items(*algorithms)):
            return "lists-none"
        return "expiry" if switches.get("verify_exp") is False else None

    def is_unsigned(self, writer: tokens.Writer) -> bool:
        """Whether a token is written without a signature: the algorithm is None, or `none`."""
        given = self.argument(writer.algorithm, "algorithm")
        if given is None:
            return False
        try:
            value = self.project.values.constant(*given)
        except Unfolded:
            return False
        return value is None or (isinstance(value, str) and value.lower() == "none")

    # ---------------------------------------------------------------- switches

    def _is_switched_off(self, reader: tokens.Reader) -> bool:
        """Whether a keyword of its own switches the check off, and the declared version still listens to it."""
        given = self.argument(reader.verify_at, reader.verify) if reader.verify else None
        if given is None or self._flag(*given) is not False:
            return False
        if not reader.verify_below:
            return True
        declared = self.project.versions.for_path(self.where[0].path)
        if declared.range(reader.package) is not None:
            return declared.never_at_least(reader.package, reader.verify_below, default=False) is True
        # Later versions want a list of algorithms: without one the call is written for an earlier one.
        return self.argument(reader.algorithms, "algorithms") is None

    def _switches(self, reader: tokens.Reader) -> dict[str, bool]:
        given = self.argument(reader.options, "options")
        entries = self._entries(*given) if given is not None else None
        found = {}
        for name, value in (entries or {}).items():
            flag = self._flag(*value) if name in _SWITCHES else None
            if flag is not None:
                found[name] = flag
        return found

    def _flag(self, expr: f.Expr, where: Where) -> bool | None:
        try:
            value = self.project.values.constant(expr, where)
        except Unfolded:
            return None
        return value if isinstance(value, bool) else None

    def _entries(self, expr: f.Expr, where: Where, depth: int = _DEPTH) -> dict[str, Placed] | None:
        """The entries of a dict: a display, `dict(...)`, pairs, `a | b`, a name for one with what is put into it."""
        if depth < 0:
            return None
        match expr:
            case f.Mapping(items=items):
                found: dict[str, Placed] = {}
                for key, value in items:
                    if key is None:
                        found.update(self._entries(value, where, depth - 1) or {})
                    elif (name := self.project.values.text(key, where)) is not None:
                        found[name] = (value, where)
                return found
            case f.Display(items=items) if all(isinstance(item, f.Display) for item in items):  # dict([("a", b)])
                pairs = [item.items for item in items if isinstance(item, f.Display) and len(item.items) == 2]
                named = [(self.project.values.text(key, where), value) for key, value in pairs]
                return {name: (value, where) for name, value in named if name is not None}
            case f.CallRef(index=index):
                call = where[0].facts.calls[index]
                if call.func != f.Name("dict"):
                    return None
                first = call.args[0].value if call.args and call.args[0].name in ("", "**") else None
                given = {arg.name: (arg.value, where) for arg in call.args if arg.name not in ("", "*", "**")}
                return {**((first and self._entries(first, where, depth - 1)) or {}), **given}
            case f.Binary(op="|", left=left, right=right):
                one, other = self._entries(left, where, depth - 1), self._entries(right, where, depth - 1)
                return {**one, **other} if one is not None and other is not None else None
            case f.Name() | f.Attr():
                definitions = list(self.project.values.definitions(expr, where))
                if len(definitions) != 1:
                    return self._grown(expr, where, {}, depth) or None
                base = self._entries(*definitions[0], depth - 1)
                return self._grown(expr, where, base, depth) if base is not None else None
        return None

    def _grown(self, expr: f.Expr, where: Where, found: dict[str, Placed], depth: int) -> dict[str, Placed]:
        """With what is put into the dict before it is used: `options["x"] = ...`, `|= {...}`, `.update(...)`."""
        module, block, at = where
        found = dict(found)
        inner = module.facts.blocks[block].function
        here = [entry for entry in module.assigns_in.get(inner, ()) if entry.start < at]
        for entry in (*(module.assigns_in.get(-1, ()) if inner >= 0 else ()), *here):
            if entry.value is None or self._ends_before(module, entry.block, block):
                continue
            place = (module, entry.block, entry.start)
            match entry.target:
                case f.Sub(value=value, items=(f.Const(value=str(key)),)) if value == expr:
                    found[key] = (entry.value, place)
            if entry.target == expr and entry.op == "|=":
                found.update(self._entries(entry.value, place, depth - 1) or {})
        if isinstance(expr, f.Name):
            for call in module.facts.calls if module.mentions("update") else ():
                if call.func == f.Attr(expr, "update") and self._comes_before(module, call, inner, at):
                    found.update(self._updated(call, (module, call.block, call.start), depth))
        return found

    @staticmethod
    def _comes_before(module: Module, call: f.Call, function: int, at: int) -> bool:
        """Whether a call stands before a place in the same function, or at the top of the module."""
        home = module.facts.blocks[call.block].function
        return (home == function and call.start < at) or home == -1

    def _updated(self, call: f.Call, where: Where, depth: int) -> dict[str, Placed]:
        """What `options.update({...}, name=...)` puts into a dict."""
        found: dict[str, Placed] = {}
        for arg in call.args:
            if arg.name in ("", "**"):
                found.update(self._entries(arg.value, where, depth - 1) or {})
            elif arg.name != "*":
                found[arg.name] = (arg.value, where)
        return found

    def _ends_before(self, module: Module, block: int, use: int) -> bool:
        """Whether no way leads from a block to a use outside of it: what is done there is then returned, or raises."""
        function, around = module.enclosing(block), module.blocks_around(use)
        ends = self.project.types.shared(Endings)
        return function is not None and any(
            not ends.comes_out(function, each)
            for each in module.blocks_around(block) - around
            if module.facts.blocks[each].kind in _BRANCHES
        )

    # ---------------------------------------------------------------- algorithms

    def _items(self, expr: f.Expr, where: Where, depth: int = _DEPTH) -> Iterator[Placed]:
        """The items of a list of algorithms, or the one text."""
        match expr:
            case f.Display(items=items) if depth >= 0:
                for item in items:
                    yield from self._items(item.value if isinstance(item, f.Star) else item, where, depth - 1)
            case f.Choice(options=options) if depth >= 0 and any(isinstance(each, f.Display) for each in options):
                for option in options:
                    yield from self._items(option, where, depth - 1)
            case f.CallRef(index=index) if depth >= 0 and (made := where[0].facts.calls[index]).func in _COPIES:
                for arg in made.args[:1]:
                    yield from self._items(arg.value, where, depth - 1)
            case f.Name() | f.Attr() if depth >= 0:
                definitions = list(self.project.values.definitions(expr, where))
                if len(definitions) == 1 and isinstance(definitions[0][0], (f.Display, f.Name, f.Attr, f.Choice)):
                    yield from self._items(*definitions[0], depth - 1)
                else:
                    yield expr, where
            case _:
                yield expr, where

    def _text(self, placed: Placed) -> str:
        return self.project.values.text(*placed) or ""
