"""The facts of one file while they are gathered: the tables so far, and the place the reading has come to."""

from __future__ import annotations

from typing import cast

from tree_sitter import Node

from fastapi_lint.index.facts import Assign, Block, Call, Class, Exit, Function, Import, Test
from fastapi_lint.index.literals import decoded

# Entries get their number where they begin and their content when they end; until then one of these holds the place.
PENDING_CALL = cast(Call, None)
PENDING_FUNCTION = cast(Function, None)
PENDING_BLOCK = cast(Block, None)


class Draft:
    """Tables as in `Facts`, and where we are.

    `text` is the file with one character for each UTF-8 byte (latin-1), so that byte offsets index it; what is taken
    out goes through `decoded`. `block`, `function` and `cls` are the current block and what `Block` says of it; `path`
    is what names defined here are prefixed with in `qualname`. `generators` are the functions that yield, `waits` what
    is awaited by a name: the name, the block and the place.
    """

    __slots__ = (
        "assigns", "block", "blocks", "calls", "classes", "cls", "dead", "errors", "exits", "function", "functions",
        "generators", "globals", "imports", "main_guard", "path", "statements", "tests", "text", "waits",
    )  # fmt: skip

    def __init__(self, text: str) -> None:
        self.text = text
        self.block = 0
        self.function = -1
        self.cls = -1
        self.path = ""
        self.blocks: list[Block] = [Block("module", -1, -1, -1, False, None, None, 0, len(text))]
        self.imports: list[Import] = []
        self.functions: list[Function] = []
        self.classes: list[Class] = []
        self.calls: list[Call] = []
        self.assigns: list[Assign] = []
        self.exits: list[Exit] = []
        self.tests: list[Test] = []
        self.dead: list[int] = []
        self.globals: list[tuple[str, int]] = []
        self.statements: list[tuple[int, int]] = []
        self.errors: list[tuple[int, int]] = []
        self.generators: set[int] = set()
        self.waits: list[tuple[str, int, int]] = []
        self.main_guard = False

    def slice(self, node: Node) -> str:
        """The text of a node."""
        return decoded(self.text[node.start_byte : node.end_byte])

    def size(self) -> int:
        """Grows with every entry that an expression can add."""
        return len(self.calls) + len(self.functions) + len(self.blocks) + len(self.assigns) + len(self.exits)
