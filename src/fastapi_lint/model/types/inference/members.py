"""What attributes are, through the class hierarchy."""

from __future__ import annotations

from functools import partial

import msgspec

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Coroutine,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    ModuleObject,
    Namespace,
    OneOf,
    Origin,
    Type,
)
from fastapi_lint.model.types.inference.hints import is_generic
from fastapi_lint.model.types.inference.questions import DEEPEST, Questions, Where, instance_of, is_none, is_one_object
from fastapi_lint.model.types.inference.stores import STATE
from fastapi_lint.tracking import circles, memoized, recording

PROPERTIES = frozenset({
    "property", "functools.cached_property", "cached_property", "abc.abstractproperty", "pydantic.computed_field",
    "django.utils.functional.cached_property", "werkzeug.utils.cached_property", "cached_property.cached_property",
})  # fmt: skip
"""Decorators of methods that are read like attributes."""
_MOST_MAKERS = 20
"""Calls that may make objects of a class, above which nobody looks what each is given."""
_OF_CALLS = ("typing.Callable", "Callable", "collections.abc.Callable")
_DISPLAYS = (f.Display, f.Mapping)


class Members(Questions):
    """What attributes are, through the class hierarchy."""

    def attribute(self, value: Type, attr: str) -> Type:
        """What `value.attr` is."""
        match value:
            case ModuleObject(module=module):
                return self.export(module, attr)
            case Namespace(dotted=dotted, importer=importer):
                return self.inner_module(f"{dotted}.{attr}", importer)
            case External(name=name):
                return External(catalog.canonical(f"{name}.{attr}"))
            case ClassObject(cls=cls):
                return self.member(cls, attr, value)
            case Instance(cls=Class() as cls):
                found = self.owned(self.member(cls, attr, value), value)
                if (
                    found is None
                    or (isinstance(found, Instance) and found.cls in _OF_CALLS)
                    or (isinstance(found, FunctionObject) and found.function.cls is None)  # the default of a field
                ):
                    found = self._callable_given(cls, attr, value.origin) or found
                if attr == "router" and isinstance(found, Method) and catalog.is_subclass(found.cls, "fastapi.FastAPI"):
                    return Instance("fastapi.APIRouter", (), value.origin)
                return found
            case Instance(cls=str(name)):
                if attr == "router" and catalog.is_subclass(name, "fastapi.FastAPI"):
                    return Instance("fastapi.APIRouter", (), value.origin)  # the app itself, as far as routes go
                given = catalog.attribute(name, attr)
                if given == STATE:
                    return Instance(STATE, (value,))
                if given:
                    return instance_of(given)
                return Method(name, attr, value)
            case OneOf(options=options) if is_one_object(value):
                return self.one_of(self.attribute(option, attr) for option in options)
        return None

    def _callable_given(self, cls: Class, attr: str, origin: Origin | None) -> Type:
        """The function that a known object was made with, where its field says no more than that it can be called."""
        if origin is None:
            return self._given_by_all_makers(cls, attr) if attr in cls.assigns else None
        if any(arg.name in ("*", "**") for arg in origin.facts.args):
            return None
        if any(not module.is_test for module, _, _ in self.modules.stores_by_name.get(attr, ())):
            return None  # somebody gives such an object another one
        init = self.member(cls, "__init__", Instance(cls))
        bases = [base for base in reversed(self.mro(cls)) if isinstance(base, Class)]
        fields = {name: base for base in bases for name, one in base.assigns.items() if one.annotation is not None}
        names, name = list(fields), attr
        if isinstance(init, FunctionObject):
            names = init.function.positional
            own = [one.value for one, method in self.self_assigns(init.function.cls or cls).get(attr, [])]
            name = own[0].id if len(own) == 1 and isinstance(own[0], f.Name) else ""
            if name not in {param.name for param in init.function.params}:
                return None
        at = names.index(name) if name in names else -1
        for number, arg in enumerate(origin.facts.args):
            if arg.name == name or (arg.name == "" and number == at):
                return self._as_callable(arg.value, (origin.module, origin.facts.block, origin.facts.start))
        if isinstance(init, FunctionObject):
            param = next(one for one in init.function.params if one.name == name)
            where = (init.function.module, init.function.facts.outer, param.start)
            return self._as_callable(param.default, where)
        entry = fields[name].assigns[name] if name in fields else None
        return self._as_callable(entry.value, (fields[name].module, entry.block, entry.start)) if entry else None

    @memoized
    def _given_by_all_makers(self, cls: Class, attr: str) -> Type:
        """The functions that the objects of a record are made with, wherever the project makes one."""
        entry = cls.assigns.get(attr)
        if entry is None or entry.annotation is None or "__init__" in cls.methods:
            return None
        return self.guarded(("makers", cls, attr), lambda: self._of_makers(cls, attr))

    def _of_makers(self, cls: Class, attr: str) -> Type:
        calls = [each for each in self.modules.calls_by_name.get(cls.name, ()) if not each[0].is_test]
        if len(calls) > _MOST_MAKERS:
            return None
        made = [
            self._callable_given(cls, attr, Origin(module, index))
            for module, index in calls
            if self.callee(module, module.facts.calls[index]) == ClassObject(cls)
        ]
        return self.one_of(made) if made and None not in made else None

    def _as_callable(self, expr: f.Expr | None, where: Where) -> Type:
        found = self.infer(expr, where) if isinstance(expr, (f.Name, f.Attr, f.Lambda)) else None
        return found if isinstance(found, (FunctionObject, External, Method)) else None

    def owned(self, found: Type, owner: Instance) -> Type:
        """A router that a class makes for each of its instances belongs to the instance and its own class."""
        if (
            not isinstance(owner.cls, Class)
            or not isinstance(found, Instance)
            or found.origin is None
            or found.origin.owner is not None
        ):
            return found
        origin = found.origin
        function = origin.module.enclosing(origin.facts.block)
        in_class = origin.module.facts.blocks[origin.facts.block].cls >= 0
        if (in_class or (function is not None and function.cls is not None)) and self.is_instance(
            found, "fastapi.APIRouter"
        ):
            return Instance(found.cls, found.args, Origin(origin.module, origin.call, owner.cls, owner.origin))
        return found

    def member(self, cls: Class, attr: str, owner: Instance | ClassObject) -> Type:
        """What an attribute of a class or its instance is, through the class hierarchy."""
        for base in self.mro(cls):
            if isinstance(base, str):
                if base == "object":
                    continue
                given = catalog.attribute(base, attr)
                if isinstance(owner, ClassObject):  # what a metaclass gives (Django's managers) is there already
                    return instance_of(given) if given else External(f"{base}.{attr}")
                return instance_of(given) if given else Method(base, attr, owner)
            if method := base.methods.get(attr):
                names = self.decorators(method)
                if any(name in PROPERTIES for name in names) and isinstance(owner, Instance):
                    read = self.return_type(method)
                    return Coroutine(read) if method.is_async else read
                return FunctionObject(method, owner)
            if nested := base.nested.get(attr):
                return ClassObject(nested)
            if isinstance(owner, ClassObject) and attr in base.assigns and self.is_enumeration(cls):
                if base.assigns[attr].annotation is None and not attr.startswith("_"):
                    return Instance(cls)
            if is_generic(base) and (found := self._of_variable(base, attr, owner)) is not None:
                return found
            if (found := self._field(base, attr)) is not None:
                return found
            if attr in base.assigns or attr in self.self_assigns(base):
                return None if self._is_put_there(base, attr) else self.stored(base, attr)
        return self._of_implementation(cls, attr, owner) or self.stored(cls, attr)

    def _is_put_there(self, cls: Class, attr: str) -> bool:
        """Whether methods of a class put something into an attribute that is not known: what others put there too says
        nothing of it."""
        own = [assign for assign, _ in self.self_assigns(cls).get(attr, [])]
        return any(each.annotation is None and each.value is not None and not is_none(each.value) for each in own)

    def is_enumeration(self, cls: Class) -> bool:
        """Whether the assignments of a class make its members."""
        return any(isinstance(base, str) and base.startswith("enum.") for base in self.mro(cls))

    def _of_variable(self, cls: Class, attr: str, owner: Instance | ClassObject) -> Type:
        """What a field of a generic class is, whose annotation is a type variable, or that of the parameter it gets."""
        if entry := cls.assigns.get(attr):
            return self.meant_for(entry.annotation, (cls.module, entry.block, entry.end), owner, cls)
        for assign, function in self.self_assigns(cls).get(attr, [])[:1]:
            if assign.annotation is not None:
                return self.meant_for(assign.annotation, (function.module, assign.block, assign.start), owner, cls)
            param = next((one for one in function.params if f.Name(one.name) == assign.value), None)
            if param is not None and not function.rebinds(param.name):
                where = (function.module, function.facts.outer, param.start)
                return self.meant_for(param.annotation, where, owner, cls)
        return None

    def _of_implementation(self, cls: Class, attr: str, owner: Instance | ClassObject) -> Type:
        """What the one subclass of a class has, when nothing above has it."""
        below = self.subclasses(cls)
        if len(below) != 1 or not isinstance(owner, Instance) or owner.origin is not None:
            return None
        return self.guarded(("implementation", cls, attr), lambda: self.member(below[0], attr, owner))

    def subclasses(self, cls: Class) -> tuple[Class, ...]:
        """The classes of the project that inherit from a class, however far; tests aside."""
        return tuple(one for one in self.heirs(cls) if not one.module.is_test)

    @memoized
    def heirs(self, cls: Class) -> tuple[Class, ...]:
        """As `subclasses`, those of tests included."""
        found: dict[Class, None] = {}
        pending = [cls]
        for each in pending:  # grows while it runs
            for name in (each.name, *self.modules.aliases.get(each.name, ())):
                for one in self.modules.classes_by_base.get(name, ()):
                    if one not in found and one is not cls and each in self.mro(one):
                        found[one] = None
                        pending.append(one)
        return tuple(found)

    @memoized
    def _field(self, cls: Class, attr: str) -> Type:
        return self.guarded(("member", cls, attr), partial(self._declared, cls, attr))

    def _declared(self, cls: Class, attr: str) -> Type:
        wide: Type = None  # one of several objects, by the annotation: what is put there may say more
        if entry := cls.assigns.get(attr):
            where = (cls.module, entry.block, entry.end)
            if entry.annotation is not None:
                declared = self.annotation(entry.annotation, where)
                if type(declared) is OneOf:
                    wide = declared
                elif declared is not None:
                    if entry.value is not None and self.is_instance(declared, "fastapi.APIRouter"):
                        made = self.infer(entry.value, where)
                        return made if isinstance(made, Instance) and made.origin is not None else declared
                    value = self.infer(entry.value, where) if isinstance(entry.value, _DISPLAYS) else None
                    return self.with_callables(self._filled(cls, attr, declared), value)
            if entry.value is not None and not is_none(entry.value):
                return self.infer(entry.value, where) or wide
        found = self.self_assigns(cls).get(attr, [])
        types = []
        for assign, function in found[:12]:
            where = (function.module, assign.block, assign.start)
            if assign.annotation is not None:
                declared = self.annotation(assign.annotation, where)
                if type(declared) is OneOf:
                    wide = declared
                elif declared is not None:
                    value = self.infer(assign.value, where) if isinstance(assign.value, _DISPLAYS) else None
                    return self.with_callables(declared, value)
            if assign.value is not None and not is_none(assign.value):
                types.append(self.infer(assign.value, where))
        return self.one_of(types) or wide

    def _filled(self, cls: Class, attr: str, declared: Type) -> Type:
        """What a field is: the object that `__post_init__` makes for it, if that is the only one; else as declared."""
        match self.self_assigns(cls).get(attr, []):
            case [(f.Assign(value=f.CallRef() as value, block=block, start=start), function)]:
                made = self.infer(value, (function.module, block, start))
                if isinstance(made, Instance) and made.origin is not None and isinstance(declared, Instance):
                    return made if self.is_instance(made, declared.cls) else declared
        return declared

    def nearest_assigns(self, cls: Class, attr: str) -> list[tuple[f.Assign, Function]]:
        """The assignments to `self.attr` in the methods of a class, or of its nearest base that has any."""
        every = (self.self_assigns(base).get(attr) for base in self.mro(cls) if isinstance(base, Class))
        return next((each for each in every if each), [])

    def self_assigns(self, cls: Class) -> dict[str, list[tuple[f.Assign, Function]]]:
        """The assignments to `self.name` in the methods of a class."""
        if cls not in self._self_assigns:
            for each in cls.module.classes:
                self._self_assigns[each] = {}
            module = cls.module
            for whole in module.facts.assigns:
                if whole.op != "=" or not isinstance(whole.target, (f.Attr, f.Display)):
                    continue
                function = module.enclosing(whole.block)
                if function is None or function.cls is None or not function.params:
                    continue
                own = f.Name(function.params[0].name)
                for entry in _one_by_one(whole):
                    if isinstance(entry.target, f.Attr) and entry.target.value == own:
                        self._self_assigns[function.cls].setdefault(entry.target.attr, []).append((entry, function))
        return self._self_assigns[cls]

    def mro(self, cls: Class) -> tuple[Class | str, ...]:
        """A class and its bases, nearest first; external ones by canonical name, unresolved ones as "?"."""
        memo = self._mro[cls]
        if memo is not None:
            recording.depend_on(memo[1])
            return memo[0]
        if self._depth > DEEPEST:
            return (cls, "?")
        self._depth += 1
        try:
            unknown = (cls, "?")  # what a class that inherits from itself sees
            return recording.remembered(
                self._mro, cls, lambda: circles.ask(("mro", cls), lambda: self._order(cls), unknown)
            )
        finally:
            self._depth -= 1

    def _moved(self, base: f.Expr, where: Where) -> Type:
        """A class that is imported from where it moved to, or else from where it was: the first of the two."""
        found = self.find_bindings(base.id, where) if isinstance(base, f.Name) else []
        if len(found) != 2 or not all(isinstance(each.entry, f.Import) for each in found):
            return None
        blocks = where[0].facts.blocks
        first, other = sorted(found, key=lambda each: each.start)
        is_retry = (blocks[first.block].kind, blocks[other.block].kind) == ("body", "except")
        names = {each.entry.name for each in found if isinstance(each.entry, f.Import)}
        if not is_retry or blocks[first.block].parent != blocks[other.block].parent or len(names) != 1:
            return None
        moved = self.merge(where[0], base.id, [first]) if isinstance(base, f.Name) else None
        return moved if isinstance(moved, External) else None

    def _order(self, cls: Class) -> tuple[Class | str, ...]:
        order: list[Class | str] = [cls]
        where = (cls.module, cls.facts.outer, cls.facts.start)
        for base in cls.facts.bases:
            match self.infer(base, where) or self._moved(base, where):
                case ClassObject(cls=parent) if parent is not cls:
                    order.extend(self.mro(parent))
                case External(name=name):
                    order.append(name)
                case Instance(cls=str(name)) if name.startswith("sqlalchemy"):
                    order.append(name)
                case _:
                    order.append("?")
        # The last occurrence stays, as in Python's own order for diamonds; names cannot conflict here.
        return tuple(reversed(dict.fromkeys(reversed(order))))

    def is_subclass(self, cls: Class | str, of: Class | str) -> bool:
        """Whether a class is, or inherits from, another; False when that is not known."""
        if cls == of:
            return True
        if isinstance(of, Class):
            return isinstance(cls, Class) and of in self.mro(cls)
        return self._is_any_of(cls, (of,)) if isinstance(cls, Class) else catalog.is_subclass(cls, of)

    def is_instance(self, value: Type, *of: Class | str) -> bool:
        """Whether a value is known to be an instance of one of the classes or of a subclass."""
        if not isinstance(value, Instance):
            return False
        cls = value.cls
        return catalog.is_below(cls, of) if isinstance(cls, str) else self._is_any_of(cls, of)

    def is_text(self, expr: f.Expr, where: Where) -> bool:
        """Whether an expression is known to be a text."""
        return self.is_instance(self.infer(expr, where), "str")

    def _is_any_of(self, cls: Class, of: tuple[Class | str, ...]) -> bool:
        """Whether a class of the project is one of several, or inherits from one."""
        for base in (cls,) if cls in of else self.mro(cls):
            if base in of or (type(base) is str and base != "?" and catalog.is_below(base, of)):
                return True
        return False


def _one_by_one(entry: f.Assign) -> tuple[f.Assign, ...]:
    """An assignment as one for each target; `self.a, self.b = f()` gives them values that nobody knows."""
    if not isinstance(entry.target, f.Display):
        return (entry,)
    values: tuple[f.Expr, ...] = (f.Unknown(),) * len(entry.target.items)
    if isinstance(entry.value, f.Display) and len(entry.value.items) == len(values):
        values = entry.value.items
    pairs = zip(entry.target.items, values, strict=True)
    return tuple(msgspec.structs.replace(entry, target=target, value=value) for target, value in pairs)
