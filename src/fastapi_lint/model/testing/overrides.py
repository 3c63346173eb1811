"""What tests put into `app.dependency_overrides`, and where that is taken back. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Function, Module

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

ATTRIBUTE = "dependency_overrides"
_TAKING = frozenset({"clear", "pop", "popitem"})


@dataclass(frozen=True, eq=False)
class Override:
    """One entry that is made in the overrides of an app; `app` is the expression in front of them.

    `value` is what is put in the place of `key`. `is_taken_back`: by what makes it (`monkeypatch.setitem`).
    """

    module: Module = field(repr=False)
    app: f.Expr
    key: f.Expr
    block: int
    start: int
    end: int
    value: f.Expr | None = None
    is_taken_back: bool = False

    @property
    def function(self) -> Function | None:
        """The function in which it is made; None at module level."""
        return self.module.enclosing(self.block)


def overrides(module: Module) -> Iterator[Override]:
    """The entries that a module makes: by item, in a dict that is assigned, and by `update`, in source order."""
    if not module.mentions(ATTRIBUTE):
        return
    for entry in module.facts.assigns:
        match entry.target:
            case f.Sub(value=table, items=(key,)) if entry.op == "=":
                if (app := _app_of(table, module, entry.block)) is not None:
                    yield Override(module, app, key, entry.block, entry.start, entry.end, entry.value)
            case f.Attr(attr=attr, value=app) if attr == ATTRIBUTE:
                for key, value in _items(entry.value):
                    yield Override(module, app, key, entry.block, entry.start, entry.end, value)
    for call in module.facts.calls:
        match call.func:
            case f.Attr(attr="update", value=table) if call.args:
                if (app := _app_of(table, module, call.block)) is not None:
                    for key, value in _items(call.args[0].value):
                        yield Override(module, app, key, call.block, call.start, call.end, value)
            case f.Attr(attr="setitem") if len(call.args) == 3:  # of pytest's monkeypatch
                if (app := _app_of(call.args[0].value, module, call.block)) is not None:
                    key, value = call.args[1].value, call.args[2].value
                    yield Override(module, app, key, call.block, call.start, call.end, value, is_taken_back=True)


def _app_of(table: f.Expr, module: Module, block: int) -> f.Expr | None:
    """The app whose overrides an expression is, in place or by a variable that is nothing else."""
    if isinstance(table, f.Name):
        function = module.enclosing(block)
        if function is not None and any(param.name == table.id for param in function.params):
            return None
        bound = [
            entry.value
            for entry in module.facts.assigns
            if entry.target == table and module.enclosing(entry.block) in (function, None)
        ]
        if len(bound) != 1 or bound[0] is None:
            return None
        table = bound[0]
    return table.value if isinstance(table, f.Attr) and table.attr == ATTRIBUTE else None


def _items(value: f.Expr | None) -> Iterator[tuple[f.Expr, f.Expr]]:
    if isinstance(value, f.Mapping):
        yield from ((key, each) for key, each in value.items if key is not None)


def resets(module: Module) -> Iterator[Function | None]:
    """The functions of a module (None: its top) that take overrides back: all, one, or by putting others in place."""
    if not module.mentions(ATTRIBUTE):
        return
    for call in module.facts.calls:
        match call.func:
            case f.Attr(attr=method, value=table) if method in _TAKING:
                if _app_of(table, module, call.block) is not None:
                    yield module.enclosing(call.block)
    for leaving in module.facts.exits:
        match leaving:
            case f.Exit(kind="del", value=f.Sub(value=table)):
                if _app_of(table, module, leaving.block) is not None:
                    yield module.enclosing(leaving.block)
    for entry in module.facts.assigns:
        if isinstance(entry.target, f.Attr) and entry.target.attr == ATTRIBUTE:
            if not isinstance(entry.value, f.Mapping) or not entry.value.items:
                yield module.enclosing(entry.block)


def is_patched(each: Override, project: Project) -> bool:
    """Whether an override is put back by what makes it, or inside of a `with` that does so: `patch.dict(...)`."""
    if each.is_taken_back:
        return True
    for block in each.module.block_chain(each.block):
        if block.kind == "with" and isinstance(block.test, f.CallRef):
            name = project.called_name(each.module, each.module.facts.calls[block.test.index]) or ""
            if name.startswith(("unittest.mock.patch", "mock.patch")):
                return True
    return False
