"""What is known of the object whose method is called: the constants in its attributes. Knows no ways."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.constants import FIELDS, MEMBER, UNKNOWN, Constants, Kind, Kinds, Unknown, Value
from fastapi_lint.model.calls.ways.sparing import bound
from fastapi_lint.model.names.symbols import Class, ClassObject, Function, FunctionObject, Instance, Module, Origin
from fastapi_lint.tracking import memoized

_UNBOUND = frozenset({f.Name("staticmethod"), f.Name("classmethod")})


class Objects:
    """Answers "which constants are in the object that this method is called on"."""

    def __init__(self, constants: Constants) -> None:
        self.constants = constants
        self.types = constants.types

    def itself(
        self, function: Function, call: f.Call, caller: Function | None, known: Collection[tuple[str, Value]]
    ) -> Iterator[tuple[str, Value]]:
        """What is known of the object whose method a call runs, under the name that the method has for it; `known` is
        what the caller knows of its own."""
        own = own_name(function)
        if not own or caller is None or not isinstance(call.func, f.Attr):
            return
        if call.func.value == f.Name(own_name(caller)):
            value = dict(known).get(own_name(caller), UNKNOWN)
        else:
            value = self._called_on(caller.module, call)
        if not isinstance(value, Unknown):
            yield own, value

    def _called_on(self, module: Module, call: f.Call) -> Value:
        """The attributes of the object of a method call that have been constants since it was made."""
        match self.types.callee(module, call):
            case FunctionObject(owner=Instance(cls=Class(), origin=Origin(module=home, call=index))):
                return self.made(home, index)
            case FunctionObject(owner=Instance(cls=Class())) if isinstance(call.func, f.Attr):
                member = self.constants.of(call.func.value, (module, call.block, call.start))
                return member if isinstance(member, tuple) and member[:1] == (MEMBER,) else UNKNOWN
        return UNKNOWN

    @memoized
    def made(self, module: Module, index: int) -> Value:
        """The attributes of the object that a call makes that stay the constants that they are then."""
        call = module.facts.calls[index]
        made = self.types.callee(module, call)
        if not isinstance(made, ClassObject):
            return UNKNOWN
        init = self.types.member(made.cls, "__init__", Instance(made.cls))
        if isinstance(init, FunctionObject):
            pairs = list(self._constructed(made.cls, init.function, module, call))
        else:
            value = self.constants.of(f.CallRef(index), (module, call.block, call.start))
            fields = value[1:] if isinstance(value, tuple) and value[:1] == (FIELDS,) else ()
            pairs = [
                pair for pair in fields if isinstance(pair, tuple) and not self._is_set_by_methods(made.cls, pair[0])
            ]
        found = [pair for pair in pairs if _is_told(pair[1]) and not self._is_set_elsewhere(pair[0])]
        return (FIELDS, *found) if found else UNKNOWN

    def _constructed(self, cls: Class, init: Function, module: Module, call: f.Call) -> Iterator[tuple[str, Value]]:
        """What a constructor puts into attributes that nothing else of the class sets."""
        if any(arg.name in ("*", "**") for arg in call.args):
            return
        home = (init.module, init.facts.outer, init.start)
        given = {param.name: self.constants.of(param.default, home) for param in init.params if param.default}
        for name, expr in bound(init, call):
            given[name] = self.constants.of(expr, (module, call.block, call.start))
            if given[name] is UNKNOWN and self.constants.is_several(init, name):
                given[name] = self.constants.kind_of(expr, (module, call.block, call.start))
        for attr, found in self.types.self_assigns(cls).items():
            match found:
                case [(f.Assign(op="=", value=value, block=block) as entry, function)] if function is init:
                    if init.module.facts.blocks[block].kind != "function":
                        continue
                    if isinstance(value, f.Name) and any(param.name == value.id for param in init.params):
                        yield attr, UNKNOWN if init.rebinds(value.id) else given.get(value.id, UNKNOWN)
                    else:
                        yield attr, self.constants.of(value, (init.module, block, entry.start))

    def _is_set_by_methods(self, cls: Class, attr: str) -> bool:
        return any(attr in self.types.self_assigns(base) for base in self.types.mro(cls) if isinstance(base, Class))

    def _is_set_elsewhere(self, attr: str) -> bool:
        """Whether some object of the project gets an attribute of this name from outside."""
        return any(not module.is_test for module, _, _ in self.types.modules.stores_by_name.get(attr, ()))


def _is_told(value: object) -> bool:
    """Whether something is known of a value: which it is, or of which class."""
    return not isinstance(value, Unknown) or isinstance(value, (Kind, Kinds))


def own_name(function: Function) -> str:
    """The name that a method has for its object, else ""."""
    is_method = function.cls is not None and _UNBOUND.isdisjoint(function.facts.decorators)
    return function.params[0].name if is_method and function.params else ""
