"""Names, calls, attributes, displays and operators of a syntax tree to expressions of the facts; calls are noted.

Knows nothing of statements.
"""

from __future__ import annotations

from msgspec.structs import replace
from tree_sitter import Node

from fastapi_lint.index.dispatch import EXPR, LIMIT, Use, expression, inner, last, readers
from fastapi_lint.index.draft import PENDING_CALL, Draft
from fastapi_lint.index.facts import Arg, Attr, Await, Call, CallRef, Choice, Const, Expr, Name, Raw, Star, Sub
from fastapi_lint.index.grammar import (
    ARGUMENTS,
    ATTRIBUTE,
    AWAIT,
    CALL,
    DICT_SPLAT,
    GENERATOR,
    IDENTIFIER,
    KEYWORD,
    LIST_SPLAT,
    PAREN,
    SKIPPED,
    SUBSCRIPT,
    TYPE,
    kinds,
)
from fastapi_lint.index.literals import UNKNOWN, decoded, number

_LONG = 50
"""Operands, attributes or subscripts in a row above which the whole is `Unknown`: results must not nest deeply."""
_WIDE = 1_000
"""Bytes from which text is not tried as a dotted name: in a long chain every link would be."""
_NAMES = frozenset({IDENTIFIER, ATTRIBUTE})
_SPLATS = frozenset({LIST_SPLAT, DICT_SPLAT})
_LINKS = frozenset({CALL, ATTRIBUTE, SUBSCRIPT})
_WRAPPERS = frozenset({PAREN, TYPE}) | kinds("as_pattern_target", "parenthesized_list_splat")

_KNOWN: dict[str, Expr] = {"": UNKNOWN, "None": Const(None), "True": Const(True), "False": Const(False)}
SEEN: dict[str, Expr] = dict(_KNOWN)
"""Expressions by their text, for text that always means the same: names, attributes of names, literals, annotations
without calls. Shared by all files: most are `self`, `str`, `None`. Text stands as in `Draft.text`."""


def forget_some() -> None:
    """Keeps the memory of expressions by text within bounds; between files."""
    if len(SEEN) > 30_000:
        SEEN.clear()
        SEEN.update(_KNOWN)


def known(key: str) -> Expr | None:
    """The expression of a name or of a dotted name without spaces; None for anything else."""
    found = SEEN.get(key)
    if found is not None:
        return found
    names = key.split(".")
    if len(names) > _LONG:
        return None
    value: Expr | None = None
    for i, name in enumerate(names):
        name = decoded(name)
        if not name.isidentifier():
            return None
        text = ".".join(names[: i + 1])
        found = SEEN.get(text)
        if found is None:
            found = SEEN[text] = Name(name) if value is None else Attr(value, name)
        value = found
    return value


def used(d: Draft, node: Node, depth: int, use: Use) -> Expr:
    """An expression whose value is used at once as said, if it is a call, an awaited call or one in parentheses."""
    found = node.kind_id
    while found == PAREN:
        node = inner(node)
        found = node.kind_id
    if found == CALL:
        return call(d, node, depth, use)
    if found == AWAIT:
        return awaiting(d, node, depth, use)
    return EXPR[found](d, node, depth)


def _dotted(d: Draft, node: Node, depth: int) -> Expr:
    start, end = node.start_byte, node.end_byte
    found = known(d.text[start:end]) if end - start < _WIDE else None
    return chain(d, node, depth) if found is None else found


def _name(d: Draft, node: Node, depth: int) -> Expr:
    key = d.text[node.start_byte : node.end_byte]
    found = SEEN.get(key)
    if found is None:
        found = SEEN[key] = Name(decoded(key))
    return found


def _number(d: Draft, node: Node, depth: int) -> Expr:
    key = d.text[node.start_byte : node.end_byte]
    found = SEEN.get(key)
    if found is None:
        found = number(key)
        if len(key) < 20 and found is not UNKNOWN:
            SEEN[key] = found
    return found


def _ellipsis(d: Draft, node: Node, depth: int) -> Expr:
    return Raw("ellipsis")


def _wrapped(d: Draft, node: Node, depth: int) -> Expr:
    """Parentheses, `type` nodes and the like: what is inside. Any number of them costs one level."""
    wrappers = _WRAPPERS
    found = node.kind_id
    while found in wrappers and node.child_count:
        node = inner(node)
        found = node.kind_id
    return EXPR[found](d, node, depth + 1) if depth < LIMIT else UNKNOWN


# Calls, attributes and subscripts


def call(d: Draft, node: Node, depth: int, use: Use = "value", awaited: bool = False) -> Expr:
    """A call; the usual case of a dotted name that is called goes no further down on the left."""
    if depth > LIMIT:
        return UNKNOWN
    callee = node.child(0)
    found = callee.kind_id
    if found in _NAMES:
        start = callee.start_byte
        end = callee.end_byte
        key = d.text[start:end] if end - start < _WIDE else " "
        func = known(key)
        if func is not None:
            calls = d.calls
            index = len(calls)
            calls.append(PENDING_CALL)
            args = _arguments(d, last(node), depth + 1)
            calls[index] = Call(
                func, args, d.block, awaited, use, node.start_byte, node.end_byte, start + key.rfind(".") + 1, end
            )
            return CallRef(index)
    return chain(d, node, depth, use, awaited)


def chain(d: Draft, node: Node, depth: int, use: Use = "value", awaited: bool = False) -> Expr:
    """Calls, attributes and subscripts on one another (`a.b().c[0].d()`), of any length, without recursion."""
    if depth > LIMIT:
        return UNKNOWN
    spine: list[tuple[Node, int, int]] = []
    value: Expr | None = None
    while True:
        found = node.kind_id
        index = -1
        if found == CALL:
            index = len(d.calls)
            d.calls.append(PENDING_CALL)
        elif found == ATTRIBUTE and node.end_byte - node.start_byte < _WIDE:
            value = known(d.text[node.start_byte : node.end_byte])
        if value is not None or found not in _LINKS:
            break
        spine.append((node, found, index))
        node = node.child(0)
    starred = value is None and found == LIST_SPLAT
    if starred:  # the grammar takes `*a.b()` in a tuple or set for `(*a).b()`
        node = last(node)
        found = node.kind_id
        if found in _NAMES:
            value = known(d.text[node.start_byte : node.end_byte])
    first_byte = start = node.start_byte
    end = node.end_byte
    if value is None:
        value = EXPR[found](d, node, depth + 1)
    else:
        start += d.text[start:end].rfind(".") + 1
    nested = 0
    for position in range(len(spine) - 1, -1, -1):
        node, found, index = spine[position]
        nested += 1
        if nested > _LONG:
            value = UNKNOWN
        if found == CALL:
            args = _arguments(d, last(node), depth + 1)
            first = position == 0
            d.calls[index] = Call(
                value, args, d.block, awaited and first, use if first else "value",
                first_byte, node.end_byte, start, end,
            )  # fmt: skip
            value = CallRef(index)
            nested = 0
        elif found == ATTRIBUTE:
            name = last(node)
            start, end = name.start_byte, name.end_byte
            value = Attr(value, decoded(d.text[start:end])) if start < end else UNKNOWN
        else:
            value = Sub(value, items(d, node, depth + 1, 1))
    if nested > _LONG:
        return UNKNOWN
    return Star(value) if starred else value


def _arguments(d: Draft, node: Node, depth: int) -> tuple[Arg, ...]:
    if node.kind_id != ARGUMENTS:
        if node.kind_id == GENERATOR:
            return (Arg("", EXPR[GENERATOR](d, node, depth), node.start_byte, node.end_byte),)
        return ()
    count = node.child_count
    if count == 2 or depth > LIMIT:
        return ()
    text = d.text
    args = []
    for child in (node.child(1),) if count == 3 else node.children:
        found = child.kind_id
        if found in SKIPPED:
            continue
        start = child.start_byte
        if found == KEYWORD:
            name = text[start : text.find("=", start)].rstrip()
            if not name.isidentifier():
                name = _keyword(d, child)
            child_value = last(child)
            value = EXPR[child_value.kind_id](d, child_value, depth)
            args.append(Arg(name, value, start, child.end_byte))
        elif found in _SPLATS:
            value = expression(d, last(child), depth)
            args.append(Arg("*" if found == LIST_SPLAT else "**", value, start, child.end_byte))
        else:
            args.append(Arg("", EXPR[found](d, child, depth), start, child.end_byte))
    return tuple(args)


def arguments(d: Draft, node: Node) -> tuple[Arg, ...]:
    """The arguments of a class head."""
    return _arguments(d, node, 0)


def _keyword(d: Draft, node: Node) -> str:
    name = node.child(0)
    return decoded(d.text[name.start_byte : name.end_byte])


def awaiting(d: Draft, node: Node, depth: int, use: Use = "value") -> Expr:
    """`await value`."""
    if depth > LIMIT:
        return UNKNOWN
    value = last(node)
    found = value.kind_id
    while found == PAREN:
        value = inner(value)
        found = value.kind_id
    if found == CALL:
        return Await(call(d, value, depth + 1, use, True))
    given = EXPR[found](d, value, depth + 1)
    if isinstance(given, Name):
        d.waits.append((given.id, d.block, node.start_byte))
    else:
        for option in given.options if isinstance(given, Choice) and given.op == "if" else (given,):
            if isinstance(option, CallRef):
                d.calls[option.index] = replace(d.calls[option.index], awaited=True)
    return Await(given)


def annotation(d: Draft, node: Node, depth: int) -> Expr:
    """A `type` node. Most are seen again and again, so their meaning is kept by text."""
    key = d.text[node.start_byte : node.end_byte]
    found = SEEN.get(key)
    if found is not None:
        return found
    size = d.size()
    value = _wrapped(d, node, depth)
    if len(key) < 80 and depth == 0 and d.size() == size and value is not UNKNOWN and not node.has_error:
        SEEN[key] = value
    return value


def items(d: Draft, node: Node, depth: int, first: int = 0) -> tuple[Expr, ...]:
    """The items of a display or subscript, from child number `first` on."""
    if depth > LIMIT:
        return ()
    return tuple([EXPR[c.kind_id](d, c, depth) for c in node.children[first:] if c.kind_id not in SKIPPED])


def pair(d: Draft, node: Node, depth: int) -> tuple[Expr, Expr]:
    """Key and value of a dict entry."""
    key = node.child(0)
    value = last(node)
    return EXPR[key.kind_id](d, key, depth), EXPR[value.kind_id](d, value, depth)


readers(
    {
        "identifier": _name,
        "true": _name,
        "false": _name,
        "none": _name,
        "integer": _number,
        "float": _number,
        "ellipsis": _ellipsis,
        "attribute": _dotted,
        "subscript": chain,
        "call": call,
        "await": awaiting,
        "parenthesized_expression": _wrapped,
        "type": annotation,
        "as_pattern_target": _wrapped,
        "parenthesized_list_splat": _wrapped,
    }
)
