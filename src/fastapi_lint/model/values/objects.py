"""Which objects the project makes of its classes, with which arguments; and how lists are built. Runs nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import cast

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Module, Origin
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.tracking import memoized
from fastapi_lint.tracking.tables import collected, contributions, grouped, numbered

_ENTRIES = frozenset({"__init__", "__post_init__", "__attrs_post_init__", "__new__", "model_post_init", "setUp"})
_FIELDS = frozenset({"field", "Field", "ib", "attrib"})
_LEFT_OUT = frozenset({"ClassVar", "InitVar", "KW_ONLY"})
_PICKED = frozenset({"init", "kw_only", "alias"})


def _lifespans(module: Module) -> Iterator[tuple[str, object]]:
    for index, call in enumerate(module.facts.calls):
        given = f.keyword(call, "lifespan")
        if given is not None and (name := f.last_name(given.value)):
            yield name, (module, index)


def _decorated(module: Module) -> Iterator[tuple[str, object]]:
    for index, function in enumerate(module.facts.functions):
        for decorator in function.decorators:
            if name := f.last_name(decorator):
                yield name, (module, index)


class Objects:
    """Answers "who makes instances of this class", "who calls a function of this name", "what is a field given"."""

    def __init__(self, types: Inference) -> None:
        self.types = types
        self._below: dict[Module, dict[int, Function]] = {}
        self._growth: dict[tuple[Module, int], dict[str, list[tuple[f.Expr, Where]]]] = {}

    @staticmethod
    def is_entry(name: str) -> bool:
        """Whether a method of this name runs when an object is made."""
        return name in _ENTRIES

    @collected("routes.expansion.objects.lifespans", pairs=_lifespans)
    def lifespans(self) -> Mapping[str, list[tuple[Module, int]]]:
        """The calls with an argument `lifespan=`, by the last name in it."""
        table = grouped(self.types.modules.tables, "routes.expansion.objects.lifespans")
        return cast("dict[str, list[tuple[Module, int]]]", table)

    @collected("routes.expansion.objects.decorated", pairs=_decorated)
    def decorated(self) -> Mapping[str, list[tuple[Module, int]]]:
        """The functions below a decorator that is no call, by the last name of that."""
        table = grouped(self.types.modules.tables, "routes.expansion.objects.decorated")
        return cast("dict[str, list[tuple[Module, int]]]", table)

    def below(self, module: Module, call: f.Call) -> Function | None:
        """The function below a decorator that is a call; None for other calls."""
        if module not in self._below:
            calls = module.facts.calls
            self._below[module] = {
                calls[decorator.index].start: function
                for function in module.functions
                for decorator in function.facts.decorators
                if isinstance(decorator, f.CallRef)
            }
        found = self._below[module].get(call.start)
        return found if found is not None and found.facts.outer == call.block else None

    def callers(self, name: str) -> list[tuple[Module, f.Call]]:
        """The calls in the project whose callee ends in a name, or in one under which it is imported."""
        found = self._named(name, self.types.modules.calls_by_name)
        return [(module, module.facts.calls[index]) for module, index in found]

    def decorating(self, name: str) -> list[tuple[Module, f.Call]]:
        """As `callers`, of those calls that are decorators."""
        found = self._named(name, self.types.modules.decorating_calls)
        return [(module, module.facts.calls[index]) for module, index in found]

    def _named(self, name: str, calls: Mapping[str, list[tuple[Module, int]]]) -> Iterator[tuple[Module, int]]:
        """What a table has under a name and under those as which it is imported."""
        for each in (name, *sorted(set(self.types.modules.aliases.get(name, ())))):
            yield from calls.get(each, ())

    @memoized
    def makers(self, cls: Class) -> tuple[Origin, ...]:
        """The calls that make instances of a class or of its subclasses."""
        found = []
        for one in (cls, *self.subclasses(cls)):
            own = (
                (home, index) for home, index in self.types.modules.calls_by_name.get("cls", ()) if home is one.module
            )
            for module, index in (*self._named(one.name, self.types.modules.calls_by_name), *own):
                made = self.types.call_type(module, index)
                if isinstance(made, Instance) and made.cls is one and made.origin == Origin(module, index):
                    found.append(made.origin)
        return tuple(dict.fromkeys(found))

    def subclasses(self, cls: Class) -> tuple[Class, ...]:
        """The classes of the project that inherit from a class, however far."""
        return self.inheriting.get(cls, ())

    @collected("routes.expansion.objects.inheriting")
    def inheriting(self) -> Mapping[Class, tuple[Class, ...]]:
        """The classes that inherit from each class."""
        table: dict[Class, list[Class]] = {}
        contributions(self.types.modules.tables, "inheriting", lambda module: self.contribute(module, table))
        return {base: tuple(found) for base, found in table.items()}

    def contribute(self, module: Module, table: dict[Class, list[Class]]) -> Collection[int]:
        """Add the classes of a module to those that they inherit from; the indices of these classes."""
        found: dict[int, list[Class]] = {}
        for one in module.classes:
            for base in self.types.mro(one)[1:] if one.facts.bases else ():
                if isinstance(base, Class):
                    table.setdefault(base, []).append(one)
                    found.setdefault(one.index, []).append(base)
        return numbered(found, found)

    def assigned(self, cls: Class, attr: str) -> tuple[f.Assign, Function] | None:
        """The one assignment to `self.attr` of a class or its nearest base that has any."""
        found = self.types.nearest_assigns(cls, attr)
        return found[0] if len(found) == 1 else None

    def field(self, cls: Class, attr: str, maker: Origin) -> tuple[f.Expr, Where] | None:
        """What a field of a dataclass, attrs or Pydantic class is given by a constructor call, else its default."""
        call = maker.facts
        init = self.types.member(cls, "__init__", Instance(cls))
        if not isinstance(init, FunctionObject):
            for arg in call.args:
                if arg.name == attr:
                    return arg.value, (maker.module, call.block, call.start)
            if any(arg.name in ("*", "**") for arg in call.args):
                return None
            given = [arg.value for arg in call.args if arg.name == ""]
            names = self._in_order(cls) if given else ()
            if given and (attr not in names or len(given) > len(names)):
                return None
            if given and (number := names.index(attr)) < len(given):
                return given[number], (maker.module, call.block, call.start)
        for base in self.types.mro(cls):
            entry = base.assigns.get(attr) if isinstance(base, Class) else None
            if entry is None or not isinstance(base, Class):
                continue
            if entry.value is None:
                return None
            where = (base.module, entry.block, entry.start)
            return self._default(entry.value, where)
        return None

    def _in_order(self, cls: Class) -> tuple[str, ...]:
        """The fields that a generated constructor takes by position; none where some are said to be left out."""
        names: dict[str, None] = {}
        for base in reversed(self.types.mro(cls)):
            if not isinstance(base, Class):
                continue
            for entry in base.assigns.values():
                if entry.annotation is None or not isinstance(entry.target, f.Name):
                    continue
                call = base.module.facts.calls[entry.value.index] if isinstance(entry.value, f.CallRef) else None
                head = entry.annotation.value if isinstance(entry.annotation, f.Sub) else entry.annotation
                if f.last_name(head) in _LEFT_OUT or (call and any(arg.name in _PICKED for arg in call.args)):
                    return ()
                names.setdefault(entry.target.id)
        return tuple(names)

    def _default(self, value: f.Expr, where: Where) -> tuple[f.Expr, Where] | None:
        if not isinstance(value, f.CallRef):
            return value, where
        call = where[0].facts.calls[value.index]
        name = f.last_name(call.func)
        if name not in _FIELDS:
            return value, where
        for arg in call.args:
            if arg.name == "default" or (arg.name == "" and name == "Field"):
                return arg.value, where
            if arg.name in ("factory", "default_factory"):
                if isinstance(arg.value, f.Name) and arg.value.id in ("list", "tuple", "set"):
                    return f.Display("list", ()), where
                return value, where
        return None

    def built(self, name: str, where: Where) -> list[tuple[f.Expr, Where]]:
        """The pieces of a list that a variable is given, and that are added to it later in the same scope (`+=`,
        `append`, `extend`); empty when it is assigned once and never grows."""
        module, block, _ = where
        bindings = self.types.find_bindings(name, (module, block, module.facts.blocks[0].end + 1))
        entries = [b.entry for b in bindings]
        if not entries or not all(isinstance(e, f.Assign) and isinstance(e.target, f.Name) for e in entries):
            return []
        function = module.facts.blocks[bindings[0].block].function
        grown = self._grown(module, function).get(name, [])
        first = [e for e in entries if isinstance(e, f.Assign) and e.op == "=" and e.value is not None]
        if not grown or not first:
            return []
        return [(e.value, (module, e.block, e.start)) for e in first if e.value is not None] + grown

    def _grown(self, module: Module, function: int) -> dict[str, list[tuple[f.Expr, Where]]]:
        key = (module, function)
        if key not in self._growth:
            table: dict[str, list[tuple[f.Expr, Where]]] = {}
            for name, value, place in sorted(self._additions(module, function), key=lambda found: found[2][2]):
                table.setdefault(name, []).append((value, place))
            self._growth[key] = table
        return self._growth[key]

    @staticmethod
    def _additions(module: Module, function: int) -> Iterator[tuple[str, f.Expr, Where]]:
        blocks = module.facts.blocks
        for entry in module.facts.assigns:
            if entry.op != "+=" or entry.value is None or blocks[entry.block].function != function:
                continue
            if isinstance(entry.target, f.Name):
                yield entry.target.id, entry.value, (module, entry.block, entry.start)
        for call in module.calls_in.get(function, ()):
            match call.func:
                case f.Attr(value=f.Name(id=name), attr="append" | "extend" as attr) if len(call.args) == 1:
                    value = call.args[0].value
                    place = (module, call.block, call.start)
                    yield name, value if attr == "extend" else f.Display("list", (value,)), place
