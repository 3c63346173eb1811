"""What the project passes for a parameter without annotation: the one type on which all callers agree.

Nothing is known when a caller is unknown, or when not all callers can be known: the function is handed on to something
that is not known to call it, is decorated by something that may call it differently, or is a method that a library may
call. Tests do not count as callers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import is_super
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
from fastapi_lint.model.types.inference.questions import Questions, Where, functions_of, is_none, one_object_of
from fastapi_lint.tracking import memoized

_MOST_CALLERS = 120
"""Calls that may be meant by a name, above which nobody looks."""
_PLAIN_DECORATORS = frozenset({
    "staticmethod", "classmethod", "functools.lru_cache", "functools.cache", "contextlib.contextmanager",
    "contextlib.asynccontextmanager", "abc.abstractmethod", "typing.override", "typing_extensions.override",
    "typing.final", "async_lru.alru_cache", "cachetools.cached", "cachetools.func.ttl_cache", "warnings.deprecated",
    "typing_extensions.deprecated",
})  # fmt: skip
"""Decorators below which a function gets what its callers write."""
_CALLABLES = (External, FunctionObject, Method)
_MOST_FUNCTIONS = 12
_RETRYING = ("tenacity.", "backoff.", "retry.", "retrying.", "stamina.")
_HARMLESS_BASES = frozenset({"object", "abc.ABC", "typing.Generic", "typing.Protocol", "pydantic.BaseModel"})
"""Bases that call no method of their subclasses by a name that they do not have themselves."""
_ASKS = frozenset({"isinstance", "issubclass", "type", "repr", "str", "id", "callable", "hasattr", "print"})
"""Built-ins that call nothing they are given."""
_HANDS_ON = frozenset({
    "run_in_threadpool", "to_thread", "run_in_executor", "add_task", "start_soon", "submit", "call_soon",
    "call_soon_threadsafe", "call_later", "partial",
})  # fmt: skip
"""Last names under which methods of unknown objects call a function with the arguments behind it."""
_WITH_DISPLAYS = frozenset({"Thread", "Timer", "Process"})
_OVER_ITERABLES = frozenset({"map", "starmap", "imap", "imap_unordered", "map_async", "starmap_async"})


class _Passed(NamedTuple):
    """The arguments of one call as far as a function gets them; `bound` parameters are filled before them."""

    args: tuple[f.Arg, ...]
    where: Where
    bound: int
    is_complete: bool = True


class Unknown(Exception):
    """Not all callers can be known."""


class Passing(Questions):
    """What parameters are given by the calls of the project."""

    def passed(self, function: Function, param: f.Param) -> Type:
        """The type that all callers of a function give one of its parameters; None when that is not known."""
        if function.module.is_test or function.name == "<lambda>" or self._is_called_by_others(function):
            return None
        index = next(i for i, one in enumerate(function.params) if one is param)
        return self._agreed(function, index)

    @memoized
    def _agreed(self, function: Function, index: int) -> Type:
        return self.guarded(("passed", function, index), lambda: self._given_by_all(function, index))

    def _given_by_all(self, function: Function, index: int) -> Type:
        param = function.params[index]
        types: list[Type] = []
        is_left, is_known = False, True
        try:
            for call in self.passing(function):
                given = self.argument(call, function, index)
                is_left = is_left or given is None
                if given is None or is_none(given) or _is_recursion(given, param, function, call.where):
                    continue
                one = self._handed_on(given, call.where) or self.infer(given, call.where)
                if one is not None:
                    types.append(one)
                elif not self._never_runs(given, call.where):
                    if not _may_be_called(function, param):
                        return None
                    is_known = False
        except Unknown:
            return None
        if param.default is not None and not is_none(param.default) and (types or is_left):
            module, facts = function.module, function.facts
            default = self.infer(param.default, (module, facts.outer, param.start))
            if types or isinstance(default, _CALLABLES):  # `send=requests.post`, which no call gives otherwise
                types.append(default)
        if not is_known:  # of functions each call says which it is, whatever others give
            own = tuple(dict.fromkeys(option for one in types for option in functions_of(one)))
            return OneOf(own) if 0 < len(own) <= _MOST_FUNCTIONS and all(map(functions_of, types)) else None
        agreed = self.agree(types)
        if (
            agreed is None
            and any(map(functions_of, types))
            and all(isinstance(one, (*_CALLABLES, OneOf)) for one in types)
        ):
            return self.one_of(types)
        agreed = agreed or one_object_of(types)
        for one in agreed.options if isinstance(agreed, OneOf) else (agreed,):
            if isinstance(one, Instance) and isinstance(one.cls, Class) and function.cls in self.mro(one.cls):
                if any(_is_of_parameter(function, call) for call in function.calls):
                    return None  # what the method gives the method of its parameter by the same name was left out
        return agreed

    def _handed_on(self, given: f.Expr, where: Where) -> Instance | None:
        """The object that is handed on, made by a known call, where it is a parameter that only has an annotation."""
        if (found := _parameter(given, where)) is None or found[1].annotation is None:
            return None
        handed = self.passed(*found)
        return handed if isinstance(handed, Instance) and handed.origin is not None else None

    def _never_runs(self, given: f.Expr, where: Where) -> bool:
        """Whether what is handed on is a parameter of a function that nothing in the project calls."""
        if (found := _parameter(given, where)) is None:
            return False
        caller, _ = found
        if caller.cls is not None or caller.parent is not None or caller.facts.decorators:
            return False
        return next(self.passing(caller), None) is None

    @staticmethod
    def argument(call: _Passed, function: Function, index: int) -> f.Expr | None:
        """What a call gives a parameter; None when it leaves the default. Raises `Unknown`."""
        param = function.params[index]
        position = call.bound
        for arg in call.args:
            if arg.name == param.name and param.kind != "positional-only":
                return arg.value
            if arg.name in ("*", "**"):
                raise Unknown
            if arg.name == "":
                if position == index and param.kind in ("normal", "positional-only"):
                    return arg.value
                position += 1
        if param.default is None or not call.is_complete:
            raise Unknown
        return None

    def _is_called_by_others(self, function: Function) -> bool:
        """Whether something outside of the project may call a function, or call it otherwise than its callers write."""
        for name in self.decorators(function):
            if name not in _PLAIN_DECORATORS and not name.startswith(_RETRYING):
                return True
        cls = function.cls
        if cls is None:
            return False
        if function.name.startswith("__") and function.name.endswith("__"):
            return function.name not in ("__init__", "__call__")
        return any(isinstance(base, str) and base not in _HARMLESS_BASES for base in self.mro(cls))

    # ---------------------------------------------------------------- who calls

    def passing(self, function: Function) -> Iterator[_Passed]:
        """The calls of a function in the project, tests aside. Raises `Unknown` when these may not be all."""
        names, takes = self._called_as(function), _Takes.of(function)
        calls = [found for name in names for found in self.modules.calls_by_name.get(name, ())]
        likely = [(m, m.facts.calls[i]) for m, i in calls if not m.is_test and _fits(takes, m.facts.calls[i])]
        if len(likely) > _MOST_CALLERS:
            raise Unknown
        for module, call in likely:
            if module is function.module and _is_of_parameter(function, call):
                continue  # `def add(self, db): db.add(...)`: whose method that is follows from the other calls
            bound = self._binds(function, self.callee(module, call), call.func, (module, call.block, call.start))
            if bound is not None:
                yield _Passed(call.args, (module, call.block, call.start), bound)
        values = [found for name in names for found in self.modules.values_by_name.get(name, ())]
        if len(values) > _MOST_CALLERS:
            raise Unknown
        for module, kind, index in values:
            if not module.is_test:
                yield from self._handed(function, names, module, kind, index)

    def _called_as(self, function: Function) -> list[str]:
        """The last names under which a function can be called."""
        names = [function.name]
        if function.cls is not None and function.name == "__init__":
            names += ["cls", *(cls.name for cls in (function.cls, *self.subclasses(function.cls)))]
        elif function.cls is not None and function.name == "__call__":
            raise Unknown  # by whatever name an object has
        return list(dict.fromkeys(each for name in names for each in (name, *self.modules.aliases.get(name, ()))))

    def _binds(self, function: Function, value: Type, expr: f.Expr, where: Where) -> int | None:
        """How many parameters are filled when a value is called; None when it is another function for sure."""
        value = without_partials(value)
        if isinstance(value, OneOf):
            found = (self._binds(function, option, expr, where) for option in value.options)
            return next((one for one in found if one is not None), None)
        own = function.cls
        bound = 0 if own is None or "staticmethod" in self.decorators(function) else 1
        match value:
            case FunctionObject(function=other, owner=owner):
                if other is not function and (
                    # `super().save` is the method of a class above, and of none below.
                    (isinstance(expr, f.Attr) and is_super(where[0], expr.value))
                    or not self._is_related(other, function)
                ):
                    return None
                by_class = isinstance(owner, ClassObject) and "classmethod" not in self.decorators(function)
                return 0 if owner is None or by_class else bound
            case ClassObject(cls=cls) if function.name == "__init__":
                init = self.member(cls, "__init__", Instance(cls))
                return 1 if isinstance(init, FunctionObject) and init.function is function else None
            case None if own is None:
                return 0 if self._may_mean(function, expr, where) else None
            case None if isinstance(expr, f.Attr) and expr.attr == function.name:
                return bound  # a method of an unknown object
        return None

    def _is_related(self, one: Function, other: Function) -> bool:
        """Whether one method may stand for the other at run time."""
        if one.cls is None or other.cls is None or one.name != other.name:
            return False
        return one.cls in self.mro(other.cls) or other.cls in self.mro(one.cls)

    def _may_mean(self, function: Function, expr: f.Expr, where: Where) -> bool:
        """Whether a name whose value is not known may be that of a function: it is bound to it or imported."""
        if not isinstance(expr, f.Name):
            return False
        entries = [one.entry for one in self.find_bindings(expr.id, where)]
        return any(isinstance(entry, f.Import) or entry is function for entry in entries)

    # ---------------------------------------------------------------- who is handed it

    def _handed(self, function: Function, names: list[str], module: Module, kind: str, index: int) -> Iterator[_Passed]:
        """The calls that what gets a function as a value makes of it. Raises `Unknown` when it may do anything."""
        for argument, expr, where in _mentions(module, kind, index, names):
            value = self.infer(expr, where)
            bound = self._binds(function, value, expr, where)
            if bound is None:
                continue
            call = module.facts.calls[index] if kind == "call" else None
            if call is None or argument is None:
                raise Unknown
            yield from self._forwarded(module, call, argument, bound)

    def _forwarded(self, module: Module, call: f.Call, argument: int, bound: int) -> Iterator[_Passed]:
        callee = self.callee(module, call)
        name = self.name_of_type(callee)
        last = f.last_name(call.func)
        if name in _ASKS:
            return
        handoff = catalog.handoff(name) if name else None
        if handoff is None and not (callee is None and last in _HANDS_ON):
            raise Unknown
        if handoff is not None and (handoff.gives not in ("result", "wrapper") or handoff.decorator):
            raise Unknown
        where = (module, call.block, call.start)
        behind = tuple(arg for i, arg in enumerate(call.args) if i > argument and arg.name != "executor")
        if last in _OVER_ITERABLES:
            raise Unknown
        if last in _WITH_DISPLAYS:
            behind = _from_displays(call)
        yield _Passed(behind, where, bound, is_complete=not last.startswith("partial"))


def _is_of_parameter(function: Function, call: f.Call) -> bool:
    """Whether a method calls a method by its own name, of a parameter whose type only callers know."""
    if function.cls is None or not isinstance(call.func, f.Attr) or not isinstance(call.func.value, f.Name):
        return False
    name = call.func.value.id
    return (
        call.func.attr == function.name
        and function.facts.start <= call.start < function.facts.end
        and any(one.name == name and one.annotation is None for one in function.params[1:])
        and not function.rebinds(name)
    )


class _Takes(NamedTuple):
    """What a function may be called like: how many arguments by place, and with which names (None: any)."""

    most: float
    names: frozenset[str] | None
    is_method: bool
    is_constructor: bool

    @classmethod
    def of(cls, function: Function) -> _Takes:
        """What a function takes."""
        kinds = [param.kind for param in function.params]
        most = float("inf") if "args" in kinds else sum(kind in ("normal", "positional-only") for kind in kinds)
        names = None if "kwargs" in kinds else frozenset(param.name for param in function.params)
        return cls(most, names, function.cls is not None, function.name == "__init__")


def _fits(takes: _Takes, call: f.Call) -> bool:
    """Whether the arguments of a call are such as a function takes."""
    if type(call.func) is f.Attr:
        if not takes.is_method and type(call.func.value) is f.CallRef:
            return False
    elif takes.is_method and not takes.is_constructor:
        return False
    by_place = 0
    for arg in call.args:
        if arg.name == "":
            by_place += 1
        elif takes.names is not None and arg.name not in takes.names and arg.name not in ("*", "**"):
            return False
    return by_place <= takes.most


def _parameter(given: f.Expr, where: Where) -> tuple[Function, f.Param] | None:
    """The parameter that an argument is, of the function that makes the call."""
    caller = where[0].enclosing(where[1])
    if caller is None or not isinstance(given, f.Name) or caller.rebinds(given.id):
        return None
    param = next((one for one in caller.params if one.name == given.id), None)
    return (caller, param) if param is not None else None


def _may_be_called(function: Function, param: f.Param) -> bool:
    """Whether a parameter is one that is called: by its annotation, or in the function itself."""
    declared = param.annotation.value if isinstance(param.annotation, f.Sub) else param.annotation
    if declared is None:
        return any(call.func == f.Name(param.name) for call in function.calls)
    return "Callable" in f.last_name(declared) or isinstance(declared, f.Binary)


def _is_recursion(given: f.Expr, param: f.Param, function: Function, where: Where) -> bool:
    """Whether a function hands its own parameter on to itself, as it got it."""
    return (
        isinstance(given, f.Name)
        and given.id == param.name
        and where[0] is function.module
        and where[0].facts.blocks[where[1]].function == function.index
        and not function.rebinds(param.name)
    )


def _mentions(module: Module, kind: str, index: int, names: list[str]) -> Iterator[tuple[int | None, f.Expr, Where]]:
    """The expressions with one of the names in an entry of a module, with the argument that each of them is."""
    facts = module.facts
    if kind == "call":
        call = facts.calls[index]
        where = (module, call.block, call.start)
        for i, arg in enumerate(call.args):
            for expr in values_in(arg.value):
                if f.last_name(expr) in names:
                    yield i if expr is arg.value and arg.name not in ("*", "**") else None, expr, where
        return
    entry = facts.assigns[index] if kind == "assign" else facts.exits[index]
    for expr in values_in(entry.value):
        if f.last_name(expr) in names:
            yield None, expr, (module, entry.block, entry.start)


def _from_displays(call: f.Call) -> tuple[f.Arg, ...]:
    """The arguments that `Thread(target=f, args=(a, b), kwargs={"c": d})` calls its target with."""
    found: list[f.Arg] = []
    for arg in call.args:
        match arg:
            case f.Arg(name="args", value=f.Display(items=items)):
                found += [f.Arg("*" if isinstance(v, f.Star) else "", v, arg.start, arg.end) for v in items]
            case f.Arg(name="kwargs", value=f.Mapping(items=pairs)):
                for key, value in pairs:
                    name = key.value if isinstance(key, f.Const) and isinstance(key.value, str) else "**"
                    found.append(f.Arg(name, value, arg.start, arg.end))
            case f.Arg(name="args" | "kwargs"):
                found.append(f.Arg("*", arg.value, arg.start, arg.end))
    return tuple(found)


def values_in(expr: f.Expr | None) -> Iterator[f.Name | f.Attr]:
    """The names and attributes whose value an expression gives or contains, those that it only looks at left out."""
    match expr:
        case f.Name() | f.Attr():
            yield expr
        case f.Display(items=items) | f.Choice(options=items):
            for item in items:
                yield from values_in(item)
        case f.Mapping(items=pairs):
            for _, value in pairs:
                yield from values_in(value)
        case f.Star(value=value) | f.Each(element=value):
            yield from values_in(value)
