"""Passwords in addresses that are put together elsewhere: `f"redis://:{password}@{host}"`. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy.credentials import credentials_in, is_documented, is_word
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance
from fastapi_lint.model.secrets.logs.held import spelled
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.types.inference.members import PROPERTIES

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_QUOTES = frozenset({"quote", "quote_plus"})
_DEEPEST = 4


def password_in(
    project: Project, expr: f.Expr, where: Where, shown: Callable[[f.Expr, Where], str | None], depth: int = _DEEPEST
) -> str | None:
    """The password of the address that an expression stands for; `shown` says whether a piece of it is a secret."""
    for value, place in _meant(project, expr, where):
        match value:
            case f.Const(value=str(text)):
                found = next(credentials_in(text), None) if "://" in text else None
                if found is not None and not is_word(found) and not is_documented(found):
                    return spelled(expr) or "a password"
            case f.Joined() | f.Binary(op="+"):
                for piece in _in_front_of_host(value, place):
                    if (secret := shown(_bare(piece, place), place)) is not None:
                        return secret
            case f.Name() | f.Attr() | f.CallRef() if depth > 0:
                if (further := password_in(project, value, place, shown, depth - 1)) is not None:
                    return further
    return None


def _meant(project: Project, expr: f.Expr, where: Where) -> Iterator[tuple[f.Expr, Where]]:
    """What a name or attribute is assigned from, what a property or function returns: where that is one expression."""
    match expr:
        case f.Name() | f.Attr():
            found = list(project.values.definitions(expr, where))
            if len(found) == 1:
                yield found[0]
            elif not found and isinstance(expr, f.Attr):
                owner = project.types.infer(expr.value, where)
                cls = owner.cls if isinstance(owner, Instance) else None
                for base in project.types.mro(cls) if isinstance(cls, Class) else ():
                    method = base.methods.get(expr.attr) if isinstance(base, Class) else None
                    if method is not None:
                        is_read = not PROPERTIES.isdisjoint(project.types.decorators(method))
                        yield from _returned(method) if is_read else ()
                        return
        case f.CallRef(index=index):
            callee = project.callee(where[0], where[0].facts.calls[index])
            if isinstance(callee, FunctionObject):
                yield from _returned(callee.function)


def _returned(function: Function) -> Iterator[tuple[f.Expr, Where]]:
    leaving = [one for one in function.exits if one.kind == "return" and one.value is not None]
    if len(leaving) == 1 and leaving[0].value is not None:
        yield leaving[0].value, (function.module, leaving[0].block, leaving[0].start)


def _in_front_of_host(expr: f.Expr, where: Where) -> Iterator[f.Expr]:
    """The pieces of an address that stand where its password does: behind `:`, before `@`."""
    pieces = list(_pieces(expr))
    texts = [str(piece.value) if isinstance(piece, f.Const) else None for piece in pieces]
    is_address = False
    for number, piece in enumerate(pieces[:-1]):
        text, before, after = texts[number], texts[number - 1] if number else None, texts[number + 1]
        is_address = is_address or "://" in (text or "")
        if text is None and is_address and (before or "").endswith(":") and (after or "").startswith("@"):
            yield piece


def _pieces(expr: f.Expr) -> Iterator[f.Expr]:
    match expr:
        case f.Joined(parts=parts):
            yield from parts
        case f.Binary(op="+", left=left, right=right):
            yield from _pieces(left)
            yield from _pieces(right)
        case _:
            yield expr


def _bare(expr: f.Expr, where: Where) -> f.Expr:
    """A piece without the quoting that it needs in an address."""
    if isinstance(expr, f.CallRef):
        call = where[0].facts.calls[expr.index]
        if f.last_name(call.func) in _QUOTES and call.args:
            return call.args[0].value
    return expr
