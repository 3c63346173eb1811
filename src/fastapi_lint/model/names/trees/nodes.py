"""The libcst nodes of a module in source order, with the function and class that each is in. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Protocol

from fastapi_lint.model.names.symbols import Class, Function, Module

if TYPE_CHECKING:
    import libcst as cst

_SKIPPED = frozenset({
    "lpar", "rpar", "leading_lines", "lines_after_decorators", "comma", "semicolon", "dot", "equal", "header", "footer",
    "lbracket", "rbracket", "lbrace", "rbrace", "asynchronous", "star", "async_", "trailing_whitespace", "colon",
    "newline", "whitespace", "indent", "default_indent", "encoding", "default_newline", "has_trailing_newline",
    "operators",
})  # fmt: skip
_HEAD_FIRST = ("decorators", "name", "type_parameters", "params", "bases", "keywords", "returns")


class Around(Protocol):
    """What is told where the visited node is."""

    parents: Sequence[cst.CSTNode]
    """The nodes around it, outermost first."""
    function: Function | None
    """The innermost function around it."""
    block: int
    """The body of the innermost function or class around it, by its number among the module's blocks."""
    definition: Function | Class | None
    """What the model knows of a FunctionDef or ClassDef that is visited."""


class Walk:
    """One depth-first pass over the nodes of a module; `visit` is called with each, when all of `around` know it."""

    def __init__(self, module: Module, visit: Callable[[cst.CSTNode], None], around: Sequence[Around]) -> None:
        self._visit = visit
        self._around = around
        self._parents: list[cst.CSTNode] = []
        self._functions = iter([function for function in module.functions if function.name != "<lambda>"])
        self._classes = iter(module.classes)
        for each in around:
            each.parents = self._parents

    def over(self, node: cst.CSTNode) -> None:
        """Visit a node and all below it. Raises `RecursionError` where they are nested too deeply."""
        kind = type(node)
        name = kind.__name__
        if name == "FunctionDef":
            self._definition(node, next(self._functions, None))
            return
        if name == "ClassDef":
            self._definition(node, next(self._classes, None))
            return
        self._visit(node)
        self._parents.append(node)
        for attr in _children(kind):
            self._below(getattr(node, attr))
        self._parents.pop()

    def _below(self, value: object) -> None:
        if value is None or isinstance(value, str):
            return
        if isinstance(value, (list, tuple)):
            for item in value:
                if not isinstance(item, str):
                    self.over(item)
        elif hasattr(value, "_codegen_impl"):
            self.over(value)  # type: ignore[arg-type]

    def _definition(self, node: cst.CSTNode, handle: Function | Class | None) -> None:
        """A function or class: its head is evaluated outside, its body inside."""
        if handle is not None and handle.name != node.name.value:  # type: ignore[attr-defined]
            handle = None  # the two parsers disagree about broken code: unknown is silent
        for each in self._around:
            each.definition = handle
        self._visit(node)
        self._parents.append(node)
        for attr in _children(type(node)):
            if attr != "body":
                self._below(getattr(node, attr))
        outer = [(each.function, each.block) for each in self._around]
        for each in self._around:
            if isinstance(handle, Function):
                each.function = handle
            each.block = handle.facts.block if handle is not None else each.block
        self.over(node.body)  # type: ignore[attr-defined]
        for each, (function, block) in zip(self._around, outer, strict=True):
            each.function, each.block = function, block
        self._parents.pop()


@cache
def _children(kind: type) -> tuple[str, ...]:
    """The fields of a node class that hold code, heads of definitions first (in libcst decorators follow the body)."""
    names = [
        name
        for name in kind.__dataclass_fields__  # type: ignore[attr-defined]
        if name not in _SKIPPED and not name.startswith("whitespace")
    ]
    first = [name for name in _HEAD_FIRST if name in names] if "body" in names else []
    return tuple(first + [name for name in names if name not in first])
