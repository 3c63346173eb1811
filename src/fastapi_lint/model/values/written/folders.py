"""Folders of the project that code names by its own place: `Path(__file__).parent / "routes"`. Lists no folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.constants import UNKNOWN
from fastapi_lint.model.values.environment import NOWHERE, Environment
from fastapi_lint.model.values.written.rounds import Rounds

_LISTING = frozenset({"os.listdir", "pathlib.Path.iterdir", "pathlib.Path.glob"})
_SAME = frozenset({"str", "os.fspath", "os.path.abspath", "os.path.realpath", "os.path.normpath", "pathlib.Path"})
_OF_PATHS = frozenset({"resolve", "absolute"})
_DEEPEST = 8
NAMES = frozenset({"name", "stem"})
"""What a path has of its last piece."""

Folder = tuple[str, ...]


def files_of(rounds: Rounds, call: f.Call, where: Where, environment: Environment) -> Iterator[str]:
    """The names of the modules that a loop over the files of a folder sees: `folder.glob("*.py")`, `listdir(...)`."""
    name = rounds.types.name_of_type(rounds.types.callee(where[0], call))
    if name not in _LISTING:
        return
    given = [arg.value for arg in call.args]
    if name == "os.listdir" or not isinstance(call.func, f.Attr):
        folder = given[0] if len(given) == 1 else None
    else:
        is_meant = name.endswith("iterdir") or given == [f.Const("*.py")]
        folder = call.func.value if is_meant else None
    parts = _folder(rounds, folder, where, environment, 0)
    for module, is_package in rounds.types.modules.inside(parts) if parts is not None else ():
        yield module if is_package else f"{module}.py"


def last_piece(name: str, attr: str) -> str:
    """The `name` or `stem` of a file."""
    return name.removesuffix(".py") if attr == "stem" else name


def _folder(rounds: Rounds, expr: f.Expr | None, where: Where, environment: Environment, depth: int) -> Folder | None:
    """The folder or file that an expression names, by its pieces from the root of the project."""
    if depth > _DEEPEST or expr is None:
        return None
    further = (where, environment, depth + 1)
    match expr:
        case f.Name(id="__file__"):
            return _file(where[0])
        case f.Attr(value=value, attr="parent"):
            return _above(_folder(rounds, value, *further), 1)
        case f.Sub(value=f.Attr(value=value, attr="parents"), items=(f.Const(value=int(number)),)):
            return _above(_folder(rounds, value, *further), number + 1)
        case f.Binary(op="/", left=left, right=right):
            return _below(rounds, _folder(rounds, left, *further), (right,), where, environment)
        case f.CallRef(index=index):
            return _called(rounds, where[0].facts.calls[index], where, environment, depth)
        case f.Name() | f.Attr():
            bound = rounds.source(expr, where, environment)
            if bound[0] != expr or bound[1] != where:
                return _folder(rounds, *bound, depth + 1)
            found = list(rounds.folding.definitions(expr, where))
            return _folder(rounds, *found[0], NOWHERE, depth + 1) if len(found) == 1 else None
    return None


def _called(rounds: Rounds, call: f.Call, where: Where, environment: Environment, depth: int) -> Folder | None:
    given = [arg.value for arg in call.args]
    if isinstance(call.func, f.Attr) and call.func.attr in _OF_PATHS:
        return _folder(rounds, call.func.value, where, environment, depth + 1)
    if not given:
        return None
    name = rounds.types.name_of_type(rounds.types.callee(where[0], call))
    first = _folder(rounds, given[0], where, environment, depth + 1)
    if name == "os.path.dirname":
        return _above(first, 1)
    if name == "os.path.join" or (name == "pathlib.Path" and given[1:]):
        return _below(rounds, first, given[1:], where, environment)
    return first if name in _SAME else None


def _file(module: Module) -> Folder:
    return (*module.parts, "__init__.py") if module.is_package else module.parts


def _above(folder: Folder | None, levels: int) -> Folder | None:
    return folder[:-levels] if folder is not None and len(folder) >= levels else None


def _below(
    rounds: Rounds,
    folder: Folder | None,
    pieces: Iterable[f.Expr],
    where: Where,
    environment: Environment,
) -> Folder | None:
    for piece in pieces:
        text = rounds.pieces(piece, where, environment)
        if folder is None or UNKNOWN in text or text.startswith("/") or ".." in text:
            return None
        folder = (*folder, *(one for one in text.split("/") if one not in ("", ".")))
    return folder
