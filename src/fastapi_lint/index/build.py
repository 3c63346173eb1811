"""UTF-8 source of one file in, its facts out: parsing, and what is known of the file as a whole.

Reads no files, keeps no state that shows, and gives the same facts under every version of Python: the grammar decides
what is Python, not the interpreter.
"""

from __future__ import annotations

import re
from operator import attrgetter

from tree_sitter import Node, Parser

from fastapi_lint.index.draft import Draft
from fastapi_lint.index.expressions import operators, scopes, strings  # noqa: F401  they register
from fastapi_lint.index.expressions.primary import forget_some
from fastapi_lint.index.facts import Attr, Block, Const, Display, Expr, Facts, Name, Sub
from fastapi_lint.index.grammar import LANGUAGE, kinds
from fastapi_lint.index.masking import masked
from fastapi_lint.index.statements import control, definitions, imports  # noqa: F401  they register
from fastapi_lint.index.statements.simple import suite
from fastapi_lint.index.waiting import mark_later_awaits

_LONE_CR = re.compile(rb"\r(?!\n)")
_START = attrgetter("start")
_GENERIC = kinds("function_definition", "class_definition", "type_alias_statement")
_TYPE_PARAMETERS = kinds("type_parameter")
_NAMES_OF_ALIASES = kinds("type", "generic_type")


def build(data: bytes) -> Facts:
    """The facts of a file. `data` is valid UTF-8 without BOM; offsets in the result count its bytes.

    Broken code gives the facts that can be read and places in `errors`; nothing is raised.
    """
    if b"\r" in data:
        data = _LONE_CR.sub(b"\n", data)
    root = Parser(LANGUAGE).parse(masked(data)).root_node
    d = Draft(data.decode("latin-1"))
    forget_some()
    suite(d, root.children, 0)
    if root.has_error:
        d.errors.extend(_errors(root, d.text))
        d.statements = _outermost(d.statements)
    mark_later_awaits(d)
    d.errors.sort()
    for table in (d.assigns, d.exits, d.tests, d.imports, d.classes):
        table.sort(key=_START)
    d.dead.sort()
    return Facts(
        tuple(d.blocks), tuple(d.imports), tuple(d.functions), tuple(d.classes), tuple(d.calls), tuple(d.assigns),
        tuple(d.exits), tuple(d.tests), _exported(d) if b"__all__" in data else None, tuple(d.dead), tuple(d.globals),
        tuple(d.statements), tuple(d.errors), d.main_guard,
    )  # fmt: skip


def _errors(root: Node, text: str) -> list[tuple[int, int]]:
    """The outermost places that the parser gave up on, without what is only new to it.

    That is the word of a lazy import, and defaults of type parameters (PEP 696).
    """
    found: list[tuple[int, int]] = []
    stack = [(root, False)]
    while stack:
        node, in_head = stack.pop()
        start, end = node.start_byte, node.end_byte
        if node.is_error or node.is_missing:
            if text[start:end] != "lazy":
                found.append((start, end))
        elif node.has_error and not (in_head and node.kind_id in _TYPE_PARAMETERS and "=" in text[start:end]):
            head = node.kind_id in _GENERIC or (in_head and node.kind_id in _NAMES_OF_ALIASES)
            stack.extend((child, head) for child in node.children)
    return found


def _outermost(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for start, end in sorted(ranges, key=lambda r: (r[0], -r[1])):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


_ALL = Name("__all__")


def _texts(value: Expr | None) -> list[str] | None:
    """The items of a list or tuple display of texts, else None."""
    if not isinstance(value, Display) or value.kind == "set":
        return None
    texts = [item.value for item in value.items if isinstance(item, Const) and isinstance(item.value, str)]
    return texts if len(texts) == len(value.items) else None


def _inside(target: Expr | None) -> bool:
    """Whether an assignment or deletion of `target` changes `__all__`."""
    if isinstance(target, (Sub, Attr)):
        return _inside(target.value)
    if isinstance(target, Display):
        return any(_inside(item) for item in target.items)
    return target == _ALL


def _exported(d: Draft) -> tuple[str, ...] | None:
    """The content of `__all__`, or None when it is not made of plain displays at module level alone."""
    changes: list[tuple[int, bool, list[str] | None]] = []
    for assign in d.assigns:
        if _inside(assign.target) and not (assign.value is None and assign.op == "="):
            block = d.blocks[assign.block]
            plain = assign.target == _ALL and assign.op in ("=", "+=") and (block.function, block.cls) == (-1, -1)
            changes.append((assign.start, assign.op == "=", _texts(assign.value) if plain else None))
    for call in d.calls:
        func = call.func
        if isinstance(func, Attr) and func.value == _ALL:
            value = call.args[0].value if len(call.args) == 1 and not call.args[0].name else None
            if func.attr == "append" and value is not None:
                value = Display("list", (value,))
            plain = func.attr in ("append", "extend") and d.blocks[call.block].function < 0
            changes.append((call.start, False, _texts(value) if plain else None))
    if any(_inside(block.target) for block in d.blocks) or any(e.kind == "del" and _inside(e.value) for e in d.exits):
        return None
    if any("__all__" in (entry.name, entry.alias) for entry in d.imports) or not changes:
        return None
    names: list[str] = []
    for _, fresh, texts in sorted(changes, key=lambda change: change[0]):
        if texts is None:
            return None
        names = texts if fresh else names + texts
    return tuple(names)


def empty_facts() -> Facts:
    """The facts of a file that could not be read: a module with nothing in it."""
    block = Block("module", -1, -1, -1, False, None, None, 0, 0)
    return Facts((block,), (), (), (), (), (), (), (), None, (), (), (), (), False)
