"""Where coroutines go that nobody awaits: tested, compared, printed, kept in a variable, given to what wants a value.

Judges nothing: what comes out of here is a call that makes a coroutine (or a coroutine function that is called back),
and how its result is used. Who awaits what an endpoint returns, the rule has to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.validation import validated
from fastapi_lint.model.calls.concurrent.using import (
    How,
    ValueUse,
    arguments_of,
    calls_given_by,
    dropped,
    fields_given,
    is_awaited_again,
    items_given,
    leaves,
    only_value,
    operands,
    reads_of,
    run_over,
    used_as,
)
from fastapi_lint.model.calls.effects import Effects
from fastapi_lint.model.calls.ways.asking import asked
from fastapi_lint.model.names.expressions import with_values
from fastapi_lint.model.names.symbols import Class, Coroutine, Function, FunctionObject, Instance, Module
from fastapi_lint.model.types.inference.inference import Inference, Where
from fastapi_lint.tracking.tables import collected

_SOFT = frozenset({"truth", "negated", "none", "compared", "member", "text", "argument", "field"})
"""Uses that raise no error: of a variable, they say something only when it has no others."""
_OF_FUTURES = _SOFT | {"iterated", "subscript", "operand", "unpacked", "raised"}
"""Uses that a future is as wrong for: its work is done without `await`, and it has attributes of its own."""
_AWAITABLES = frozenset({"Awaitable", "Coroutine", "CoroutineType"})
_OF_GENERATORS = frozenset({"asend", "athrow", "aclose", "ag_frame", "ag_running", "ag_code", "ag_await"})
_RUNNING_THROUGH = frozenset({
    "list", "tuple", "set", "dict", "sorted", "sum", "any", "all", "min", "max", "len", "next", "iter", "enumerate",
    "zip", "reversed", "join",
})  # fmt: skip
"""Functions that run through what they are given by a plain loop."""
_SAME = frozenset({"staticmethod", "classmethod", "typing.override", "typing_extensions.override", "typing.final"})
_PLAIN = frozenset({"str", "bytes", "int", "float", "bool", "list", "dict", "set", "tuple"})
_ANSWERS = ("fastapi.Response", "starlette.exceptions.HTTPException")


def _own_awaitables(module: Module) -> Iterator[tuple[str, object]]:
    for function in () if module.is_test else module.functions:
        if _says_awaitable(function):
            yield function.name, True


def _own_properties(module: Module) -> Iterator[tuple[str, object]]:
    for function in module.functions:
        if function.is_async and function.facts.cls >= 0:
            if any(f.last_name(each).endswith("property") for each in function.facts.decorators):
                yield function.name, True


@dataclass(frozen=True)
class Misuse:
    """A call whose coroutine is used as a value, and how; `detail` is the attribute or function that gets it.

    `of_future`: what it gives is no coroutine, but a future.
    """

    call: f.Call
    how: How
    detail: str = ""
    of_future: bool = False


class Coroutines:
    """Answers "what becomes of the coroutines that this function makes"."""

    def __init__(self, types: Inference, effects: Effects) -> None:
        self.types = types
        self.effects = effects

    def misused(self, function: Function) -> Iterator[Misuse]:
        """The calls in a function whose coroutine nobody awaits there, each once, in no order."""
        module = function.module
        made = {
            (call.start, call.end): call
            for call in function.calls
            if (not call.awaited or call.later) and self.effects.makes_coroutine(module, call)
        }
        words = module.words_for(catalog.future_words())
        futures = {
            (call.start, call.end): call
            for call in function.calls
            if f.last_name(call.func) in words
            and not (call.awaited or call.later)
            and self.effects.makes_future(module, call)
        }
        passed_on = {
            (call.start, call.end): call
            for call in function.calls
            if f.last_name(call.func) in self.awaitable_names
            and not (call.awaited or call.later)
            and self._gives_awaitable(module, call)
        }
        made |= futures | passed_on
        if not made:
            return
        either = [value for value, _ in asked(self.types, function)]
        if either:  # what is asked whether it can be awaited may be no coroutine, whatever is known of it
            made = {key: call for key, call in made.items() if call.func not in either}
        found: dict[tuple[int, int], Misuse] = {}
        for misuse in (*self._at_once(module, made), *self._in_expressions(function, made)):
            key = (misuse.call.start, misuse.call.end)
            if key not in futures and (key not in passed_on or misuse.how in _OF_FUTURES):
                found.setdefault(key, misuse)
            elif key in futures and misuse.how in _OF_FUTURES:
                found.setdefault(key, replace(misuse, of_future=True))
        yield from found.values()

    @collected("coroutines.awaitable_names", whole=True, pairs=_own_awaitables)
    def awaitable_names(self) -> frozenset[str]:
        """The names of the plain functions of the project that say that they give something to await."""
        return frozenset(self.types.modules.tables.parts("coroutines.awaitable_names"))

    def _gives_awaitable(self, module: Module, call: f.Call) -> bool:
        """Whether a plain function is called that says so: it may be a coroutine or a task."""
        callee = self.types.callee(module, call)
        return isinstance(callee, FunctionObject) and _says_awaitable(callee.function)

    def _at_once(self, module: Module, made: dict[tuple[int, int], f.Call]) -> Iterator[Misuse]:
        for call in made.values():
            is_asynchronous = self.effects.execution.is_asynchronous(module, call)
            if call.use == "statement":
                yield Misuse(call, "dropped")
            elif call.use in ("iter", "with") and not is_asynchronous:
                if call.use == "iter":
                    yield Misuse(call, "iterated")
                elif self._is_only_awaited(module, call):  # what `async with` is for is no matter of an `await`
                    yield Misuse(call, "entered")
            elif call.use in ("iter", "with") and self._is_only_awaited(module, call):
                yield Misuse(call, "iterated-async" if call.use == "iter" else "entered-async")

    def _is_only_awaited(self, module: Module, call: f.Call) -> bool:
        """Whether `async with` and `async for` over a call are errors: what it gives can only be awaited."""
        callee = self.types.callee(module, call)
        if isinstance(callee, FunctionObject):
            return callee.function.facts.decorators == () and not self._is_iterated_elsewhere(callee.function)
        name = self.types.name_of_type(callee)
        entry = catalog.awaitable(name) if name else None
        return entry is not None and entry.gives == "coroutine"

    def _is_iterated_elsewhere(self, method: Function) -> bool:
        """Whether a subclass writes an async generator, or something that is not known, over a method."""
        others = [sub.methods.get(method.name) for sub in self.types.subclasses(method.cls)] if method.cls else []
        return any(other is not None and (other.is_generator or other.facts.decorators) for other in others)

    def _in_expressions(self, function: Function, made: dict[tuple[int, int], f.Call]) -> Iterator[Misuse]:
        module = function.module
        calls = module.facts.calls
        by_variable: dict[tuple[int, int], list[ValueUse]] = {}
        for use in self._uses(function):
            held: f.Expr | None = use.expr
            if isinstance(use.expr, f.Name):
                held = only_value(self.types.find_bindings(use.expr.id, use.where), use.expr.id)
                for one in items_given(self.types, use.expr.id, use.where) if use.how not in _SOFT else ():
                    if (call := made.get((calls[one.index].start, calls[one.index].end))) is not None:
                        yield Misuse(call, use.how, use.detail)
            for one in calls_given_by(held):
                if (key := (calls[one.index].start, calls[one.index].end)) not in made:
                    continue
                if (use.how.endswith("-async") or use.how == "entered") and not self._is_only_awaited(
                    module, made[key]
                ):
                    continue
                if isinstance(use.expr, f.Name):
                    by_variable.setdefault(key, []).append(use)
                else:
                    yield Misuse(made[key], use.how, use.detail)
        either = [value for value, _ in asked(self.types, function)]
        for name, call, is_certain in self._assigned(function, made):
            if f.Name(name) in either:
                continue
            uses = by_variable.get((call.start, call.end), [])
            hard = next((use for use in uses if use.how not in _SOFT), None) if is_certain else None
            if hard is not None:
                yield Misuse(call, hard.how, hard.detail)
            elif len(uses) >= reads_of(function, name):
                yield Misuse(call, uses[0].how, uses[0].detail) if uses else Misuse(call, "unread", name)

    @staticmethod
    def _assigned(function: Function, made: dict[tuple[int, int], f.Call]) -> Iterator[tuple[str, f.Call, bool]]:
        """The variables of a function that are given one of the coroutines, also item by item; whether always."""
        module = function.module
        outside = {
            name for name, block in module.facts.globals if module.facts.blocks[block].function == function.index
        }
        for entry in module.assigns_in.get(function.index, ()):
            if entry.op != "=" or module.facts.blocks[entry.block].cls >= 0:
                continue
            for target, value in with_values(entry.target, entry.value):
                if not isinstance(target, f.Name) or target.id in outside:
                    continue
                for given in calls_given_by(value):
                    call = module.facts.calls[given.index]
                    if (call.start, call.end) in made:
                        yield target.id, call, given is value

    # ---------------------------------------------------------------- properties and generators

    def misread(self, function: Function) -> Iterator[ValueUse]:
        """The properties that are coroutine functions, where a function uses what they give as a value."""
        names = self.property_names
        if names and function.module.mentions(*names):
            for use in self._uses(function):
                if isinstance(use.expr, f.Attr) and self.is_property(use.expr, use.where):
                    yield use

    def is_property(self, expr: f.Attr, where: Where) -> bool:
        """Whether an attribute is a property that gives a coroutine."""
        return expr.attr in self.property_names and isinstance(self.types.infer(expr, where), Coroutine)

    @collected("coroutines.property_names", whole=True, pairs=_own_properties)
    def property_names(self) -> frozenset[str]:
        """The names of all properties of the project that are coroutine functions."""
        return frozenset(self.types.modules.tables.parts("coroutines.property_names"))

    def stalled(self, function: Function) -> Iterator[Misuse]:
        """The calls of async generators of which a function makes what nobody can run through: each once.

        A plain `for` over one is no matter of coroutines.
        """
        module = function.module
        made = {
            (call.start, call.end): call
            for call in function.calls
            if not call.awaited and self._makes_generator(module, call)
        }
        found: dict[tuple[int, int], Misuse] = {}
        for key, call in made.items():
            is_asynchronous = self.effects.execution.is_asynchronous(module, call)
            if call.use == "statement":
                found[key] = Misuse(call, "dropped")
            elif call.use == "with":
                found[key] = Misuse(call, "entered-async" if is_asynchronous else "entered")
        for use in self._uses(function) if made else ():
            held: f.Expr | None = use.expr
            if isinstance(use.expr, f.Name):
                held = only_value(self.types.find_bindings(use.expr.id, use.where), use.expr.id)
            if not isinstance(held, f.CallRef) or use.how in ("iterated", "iterated-async"):
                continue
            call = module.facts.calls[held.index]
            is_known = use.how not in _SOFT if isinstance(use.expr, f.Name) else use.how != "argument"
            is_own = use.how == "attribute" and use.detail in _OF_GENERATORS
            if (call.start, call.end) in made and (is_known or use.detail in _RUNNING_THROUGH) and not is_own:
                found.setdefault((call.start, call.end), Misuse(call, use.how, use.detail))
        yield from found.values()

    def _makes_generator(self, module: Module, call: f.Call) -> bool:
        """Whether a call gives an async generator of the project."""
        callee = self.types.callee(module, call)
        if not isinstance(callee, FunctionObject) or not callee.function.is_async or not callee.function.is_generator:
            return False
        names = self.types.decorators(callee.function)
        return all(name in _SAME for name in names) and not self.effects.execution.has_override(callee.function)

    # ---------------------------------------------------------------- uses as a value

    def _uses(self, function: Function) -> Iterator[ValueUse]:
        """Everything in a function's own body that is used as only a value can be."""
        module = function.module
        facts = module.facts
        for call in function.calls:
            where = (module, call.block, call.start)
            yield from operands(call.func, where)
            for arg in call.args:
                if arg.name in ("*", "**"):
                    yield from used_as(arg.value, "unpacked", "", where)
                yield from operands(arg.value, where)
            yield from self._taken(module, call, where)
        for leave in module.exits_in.get(function.index, ()):
            where = (module, leave.block, leave.start)
            if leave.kind == "raise":
                yield from used_as(leave.value, "raised", "", where)
            if leave.kind != "del":
                yield from operands(leave.value, where)
        for entry in module.assigns_in.get(function.index, ()):
            where = (module, entry.block, entry.start)
            if entry.op not in ("=", ":=", "type"):
                yield from used_as(entry.value, "operand", "", where)
            elif isinstance(entry.target, f.Display):
                yield from used_as(entry.value, "unpacked", "", where)
            yield from (*operands(entry.target, where), *operands(entry.value, where))
        for block in module.blocks_in.get(function.index, ()):
            where = (module, max(block.parent, 0), block.start)
            match block.kind:
                case "if" | "while" | "case":
                    yield from operands(block.test, where, truth=True)
                case "choice":
                    yield from used_as(block.test, "compared", "", where)
                case "for" | "comprehension" | "with":
                    if isinstance(block.test, f.Name):
                        yield from used_as(block.test, run_over(block), "", where)
                    yield from operands(block.test, where)
        for test in facts.tests:
            if facts.blocks[test.block].function == function.index:
                where = (module, test.block, test.start)
                yield from operands(test.value, where, truth=test.kind != "statement")
                if test.kind == "statement":
                    yield from dropped(test.value, where)

    def _taken(self, module: Module, call: f.Call, where: Where) -> Iterator[ValueUse]:
        """The arguments of a call to something that is known to use them as they are."""
        callee = self.types.callee(module, call)
        name = self.types.name_of_type(callee) or ""
        shown = f.last_name(call.func)
        if isinstance(callee, FunctionObject) and not callee.function.facts.decorators:
            for param, arg in arguments_of(callee.function, call):
                if self._wants_plain(callee.function, param):
                    yield from used_as(arg.value, "argument", shown, where)
            return
        schema = validated(self.types, callee, module, call)
        if schema is not None and self.types.is_subclass(schema, "pydantic.BaseModel"):
            for field, value in fields_given(call):
                if self._wants_value(schema, field):
                    yield from used_as(value, "field", field, where)
            return
        if self.types.is_instance(self.types.result(callee), *_ANSWERS):
            for arg in call.args:
                for leaf in leaves(arg.value):
                    yield from used_as(leaf, "argument", shown, where)
        consumer = catalog.consumer(name) if name else None
        for arg in call.args if consumer is not None else ():
            for leaf in leaves(arg.value) if consumer is not None and consumer.inside else (arg.value,):
                yield from used_as(leaf, "argument", shown, where)
            if consumer is not None and consumer.elements and isinstance(arg.value, f.Each) and arg.name == "":
                inner = (module, arg.value.block, module.facts.blocks[arg.value.block].start)
                yield from used_as(arg.value.element, "argument", shown, inner)

    def _wants_plain(self, function: Function, param: f.Param) -> bool:
        """Whether a parameter is annotated with a built-in type, which no coroutine is."""
        if param.annotation is None or param.kind in ("args", "kwargs"):
            return False
        declared = self.types.annotation(param.annotation, (function.module, function.facts.outer, param.start))
        return isinstance(declared, Instance) and declared.cls in _PLAIN

    def _wants_value(self, schema: Class, name: str) -> bool:
        """Whether a field of a schema is known to hold a value, so that validation refuses a coroutine."""
        for base in self.types.mro(schema):
            entry = base.assigns.get(name) if not isinstance(base, str) else None
            if entry is not None and not isinstance(base, str):
                declared = self.types.annotation(entry.annotation, (base.module, entry.block, entry.start))
                return isinstance(declared, Instance) and declared.cls not in ("typing.Any", "object")
        return False

    # ---------------------------------------------------------------- callbacks

    def called_back(self, function: Function) -> Iterator[tuple[f.Arg, str, str]]:
        """The coroutine functions that a body gives to what only calls them: argument, its text, and who gets it."""
        module = function.module
        words = module.words_for(catalog.callback_words())
        for call in function.calls:
            if f.last_name(call.func) not in words:
                continue
            name = self.types.name_of_type(self.types.callee(module, call))
            if name is None or (callback := catalog.callback(name)) is None:
                continue
            positional = [arg for arg in call.args if arg.name == ""]
            given = f.keyword(call, callback.keyword) if callback.keyword else None
            if given is None and 0 <= callback.argument < len(positional):
                given = positional[callback.argument]
            if given is None or is_awaited_again(function, call):
                continue
            if given.value in (value for value, _ in asked(self.types, function)):
                continue
            if self._is_coroutine_function(given.value, (module, call.block, call.start)):
                yield given, module.source.slice(given.start, given.end).removeprefix(f"{given.name}="), name

    def _is_coroutine_function(self, expr: f.Expr, where: Where) -> bool:
        module = where[0]
        if isinstance(expr, f.Lambda):
            returned = [leave.value for leave in module.exits_in.get(expr.index, ()) if leave.kind == "return"]
            return bool(returned) and all(
                isinstance(one, f.CallRef)
                and not module.facts.calls[one.index].awaited
                and self.effects.makes_coroutine(module, module.facts.calls[one.index])
                for one in returned
            )
        return self.effects.gives_coroutine(self.types.infer(expr, where))


def _says_awaitable(function: Function) -> bool:
    """Whether the annotation of a plain function says that what it gives is to be awaited."""
    returns = function.facts.returns
    is_plain = not function.is_async and not function.is_generator and not function.facts.decorators
    return is_plain and isinstance(returns, f.Sub) and f.last_name(returns.value) in _AWAITABLES
