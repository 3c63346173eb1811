"""What calls make of texts: functions of the project by their results, libraries as the catalogue says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from fastapi_lint import catalog
from fastapi_lint.catalog.format import Passing
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
)
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.entries import NUMBERS
from fastapi_lint.model.taint.formatting import Formatting
from fastapi_lint.model.taint.strands import (
    CUT,
    EACH,
    HIDDEN,
    KEYS,
    NUMBER,
    SOME,
    UNKNOWN,
    VALIDATING,
    Path,
    Slot,
    Step,
    Strand,
    Value,
    cleaned,
    concatenated,
    flattened,
    has_strands,
    mapped,
    substituted,
    union,
)
from fastapi_lint.model.types.inference.inference import Inference, Where

_PROPERTY = frozenset({"property", "functools.cached_property", "cached_property", "abc.abstractproperty"})
_HOSTS = frozenset({".netloc", ".hostname", ".host", ".scheme", ".authority"})
_BUILTIN = frozenset({
    "str", "bytes", "bytearray", "dict", "list", "set", "tuple", "frozenset", "typing.Mapping", "typing.Sequence",
    "typing.BinaryIO",
})  # fmt: skip


_NAMES = frozenset({".filename", ".name", ".path", ".linkname", ".orig_filename"})
"""What an entry of an archive is called; the rest of it is numbers and flags."""
_NAMED = "a name in it"


class Calling:
    """Answers "what does this call give"."""

    def __init__(self, asks: Asks) -> None:
        self.asks = asks
        self.types: Inference = asks.types
        self._texts = Formatting(asks)
        self.formatted = self._texts.formatted

    def value(self, call: f.Call, expr: f.Expr, where: Where, path: Path, depth: int) -> Value:
        """What a call gives, or what is taken out of that."""
        target, args = self.asks.callee(call, where)
        match target:
            case FunctionObject(function=function):
                return self._project(function, call, args, where, path, depth)
            case ClassObject(cls=cls):
                return self._constructed(cls, args, where, path, depth)
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
            case External(name=name):
                if (passing := self.asks.known.passing(name)) is not None:
                    return self._passed(passing, call, args, where, path, depth)
                if self.types.is_instance(Instance(name), *NUMBERS):
                    return NUMBER
            case Method(cls=cls_name, name=name):
                found = self._method(cls_name, name, call, args, where, path, depth)
                if found is not None:
                    return found
            case Instance(cls=Class() as cls):
                method = self.types.member(cls, "__call__", target)
                if isinstance(method, FunctionObject):
                    return self._project(method.function, call, args, where, path, depth)
            case None if isinstance(call.func, f.Attr):
                found = self._by_name(call.func, call, args, where, path, depth)
                if found is not None:
                    return found
        return self._unknown(call, args, where, depth)

    def _unknown(self, call: f.Call, args: tuple[f.Arg, ...], where: Where, depth: int) -> Value:
        """Nothing; for whoever asks what a test looks at, everything that goes in."""
        if not self.asks.checking:
            return UNKNOWN
        given = [arg.value for arg in args]
        if isinstance(call.func, f.Attr):
            given.append(call.func.value)
        found = union(self.asks.value(each, where, (), depth) for each in given)
        return mapped(flattened(found), lambda strand: replace(strand, opaque=True))

    # ---------------------------------------------------------------- the project's own

    def _project(
        self, function: Function, call: f.Call, args: tuple[f.Arg, ...], where: Where, path: Path, depth: int
    ) -> Value:
        if self.asks.known.is_extended:
            passing = self.asks.known.passing(self.types.own_name(function))
            if passing is not None:
                return self._passed(passing, call, args, where, path, depth)
        found = self.asks.returned(function, path, False, depth)
        if not has_strands(found):
            if self.asks.checking and found == UNKNOWN:
                return self._unknown(call, args, where, depth)
            return found
        filled = self.asks.filled(found, function, call, args, where)
        return cleaned(filled, {"url", "redirect"}) if VALIDATING.search(function.name) else filled

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
        entry = cls.assigns.get(name)
        kind = self.types.member(cls, name, Instance(cls))
        if len(path) == 1 and self.types.is_instance(kind, *NUMBERS):
            return NUMBER
        names = [each for each, assign in cls.assigns.items() if assign.annotation is not None]
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
        given = dict(self._bindings(function, receiver, args, where))
        step = Step(where[0], call.start, call.end, f"it is passed to `{shown(function)}`")
        return substituted(value, lambda strand: self._fill(strand, function, given, 8, step))

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
        names = {one.name for one in params if one.kind != "positional-only"}
        for number, arg in enumerate(args):
            if arg.name == "*":
                for rest, one in enumerate(by_position[number:]):
                    yield one.name, (arg.value, where, (rest,))
                by_position = []
            elif arg.name == "**":
                for name in names:
                    yield name, (arg.value, where, (name,))
            elif arg.name == "":
                if number < len(by_position):
                    yield by_position[number].name, (arg.value, where, ())
            elif arg.name in names:
                yield arg.name, (arg.value, where, ())

    # ---------------------------------------------------------------- libraries

    def _method(
        self, cls: str, name: str, call: f.Call, args: tuple[f.Arg, ...], where: Where, path: Path, depth: int
    ) -> Value | None:
        receiver = call.func.value if isinstance(call.func, f.Attr) else None
        if f"{name}()" in self.asks.known.attributes(cls) and receiver is not None:
            return self.asks.value(receiver, where, (f"{name}()", *path), depth)
        passing = self.asks.known.passing_method(cls, name)
        if passing is not None:
            return self._passed(passing, call, args, where, path, depth)
        is_mapping = cls in _BUILTIN or cls.startswith("starlette.datastructures.")
        if receiver is not None and (is_mapping or self.asks.known.attributes(cls)):
            return self._by_name(call.func, call, args, where, path, depth)  # type: ignore[arg-type]
        return None

    def _by_name(
        self, func: f.Attr, call: f.Call, args: tuple[f.Arg, ...], where: Where, path: Path, depth: int
    ) -> Value | None:
        """Methods of texts, lists and dicts, whatever the object is."""
        asks, receiver = self.asks, func.value
        match func.attr, args:
            case "format", _ if not path:
                return self._texts.braces(receiver, args, where, depth)
            case "join", (only,) if not only.name and not path:
                return self._texts.joined(receiver, only.value, where, depth)
            case "replace", (old, new, *_) if not path:
                return self._texts.replaced(receiver, old.value, new.value, where, depth)
            case "sub", (_, text, *_) if not path and not text.name:
                found = self._texts.substituted(receiver, text.value, where, depth)
                return found if has_strands(found) else None
            case "read", _ if not path:
                found = asks.value(receiver, where, (), depth)
                return found if has_strands(found) else None
        passing = asks.known.passing_by_name(func.attr)
        if passing is None and func.attr.startswith(("model_", "get_secret")):
            passing = asks.known.passing_method("pydantic.BaseModel", func.attr) or asks.known.passing_method(
                "pydantic.SecretStr", func.attr
            )
        if passing is None:
            for cls in ("fastapi.WebSocket", "fastapi.Request", "starlette.datastructures.UploadFile"):
                if f"{func.attr}()" in asks.known.attributes(cls):
                    found = asks.value(receiver, where, (f"{func.attr}()", *path), depth)
                    return found if has_strands(found) else None
            return None
        return self._passed(passing, call, args, where, path, depth)

    def _taken(self, passing: Passing, call: f.Call, args: tuple[f.Arg, ...]) -> list[f.Expr]:
        """The expressions from which a call takes what it passes on."""
        positional = [arg.value for arg in args if arg.name == ""]
        found: list[f.Expr] = []
        for each in passing.takes:
            if each == "self":
                if isinstance(call.func, f.Attr):
                    found.append(call.func.value)
            elif each == "*":
                found += [one for one in positional if one not in found]
            elif each == "**":
                found += [arg.value for arg in args if arg.name not in ("", "*")]
            elif each.isdigit():
                if int(each) < len(positional):
                    found.append(positional[int(each)])
            elif (arg := next((arg for arg in args if arg.name == each), None)) is not None:
                found.append(arg.value)
        return found

    def _passed(
        self, passing: Passing, call: f.Call, args: tuple[f.Arg, ...], where: Where, path: Path, depth: int
    ) -> Value:
        """What a call of a library gives on, as the catalogue says."""
        found = self._given(passing, call, args, self._taken(passing, call, args), where, path, depth)
        if not has_strands(found):
            return found
        if passing.part:
            text = CUT + where[0].source.slice(call.start, call.end)
            found = mapped(found, lambda strand: replace(strand, part=strand.part or text))
        if f.last_name(call.func) in ("lstrip", "strip") and any(arg.value == f.Const("/") for arg in args):
            found = cleaned(found, {"/none"})  # it begins with no slash
        if passing.resolved:
            found = mapped(found, lambda strand: replace(strand, resolved=True))
        return cleaned(found, passing.removes)

    def _given(
        self, passing: Passing, call: f.Call, args: tuple[f.Arg, ...], taken: list[f.Expr], where: Where, path: Path,
        depth: int,
    ) -> Value:  # fmt: skip
        asks, rest = self.asks, path[1:]

        def of(*inner: str | int) -> Value:
            return union(asks.value(one, where, (*inner, *rest), depth) for one in taken) if taken else UNKNOWN

        match passing.gives:
            case "nothing":
                return NUMBER
            case "another":
                return self._unknown(call, args, where, depth) if asks.checking else NUMBER
            case "same":
                return union(asks.value(one, where, path, depth) for one in taken) if taken else UNKNOWN
            case "parts":
                found = union(asks.value(one, where, (), depth) for one in taken) if taken else UNKNOWN
                return cleaned(found, {"path"}) if _cuts_folders(call, args, path) else found
            case "text" | "stem":
                found = union(asks.value(one, where, (), depth) for one in taken) if taken else UNKNOWN
                is_ending = passing.gives == "stem" and path[:1] == (1,)
                return cleaned(found, {"path"}) if is_ending else found
            case "names":
                if any(isinstance(key, str) and key.startswith(".") and key not in _NAMES for key in path):
                    return NUMBER
                found = union(asks.value(one, where, (), depth) for one in taken) if taken else UNKNOWN
                return mapped(found, lambda strand: replace(strand, safe=strand.safe - {"path"}, part=_NAMED))
            case "parsed":
                found = union(asks.value(one, where, (), depth) for one in taken) if taken else UNKNOWN
                if path and path[0] == ".port":
                    return NUMBER
                if path and path[0] in _HOSTS:
                    return mapped(found, lambda strand: replace(strand, part="host"))
                if path and path[0] not in (".geturl",):
                    part = str(path[0])
                    return mapped(found, lambda strand: replace(strand.without({"url", "redirect"}), part=part))
                return found
            case "joined":
                parts: list[Value] = []
                for one in taken:
                    parts += [asks.value(one, where, (), depth), (("/",),)]
                return concatenated(parts[:-1]) if parts else UNKNOWN
            case "element":
                return union(asks.value(one, where, (EACH, *path) if len(taken) == 1 else path, depth) for one in taken)
            case "item":
                return self._looked_up(args, taken, where, path, depth)
            case "items" if len(path) >= 2 and path[1] in (0, 1):
                key = KEYS if path[1] == 0 else EACH
                return union(asks.value(one, where, (key, *path[2:]), depth) for one in taken)
            case "values":
                return of(EACH)
            case "keys":
                return of(KEYS)
            case "numbered" if len(path) >= 2:
                return NUMBER if path[1] == 0 else union(asks.value(o, where, (EACH, *path[2:]), depth) for o in taken)
            case "zipped" if len(path) >= 2 and isinstance(path[1], int) and path[1] < len(taken):
                return asks.value(taken[path[1]], where, (EACH, *path[2:]), depth)
            case "mapped" if path and args:
                return self._mapped(args[0].value, taken, where, rest, depth)
        return flattened(union(asks.value(one, where, (EACH,), depth) for one in taken)) if taken else UNKNOWN

    def _looked_up(self, args: tuple[f.Arg, ...], taken: list[f.Expr], where: Where, path: Path, depth: int) -> Value:
        """`mapping.get(key, default)`."""
        positional = [arg.value for arg in args if arg.name == ""]
        key: str | int = SOME
        if positional and isinstance(positional[0], f.Const) and isinstance(positional[0].value, (str, int)):
            key = positional[0].value
        found = [self.asks.value(one, where, (key, *path), depth) for one in taken]
        found += [self.asks.value(one, where, path, depth) for one in positional[1:2]]
        if self.asks.checking and positional:
            looked_up = self.asks.value(positional[0], where, (), depth)
            found.append(mapped(looked_up, lambda strand: replace(strand, opaque=True)))
        return union(found)

    def _mapped(self, function: f.Expr, taken: list[f.Expr], where: Where, path: Path, depth: int) -> Value:
        """`map(function, items)`."""
        found = union(self.asks.value(one, where, (EACH, *path), depth) for one in taken)
        target = self.types.infer(function, where)
        if isinstance(target, External):
            passing = self.asks.known.passing(target.name)
            if passing is None or passing.gives == "nothing":
                return NUMBER if passing is not None or catalog.is_builtin(target.name) else UNKNOWN
            return cleaned(found, passing.removes)
        if isinstance(target, FunctionObject) and target.function.params:
            first = target.function.params[0]
            given = self.asks.returned(target.function, path, False, depth)
            return substituted(
                given,
                lambda strand: (
                    mapped(found, lambda outer: continued(outer, strand))
                    if isinstance(strand.origin, Slot) and strand.origin.param == first
                    else UNKNOWN
                ),
            )
        return UNKNOWN


def _cuts_folders(call: f.Call, args: tuple[f.Arg, ...], path: Path) -> bool:
    """Whether what is taken out of `split("/")` and its like has no slash in it."""
    separator = args[0].value if args else None
    if not isinstance(separator, f.Const) or separator.value not in ("/", "\\"):
        return False
    name = f.last_name(call.func)
    if name == "split" and len(args) == 1:
        return True
    return name in ("rsplit", "rpartition", "partition") and path[:1] in ((-1,), (1,), (2,)) and name != "partition"


def continued(outer: Strand, inner: Strand) -> Strand:
    """A strand that goes on as another one did, which was one of a parameter."""
    path = tuple(str(key) for key in inner.origin.path) if isinstance(inner.origin, Slot) else ()
    part = outer.part or ("" if path else inner.part)
    found = replace(
        outer,
        safe=outer.safe | inner.safe,
        part=part,
        resolved=outer.resolved or inner.resolved,
        opaque=outer.opaque or inner.opaque,
    )
    for step in inner.steps:
        found = found.behind(step)
    return found


def shown(function: Function) -> str:
    """A function as messages name it: a method with its class."""
    return function.name if function.cls is None else f"{function.cls.name}.{function.name}"


def is_property(types: Inference, method: Function) -> bool:
    """Whether a method is read like an attribute."""
    return any(name in _PROPERTY for name in types.decorators(method))
