"""Whether an object of a class, or a module, comes to where any of its attributes may be read. Unknown is yes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.reach.aside import is_for_tests
from fastapi_lint.model.names.expressions import attributes, walk
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Function,
    FunctionObject,
    Instance,
    Module,
    ModuleObject,
    Type,
)
from fastapi_lint.model.types.inference.inference import Where

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DUMPS = frozenset({"model_dump", "model_dump_json", "dict", "json", "__getattribute__", "__getattr__"})
_HARMLESS = frozenset(
    {"isinstance", "id", "type", "Depends", "Security", "hasattr", "callable", "bool", "is_dataclass"}
)
_KEEPING = frozenset({
    "lru_cache", "cache", "staticmethod", "classmethod", "property", "cached_property", "model_validator",
    "field_validator", "validator", "root_validator",
})  # fmt: skip
"""Decorators that give what a function returns to nobody but its callers, or the object that it is asked for."""
_WHOLE = ("__dict__", "model_fields", "__fields__", "__annotations__")


def gives_away(cls: Class, project: Project) -> bool:
    """Whether an object of a class, or of one below it, may be read as a whole."""
    family = (cls, *project.routes.expansion.objects.subclasses(cls))
    search = _Search(project, family)
    return any(search.in_module(module) for module in search.modules())


class _Search:
    """What becomes of the objects of some classes."""

    def __init__(self, project: Project, family: Collection[Class]) -> None:
        self.project = project
        self.family = frozenset(family)
        self.names = {one.name for one in family}
        self.carriers = self.names | set(self._carriers())

    def modules(self) -> Iterator[Module]:
        """The modules that work with one of these objects, by the names for it."""
        for module in self.project.modules:
            if not is_for_tests(self.project, module) and module.mentions(*self.carriers):
                yield module

    def _carriers(self) -> Iterator[str]:
        """The names of variables, attributes and functions that have or give such an object."""
        for module in self.project.modules:
            if is_for_tests(self.project, module) or not module.mentions(*self.names):
                continue
            for entry in module.facts.assigns:
                if entry.value is not None and self._is_one(entry.value, (module, entry.block, entry.start)):
                    yield f.last_name(entry.target)
            for function in module.functions:
                if self._returns_one(function):
                    yield function.name
                yield from (param.name for param in function.params if self._is_said(param.annotation))

    def _returns_one(self, function: Function) -> bool:
        if self._is_said(function.facts.returns):
            return True
        places = ((leave.value, (function.module, leave.block, leave.start)) for leave in function.exits)
        return any(value is not None and self._is_one(value, where) for value, where in places)

    def _is_said(self, annotation: f.Expr | None) -> bool:
        return any(
            f.last_name(part) in self.names or (isinstance(part, f.Const) and part.value in self.names)
            for part in walk(annotation)
        )

    def _is_of_them(self, value: Type) -> bool:
        match value:
            case Instance(cls=Class() as cls) | ClassObject(cls=cls):
                return cls in self.family
        return False

    def _is_one(self, expr: f.Expr, where: Where) -> bool:
        """Whether an expression is such an object, or a display with one in it."""
        match expr:
            case f.Mapping(items=items):
                return any(self._is_one(value, where) for _, value in items)
            case f.Display(items=items):
                return any(self._is_one(value, where) for value in items)
            case f.Choice(options=options):
                return any(self._is_one(value, where) for value in options)
            case f.Star(value=value) | f.Await(value=value):
                return self._is_one(value, where)
            case f.Name() | f.Attr() | f.CallRef():
                return self._is_of_them(self.project.types.infer(expr, where))
        return False

    def _may_be_one(self, expr: f.Expr, where: Where) -> bool:
        if self._is_one(expr, where):
            return True
        name = f.last_name(where[0].facts.calls[expr.index].func if isinstance(expr, f.CallRef) else expr)
        return name in self.carriers and self.project.types.infer(expr, where) is None

    # ---------------------------------------------------------------- one module

    def in_module(self, module: Module) -> bool:
        """Whether a module gives one away, or reads it as a whole."""
        for entry in module.facts.assigns:
            if isinstance(entry.target, f.Sub) and entry.value is not None:
                if self._is_one(entry.value, (module, entry.block, entry.start)):
                    return True
        for block in module.facts.blocks:
            if block.kind in ("for", "comprehension") and block.test is not None:
                if self._is_one(block.test, (module, block.parent, block.start)):
                    return True
        own = {"self", "cls"} if any(one.module is module for one in self.family) else set()
        if any(f.last_name(part.value) in self.carriers | own for part, _, _ in attributes(module, *_WHOLE)):
            return True
        return any(self._by_call(module, call) for call in module.facts.calls) or any(
            self._by_return(function) for function in module.functions
        )

    def _by_call(self, module: Module, call: f.Call) -> bool:
        where = (module, call.block, call.start)
        name = f.last_name(call.func)
        if isinstance(call.func, f.Attr) and name in _DUMPS and self._may_be_one(call.func.value, where):
            return True
        if name in ("getattr", "vars", "asdict", "dict") and call.args:
            is_fixed = name == "getattr" and len(call.args) > 1 and isinstance(call.args[1].value, f.Const)
            if not is_fixed:
                return self._may_be_one(call.args[0].value, where)
            return False
        if name in _HARMLESS:
            return False
        for position, arg in enumerate(call.args):
            if self._is_one(arg.value, where) and not self._is_taken_as_one(module, call, position, arg):
                return True
        return False

    def _is_taken_as_one(self, module: Module, call: f.Call, position: int, arg: f.Arg) -> bool:
        """Whether a function of the project takes an argument under an annotation that says what it is."""
        callee = self.project.callee(module, call)
        function, shift = None, 0
        if isinstance(callee, ClassObject):
            found = self.project.types.member(callee.cls, "__init__", Instance(callee.cls))
            function, shift = (found.function if isinstance(found, FunctionObject) else None), 1
        elif isinstance(callee, FunctionObject):
            function, shift = callee.function, int(callee.owner is not None)
        if function is None or arg.name in ("*", "**"):
            return False
        params = list(function.params)
        if arg.name:
            return any(param.name == arg.name and self._is_said(param.annotation) for param in params)
        return position + shift < len(params) and self._is_said(params[position + shift].annotation)

    def _by_return(self, function: Function) -> bool:
        """Whether a handler answers with one, or a decorator that nothing is known of gets it."""
        calls = function.module.facts.calls
        decorators = {
            f.last_name(calls[one.index].func if isinstance(one, f.CallRef) else one)
            for one in function.facts.decorators
        }
        return not decorators <= _KEEPING and self._returns_one(function)


def gives_module_away(module: Module, project: Project) -> bool:
    """Whether a module may be read as a whole: handed to something, or asked for names that are worked out."""
    if any(f.last_name(call.func) in ("globals", "vars") and not call.args for call in module.facts.calls):
        return True
    for other in project.modules:
        if other is module or not module.parts or not other.mentions(module.parts[-1]):
            continue
        for call in other.facts.calls:
            for arg in call.args:
                if isinstance(arg.value, (f.Name, f.Attr)):
                    if project.infer(arg.value, other, call.block, call.start) == ModuleObject(module):
                        return True
                elif isinstance(arg.value, f.Const) and arg.value.value in (module.name, module.parts[-1]):
                    return True
    return False
