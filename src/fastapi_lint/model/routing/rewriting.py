"""Loops that give the routes of a router another path: `for route in router.routes: route.path = route.path + "/"`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.types.inference.inference import Where


@dataclass(frozen=True)
class Rewriting:
    """Text put around every path; `once`: under an `if`, which is taken to ask whether it is there already."""

    before: str
    after: str
    once: bool

    def apply(self, path: str) -> str:
        """The path as it is after the loop."""
        before = "" if self.once and self.before and path.startswith(self.before) else self.before
        after = "" if self.once and self.after and path.endswith(self.after) else self.after
        return before + path + after


def rewritings(module: Module) -> Iterator[tuple[f.Expr, Where, Rewriting]]:
    """The router whose routes each such loop runs over, where that is written, and what is done to the paths."""
    for entry in module.facts.assigns:
        match entry.target:
            case f.Attr(value=f.Name(id=name), attr="path") if entry.value is not None:
                pass
            case _:
                continue
        match entry.value:
            case f.Const(value=str(text)) if entry.op == "+=":
                around: tuple[str, str] | None = ("", text)
            case _:
                around = _affixes(entry.value, name)
        loop = next((b for b in module.block_chain(entry.block) if b.kind == "for" and b.target == f.Name(name)), None)
        if around is None or loop is None:
            continue
        match loop.test:
            case f.Attr(value=router, attr="routes"):
                guarded = module.facts.blocks[entry.block].kind == "if"
                yield router, (module, loop.parent, loop.start), Rewriting(*around, guarded)


def _affixes(expr: f.Expr, name: str) -> tuple[str, str] | None:
    """What stands before and after `name.path` in a concatenation of constants."""
    match expr:
        case f.Attr(value=f.Name(id=same), attr="path") if same == name:
            return "", ""
        case f.Joined(parts=parts):
            pieces: list[f.Expr] = list(parts)
        case f.Binary(op="+", left=left, right=right):
            pieces = [left, right]
        case _:
            return None
    before, after, met = "", "", False
    for piece in pieces:
        if isinstance(piece, f.Const) and isinstance(piece.value, str):
            before, after = (before, after + piece.value) if met else (before + piece.value, after)
        elif not met and (inner := _affixes(piece, name)) is not None:
            before, after, met = before + inner[0], inner[1], True
        else:
            return None
    return (before, after) if met else None
