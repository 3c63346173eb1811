"""Which calls digest passwords with a fast hash, and what becomes of the digests. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import (
    Function,
    Module,
)
from fastapi_lint.model.secrets.passwords.given import HIGHEST, Passwords

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

Fate = Literal["kept", "compared", "given", "hardened", "looked-up", "old", "nothing"]
"""What is done with a digest: stored, compared, returned; hashed well; searched in a list; compared with what is left
of earlier hashes, beside a check of good ones; nothing that is seen."""

_DIGESTS = frozenset({
    "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512", "blake2b",
    "blake2s",
})  # fmt: skip
_OF_DIGEST = frozenset({"hexdigest", "digest", "hex", "decode", "encode", "upper", "lower", "strip"})
_CODES = ("base64.", "binascii.", "codecs.encode")
_STRONG = (
    "bcrypt.", "argon2.", "passlib.", "pwdlib.", "nacl.", "hmac.new", "hmac.digest", "hashlib.pbkdf2", "hashlib.scrypt",
    "scrypt.", "werkzeug.security.", "django.contrib.auth.hashers.", "cryptography.",
)  # fmt: skip
VERIFIES = frozenset({"checkpw", "verify", "verify_and_update", "check_password_hash", "check_password"})
"""What compares a password with a hash of one, in the libraries that make these."""
_DERIVES = frozenset({"hashlib.scrypt", "hashlib.pbkdf2_hmac"})
"""What is slow on purpose, and is compared by whoever calls it."""
_COMPARES = frozenset({"hmac.compare_digest", "secrets.compare_digest"})
_KEPT = frozenset({"password", "passwords", "passwd", "pwd", "passphrase", "hash", "hashes", "hashed", "digest"})
_TELLS = frozenset(
    {"password", "passwd", "pwd", "hash", "hashed", "encrypt", "digest", "verify", "check", "authenticate"}
)
_DEPTH = 6


def verifies(name: str) -> bool:
    """Whether a function or method of this full name compares a password with a hash of one."""
    return name.rpartition(".")[2] in VERIFIES and name.startswith(_STRONG)


@dataclass(frozen=True)
class Digest:
    """A call that digests a password fast: with which algorithm, and what becomes of it."""

    module: Module = field(repr=False)
    call: f.Call
    algorithm: str
    fate: Fate


class Digests:
    """Answers about one module after the other."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.types = project.types
        self.values = project.values
        self._passwords = Passwords(project)

    def of_module(self, module: Module) -> Iterator[Digest]:
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
            if function is None or not any(self._passwords.is_password(each, where) for each in given):
                continue
            yield Digest(module, call, algorithm, self._fate(function, f.CallRef(index), HIGHEST))

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
                is_kept = is_kept or _is_by_whom(entry.target)
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
        return name in _DERIVES or (f.last_name(call.func) in VERIFIES and name.startswith(_STRONG))

    def _given_back(self, function: Function, held: list[f.Expr], height: int) -> Fate:
        leaving = [one for one in function.exits if one.kind == "return" and one.value is not None]
        if not any(part in held for one in leaving for part in walk(one.value)):
            return "nothing"
        fates: list[Fate] = []
        for module, call in self._passwords.calls(function) if height > 0 else ():
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


def _is_kept_as(key: f.Expr | None) -> bool:
    return (
        isinstance(key, f.Const) and isinstance(key.value, str) and bool(_KEPT.intersection(secrets.words(key.value)))
    )


def _gives(expr: f.Expr | None, held: list[f.Expr]) -> bool:
    """Whether a digest is in a value, otherwise than compared with something."""
    return not isinstance(expr, f.Compare) and any(part in held for part in walk(expr))


def _is_by_whom(target: f.Expr) -> bool:
    """Whether a target is the entry of a table for somebody: `users[name]`, and not `params["sign"]`."""
    return isinstance(target, f.Sub) and isinstance(target.value, (f.Name, f.Attr)) and _is_open(target.items)


def _is_open(items: tuple[f.Expr, ...]) -> bool:
    return len(items) == 1 and isinstance(items[0], (f.Name, f.Attr))


def _target(target: f.Expr) -> str:
    match target:
        case f.Sub(items=(f.Const(value=str(key)),)):
            return key
        case f.Sub(value=owner):  # passwords[name] = ...
            return f.last_name(owner)
    return f.last_name(target)
