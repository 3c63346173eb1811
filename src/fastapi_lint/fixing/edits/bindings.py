"""What the names of one module are bound to, read from its libcst tree alone; makes no edits and asks no model."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Literal, cast

import libcst as cst

When = Literal["always", "typing", "branch"]


@dataclasses.dataclass(frozen=True)
class Imported:
    """One name that an import statement at module level binds; a star import binds `*`.

    `module` is as written, dots of a relative import included; `name` is "" for `import module`. `local` is the bound
    name: for `import a.b` that is `a`. `when`: always; only for type checkers; or in a branch of if, try, with, for.
    """

    local: str
    module: str
    name: str
    alias: cst.ImportAlias | None
    statement: cst.Import | cst.ImportFrom
    when: When

    @property
    def path(self) -> str:
        """The expression that stands for what was imported (`a.b` for `import a.b`)."""
        return self.local if self.name or (self.alias and self.alias.asname) else self.module

    @property
    def is_plain(self) -> bool:
        """Whether it is `import a` or `import a.b` without an alias, which may stand beside others of that root."""
        return not self.name and not (self.alias and self.alias.asname)


def _everywhere(node: cst.CSTNode) -> bool:
    return True


def nodes(
    root: cst.CSTNode, *, spaces: bool = False, into: Callable[[cst.CSTNode], bool] = _everywhere
) -> Iterator[cst.CSTNode]:
    """A node and all nodes below it, in field order; `spaces` visits whitespace and comments too; `into` says below
    which nodes (never asked about the root) to go."""
    if into is _everywhere and not spaces and isinstance(root, cst.Module):
        yield from _all_nodes(root)
        return
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        if node is root or into(node):
            below = _children(node, spaces=spaces)
            below.reverse()
            stack += below


@lru_cache(maxsize=4)
def _all_nodes(tree: cst.Module) -> tuple[cst.CSTNode, ...]:
    """All nodes of a module but whitespace in field order (fixes come many to a module, and each looks at all it)."""
    found: list[cst.CSTNode] = []
    stack: list[cst.CSTNode] = [tree]
    while stack:
        node = stack.pop()
        found.append(node)
        below = _children(node)
        below.reverse()
        stack += below
    return tuple(found)


@lru_cache(maxsize=4)
def parents(tree: cst.Module) -> Mapping[cst.CSTNode, cst.CSTNode]:
    """The parent of every node but whitespace (the last trees' maps are kept: fixes come many to a module)."""
    return {child: node for node in nodes(tree) for child in _children(node)}


def module_imports(tree: cst.Module) -> tuple[Imported, ...]:
    """All imports at module level in source order, those in branches included, those in functions and classes not."""
    return _module_names(tree)[0]


def module_names(tree: cst.Module) -> frozenset[str]:
    """All names bound at module level (`global` in functions included) by anything but an import."""
    return _module_names(tree)[1]


def mentions(node: cst.CSTNode, name: str) -> list[cst.Name]:
    """Where code says a name by itself: not as an attribute, the keyword of an argument, or in a text."""
    labels = {each.attr for each in nodes(node) if isinstance(each, cst.Attribute)}
    labels |= {each.keyword for each in nodes(node) if isinstance(each, cst.Arg) and each.keyword is not None}
    return [each for each in nodes(node) if isinstance(each, cst.Name) and each.value == name and each not in labels]


def times_bound(tree: cst.Module, name: str) -> int:
    """How often a name is bound anywhere in a module, in whatever scope, imports included."""
    return sum(name in _bound(node) for node in nodes(tree))


def local_names(tree: cst.Module, at: cst.CSTNode) -> frozenset[str]:
    """The names that functions, lambdas, classes and comprehensions around a node may bind for it.

    Decorators, defaults and annotations of a function belong to the scope around it; what a class binds is not seen
    by the functions in it.
    """
    above = parents(tree)
    found: set[str] = set()
    child = at
    inside = False
    while (node := above.get(child)) is not None:
        is_body = isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Lambda)) and child is node.body
        if is_body or isinstance(node, cst.BaseComp):
            if not (inside and isinstance(node, cst.ClassDef)):
                found |= _bound_in(node)
            inside = inside or isinstance(node, cst.FunctionDef | cst.Lambda)
        child = node
    return frozenset(found)


@lru_cache(maxsize=64)
def _bound_in(scope: cst.CSTNode) -> frozenset[str]:
    """All names bound in a scope (kept: fixes come many to a function, and a function may be long).

    What a function or class in it binds is seen there alone; an excerpt of the tree may lack it, besides.
    """
    return frozenset(name for inner in nodes(scope, into=_is_same_scope) for name in _bound(inner))


def _is_same_scope(node: cst.CSTNode) -> bool:
    return type(node) not in (cst.FunctionDef, cst.ClassDef, cst.Lambda)


def top_statement(tree: cst.Module, at: cst.CSTNode) -> cst.CSTNode:
    """The statement of the module's own body that holds a node."""
    above = parents(tree)
    while (node := above[at]) is not tree:
        at = node
    return at


def suites(statement: cst.CSTNode) -> Iterator[tuple[cst.BaseSuite, bool]]:
    """The bodies of a compound statement that runs in its own scope, each with whether only type checkers run it."""
    match statement:
        case cst.If():
            yield statement.body, is_type_checking(statement.test)
            if statement.orelse:
                yield from suites(statement.orelse)
        case cst.Match():
            for case in statement.cases:
                yield case.body, False
        case cst.Try() | cst.TryStar():
            for part in (statement, *statement.handlers, statement.orelse, statement.finalbody):
                if part is not None:
                    yield part.body, False
        case cst.For() | cst.While():
            for part in (statement, statement.orelse):
                if part is not None:
                    yield part.body, False
        case cst.With() | cst.Else():
            yield statement.body, False


def is_type_checking(test: cst.BaseExpression) -> bool:
    """Whether a condition is `TYPE_CHECKING`, bare or of a module."""
    name = test.attr if isinstance(test, cst.Attribute) else test
    return isinstance(name, cst.Name) and name.value == "TYPE_CHECKING"


def dotted(node: cst.BaseExpression | None) -> str:
    """The text of a dotted name; "" for None and anything else."""
    match node:
        case cst.Name():
            return node.value
        case cst.Attribute():
            return f"{dotted(node.value)}.{node.attr.value}"
    return ""


def uses(tree: cst.Module, name: str, *, ignoring: Iterable[cst.CSTNode] = ()) -> int:
    """How often a name is read, rebound or mentioned in a string or type comment, outside imports and `ignoring`.

    Attributes and keywords of that name do not count; texts that are statements (docstrings) do not either.
    """
    skipped = set(ignoring)
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    count = 0
    labels: set[cst.CSTNode] = set()

    def into(node: cst.CSTNode) -> bool:
        return node not in skipped and not isinstance(node, cst.Import | cst.ImportFrom)

    for node in nodes(tree, spaces=True, into=into):
        if node in skipped:
            continue
        match node:
            case cst.Attribute():
                labels.add(node.attr)
            case cst.Arg(keyword=cst.Name() as keyword):
                labels.add(keyword)
            case cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString()):
                labels.update(nodes(node.value))
            case cst.Name():
                count += node.value == name and node not in labels
            case cst.SimpleString() | cst.FormattedStringText():
                count += node not in labels and bool(word.search(node.value))
            case cst.Comment():
                count += bool(re.match(r"#\s*type:", node.value) and word.search(node.value))
    return count


@lru_cache(maxsize=4)
def _module_names(tree: cst.Module) -> tuple[tuple[Imported, ...], frozenset[str]]:
    names: set[str] = set()
    for node in nodes(tree):
        if type(node) is cst.Global:
            names.update(_bound(node))
    inner = frozenset((cst.FunctionDef, cst.ClassDef, cst.Lambda, cst.Import, cst.ImportFrom))
    for node in nodes(tree, into=lambda node: type(node) not in inner):
        names.update(_bound(node))
    return tuple(_imports(tree.body, "always")), frozenset(names)


def _imports(body: Iterable[cst.CSTNode], when: When) -> Iterator[Imported]:
    for statement in body:
        if isinstance(statement, cst.SimpleStatementLine):
            yield from _imports(statement.body, when)
        elif isinstance(statement, cst.Import | cst.ImportFrom):
            yield from imported(statement, when)
        else:
            for suite, typing_only in suites(statement):
                yield from _imports(suite.body, "typing" if typing_only or when == "typing" else "branch")


def imported(statement: cst.Import | cst.ImportFrom, when: When = "always") -> Iterator[Imported]:
    """What one import statement binds."""
    if isinstance(statement, cst.Import):
        for alias in statement.names:
            module = dotted(alias.name)
            local = _asname(alias) or module.split(".", 1)[0]
            yield Imported(local, module, "", alias, statement, when)
        return
    module = "." * len(statement.relative) + dotted(statement.module)
    if isinstance(statement.names, cst.ImportStar):
        yield Imported("*", module, "*", None, statement, when)
        return
    for alias in statement.names:
        name = dotted(alias.name)
        yield Imported(_asname(alias) or name, module, name, alias, statement, when)


def _asname(alias: cst.ImportAlias) -> str:
    return dotted(alias.asname.name) if alias.asname and isinstance(alias.asname.name, cst.Name) else ""


def _bound(node: cst.CSTNode) -> Iterator[str]:
    """The names that this node itself binds in its scope."""
    if type(node) not in _binding():  # asked of every node, and libcst's classes check instances slowly
        return
    match node:
        case cst.FunctionDef() | cst.ClassDef() | cst.Param() | cst.TypeAlias():
            yield node.name.value
        case cst.AssignTarget() | cst.AnnAssign() | cst.AugAssign() | cst.For() | cst.CompFor() | cst.NamedExpr():
            yield from _targets(node.target)
        case cst.Del():
            yield from _targets(node.target)
        case cst.AsName():
            yield from _targets(node.name)
        case cst.ImportAlias() if node.asname is None:
            yield dotted(node.name).split(".", 1)[0]
        case cst.Global():
            yield from (item.name.value for item in node.names)
        case cst.MatchAs() | cst.MatchStar() if node.name:
            yield node.name.value
        case cst.MatchMapping() if node.rest:
            yield node.rest.value


@cache
def _binding() -> frozenset[type[cst.CSTNode]]:
    return frozenset({
        cst.FunctionDef, cst.ClassDef, cst.Param, cst.TypeAlias, cst.AssignTarget, cst.AnnAssign, cst.AugAssign,
        cst.For, cst.CompFor, cst.NamedExpr, cst.Del, cst.AsName, cst.ImportAlias, cst.Global, cst.MatchAs,
        cst.MatchStar, cst.MatchMapping,
    })  # fmt: skip


def _targets(target: cst.CSTNode) -> Iterator[str]:
    match target:
        case cst.Name():
            yield target.value
        case cst.Tuple() | cst.List():
            for element in target.elements:
                yield from _targets(element.value)
        case cst.StarredElement():
            yield from _targets(target.value)


@cache
def _fields(kind: type[cst.CSTNode], spaces: bool) -> tuple[str, ...]:
    """The fields of a node class in which nodes may stand."""
    return tuple(
        field.name
        for field in dataclasses.fields(kind)
        if spaces or not (field.name.startswith("whitespace") or field.name in _NO_CODE)
    )


_NO_CODE = frozenset({
    "leading_lines", "lines_after_decorators", "lines_after_module_docstring", "header", "footer", "empty_lines",
    "trailing_whitespace", "first_line", "last_line", "indent", "newline", "encoding", "default_indent",
    "default_newline", "has_trailing_newline", "lpar", "rpar", "lbracket", "rbracket", "lbrace", "rbrace", "comma",
    "semicolon", "dot", "equal", "asynchronous",
})  # fmt: skip


@cache
def _is_node(kind: type, spaces: bool) -> bool:
    """Whether instances of a class are nodes to visit; asked once a class, since libcst's nodes check by slow ABCs."""
    blank = (cst.BaseParenthesizableWhitespace, cst.TrailingWhitespace, cst.EmptyLine, cst.Newline)
    return issubclass(kind, cst.CSTNode) and (spaces or not issubclass(kind, blank))


def _children(node: cst.CSTNode, *, spaces: bool = False) -> list[cst.CSTNode]:
    found: list[cst.CSTNode] = []
    for name in _fields(type(node), spaces):
        value: object = getattr(node, name)
        if isinstance(value, (list, tuple)):
            found += [item for item in value if _is_node(type(item), spaces)]  # type: ignore[arg-type]
        elif value is not None and _is_node(type(value), spaces):  # type: ignore[arg-type]
            found.append(cast("cst.CSTNode", value))
    return found
