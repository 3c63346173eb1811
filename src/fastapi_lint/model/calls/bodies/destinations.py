"""Where a call connects to, as far as its arguments and those of the client that it makes say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Function, Module
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.constants import Values

_HERE = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,20}://)?(?:[^/@]{0,80}@)?(?:localhost|[\w-]{1,60}\.localhost|127\.\d|\[::1\]|0\.0\.0\.0)(?:[:/?#.\d]|\Z)"
)
_PLAIN = re.compile(r"(?:http|ws)://", re.IGNORECASE)
_ADDRESSES = frozenset({"", "url", "base_url", "endpoint_url", "hosts"})
"""Arguments that say where to: a proxy is an address, too, of which nothing follows for the others."""
_CARRIED = frozenset({"connector", "session", "client"})
_DEPTH = 2


def needs_no_certificate(module: Module, call: f.Call, values: Values, depth: int = _DEPTH) -> bool:
    """Whether a call connects to the own machine or without TLS: by its address, or by all addresses that its client
    is used with."""
    if any(_is_plain(arg, (module, call.block, call.start), values) for arg in call.args):
        return True
    itself = f.CallRef(module.call_numbers.get((call.start, call.end), -1))
    name = _bound(module, call, itself)
    carrying = {index for keyword in _CARRIED for index in module.calls_by_keyword.get(keyword, ())}
    for other in (module.facts.calls[index] for index in sorted(carrying)) if depth > 0 else ():
        if any(arg.name in _CARRIED and arg.value in (itself, name) for arg in other.args) and _in_one(
            module, call, other
        ):
            return needs_no_certificate(module, other, values, depth - 1)
    return name is not None and is_used_without_tls(module, name, call.block, values)


def is_used_without_tls(module: Module, client: f.Expr, block: int, values: Values) -> bool:
    """Whether all addresses that a client is used with are on the own machine or without TLS, and there are some.

    The client is a variable of a function, which alone uses it, or an attribute that the methods of a class share.
    """
    function = module.enclosing(block)
    functions: Iterable[Function | None] = [function]
    if isinstance(client, f.Attr):
        if function is None or function.cls is None or client.value != f.Name("self"):
            return False
        functions = (each for each in module.functions if each.cls == function.cls)
    used = []
    for each in functions:
        for other in module.calls_in.get(each.index if each is not None else -1, ()):
            if isinstance(other.func, f.Attr) and other.func.value == client and other.args:
                used.append(other)
            elif any(client in walk(arg.value) for arg in other.args if type(arg.value) is not f.Const):
                return False  # who knows where it goes from there
    return bool(used) and all(
        any(_is_plain(arg, (module, one.block, one.start), values) for arg in one.args) for one in used
    )


def _is_plain(arg: f.Arg, where: Where, values: Values) -> bool:
    text = values.pieces(arg.value, where)
    return _HERE.match(text) is not None or (arg.name in _ADDRESSES and _PLAIN.match(text) is not None)


def _in_one(module: Module, call: f.Call, other: f.Call) -> bool:
    blocks = module.facts.blocks
    return other is not call and blocks[call.block].function == blocks[other.block].function


def _bound(module: Module, call: f.Call, itself: f.CallRef) -> f.Expr | None:
    """The variable or attribute that holds what a call makes."""
    return next(_holders(module, call, itself), None)


def _holders(module: Module, call: f.Call, itself: f.CallRef) -> Iterator[f.Expr]:
    function = module.facts.blocks[call.block].function
    for block in module.blocks_in.get(function, ()):
        if block.kind == "with" and block.test == itself and isinstance(block.target, f.Name):
            yield block.target
    for assign in module.assigns_in.get(function, ()):
        if assign.value == itself and isinstance(assign.target, (f.Name, f.Attr)):
            yield assign.target
