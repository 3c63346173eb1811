"""What a dict is made of, and on which ways: each entry with its value. Judges nothing.

A dict is followed through variables, copies, merged dicts, `update`, helpers, models and, for parameters, the calls of
the function around it. What cannot be followed is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy import tokens
from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.calls.ways.branches import Branches, Settings
from fastapi_lint.model.calls.ways.constants import UNKNOWN, Value
from fastapi_lint.model.calls.ways.passing import passes_all
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance, Module
from fastapi_lint.model.tokens.parts import Alternative, Chain, Frame, Part
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.model.values.expansion import Expansion

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

MOST_FRAMES = 3
"""How many calls are followed upwards or downwards."""
MOST_CALLERS = 40
_COPIES = frozenset({"copy.copy", "copy.deepcopy", "dict", "fastapi.encoders.jsonable_encoder"})
_DUMPS = frozenset({"model_dump", "dict"})
_MOST_STEPS = 2000
"""How many dicts are taken apart for one question."""


class Unfolding:
    """Answers what one dict after the other is made of."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.types = project.types
        self.branches = Branches(project.types)
        self._left = _MOST_STEPS

    def begin(self) -> None:
        """What is asked from now on is another question."""
        self._left = _MOST_STEPS

    # ---------------------------------------------------------------- what a dict is made of

    def unfold(self, expr: f.Expr, where: Where, chain: Chain) -> list[Alternative] | None:
        """What a dict is made of, one answer for each that it may be; None when that is not known."""
        self._left -= 1
        if self._left < 0:
            return None
        module = where[0]
        match expr:
            case f.Await(value=value):
                return self.unfold(value, where, chain)
            case f.Mapping(items=items):
                parts = []
                is_open = False
                for key, value in items:
                    if key is None:
                        parts.append(Part(None, value, where, chain, (where[2], where[2])))
                    elif (name := self.project.values.text(key, where)) is not None:
                        parts.append(Part(name, value, where, chain, (where[2], where[2])))
                    else:
                        is_open = True
                return [Alternative(tuple(parts), is_open=is_open)]
            case f.Binary(op="|", left=left, right=right):
                both = [Part(None, side, where, chain, (where[2], where[2])) for side in (left, right)]
                return [Alternative(tuple(both))]
            case f.Choice(options=options):
                return [Alternative((Part(None, each, where, chain, (where[2], where[2])),)) for each in options]
            case f.CallRef(index=index):
                return self._called(module, module.facts.calls[index], chain)
            case f.Name():
                return self._named(expr, where, chain)
            case f.Attr():
                found = list(self.project.values.definitions(expr, where))
                return self._one(*found[0], ()) if len(found) == 1 else None
        return None

    @staticmethod
    def _one(expr: f.Expr, where: Where, chain: Chain) -> list[Alternative]:
        return [Alternative((Part(None, expr, where, chain, (where[2], where[2])),))]

    def _called(self, module: Module, call: f.Call, chain: Chain) -> list[Alternative] | None:
        where = (module, call.block, call.start)
        if isinstance(call.func, f.Attr):
            if call.func.attr == "copy" and not call.args:
                return self._one(call.func.value, where, chain)
            if call.func.attr in _DUMPS:
                return self._dumped(call.func.value, call, where, chain)
        callee = self.types.callee(module, call)
        name = self.types.name_of_type(callee) or ""
        if name == "dict" or (isinstance(callee, ClassObject) and self._is_typed_dict(callee.cls)):
            return [
                Alternative(tuple(self._arguments(call, where, chain)), is_open=any(a.name == "*" for a in call.args))
            ]
        if name in _COPIES and call.args and call.args[0].name == "":
            return self._one(call.args[0].value, where, chain)
        if name == "dataclasses.asdict" and call.args:
            return self._dumped(call.args[0].value, call, where, chain)
        if isinstance(callee, FunctionObject):
            return self._returned(callee, module, call, chain)
        return None

    @staticmethod
    def _arguments(call: f.Call, where: Where, chain: Chain) -> Iterator[Part]:
        for arg in call.args:
            if arg.name != "*":
                key = None if arg.name in ("", "**") else arg.name
                yield Part(key, arg.value, where, chain, (arg.start, arg.end))

    def _is_typed_dict(self, cls: Class) -> bool:
        bases = ("typing.TypedDict", "typing_extensions.TypedDict", "dict")
        return any(base in bases for base in self.types.mro(cls))

    def _dumped(self, made: f.Expr, call: f.Call, where: Where, chain: Chain) -> list[Alternative] | None:
        """The fields of a model or data class, under their names."""
        owner = self.types.infer(made, where)
        schema = (
            self.project.schemas.of(owner.cls) if isinstance(owner, Instance) and isinstance(owner.cls, Class) else None
        )
        if schema is None or not schema.complete or "extra" in schema.config:
            return None
        if any(arg.name not in ("mode",) for arg in call.args if arg.name) or any(each.alias for each in schema.fields):
            return None
        if schema.computed:
            return None
        places = [(each.where, each) for each in schema.fields]
        parts = [
            Part(each.name, each.annotation, place, (), (each.start, each.end), None, True) for place, each in places
        ]
        # Pydantic turns what it is given into what the field says.
        given = self._constructed(made, where) if not schema.is_validated else None
        if given is not None:
            module, constructor = given
            by_name = {arg.name: arg for arg in constructor.args if arg.name not in ("", "*", "**")}
            place = (module, constructor.block, constructor.start)
            parts = [
                Part(one.key, by_name[one.key].value, place, chain, (by_name[one.key].start, by_name[one.key].end))
                if one.key in by_name
                else one
                for one in parts
            ]
        return [Alternative(tuple(parts))]

    def _constructed(self, made: f.Expr, where: Where) -> tuple[Module, f.Call] | None:
        module = where[0]
        if isinstance(made, f.Name):
            found = list(self.project.values.definitions(made, where))
            if len(found) != 1 or found[0][1][0] is not module:
                return None
            made = found[0][0]
        if not isinstance(made, f.CallRef):
            return None
        call = module.facts.calls[made.index]
        return (module, call) if isinstance(self.types.callee(module, call), ClassObject) else None

    def _returned(self, callee: FunctionObject, module: Module, call: f.Call, chain: Chain) -> list[Alternative] | None:
        function = callee.function
        if function.is_generator or len(chain) > MOST_FRAMES or any(each.function is function for each in chain):
            return None
        frame = self.frame(function, module, call)
        found = []
        for leaving in function.exits:
            if leaving.kind == "return":
                if leaving.value is None:
                    return None
                settings = self.settings(frame)
                if self.branches.is_ruled_out(function, settings, leaving.block, leaving.start):
                    continue
                place = (function.module, leaving.block, leaving.start)
                one = Part(None, leaving.value, place, (frame, *chain), (leaving.start, leaving.end))
                found.append(Alternative((one,), function))
        return found or None

    # ---------------------------------------------------------------- variables

    def _named(self, expr: f.Name, where: Where, chain: Chain) -> list[Alternative] | None:
        module, block, at = where
        function = module.enclosing(block)
        if function is None:
            return self._constant(expr, where)
        bound = [one for one in self._assigns(function, expr.id) if one.start < at]
        param = next((one for one in function.params if one.name == expr.id), None)
        if self._is_bound_otherwise(function, expr.id):
            return None
        if not bound and param is None:
            return self._constant(expr, where)
        around = module.blocks_around(block)
        certain = [one for one in bound if one.block in around]
        first = certain[-1] if certain else None
        starts: list[f.Assign | None] = [first] if first is not None else ([None] if param is not None else [])
        later = [one for one in bound if one.block not in around and (first is None or one.start > first.start)]
        is_replaced = passes_all(function, [(one.block, one.start) for one in later], (block, at), self.types)
        if is_replaced:
            starts = []
        elif not starts:
            return None
        starts += later
        if (frame := next((each for each in chain if each.function is function), None)) is not None:
            settings = self.settings(frame)
            ruled_out = self.branches.is_ruled_out
            starts = [one for one in starts if one is None or not ruled_out(function, settings, one.block, one.start)]
        found = []
        for start in starts:
            changes = self._changes(function, expr, start.start if start is not None else -1, at, chain)
            if changes is None:
                return None
            if start is not None:
                changes = [one for one in changes if one.at is None or not _are_apart(module, start.block, one.at[0])]
            if start is None:
                base = self._parameter(function, expr.id, chain)
            else:
                base = Alternative(
                    (
                        Part(
                            None,
                            start.value or f.Unknown(),
                            (module, start.block, start.start),
                            chain,
                            (start.start,) * 2,
                        ),
                    )
                )
            parts = (*base.parts, *changes)
            found.append(Alternative(parts, function, (block, at), base.is_open, base.is_given))
        return found

    def _constant(self, expr: f.Name, where: Where) -> list[Alternative] | None:
        found = list(self.project.values.definitions(expr, where))
        return self._one(*found[0], ()) if len(found) == 1 else None

    @staticmethod
    def _assigns(function: Function, name: str) -> list[f.Assign]:
        return [
            each
            for each in function.module.assigns_in.get(function.index, ())
            if each.target == f.Name(name) and each.value is not None and each.op in ("=", ":=")
        ]

    @staticmethod
    def _is_bound_otherwise(function: Function, name: str) -> bool:
        """Whether a loop, a `with` or an unpacking gives a name its value."""
        module = function.module
        for block in module.blocks_in.get(function.index, ()):
            if block.target is not None and block.kind != "comprehension" and name in target_names(block.target):
                return True
        return any(
            isinstance(each.target, f.Display) and name in target_names(each.target)
            for each in module.assigns_in.get(function.index, ())
        )

    def _parameter(self, function: Function, name: str, chain: Chain) -> Alternative:
        """What a parameter is given by the call at hand; for several calls the caller asks again for each."""
        frame = chain[0] if chain and chain[0].function is function else None
        param = next(one for one in function.params if one.name == name)
        if frame is None:
            return Alternative((), is_given=True)
        if param.kind == "kwargs":
            parts = [Part(key, value, frame.where, chain[1:], (frame.call.start,) * 2) for key, value in frame.extra]
            return Alternative(tuple(parts), is_open=frame.is_open)
        value = dict(frame.bound).get(name)
        if value is not None:
            return Alternative((Part(None, value, frame.where, chain[1:], (frame.call.start,) * 2),))
        if param.default in (None, f.Const(None)) or frame.is_open:
            return Alternative((), is_open=True)
        place = (function.module, function.facts.outer, param.start)
        return Alternative((Part(None, param.default or f.Unknown(), place, (), (param.start,) * 2),))

    def _changes(self, function: Function, name: f.Name, start: int, at: int, chain: Chain) -> list[Part] | None:
        """What is put into a dict between two places; None when something unknown may change it."""
        module = function.module
        found: list[Part] = []
        for entry in module.assigns_in.get(function.index, ()):
            if not start < entry.start < at or entry.value is None:
                continue
            where = (module, entry.block, entry.start)
            here = (entry.block, entry.start)
            match entry.target:
                case f.Sub(value=owner, items=(key,)) if owner == name:
                    text = self.project.values.text(key, where)
                    if text is None:
                        return None
                    found.append(Part(text, entry.value, where, chain, (entry.start, entry.end), here))
            if entry.target == name and entry.op == "|=":
                found.append(Part(None, entry.value, where, chain, (entry.start, entry.end), here))
        for call in function.calls:
            if start < call.start < at:
                more = self._change(module, call, name, chain)
                if more is None:
                    return None
                found += more
        return found

    def _change(self, module: Module, call: f.Call, name: f.Name, chain: Chain) -> list[Part] | None:
        """What one call puts into a dict."""
        where, here = (module, call.block, call.start), (call.block, call.start)
        if isinstance(call.func, f.Attr) and call.func.value == name:
            if call.func.attr == "update":
                if any(arg.name == "*" for arg in call.args):
                    return None
                return [
                    Part(one.key, one.value, one.where, one.chain, one.span, here)
                    for one in self._arguments(call, where, chain)
                ]
            if call.func.attr == "setdefault" and len(call.args) == 2:
                key = self.project.values.text(call.args[0].value, where)
                span = call.start, call.end
                return (
                    None if key is None else [Part(key, call.args[1].value, where, chain, span, here, is_fallback=True)]
                )
            return None if call.func.attr in ("pop", "popitem", "clear", "__setitem__") else []
        if not any(arg.value == name for arg in call.args):
            return []
        callee = self.types.callee(module, call)
        if callee is None and not isinstance(call.func, f.Attr):
            return None
        if not isinstance(callee, FunctionObject) or tokens.encoder(self.types.name_of_type(callee) or "") is not None:
            return []
        function = callee.function
        frame = self.frame(function, module, call)
        inner = [param for param, value in frame.bound if value == name]
        if len(chain) > MOST_FRAMES or any(each.function is function for each in chain):
            return None
        found: list[Part] = []
        for param in inner:
            changes = self._changes(function, f.Name(param), -1, function.facts.end, (frame, *chain))
            if changes is None:
                return None
            found += [Part(one.key, one.value, one.where, one.chain, one.span, here) for one in changes]
        return found

    # ---------------------------------------------------------------- calls

    def settings(self, frame: Frame) -> Settings:
        """What a call passes for the parameters, as far as it is constant."""
        found: list[tuple[str, Value]] = []
        passed = [(name, value) for name, value in frame.bound if value is not None]
        for name, value in passed:
            found.append((name, self.branches.constants.of(value, frame.where)))
        if frame.is_open:
            known = {name for name, _ in passed}
            found += [(param.name, UNKNOWN) for param in frame.function.params if param.name not in known]
        return frozenset(found)

    def frames(self, function: Function) -> list[Frame]:
        """The calls of a function in code that is no test."""
        found = []
        for module, call in self.project.routes.expansion.objects.callers(function.name)[:MOST_CALLERS]:
            if not module.is_test:
                callee = self.types.callee(module, call)
                if isinstance(callee, FunctionObject) and callee.function is function:
                    found.append(self.frame(function, module, call))
        return found

    def frame(self, function: Function, module: Module, call: f.Call) -> Frame:
        """What one call gives the parameters of a function."""
        shift = 1 if function.cls is not None and "staticmethod" not in self.types.decorators(function) else 0
        given = Expansion.given(function, call, (module, call.block, call.start), NOWHERE, shift)
        known = {param.name for param in function.params if param.kind not in ("args", "kwargs")}
        is_open = any(arg.name in ("*", "**") for arg in call.args)
        defaults = {param.name for param in function.params if param.default is not None}
        bound, extra = [], []
        for name, (value, place, _) in given.items():
            if name not in known:
                extra.append((name, value))
            elif place[0] is module and place[2] == call.start:
                bound.append((name, value))
            elif name in defaults:
                continue
        return Frame(module, call, function, tuple(bound), tuple(extra), is_open)


def _are_apart(module: Module, one: int, other: int) -> bool:
    """Whether two blocks are different branches of one statement: no way comes by both."""
    blocks = module.facts.blocks
    shared = module.blocks_around(one) & module.blocks_around(other)
    innermost = max(shared, key=lambda each: blocks[each].start, default=-1)
    return innermost >= 0 and blocks[innermost].kind == "choice"
