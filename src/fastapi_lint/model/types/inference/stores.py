"""What is put into attributes from outside: the state of an app or a request, objects that a start-up function fills.

An attribute has a type when all that the project puts into it agrees, tests and None aside.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Function, Instance, Module, ModuleObject, OneOf, Type
from fastapi_lint.model.types.inference.questions import Questions, Where, is_none
from fastapi_lint.tracking import memoized

STATE = "starlette.datastructures.State"
_MOST_STORES = 24
"""Assignments to an attribute of a name, above which nobody looks."""


class Stores(Questions):
    """What attributes hold that are assigned where their object is used."""

    def state_of(self, value: Instance, attr: str, reader: Module) -> Type:
        """What `app.state.attr` or `request.state.attr` is, in the program of `reader`.

        `value` is the state, its argument whose it is.
        """
        owner = value.args[0] if value.args else None
        of_app = isinstance(owner, Instance) and self.is_instance(owner, "starlette.applications.Starlette")
        return self.stored(STATE if of_app else f"{STATE} of request", attr, reader)

    @memoized
    def stored(self, holder: Class | Module | str, attr: str, reader: Module | None = None) -> Type:
        """What the project assigns to an attribute of a class's instances, of a module, or of a reader's state."""
        return self.guarded(("stored", holder, attr, reader), lambda: self._agreed_store(holder, attr, reader))

    def _agreed_store(self, holder: Class | Module | str, attr: str, reader: Module | None) -> Type:
        found = [one for one in self.modules.stores_by_name.get(attr, ()) if not one[0].is_test]
        if len(found) > _MOST_STORES:
            return None
        if reader is not None:
            near = self.programs.near(reader, ((one[0], one) for one in found))
            found = [one for _, one in near]
        types, is_known = [], not isinstance(holder, Class)
        for module, kind, index in found:
            for owner, value, annotation, where in self._stores(module, kind, index, attr):
                if is_none(value) or not self._may_hold(holder, owner, where):
                    continue
                is_known = is_known or self.infer(owner, where) is not None
                declared = self.annotation(annotation, where) if annotation is not None else None
                types.append(declared if declared is not None else self.infer(value, where))
        return self.agree(types) if is_known else None

    def _stores(
        self, module: Module, kind: str, index: int, attr: str
    ) -> Iterator[tuple[f.Expr | None, f.Expr, f.Expr | None, Where]]:
        """Whose attribute an entry assigns (None: what a lifespan yields), the value, its annotation, and where."""
        match kind:
            case "assign":
                entry = module.facts.assigns[index]
                if isinstance(entry.target, f.Attr) and entry.value is not None:
                    yield entry.target.value, entry.value, entry.annotation, (module, entry.block, entry.start)
            case "call":
                call = module.facts.calls[index]
                yield call.args[0].value, call.args[2].value, None, (module, call.block, call.start)
            case "yield":
                leave = module.facts.exits[index]
                function = module.enclosing(leave.block)
                if function is None or not isinstance(leave.value, f.Mapping):
                    return
                if not self.is_made_like_lifespan(function):
                    return
                for key, value in leave.value.items:
                    if key == f.Const(attr):
                        yield None, value, None, (module, leave.block, leave.start)

    def _may_hold(self, holder: Class | Module | str, owner: f.Expr | None, where: Where) -> bool:
        """Whether the object whose attribute is assigned is, or may be, the one asked for."""
        if owner is None:
            return holder == f"{STATE} of request"
        value = self.infer(owner, where)
        if isinstance(holder, str):
            if value is None:
                return f.last_name(owner) == "state"
            return isinstance(value, Instance) and value.cls == STATE and self._holder(value) == holder
        if isinstance(holder, Module):
            return isinstance(value, ModuleObject) and value.module is holder
        if value is None:
            return True
        return any(
            isinstance(one, Instance) and (self.is_subclass(one.cls, holder) or self.is_subclass(holder, one.cls))
            for one in (value.options if isinstance(value, OneOf) else (value,))
        )

    def _holder(self, value: Instance) -> str:
        owner = value.args[0] if value.args else None
        return STATE if self.is_instance(owner, "starlette.applications.Starlette") else f"{STATE} of request"

    def is_made_like_lifespan(self, function: Function) -> bool:
        """Whether a function is made like a lifespan: an async context manager that gets the app."""
        if "contextlib.asynccontextmanager" not in self.decorators(function) or len(function.params) != 1:
            return False
        param = function.params[0]
        if param.annotation is None:
            return True
        app = self.annotation(param.annotation, (function.module, function.facts.outer, param.start))
        return self.is_instance(app, "starlette.applications.Starlette")
