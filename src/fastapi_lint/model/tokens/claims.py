"""What code does with the claims of a token that nobody verified: which it reads, and whether that trusts them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import stands_in, with_copies
from fastapi_lint.model.names.symbols import ClassObject, Function, FunctionObject, Module
from fastapi_lint.model.tokens.expressions import (
    are_same,
    compares,
    evaluated,
    matches,
    parts_of,
    read_of,
    tests_of,
)

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_TIMES = frozenset({"exp", "iat", "nbf", "auth_time", "jti"})
"""Claims that say when, or which token it is, not who."""
_SENDERS = frozenset({"iss", "kid", "tid", "azp", "alg", "typ"})
"""Claims that say which key to take: to compare or look up one of these trusts nothing (RFC 8725, 3.8)."""
_HEADER = frozenset({
    "alg", "typ", "cty", "kid", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "b64", "enc", "zip", "epk",
    "apu", "apv",
})  # fmt: skip
"""Entries of a header that say how a token is read (RFC 7515, 7516): what else stands in one says who it is for."""
_TAKES_AWAY = frozenset({"pop", "delete", "remove", "discard", "unlink", "srem", "hdel", "delete_one", "delete_many"})
_DEPTH = 3


def says_more_than_how(function: Function, header: f.Expr) -> bool:
    """Whether a function reads an entry of a header that is no matter of the format, and does something with it."""
    found = (read_of(expr, function.module) for expr, _ in _uses(function, header))
    return any(read is not None and read.key not in _HEADER | _SENDERS | _TIMES for read in found)


def are_only_looked_at(function: Function, claims: f.Expr, project: Project, depth: int = _DEPTH) -> bool:
    """Whether a function reads of claims only when they were made, or by whom, to choose a key for that.

    A helper that is given the claims is looked at in the same way; whatever else is done with them trusts them.
    """
    reads: dict[str, list[f.Expr]] = {}
    is_handed = False
    for expr, call in _uses(function, claims):
        read = read_of(expr, function.module)
        if read is not None:
            reads.setdefault(read.key, []).append(expr)
        elif call is not None and depth > 0 and _is_harmless_call(function.module, call, expr, project, depth):
            is_handed = True
        else:
            return False
    if not reads:
        return is_handed
    return all(
        key in _TIMES or (key in _SENDERS and _is_chosen(function, found, project)) for key, found in reads.items()
    )


def is_only_returned(function: Function, claims: f.Expr) -> bool:
    """Whether a function gives claims, or what stands in them, back to its caller, and does nothing else with them."""
    bases = names_for(function, claims)
    return not any(
        part in bases
        for held in evaluated(function)
        if held.kind not in ("return", "assign")
        for part, _ in parts_of(held.expr)
    )


def are_only_taken_away(function: Function, claims: f.Expr) -> bool:
    """Whether all that a function does with claims is to take away what stands under them: sessions, entries."""
    module = function.module
    held = with_copies({claims}, function, _DEPTH)
    if any(stands_in(held, leave.value, module) for leave in function.exits if leave.kind in ("return", "yield")):
        return False
    given = [call for call in function.calls if any(stands_in(held, arg.value, module) for arg in call.args)]
    return bool(given) and all(f.last_name(call.func) in _TAKES_AWAY for call in given)


def believes(function: Function, read: f.Call, value: f.Expr) -> bool:
    """Whether a value holds what a token says that a call has read, and not the token, for others to check."""
    module = function.module
    told: list[f.Expr] = [f.CallRef(index_of(module, read))]
    for assign in module.assigns_in.get(function.index, ()):
        if assign.value is not None and any(part in told for part in _all_parts(assign.value, module)):
            told += [f.Name(name) for name in f.target_names(assign.target)]
    parts = list(_all_parts(value, module))
    given = [arg.value for arg in read.args if not isinstance(arg.value, f.Const)]
    return any(part in told for part in parts) and not any(part in given for part in parts)


def _all_parts(expr: f.Expr, module: Module) -> Iterator[f.Expr]:
    """An expression and all inside it, in the arguments of calls and in what these are called on as well."""
    for part, _ in parts_of(expr):
        yield part
        if isinstance(part, f.CallRef):
            call = module.facts.calls[part.index]
            for inner in (call.func, *(arg.value for arg in call.args)):
                yield from _all_parts(inner, module)


def names_for(function: Function, value: f.Expr) -> list[f.Expr]:
    """A value, and the variables of a function that hold it."""
    found = [value]
    for assign in function.module.assigns_in.get(function.index, ()):
        if assign.value in found and isinstance(assign.target, f.Name):
            found.append(assign.target)
    return found


def index_of(module: Module, call: f.Call) -> int:
    """The index of a call in the facts of its module."""
    return module.call_numbers[call.start, call.end]


def _uses(function: Function, claims: f.Expr) -> Iterator[tuple[f.Expr, f.Call | None]]:
    """Where claims are used: the entry that is read, or they as a whole, with the call that they are given to."""
    module = function.module
    bases = names_for(function, claims)
    for call in function.calls:
        if isinstance(call.func, f.Attr) and call.func.value in bases:
            expr = f.CallRef(index_of(module, call))
            yield (expr if read_of(expr, module) is not None else call.func.value), None
        for arg in call.args:
            if arg.value in bases:
                yield arg.value, call
    for held in evaluated(function):
        if held.kind == "callee" or (held.kind in ("assign", "call") and held.expr in bases):
            continue
        for part, around in parts_of(held.expr):
            if part not in bases:
                continue
            match around:
                case f.Unary(op="not") | f.Compare(operators=("is" | "is not",)):
                    continue  # whether there are any
                case f.Compare(operators=("in" | "not in",), operands=(f.Const() as key, held_by)) if held_by == part:
                    yield f.Sub(part, (key,)), None
                case f.Sub(value=value) if value == part:
                    yield around, None
                case _:
                    yield part, None


def _is_harmless_call(module: Module, call: f.Call, claims: f.Expr, project: Project, depth: int) -> bool:
    """Whether a function of the project only looks at the claims that it is given."""
    callee = project.callee(module, call)
    if not isinstance(callee, FunctionObject):
        return False
    names = callee.function.positional
    for position, arg in enumerate(call.args):
        if arg.value == claims:
            name = arg.name or (names[position] if position < len(names) else "")
            return bool(name) and are_only_looked_at(callee.function, f.Name(name), project, depth - 1)
    return False


def _is_chosen(function: Function, reads: list[f.Expr], project: Project) -> bool:
    """Whether code compares an entry with others, looks it up, or makes a member of an enumeration of it."""
    module = function.module
    values = [name for read in reads for name in names_for(function, read)]
    for value in values:
        if any(compares(test, value, module) for test, _, _ in tests_of(function)) or matches(function, value):
            return True
        for call in function.calls:
            if any(are_same(arg.value, value, module) for arg in call.args) and _is_table(call, module, project):
                return True
        for held in evaluated(function):
            items = (item for part, _ in parts_of(held.expr) if isinstance(part, f.Sub) for item in part.items)
            if any(are_same(item, value, module) for item in items):
                return True
    return False


def _is_table(call: f.Call, module: Module, project: Project) -> bool:
    """`KEYS.get(issuer)`, `Issuer(issuer)`."""
    if f.last_name(call.func) == "get" and isinstance(call.func, f.Attr):
        return True
    callee = project.callee(module, call)
    if not isinstance(callee, ClassObject):
        return False
    return any(isinstance(base, str) and base.startswith("enum.") for base in project.types.mro(callee.cls))
