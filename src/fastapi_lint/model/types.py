"""Light type inference: what an expression is, as far as annotations, constructors and assignments say. Never guesses.

Flow is followed as far as a reader would: within a function the latest binding before the use counts, together with
conditional ones after it; bindings that disagree make the type unknown (None), and unknown silences.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from fastapi_lint import catalog
from fastapi_lint.catalog.routers import library_router
from fastapi_lint.index import facts as f
from fastapi_lint.model.annotations import parse_annotation
from fastapi_lint.model.names import Binding, Modules, Scope, bindings
from fastapi_lint.model.symbols import (
    Class,
    ClassObject,
    Coroutine,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    ModuleObject,
    Namespace,
    Origin,
    Partial,
    TupleOf,
    Type,
)

_CONSTANTS = {str: "str", bool: "bool", int: "int", float: "float"}
_ELEMENTS = frozenset({
    "list", "set", "frozenset", "tuple", "deque", "generator", "collections.deque", "typing.List", "typing.Set",
    "typing.Sequence", "typing.Iterable", "typing.Iterator", "typing.Generator", "typing.AsyncGenerator", "typing.AsyncIterator",
    "typing.AsyncIterable", "typing.Collection", "typing.FrozenSet", "typing.Tuple", "sqlalchemy.ScalarResult",
})  # fmt: skip
_MAPPINGS = frozenset({"dict", "typing.Dict", "typing.Mapping", "typing.MutableMapping", "collections.defaultdict"})
_TRANSPARENT = frozenset({
    "typing.Annotated", "typing.Optional", "typing.Final", "typing.ClassVar", "typing.Required", "typing.NotRequired",
    "typing.ReadOnly", "dataclasses.InitVar", "sqlalchemy.orm.Mapped",
})  # fmt: skip
_CACHED = frozenset({"functools.lru_cache", "functools.cache", "functools.cached_property", "async_lru.alru_cache"})
_FIELDS = frozenset({"dataclasses.field", "attrs.field", "attr.field", "attr.ib", "pydantic.Field"})
_CONTEXT = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})
_PROPERTY = frozenset({"property", "functools.cached_property", "cached_property", "abc.abstractproperty"})
_DEPTH = 40
Where = tuple[Module, int, int]
"""Where an expression is evaluated: module, block, byte offset of the use."""


class Inference:
    """Answers "what is this expression" for the whole project, each question once."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self._bindings: dict[Module, dict[Scope, dict[str, list[Binding]]]] = {}
        self._calls: dict[tuple[Module, int], Type] = {}
        self._bound: dict[tuple[int, str], Type] = {}
        self._exports: dict[tuple[Module, str], Type] = {}
        self._returns: dict[Function, Type] = {}
        self._yields: dict[Function, Type] = {}
        self._mro: dict[Class, tuple[Class | str, ...]] = {}
        self._self_assigns: dict[Class, dict[str, list[tuple[f.Assign, Function]]]] = {}
        self._decorators: dict[Function, tuple[str, ...]] = {}
        self._members: dict[tuple[Class, str], Type] = {}
        self._active: set[object] = set()
        self._depth = 0

    # ---------------------------------------------------------------- expressions

    def infer(self, expr: f.Expr | None, where: Where) -> Type:
        """The type of an expression at a place."""
        module, block, at = where
        match expr:
            case f.Name(id=name):
                return self.lookup(name, where)
            case f.Attr(value=value, attr=attr):
                return self.attribute(self.infer(value, where), attr)
            case f.CallRef(index=index):
                return self.call_type(module, index)
            case f.Await(value=value):
                awaited = self.infer(value, where)
                return awaited.result if isinstance(awaited, Coroutine) else None
            case f.Const(value=value):
                return Instance(_CONSTANTS[type(value)]) if value is not None else None
            case f.Joined():
                return Instance("str")
            case f.Raw(kind="bytes"):
                return Instance("bytes")
            case f.Display(kind="tuple", items=items) if len(items) <= 8 and not _starred(items):
                return TupleOf(tuple(self.infer(item, where) for item in items))
            case f.Display(kind=kind, items=items):
                return Instance(kind, (self.agree(self.infer(item, where) for item in items[:20]),))
            case f.Mapping(items=items):
                return Instance("dict", (Instance("str"), self.agree(self.infer(v, where) for _, v in items[:20])))
            case f.Each(kind=kind, element=element) if kind != "dict":
                return Instance(kind, (self.infer(element, where),))
            case f.Choice(options=options):
                return self.agree(self.infer(o, where) for o in options if not is_none(o))
            case f.Sub(value=value, items=items):
                return self.subscript(self.infer(value, where), items, where)
            case f.Lambda(index=index):
                return FunctionObject(module.functions[index])
            case f.Binary(op="/", left=left):
                base = self.infer(left, where)
                return base if isinstance(base, Instance) and base.cls in ("pathlib.Path", "anyio.Path") else None
            case f.Binary(op="+" | "%", left=left):
                base = self.infer(left, where)
                return base if isinstance(base, Instance) and base.cls == "str" else None
        return None

    def agree(self, types: Iterable[Type]) -> Type:
        """The one type that all are; None when they differ, one is unknown, or there is none."""
        found: Type = None
        for one in types:
            if one is None:
                return None
            if found is None:
                found = one
            elif found != one:
                return None
            elif isinstance(found, Instance) and isinstance(one, Instance) and found.origin != one.origin:
                found = Instance(found.cls, found.args)
        return found

    def subscript(self, value: Type, items: tuple[f.Expr, ...], where: Where) -> Type:
        match value:
            case ClassObject(cls=cls):
                return ClassObject(cls, tuple(self.annotation(item, where) for item in items))
            case External(name="typing.Annotated" | "typing.Optional" | "typing.Union" | "typing.Literal"):
                return None  # an alias of an annotation: `alias` and `annotation` know what it stands for
            case External(name=name):
                return None if name.startswith("typing.") else value
            case TupleOf(items=types):
                if len(items) == 1 and isinstance(items[0], f.Const) and isinstance(items[0].value, int):
                    return types[items[0].value] if -len(types) <= items[0].value < len(types) else None
                return None
            case Instance(cls=str(name), args=args):
                if name in _MAPPINGS:
                    return args[1] if len(args) == 2 else None
                if name in _ELEMENTS:
                    return args[0] if args else None
                return instance_of(catalog.returns(f"{name}.__getitem__"))
        return None

    # ---------------------------------------------------------------- names

    def bindings(self, module: Module) -> dict[Scope, dict[str, list[Binding]]]:
        if module not in self._bindings:
            self._bindings[module] = bindings(module)
        return self._bindings[module]

    def find_bindings(self, name: str, where: Where) -> list[Binding]:
        """The bindings of a name that can reach a use, nearest scope first; empty when it is a builtin or unknown."""
        module, block, at = where
        blocks = module.facts.blocks
        table = self.bindings(module)
        inner = block
        while blocks[inner].kind == "comprehension":
            if any(name in pair for pair in _targets(blocks[inner].target)):
                return [Binding(blocks[inner], inner, blocks[inner].start)]
            inner = blocks[inner].parent
        scope = (blocks[inner].function, blocks[inner].cls)
        first = True
        while True:
            found = table.get(scope, {}).get(name)
            if found:
                return self._reaching(found, where) if first else found
            function, cls = scope
            if function < 0 and cls < 0:
                return []
            outer = module.facts.classes[cls].outer if cls >= 0 else module.facts.functions[function].outer
            while blocks[outer].cls >= 0:  # the names of a class body are not seen from inside its methods
                outer = module.facts.classes[blocks[outer].cls].outer
            scope = (blocks[outer].function, -1)
            first = False

    def _reaching(self, found: list[Binding], where: Where) -> list[Binding]:
        module, block, at = where
        if len(found) == 1:
            return found
        ancestors = set()
        blocks = module.facts.blocks
        exclusive = {}
        while block >= 0:
            ancestors.add(block)
            parent = blocks[block].parent
            if parent >= 0 and blocks[parent].kind == "choice":
                exclusive[parent] = block
            block = parent
        chosen = []
        for binding in reversed([b for b in found if b.start <= at]):
            if isinstance(binding.entry, f.Assign) and binding.entry.op not in ("=", ":=", "type"):
                continue
            if binding.block in ancestors:
                chosen.append(binding)
                break
            if not self._excluded(binding.block, exclusive, module):
                chosen.append(binding)
        return chosen or found

    @staticmethod
    def _excluded(block: int, exclusive: dict[int, int], module: Module) -> bool:
        blocks = module.facts.blocks
        while block >= 0:
            parent = blocks[block].parent
            if parent in exclusive and exclusive[parent] != block:
                return True
            block = parent
        return False

    def lookup(self, name: str, where: Where) -> Type:
        """What a bare name is at a place: through scopes, imports and assignments."""
        found = self.find_bindings(name, where)
        if found:
            return self._merge(where[0], name, found)
        if starred := self._star(where[0], name):
            return starred
        return External(name) if name in BUILTINS else None

    def _merge(self, module: Module, name: str, found: list[Binding]) -> Type:
        useful = [
            b
            for b in found
            if not (isinstance(b.entry, f.Assign) and is_none(b.entry.value) and b.entry.annotation is None)
        ]
        if len(useful) > 12:
            return None
        if len(useful) > 1 and all(isinstance(b.entry, Function) for b in useful):
            useful = useful[-1:]  # overloads, redefinitions: the last one stays
        return self.agree(self._bound_type(module, name, binding) for binding in useful)

    def _bound_type(self, module: Module, name: str, binding: Binding) -> Type:
        key = (id(binding.entry), name)
        if key not in self._bound:
            self._bound[key] = self._guarded(("bound", key), lambda: self._bind(module, name, binding))
        return self._bound[key]

    def _guarded(self, key: object, answer: Callable[[], Type]) -> Type:
        if key in self._active or self._depth >= _DEPTH:
            return None
        self._active.add(key)
        self._depth += 1
        try:
            return answer()
        finally:
            self._active.discard(key)
            self._depth -= 1

    def _bind(self, module: Module, name: str, binding: Binding) -> Type:
        entry = binding.entry
        match entry:
            case f.Import():
                return self.imported(module, entry)
            case Function():
                return self._defined(entry)
            case Class():
                return ClassObject(entry)
            case f.Param():
                function = module.enclosing(binding.block)
                return self.parameter(function, entry) if function else None
            case f.Assign():
                return self._assigned(module, name, entry)
            case f.Block():
                return self._block_target(module, name, entry, binding.block)

    def _defined(self, function: Function) -> Type:
        """A function, or the object that its decorators make of it (a Celery task)."""
        if function.facts.decorators:
            for name in self.decorators(function):
                if made := catalog.decorated(name):
                    return instance_of(made)
        return FunctionObject(function)

    def _assigned(self, module: Module, name: str, entry: f.Assign) -> Type:
        where = (module, entry.block, entry.start)
        if entry.op == "type":
            return None
        declared = self.annotation(entry.annotation, where) if entry.annotation is not None else None
        value = self.infer(entry.value, where) if entry.value is not None else None
        if declared is not None:
            # An annotation as wide as a base class loses to the object that is really made there.
            if isinstance(value, Instance) and value.origin is not None and isinstance(declared, Instance):
                return value if self.is_instance(value, declared.cls) else declared
            return declared
        if isinstance(entry.target, f.Name):
            return value
        return self._destructure(entry.target, value, name)

    def _destructure(self, target: f.Expr, value: Type, name: str) -> Type:
        if isinstance(target, f.Name):
            return value if target.id == name else None
        if not isinstance(target, f.Display) or _starred(target.items):
            return None
        for i, item in enumerate(target.items):
            if name in set(_names(item)):
                if isinstance(value, TupleOf):
                    part = value.items[i] if len(value.items) == len(target.items) else None
                else:
                    part = self.element(value)
                return self._destructure(item, part, name)
        return None

    def _block_target(self, module: Module, name: str, entry: f.Block, index: int) -> Type:
        where = (module, entry.parent, entry.start)
        value = self.infer(entry.test, where)
        if entry.kind in ("for", "comprehension"):
            return self._destructure(entry.target, self.element(value), name) if entry.target is not None else None
        if entry.kind == "with":
            return self._destructure(entry.target, self.entered(value), name) if entry.target is not None else None
        if entry.kind == "except" and not isinstance(value, TupleOf):
            return self.instantiate(value)
        return None

    def element(self, value: Type) -> Type:
        """What iterating over a value gives."""
        match value:
            case TupleOf(items=items):
                return self.agree(items)
            case Instance(cls=str(name), args=args) if args and (name in _ELEMENTS or name in _MAPPINGS):
                return args[0]
            case Instance(cls=Class()):
                for dunder in ("__iter__", "__aiter__"):
                    if isinstance(method := self.attribute(value, dunder), FunctionObject):
                        made = self.result(method)
                        if made == value:  # its own iterator
                            step = self.result(self.attribute(value, dunder.replace("iter", "next")))
                            return step.result if isinstance(step, Coroutine) else step
                        return self._guarded(("element", method.function), partial(self.element, made))
            case Instance(cls=str(name)):
                return instance_of(catalog.attribute(name, "iter"))
        return None

    def entered(self, value: Type) -> Type:
        """What `with value as target` (or `async with`) binds."""
        match value:
            case Coroutine(result=result):
                return self.entered(result)
            case Instance(cls="contextmanager", args=args):
                return args[0] if args else None
            case Instance(cls=Class() as cls):
                for dunder in ("__aenter__", "__enter__"):
                    method = self.attribute(value, dunder)
                    if isinstance(method, FunctionObject):
                        result = self.result(method)
                        return result.result if isinstance(result, Coroutine) else result
                return value if any(isinstance(base, str) for base in self.mro(cls)) else None
            case Instance(cls=str(name), args=args):
                if name in ("sqlalchemy.orm.sessionmaker", "sqlalchemy.ext.asyncio.async_sessionmaker"):
                    return None
                given = catalog.enters(name)
                return instance_of(given) if given else value
        return None

    # ---------------------------------------------------------------- imports

    def imported(self, importer: Module, entry: f.Import) -> Type:
        """What one imported name is."""
        if entry.level:
            module = self.modules.relative(importer, entry.level, entry.module)
            if module is not None:
                return self.export(module, entry.name)
            folder = importer.parts if importer.is_package else importer.parts[:-1]
            folder = folder[: len(folder) - (entry.level - 1)] + tuple(entry.module.split(".") if entry.module else ())
            inner = self.modules.in_folder(folder, entry.name)
            return ModuleObject(inner) if inner else None
        if not entry.name:
            dotted = entry.module if entry.alias else entry.module.split(".", 1)[0]
            return self._named_module(dotted, importer)
        module = self.modules.find(entry.module, importer)
        if module is not None:
            if module is importer:
                inner = self.modules.submodule(module, entry.name)
                return ModuleObject(inner) if inner else None
            return self.export(module, entry.name)
        if self.modules.is_folder(entry.module, importer):
            inner = self.modules.find(f"{entry.module}.{entry.name}", importer)
            if inner is not None:
                return ModuleObject(inner)
            if self.modules.is_folder(f"{entry.module}.{entry.name}", importer):
                return Namespace(f"{entry.module}.{entry.name}", importer)
            return None
        return External(catalog.canonical(f"{entry.module}.{entry.name}"))

    def _named_module(self, dotted: str, importer: Module) -> Type:
        if module := self.modules.find(dotted, importer):
            return ModuleObject(module)
        if self.modules.is_folder(dotted, importer):
            return Namespace(dotted, importer)
        return External(catalog.canonical(dotted))

    def export(self, module: Module, name: str) -> Type:
        """What a name of a module is, seen from outside: its own bindings, submodules, star imports."""
        key = (module, name)
        if key not in self._exports:
            self._exports[key] = self._guarded(("export", key), lambda: self._exported(module, name))
        return self._exports[key]

    def _exported(self, module: Module, name: str) -> Type:
        found = self.bindings(module).get((-1, -1), {}).get(name)
        if found:
            inner = self.modules.submodule(module, name)
            merged = self._merge(module, name, found)
            return merged if merged is not None or inner is None else ModuleObject(inner)
        if inner := self.modules.submodule(module, name):
            return ModuleObject(inner)
        return self._star(module, name)

    def _star(self, module: Module, name: str) -> Type:
        for entry in reversed(module.facts.imports):
            if entry.name != "*":
                continue
            if entry.level:
                source = self.modules.relative(module, entry.level, entry.module)
            else:
                source = self.modules.find(entry.module, module)
            if source is None:
                if not entry.level and entry.module.split(".")[0] in (
                    "fastapi",
                    "sqlalchemy",
                    "sqlmodel",
                    "pydantic",
                    "typing",
                ):
                    dotted = catalog.canonical(f"{entry.module}.{name}")
                    if dotted != f"{entry.module}.{name}" or name[:1].isupper():
                        return External(dotted)
                continue
            if name.startswith("_") or (source.facts.exported is not None and name not in source.facts.exported):
                continue
            if found := self.export(source, name):
                return found
        return None

    # ---------------------------------------------------------------- attributes

    def attribute(self, value: Type, attr: str) -> Type:
        """What `value.attr` is."""
        match value:
            case ModuleObject(module=module):
                return self.export(module, attr)
            case Namespace(dotted=dotted, importer=importer):
                return self._inner_module(f"{dotted}.{attr}", importer)
            case External(name=name):
                return External(catalog.canonical(f"{name}.{attr}"))
            case ClassObject(cls=cls):
                return self.member(cls, attr, value)
            case Instance(cls=Class() as cls):
                return self.owned(self.member(cls, attr, value), value)
            case Instance(cls=str(name)):
                given = catalog.attribute(name, attr)
                if given:
                    return instance_of(given)
                return Method(name, attr, value)
        return None

    def owned(self, found: Type, owner: Instance) -> Type:
        """A router that a class makes for each of its instances belongs to the instance and its own class."""
        if not isinstance(owner.cls, Class) or not isinstance(found, Instance) or found.origin is None or found.origin.owner is not None:
            return found
        origin = found.origin
        function = origin.module.enclosing(origin.facts.block)
        in_class = origin.module.facts.blocks[origin.facts.block].cls >= 0
        if (in_class or (function is not None and function.cls is not None)) and self.is_instance(
            found, "fastapi.APIRouter"
        ):
            return Instance(found.cls, found.args, Origin(origin.module, origin.call, owner.cls, owner.origin))
        return found

    def _inner_module(self, dotted: str, importer: Module) -> Type:
        if module := self.modules.find(dotted, importer):
            return ModuleObject(module)
        return Namespace(dotted, importer) if self.modules.is_folder(dotted, importer) else None

    def member(self, cls: Class, attr: str, owner: Instance | ClassObject) -> Type:
        """What an attribute of a class or its instance is, through the class hierarchy."""
        for base in self.mro(cls):
            if isinstance(base, str):
                if base == "object":
                    continue
                if isinstance(owner, ClassObject):
                    return External(f"{base}.{attr}")
                given = catalog.attribute(base, attr)
                return instance_of(given) if given else Method(base, attr, owner)
            if method := base.methods.get(attr):
                names = self.decorators(method)
                if any(name in _PROPERTY for name in names) and isinstance(owner, Instance):
                    return self.return_type(method)
                return FunctionObject(method, owner)
            if nested := base.nested.get(attr):
                return ClassObject(nested)
            key = (base, attr)
            if key not in self._members:
                self._members[key] = self._guarded(("member", key), partial(self._field, base, attr))
            if (found := self._members[key]) is not None:
                return found
            if attr in base.assigns or attr in self.self_assigns(base):
                return None
        return None

    def _field(self, cls: Class, attr: str) -> Type:
        if entry := cls.assigns.get(attr):
            where = (cls.module, entry.block, entry.end)
            if entry.annotation is not None:
                declared = self.annotation(entry.annotation, where)
                if declared is not None:
                    if entry.value is not None and self.is_instance(declared, "fastapi.APIRouter"):
                        made = self.infer(entry.value, where)
                        return made if isinstance(made, Instance) and made.origin is not None else declared
                    return declared
            if entry.value is not None and not is_none(entry.value):
                return self.infer(entry.value, where)
        found = self.self_assigns(cls).get(attr, [])
        types = []
        for assign, function in found[:12]:
            where = (function.module, assign.block, assign.start)
            if assign.annotation is not None:
                declared = self.annotation(assign.annotation, where)
                if declared is not None:
                    return declared
            if assign.value is not None and not is_none(assign.value):
                types.append(self.infer(assign.value, where))
        return self.agree(types)

    def self_assigns(self, cls: Class) -> dict[str, list[tuple[f.Assign, Function]]]:
        """The assignments to `self.name` in the methods of a class."""
        if cls not in self._self_assigns:
            for each in cls.module.classes:
                self._self_assigns[each] = {}
            module = cls.module
            for entry in module.facts.assigns:
                if not isinstance(entry.target, f.Attr) or not isinstance(entry.target.value, f.Name):
                    continue
                function = module.enclosing(entry.block)
                if function is None or function.cls is None or not function.params:
                    continue
                if entry.target.value.id == function.params[0].name and entry.op == "=":
                    self._self_assigns[function.cls].setdefault(entry.target.attr, []).append((entry, function))
        return self._self_assigns[cls]

    def mro(self, cls: Class) -> tuple[Class | str, ...]:
        """A class and its bases, nearest first; external ones by canonical name, unresolved ones as "?"."""
        if cls not in self._mro:
            self._mro[cls] = (cls, "?")  # what a class that inherits from itself sees
            order: list[Class | str] = [cls]
            where = (cls.module, cls.facts.outer, cls.facts.start)
            for base in cls.facts.bases:
                match self.infer(base, where):
                    case ClassObject(cls=parent) if parent is not cls:
                        order.extend(self.mro(parent))
                    case External(name=name):
                        order.append(name)
                    case Instance(cls=str(name)) if name.startswith("sqlalchemy"):
                        order.append(name)
                    case _:
                        order.append("?")
            # The last occurrence stays, as in Python's own order for diamonds; names cannot conflict here.
            unique = list(dict.fromkeys(reversed(order)))
            self._mro[cls] = tuple(reversed(unique))
        return self._mro[cls]

    def is_subclass(self, cls: Class | str, of: Class | str) -> bool:
        """Whether a class is, or inherits from, another; False when that is not known."""
        if cls == of:
            return True
        if isinstance(cls, Class):
            return any(
                base == of or (isinstance(base, str) and isinstance(of, str) and catalog.is_subclass(base, of))
                for base in self.mro(cls)
            )
        return isinstance(of, str) and catalog.is_subclass(cls, of)

    def is_instance(self, value: Type, *of: Class | str) -> bool:
        """Whether a value is known to be an instance of one of the classes or of a subclass."""
        return isinstance(value, Instance) and any(self.is_subclass(value.cls, one) for one in of)

    # ---------------------------------------------------------------- calls

    def call_type(self, module: Module, index: int) -> Type:
        """What a call gives."""
        key = (module, index)
        if key not in self._calls:
            self._calls[key] = self._guarded(key, lambda: self._called(module, index))
        return self._calls[key]

    def callee(self, module: Module, call: f.Call) -> Type:
        """What is called."""
        return self.infer(call.func, (module, call.block, call.start))

    def _called(self, module: Module, index: int) -> Type:
        call = module.facts.calls[index]
        where = (module, call.block, call.start)
        function = self.infer(call.func, where)
        origin = Origin(module, index)
        match function:
            case External(name=name):
                return self._external_call(name, call, where, origin)
            case Instance(cls=str(name), args=args) if name.endswith("sessionmaker"):
                default = "sqlalchemy.ext.asyncio.AsyncSession" if "async" in name else "sqlalchemy.orm.Session"
                return args[0] if args else Instance(default)
            case Method(cls=cls, name=name, owner=owner):
                return self._method_call(cls, name, owner, origin)
        return self.result(function, origin)

    def _external_call(self, name: str, call: f.Call, where: Where, origin: Origin) -> Type:
        positional = [a.value for a in call.args if a.name == ""]
        match name:
            case "functools.partial" if positional:
                return Partial(self.infer(positional[0], where))
            case "typing.cast" if positional:
                return self.annotation(positional[0], where)
            case "super":
                return self._super(where)
            case "sqlalchemy.orm.sessionmaker" | "sqlalchemy.ext.asyncio.async_sessionmaker":
                made = next((a.value for a in call.args if a.name == "class_"), None)
                kind = self.instantiate(self.infer(made, where)) if made is not None else None
                if kind is None and any(a.name == "**" for a in call.args):
                    return None
                return Instance(name, (kind,) if kind else (), origin)
            case "contextlib.closing" | "contextlib.nullcontext" if positional:
                return Instance("contextmanager", (self.infer(positional[0], where),))
        if name in _FIELDS:  # dataclasses.field(default_factory=APIRouter), attrs.field(factory=APIRouter)
            made = next((a.value for a in call.args if a.name in ("default_factory", "factory")), None)
            return self.result(self.infer(made, where), origin) if made is not None else None
        if name in _CACHED:  # lru_cache(f) called by hand
            return self.infer(positional[0], where) if positional else None
        given = catalog.returns(name)
        result: Type
        if given:
            result = instance_of(given, origin)
        elif name.rsplit(".", 1)[-1][:1].isupper() or name in (
            "list",
            "dict",
            "set",
            "tuple",
            "str",
            "int",
            "bytes",
            "float",
        ):
            result = Instance(name, (), origin)
        else:
            result = None
        return Coroutine(result) if catalog.awaitable(name) else result

    def _method_call(self, cls: str, name: str, owner: Instance | None, origin: Origin) -> Type:
        given = catalog.method_returns(cls, name)
        if given is None and library_router(f"{cls}.{name}"):
            return Instance("fastapi.APIRouter", (), origin)
        if cls.endswith("sessionmaker") and name == "begin":
            args = owner.args if owner else ()
            default = "sqlalchemy.ext.asyncio.AsyncSession" if "async" in cls else "sqlalchemy.orm.Session"
            return Instance("contextmanager", args or (Instance(default),))
        result = (owner if given == "self" else instance_of(given, origin)) if given else None
        return Coroutine(result) if catalog.awaitable_method(cls, name) else result

    def _super(self, where: Where) -> Type:
        function = where[0].enclosing(where[1])
        cls = function.cls if function else None
        if cls is None:
            return None
        for base in self.mro(cls)[1:]:
            return Instance(base) if base != "?" else None
        return None

    def result(self, function: Type, origin: Origin | None = None) -> Type:
        """What calling a value gives (a coroutine is not awaited)."""
        match function:
            case ClassObject(cls=cls, args=args):
                return Instance(cls, args, origin)
            case FunctionObject(function=target):
                returned = self.return_type(target)
                names = self.decorators(target)
                if target.is_generator:
                    if any(name in _CONTEXT for name in names):
                        return Instance("contextmanager", (self.yield_type(target),))
                    return Instance("generator", (self.yield_type(target),))
                if isinstance(function.owner, Instance) and _is_self(target.facts.returns):
                    returned = function.owner
                return Coroutine(returned) if target.is_async else returned
            case Partial(callable=inner):
                return self.result(inner, origin)
            case Instance(cls=Class()):
                method = self.attribute(function, "__call__")
                return self.result(method, origin) if isinstance(method, FunctionObject) else None
            case Instance(cls=str(name)):
                return instance_of(catalog.returns(f"{name}.__call__"))
            case External(name=name) if name.rsplit(".", 1)[-1][:1].isupper():
                return Instance(name, (), origin)
        return None

    def instantiate(self, value: Type) -> Type:
        """The instance that a class value makes."""
        match value:
            case ClassObject(cls=cls, args=args):
                return Instance(cls, args)
            case External(name=name):
                return Instance(name)
        return None

    def decorators(self, function: Function) -> tuple[str, ...]:
        """The dotted names of a function's decorators (of what is called, for calls); "?" for an unknown one."""
        if function not in self._decorators:
            self._decorators[function] = ()
            names = []
            where = (function.module, function.facts.outer, function.facts.start)
            for decorator in function.facts.decorators:
                if isinstance(decorator, f.CallRef):
                    decorator = function.module.facts.calls[decorator.index].func
                names.append(self.name_of_type(self.infer(decorator, where)) or "?")
            self._decorators[function] = tuple(names)
        return self._decorators[function]

    def return_type(self, function: Function) -> Type:
        """What a function returns (for a coroutine: what awaiting gives), declared or from its return statements."""
        if function not in self._returns:
            self._returns[function] = self._guarded(("returns", function), lambda: self._returned(function))
        return self._returns[function]

    def _returned(self, function: Function) -> Type:
        module, facts = function.module, function.facts
        if facts.returns is not None and not _is_self(facts.returns):
            declared = self.annotation(facts.returns, (module, facts.outer, facts.start))
            if self.is_instance(declared, "fastapi.FastAPI", "fastapi.APIRouter"):
                made = self._inferred_return(function)  # for these it matters which object it is
                return made if isinstance(made, Instance) and made.origin is not None else declared
            if declared is not None and not (isinstance(declared, Instance) and declared.cls in _VAGUE):
                return declared
            if declared is None and is_none(facts.returns):
                return None
        return self._inferred_return(function)

    def _inferred_return(self, function: Function) -> Type:
        module = function.module
        if function.name == "<lambda>":
            returned = [e for e in function.exits if e.kind == "return"]
        else:
            returned = [
                e for e in function.exits if e.kind == "return" and e.value is not None and not is_none(e.value)
            ]
        if len(returned) > 8:
            return None
        return self.agree(self.infer(e.value, (module, e.block, e.start)) for e in returned)

    def yield_type(self, function: Function) -> Type:
        """What a generator yields."""
        if function not in self._yields:
            self._yields[function] = self._guarded(("yields", function), lambda: self._yielded(function))
        return self._yields[function]

    def _yielded(self, function: Function) -> Type:
        module, facts = function.module, function.facts
        if facts.returns is not None:
            declared = self.annotation(facts.returns, (module, facts.outer, facts.start))
            if isinstance(declared, Instance) and isinstance(declared.cls, str) and declared.args:
                return declared.args[0]
        yields = [e for e in function.exits if e.kind == "yield" and not is_none(e.value)]
        return self.agree(self.infer(e.value, (module, e.block, e.start)) for e in yields[:8])

    def parameter(self, function: Function, param: f.Param) -> Type:
        """What a parameter is inside its function: by annotation, as `self`, or as what its dependency gives."""
        module, facts = function.module, function.facts
        if param.kind == "args":
            return Instance("tuple")
        if param.kind == "kwargs":
            return Instance("dict")
        cls = function.cls
        if cls is not None and facts.params and facts.params[0] is param and param.annotation is None:
            names = self.decorators(function)
            if "staticmethod" not in names:
                return ClassObject(cls) if "classmethod" in names or function.name in _CLASS_METHODS else Instance(cls)
        where = (module, facts.outer, param.start)
        declared = self.annotation(param.annotation, where) if param.annotation is not None else None
        given = self.dependency_of(param, where)
        if given is not None:
            result = self.dependency_result(given)
            if result is not None and (declared is None or _is_any(declared)):
                return result
            if (
                isinstance(result, Instance)
                and isinstance(declared, Instance)
                and _is_session(result.cls)
                and _is_session(declared.cls)
            ):
                return result if result.cls != declared.cls else declared
        if (
            declared is None
            and param.annotation is None
            and param.default is not None
            and not is_none(param.default)
            and given is None
        ):
            made = self.infer(param.default, where)
            return (
                made
                if isinstance(made, Instance) and isinstance(made.cls, str) and not made.cls.startswith("fastapi.")
                else None
            )
        return declared

    def dependency_of(self, param: f.Param, where: Where) -> Type:
        """The callable that a parameter depends on, by its default or its Annotated metadata; None when it does not."""
        marker = self.depends_call(param, where)
        if marker is None:
            return None
        module, index = marker
        call = module.facts.calls[index]
        for argument in call.args:
            if argument.name in ("", "dependency"):
                return self.infer(argument.value, (module, call.block, call.start))
        if param.annotation is not None:
            declared = self.annotation(param.annotation, where)
            if isinstance(declared, Instance):
                return ClassObject(declared.cls) if isinstance(declared.cls, Class) else External(declared.cls)
        return None

    def depends_call(self, param: f.Param, where: Where) -> tuple[Module, int] | None:
        """The Depends or Security call of a parameter, with the module in which it is written."""
        candidates = list(self.metadata(param.annotation, where)) if param.annotation is not None else []
        if param.default is not None:
            candidates.append((where[0], param.default, where))
        for module, expr, place in reversed(candidates):
            if isinstance(expr, f.Name):  # a variable that holds Depends(...)
                found = self.find_bindings(expr.id, place)
                if len(found) == 1 and isinstance(found[0].entry, f.Assign) and found[0].entry.value is not None:
                    expr = found[0].entry.value
            if isinstance(expr, f.CallRef):
                name = self.name_of_type(self.callee(module, module.facts.calls[expr.index]))
                if name in DEPENDS:
                    return module, expr.index
        return None

    def metadata(self, annotation: f.Expr | None, where: Where) -> Iterator[tuple[Module, f.Expr, Where]]:
        """The metadata of an Annotated annotation, outermost last, each with the module and place it is written in.

        Aliases (`SessionDep = Annotated[...]`, also `type` statements) are followed into other modules.
        """
        match annotation:
            case f.Sub(value=value, items=items) if items:
                name = self.name_of_type(self.infer(value, where))
                if name == "typing.Annotated":
                    yield from self.metadata(items[0], where)
                    for item in items[1:]:
                        yield where[0], item, where
                elif name in ("typing.Optional", "typing.Union"):
                    for item in items:
                        yield from self.metadata(item, where)
            case f.Binary(op="|", left=left, right=right):
                yield from self.metadata(left, where)
                yield from self.metadata(right, where)
            case f.Const(value=str(text)):
                yield from self.metadata(parse_annotation(text), where)
            case f.Name() | f.Attr():
                if alias := self.alias(annotation, where):
                    key = ("metadata", alias[1], id(alias[0]))
                    if key not in self._active and len(self._active) < 200:
                        self._active.add(key)
                        try:
                            yield from self.metadata(alias[0], alias[1])
                        finally:
                            self._active.discard(key)

    def alias(self, expr: f.Expr, where: Where) -> tuple[f.Expr, Where] | None:
        """The right side of the assignment (in any module) that a name in an annotation stands for."""
        if isinstance(expr, f.Name):
            found = self.find_bindings(expr.id, where)
            return self.alias_of(where[0], expr.id, found)
        if isinstance(expr, f.Attr):
            owner = self.infer(expr.value, where)
            if isinstance(owner, ModuleObject):
                return self.export_alias(owner.module, expr.attr)
            if (
                isinstance(owner, ClassObject)
                and (entry := owner.cls.assigns.get(expr.attr))
                and entry.value is not None
            ):
                return entry.value, (owner.cls.module, entry.block, entry.start)
        return None

    def export_alias(self, module: Module, name: str, depth: int = 0) -> tuple[f.Expr, Where] | None:
        found = self.bindings(module).get((-1, -1), {}).get(name, [])
        if found:
            return self.alias_of(module, name, found, depth)
        for entry in module.facts.imports:
            if entry.name == "*" and depth < 10:
                source = (
                    self.modules.relative(module, entry.level, entry.module)
                    if entry.level
                    else self.modules.find(entry.module, module)
                )
                if source is not None and (answer := self.export_alias(source, name, depth + 1)):
                    return answer
        return None

    def alias_of(self, module: Module, name: str, found: list[Binding], depth: int = 0) -> tuple[f.Expr, Where] | None:
        if len(found) != 1 or depth > 10:
            found = [b for b in found if isinstance(b.entry, f.Assign)][-1:] if depth <= 10 else []
            if not found:
                return None
        entry = found[0].entry
        if isinstance(entry, f.Assign) and entry.value is not None and isinstance(entry.target, f.Name):
            return entry.value, (module, entry.block, entry.start)
        if isinstance(entry, f.Import) and entry.name:
            source = (
                self.modules.relative(module, entry.level, entry.module)
                if entry.level
                else self.modules.find(entry.module, module)
            )
            if source is not None and source is not module:
                return self.export_alias(source, entry.name, depth + 1)
        return None

    def dependency_result(self, dependency: Type) -> Type:
        """What FastAPI injects for `Depends(dependency)`: returned, yielded or constructed, awaited where needed."""
        match dependency:
            case FunctionObject(function=function):
                return self.yield_type(function) if function.is_generator else self.return_type(function)
            case Coroutine():
                return None
        made = self.result(dependency)
        if isinstance(made, Coroutine):
            return made.result
        if isinstance(made, Instance) and made.cls == "generator":
            return made.args[0] if made.args else None
        return made

    # ---------------------------------------------------------------- annotations

    def annotation(self, expr: f.Expr | None, where: Where) -> Type:
        """The type of the values that an annotation admits; None for unions of several types and for what is unknown."""
        match expr:
            case f.Const(value=str(text)):
                return self.annotation(parse_annotation(text), where)
            case f.Binary(op="|", left=left, right=right):
                return self._either((left, right), where)
            case f.Sub(value=value, items=items) if items:
                return self._generic(value, items, where)
            case f.Name() | f.Attr():
                return self._plain(expr, where)
        return None

    def _either(self, options: tuple[f.Expr, ...], where: Where) -> Type:
        types = [self.annotation(option, where) for option in options if not is_none(option)]
        return self.agree(types)

    def _plain(self, expr: f.Expr, where: Where) -> Type:
        value = self.infer(expr, where)
        match value:
            case ClassObject(cls=cls, args=args):
                return Instance(cls, args)
            case External(name="typing.Any" | "object" | "typing.TypeVar" | "typing.Self" | "None"):
                return None
            case External(name=name):
                return None if name in _TRANSPARENT else Instance(name)  # a bare Final or ClassVar says nothing
        if alias := self.alias(expr, where):
            target, place = alias
            if isinstance(target, f.CallRef):  # NewType("UserId", int), TypeVar(...)
                call = place[0].facts.calls[target.index]
                if self.name_of_type(self.callee(place[0], call)) == "typing.NewType" and len(call.args) == 2:
                    return self.annotation(call.args[1].value, place)
                return None
            key = ("alias", id(target))
            return self._guarded(key, lambda: self.annotation(target, place))
        return None

    def _generic(self, value: f.Expr, items: tuple[f.Expr, ...], where: Where) -> Type:
        base = self.infer(value, where)
        if isinstance(base, ClassObject):
            return Instance(base.cls, tuple(self.annotation(item, where) for item in items))
        name = base.name if isinstance(base, External) else None
        if name is None:
            if alias := self.alias(value, where):
                return self._guarded(("alias", id(alias[0])), lambda: self.annotation(alias[0], alias[1]))
            return None
        name = _BUILTIN_GENERICS.get(name, name)
        if name in _TRANSPARENT:
            return self.annotation(items[0], where)
        if name == "typing.Union":
            return self._either(items, where)
        if name in ("typing.Literal", "typing.Callable"):
            return Instance("str") if name == "typing.Literal" else None
        if name in ("type", "typing.Type"):
            inner = self.annotation(items[0], where)
            if isinstance(inner, Instance):
                return ClassObject(inner.cls) if isinstance(inner.cls, Class) else External(inner.cls)
            return None
        if name in ("typing.Awaitable", "typing.Coroutine"):
            return Coroutine(self.annotation(items[-1], where))
        if name == "tuple" and len(items) > 1 and not isinstance(items[-1], f.Raw):
            return TupleOf(tuple(self.annotation(item, where) for item in items))
        if name == "typing.AbstractContextManager":
            return Instance("contextmanager", (self.annotation(items[0], where),))
        return Instance(name, tuple(self.annotation(item, where) for item in items))

    # ---------------------------------------------------------------- names of types

    def name_of_type(self, value: Type) -> str | None:
        """The dotted name of what a value is: of an external as canonical, of the project's own by module and qualname."""
        match value:
            case External(name=name):
                return name
            case ClassObject(cls=cls):
                return f"{cls.module.name}.{cls.qualname}"
            case FunctionObject(function=function):
                return f"{function.module.name}.{function.qualname}"
            case ModuleObject(module=module):
                return module.name
            case Method() as method:
                return method.dotted
            case Partial(callable=inner):
                return self.name_of_type(inner)
        return None


BUILTINS = frozenset(dir(builtins))
DEPENDS = frozenset({"fastapi.Depends", "fastapi.Security"})
_CLASS_METHODS = frozenset({"__new__", "__init_subclass__", "__class_getitem__", "__get_pydantic_core_schema__"})
_VAGUE = frozenset({"typing.Callable", "Callable", "object", "collections.abc.Callable"})
_BUILTIN_GENERICS = {
    "typing.List": "list",
    "typing.Dict": "dict",
    "typing.Set": "set",
    "typing.FrozenSet": "frozenset",
    "typing.Tuple": "tuple",
    "contextlib.AbstractContextManager": "typing.AbstractContextManager",
    "contextlib.AbstractAsyncContextManager": "typing.AbstractContextManager",
    "typing.ContextManager": "typing.AbstractContextManager",
    "typing.AsyncContextManager": "typing.AbstractContextManager",
}


def is_none(expr: f.Expr | None) -> bool:
    """Whether an expression is the constant None."""
    return isinstance(expr, f.Const) and expr.value is None


def _is_self(expr: f.Expr | None) -> bool:
    match expr:
        case f.Name(id="Self") | f.Attr(attr="Self"):
            return True
        case f.Const(value=str(text)):
            return text.rsplit(".", 1)[-1] == "Self"
    return False


def _is_any(value: Type) -> bool:
    return isinstance(value, Instance) and value.cls in ("typing.Any", "object")


def _is_session(cls: Class | str) -> bool:
    return isinstance(cls, str) and cls.endswith("Session") and cls.startswith(("sqlalchemy", "sqlmodel"))


def _starred(items: tuple[f.Expr, ...]) -> bool:
    return any(isinstance(item, f.Star) for item in items)


def _names(target: f.Expr | None) -> Iterator[str]:
    if isinstance(target, f.Name):
        yield target.id
    elif isinstance(target, f.Display):
        for item in target.items:
            yield from _names(item)


def _targets(target: f.Expr | None) -> Iterator[set[str]]:
    yield set(_names(target))


def instance_of(name: str | None, origin: Origin | None = None) -> Type:
    """The instance a catalogue entry names: "redis.Redis", "list[x.Y]", "contextmanager[x.Y]"; None for no name."""
    if not name:
        return None
    if name.endswith("]"):
        head, _, inner = name[:-1].partition("[")
        return Instance(head, (instance_of(inner),), origin)
    return Instance(name, (), origin)
