"""What keeps code in its thread: objects that belong to it, libraries and state for one thread at a time, the loop.

Says of a function why running it in another thread than now would break it or something else; what is not seen to be
bound is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.reach.accessors import is_shared_object
from fastapi_lint.model.calls.sharing import Write, is_guarded, writes
from fastapi_lint.model.calls.steps import Step, written
from fastapi_lint.model.calls.trails import Memo
from fastapi_lint.model.calls.ways.branches import NO_SETTINGS, Settings
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Origin,
    Type,
)
from fastapi_lint.tracking import memoized

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_CACHES = ("cachetools.cached", "cachetools.cachedmethod", "cachetools.func.")
_ENGINE = "sqlalchemy.Engine"
_ENGINES = ("sqlalchemy.", "sqlmodel.")
_LOCKED = ("lock", "condition")


@dataclass(frozen=True)
class Bond:
    """Why something must stay in its thread. `what` is what is bound, in the words of the code.

    kind: "object" works in the thread that made it; "scope" there is one for each thread; "one" must not be used by
    two threads at once; "state" it writes what others see; "loop" needs the thread of the event loop. `why` completes
    "it ...", `instead` completes "use ..." ("" when nothing is known).
    """

    kind: Literal["object", "scope", "one", "state", "loop"]
    what: str
    why: str
    instead: str = ""


class Bonds:
    """Answers what keeps a function, or one call, in its thread."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.types = project.types
        self._of_thread: Memo[Bond] = Memo()
        self._of_object: Memo[Bond] = Memo()

    def of_call(self, function: Function, step: Step) -> Bond | None:
        """What keeps a call of a library, made in a function, in this thread."""
        if step.call is None:
            return self._named(step.name, None, step.name)
        return self._of_callee(step.module, step.call)

    @memoized
    def of_function(self, function: Function, has_shared_self: bool) -> Bond | None:
        """What keeps a function with all that it runs in this thread; `has_shared_self`: its `self` is for all."""

        def own(each: Function, _: Settings) -> tuple[Step, Bond] | None:
            found = self._own(each, of_object=has_shared_self)
            return None if found is None else (Step(each.module, each.start, each.end, None), found)

        memo = self._of_object if has_shared_self else self._of_thread
        trail = self.project.effects.search(function, own, memo, NO_SETTINGS)
        return trail.effect if trail is not None else self._given(function)

    def _given(self, function: Function) -> Bond | None:
        """What a function takes as an argument that belongs to the thread of who gives it."""
        for param in function.params:
            value = self.types.parameter(function, param) if param.annotation is not None else None
            if isinstance(value, Instance) and isinstance(value.cls, str) and (entry := catalog.bound(value.cls)):
                if entry.to == "maker":
                    return Bond("object", param.name, entry.why, entry.instead)
        return None

    def _own(self, function: Function, *, of_object: bool) -> Bond | None:
        """What keeps a function's own body in this thread, or the answers that a decorator keeps for it."""
        module = function.module
        for decorator in function.facts.decorators:
            if isinstance(decorator, f.CallRef) and self._is_unlocked_cache(
                module, module.facts.calls[decorator.index]
            ):
                return Bond("one", function.name, "keeps its answers in a dict without a lock")
        own = {
            param.name
            for param in function.params
            if param.name not in ("self", "cls") and not function.rebinds(param.name)
        }
        for call in function.calls:
            if _receiver(module, call.func) in own:
                continue  # whoever gives it, made it or has it
            if (found := self._of_callee(module, call) or self._handed_on(module, call, own)) is not None:
                return found
        for bond in self._values(function):
            return bond
        write = next(
            (w for w in writes(function, self.types, of_object=of_object) if not is_guarded(function, w, self.types)),
            None,
        )
        if write is None:
            write = next(self._writes_of_shared(function), None)
        return Bond("state", write.target, "is changed while others may read it") if write is not None else None

    def _writes_of_shared(self, function: Function) -> Iterator[Write]:
        """What methods write to their `self` that a body calls of objects for all requests."""
        for call in function.calls:
            match self.types.callee(function.module, call):
                case FunctionObject(function=method, owner=Instance() as owner) if is_shared_object(owner, self.types):
                    yield from (w for w in writes(method, self.types) if not is_guarded(method, w, self.types))

    def _handed_on(self, module: Module, call: f.Call, own: set[str]) -> Bond | None:
        """Why an object that a call gives to a function of the project belongs to the thread that made it."""
        given = [arg.value for arg in call.args if isinstance(arg.value, (f.Name, f.Attr))]
        if not given or not isinstance(self.types.callee(module, call), FunctionObject):
            return None
        for expr in given:
            if isinstance(expr, f.Name) and expr.id in own:
                continue
            value = self.types.infer(expr, (module, call.block, call.start))
            entry = catalog.bound(value.cls) if isinstance(value, Instance) and isinstance(value.cls, str) else None
            if entry is None or entry.to != "maker" or not isinstance(value, Instance):
                continue
            if isinstance(expr, f.Attr) or (value.origin is not None and self._is_foreign(value.origin, entry)):
                return Bond("object", _text(expr), entry.why, entry.instead)
        return None

    def _of_callee(self, module: Module, call: f.Call) -> Bond | None:
        callee = self.types.callee(module, call)
        shown = written(module, call) or self.types.name_of_type(callee) or "?"
        if (engine := self._pinned_engine(module, call, callee)) is not None:
            return engine
        match callee:
            case External(name=name):
                return self._named(name, None, shown)
            case Method(cls=cls, name=name, owner=owner):
                if owner is not None and owner.origin is None and self._is_made_here(module, call):
                    return None
                return self._named(f"{cls}.{name}", owner, shown.rpartition(".")[0] or shown)
        return None

    def _is_made_here(self, module: Module, call: f.Call) -> bool:
        """Whether the object of a method was made in the same body, by a function that opens one each time."""
        expr = call.func
        while not isinstance(expr, f.Name):
            match expr:
                case f.Attr(value=inner):
                    expr = inner
                case f.CallRef(index=index):
                    expr = module.facts.calls[index].func
                case _:
                    return False
        function = module.facts.blocks[call.block].function
        found = self.types.find_bindings(expr.id, (module, call.block, call.start))
        return bool(found) and all(
            module.facts.blocks[each.block].function == function >= 0 and self._opens(module, each.entry)
            for each in found
        )

    def _opens(self, module: Module, entry: object) -> bool:
        """Whether a variable gets what a plain function of the project opens when it is called."""
        value = entry.value if isinstance(entry, f.Assign) else entry.test if isinstance(entry, f.Block) else None
        if not isinstance(value, f.CallRef):
            return False
        callee = self.types.callee(module, module.facts.calls[value.index])
        if not isinstance(callee, FunctionObject) or callee.function.is_async:
            return False
        given = self.types.return_type(callee.function)
        if not isinstance(given, Instance):
            return False
        maker = callee.function.module
        made = (self.types.call_type(maker, maker.call_numbers[each.start, each.end]) for each in callee.function.calls)
        return any(isinstance(each, Instance) and each.cls == given.cls for each in made)

    def _pinned_engine(self, module: Module, call: f.Call, callee: Type | None) -> Bond | None:
        """Why a call works with an engine whose pooled connections stay in the threads that opened them."""
        if not (self.types.name_of_type(callee) or "").startswith(_ENGINES):
            return None
        given = [arg.value for arg in call.args]
        if isinstance(call.func, f.Attr):
            given.append(call.func.value)
        for expr in given:
            if not isinstance(expr, (f.Name, f.Attr)):
                continue
            value = self.types.infer(expr, (module, call.block, call.start))
            if isinstance(value, Instance) and value.cls == _ENGINE and value.origin and _is_pinned(value.origin):
                return Bond("object", _text(expr), "keeps each connection in the thread that opened it")
        return None

    def _named(self, name: str, owner: Instance | None, shown: str) -> Bond | None:
        entry = catalog.bound(name)
        if entry is None:
            return None
        if entry.to == "maker":
            if owner is None or (owner.origin is not None and not self._is_foreign(owner.origin, entry)):
                return None
            return Bond("object", shown, entry.why, entry.instead)
        kind = {"each": "scope", "one": "one", "loop": "loop"}[entry.to]
        return Bond(kind, shown, entry.why, entry.instead)  # type: ignore[arg-type]

    def _is_foreign(self, origin: Origin, entry: catalog.Bound) -> bool:
        """Whether an object may be made in another thread than the one that works with it."""
        for name, value in entry.unless.items():
            given = f.keyword(origin.facts, name)
            if given is not None and given.value == f.Const(value):
                return is_shared_object(Instance("", (), origin), self.types)  # then two threads can meet in it
        maker = origin.module.enclosing(origin.facts.block)
        if maker is None or maker.is_async or maker.name in ("__init__", "__new__", "__enter__"):
            return True
        return maker in self.project.dependencies.injected

    def _values(self, function: Function) -> Iterator[Bond]:
        """Attributes of an object with other values in each thread, which a body reads."""
        module = function.module
        if not module.mentions("local"):
            return
        for expr, start, _, block in self.project.effects.execution.expressions(function):
            for owner in _owners(expr):
                value = self.types.infer(owner, (module, block, start))
                if isinstance(value, Instance) and value.cls == "threading.local":
                    yield Bond("scope", _text(owner), "has other values in another thread")

    def _is_unlocked_cache(self, module: Module, call: f.Call) -> bool:
        name = self.types.name_of_type(self.types.callee(module, call)) or ""
        if not name.startswith(_CACHES) or name.startswith("cachetools.func."):
            return False
        if any(arg.name in _LOCKED and not isinstance(arg.value, f.Const) for arg in call.args):
            return False
        return not any(arg.name in ("*", "**") for arg in call.args) and sum(not arg.name for arg in call.args) < 3

    # ---------------------------------------------------------------- what is injected

    @memoized
    def of_injected(self, function: Function) -> Bond | None:
        """What keeps a value in its thread that a dependency of a function gives it: a session, a connection."""
        dependencies = self.project.dependencies
        for depends in dependencies.of_function(function):
            for each in dependencies.closure(depends):
                maker = self._constructor(each.target.cls) if isinstance(each.target, ClassObject) else each.function
                if maker is None or not (isinstance(each.target, ClassObject) or self._hands_out(maker)):
                    continue
                for call in maker.calls:
                    found = self._made_by(maker.module, call)
                    if found is not None:
                        return found
        return None

    def _constructor(self, cls: Class) -> Function | None:
        """What makes an object of a class that is a dependency itself: the object may hold what is made there."""
        init = self.types.member(cls, "__init__", Instance(cls))
        return init.function if isinstance(init, FunctionObject) else None

    def _made_by(self, module: Module, call: f.Call) -> Bond | None:
        """Why what a call gives belongs to the thread that calls."""
        callee = self.types.callee(module, call)
        name = self.types.name_of_type(callee) or ""
        if isinstance(callee, Instance) and isinstance(callee.cls, str):
            name = f"{callee.cls}.__call__"
        entry = catalog.bound(name) if name else None
        if entry is not None and entry.to == "each":
            return Bond("scope", written(module, call) or name, entry.why, entry.instead)
        made = self.types.result(callee)
        if isinstance(made, Instance) and isinstance(made.cls, str):
            entry = catalog.bound(made.cls)
            if entry is not None and entry.to == "maker":
                kept = any(
                    (given := f.keyword(call, key)) is not None and given.value == f.Const(value)
                    for key, value in entry.unless.items()
                )
                return None if kept else Bond("object", written(module, call) or made.cls, entry.why, entry.instead)
        return None

    def _hands_out(self, maker: Function) -> bool:
        """Whether a dependency may give what it works with: a session, a connection, or an object that holds one."""
        given: Type = self.types.yield_type(maker) if maker.is_generator else self.types.return_type(maker)
        match given:
            case Instance(cls=str(name)):
                return catalog.is_subclass(name, "sqlalchemy.orm.Session") or catalog.bound(name) is not None
            case Instance(cls=Class() as cls):
                return not any(
                    isinstance(base, str) and base.startswith(("pydantic.", "sqlmodel.SQLModel", "enum."))
                    for base in self.types.mro(cls)
                )
        return given is None


def _owners(expr: f.Expr | None) -> Iterator[f.Expr]:
    """What the attributes in an expression are attributes of; calls inside it answer for themselves."""
    match expr:
        case f.Attr(value=value):
            yield value
            yield from _owners(value)
        case f.Display(items=items) | f.Choice(options=items) | f.Joined(parts=items):
            for item in items:
                yield from _owners(item)
        case f.Sub(value=value) | f.Star(value=value) | f.Await(value=value):
            yield from _owners(value)
        case f.Binary(left=left, right=right):
            yield from _owners(left)
            yield from _owners(right)


def _receiver(module: Module, expr: f.Expr) -> str | None:
    """The variable whose method is called, by a chain of calls or not; None for what is an attribute of another one."""
    while isinstance(expr, f.Attr):
        match expr.value:
            case f.Name(id=name):
                return name
            case f.CallRef(index=index):
                expr = module.facts.calls[index].func
            case _:
                return None
    return None


def _text(expr: f.Expr) -> str:
    match expr:
        case f.Name(id=name):
            return name
        case f.Attr(value=value, attr=attr):
            return f"{_text(value)}.{attr}"
    return "?"


def _is_pinned(made: Origin) -> bool:
    """Whether an engine is made with `connect_args` that say that a connection must stay in its thread."""
    given = f.keyword(made.facts, "connect_args")
    entry = catalog.bound("sqlite3.Connection")
    if given is None or entry is None:
        return False
    function = made.module.enclosing(made.facts.block)
    assigns = made.module.assigns_in.get(function.index if function is not None else -1, ())
    options = [given.value]
    if isinstance(given.value, f.Name):
        options = [each.value for each in assigns if each.target == given.value and each.value is not None]
    for option in options:
        for each in option.options if isinstance(option, f.Choice) else (option,):
            for key, value in each.items if isinstance(each, f.Mapping) else ():
                if isinstance(key, f.Const) and key.value in entry.unless and value == f.Const(True):
                    return True
    return False
