"""What running a function does, through the whole project: block, re-enter the event loop, leave a coroutine unawaited.

What runs what is in `execution`; what library calls do is in the catalogue. Reports nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.chains import Chains
from fastapi_lint.model.calls.steps import Step
from fastapi_lint.model.calls.trails import Memo, Trail
from fastapi_lint.model.calls.ways.asking import depends_on_callers
from fastapi_lint.model.calls.ways.branches import Settings
from fastapi_lint.model.calls.ways.sparing import expects
from fastapi_lint.model.names.symbols import (
    Class,
    Coroutine,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    OneOf,
    Partial,
    Type,
)
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.tracking import collected
from fastapi_lint.tracking.tables import grouped


def _nesting(module: Module) -> Iterator[tuple[str, object]]:
    if not module.is_test and any(entry.module == "nest_asyncio" for entry in module.facts.imports):
        for call in module.facts.calls:
            if f.last_name(call.func) == "apply":
                yield "apply", True


class Effects(Chains):
    """Answers what running a function does: the door to what blocks, starts a loop, or makes coroutines."""

    def __init__(
        self,
        types: Inference,
        additions: Sequence[Mapping[str, object]] = (),
        is_lifespan: Callable[[Function], bool] = lambda function: False,
    ) -> None:
        """`additions` are the user's entries of the blocking catalogue; `is_lifespan` tells start-up code."""
        super().__init__(types, additions, is_lifespan)
        self._reentries: Memo[catalog.Reentry] = Memo()

    # ---------------------------------------------------------------- re-entry

    def reentry(self, module: Module, call: f.Call) -> catalog.Reentry | None:
        """What a call does to the event loop, if it starts or runs one; `async_to_sync(f)(...)` counts as a whole.

        None when the error that this raises in a running loop is expected (`except RuntimeError`).
        """
        func = call.func
        if isinstance(func, f.CallRef):
            entry = self._reentry_of(module, module.facts.calls[func.index])
            wanted = "wrapper"
        else:
            entry, wanted = self._reentry_of(module, call), "result"
        if entry is None or entry.gives != wanted or expects(module, call.block, "RuntimeError"):
            return None
        return None if wanted == "result" and self.is_nested else entry

    def _reentry_of(self, module: Module, call: f.Call) -> catalog.Reentry | None:
        name = None if call.awaited else self.types.name_of_type(self.types.callee(module, call))
        return catalog.reentry(name) if name else None

    def function_reenters(self, function: Function) -> Trail[catalog.Reentry] | None:
        """The shortest chain by which running a synchronous function starts an event loop without asking for one."""
        return self.search(function, self._reenters, self._reentries)

    def _reenters(self, function: Function, settings: Settings) -> tuple[Step, catalog.Reentry] | None:
        if self.asks_for_loop(function):
            return None
        for call in function.calls:
            if (entry := self.reentry(function.module, call)) is not None:
                if self.branches.is_dead(function, settings, call.block, call.start):
                    continue
                if depends_on_callers(self.types, function, call.block):
                    continue
                name = self.types.name_of_type(self.types.callee(function.module, call)) or ""
                return Step(function.module, call.start, call.name_end, None, call, name), entry
        return None

    @collected("effects.is_nested", whole=True, pairs=_nesting)
    def is_nested(self) -> bool:
        """Whether `nest_asyncio.apply()` is called somewhere: from then on every loop of the process may run again."""
        return bool(grouped(self.types.modules.tables, "effects.is_nested"))

    # ---------------------------------------------------------------- coroutines

    def makes_coroutine(self, module: Module, call: f.Call) -> bool:
        """Whether a call is known to give a coroutine that does nothing until it is awaited."""
        return self.gives_coroutine(self.types.callee(module, call))

    def makes_future(self, module: Module, call: f.Call) -> bool:
        """Whether a call of a library is known to give a future: its work is done, only what comes of it is awaited."""
        match self.types.callee(module, call):
            case External(name=name):
                entry = catalog.awaitable(name)
            case Method(cls=cls, name=name):
                entry = catalog.awaitable_method(cls, name)
            case _:
                return False
        return entry is not None and entry.gives == "future"

    def gives_coroutine(self, callee: Type) -> bool:
        """Whether calling a value is known to give a coroutine."""
        match callee:
            case FunctionObject(function=function):
                if not function.is_async or function.is_generator or self.execution.bodies(function) != (function,):
                    return False
                return not self.execution.has_sync_override(function, callee.owner)
            case External(name=name):
                return catalog.coroutine(name)
            case Method(cls=cls, name=name):
                return catalog.coroutine_method(cls, name)
            case Instance(cls=Class()):
                return isinstance(self.types.result(callee), Coroutine)
            case Partial(callable=inner):
                return self.gives_coroutine(inner)
            case OneOf(options=options):
                return all(self.gives_coroutine(option) for option in options)
        return False
