"""Whether what a call makes is another thing with the next request: what it is made of comes from there. No guesses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.binding import argument_at
from fastapi_lint.model.data.kinds import record_kind
from fastapi_lint.model.data.lifetimes import is_made_once, makings
from fastapi_lint.model.names.modules import Binding
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Module
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.values import environment_read

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DEEPEST = 8
_FIXED = frozenset({"Timeout", "ClientTimeout", "Limits", "Config", "Session", "AzureKeyCredential"})


def fields_of(types: Inference, cls: Class) -> dict[str, tuple[Module, f.Assign]]:
    """The annotated attributes of a record in the order in which its constructor takes them, those of bases first."""
    found: dict[str, tuple[Module, f.Assign]] = {}
    for base in reversed(types.mro(cls)):
        if isinstance(base, Class):
            for name, entry in base.assigns.items():
                if entry.annotation is not None:
                    found[name] = base.module, entry
    return found


@dataclass(frozen=True)
class Particular:
    """The question, for one function."""

    project: Project
    function: Function

    def depends(self, expr: f.Expr | None, where: Where, depth: int = 0) -> bool:
        """Whether an expression may have another value at the next request."""
        module = where[0]
        if depth > _DEEPEST:
            return True

        def inner(part: f.Expr | None) -> bool:
            return part is not None and self.depends(part, where, depth + 1)

        match expr:
            case None | f.Const() | f.Raw():
                return False
            case f.Name(id=name):
                return any(self._binds(binding, module, depth) for binding in self._local(name, where))
            case f.Attr(value=f.Name(id=name), attr=attr) if self._is_self(name):
                return self._attribute_depends(attr, depth)
            case f.Attr(value=value) | f.Await(value=value) | f.Unary(value=value):
                return inner(value)
            case f.Joined(parts=items) | f.Display(items=items):
                return any(inner(item) for item in items)
            case f.Choice(options=options, test=test):
                return inner(test) or any(inner(option) for option in options)
            case f.Binary(left=left, right=right):
                return inner(left) or inner(right)
            case f.Mapping(items=pairs):
                return any(inner(value) for _, value in pairs)
            case f.Compare(operands=operands):
                return any(inner(operand) for operand in operands)
            case f.CallRef(index=index):
                made = module.facts.calls[index]
                receiver = isinstance(made.func, f.Attr) and inner(made.func.value)
                return receiver or any(inner(arg.value) for arg in made.args)
            case f.Sub(value=value, items=items):
                return inner(value) or any(inner(item) for item in items)
        return True

    def _local(self, name: str, where: Where) -> list[Binding]:
        blocks = where[0].facts.blocks
        return [b for b in self.project.types.find_bindings(name, where) if blocks[b.block].function >= 0]

    def _binds(self, binding: Binding, module: Module, depth: int) -> bool:
        match binding.entry:
            case f.Import():
                return False
            case f.Assign(value=value, op="=" | ":=", start=start) if value is not None:
                if isinstance(value, f.CallRef) and not self._is_fixed(module, value):
                    return True  # an object that is made here, and may be changed before it is used
                return self.depends(value, (module, binding.block, start), depth + 1)
            case f.Param() as param:
                owner = module.enclosing(binding.block)  # which may be one around the function
                return owner is None or Particular(self.project, owner).differs(param, depth)
        return True

    def _is_self(self, name: str) -> bool:
        params = self.function.params
        return self.function.cls is not None and bool(params) and params[0].name == name

    def _attribute_depends(self, attr: str, depth: int) -> bool:
        """Whether objects differ in an attribute: not where there is one object, or it is made of what is the same."""
        cls = self.function.cls
        assert cls is not None
        found = self.project.types.self_assigns(cls).get(attr, [])
        if depth > _DEEPEST:
            return True
        if not found:
            return self._field_depends(cls, attr, depth)
        if is_made_once(self.project, cls):
            return any(function.name != "__init__" for _, function in found)
        return any(
            Particular(self.project, function).depends(
                entry.value, (function.module, entry.block, entry.start), depth + 1
            )
            for entry, function in found
        )

    def _field_depends(self, cls: Class, attr: str, depth: int) -> bool:
        """Whether objects of a record differ in a field: not where each is made with the same, or with its default."""
        types = self.project.types
        if self._is_of_class(cls, attr, depth):
            return False
        fields = fields_of(types, cls)
        made = list(makings(self.project, cls)) if attr in fields and record_kind(types, cls) is not None else []
        if not made or types.modules.stores_by_name.get(attr) or "__init__" in cls.methods:
            return True
        if is_made_once(self.project, cls):
            return False
        home, entry = fields[attr]
        for module, call in made:
            if any(arg.name in ("*", "**") for arg in call.args):
                return True
            given = argument_at(call, list(fields).index(attr), attr)
            maker = module.enclosing(call.block)
            if given is None:
                differs = entry.value is None or self.depends(entry.value, (home, entry.block, entry.start), depth + 1)
            else:
                where = (module, call.block, call.start)
                differs = maker is not None and Particular(self.project, maker).depends(given.value, where, depth + 1)
            if differs:
                return True
        return False

    def _is_of_class(self, cls: Class, attr: str, depth: int) -> bool:
        """Whether an attribute is one of the class itself, which no class below has otherwise and nothing sets."""
        types = self.project.types
        if types.modules.stores_by_name.get(attr) or any(attr in one.assigns for one in types.subclasses(cls)):
            return False
        for base in types.mro(cls):
            entry = base.assigns.get(attr) if isinstance(base, Class) else None
            if entry is not None and isinstance(base, Class):
                said = entry.annotation.value if isinstance(entry.annotation, f.Sub) else entry.annotation
                is_plain = said is None or f.last_name(said) == "ClassVar"
                where = (base.module, entry.block, entry.start)
                return is_plain and entry.value is not None and not self.depends(entry.value, where, depth + 1)
        return False

    def differs(self, param: f.Param, depth: int) -> bool:
        """Whether a parameter of the function may be another one with the next request."""
        return not self._is_settings(param) and not self._is_never_given(param, depth)

    def _is_never_given(self, param: f.Param, depth: int) -> bool:
        """Whether a parameter has its default in every call that the project makes, and that is always the same."""
        function = self.function
        if param.default is None or param not in function.params:
            return False
        index = function.params.index(param)
        uses = self.project.callers.uses(function)
        where = (function.module, function.facts.outer, param.start)
        given = any(use.passes(param.name, index) or use.is_unpacked or not use.is_complete for use in uses)
        return bool(uses) and not given and not self.depends(param.default, where, depth + 1)

    def _is_settings(self, param: f.Param) -> bool:
        """Whether a parameter is the application's settings, the same at every request."""
        value = self.project.types.parameter(self.function, param)
        return self.project.types.is_instance(value, "pydantic_settings.BaseSettings", "pydantic.BaseSettings")

    def _is_of_context(self, module: Module, call: f.Call, depth: int = 2) -> bool:
        """Whether a function of the project reads a variable of the context, which is another one at each request."""
        types, callee = self.project.types, self.project.callee(module, call)
        if not isinstance(callee, FunctionObject) or depth <= 0:
            return False
        inner = callee.function
        for each in inner.calls:
            owner = each.func.value if isinstance(each.func, f.Attr) and each.func.attr == "get" else None
            held = types.infer(owner, (inner.module, each.block, each.start)) if owner is not None else None
            if types.is_instance(held, "contextvars.ContextVar") or self._is_of_context(inner.module, each, depth - 1):
                return True
        return False

    def _is_fixed(self, module: Module, value: f.CallRef) -> bool:
        """Whether a call gives settings, reads the environment, or makes what does not change."""
        call = module.facts.calls[value.index]
        if environment_read(module, call) is not None:
            return True
        made = self.project.types.call_type(module, value.index)
        called = f.last_name(call.func)
        is_named = called.lower().endswith(("settings", "config")) and not call.args
        return (
            self.project.types.is_instance(made, "pydantic_settings.BaseSettings", "pydantic.BaseSettings")
            or (is_named and not self._is_of_context(module, call))
            or called in _FIXED
        )
