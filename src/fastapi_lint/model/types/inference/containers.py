"""What comes out of containers and iterators: elements, and what built-ins and `itertools` make of other iterables."""

from __future__ import annotations

from functools import partial

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Class, ClassObject, Coroutine, FunctionObject, Instance, TupleOf, Type
from fastapi_lint.model.types.inference.questions import (
    ELEMENTS,
    MAPPINGS,
    Questions,
    Where,
    instance_of,
    is_none,
    starred,
)

_ITERABLE = "typing.Iterable"
"""What is known of an iterator or view: that it gives elements."""
_COPIES = frozenset({"copy.copy", "copy.deepcopy"})
_CONTAINERS = frozenset({"list", "set", "frozenset", "tuple", "collections.deque"})
_SAME_ELEMENTS = frozenset({
    "reversed", "iter", "aiter", "itertools.islice", "itertools.cycle", "itertools.takewhile", "itertools.dropwhile",
    "itertools.filterfalse", "filter",
})  # fmt: skip
"""Functions whose last iterable argument gives the elements of the result."""
_LAST = frozenset({"itertools.takewhile", "itertools.dropwhile", "itertools.filterfalse", "filter"})
"""Those among them that take a function first."""
_EXTREMES = frozenset({"max", "min"})
_STACKS = frozenset({"contextlib.ExitStack", "contextlib.AsyncExitStack"})
_ASYNC = frozenset({"async_generator", "typing.AsyncGenerator", "typing.AsyncIterator"})
_OF_LIST = frozenset({"pop", "popleft"})
_ALONE = frozenset({"copy", "union", "difference", "intersection", "symmetric_difference"})

_HELD = {
    "contextvars.ContextVar": ("get",),
    "asyncio.Queue": ("get", "get_nowait"),
    "queue.Queue": ("get", "get_nowait"),
    "queue.SimpleQueue": ("get", "get_nowait"),
}
"""What holds objects of the type that its annotation says, and the methods that give one."""


class Containers(Questions):
    """What iterating, indexing, and the methods and functions about containers give."""

    def element(self, value: Type) -> Type:
        """What iterating over a value gives."""
        match value:
            case TupleOf(items=items):
                return self.one_of(items)
            case Instance(cls=str(name), args=args) if args and (name in ELEMENTS or name in MAPPINGS):
                return args[0]
            case ClassObject(cls=cls) if self.is_enumeration(cls):
                return Instance(cls)
            case Instance(cls=Class()):
                for dunder in ("__iter__", "__aiter__"):
                    if isinstance(method := self.attribute(value, dunder), FunctionObject):
                        made = self.result(method)
                        if made == value:  # its own iterator
                            step = self.result(self.attribute(value, dunder.replace("iter", "next")))
                            return step.result if isinstance(step, Coroutine) else step
                        return self.guarded(("element", method.function), partial(self.element, made))
            case Instance(cls=str(name)):
                return instance_of(catalog.attribute(name, "iter"))
        return None

    def parts(self, value: Type) -> tuple[Type, ...] | None:
        """The items of a tuple of known length, a named one included; None for anything else."""
        match value:
            case TupleOf(items=items):
                return items
            case Instance(cls=Class() as cls) if "typing.NamedTuple" in self.mro(cls):
                return tuple(self.attribute(value, name) for name in cls.assigns)
        return None

    def subscript(self, value: Type, items: tuple[f.Expr, ...], where: Where) -> Type:
        """What `value[items]` is."""
        match value:
            case TupleOf(items=types):
                index = _index(items)
                if index is not None:
                    return types[index] if -len(types) <= index < len(types) else None
                return None if _is_slice(items) else self.one_of(types)
            case Instance(cls=str(name), args=args):
                if name in MAPPINGS:
                    return args[1] if len(args) == 2 else None
                if name in ELEMENTS:
                    return value if _is_slice(items) else args[0] if args else None
                return instance_of(catalog.returns(f"{name}.__getitem__"))
            case Instance(cls=Class()):
                method = self.attribute(value, "__getitem__")
                return self.result(method) if isinstance(method, FunctionObject) else None
        return None

    def container_method(self, owner: Instance, method: str, call: f.Call, where: Where) -> Type:
        """What a method of a dict, list, set or deque gives by the types of its elements, and what is entered by way of
        a stack of context managers."""
        name, args = owner.cls, owner.args
        if name in _STACKS and method.startswith("enter_") and len(call.args) == 1:
            entered = self.entered(self.infer(call.args[0].value, where))
            return entered if method == "enter_context" else Coroutine(entered)
        if name in MAPPINGS and len(args) == 2:
            key, value = args
            match method:
                case "items":
                    return Instance(_ITERABLE, (TupleOf((key, value)),))
                case "keys":
                    return Instance(_ITERABLE, (key,))
                case "values":
                    return Instance(_ITERABLE, (value,))
                case "popitem":
                    return TupleOf((key, value))
                case "get" | "pop" | "setdefault":
                    given = [arg.value for arg in call.args if arg.name in ("", "default")][1:]
                    others = [self.infer(expr, where) for expr in given if not is_none(expr)]
                    return self.one_of((value, *others))
                case "copy":
                    return owner
        elif name in ELEMENTS and args:
            if method in _OF_LIST or method in ("__next__", "send"):
                return args[0]
            if method in ("__anext__", "asend"):
                return Coroutine(args[0])
            if method in _ALONE:
                return owner
        elif args and method in _HELD.get(name if isinstance(name, str) else "", ()):
            is_waited_for = name == "asyncio.Queue" and method == "get"
            return Coroutine(args[0]) if is_waited_for else args[0]
        return None

    def iterating(self, name: str, positional: list[f.Expr], where: Where) -> Type:
        """What a function about iterables gives: the built-in ones and those of `itertools`; None for all others."""
        if not positional or starred(tuple(positional)):
            return None
        if name in _COPIES:
            return self.infer(positional[0], where)
        if name in ("next", "anext"):
            found = self._taken(name, positional, where)
            return Coroutine(found) if name == "anext" else found
        if name == "collections.defaultdict":
            return Instance(name, (None, self.result(self.infer(positional[0], where))))
        if name in ("dict", "types.MappingProxyType", "collections.OrderedDict"):
            made = self.infer(positional[0], where)
            return made if isinstance(made, Instance) and made.cls in MAPPINGS else None
        if name in _CONTAINERS or name == "sorted":
            inner = self._elements(positional[0], where)
            return Instance("list" if name == "sorted" else name, (inner,)) if inner is not None else None
        if name in _SAME_ELEMENTS:
            inner = self._elements(positional[-1 if name in _LAST else 0], where)
        elif name in _EXTREMES:
            return self._elements(positional[0], where) if len(positional) == 1 else self._all(positional, where)
        elif name == "enumerate":
            inner = TupleOf((Instance("int"), self._elements(positional[0], where)))
        elif name in ("zip", "itertools.zip_longest", "itertools.product"):
            inner = TupleOf(tuple(self._elements(each, where) for each in positional[:8]))
        elif name == "itertools.chain":
            inner = self.agree(self._elements(each, where) for each in positional[:8])
        elif name == "itertools.chain.from_iterable":
            inner = self.element(self._elements(positional[0], where))
        elif name == "map":
            inner = self.result(self.infer(positional[0], where))
        else:
            return None
        return Instance(_ITERABLE, (inner,)) if inner is not None else None

    def gathered(self, name: str, positional: list[f.Expr], where: Where) -> Type:
        """What awaiting a function of asyncio gives that waits for others; None where that is not known."""
        match name:
            case "asyncio.gather" if not starred(tuple(positional)) and 0 < len(positional) <= 8:
                return TupleOf(tuple(self._awaited(each, where) for each in positional))
            case "asyncio.wait_for" | "asyncio.shield" if positional:
                return self._awaited(positional[0], where)
        return None

    def _awaited(self, expr: f.Expr, where: Where) -> Type:
        made = self.infer(expr, where)
        return made.result if isinstance(made, Coroutine) else None

    def _elements(self, expr: f.Expr, where: Where) -> Type:
        return self.element(self.infer(expr, where))

    def _all(self, exprs: list[f.Expr], where: Where) -> Type:
        return self.agree(self.infer(each, where) for each in exprs)

    def _taken(self, name: str, positional: list[f.Expr], where: Where) -> Type:
        """What `next(iterator)`, `anext(iterator)`, or either with a default gives; what raises gives nothing."""
        value = self.infer(positional[0], where)
        if name == "next" and isinstance(value, Instance) and value.cls in _ASYNC:
            return None
        if isinstance(value, Instance) and isinstance(value.cls, Class):
            step = self.result(self.attribute(value, "__next__"))
            found = step if step is not None else self.element(value)
        else:
            found = self.element(value)
        return self.agree((found, *(self.infer(each, where) for each in positional[1:2] if not is_none(each))))


def _index(items: tuple[f.Expr, ...]) -> int | None:
    match items:
        case (f.Const(value=int(index)),):
            return index
    return None


def _is_slice(items: tuple[f.Expr, ...]) -> bool:
    """Whether a subscript is one slice, which facts do not keep."""
    return len(items) == 1 and isinstance(items[0], f.Unknown)
