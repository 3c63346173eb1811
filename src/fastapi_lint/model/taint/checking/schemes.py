"""Addresses that lead to no other machine: `file:` and `data:`, as they are written or as a test has found them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.checking.holding import Holding
from fastapi_lint.model.types.inference.inference import Where

_HERE = re.compile(r"(?:file|data):", re.IGNORECASE)
_SCHEME = re.compile(r"(?:file|data)\Z", re.IGNORECASE)
_CALLS = 3


def stays_here(begins: str) -> bool:
    """Whether what begins so is an address that needs no network."""
    return _HERE.match(begins) is not None


def leads_nowhere(asks: Asks, holding: Holding, address: f.Expr, where: Where) -> bool:
    """Whether an address is known to need no network where it is used: by how it begins, or by a test of that."""
    address, where = _behind(asks, address, where)
    texts = asks.value(address, where)
    if texts and all(text and isinstance(text[0], str) and stays_here(text[0]) for text in texts):
        return True
    return any(_says_so(asks, held.test, held.truth, address, held.where) for held in holding.at(where))


def _behind(asks: Asks, address: f.Expr, where: Where) -> tuple[f.Expr, Where]:
    """The address of a request object: `Request(url)`."""
    for _ in range(_CALLS):
        found = list(asks.values.definitions(address, where)) if isinstance(address, f.Name) else [(address, where)]
        if len(found) != 1 or not isinstance(found[0][0], f.CallRef):
            break
        made, place = found[0]
        call = place[0].facts.calls[made.index] if isinstance(made, f.CallRef) else None
        if call is None or not call.args or asks.types.name_of_type(asks.types.callee(place[0], call)) not in (
            "urllib.request.Request", "str"
        ):  # fmt: skip
            break
        address, where = call.args[0].value, (place[0], call.block, call.start)
    return address, where


def _says_so(asks: Asks, test: f.Expr, truth: bool, address: f.Expr, where: Where) -> bool:
    match test:
        case f.Unary(op="not", value=value):
            return _says_so(asks, value, not truth, address, where)
        case f.Choice(options=options, op="and" | "or" as op) if (op == "and") is truth:
            return any(_says_so(asks, option, truth, address, where) for option in options)
        case f.CallRef(index=index) if truth:
            call = where[0].facts.calls[index]
            if call.args and isinstance(call.func, f.Attr) and call.func.attr == "startswith":
                begins = list(_texts(asks, call.args[0].value, where))
                return _is_of(call.func.value, address, where) and bool(begins) and all(map(stays_here, begins))
        case f.Compare(operators=("==" | "!=" as operator,), operands=(f.Attr(attr="scheme") as scheme, other)):
            texts = list(_texts(asks, other, where))
            is_it = (operator == "==") is truth and bool(texts) and all(_SCHEME.match(text) for text in texts)
            return is_it and any(_is_of(one, address, where) for one, _ in _taken_apart(asks, scheme.value, where))
    return False


def _texts(asks: Asks, expr: f.Expr, where: Where) -> Iterator[str]:
    """The texts that an expression, or each item of a tuple, is; "" for one that is not known."""
    for item in expr.items if isinstance(expr, f.Display) else (expr,):
        for text in asks.value(item, where):
            yield text[0] if text and isinstance(text[0], str) else ""


def _taken_apart(asks: Asks, parsed: f.Expr, where: Where) -> Iterator[tuple[f.Expr, Where]]:
    """The text that `urlsplit` took apart."""
    found = list(asks.values.definitions(parsed, where)) if isinstance(parsed, f.Name) else [(parsed, where)]
    for made, place in found:
        if isinstance(made, f.CallRef):
            call = place[0].facts.calls[made.index]
            if f.last_name(call.func) in ("urlsplit", "urlparse") and call.args:
                yield call.args[0].value, (place[0], call.block, call.start)


def _is_of(subject: f.Expr, address: f.Expr, where: Where) -> bool:
    """Whether a test looks at the address itself, in whatever case it is written."""
    while isinstance(subject, f.CallRef):
        call = where[0].facts.calls[subject.index]
        if not isinstance(call.func, f.Attr) or call.func.attr not in ("lower", "strip", "casefold"):
            return False
        subject = call.func.value
    return subject == address and isinstance(address, (f.Name, f.Attr))
