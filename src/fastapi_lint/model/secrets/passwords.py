"""What becomes of the passwords that people give: which calls digest them, and what is done with the digest or with the
password itself. Judges nothing.

A password is known by its name, and followed from there through variables, texts and parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Function,
    FunctionObject,
    Instance,
    Module,
    ModuleObject,
)
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.model.values.expansion import Expansion

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

Fate = Literal["kept", "compared", "given", "hardened", "looked-up", "old", "nothing"]
"""What is done with a digest: stored, compared, returned; hashed well; searched in a list; compared with what is left
of earlier hashes, beside a check of good ones; nothing that is seen."""

_DIGESTS = frozenset({
    "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512", "blake2b",
    "blake2s",
})  # fmt: skip
_SAME = frozenset({
    "encode", "decode", "strip", "lstrip", "rstrip", "lower", "upper", "casefold", "get_secret_value", "removeprefix",
    "removesuffix", "format", "join", "replace",
})  # fmt: skip
_OF_DIGEST = frozenset({"hexdigest", "digest", "hex", "decode", "encode", "upper", "lower", "strip"})
_CODES = ("base64.", "binascii.", "codecs.encode")
_STRONG = (
    "bcrypt.", "argon2.", "passlib.", "pwdlib.", "nacl.", "hmac.new", "hmac.digest", "hashlib.pbkdf2", "hashlib.scrypt",
    "scrypt.", "werkzeug.security.", "django.contrib.auth.hashers.", "cryptography.",
)  # fmt: skip
_VERIFIES = frozenset({"checkpw", "verify", "verify_and_update", "check_password_hash", "check_password"})
_COMPARES = frozenset({"hmac.compare_digest", "secrets.compare_digest"})
_KEPT = frozenset({"password", "passwords", "passwd", "pwd", "passphrase", "hash", "hashes", "hashed", "digest"})
_TELLS = frozenset(
    {"password", "passwd", "pwd", "hash", "hashed", "encrypt", "digest", "verify", "check", "authenticate"}
)
_DEPTH = 6
_HIGHEST = 3
_MOST = 30
_PEOPLE = frozenset(
    {"email", "username", "user_name", "login", "phone", "is_active", "is_admin", "role", "mail", "nickname"}
)
_PLACES = frozenset(
    {"host", "hostname", "server", "port", "url", "uri", "dsn", "address", "imap_host", "smtp_host", "database"}
)


@dataclass(frozen=True)
class Digest:
    """A call that digests a password fast: with which algorithm, and what becomes of it."""

    module: Module = field(repr=False)
    call: f.Call
    algorithm: str
    fate: Fate


@dataclass(frozen=True)
class Plain:
    """A password that is compared or stored as it is: where, and what it is compared with or stored in."""

    module: Module = field(repr=False)
    start: int
    end: int
    stored: str
    is_comparison: bool


class Passwords:
    """Answers about one module after the other."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.types = project.types
        self.values = project.values

    # ---------------------------------------------------------------- digests

    def digests(self, module: Module) -> Iterator[Digest]:
        """The calls of a module that digest a password with a fast hash."""
        if not module.mentions("hashlib"):
            return
        for index, call in enumerate(module.facts.calls):
            algorithm = self._algorithm(module, call)
            if algorithm is None or f.keyword(call, "key") is not None:
                continue
            where = (module, call.block, call.start)
            function = module.enclosing(call.block)
            given = [arg.value for arg in call.args if arg.name in ("", "data", "string")]
            if f.last_name(call.func) == "new":
                given = given[1:]
            if function is not None:
                given += self._updates(function, index)
            if function is None or not any(self.is_password(each, where) for each in given):
                continue
            if any(_names_realm(each) for each in given):
                continue  # the digest authentication of HTTP says how it is hashed
            yield Digest(module, call, algorithm, self._fate(function, f.CallRef(index), _HIGHEST))

    def _algorithm(self, module: Module, call: f.Call) -> str | None:
        name = self.project.called_name(module, call) or ""
        package, _, last = name.rpartition(".")
        if package != "hashlib":
            return None
        if last == "new" and call.args:
            text = self.values.text(call.args[0].value, (module, call.block, call.start))
            last = (text or "").lower().replace("-", "")
            return last if last in _DIGESTS or last.startswith("sha") else None
        return last if last in _DIGESTS else None

    @staticmethod
    def _updates(function: Function, index: int) -> list[f.Expr]:
        """What is fed to a hash object later: `h.update(...)`."""
        names = [
            entry.target
            for entry in function.module.assigns_in.get(function.index, ())
            if entry.value == f.CallRef(index)
        ]
        return [
            call.args[0].value
            for call in function.calls
            if isinstance(call.func, f.Attr) and call.func.attr == "update" and call.func.value in names and call.args
        ]

    def _fate(self, function: Function, digest: f.Expr, height: int) -> Fate:
        """What a function, and who it gives it to, does with a digest."""
        held = self._held(function, digest)
        module = function.module
        is_looked_up = is_kept = is_compared = False
        for call in function.calls:
            name = self.project.called_name(module, call) or ""
            for arg in call.args:
                if not any(part in held for part in walk(arg.value)):
                    continue
                if name.startswith(_STRONG):
                    return "hardened"
                is_compared = is_compared or name in _COMPARES
                is_kept = is_kept or bool(_KEPT.intersection(secrets.words(arg.name)))
        for expr, _, _ in evaluated(function):
            for part in walk(expr):
                match part:
                    case f.Compare(operators=operators, operands=operands):
                        if any(one in held for each in operands for one in walk(each)):
                            is_compared = is_compared or bool({"==", "!="}.intersection(operators))
                            is_looked_up = is_looked_up or bool({"in", "not in"}.intersection(operators))
                    case f.Sub(value=value, items=(f.Unknown(),)) if value in held:
                        is_looked_up = True
                    case f.Mapping(items=items):
                        is_kept = is_kept or any(_is_kept_as(key) and value in held for key, value in items)
        is_old = is_compared and not is_kept and any(self._verifies(module, call) for call in function.calls)
        for entry in module.assigns_in.get(function.index, ()):
            if entry.value is not None and any(part in held for part in walk(entry.value)):
                is_kept = is_kept or bool(_KEPT.intersection(secrets.words(_target(entry.target))))
                is_old = is_old and isinstance(entry.target, f.Name)
        if is_looked_up:
            return "looked-up"
        if is_old and not any(_gives(leave.value, held) for leave in function.exits):
            return "old"
        if is_compared or is_kept:
            return "compared" if is_compared else "kept"
        return self._given_back(function, held, height)

    def _verifies(self, module: Module, call: f.Call) -> bool:
        """Whether a call checks a password against a hash that is slow on purpose."""
        name = self.project.called_name(module, call) or ""
        return f.last_name(call.func) in _VERIFIES and name.startswith(_STRONG)

    def _given_back(self, function: Function, held: list[f.Expr], height: int) -> Fate:
        leaving = [one for one in function.exits if one.kind == "return" and one.value is not None]
        if not any(part in held for one in leaving for part in walk(one.value)):
            return "nothing"
        fates: list[Fate] = []
        for module, call in self._calls(function) if height > 0 else ():
            caller = module.enclosing(call.block)
            if caller is not None and caller is not function:
                fates.append(self._fate(caller, f.CallRef(module.call_numbers[call.start, call.end]), height - 1))
        if any(fate in ("hardened", "looked-up") for fate in fates):
            return "hardened"
        if any(fate in ("kept", "compared", "given") for fate in fates):
            return "given"
        return "given" if _TELLS.intersection(secrets.words(function.name)) else "nothing"

    def _held(self, function: Function, digest: f.Expr) -> list[f.Expr]:
        """The expressions of a function that hold a digest, or a text with it."""
        module = function.module
        held = [digest]
        for _ in range(_DEPTH):
            before = len(held)
            for call in function.calls:
                expr = f.CallRef(module.call_numbers[call.start, call.end])
                if expr in held:
                    continue
                name = self.project.called_name(module, call) or ""
                is_form = isinstance(call.func, f.Attr) and call.func.attr in _OF_DIGEST and call.func.value in held
                is_code = name.startswith(_CODES) or name in ("str", "bytes")
                if is_form or (is_code and any(arg.value in held for arg in call.args)):
                    held.append(expr)
            for entry in module.assigns_in.get(function.index, ()):
                if entry.value is None or not isinstance(entry.target, f.Name) or entry.target in held:
                    continue
                if any(part in held for part in walk(entry.value) if not isinstance(entry.value, f.Compare)):
                    held.append(entry.target)
            if len(held) == before:
                break
        return held

    # ---------------------------------------------------------------- passwords

    def is_password(self, expr: f.Expr | None, where: Where, depth: int = _DEPTH) -> bool:
        """Whether an expression holds a password that somebody has given, with or without something around it."""
        if depth < 0 or expr is None:
            return False
        module, block, at = where
        match expr:
            case f.Await(value=value):
                return self.is_password(value, where, depth - 1)
            case f.Joined(parts=parts):
                return any(self.is_password(part, where, depth - 1) for part in parts)
            case f.Binary(op="+" | "%", left=left, right=right):
                return self.is_password(left, where, depth - 1) or self.is_password(right, where, depth - 1)
            case f.Display(items=items):
                return any(self.is_password(item, where, depth - 1) for item in items)
            case f.CallRef(index=index):
                return self._is_called(module, module.facts.calls[index], depth)
            case f.Attr(value=owner, attr=attr):
                return secrets.secret_name(attr) == "password" and self._is_of_people(owner, where)
            case f.Sub(value=owner, items=(f.Const(value=str(key)),)):
                return secrets.secret_name(key) == "password" and self._is_of_people(owner, where)
            case f.Name(id=name):
                function = module.enclosing(block)
                if function is None:
                    return False
                assigns = [
                    one
                    for one in module.assigns_in.get(function.index, ())
                    if one.target == expr and one.value is not None and one.start < at
                ]
                if assigns:
                    last = assigns[-1]
                    return self.is_password(last.value, (module, last.block, last.start), depth - 1)
                if any(param.name == name for param in function.params):
                    return secrets.secret_name(name) == "password" or self._is_passed(function, name, depth)
        return False

    def _is_called(self, module: Module, call: f.Call, depth: int) -> bool:
        where = (module, call.block, call.start)
        if isinstance(call.func, f.Attr):
            if call.func.attr in _SAME:
                given = [call.func.value, *(arg.value for arg in call.args)]
                return any(self.is_password(each, where, depth - 1) for each in given)
            if call.func.attr == "get" and call.args and isinstance(call.args[0].value, f.Const):
                key = call.args[0].value.value
                is_named = isinstance(key, str) and secrets.secret_name(key) == "password"
                return is_named and self._is_of_people(call.func.value, where)
        name = self.project.called_name(module, call)
        if name in ("str", "bytes", "bytearray", "unicodedata.normalize", "base64.b64encode"):
            return any(self.is_password(arg.value, where, depth - 1) for arg in call.args)
        return False

    def _is_of_people(self, owner: f.Expr, where: Where) -> bool:
        """Whether what has a password came into the function: no settings, no module, nothing global."""
        module, block, _ = where
        value = self.types.infer(owner, where)
        if isinstance(value, (ModuleObject, ClassObject)):
            return False
        if isinstance(value, Instance) and isinstance(value.cls, Class) and self.project.secrets.is_settings(value.cls):
            return False
        root = owner
        while isinstance(root, (f.Attr, f.Sub)):
            root = root.value
        function = module.enclosing(block)
        if not isinstance(root, f.Name) or function is None:
            return isinstance(root, (f.CallRef, f.Await)) and function is not None
        return any(param.name == root.id for param in function.params) or function.rebinds(root.id)

    def _is_passed(self, function: Function, name: str, depth: int) -> bool:
        for module, call in self._calls(function):
            shift = 1 if function.cls is not None and "staticmethod" not in self.types.decorators(function) else 0
            given = Expansion.given(function, call, (module, call.block, call.start), NOWHERE, shift)
            if name in given and self.is_password(given[name][0], given[name][1], min(depth - 1, _HIGHEST)):
                return True
        return False

    def _calls(self, function: Function) -> Iterator[tuple[Module, f.Call]]:
        for module, call in self.project.routes.expansion.objects.callers(function.name)[:_MOST]:
            if not module.is_test:
                callee = self.types.callee(module, call)
                if isinstance(callee, FunctionObject) and callee.function is function:
                    yield module, call

    # ---------------------------------------------------------------- plain passwords

    def plain(self, module: Module) -> Iterator[Plain]:
        """Where passwords are compared with stored ones, or stored, as they are."""
        if not module.mentions("password", "passwd", "pwd"):
            return
        for function in module.functions:
            seen = set()
            for expr, block, at in evaluated(function):
                for part in walk(expr):
                    match part:
                        case f.Compare(operators=("==" | "!=",), operands=(left, right)) if (part, at) not in seen:
                            seen.add((part, at))
                            where = (module, block, at)
                            for mine, theirs in ((left, right), (right, left)):
                                if self._is_given(mine, where) and self._is_stored(theirs, where):
                                    yield Plain(module, at, at, _shown(theirs), True)
                                    break
            for call in function.calls:
                yield from self._stored(function, call)
            for entry in module.assigns_in.get(function.index, ()):
                where = (module, entry.block, entry.start)
                match entry.target:
                    case f.Attr(value=owner, attr=attr) if secrets.secret_name(attr) == "password":
                        cls = self._class_of(owner, where)
                        if cls is not None and self._keeps(cls, attr) and self._is_given(entry.value, where):
                            yield Plain(module, entry.start, entry.end, f"{cls.name}.{attr}", False)

    def _stored(self, function: Function, call: f.Call) -> Iterator[Plain]:
        module = function.module
        where = (module, call.block, call.start)
        for arg in call.args:
            if secrets.secret_name(arg.name) != "password" or not self._is_given(arg.value, where):
                continue
            made = self.types.callee(module, call)
            if isinstance(made, ClassObject) and self._keeps(made.cls, arg.name):
                yield Plain(module, arg.start, arg.end, f"{made.cls.name}.{arg.name}", False)

    def _is_given(self, expr: f.Expr | None, where: Where) -> bool:
        """Whether an expression is a password as the caller or client of the function gives it."""
        module, block, at = where
        function = module.enclosing(block)
        if function is None or expr is None:
            return False
        if isinstance(expr, f.CallRef):
            call = module.facts.calls[expr.index]
            is_same = isinstance(call.func, f.Attr) and call.func.attr in ("strip", "get_secret_value")
            return is_same and isinstance(call.func, f.Attr) and self._is_given(call.func.value, where)
        if any(entry.target == expr and entry.start < at for entry in module.assigns_in.get(function.index, ())):
            return False  # it may be hashed by now
        params = {param.name: param for param in function.params}
        match expr:
            case f.Name(id=name):
                return name in params and secrets.secret_name(name) == "password" and self._comes_plain(function, name)
            case f.Attr(value=f.Name(id=name) as owner, attr=attr):
                if name not in params or name in ("self", "cls") or secrets.secret_name(attr) != "password":
                    return False
                cls = self._class_of(owner, where)
                if function.rebinds(name) or (cls is not None and self.project.orm.is_orm(cls)):
                    return False
                is_server = cls is not None and self.project.secrets.is_settings(cls)
                return not is_server and not (cls is not None and self._validates(cls, attr))
        return False

    def _comes_plain(self, function: Function, name: str, height: int = _HIGHEST) -> bool:
        """Whether no caller of a function gives it something made of the password, such as a hash."""
        shift = 1 if function.cls is not None and "staticmethod" not in self.types.decorators(function) else 0
        for module, call in self._calls(function) if height > 0 else ():
            given = Expansion.given(function, call, (module, call.block, call.start), NOWHERE, shift)
            value, where, _ = given.get(name, (None, None, None))
            caller = module.enclosing(call.block)
            if isinstance(value, f.Name) and where is not None and caller is not None:
                assigned = [one for one in module.assigns_in.get(caller.index, ()) if one.target == value]
                if any(isinstance(one.value, (f.CallRef, f.Await)) for one in _before(assigned, call.start)):
                    return False
                if any(param.name == value.id for param in caller.params) and caller is not function:
                    if not self._comes_plain(caller, value.id, height - 1):
                        return False
            elif isinstance(value, (f.CallRef, f.Await)) and where is not None and not self._is_given(value, where):
                return False
        return True

    def _is_stored(self, expr: f.Expr, where: Where) -> bool:
        """Whether an expression is the password of somebody who was looked up."""
        module, block, at = where
        function = module.enclosing(block)
        match expr:
            case f.Attr(value=owner, attr=attr):
                key = attr
            case f.Sub(value=owner, items=(f.Const(value=str(key)),)):
                attr = key
            case _:
                return False
        if secrets.secret_name(attr) != "password" or function is None or "confirm" in secrets.words(attr):
            return False
        value = self.types.infer(owner, where)
        if isinstance(value, ClassObject):
            return self.project.orm.is_orm(value.cls) and self._keeps(value.cls, attr)
        cls = value.cls if isinstance(value, Instance) and isinstance(value.cls, Class) else None
        if cls is not None and self.project.secrets.is_settings(cls):
            return False
        if cls is not None and self.project.orm.is_orm(cls):
            return self._keeps(cls, attr)
        root = owner
        while isinstance(root, (f.Attr, f.Sub)):
            root = root.value
        if isinstance(root, f.Name) and function.rebinds(root.id):
            found = [e for e in module.assigns_in.get(function.index, ()) if e.target == root and e.start < at]
            return bool(found) and self._is_look_up(found[-1].value, (module, found[-1].block, found[-1].start))
        if isinstance(expr, f.Sub) and isinstance(owner, f.Sub) and isinstance(owner.value, f.Name):
            meant = list(self.values.definitions(owner.value, where))
            return len(meant) == 1 and isinstance(meant[0][0], f.Mapping)
        return False

    def _is_look_up(self, expr: f.Expr | None, where: Where) -> bool:
        """Whether a value is looked up: a call, or an entry of something, that has nothing of the request's."""
        module = where[0]
        match expr:
            case f.Await(value=value):
                return self._is_look_up(value, where)
            case f.Sub(value=value):
                meant = list(self.values.definitions(value, where)) if isinstance(value, f.Name) else []
                return any(isinstance(each, (f.Mapping, f.CallRef)) for each, _ in meant)
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                callee = self.types.callee(module, call)
                made = self.types.call_type(module, index)
                cls = made.cls if isinstance(made, Instance) and isinstance(made.cls, Class) else None
                if isinstance(callee, ClassObject):
                    return False
                if isinstance(callee, FunctionObject):
                    return cls is None or not self.project.secrets.is_settings(cls)
                return isinstance(call.func, f.Attr) and call.func.attr in (
                    "get",
                    "fetchone",
                    "fetchrow",
                    "find_one",
                    "first",
                )
        return False

    def _class_of(self, owner: f.Expr, where: Where) -> Class | None:
        value = self.types.infer(owner, where)
        return value.cls if isinstance(value, Instance) and isinstance(value.cls, Class) else None

    def _validates(self, cls: Class, name: str) -> bool:
        """Whether a model has a validator, which may hash what comes in."""
        found = [base for base in self.types.mro(cls) if isinstance(base, Class)]
        return any(
            one.rsplit(".", 1)[-1] in ("field_validator", "validator", "model_validator", "root_validator")
            and (secrets.words(name) == [] or b"hash" in base.module.text[method.facts.start : method.facts.end])
            for base in found
            for method in base.methods.values()
            for one in self.types.decorators(method)
        )

    def _keeps(self, cls: Class, name: str) -> bool:
        """Whether a mapped class keeps the password of people in a column as it is given, as far as is seen."""
        model = self.project.orm.of(cls)
        column = next((one for one in model.columns if one.name == name), None) if model is not None else None
        if model is None or column is None or not model.is_mapped:
            return False
        names = {one.name for one in model.columns}
        if not names & _PEOPLE or names & _PLACES:
            return False
        bases = [base for base in self.types.mro(cls) if isinstance(base, Class)]
        for base in bases:
            if "__init__" in base.methods or "__setattr__" in base.methods:
                return False
            if any("validates" in one for method in base.methods.values() for one in self.types.decorators(method)):
                return False
        if self._is_listened_to(cls):
            return False
        return self._is_text(column.where, column.call, column.annotation)

    def _is_listened_to(self, cls: Class) -> bool:
        """Whether an event handler may change what is stored of a class."""
        objects = self.project.routes.expansion.objects
        bases = {cls, *(base for base in self.types.mro(cls) if isinstance(base, Class))}
        for name in ("listens_for", "listen"):
            for module, call in (*objects.callers(name), *objects.decorating(name)):
                target = call.args[0].value if call.args else None
                value = self.project.infer(target, module, call.block, call.start)
                if value is None or (isinstance(value, ClassObject) and value.cls in bases):
                    return True
        return False

    def _is_text(self, where: Where, call: f.Call | None, annotation: f.Expr | None) -> bool:
        """Whether a column has a plain type of texts, none of its own that may hash."""
        module = where[0]
        types = [arg.value for arg in call.args if arg.name in ("", "type_", "sa_type")] if call is not None else []
        for given in types:
            expr = module.facts.calls[given.index].func if isinstance(given, f.CallRef) else given
            name = self.project.name(expr, *where)
            if isinstance(expr, (f.Name, f.Attr)) and (
                name is None or not name.startswith(("sqlalchemy.", "sqlmodel."))
            ):
                return False
        return bool(types) or annotation is not None


def _before(entries: list[f.Assign], at: int) -> list[f.Assign]:
    """Those assignments that stand before a place."""
    return [entry for entry in entries if entry.start < at]


def _is_kept_as(key: f.Expr | None) -> bool:
    return (
        isinstance(key, f.Const) and isinstance(key.value, str) and bool(_KEPT.intersection(secrets.words(key.value)))
    )


def _gives(expr: f.Expr | None, held: list[f.Expr]) -> bool:
    """Whether a digest is in a value, otherwise than compared with something."""
    return not isinstance(expr, f.Compare) and any(part in held for part in walk(expr))


def _target(target: f.Expr) -> str:
    match target:
        case f.Sub(items=(f.Const(value=str(key)),)):
            return key
        case f.Sub(value=owner):  # passwords[name] = ...
            return f.last_name(owner)
    return f.last_name(target)


def _names_realm(expr: f.Expr) -> bool:
    return any("realm" in secrets.words(f.last_name(part)) for part in walk(expr))


def _shown(expr: f.Expr) -> str:
    match expr:
        case f.Attr(value=value, attr=attr):
            return f"{f.last_name(value)}.{attr}" if f.last_name(value) else attr
        case f.Sub(items=(f.Const(value=key),)):
            return str(key)
    return f.last_name(expr)
