"""Ways to write a small project differently that mean the same; each of `REWRITINGS` makes files of files.

By the syntax tree of the standard library and not by the linter's model. What a place means is not always seen from
its text, so each rewriting leaves a place alone where it may mean more than it says: a name that a text holds, that
another module takes from here, or that is bound twice. Lines stay where they are.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath

from mutation_places import Edit, File
from rewriting_places import (
    FUNCTIONS,
    Tree,
    bare,
    before_imports,
    bound,
    bound_at_top,
    from_imports,
    functions,
    imported_modules,
    imports,
    names_a_module,
    parsed,
    quoted,
    root,
    statements,
    written_types,
)

Texts = dict[str, str]
_VERBS = frozenset({"get", "post", "put", "patch", "delete"})
_PARAMETERS = {
    "Depends": "dependency", "Security": "dependency", "FileResponse": "path", "RedirectResponse": "url",
    "JSONResponse": "content", "text": "text", "open": "file",
}  # fmt: skip
_ASIDE = frozenset({"src", "app", "alembic", "migrations", "versions", "scripts"})


# ---------------------------------------------------------------- imports


def _through_modules(tree: Tree, file: File) -> list[Edit]:
    """`import fastapi` and `fastapi.Depends` for `from fastapi import Depends`."""
    return _imported(tree, file, lambda node: (f"import {node.module}", f"{node.module}."))


def _through_short_names(tree: Tree, file: File) -> list[Edit]:
    """`import fastapi as m1` and `m1.Depends`."""
    return _imported(tree, file, lambda node: (f"import {node.module} as m{node.lineno}_", f"m{node.lineno}_."))


def _under_aliases(tree: Tree, file: File) -> list[Edit]:
    """`from fastapi import Depends as Depends_`."""
    return _imported(tree, file, lambda node: (None, "_"))


def _imported(tree: Tree, file: File, way: Callable[[ast.ImportFrom], tuple[str | None, str]]) -> list[Edit]:
    own, held = bound(file), quoted(file)
    counts = [each.asname or root(each.name) for node in imports(file) for each in node.names]
    edits: list[Edit] = []
    change: dict[str, str] = {}
    for node in from_imports(file):
        names = {each.asname or each.name: each.name for each in node.names}
        if names.keys() & (own | held | tree.taken) or "*" in (names.keys() | tree.taken):
            continue
        if any(counts.count(name) > 1 for name in names) or root(node.module) in {"typing", "typing_extensions"}:
            continue
        new, mark = way(node)
        if new is None:
            new = f"from {node.module} import " + ", ".join(f"{real} as {name}_" for name, real in names.items())
            change |= {name: name + mark for name in names}
        elif root(node.module) in own | set(counts) or any(tree.module(f"{node.module}.{n}") for n in names.values()):
            continue
        else:
            change |= {name: mark + real for name, real in names.items()}
        edits.append(file.replaced(node, new))
    uses = (node for node in ast.walk(file.tree) if isinstance(node, ast.Name) and node.id in change)
    return [*edits, *(file.replaced(node, change[node.id]) for node in uses)]


def _by_stars(tree: Tree, file: File) -> list[Edit]:
    """`from models import *` for `from models import Item`."""
    edits = []
    here = {each.asname or each.name: (node.module, each.name) for node in from_imports(file) for each in node.names}
    for node in from_imports(file):
        target = tree.module(node.module or "")
        if target is None or "__all__" in target.text or any(a.asname or a.name[0] in "_*" for a in node.names):
            continue
        given = {name: (node.module, name) for name in bound_at_top(target)}
        given |= {a.asname or a.name: (n.module, a.name) for n in from_imports(target) for a in n.names}
        modules = {each.asname or root(each.name) for n in imports(target) for each in n.names}
        public = {name for name in given.keys() | modules if not name.startswith("_")}
        alien = {name for name in public if name in here and here[name] != given.get(name)}
        if public & bound(file) or alien or "*" in public or not {a.name for a in node.names} <= public:
            continue
        if not public & imported_modules(file) - imported_modules(target):
            edits.append(file.replaced(node, f"from {node.module} import *"))
    return edits


def _through_facades(texts: Texts) -> Texts:
    """`from facade_.models import Item`, which takes it from `models`."""
    tree, after, facades = parsed(texts), dict(texts), dict[str, set[str]]()
    for file in tree.files:
        edits = []
        for node in from_imports(file):
            name = node.module or ""
            if "." not in name and f"{name}.py" in texts and not any(each.name == "*" for each in node.names):
                written = file.of(node).replace(f"from {name} ", f"from facade_.{name} ", 1)
                edits.append(file.replaced(node, written))
                facades.setdefault(name, set()).update(each.name for each in node.names)
        after[file.path] = _edited(file, edits)
    for name, taken in facades.items():
        after["facade_/__init__.py"] = ""
        lines = (f"from {name} import {each} as {each}\n" for each in sorted(taken))
        after[f"facade_/{name}.py"] = "".join(lines)
    return after


def _in_a_package(texts: Texts) -> Texts:
    """All modules in a package `site_`, which import each other relatively."""
    tree = parsed(texts)
    parts = {part for path in texts for part in PurePosixPath(path).parts}
    names = {root(path.replace("/", ".")) for path in texts}
    if parts & _ASIDE or any("test" in part or part == "conftest.py" for part in parts) or len(tree.files) < len(texts):
        return texts
    after = {"site_/__init__.py": ""}
    for file in tree.files:
        if any(isinstance(node, ast.Constant) and names_a_module(node.value, names) for node in ast.walk(file.tree)):
            return texts
        edits = []
        dots = "." * len(PurePosixPath(file.path).parts)
        for node in ast.walk(file.tree):
            if isinstance(node, ast.ImportFrom) and not node.level and root(node.module) in names:
                edits.append(file.replaced(node, file.of(node).replace("from ", f"from {dots}", 1)))
            elif isinstance(node, ast.Import) and any(root(each.name) in names for each in node.names):
                if len(node.names) > 1 or "." in node.names[0].name:
                    return texts
                edits.append(file.replaced(node, f"from {dots} {file.of(node)}"))
        after[f"site_/{file.path}"] = _edited(file, edits)
    return after


# ---------------------------------------------------------------- statements


def _return_of_variable(tree: Tree, file: File) -> list[Edit]:
    """`result_ = f(x); return result_`."""
    edits = []
    for node in statements(file):
        if isinstance(node, ast.Return) and not isinstance(node.value, (ast.Name, ast.Constant, type(None))):
            edits.append(file.replaced(node, f"result_ = {bare(file, node.value)}; return result_"))
    return edits


def _raise_of_variable(tree: Tree, file: File) -> list[Edit]:
    """`error_ = HTTPException(404); raise error_`."""
    edits = []
    for node in statements(file):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            rest = file.text[file.end(node.exc) : file.end(node)]
            edits.append(file.replaced(node, f"error_ = {file.of(node.exc)}; raise error_{rest}"))
    return edits


def _await_of_variable(tree: Tree, file: File) -> list[Edit]:
    """`coming_ = f(x); y = await coming_`."""
    edits = []
    for node in statements(file):
        if isinstance(node, (ast.Assign, ast.Return, ast.Expr)) and isinstance(node.value, ast.Await):
            called = node.value.value
            if isinstance(called, ast.Call):
                before = file.text[file.start(node) : file.start(called)]
                rest = file.text[file.end(called) : file.end(node)]
                edits.append(file.replaced(node, f"coming_ = {file.of(called)}; {before}coming_{rest}"))
    return edits


def _argument_of_variable(tree: Tree, file: File) -> list[Edit]:
    """`given_ = str(x); return f(given_)`."""
    edits = []
    for node in statements(file):
        if not isinstance(node, (ast.Return, ast.Expr, ast.Assign)):
            continue
        call = node.value.value if isinstance(node.value, ast.Await) else node.value
        if not (isinstance(call, ast.Call) and isinstance(call.func, (ast.Name, ast.Attribute)) and call.args):
            continue
        first, inner = call.args[0], call.func
        while isinstance(inner, ast.Attribute):
            inner = inner.value  # type: ignore[assignment]
        is_moved = isinstance(first, (ast.Call, ast.JoinedStr, ast.BinOp)) and isinstance(inner, ast.Name)
        if is_moved and not any(isinstance(each, (ast.Await, ast.Yield, ast.NamedExpr)) for each in ast.walk(first)):
            before = file.text[file.start(node) : file.start(first)]
            rest = file.text[file.end(first) : file.end(node)]
            edits.append(file.replaced(node, f"given_ = {file.of(first)}; {before}given_{rest}"))
    return edits


def _by_keyword(tree: Tree, file: File) -> list[Edit]:
    """`Depends(dependency=f)`, and so on for what the only argument is often passed to by its place."""
    sources = {each.asname or each.name: node.module for node in from_imports(file) for each in node.names}
    known = {name for name, module in sources.items() if root(module) in {"fastapi", "starlette", "sqlalchemy"}}
    known |= {"open"} - bound(file) - sources.keys()
    calls = (node for node in ast.walk(file.tree) if isinstance(node, ast.Call) and len(node.args) == 1)
    return [
        (file.start(node.args[0]), file.start(node.args[0]), _PARAMETERS[node.func.id] + "=")
        for node in calls
        if isinstance(node.func, ast.Name) and node.func.id in known & _PARAMETERS.keys() - bound(file)
        if not isinstance(node.args[0], (ast.Starred, ast.GeneratorExp))
    ]


def _by_api_route(tree: Tree, file: File) -> list[Edit]:
    """`@app.api_route("/", methods=["GET"])` for `@app.get("/")`."""
    edits: list[Edit] = []
    for function in functions(file):
        for node in function.decorator_list:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                verb, end = node.func.attr, file.end(node) - 1
                if verb in _VERBS and node.lineno == node.end_lineno:
                    comma = " " if file.text[:end].rstrip().endswith(",") else ", "
                    after = file.end(node.func)
                    edits.append((after - len(verb), after, "api_route"))
                    edits.append((end, end, f'{comma}methods=["{verb.upper()}"]'))
    return edits


# ---------------------------------------------------------------- annotations


def _texts_as_annotations(tree: Tree, file: File) -> list[Edit]:
    """`from __future__ import annotations`, where no annotation stands in a function's function."""
    inner = (each for function in functions(file) for each in ast.walk(function) if each is not function)
    if "__future__" in file.text or any(isinstance(each, (*FUNCTIONS, ast.ClassDef, ast.AnnAssign)) for each in inner):
        return []
    return before_imports(file, "from __future__ import annotations; ")


def _older_types(tree: Tree, file: File) -> list[Edit]:
    """`typing.Optional[X]` for `X | None`, `typing.List` for `list`."""
    edits = set[Edit]()
    for annotation in written_types(file):
        for node in ast.walk(annotation):
            if isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant) and node.right.value is None:
                edits.add((file.start(node), file.start(node), "typing.Optional["))
                edits.add((file.end(node.left), file.end(node), "]"))
            elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
                if node.value.id in {"list", "dict", "set", "tuple"}:
                    edits.add(file.replaced(node.value, f"typing.{node.value.id.title()}"))
    top = before_imports(file, "import typing; ")
    is_free = "typing" not in bound(file) | imported_modules(file)
    return [*edits, *top] if edits and top and is_free else []


# ---------------------------------------------------------------- all of them


def _edited(file: File, edits: list[Edit]) -> str:
    text = file.text
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    try:
        ast.parse(text)
    except SyntaxError:
        return file.text  # two edits met in one place
    return text


def _each(rewrite: Callable[[Tree, File], list[Edit]], texts: Texts) -> Texts:
    tree = parsed(texts)
    return texts | {file.path: _edited(file, rewrite(tree, file)) for file in tree.files}


REWRITINGS: dict[str, Callable[[Texts], Texts]] = {
    "modules instead of names": partial(_each, _through_modules),
    "modules under short names": partial(_each, _through_short_names),
    "aliases": partial(_each, _under_aliases),
    "star imports": partial(_each, _by_stars),
    "re-exports": _through_facades,
    "relative imports": _in_a_package,
    "return of a variable": partial(_each, _return_of_variable),
    "raise of a variable": partial(_each, _raise_of_variable),
    "await of a variable": partial(_each, _await_of_variable),
    "argument of a variable": partial(_each, _argument_of_variable),
    "keyword arguments": partial(_each, _by_keyword),
    "api_route": partial(_each, _by_api_route),
    "future annotations": partial(_each, _texts_as_annotations),
    "older types": partial(_each, _older_types),
}
"""What each is called in the table, and what it does to the texts of a project by their paths."""
