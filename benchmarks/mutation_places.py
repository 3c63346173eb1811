"""Places in the files of a real project, by syntax alone, and wrong texts made there. Asks nothing of the linter.

What an operator looks for is told from the syntax tree of the standard library and not from the linter's model, so that
what the model does not see is seen here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

METHODS = frozenset({"get", "post", "put", "patch", "delete", "websocket"})
ASIDE = frozenset({"test", "tests", "scripts", "script", "alembic", "migrations", "examples", "tools", "demo"})

Function = ast.FunctionDef | ast.AsyncFunctionDef
Edit = tuple[int, int, str]


@dataclass(frozen=True)
class Mutant:
    """Edits that make one file wrong in one place, and the stretch of the file (offsets) where that is to be found.

    Where no line can be told, because another file is to blame, there is no stretch, and any new finding counts.
    """

    edits: tuple[Edit, ...]
    due: tuple[int, int] | None

    def text(self, before: str) -> str:
        """The wrong text."""
        for start, end, new in sorted(self.edits, reverse=True):
            before = before[:start] + new + before[end:]
        return before

    def lines(self, before: str) -> tuple[int, int] | None:
        """The first and last line where it is due, in the wrong text."""
        if self.due is None:
            return None
        first, last = (self._moved(offset) for offset in self.due)
        text = self.text(before)
        return text.count("\n", 0, first) + 1, text.count("\n", 0, last) + 1

    def _moved(self, offset: int) -> int:
        """Where an offset lies after the edits; what is written at it stands behind it if it replaces something."""
        for start, end, new in sorted(self.edits, reverse=True):
            if end < offset or (start == end == offset):
                offset += len(new) - (end - start)
            elif start < offset:
                offset = start + len(new)
        return offset


@dataclass(frozen=True)
class File:
    """One file that parses."""

    path: str
    text: str
    tree: ast.Module
    names: dict[str, str] = field(default_factory=dict)

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    @cached_property
    def _rows(self) -> list[bytes]:
        return [line.encode() for line in self.text.splitlines()]

    def _offset(self, line: int, column: int) -> int:
        if line > len(self._rows):
            return len(self.text)
        return self._starts[line - 1] + len(self._rows[line - 1][:column].decode("utf-8", "ignore"))

    def start(self, node: ast.expr | ast.stmt | ast.excepthandler | ast.arg) -> int:
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt | ast.excepthandler | ast.arg) -> int:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self._offset(node.end_lineno, node.end_col_offset)

    def of(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node."""
        return self.text[self.start(node) : self.end(node)]

    def line_start(self, node: ast.expr | ast.stmt) -> int:
        """Where the line of a node starts."""
        return self._starts[node.lineno - 1]

    def whole(self, node: Function) -> tuple[int, int]:
        """The stretch of a function with its decorators."""
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        return self._starts[first - 1], self.end(node)

    def replaced(self, node: ast.expr | ast.stmt, new: str) -> Edit:
        return self.start(node), self.end(node), new

    def at(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """The stretch of a node."""
        return self.start(node), self.end(node)

    @cached_property
    def _top(self) -> int:
        """Where an import may be written."""
        last = 0
        for statement in self.tree.body:
            is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if is_text or (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
                last = self._starts[statement.end_lineno or 0]
        return last

    def importing(self, text: str) -> Edit:
        """An import at the top."""
        return self._top, self._top, text + "\n"

    @cached_property
    def _after_imports(self) -> int:
        last = self._top
        for statement in self.tree.body:
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                last = max(last, self._starts[statement.end_lineno or 0])
        return last

    def declaring(self, text: str) -> Edit:
        """A statement of the module, behind its imports."""
        return self._after_imports, self._after_imports, text + "\n"

    def before(self, statement: ast.stmt, text: str) -> Edit:
        """Lines before a statement, as far to the right as that."""
        indent = " " * statement.col_offset
        place = self.line_start(statement)
        return place, place, "".join(f"{indent}{line}\n" for line in text.split("\n"))

    def body(self, function: Function) -> list[ast.stmt]:
        """The statements of a function without its docstring; they stand on lines of their own, or there are none."""
        body = function.body
        first = body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(body) > 1:
            body = body[1:]
        return body if body[0].lineno > function.lineno and body[0].col_offset > function.col_offset else []

    def dedented(self, header: ast.stmt, body: Sequence[ast.stmt], instead: str) -> list[Edit]:
        """The head of a block replaced by a text, or taken out, and its body moved to the left."""
        depth = body[0].col_offset - header.col_offset
        edits: list[Edit] = [(self.line_start(header), self.line_start(body[0]), instead)]
        for line in range(body[0].lineno, (body[-1].end_lineno or 0) + 1):
            start = self._starts[line - 1]
            if not self.text[start : start + depth].strip():
                edits.append((start, start + min(depth, len(self._rows[line - 1])), ""))
        return edits

    def name_of(self, node: ast.AST) -> str:
        """What a name or attribute is called, by the imports of the file."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            left = self.name_of(node.value)
            return f"{left}.{node.attr}" if left else ""
        return ""

    def calls(self, *last: str) -> Iterator[ast.Call]:
        """The calls of what has one of these last names."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and self.name_of(node.func).rpartition(".")[2] in last:
                yield node

    @cached_property
    def functions(self) -> list[Function]:
        return [node for node in ast.walk(self.tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]

    @cached_property
    def top_functions(self) -> list[Function]:
        return [node for node in self.tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]

    @cached_property
    def endpoints(self) -> list[Function]:
        return [node for node in self.top_functions if route_of(node) is not None]

    @cached_property
    def requests(self) -> list[Function]:
        """The endpoints that are no websockets."""
        return [node for node in self.endpoints if not is_websocket(node)]

    def annotated(self, function: Function, *last: str) -> Iterator[ast.arg]:
        """The parameters with a plain annotation of one of these last names."""
        for each in [*function.args.args, *function.args.kwonlyargs]:
            if each.annotation is not None and self.name_of(each.annotation).rpartition(".")[2] in last:
                yield each


@dataclass(frozen=True)
class Project:
    """The files of a project that are not tests or tools."""

    files: tuple[File, ...]

    @cached_property
    def depended_on(self) -> frozenset[str]:
        """The names that are given to `Depends` and `Security`."""
        names = set()
        for file in self.files:
            for call in file.calls("Depends", "Security"):
                if call.args:
                    names.add(file.name_of(call.args[0]).rpartition(".")[2])
        return frozenset(names - {""})

    @cached_property
    def factories(self) -> dict[str, tuple[str, bool]]:
        """Names of session factories: where each is made, and whether its sessions are asynchronous."""
        found = {}
        for file in self.files:
            for statement in file.tree.body:
                value, target = assigned(statement)
                if isinstance(value, ast.Call) and file.name_of(value.func).endswith("sessionmaker"):
                    is_async = "async" in file.name_of(value.func) or "AsyncSession" in file.of(value)
                    found[target] = (file.path, is_async)
        return found

    @cached_property
    def contexts(self) -> frozenset[str]:
        """The names of asynchronous context managers."""
        return frozenset(
            function.name
            for file in self.files
            for function in file.top_functions
            if any(file.name_of(each) == "contextlib.asynccontextmanager" for each in function.decorator_list)
        )

    @cached_property
    def plain(self) -> frozenset[str]:
        """The names of functions that need no argument and make no function, which might be what they give."""
        return frozenset(
            function.name
            for file in self.files
            for function in file.top_functions
            if not required(function)
            and not any(isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)) for each in function.body)
        )

    @cached_property
    def _imports(self) -> list[tuple[str, str]]:
        """The modules and names of all absolute `from ... import ...`."""
        return [
            (node.module, alias.name)
            for file in self.files
            for node in file.tree.body
            if isinstance(node, ast.ImportFrom) and not node.level and node.module
            for alias in node.names
        ]

    def import_of(self, name: str, path: str) -> str | None:
        """The import by which another file has a name; the same text works wherever it is absolute."""
        for module, each in self._imports:
            if each == name and path.removesuffix(".py").endswith(module.replace(".", "/")):
                return f"from {module} import {name}"
        return None

    def dependencies(self, file: File) -> Iterator[Function]:
        """The functions of a file that are depended on."""
        yield from (each for each in file.top_functions if each.name in self.depended_on)


def read(texts: dict[str, str]) -> Project:
    """The project of these texts, without tests, tools and what does not parse."""
    files = []
    for path, text in sorted(texts.items()):
        place = PurePosixPath(path)
        aside = ASIDE.intersection(place.parts) or place.name.startswith(("test_", "conftest"))
        if aside or "\t" in text or "\r" in text or "\f" in text or not path.endswith(".py"):
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        files.append(File(path, text, tree, _names(tree)))
    return Project(tuple(files))


def _names(tree: ast.Module) -> dict[str, str]:
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{'.' * node.level}{node.module or ''}.{alias.name}"
    return names


def assigned(statement: ast.stmt) -> tuple[ast.expr | None, str]:
    """The value of an assignment to one plain name, and the name."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.value, statement.targets[0].id
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.value, statement.target.id
    return None, ""


def route_of(function: Function) -> ast.Call | None:
    """The decorator that makes a function an endpoint."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
            first = decorator.args[0] if decorator.args else None
            is_path = isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value[:1] in {"", "/"}
            if decorator.func.attr in METHODS and is_path:
                return decorator
    return None


def is_websocket(function: Function) -> bool:
    route = route_of(function)
    return route is not None and isinstance(route.func, ast.Attribute) and route.func.attr == "websocket"


def own(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function's body without those of functions in it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)


def yields(function: Function) -> bool:
    return any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own(function))


def defaults(function: Function) -> Iterator[tuple[ast.arg, ast.expr]]:
    """The parameters with their default values."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    yield from zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)
    yield from ((a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None)


def required(function: Function) -> bool:
    """Whether a function has a parameter without a default value."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    return len(positional) > len(arguments.defaults) or None in arguments.kw_defaults


def word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.]){re.escape(name)}\b")
