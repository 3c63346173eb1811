"""Which texts a list holds when nobody sets a variable or a setting: the ones that are certain. Judges nothing.

What depends on a condition is not certain, but for the condition that the variable is set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.names.expressions import called
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Module
from fastapi_lint.model.types.inference.inference import Where, is_none
from fastapi_lint.model.types.inference.passing import Unknown as NotAllKnown
from fastapi_lint.model.values.constants import Values
from fastapi_lint.model.values.defaults.refusal import may_be_refused
from fastapi_lint.model.values.literals import literals_between
from fastapi_lint.model.values.readers import default_of, environment_read, is_environment

_DEPTH = 8
_SAME = frozenset({"list", "tuple", "set", "frozenset", "sorted", "str"})
_CLEANED = frozenset({"strip", "lstrip", "rstrip", "lower", "casefold", "copy", "get_secret_value"})
_PROPERTIES = frozenset({"property", "functools.cached_property", "cached_property", "pydantic.computed_field"})

Found = tuple[str, Where]
"""A text, and where it is written."""


class Defaults:
    """Answers about one expression after the other."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.types = values.types
        self._passed: dict[tuple[Function, str], tuple[f.Expr, Where]] = {}
        """What the call that is looked into gives the parameters of what it calls."""

    def texts(self, expr: f.Expr | None, where: Where, depth: int = _DEPTH) -> Iterator[Found]:
        """The texts that a list, or the pieces that a text, holds when nothing is set from outside."""
        if depth < 0:
            return
        module = where[0]
        match expr:
            case f.Const(value=str(text)):
                yield text.strip(), where
            case f.Display(items=items):
                for item in items:
                    yield from self.texts(item.value if isinstance(item, f.Star) else item, where, depth - 1)
            case f.Binary(op="+", left=left, right=right):
                yield from self.texts(left, where, depth - 1)
                yield from self.texts(right, where, depth - 1)
            case f.Choice(options=options, test=test):
                chosen = self._chosen(options, test, where, depth)
                yield from self.texts(chosen, where, depth - 1)
            case f.Each(kind="list" | "set" | "generator", element=element, block=block):
                yield from self._each(element, block, module, depth)
            case f.CallRef(index=index):
                yield from self._called(module, module.facts.calls[index], depth)
            case f.Name() | f.Attr():
                yield from self._named(expr, where, depth)

    # ---------------------------------------------------------------- names

    def _named(self, expr: f.Name | f.Attr, where: Where, depth: int) -> Iterator[Found]:
        found = list(self.values.definitions(expr, where))
        if len(found) == 1:
            if not may_be_refused(self.types, expr, where):
                yield from self.texts(*found[0], depth - 1)
                yield from self._added(f.last_name(expr), found[0], where, depth)
        elif isinstance(expr, f.Name):
            function = where[0].enclosing(where[1])
            if function is not None and (given := self._passed.get((function, expr.id))) is not None:
                yield from self.texts(*given, depth - 1)
            elif (value := self._unless_set(expr.id, where)) is not None:
                yield from self.texts(*value, depth - 1)
            elif function is not None:
                yield from self._from_callers(function, expr.id, depth)
        elif (function := self._property(expr, where)) is not None:
            yield from self._returned(function, depth)
        elif not found and not may_be_refused(self.types, expr, where):
            yield from self._annotated(expr, where, depth)

    def _added(self, name: str, found: tuple[f.Expr, Where], where: Where, depth: int) -> Iterator[Found]:
        """What is put into a list under a name in the block in which it is made, before it is used there."""
        value, (module, block, at) = found
        until = where[2] if where[:2] == (module, block) else len(module.text)
        if not isinstance(value, f.Display) or value.kind == "tuple":
            return
        for call in module.facts.calls:
            match call.func:
                case f.Attr(value=f.Name(id=owner), attr="append" | "extend" | "add" | "update" | "insert"):
                    if owner != name or not at < call.start < until or not call.args:
                        continue
                    if call.block == block:
                        place = (module, call.block, call.start)
                        yield from self.texts(call.args[-1].value, place, depth - 1)
                    elif (loop := self._loop_of(call, block, module)) is not None:
                        for text, home in self.texts(loop.test, (module, loop.parent, loop.start), depth - 1):
                            yield _cleaned(text, call.args[-1].value, module), home

    def _loop_of(self, call: f.Call, outer: int, module: Module) -> f.Block | None:
        """The loop whose items, but for empty ones, a call puts into a list: `found.append(one.strip())`."""
        blocks, index = module.facts.blocks, call.block
        tests: list[f.Expr | None] = []
        while blocks[index].kind in ("if", "choice"):
            tests += [blocks[index].test] if blocks[index].kind == "if" else []
            index = blocks[index].parent
        loop = blocks[index]
        if loop.kind != "for" or loop.parent != outer or not isinstance(loop.target, f.Name) or loop.is_async:
            return None
        exprs = (call.args[-1].value, *tests)
        is_plain = all(each is not None and self._is_cleaned(each, loop.target, module) for each in exprs)
        return loop if is_plain and len(tests) < 2 else None

    def _annotated(self, expr: f.Attr, where: Where, depth: int) -> Iterator[Found]:
        """The default of a field that only its annotation says: `origins: Annotated[list[str], Field(default=...)]`."""
        owner = self.types.infer(expr.value, where)
        cls = owner.cls if isinstance(owner, Instance) and isinstance(owner.cls, Class) else None
        bases = [base for base in self.types.mro(cls) if isinstance(base, Class)] if cls is not None else []
        entry = next((base.assigns[expr.attr] for base in bases if expr.attr in base.assigns), None)
        home = next((base.module for base in bases if expr.attr in base.assigns), None)
        if entry is None or home is None or entry.value is not None:
            return
        for module, part, _ in self.types.metadata(entry.annotation, (home, entry.block, entry.start)):
            if isinstance(part, f.CallRef) and called(module, module.facts.calls[part.index]) in ("Field", "field"):
                yield from self._field(module, module.facts.calls[part.index], depth)

    def _unless_set(self, name: str, where: Where) -> tuple[f.Expr, Where] | None:
        """The value of a name that other statements replace only when a variable is set."""
        module = where[0]
        entries = [binding.entry for binding in self.types.find_bindings(name, where)]
        kept: list[f.Assign] = []
        for entry in entries:
            if not isinstance(entry, f.Assign) or entry.op != "=" or not isinstance(entry.target, f.Name):
                return None
            around = module.facts.blocks[entry.block]
            if around.kind in ("if", "else"):
                is_set = self._asks_whether_set(module, entry.block)
                if is_set is None:
                    return None
                if is_set:
                    continue
            kept.append(entry)
        # Of two that are left, the one below a condition comes later.
        last = max(kept, key=lambda entry: entry.start, default=None)
        return None if last is None or last.value is None else (last.value, (module, last.block, last.start))

    def _asks_whether_set(self, module: Module, block: int) -> bool | None:
        """Whether a branch runs when a variable is set (True) or not set (False); None when it asks something else."""
        around = module.facts.blocks[block]
        if around.kind == "if":
            return self._is_set(around.test, (module, around.parent, around.start))
        others = [
            each for each in module.facts.blocks if each.parent == around.parent and each.kind in ("if", "else", "case")
        ]
        if len(others) != 2 or others[0].test is None:
            return None
        answer = self._is_set(others[0].test, (module, around.parent, others[0].start))
        return None if answer is None else not answer

    def _is_set(self, test: f.Expr | None, where: Where, depth: int = 4) -> bool | None:
        """Whether a test holds when a variable that it asks for is set; None when it asks for something else."""
        match test:
            case f.Unary(op="not", value=value):
                answer = self._is_set(value, where, depth)
                return None if answer is None else not answer
            case f.Compare(operators=("is not",), operands=(value, other)) if is_none(other):
                return self._is_set(value, where, depth)
            case f.Compare(operators=("is",), operands=(value, other)) if is_none(other):
                answer = self._is_set(value, where, depth)
                return None if answer is None else not answer
            case f.Compare(operators=("in",), operands=(f.Const(), environ)) if is_environment(environ):
                return True
            case f.CallRef(index=index):
                call = where[0].facts.calls[index]
                if environment_read(where[0], call) is None:
                    return None
                default = default_of(call)
                return True if default is None or default.value in (f.Const(""), f.Const(None)) else None
            case f.Name() | f.Attr() if depth > 0:
                found = list(self.values.definitions(test, where))
                if len(found) != 1:
                    return None
                value, place = found[0]
                if value in (f.Const(""), f.Const(None), f.Display("list", ())):
                    return True if isinstance(test, f.Attr) else None  # a field that a setting may replace
                return self._is_set(value, place, depth - 1)
        return None

    def _chosen(self, options: tuple[f.Expr, ...], test: f.Expr | None, where: Where, depth: int) -> f.Expr | None:
        """`a or b`: the first that gives anything by default; `a if variable else b`: the one for an unset variable."""
        if test is not None:
            answer = self._is_set(test, where)
            return None if answer is None or len(options) != 2 else options[1 if answer else 0]
        for option in options[:-1]:
            if self._is_set(option, where) is not True:
                return option
        return options[-1]

    def _property(self, expr: f.Attr, where: Where) -> Function | None:
        owner = self.types.infer(expr.value, where)
        if not isinstance(owner, Instance) or not isinstance(owner.cls, Class):
            return None
        method = next(
            (
                base.methods[expr.attr]
                for base in self.types.mro(owner.cls)
                if isinstance(base, Class) and expr.attr in base.methods
            ),
            None,
        )
        if method is None or not _PROPERTIES.intersection(self.types.decorators(method)):
            return None
        return method

    def _given(self, callee: FunctionObject, call: f.Call, where: Where) -> None:
        """Keep what a call gives the parameters of a function, for as long as they stay what they were given."""
        function = callee.function
        is_bound = callee.owner is not None and "staticmethod" not in self.types.decorators(function)
        params = function.params[1 if is_bound and function.cls is not None else 0 :]
        bound = {
            name for entry in function.module.assigns_in.get(function.index, ()) for name in target_names(entry.target)
        }
        if any(arg.name in ("*", "**") for arg in call.args):
            return
        positional = [arg.value for arg in call.args if not arg.name]
        for index, param in enumerate(params):
            named = f.keyword(call, param.name)
            given = positional[index] if index < len(positional) else named.value if named is not None else None
            self._passed.pop((function, param.name), None)
            if given is not None and param.name not in bound and not param.kind.endswith("args"):
                self._passed[function, param.name] = given, where

    def _from_callers(self, function: Function, name: str, depth: int) -> Iterator[Found]:
        """What the calls of a function give a parameter that it leaves as it is, when all of them are known."""
        index = next((i for i, param in enumerate(function.params) if param.name == name), None)
        if index is None or function.rebinds(name):
            return
        param = function.params[index]
        try:
            given = [(self.types.argument(call, function, index), call.where) for call in self.types.passing(function)]
        except NotAllKnown:
            return
        for value, where in given:
            if value is not None:
                yield from self.texts(value, where, depth - 1)
            elif param.default is not None:
                yield from self.texts(param.default, (function.module, function.facts.outer, param.start), depth - 1)

    def _refuses(self, function: Function) -> bool:
        """Whether a function looks for the wildcard and may raise: the program may not start with it."""
        leaving = [(each.start, each.end) for each in function.exits if each.kind == "return"]
        return any(each.kind == "raise" for each in function.exits) and any(
            each.text == "*" and not any(start <= each.place[0] < end for start, end in leaving)
            for each in literals_between(function.module, function.facts.start, function.facts.end)
        )

    def _returned(self, function: Function, depth: int) -> Iterator[Found]:
        """What a function gives that has one return."""
        returned = [each for each in function.exits if each.kind == "return"]
        if len(returned) == 1 and returned[0].value is not None and not self._refuses(function):
            place = (function.module, returned[0].block, returned[0].start)
            if function.module.facts.blocks[returned[0].block].kind in ("function", "lambda", "with"):
                yield from self.texts(returned[0].value, place, depth - 1)

    # ---------------------------------------------------------------- comprehensions and calls

    def _each(self, element: f.Expr, index: int, module: Module, depth: int) -> Iterator[Found]:
        """`[o.strip() for o in ... if o]`: the texts of what it runs over, when nothing else is dropped or made."""
        block = module.facts.blocks[index]
        if block.kind != "comprehension" or not isinstance(block.target, f.Name) or block.test is None:
            return
        if module.facts.blocks[block.parent].kind == "comprehension":
            return
        if not self._is_cleaned(element, block.target, module):
            return
        filters = [test.value for test in module.facts.tests if test.kind == "filter" and test.block == index]
        if all(self._is_cleaned(value, block.target, module) for value in filters):
            for text, place in self.texts(block.test, (module, block.parent, block.start), depth - 1):
                yield _cleaned(text, element, module), place

    @staticmethod
    def _is_cleaned(expr: f.Expr, target: f.Name, module: Module) -> bool:
        """Whether an expression is the target itself, or that without blanks."""
        while isinstance(expr, f.CallRef):
            call = module.facts.calls[expr.index]
            if isinstance(call.func, f.Attr) and call.func.attr in _CLEANED and _spare_wildcard(call.args):
                expr = call.func.value
            elif f.last_name(call.func) == "str" and len(call.args) == 1:
                expr = call.args[0].value
            else:
                return False
        return expr == target

    def _called(self, module: Module, call: f.Call, depth: int) -> Iterator[Found]:
        where = (module, call.block, call.start)
        name = called(module, call)
        first = call.args[0].value if call.args and call.args[0].name == "" else None
        callee = self.types.callee(module, call)
        if isinstance(callee, FunctionObject):  # first: a method of the project may be called `split`, too
            if not callee.function.is_generator:
                self._given(callee, call, where)
                yield from self._returned(callee.function, depth)
        elif name in _SAME and first is not None:
            yield from self.texts(first, where, depth - 1)
        elif name == "map" and len(call.args) == 2:
            function = call.args[0].value
            if isinstance(function, f.Attr) and function.value == f.Name("str") and function.attr in _CLEANED:
                yield from self.texts(call.args[1].value, where, depth - 1)
        elif name == "filter" and len(call.args) == 2 and is_none(first):
            yield from self.texts(call.args[1].value, where, depth - 1)
        elif name in ("Field", "field"):
            yield from self._field(module, call, depth)
        elif name in ("split", "rsplit") and isinstance(call.func, f.Attr):
            for text, place in self.texts(call.func.value, where, depth - 1):
                mark = (
                    first.value if isinstance(first, f.Const) and isinstance(first.value, str) and first.value else None
                )
                for piece in text.split(mark):
                    yield piece.strip(), place
        elif name in _CLEANED and isinstance(call.func, f.Attr):
            signs = first.value if isinstance(first, f.Const) and isinstance(first.value, str) else None
            for text, place in self.texts(call.func.value, where, depth - 1) if signs or not call.args else ():
                yield _stripped(text, name, signs), place
        elif name == "loads" and first is not None:
            for text, place in self.texts(first, where, depth - 1):
                yield from ((piece, place) for piece in _items(text))
        elif environment_read(module, call) is not None:
            default = default_of(call)
            if default is not None:
                yield from self.texts(default.value, where, depth - 1)

    def _field(self, module: Module, call: f.Call, depth: int) -> Iterator[Found]:
        """The default of a field, or what its factory gives."""
        where = (module, call.block, call.start)
        for index, arg in enumerate(call.args):
            if arg.name == "default" or (arg.name == "" and index == 0):
                yield from self.texts(arg.value, where, depth - 1)
            elif arg.name in ("default_factory", "factory"):
                if isinstance(arg.value, f.Lambda):
                    yield from self._returned(module.functions[arg.value.index], depth)
                else:
                    factory = self.types.infer(arg.value, where)
                    if isinstance(factory, FunctionObject):
                        yield from self._returned(factory.function, depth)


def _spare_wildcard(args: tuple[f.Arg, ...]) -> bool:
    """Whether what is stripped off leaves a `*` as it is: `strip()`, `rstrip("/")`."""
    return all(isinstance(arg.value, f.Const) and "*" not in str(arg.value.value) for arg in args)


def _cleaned(text: str, expr: f.Expr, module: Module) -> str:
    """A text without the signs that an expression takes away from it: `each.rstrip("/")`."""
    if not isinstance(expr, f.CallRef):
        return text
    call = module.facts.calls[expr.index]
    if not isinstance(call.func, f.Attr):
        return _cleaned(text, call.args[0].value, module) if call.args else text
    signs = call.args[0].value if call.args else None
    before = _cleaned(text, call.func.value, module)
    return _stripped(
        before, call.func.attr, signs.value if isinstance(signs, f.Const) and isinstance(signs.value, str) else None
    )


def _stripped(text: str, method: str, signs: str | None) -> str:
    """A text without what `strip` and its like take away."""
    if signs is None:
        return text
    return {"strip": text.strip, "lstrip": text.lstrip, "rstrip": text.rstrip}.get(method, lambda _: text)(signs)


def _items(text: str) -> list[str]:
    """The texts of a list in JSON."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
