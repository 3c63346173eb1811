"""Where libcst nodes stand in the text: one pass that writes the module out and keeps line and column.

Own code instead of libcst's PositionProvider because that needs a MetadataWrapper (a deep copy of the tree).
"""

from __future__ import annotations

import re
from types import TracebackType

import libcst as cst
from libcst._nodes.internal import CodegenState

Place = tuple[int, int, int, int]
"""What a `Span` holds: many more nodes are passed than anybody asks for."""
_NEWLINE = re.compile(r"\r\n?|\n")


class _Recorder(CodegenState):
    """Writes tokens nowhere, and remembers where each node began and ended."""

    def __init__(self, module: cst.Module) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        self.line = 1
        self.column = 1
        self.starts: list[tuple[int, int]] = []
        self.found: dict[int, Place] = {}

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
        key = id(node)
        if key not in self.found:
            self.found[key] = line, column, self.line, self.column

    def record_syntactic_position(  # type: ignore[override]  # any context manager will do
        self,
        node: cst.CSTNode,
        *,
        start_node: cst.CSTNode | None = None,
        end_node: cst.CSTNode | None = None,
    ) -> _Inside:
        return _Inside(self, node, start_node, end_node)


class _Inside:
    """While a node without the whitespace around it is written. (Not a generator: half of all nodes have one.)"""

    __slots__ = ("_column", "_end_node", "_line", "_node", "_recorder", "_start_node")

    def __init__(
        self, recorder: _Recorder, node: cst.CSTNode, start_node: cst.CSTNode | None, end_node: cst.CSTNode | None
    ) -> None:
        self._recorder, self._node, self._start_node, self._end_node = recorder, node, start_node, end_node

    def __enter__(self) -> None:
        self._line, self._column = self._recorder.line, self._recorder.column

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        recorder = self._recorder
        found = recorder.found
        line, column, end_line, end_column = self._line, self._column, recorder.line, recorder.column
        if self._start_node is not None:
            line, column, _, _ = found[id(self._start_node)]
        if self._end_node is not None:
            _, _, end_line, end_column = found[id(self._end_node)]
        found[id(self._node)] = line, column, end_line, end_column


def spans(module: cst.Module) -> dict[int, Place]:
    """Where every node of a module stands, by `id(node)`, whitespace around it excluded.

    Costs about as much as parsing; `Source.span_of` calls it once a module and only when there is something to place.
    """
    recorder = _Recorder(module)
    module._codegen(recorder)
    return recorder.found
