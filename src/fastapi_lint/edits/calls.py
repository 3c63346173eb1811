"""From calls in facts to libcst nodes and new text: what fixes of model rules need. Applies no edit."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import libcst as cst

from fastapi_lint.edits.bindings import nodes
from fastapi_lint.finding import Span
from fastapi_lint.index import facts as f
from fastapi_lint.model.symbols import Module


def call_node(module: Module, call: f.Call) -> cst.Call | None:
    """The libcst node of a call; None when the module does not parse or the two parsers disagree."""
    span = module.source.span(call.start, call.end)
    for node in _calls(module).get(span, ()):
        if len(node.args) == len(call.args):
            return node
    return None


_known: WeakKeyDictionary[Module, dict[Span, list[cst.Call]]] = WeakKeyDictionary()


def _calls(module: Module) -> dict[Span, list[cst.Call]]:
    """The call nodes of a module by place, found once: a rule may ask for every route of a large module."""
    if module not in _known:
        table = _known[module] = {}
        for node in nodes(module.tree) if module.tree is not None else ():
            if isinstance(node, cst.Call):
                table.setdefault(module.source.span_of(node), []).append(node)
    return _known[module]


def argument_node(module: Module, call: f.Call, arg: f.Arg) -> tuple[cst.Call, cst.Arg] | None:
    """The libcst nodes of a call and of one of its arguments; None as in `call_node`."""
    node = call_node(module, call)
    return None if node is None else (node, node.args[call.args.index(arg)])


def value_text(module: Module, arg: f.Arg) -> str:
    """The text of an argument without its keyword."""
    text = module.source.slice(arg.start, arg.end)
    return text.split("=", 1)[1].strip() if arg.name not in ("", "*", "**") else text


def handed_over(module: Module, call: f.Call, *, keywords: bool) -> str | None:
    """`f(x, y)` as what hands it over to be called later: `f, x, y`.

    `keywords` says whether the receiver passes keyword arguments on. None when it cannot be written that way: a callee
    that is no dotted name, keywords that are not passed on, or comments between.
    """
    source = module.source
    if not _is_dotted(call.func):
        return None
    callee = source.slice(call.start, call.name_end)
    if not call.args:
        return callee if source.slice(call.name_end, call.end).replace(" ", "") == "()" else None
    if not keywords and any(arg.name not in ("", "*") for arg in call.args):
        return None
    before = source.slice(call.name_end, call.args[0].start).strip()
    arguments = source.slice(call.args[0].start, call.args[-1].end)
    after = "".join(source.slice(call.args[-1].end, call.end).split())
    if before != "(" or after not in (")", ",)") or "#" in arguments:
        return None
    return f"{callee}, {arguments}"


def _is_dotted(expr: f.Expr) -> bool:
    while isinstance(expr, f.Attr):
        expr = expr.value
    return isinstance(expr, f.Name)
