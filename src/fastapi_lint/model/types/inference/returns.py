"""What calls give: of functions, classes, methods and library objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fastapi_lint import catalog
from fastapi_lint.catalog.routers import library_router
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import decorated_by
from fastapi_lint.model.names.symbols import (
    NEVER,
    Class,
    ClassObject,
    Coroutine,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    OneOf,
    Origin,
    Partial,
    TupleOf,
    Type,
)
from fastapi_lint.model.types.inference.questions import (
    Questions,
    Where,
    functions_of,
    instance_of,
    is_none,
    is_one_object,
    starred,
)
from fastapi_lint.tracking import memoized, memoized_cyclic, recording

_CACHED = frozenset({"functools.lru_cache", "functools.cache", "functools.cached_property", "async_lru.alru_cache"})
_FIELDS = frozenset({"dataclasses.field", "attrs.field", "attr.field", "attr.ib", "pydantic.Field"})
_CONTEXT = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})
_CONTEXTS_OF = "contextlib.contextmanager()"
"""What `contextmanager(get_db)` gives: calls of it give the context."""
_QUERY = "sqlalchemy.orm.Query"
_VAGUE = frozenset({"typing.Callable", "Callable", "object", "collections.abc.Callable"})


class Returns(Questions):
    """What calls give: of functions, classes, methods and library objects."""

    @memoized
    def call_type(self, module: Module, index: int) -> Type:
        """What a call gives."""
        return self.guarded((module, index), lambda: self._called(module, index))

    def callee(self, module: Module, call: f.Call) -> Type:
        """What is called."""
        key = (module, call.start, call.end)
        # Of ten questions nine were asked before.
        held = self._callees[key]
        if held is not None:
            if recording.active:
                recording.depend_on(held[1])
            return held[0]
        where = (module, call.block, call.start)
        return recording.remembered(self._callees, key, lambda: self.infer(call.func, where))

    def _called(self, module: Module, index: int) -> Type:
        call = module.facts.calls[index]
        where = (module, call.block, call.start)
        function = self.infer(call.func, where)
        origin = Origin(module, index)
        match function:
            case External(name=name):
                return self._external_call(name, call, where, origin)
            case Instance(cls=str(name), args=args, origin=made) if name.endswith("sessionmaker"):
                is_async = "async" in name or (_is_entered_async(module, index) and not self._has_plain_engine(made))
                default = "sqlalchemy.ext.asyncio.AsyncSession" if is_async else "sqlalchemy.orm.Session"
                return args[0] if args else Instance(default)
            case Method(cls=cls, name=name, owner=owner):
                if (found := self.queried(cls, name, owner, call, where)) is not None:
                    return found
                if owner is not None and (found := self.container_method(owner, name, call, where)) is not None:
                    return found
                return self._method_call(cls, name, owner, origin)
            case None if isinstance(call.func, f.Attr) and call.func.attr == "query":
                return Instance(_QUERY, (), origin) if self.is_mapped_query(call, where) else None
        return self.result(function, origin)

    def _text(self, expr: f.Expr, where: Where) -> str:
        """A text that is written there, or in the one place where a name is bound."""
        if isinstance(expr, f.Name):
            found = [binding.entry for binding in self.find_bindings(expr.id, where)]
            if len(found) == 1 and isinstance(found[0], f.Assign) and found[0].value is not None:
                expr = found[0].value if found[0].target == expr else expr
        return expr.value if isinstance(expr, f.Const) and isinstance(expr.value, str) else ""

    def _has_plain_engine(self, made: Origin | None) -> bool:
        """Whether a factory of sessions is given a synchronous engine where it is made."""
        if made is None:
            return False
        given = [arg.value for arg in made.facts.args if arg.name in ("", "bind")]
        engine = self.infer(given[0], (made.module, made.facts.block, made.facts.start)) if given else None
        return isinstance(engine, Instance) and engine.cls == "sqlalchemy.Engine"

    def _external_call(self, name: str, call: f.Call, where: Where, origin: Origin) -> Type:
        positional = [a.value for a in call.args if a.name == ""]
        match name:
            case "functools.partial" | "functools.partialmethod" if positional:
                return Partial(self.infer(positional[0], where), origin)
            case _ if name in _CONTEXT and len(call.args) == 1:
                wrapped = self.infer(call.args[0].value, where)
                if isinstance(wrapped, FunctionObject) and wrapped.function.is_generator:
                    return Instance(_CONTEXTS_OF, (self.yield_type(wrapped.function),))
                return None
            case "getattr" if len(positional) > 1 and isinstance(positional[1], f.Const):
                attr = positional[1].value
                return self.infer(f.Attr(positional[0], attr), where) if isinstance(attr, str) else None
            case "staticmethod" if positional:  # an attribute of a class that is a function as it is
                return self.infer(positional[0], where)
            case "typing.cast" if positional:
                says_nothing = positional[1:] and self.infer(positional[0], where) == External("typing.Any")
                return self.infer(positional[1], where) if says_nothing else self.annotation(positional[0], where)
            case "importlib.import_module" if len(call.args) == 1 and (dotted := self._text(call.args[0].value, where)):
                return self.named_module(dotted, where[0]) if not dotted.startswith(".") else None
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
        if name == "dict" and call.args and all(arg.name not in ("", "*", "**") for arg in call.args):
            return Instance("dict", (Instance("str"), self.one_of(self.infer(arg.value, where) for arg in call.args)))
        if (elements := self.iterating(name, positional, where)) is not None:
            return elements
        given = catalog.returns(name)
        result: Type = self.gathered(name, positional, where)
        if result is not None:
            return Coroutine(result)
        owner = self.infer(call.func.value, where) if isinstance(call.func, f.Attr) and given else None
        if isinstance(owner, ClassObject) and name.startswith("beanie."):
            result = self.found_by(owner, given or "", call)
        elif isinstance(owner, ClassObject) and given == name.rpartition(".")[0]:
            result = Instance(owner.cls, owner.args, origin)  # a class method of a library makes one of our own class
        elif given:
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
                    return Instance("async_generator" if target.is_async else "generator", (self.yield_type(target),))
                if isinstance(function.owner, Instance) and _is_self(target.facts.returns):
                    returned = function.owner
                elif target.cls is not None and isinstance(function.owner, Instance):
                    where = (target.module, target.facts.outer, target.facts.start)
                    returned = self.meant_for(target.facts.returns, where, function.owner, target.cls) or returned
                return Coroutine(returned) if target.is_async else returned
            case Partial(callable=inner):
                return self.result(inner, origin)
            case Instance(cls=Class()):
                method = self.attribute(function, "__call__")
                return self.result(method, origin) if isinstance(method, FunctionObject) else None
            case Instance(cls=str(name), args=args) if name == _CONTEXTS_OF:
                return Instance("contextmanager", args)
            case Instance(cls=str(name)):
                return instance_of(catalog.returns(f"{name}.__call__"))
            case External(name=name) if name.rsplit(".", 1)[-1][:1].isupper():
                return Instance(name, (), origin)
            case OneOf(options=options) if functions_of(function):
                return self.one_of(self.result(option, origin) for option in options)
        return None

    def instantiate(self, value: Type) -> Type:
        """The instance that a class value makes."""
        match value:
            case ClassObject(cls=cls, args=args):
                return Instance(cls, args)
            case External(name=name):
                return Instance(name)
        return None

    def given_back(self, module: Module, index: int) -> Iterator[tuple[f.Expr, Where]]:
        """The expressions that a call of a plain function of the project gives back, through one variable."""
        callee = self.callee(module, module.facts.calls[index])
        if not isinstance(callee, FunctionObject):
            return
        function = callee.function
        if function.is_async or function.is_generator:
            return
        for leave in function.exits:
            if leave.kind == "return" and leave.value is not None:
                value, where = leave.value, (function.module, leave.block, leave.start)
                found = self.find_bindings(value.id, where) if isinstance(value, f.Name) else []
                entry = found[0].entry if len(found) == 1 else None
                if isinstance(entry, f.Assign) and entry.value is not None and entry.target == value:
                    value, where = entry.value, (function.module, entry.block, entry.start)
                yield value, where

    @memoized_cyclic(())
    def decorators(self, function: Function) -> tuple[str, ...]:
        """The dotted names of a function's decorators (of what is called, for calls); "?" for an unknown one."""
        return tuple(self.name_of_type(self.decorator(function, each)) or "?" for each in function.facts.decorators)

    def decorator(self, function: Function, decorator: f.Expr) -> Type:
        """What one of a function's decorators names: of a call, what is called."""
        where = (function.module, function.facts.outer, function.facts.start)
        return self.infer(decorated_by(function.module, decorator), where)

    @memoized
    def return_type(self, function: Function) -> Type:
        """What a function returns (for a coroutine: what awaiting gives), declared or from its return statements."""
        return self.guarded(("returns", function), lambda: self._returned(function), unknown=NEVER)

    def _returned(self, function: Function) -> Type:
        module, facts = function.module, function.facts
        if facts.returns is not None and not _is_self(facts.returns):
            declared = self.annotation(facts.returns, (module, facts.outer, facts.start))
            if self.is_instance(declared, "fastapi.FastAPI", "fastapi.APIRouter"):
                made = self._inferred_return(function)  # for these it matters which object it is
                return made if isinstance(made, Instance) and made.origin is not None else declared
            if type(declared) is OneOf and is_one_object(declared):
                return self._inferred_return(function) or declared
            if declared is not None and not (isinstance(declared, Instance) and declared.cls in _VAGUE):
                return self.narrowed(declared, function)
            if declared is None and is_none(facts.returns):
                return None
        return self._inferred_return(function)

    def narrowed(self, declared: Type, function: Function) -> Type:
        """What a function returns that is declared to return a base class or Protocol: the class that it makes."""
        return self._narrowed_by(declared, lambda: self._inferred_return(function))

    def _narrowed_by(self, declared: Type, answer: Callable[[], Type]) -> Type:
        if not isinstance(declared, Instance) or not isinstance(declared.cls, Class):
            return declared
        cls = declared.cls
        if "typing.Protocol" not in self.mro(cls) and not self.subclasses(cls):
            return declared
        made = answer()
        return made if self.is_narrower(made, declared) else declared

    def is_narrower(self, made: Type, declared: Type) -> bool:
        """Whether a value is of a class of the project below the declared one, which may be a Protocol."""
        if isinstance(made, OneOf):
            return all(self.is_narrower(option, declared) for option in made.options)
        if not isinstance(made, Instance) or not isinstance(declared, Instance) or made.cls == declared.cls:
            return False
        if not isinstance(made.cls, Class) or not isinstance(declared.cls, Class):
            return False
        return self.is_subclass(made.cls, declared.cls) or "typing.Protocol" in self.mro(declared.cls)

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
        tuples = [e.value for e in returned if isinstance(e.value, f.Display) and e.value.kind == "tuple"]
        if 1 < len(returned) == len(tuples) and len({len(each.items) for each in tuples}) == 1:
            return self._tuple_of(list(zip((each.items for each in tuples), returned, strict=True)), module)
        return self.one_of(self.infer(e.value, (module, e.block, e.start)) for e in returned)

    def _tuple_of(self, made: list[tuple[tuple[f.Expr, ...], f.Exit]], module: Module) -> Type:
        """What a function returns that returns tuples of one length: piece by piece, whatever is not None there."""
        if len(made[0][0]) > 8 or any(starred(items) for items, _ in made):
            return None
        pieces = (
            self.one_of(self.infer(items[i], (module, e.block, e.start)) for items, e in made if not is_none(items[i]))
            for i in range(len(made[0][0]))
        )
        return TupleOf(tuple(pieces))

    @memoized
    def yield_type(self, function: Function) -> Type:
        """What a generator yields."""
        return self.guarded(("yields", function), lambda: self._yielded(function))

    def _yielded(self, function: Function) -> Type:
        module, facts = function.module, function.facts
        if facts.returns is not None:
            declared = self.annotation(facts.returns, (module, facts.outer, facts.start))
            if isinstance(declared, Instance) and isinstance(declared.cls, str) and declared.args:
                return self._narrowed_by(declared.args[0], lambda: self._inferred_yield(function))
        return self._inferred_yield(function)

    def _inferred_yield(self, function: Function) -> Type:
        yields = [e for e in function.exits if e.kind == "yield" and not is_none(e.value)]
        return self.agree(self.infer(e.value, (function.module, e.block, e.start)) for e in yields[:8])


def _is_self(expr: f.Expr | None) -> bool:
    match expr:
        case f.Name(id="Self") | f.Attr(attr="Self"):
            return True
        case f.Const(value=str(text)):
            return text.rsplit(".", 1)[-1] == "Self"
    return False


def _is_entered_async(module: Module, index: int) -> bool:
    """Whether what a call gives is entered by `async with`, which nothing synchronous can be."""
    call = module.facts.calls[index]
    return call.use == "with" and any(
        block.kind == "with" and block.is_async and block.test == f.CallRef(index) for block in module.facts.blocks
    )
