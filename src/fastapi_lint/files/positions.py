"""Where libcst nodes stand in the text: one pass that writes the module out and keeps line and column.

Own code instead of libcst's PositionProvider because that needs a MetadataWrapper (a deep copy of the tree).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import libcst as cst
from libcst._nodes.internal import CodegenState

from fastapi_lint.finding import Span

_NEWLINE = re.compile(r"\r\n?|\n")


class _Recorder(CodegenState):
    """Writes tokens nowhere, and remembers where each node began and ended."""

    def __init__(self, module: cst.Module) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        self.line = 1
        self.column = 1
        self.starts: list[tuple[int, int]] = []
        self.found: dict[int, Span] = {}

    def add_indent_tokens(self) -> None:
        self.column += sum(map(len, self.indent_tokens))

    def add_token(self, value: str) -> None:
        if "\n" in value or "\r" in value:
            pieces = _NEWLINE.split(value)
            self.line += len(pieces) - 1
            self.column = len(pieces[-1]) + 1
        else:
            self.column += len(value)

    def pop_trailing_newline(self) -> None:
        """Nothing was kept, so nothing is taken back."""

    def before_codegen(self, node: cst.CSTNode) -> None:
        self.starts.append((self.line, self.column))

    def after_codegen(self, node: cst.CSTNode) -> None:
        line, column = self.starts.pop()
        self.found.setdefault(id(node), Span(line, column, self.line, self.column))

    @contextmanager
    def record_syntactic_position(
        self,
        node: cst.CSTNode,
        *,
        start_node: cst.CSTNode | None = None,
        end_node: cst.CSTNode | None = None,
    ) -> Iterator[None]:
        line, column = self.line, self.column
        yield
        end_line, end_column = self.line, self.column
        if start_node is not None:
            line, column = self.found[id(start_node)].line, self.found[id(start_node)].column
        if end_node is not None:
            end_line, end_column = self.found[id(end_node)].end_line, self.found[id(end_node)].end_column
        self.found[id(node)] = Span(line, column, end_line, end_column)


def spans(module: cst.Module) -> dict[int, Span]:
    """The span of every node of a module by `id(node)`, whitespace around it excluded.

    Costs about as much as parsing; `Source.span_of` calls it once a module and only when there is something to place.
    """
    recorder = _Recorder(module)
    module._codegen(recorder)
    return recorder.found
