"""From calls and functions of the model to libcst nodes and new text: what fixes need. Applies no edit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import libcst as cst

from fastapi_lint.files.source import Source
from fastapi_lint.finding import Span
from fastapi_lint.fixing.edits.bindings import nodes
from fastapi_lint.index import facts as f
from fastapi_lint.model.names import Function, Module


def call_node(module: Module, call: f.Call) -> tuple[Source, cst.Call] | None:
    """The libcst node of a call, and the source whose tree it is part of: the module's excerpt there.

    None when the module does not parse or the two parsers disagree.
    """
    found = call_nodes(module, [call])
    return None if found is None else (found[0], found[1][0])


def call_nodes(module: Module, calls: Sequence[f.Call]) -> tuple[Source, list[cst.Call]] | None:
    """As `call_node`, for several calls in one tree."""
    source = module.excerpt(*(call.start for call in calls))
    if source is None:
        return None
    nodes_found = []
    for call in calls:
        at = _calls(source.tree, source).get(source.span(call.start, call.end), ())
        node = next((node for node in at if len(node.args) == len(call.args)), None)
        if node is None:
            return None
        nodes_found.append(node)
    return source, nodes_found


@lru_cache(maxsize=4)
def _calls(tree: cst.Module, source: Source) -> dict[Span, list[cst.Call]]:
    """The call nodes by place, found once: a rule may ask for every route of a large module. (A source that has
    forgotten its tree makes another one, with other nodes.)"""
    table: dict[Span, list[cst.Call]] = {}
    for node in nodes(tree):
        if type(node) is cst.Call:
            table.setdefault(source.span_of(node), []).append(node)
    return table


def argument_node(module: Module, call: f.Call, arg: f.Arg) -> tuple[Source, cst.Call, cst.Arg] | None:
    """As `call_node`, with the node of one of the call's arguments."""
    found = call_node(module, call)
    return None if found is None else (*found, found[1].args[call.args.index(arg)])


def node_at(source: Source, start: int) -> cst.CSTNode:
    """The innermost node of a source's tree around a byte offset as facts give it: where a name is going to be used."""
    at = source.span(start, start)
    found: cst.CSTNode = source.tree
    for node in nodes(source.tree):  # a node comes before those in it
        span = source.span_of(node)
        if (span.line, span.column) <= (at.line, at.column) < (span.end_line, span.end_column):
            found = node
    return found


def function_node(function: Function, *, body: bool = False) -> tuple[Source, cst.FunctionDef] | None:
    """The libcst node of a function, as `call_node`; its body is not to be relied upon unless asked for."""
    source = function.module.excerpt(function.facts.head_end if body else function.start)
    node = (
        _definitions(source.tree, source).get(source.span(function.start, function.end)) if source is not None else None
    )
    return None if source is None or node is None else (source, node)


@lru_cache(maxsize=4)
def _definitions(tree: cst.Module, source: Source) -> dict[Span, cst.FunctionDef]:
    return {source.span_of(node.name): node for node in nodes(tree) if type(node) is cst.FunctionDef}


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
