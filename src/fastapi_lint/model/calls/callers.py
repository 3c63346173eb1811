"""How the project itself calls its functions: what each call passes by position and by keyword. Judges nothing.

Finds calls by name (import aliases included) and confirms them by type; a call whose target is not known counts when
the name in it may well be the function's. Calls through containers, and of methods in modules that never mention the
class, are not found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import targets
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    OneOf,
    Type,
    without_partials,
)
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.types.inference.passing import values_in
from fastapi_lint.tracking import memoized, memoized_cyclic
from fastapi_lint.tracking.tables import collected, grouped

_FORWARDING = frozenset({
    "partial", "partialmethod", "to_thread", "run_sync", "run_in_threadpool", "run_in_executor", "add_task", "submit",
    "start_soon", "call_soon", "call_later", "map", "starmap", "sync_to_async", "BackgroundTask",
})  # fmt: skip
"""Last names of callables that hand the arguments behind a function on to it."""
_LOOKING = frozenset({"callable", "hasattr", "hash", "id", "isinstance", "print", "repr", "str", "type"})
"""Builtins that call nothing of what they are given."""


@dataclass(frozen=True)
class Use:
    """One call of a function. `positional` counts from its first parameter on (`self` included).

    `is_complete` is false when other arguments may be added later (partial); `is_unpacked` when `*` or `**` hides some.
    """

    module: Module = field(repr=False)
    start: int
    positional: int
    keywords: frozenset[str]
    is_complete: bool = True
    is_unpacked: bool = False

    @property
    def call(self) -> f.Call | None:
        """The call: of several that begin there, the first; None where it is called without one (a decorator)."""
        return next((call for _, call in self.module.calls_between(self.start, self.start + 1)), None)

    @property
    def caller(self) -> Function | None:
        """The function in which the call stands."""
        call = self.call
        return self.module.enclosing(call.block) if call is not None else None

    def passes(self, name: str, index: int) -> bool:
        """Whether the parameter of that name and index is certainly given."""
        return name in self.keywords or (index < self.positional and not self.is_unpacked)


def _handed(module: Module) -> Iterator[tuple[str, object]]:
    for call in module.facts.calls:
        if f.last_name(call.func) in _FORWARDING:
            for index, arg in enumerate(call.args):
                if arg.name in ("", "func") and (given := f.last_name(arg.value)):
                    yield given, (module, call, index)


class _Candidate(NamedTuple):
    """A call by some name, or an argument that is handed on to be called: what is called, and with what behind it."""

    module: Module
    expr: f.Expr
    args: tuple[f.Arg, ...]
    block: int
    start: int
    is_complete: bool
    callee: Type


class Callers:
    """Answers who calls a function directly, not through FastAPI."""

    def __init__(self, types: Inference) -> None:
        self.types = types

    @collected("callers.handed", pairs=_handed)
    def handed(self) -> Mapping[str, list[tuple[Module, f.Call, int]]]:
        """The arguments that are handed on to be called, by the last name in them: module, call, index."""
        table = grouped(self.types.modules.tables, "callers.handed")
        return cast("dict[str, list[tuple[Module, f.Call, int]]]", table)

    def _named(self, name: str) -> Iterator[tuple[Module, f.Call]]:
        return ((module, module.facts.calls[i]) for module, i in self.types.modules.calls_by_name.get(name, ()))

    @memoized
    def uses(self, function: Function) -> list[Use]:
        """Every call of a function that the project may make, constructor calls for an `__init__`."""
        found = []
        for one in self._candidates(function):
            shift = self._shift_of(one.callee, function, one.expr, (one.module, one.block, one.start))
            if shift is None:
                continue
            positional = sum(arg.name == "" for arg in one.args)
            keywords = frozenset(arg.name for arg in one.args if arg.name not in ("", "*", "**"))
            unpacked = any(arg.name in ("*", "**") for arg in one.args)
            found.append(Use(one.module, one.start, positional + shift, keywords, one.is_complete, unpacked))
        return found

    def are_known(self, function: Function) -> bool:
        """Whether all calls of a function that the project may make are among its uses: not of methods where a call by
        that name cannot be resolved, nor of `__call__`, for any expression may hold the object."""
        if function.cls is None or function.name == "__init__":
            return True
        if function.name == "__call__":
            return False
        calls = self.types.modules.calls_by_name.get(function.name, ())
        return all(self.types.callee(module, module.facts.calls[index]) is not None for module, index in calls)

    def library(self, module: Module, call: f.Call) -> str:
        """The name of what a library gives that is called, of a method that of its class; of `app.get("/page")(page)`
        of `app.get`. "" for all else."""
        if isinstance(call.func, f.CallRef):
            call = module.facts.calls[call.func.index]
        match self.types.callee(module, call):
            case External(name=name) | Method(cls=name):
                return name
        return ""

    def makings(self, cls: Class) -> Iterator[tuple[Module, int]]:
        """The calls that make an object of a class, or of one below it."""
        modules = self.types.modules
        for kind in (cls, *self.types.heirs(cls)):
            for name in (kind.name, *modules.aliases.get(kind.name, ())):
                for module, index in modules.calls_by_name.get(name, ()):
                    if self.types.callee(module, module.facts.calls[index]) == ClassObject(kind):
                        yield module, index

    @memoized_cyclic(False)
    def is_held(self, function: Function) -> bool:
        """Whether code keeps a function in a variable or table or hands it on, and may so call it in ways that are not
        among its uses. FastAPI, which is given functions as well, passes all arguments by name."""
        found = self.types.modules.values_by_name
        names = self._names(function) if not function.name.startswith("__") else ()
        return any(self._holds(function, *each) for name in names for each in found.get(name, ()))

    def _holds(self, function: Function, module: Module, kind: str, index: int) -> bool:
        if kind != "call":
            entry = module.facts.assigns[index] if kind == "assign" else module.facts.exits[index]
            where = (module, entry.block, entry.start)
            if not any(self._stands_for(each, function, where) for each in values_in(entry.value)):
                return False
            maker = module.enclosing(entry.block) if isinstance(entry, f.Exit) else None
            return maker is None or not self._makes_for_fastapi(maker)
        call = module.facts.calls[index]
        if self._is_of_fastapi(module, call) or f.last_name(call.func) in _FORWARDING:
            return False
        where = (module, call.block, call.start)
        return any(self._stands_for(each, function, where) for arg in call.args for each in values_in(arg.value))

    def _is_of_fastapi(self, module: Module, call: f.Call) -> bool:
        """Whether a call, or the call whose result is called, is one of FastAPI or Starlette, or only looks at what it
        is given."""
        if isinstance(call.func, f.Attr) and f.last_name(call.func.value) == "dependency_overrides":
            return True
        name = self.library(module, call)
        return name in _LOOKING or name.startswith(("fastapi.", "starlette.", "inspect."))

    @memoized_cyclic(True)
    def _makes_for_fastapi(self, maker: Function) -> bool:
        """Whether all that a function gives back goes to FastAPI: `Depends(require("admin"))`."""
        return not self.is_held(maker) and all(self._goes_to_fastapi(maker, use) for use in self.uses(maker))

    def _goes_to_fastapi(self, maker: Function, use: Use) -> bool:
        """Whether what a call gives is given to FastAPI at once, by way of one variable, or by the function around."""
        facts = use.module.facts
        names = self._names(maker)
        made = [
            f.CallRef(index)
            for index, call in use.module.calls_between(use.start, use.start + 1)
            if f.last_name(call.func) in names
        ]
        givers = [call for call in facts.calls if any(arg.value in made for arg in call.args)]
        keepers = [one for one in facts.assigns if one.value in made]
        leaving = [one for one in facts.exits if one.value in made]
        if len(made) != 1 or len(givers) + len(keepers) + len(leaving) != 1:
            return False
        if leaving:
            around = use.module.enclosing(leaving[0].block)
            return around is not None and self._makes_for_fastapi(around)
        if keepers:
            return isinstance(keepers[0].target, f.Name) and self._is_for_fastapi(keepers[0].target, use.module)
        return self._is_of_fastapi(use.module, givers[0])

    def _is_for_fastapi(self, variable: f.Name, module: Module) -> bool:
        """Whether a variable of a module is only ever given to FastAPI, here and where it is imported."""
        modules = self.types.modules
        name = variable.id
        if name in modules.aliases or name in modules.calls_by_name:
            return False
        found = modules.values_by_name.get(name, ())
        elsewhere = [(where, kind, index) for where, kind, index in found if where is not module]
        if any(kind != "call" or not self._is_of_fastapi(where, where.facts.calls[i]) for where, kind, i in elsewhere):
            return False
        facts = module.facts
        kept = (*(entry.value for entry in facts.assigns), *(entry.value for entry in facts.exits))
        if any(each == variable for value in kept for each in values_in(value)):
            return False
        for call in facts.calls:
            if any(each == variable for arg in call.args for each in values_in(arg.value)):
                if not self._is_of_fastapi(module, call):
                    return False
        return True

    def _stands_for(self, expr: f.Expr, function: Function, where: Where) -> bool:
        if isinstance(expr, f.Name):
            bindings = self.types.find_bindings(expr.id, where)
            if bindings and all(isinstance(each.entry, f.Param) for each in bindings):
                return False  # a parameter of that name: who gives the function there is asked about
        value = self.types.infer(expr, where)
        if isinstance(value, FunctionObject):
            return value.function is function
        return value is None and f.last_name(expr) in self._names(function) and self._may_be(function, expr, where)

    def _candidates(self, function: Function) -> Iterator[_Candidate]:
        """The calls that may be of a function; those of another function by its name are left out at once."""
        if function.name == "__call__" and function.cls is not None:
            names = self._variables()
            for module in self.types.modules:
                for call in module.facts.calls:
                    if (last := f.last_name(call.func)) and last not in names:
                        continue
                    callee = self.types.callee(module, call)
                    yield _Candidate(module, call.func, call.args, call.block, call.start, True, callee)
            return
        for name in self._names(function):
            every, by_function = self._by_name(name)
            meant = [one for one in by_function if one is None or one is function or self._is_related(one, function)]
            for index in sorted(index for one in meant for index in by_function[one]):
                yield every[index]

    @memoized
    def _variables(self) -> frozenset[str]:
        """The names under which an object may be called: those of variables, parameters and attributes, of what is
        decorated, of aliases, and those that are set by a text. Most calls go to functions, classes and methods."""
        found = {"__call__"}
        for module in self.types.modules:
            facts = module.facts
            bound = [entry.target for entry in facts.assigns]
            bound += [block.target for block in facts.blocks if block.target is not None]
            found.update(f.last_name(part) for target in bound for part in targets(target))
            for function in facts.functions:
                found.update(param.name for param in function.params)
            found.update(function.name for function in facts.functions if function.decorators)
            found.update(entry.alias for entry in facts.imports)
            for index in module.calls_by_name.get("setattr", ()):
                found.update(str(arg.value.value) for arg in facts.calls[index].args if isinstance(arg.value, f.Const))
        return frozenset(found)

    @memoized
    def _by_name(self, name: str) -> tuple[list[_Candidate], dict[Function | None, list[int]]]:
        """The calls by a name, and which of them call a certain function of the project (None: something else)."""
        every = [
            _Candidate(module, call.func, call.args, call.block, call.start, True, self.types.callee(module, call))
            for module, call in self._named(name)
        ]
        for module, call, index in self.handed.get(name, ()):
            is_complete = not f.last_name(call.func).startswith("partial")
            expr = call.args[index].value
            callee = self.types.infer(expr, (module, call.block, call.start))
            behind = call.args[index + 1 :]
            every.append(_Candidate(module, expr, behind, call.block, call.start, is_complete, callee))
        by_function: dict[Function | None, list[int]] = {}
        for index, one in enumerate(every):
            called = one.callee.function if isinstance(one.callee, FunctionObject) else None
            by_function.setdefault(called, []).append(index)
        return every, by_function

    def _names(self, function: Function) -> set[str]:
        names = {function.name}
        if function.name == "__init__":
            names |= {"cls", *(cls.name for cls in self._constructed(function))}
        return names | {alias for name in names for alias in self.types.modules.aliases.get(name, ())}

    def _constructed(self, function: Function) -> Iterator[Class]:
        """The classes whose construction runs this `__init__`."""
        if function.cls is not None:
            yield function.cls
            yield from (cls for cls in self.types.heirs(function.cls) if self._inherits(cls, function))

    def _inherits(self, cls: Class, function: Function) -> bool:
        if not cls.facts.bases or "__init__" in cls.methods:
            return False
        found = self.types.member(cls, "__init__", Instance(cls))
        return isinstance(found, FunctionObject) and found.function is function

    def _shift_of(self, value: Type, function: Function, expr: f.Expr, where: Where) -> int | None:
        """How many parameters a call of `value` fills before its arguments; None when it is another function."""
        value = without_partials(value)
        if isinstance(value, OneOf):
            found = (self._shift_of(option, function, expr, where) for option in value.options)
            return next((one for one in found if one is not None), None)
        bound = 0 if function.cls is None or "staticmethod" in self.types.decorators(function) else 1
        match value:
            case FunctionObject(function=other, owner=owner):
                if other is function or self._is_related(other, function):
                    return bound if owner is not None else 0
                return None
            case ClassObject(cls=cls) if function.name == "__init__":
                init = self.types.member(cls, "__init__", Instance(cls))
                return 1 if isinstance(init, FunctionObject) and init.function is function else None
            case Instance(cls=Class() as cls) if function.name == "__call__":
                method = self.types.member(cls, "__call__", value)
                return 1 if isinstance(method, FunctionObject) and method.function is function else None
            case None if function.name not in ("__call__", "__init__") or not isinstance(expr, f.Attr):
                return bound if self._may_be(function, expr, where) else None
        return None

    def _is_related(self, one: Function, other: Function) -> bool:
        """Whether one method may stand for the other at run time."""
        if one.cls is None or other.cls is None or one.name != other.name:
            return False
        return one.cls in self.types.mro(other.cls) or other.cls in self.types.mro(one.cls)

    def _may_be(self, function: Function, expr: f.Expr, where: Where) -> bool:
        """Whether an expression of unknown value may be the function: its own name, an import, a method's name."""
        module = where[0]
        if function.cls is not None and function.name != "__init__":
            return isinstance(expr, f.Attr) and (module is function.module or module.mentions(function.cls.name))
        root = expr
        while isinstance(root, f.Attr):
            root = root.value
        if not isinstance(root, f.Name) or function.name == "__call__":
            return False
        entries = [one.entry for one in self.types.find_bindings(root.id, where)]
        if isinstance(expr, f.Attr):
            return any(isinstance(entry, f.Import) and self._may_be_module(entry, module) for entry in entries)
        return any(isinstance(entry, f.Import) or entry is function for entry in entries)

    def _may_be_module(self, entry: f.Import, importer: Module) -> bool:
        """Whether what an import binds is not known to be an object of a module of the project."""
        modules = self.types.modules
        if not entry.name:
            return True
        if entry.level:
            source = modules.relative(importer, entry.level, entry.module)
        else:
            source = modules.find(entry.module, importer)
        return source is None or modules.submodule(source, entry.name) is not None
