"""Where a value comes from that is given away: assignments, defaults and readings of variables. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import called
from fastapi_lint.model.names.symbols import Class, Function, FunctionObject, Instance, Module
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.readers import default_of, environment_read, is_environment
from fastapi_lint.model.values.texts import bound_texts
from fastapi_lint.tracking.queries import gathered

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DEPTH = 6
_MOST = 40
_SAME = frozenset({
    "encode", "decode", "strip", "lstrip", "rstrip", "get_secret_value", "split", "digest", "hexdigest", "hex", "ljust",
    "rjust", "zfill",
})  # fmt: skip
"""Methods that give what they are called on, or what is as good as that."""
_WRAPPERS = frozenset({
    "str", "bytes", "bytearray", "SecretStr", "SecretBytes", "Secret", "set", "frozenset", "list", "tuple", "b64encode",
    "urlsafe_b64encode", "standard_b64encode", "b64decode", "urlsafe_b64decode", "fromhex", "hexlify", "unhexlify",
    "md5", "sha1", "sha256", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b", "blake2s",
})  # fmt: skip
"""Functions whose result is as good as what they are given first: whoever knows the one knows the other."""
_PROPERTIES = frozenset({"property", "functools.cached_property"})
_FIELDS = frozenset({"field", "Field", "ib", "attrib"})
_FACTORIES = frozenset({"default_factory", "factory"})

Place = tuple[Module, int]


def origins(expr: f.Expr | None, where: Where, project: Project) -> tuple[Place, ...]:
    """The places a value may come from: starts of assignments and parameters, of calls that read a variable, and of the
    texts in dicts."""
    search = _Search(project)
    search.follow(expr, where, _DEPTH)
    return tuple(search.found)


@gathered
def _variables(project: Project, module: Module) -> Iterator[tuple[str, Module, int]]:
    """The variables of the environment that a module writes a text to: name, module and place."""
    if not module.is_test and module.mentions("environ", "putenv", "setenv"):
        yield from ((one.name, module, one.start) for one in bound_texts(module) if one.how == "written")


class _Search:
    def __init__(self, project: Project) -> None:
        self.project = project
        self.found: dict[Place, None] = {}

    def follow(self, expr: f.Expr | None, where: Where, depth: int) -> None:
        if depth < 0:
            return
        match expr:
            case f.CallRef(index=index):
                self._called(where[0], where[0].facts.calls[index], depth)
            case f.Choice(options=options):
                for option in options:
                    self.follow(option, where, depth - 1)
            case f.Each(block=block):
                self.follow(where[0].facts.blocks[block].test, where, depth - 1)
            case f.Sub(value=value, items=(f.Unknown(),)):  # a slice
                self.follow(value, where, depth - 1)
            case f.Sub(value=value, items=(f.Const(value=str(name)),)) if is_environment(value):
                self._written(name)
            case f.Sub(value=value, items=(key,)):
                self._entry(value, key, where, depth)
                self._stored(expr, where, depth)
            case f.Name() | f.Attr():
                places = list(self.project.values.definitions(expr, where))
                for value, place in places:
                    if self._is_new(place[0], place[2]):
                        self.follow(value, place, depth - 1)
                if not places and not self._of_property(expr, where, depth):
                    self._given(expr, where, depth)

    def _is_new(self, module: Module, start: int) -> bool:
        """Whether a place was not met before; it is now. (So it goes round in no circle.)"""
        if (module, start) in self.found or len(self.found) >= _MOST:
            return False
        self.found[module, start] = None
        return True

    def _entry(self, mapping: f.Expr, key: f.Expr, where: Where, depth: int) -> None:
        """What a dict has under a key; its texts under any key where that is not known and it has nothing else."""
        name = key.value if isinstance(key, f.Const) and isinstance(key.value, str) else None
        for found, place in self._mappings(mapping, where, _DEPTH):
            module, _, start = place
            values = [value for each, value in found.items if name is None or each == key]
            for value in values if name is not None else ():
                self.follow(value, place, depth - 1)
            texts = {value.value for value in values if isinstance(value, f.Const) and isinstance(value.value, str)}
            if name is None and len(texts) < len(values):
                continue
            for bound in bound_texts(module) if texts else ():
                if bound.how == "key" and bound.binding is not None and bound.binding.start == start:
                    if bound.text in texts and name in (None, bound.name):
                        self._is_new(module, bound.place[0])

    def _mappings(self, expr: f.Expr, where: Where, depth: int) -> Iterator[tuple[f.Mapping, Where]]:
        """The dicts that an expression may be, with the assignment in which each is written."""
        if isinstance(expr, f.Mapping):
            yield expr, where
        elif depth > 0 and isinstance(expr, (f.Name, f.Attr)):
            for value, place in self.project.values.definitions(expr, where):
                yield from self._mappings(value, place, depth - 1)
        elif depth > 0 and isinstance(expr, f.Sub) and len(expr.items) == 1:
            for found, place in self._mappings(expr.value, where, depth - 1):
                for key, value in found.items:
                    if key == expr.items[0] and isinstance(value, f.Mapping):
                        yield value, place

    def _written(self, variable: str) -> None:
        """The texts that the program itself writes to a variable of the environment, in whatever module."""
        for name, home, start in _variables(self.project):
            if name == variable:
                self._is_new(home, start)

    def _stored(self, entry: f.Sub, where: Where, depth: int) -> None:
        """What is put into a dict under a key in the same module: `KEYS["first"] = ...`."""
        module = where[0]
        for assign in module.facts.assigns:
            if assign.target == entry and assign.value is not None and self._is_new(module, assign.start):
                self.follow(assign.value, (module, assign.block, assign.start), depth - 1)

    def _called(self, module: Module, call: f.Call, depth: int) -> None:
        where = (module, call.block, call.start)
        last = called(module, call)
        if (variable := environment_read(module, call)) is not None:
            self._written(variable)
            default = default_of(call)
            if self._is_new(module, call.start) and default is not None:
                self.follow(default.value, where, depth - 1)
        elif last == "get" and isinstance(call.func, f.Attr) and call.args:
            self._entry(call.func.value, call.args[0].value, where, depth)
            self._made_by(call.func, where, depth)
        elif last in _SAME and isinstance(call.func, f.Attr):
            self.follow(call.func.value, where, depth - 1)
        elif last in _WRAPPERS and call.args:
            self.follow(call.args[0].value, where, depth - 1)
        elif last in _FIELDS:
            for arg in call.args:
                if arg.name in ("", "default"):
                    self.follow(arg.value, where, depth - 1)
                elif arg.name in _FACTORIES:
                    self._made_by(arg.value, where, depth)
        else:
            self._made_by(call.func, where, depth)

    def _of_property(self, expr: f.Expr, where: Where, depth: int) -> bool:
        """What a property of the project gives back; whether it is one."""
        owner = self.project.infer(expr.value, *where) if isinstance(expr, f.Attr) else None
        if not isinstance(owner, Instance) or not isinstance(owner.cls, Class) or not isinstance(expr, f.Attr):
            return False
        types = self.project.types
        method = next(
            (
                one.methods[expr.attr]
                for one in types.mro(owner.cls)
                if isinstance(one, Class) and expr.attr in one.methods
            ),
            None,
        )
        if method is None or not _PROPERTIES.intersection(types.decorators(method)):
            return False
        self._follow_returns(method, depth)
        return True

    def _follow_returns(self, function: Function, depth: int) -> None:
        for leave in function.exits if not function.is_generator else ():
            if leave.kind == "return":
                self.follow(leave.value, (function.module, leave.block, leave.start), depth - 1)

    def _made_by(self, func: f.Expr, where: Where, depth: int) -> None:
        """What a function of the project gives back, a lambda included."""
        callee = self.project.infer(func, *where)
        if isinstance(callee, FunctionObject):
            self._follow_returns(callee.function, depth)

    def _given(self, expr: f.Name | f.Attr, where: Where, depth: int) -> None:
        """An attribute of `self` is what methods set it to; a parameter what callers give, or its default."""
        module, block, _ = where
        function = module.enclosing(block)
        if function is None:
            return
        if isinstance(expr, f.Attr):
            if expr.value == f.Name("self") and function.cls is not None:
                for assign, setter in self.project.types.self_assigns(function.cls).get(expr.attr, ()):
                    self.follow(assign.value, (setter.module, assign.block, assign.start), depth - 1)
                self._made_with(function.cls, expr.attr, depth)
            return
        param = next((one for one in function.params if one.name == expr.id), None)
        if param is None or not self._is_new(module, param.start):
            return
        self.follow(param.default, (module, function.facts.outer, param.start), depth - 1)
        # What makes an object calls `__init__`, which frames are given for when they are asked for the object, too.
        wanted = {expr.id, function.params[0].name} if function.name == "__init__" else {expr.id}
        for frame in self.project.routes.expansion.frames(function, frozenset(wanted), 0)[:_MOST]:
            if expr.id in frame:
                value, place, _ = frame[expr.id]
                self.follow(value, place, depth - 1)

    def _made_with(self, cls: Class, attr: str, depth: int) -> None:
        """A field of a dataclass or model is what its objects are made with."""
        schema = self.project.schemas.of(cls)
        if schema is None:
            return
        names = [one.name for one in schema.fields]
        for maker in self.project.routes.expansion.objects.makers(cls)[:_MOST]:
            for position, arg in enumerate(maker.facts.args):
                if arg.name == attr or (arg.name == "" and names[position : position + 1] == [attr]):
                    self.follow(arg.value, (maker.module, maker.facts.block, maker.start), depth - 1)
