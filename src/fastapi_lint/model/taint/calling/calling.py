"""What calls make of texts: functions of the project by their results. What libraries make of them: `libraries`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import structs

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Type,
)
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.calling.formatting import Formatting
from fastapi_lint.model.taint.calling.libraries import Libraries
from fastapi_lint.model.taint.checking.fields import NUMBERS
from fastapi_lint.model.taint.checking.named import is_called_and_may_be_a_check
from fastapi_lint.model.taint.objects import maker, settings_of
from fastapi_lint.model.taint.strands import (
    EACH,
    HIDDEN,
    KEYS,
    NUMBER,
    UNKNOWN,
    Path,
    Slot,
    Step,
    Strand,
    Value,
    cleaned,
    continued,
    has_strands,
    mapped,
    strands,
    substituted,
    union,
)
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.model.types.inference.members import PROPERTIES

_MAKERS = frozenset({
    f"{package}.{name}"
    for package in ("pydantic.BaseModel", "sqlmodel.SQLModel")
    for name in ("model_validate", "model_validate_json", "parse_obj", "parse_raw")
})  # fmt: skip
"""Class methods that make an object of the fields of what they are given first."""


class Calling:
    """Answers "what does this call give"."""

    def __init__(self, asks: Asks) -> None:
        self.asks = asks
        self.types: Inference = asks.types
        self._texts = Formatting(asks)
        self._libraries = Libraries(asks, self._texts)
        self.formatted = self._texts.formatted

    def value(self, call: f.Call, where: Where, path: Path, depth: int) -> Value:
        """What a call gives, or what is taken out of that; of several functions what each of them gives."""
        found = self.asks.callees(call, where)
        return union(self._of_one(target, args, call, where, path, depth) for target, args in found)

    def _of_one(
        self, target: Type, args: tuple[f.Arg, ...], call: f.Call, where: Where, path: Path, depth: int
    ) -> Value:
        match target:
            case FunctionObject(function=function):
                return self._project(function, call, args, where, path, depth)
            case ClassObject(cls=cls):
                return self._constructed(cls, args, where, path, depth)
            case External(name=name) if name in _MAKERS and args and (made := self._class_of(call, where)):
                return self._constructed(made, (structs.replace(args[0], name="**"),), where, path, depth)
            case External(name="getattr") if len(args) >= 2 and isinstance(args[1].value, f.Const):
                return self.asks.value(args[0].value, where, (f".{args[1].value.value}", *path), depth)
            case External(name="getattr") if len(args) >= 2:  # one of its fields, whichever
                return self.asks.value(args[0].value, where, (EACH, *path), depth)
            case External(name="format") if args:
                is_number = len(args) == 2 and re.search(
                    r"[bcdoxXeEfFgGn%]\Z", str(getattr(args[1].value, "value", ""))
                )
                return NUMBER if is_number else self.asks.value(args[0].value, where, path, depth)
            case External(name="re.sub") if len(args) >= 3 and not path:
                return self._texts.substituted(args[0].value, args[2].value, where, depth)
            case External(name="re.findall") if args and not self._texts.finds_anything(args[0].value, where):
                return UNKNOWN
            case Method(cls="re.Pattern", name="findall") if isinstance(call.func, f.Attr) and not (
                self._texts.finds_anything(call.func.value, where)
            ):
                return UNKNOWN
            case External(name=name) if name not in ("os.sep.join", "os.path.sep.join"):
                if (passing := self.asks.known.passing(name)) is not None:
                    return self._libraries.passed(passing, call, args, where, path, depth)
                if self.types.is_instance(Instance(name), *NUMBERS):
                    return NUMBER
            case Method(cls=cls_name, name=name):
                found = self._libraries.method(cls_name, name, call, args, where, path, depth)
                if found is not None:
                    return found
            case Instance(cls=Class() as cls):
                method = self.types.member(cls, "__call__", target)
                if isinstance(method, FunctionObject):
                    return self._project(method.function, call, args, where, path, depth)
            case None | External(name="os.sep.join" | "os.path.sep.join") if isinstance(call.func, f.Attr):
                found = self._libraries.by_name(call.func, call, args, where, path, depth)
                if found is not None:
                    return found
        return self._libraries.unknown(call, args, where, depth)

    def _class_of(self, call: f.Call, where: Where) -> Class | None:
        """The class of the project whose class method is called."""
        owner = self.types.infer(call.func.value, where) if isinstance(call.func, f.Attr) else None
        return owner.cls if isinstance(owner, ClassObject) and isinstance(owner.cls, Class) else None

    # ---------------------------------------------------------------- the project's own

    def _project(
        self, function: Function, call: f.Call, args: tuple[f.Arg, ...], where: Where, path: Path, depth: int
    ) -> Value:
        if self.asks.known.is_extended:
            passing = self.asks.known.passing(self.types.own_name(function))
            if passing is not None:
                return self._libraries.passed(passing, call, args, where, path, depth)
        found = self.asks.returned(function, path, False, depth)
        if not has_strands(found):
            if self.asks.checking and found == UNKNOWN:
                return self._libraries.unknown(call, args, where, depth)
            return found
        filled = self.asks.filled(found, function, call, args, where)
        return cleaned(filled, {"url", "redirect"}) if is_called_and_may_be_a_check(self.asks, function) else filled

    def entered(self, context: f.Expr | None, where: Where, path: Path, depth: int) -> Value:
        """What `with context as ...` binds."""
        if isinstance(context, f.Await):
            context = context.value
        if isinstance(context, f.CallRef):
            call = where[0].facts.calls[context.index]
            target, args = self.asks.callee(call, where)
            if isinstance(target, FunctionObject) and target.function.is_generator:
                found = self.asks.returned(target.function, path, True, depth)
                return self.asks.filled(found, target.function, call, args, where)
        return self.asks.value(context, where, path, depth)

    def _constructed(self, cls: Class, args: tuple[f.Arg, ...], where: Where, path: Path, depth: int) -> Value:
        """An object of the project: what its constructor is given for an attribute."""
        if self.types.is_subclass(cls, "enum.Enum"):
            return NUMBER
        if not path or path[0] == KEYS:  # an object has the attributes that its class says
            return UNKNOWN
        init = self.types.member(cls, "__init__", Instance(cls))
        if isinstance(init, FunctionObject):
            found = self.asks.attribute_of(cls, path, depth)
            given = dict(self._bindings(init.function, None, args, where))
            return substituted(found, lambda strand: self._fill(strand, init.function, given, depth))
        name = str(path[0]).lstrip(".")
        lineage = [base for base in self.types.mro(cls) if isinstance(base, Class)]
        if any(name in base.methods and is_property(self.types, base.methods[name]) for base in lineage):
            return self.asks.of_object(
                Instance(cls), path, depth, lambda rest: self._constructed(cls, args, where, rest, depth)
            )
        entry = next((base.assigns[name] for base in lineage if name in base.assigns), None)
        kind = self.types.member(cls, name, Instance(cls))
        if (len(path) == 1 and self.types.is_instance(kind, *NUMBERS)) or self.asks.is_narrow(cls, name):
            return NUMBER
        fields = (one for base in reversed(lineage) for one in base.assigns.items())  # those from above come first
        names = list(dict.fromkeys(each for each, assign in fields if assign.annotation is not None))
        for number, arg in enumerate(args):
            if arg.name == name or (arg.name == "" and number < len(names) and names[number] == name):
                return self.asks.value(arg.value, where, path[1:], depth)
            if arg.name == "**":
                return self.asks.value(arg.value, where, (name, *path[1:]), depth)
        if entry is not None and entry.value is not None:
            return ((HIDDEN,),)
        return UNKNOWN

    def filled(self, value: Value, function: Function, call: f.Call, args: tuple[f.Arg, ...], where: Where) -> Value:
        """What a function gives, in terms of its parameters, with these as a call fills them."""
        receiver = call.func.value if isinstance(call.func, f.Attr) else None
        if receiver is not None and function.cls is not None:
            value = self._of_object(value, function, receiver, where)
        given = dict(self._bindings(function, receiver, args, where))
        step = Step(where[0], call.start, call.end, f"it is passed to `{shown(function)}`")
        return substituted(value, lambda strand: self._fill(strand, function, given, 8, step))

    def _of_object(self, value: Value, method: Function, receiver: f.Expr, where: Where) -> Value:
        """What a method gives of its object: as the call has it that makes the very object, and those that set it."""
        others = [
            one.origin for one in strands(value) if isinstance(one.origin, Slot) and one.origin.function != method
        ]
        made = maker(receiver, where, self.asks) if others else None
        if made is None:
            return value
        given = dict(self._bindings(made.init, None, made.args, made.where))

        def fill(strand: Strand) -> Value | None:
            slot = strand.origin
            if not isinstance(slot, Slot) or slot.function == method:
                return None
            if slot.function == made.init:
                return self._fill(strand, made.init, given, 8)
            setting = settings_of(slot.function, made, self.asks)
            if setting is None:
                return None
            filled = [dict(self._bindings(slot.function, None, one.args, at)) for one, at in setting]
            found = union(self._fill(strand, slot.function, each, 8) or UNKNOWN for each in filled)
            return found if filled else UNKNOWN

        return substituted(value, fill)

    def _fill(
        self,
        strand: Strand,
        function: Function,
        given: dict[str, tuple[f.Expr, Where, Path]],
        depth: int,
        step: Step | None = None,
    ) -> Value | None:
        """What a strand of a function is, seen from a call; None when it is not one of its parameters."""
        slot = strand.origin
        if not isinstance(slot, Slot) or slot.function != function:
            return None
        bound = given.get(slot.param.name)
        if bound is None:
            return UNKNOWN
        expr, place, prefix = bound
        found = self.asks.value(expr, place, (*prefix, *slot.path), depth + 1)
        if step is not None and not self.asks.checking:
            found = mapped(found, lambda outer: outer.behind(step))
        return mapped(found, lambda outer: continued(outer, strand))

    def _bindings(
        self, function: Function, receiver: f.Expr | None, args: tuple[f.Arg, ...], where: Where
    ) -> Iterator[tuple[str, tuple[f.Expr, Where, Path]]]:
        """The parameters of a function with what a call gives for them, their defaults included."""
        params = [one for one in function.params if one.kind not in ("args", "kwargs")]
        module, facts = function.module, function.facts
        for one in params:
            if one.default is not None:
                yield one.name, (one.default, (module, facts.outer, one.start), ())
        is_method = function.cls is not None and "staticmethod" not in self.types.decorators(function)
        if is_method and params:
            first, params = params[0], params[1:]
            if receiver is not None:
                yield first.name, (receiver, where, ())
        by_position = [one for one in params if one.kind != "keyword-only"]
        gathered = next((one for one in function.params if one.kind == "args"), None)
        if gathered is not None:
            more = [f.Star(arg.value) if arg.name else arg.value for arg in args if arg.name in ("", "*")]
            yield gathered.name, (f.Display("tuple", tuple(more[len(by_position) :])), where, ())
        names = {one.name for one in params if one.kind != "positional-only"}
        collecting = next((one for one in function.params if one.kind == "kwargs"), None)
        if collecting is not None:
            others = [arg for arg in args if arg.name not in ("", "*") and arg.name not in names]
            pairs = ((None if arg.name == "**" else f.Const(arg.name), arg.value) for arg in others)
            yield collecting.name, (f.Mapping(tuple(pairs)), where, ())
        taken = {one.name for one, arg in zip(by_position, args, strict=False) if arg.name == ""}
        taken.update(arg.name for arg in args)
        for number, arg in enumerate(args):
            if arg.name == "*":
                for rest, one in enumerate(by_position[number:]):
                    yield one.name, (arg.value, where, (rest,))
                by_position = []
            elif arg.name == "**":
                for name in names - taken:
                    yield name, (arg.value, where, (name,))
            elif arg.name == "":
                if number < len(by_position):
                    yield by_position[number].name, (arg.value, where, ())
            elif arg.name in names:
                yield arg.name, (arg.value, where, ())


def shown(function: Function) -> str:
    """A function as messages name it: a method with its class."""
    return function.name if function.cls is None else f"{function.cls.name}.{function.name}"


def is_property(types: Inference, method: Function) -> bool:
    """Whether a method is read like an attribute."""
    return any(name in PROPERTIES for name in types.decorators(method))
