"""What stands in files of a small project, by the syntax tree of the standard library. Asks nothing of the linter."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from mutation_places import Edit, File, Function

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Tree:
    """The files of one project that parse."""

    files: tuple[File, ...]

    @cached_property
    def local(self) -> frozenset[str]:
        """The first names of its own modules, and the names of all of them."""
        paths = [PurePosixPath(file.path) for file in self.files]
        return frozenset(name for path in paths for name in (*path.parts[:-1], path.stem))

    @cached_property
    def taken(self) -> frozenset[str]:
        """Names that one module takes from another; a star when all may be."""
        found = set()
        for file in self.files:
            for node in ast.walk(file.tree):
                if isinstance(node, ast.ImportFrom) and (node.level or root(node.module) in self.local):
                    found |= {each.name for each in node.names}
                elif isinstance(node, ast.Attribute) and isinstance(node.value, (ast.Name, ast.Attribute)):
                    last = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                    found |= {node.attr} if last in self.local else set()
        return frozenset(found)

    def module(self, name: str) -> File | None:
        """The file of an absolute module."""
        places = (f"{name.replace('.', '/')}.py", f"{name.replace('.', '/')}/__init__.py")
        return next((file for file in self.files if file.path in places), None)


def parsed(texts: Mapping[str, str]) -> Tree:
    files = []
    for path, text in texts.items():
        try:
            files.append(File(path, text, ast.parse(text)))
        except (SyntaxError, ValueError):
            continue
    return Tree(tuple(files))


def root(name: str | None) -> str:
    return (name or "").split(".")[0]


def functions(file: File) -> Iterator[Function]:
    return (node for node in ast.walk(file.tree) if isinstance(node, FUNCTIONS))


def imports(file: File) -> Iterator[ast.Import | ast.ImportFrom]:
    return (node for node in ast.walk(file.tree) if isinstance(node, (ast.Import, ast.ImportFrom)))


def imported_modules(file: File) -> set[str]:
    plain = (node for node in imports(file) if isinstance(node, ast.Import))
    return {each.asname or root(each.name) for node in plain for each in node.names}


def from_imports(file: File) -> Iterator[ast.ImportFrom]:
    """The absolute ones of the module itself that stand on a line."""
    for node in file.tree.body:
        if isinstance(node, ast.ImportFrom) and not node.level and node.lineno == node.end_lineno:
            if node.module != "__future__":
                yield node


def bound(file: File) -> set[str]:
    """Names that are bound anywhere in a file, but for imports."""
    found = set()
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.Global):
            found |= set(node.names)
    return found


def bound_at_top(file: File) -> set[str]:
    inner = {name for node in file.tree.body if isinstance(node, (*FUNCTIONS, ast.ClassDef)) for name in (node.name,)}
    plain = [node for node in file.tree.body if not isinstance(node, (*FUNCTIONS, ast.ClassDef))]
    names = (each for node in plain for each in ast.walk(node) if isinstance(each, ast.Name))
    return inner | {each.id for each in names if isinstance(each.ctx, ast.Store)}


def quoted(file: File) -> set[str]:
    """Names in texts that may be read as expressions."""
    found = set()
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 200:
            try:
                expression = ast.parse(node.value, mode="eval")
            except (SyntaxError, ValueError):
                continue
            found |= {each.id for each in ast.walk(expression) if isinstance(each, ast.Name)}
    return found


def names_a_module(value: object, names: set[str]) -> bool:
    return isinstance(value, str) and any(value.startswith((f"{name}.", f"{name}:")) or value == name for name in names)


def statements(file: File) -> Iterator[ast.stmt]:
    """The statements of functions that stand on one line of their own."""
    of_classes = {id(each) for node in ast.walk(file.tree) if isinstance(node, ast.ClassDef) for each in node.body}
    seen = set[int]()
    for function in functions(file):
        for node in ast.walk(function):
            if isinstance(node, ast.stmt) and id(node) not in of_classes | seen and node.lineno == node.end_lineno:
                seen.add(id(node))
                if not file.text[file.line_start(node) : file.start(node)].strip():
                    yield node


def bare(file: File, node: ast.expr | None) -> str:
    assert node is not None
    return f"({file.of(node)})" if isinstance(node, (ast.Tuple, ast.GeneratorExp)) else file.of(node)


def written_types(file: File) -> Iterator[ast.expr]:
    for node in ast.walk(file.tree):
        found = node.returns if isinstance(node, FUNCTIONS) else getattr(node, "annotation", None)
        if isinstance(found, ast.expr):
            yield found


def before_imports(file: File, text: str) -> list[Edit]:
    """A statement before the first import, on its line; nothing if that is one of the future."""
    for node in file.tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            is_future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
            if not is_future:
                return [(file.start(node), file.start(node), text)]
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            break
    return []
