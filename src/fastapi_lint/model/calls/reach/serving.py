"""Which functions can make requests wait: those that a request is seen to reach, while an application serves.

Which modules these can lie in is in `reach`; where functions are named in `mentions`. Start-up code, jobs of a queue,
command lines and loops of other threads hold up nobody, nor does what nobody calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.decorators import decorator_effect
from fastapi_lint.model.calls.bodies.switches import in_development
from fastapi_lint.model.calls.bodies.wrapping import TRANSPARENT
from fastapi_lint.model.calls.reach.mentions import EVENTS, KEEPS, Mention, mentioned
from fastapi_lint.model.calls.reach.running import (
    only_called,
    outlives_startup,
    own_loop,
    passes_through,
    starts_thread,
)
from fastapi_lint.model.names.reach import served, what_matters
from fastapi_lint.model.names.symbols import Function, FunctionObject, Instance, Module, OneOf
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.model.values.literals import quoted
from fastapi_lint.tracking import memoized_cyclic
from fastapi_lint.tracking.tables import collected, grouped

When = Literal["served", "startup", "elsewhere", "never"]
"""served: a request can reach it; startup: it runs before or after that; elsewhere: in another process or on another
loop; never: nothing is seen to call it."""

_ORDER: tuple[When, ...] = ("served", "startup", "elsewhere", "never")
_QUEUES_JOB = frozenset({"enqueue", "enqueue_in", "enqueue_at", "enqueue_call"})
_NAMED_JOBS = frozenset({"rq", "rq.job", "rq_scheduler"})
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){2,9}")
_JOB_LIBRARIES = ("celery.", "dramatiq.", "taskiq.", "procrastinate.", "huey.", "rq.", "saq.", "arq.")
_WORKERS = frozenset({"arq", "saq", "streaq"})
"""Queues whose worker finds its jobs in lists of functions."""
_AT_STARTUP = EVENTS | {"add_event_handler", "lifespan"}
_INERT = (
    "object", "abc.", "typing.", "typing_extensions.", "enum.", "pydantic.", "sqlmodel.SQLModel", "dataclasses.",
    "Exception", "BaseException",
)  # fmt: skip
"""Bases of libraries that never call a coroutine method of a subclass."""
_STACKS = ("contextlib.AsyncExitStack.", "contextlib.ExitStack.")
"""What is given to them runs when they are left, which is where they were entered."""
_FRAMEWORK = ("fastapi.", "starlette.")
_CONTAINERS = frozenset({
    "list", "set", "dict", "frozenset", "collections.deque", "collections.defaultdict", "collections.OrderedDict",
})  # fmt: skip
_KEEPS = tuple(sorted(word.encode() for word in KEEPS))
_MOST_ASKED = 60


def _own_async_names(module: Module) -> Iterator[tuple[str, object]]:
    for function in module.functions:
        if function.is_async:
            yield function.name, True


def _job_queues(module: Module) -> Iterator[tuple[str, object]]:
    for entry in () if module.is_test else module.facts.imports:
        if entry.module in _NAMED_JOBS:
            yield entry.module, True


_RUN = frozenset({"threading.Thread", "threading.Timer", "multiprocessing.Process"})
"""Classes whose library calls `run` alone of what a class below them defines."""


class Serving:
    """Answers "can requests wait for this", each question once."""

    def __init__(self, types: Inference, is_lifespan: Callable[[Function], bool]) -> None:
        """`is_lifespan` tells start-up code."""
        self.types = types
        self._is_lifespan = is_lifespan
        self._asked = 0

    @collected("effects.serving.served", extract=what_matters, is_set=True)
    def served(self) -> Mapping[Module, bool]:
        """The modules of which something can run in the process of an application."""
        return dict.fromkeys(served(self.types.modules), True)

    def is_served(self, module: Module) -> bool:
        """Whether a module can run in the process of an application: it imports FastAPI, or is imported from there."""
        return module in self.served

    def holds_up_requests(self, function: Function) -> bool:
        """Whether what a function does can make requests wait: async, of the application, and run while it serves."""
        return function.is_async and self.is_served(function.module) and self.when(function) == "served"

    def is_startup(self, function: Function) -> bool:
        """Whether a function is a lifespan, or a handler of start-up or shut-down."""
        return self._is_lifespan(function)

    # ---------------------------------------------------------------- when

    @memoized_cyclic("never")
    def when(self, function: Function) -> When:
        """When a function runs, as far as its decorators and its mentions in the project tell."""
        if self._is_lifespan(function):
            return "startup"
        if not self.is_served(function.module) or self._is_named_as_job(function):
            return "elsewhere"
        found = [self._decorated(function)] if function.facts.decorators else []
        if not function.is_async and starts_thread(function):
            found.append("elsewhere")
        if "served" in found or self._is_called_by_library(function):
            return "served"
        self._asked += 1
        try:
            if self._asked > _MOST_ASKED:
                return "served"
            for mention in self.mentions_of(function):
                if (when := self._when_mentioned(function, mention)) == "served":
                    return "served"
                found.append(when)
        finally:
            self._asked -= 1
        return min((each for each in found if each is not None), key=_ORDER.index, default="never")

    def _is_named_as_job(self, function: Function) -> bool:
        """Whether a text holds the dotted name of a function or of a method of an object, for RQ to load and run."""
        parts = function.module.parts
        jobs = self.named_jobs.get(function.name, ()) if self.names_jobs else ()
        homes = [home for job in jobs for home in (job[:-1], job[:-2])]
        # The root from which names begin may lie above or below that of the project.
        return any(home and parts[-len(home) :] == home[-len(parts) :] for home in homes)

    @collected("effects.serving.names_jobs", whole=True, pairs=_job_queues)
    def names_jobs(self) -> bool:
        """Whether the project uses RQ, which takes functions by name."""
        return bool(grouped(self.types.modules.tables, "effects.serving.names_jobs"))

    @collected("effects.serving.named_jobs")
    def named_jobs(self) -> Mapping[str, list[tuple[str, ...]]]:
        """The dotted names that stand in texts of the project, by their last part."""
        table: dict[str, list[tuple[str, ...]]] = {}
        for module in self.types.modules:
            for literal in () if module.is_test else quoted(module):
                if not literal.alone and _DOTTED.fullmatch(literal.text):
                    parts = tuple(literal.text.split("."))
                    table.setdefault(parts[-1], []).append(parts)
        return table

    def _decorated(self, function: Function) -> When | None:
        """When a function runs because of its decorators; None when they leave it to its callers."""
        found: When | None = None
        for decorator in function.facts.decorators:
            effect, name = decorator_effect(self.types, function, decorator)
            if name.startswith(_JOB_LIBRARIES):
                return "elsewhere"
            if effect == "wraps" or name.startswith(TRANSPARENT):
                continue
            factory = self.receiver_of(function, decorator) if effect in ("same", "replaces") else None
            if factory is None:
                return "served"  # a library, or what is not known, may run it
            holders, is_known = _kept_by(factory)
            if not is_known:
                return "served"
            for holder in holders:
                found = _earlier(found, self._when_held(holder, factory.module))
        return found

    def receiver_of(self, function: Function, decorator: f.Expr) -> Function | None:
        """The function of the project that receives the decorated one."""
        value = self.types.decorator(function, decorator)
        if isinstance(decorator, f.CallRef) and isinstance(value, FunctionObject):
            value = self.types.return_type(value.function)
        return value.function if isinstance(value, FunctionObject) else None

    def _is_called_by_library(self, function: Function) -> bool:
        """Whether a method is there for others to call: a special one, or one that overrides a library's."""
        cls = function.cls
        if cls is None:
            return False
        if function.name.startswith("__") and function.name.endswith("__"):
            return True
        bases = [base for base in self.types.mro(cls) if isinstance(base, str) and not base.startswith(_INERT)]
        return bool(bases) and (function.name == "run" or not _RUN.issuperset(bases))

    # ---------------------------------------------------------------- mentions

    def _when_mentioned(self, function: Function, mention: Mention) -> When | None:
        """When a function runs because of one mention; None when that names something else."""
        module = mention.module
        if not self.may_name(mention, function):
            return None
        caller = module.enclosing(mention.block)
        if mention.kind == "value":
            return self._when_kept(mention, caller)
        if mention.kind == "call":
            assert mention.call is not None
            if own_loop(module, mention.call, self.types):
                return (
                    "elsewhere" if not module.mentions("uvicorn", "hypercorn") else self._when_called(mention, caller)
                )
            when = self._when_called(mention, caller)
            if when == "startup" and outlives_startup(module, mention.call):
                return "served"
            return when
        return self._when_handed(function, mention, caller)

    def _when_called(self, mention: Mention, caller: Function | None) -> When:
        if caller is None or (mention.call is not None and in_development(mention.module, mention.call)):
            return "elsewhere" if self.is_served(mention.module) is False else "startup"
        while caller.name == "<lambda>" and caller.parent is not None:
            caller = caller.parent
        return self.when(caller)

    def _when_handed(self, function: Function, mention: Mention, caller: Function | None) -> When:
        """When a function runs that is given to a call."""
        call, arg, module = mention.call, mention.arg, mention.module
        assert call is not None and arg is not None
        if self._queues_job(module, call) or own_loop(module, call, self.types, itself=True):
            return "elsewhere"
        if arg.name in _AT_STARTUP or f.last_name(call.func) in _AT_STARTUP:
            return "startup"
        if isinstance(call.func, f.Attr) and call.func.attr in KEEPS and f.last_name(call.func.value) in EVENTS:
            return "startup"  # `app.router.on_startup.append(f)`
        callee = self.types.callee(module, call)
        name = self.types.name_of_type(callee) or ""
        if name.startswith(_JOB_LIBRARIES):
            return "elsewhere"
        if isinstance(callee, FunctionObject) and caller is not None and passes_through(callee.function, call, arg):
            return self.when(caller)
        if caller is not None and name.startswith(_STACKS):
            return self.when(caller)
        if caller is not None and not name.startswith(_FRAMEWORK) and self.is_served(caller.module):
            # What a thread registers with a library, that runs on the loop of this thread.
            return "elsewhere" if self.when(caller) == "elsewhere" else "served"
        return "served"

    def _when_kept(self, mention: Mention, caller: Function | None) -> When:
        """When a function runs that is kept in a variable, a display or a class attribute."""
        module = mention.module
        if module.facts.blocks[mention.block].cls >= 0 and caller is None:
            imported = {entry.module.split(".", 1)[0] for entry in module.facts.imports if not entry.level}
            return "elsewhere" if imported & _WORKERS else "served"
        if mention.holder in EVENTS:
            return "startup"
        if caller is not None:
            plain = mention.holder == "for" or (mention.holder and only_called(caller, mention.holder))
            return self.when(caller) if plain else "served"
        return self._when_held(mention.holder, module) if mention.holder else "served"

    def _home(self, holder: str, module: Module, depth: int = 4) -> Module | None:
        """The module that makes a variable, which another one may import by the same name."""
        for binding in self.types.find_bindings(holder, (module, 0, 0)):
            if isinstance(entry := binding.entry, f.Import):
                source = self.types.modules.imported_from(module, entry)
                is_same = source is not None and entry.name == holder and not entry.alias and depth > 0
                return self._home(holder, source, depth - 1) if source is not None and is_same else None
        return module

    @memoized_cyclic("served")
    def _when_held(self, holder: str, keeper: Module) -> When:
        """When functions run that a variable of a module holds: when those run that mention it."""
        found: When | None = None
        home = self._home(holder, keeper)
        value = self.types.export(home, holder) if home is not None else None
        if home is None or value is None or (isinstance(value, Instance) and value.cls not in _CONTAINERS):
            return "served"  # an object of some class may call what it is given
        word = re.compile(
            rb"(?<![\w.])" + re.escape(holder.encode()) + rb"\b(?!\s*\.\s*(?:" + b"|".join(_KEEPS) + rb")\b)"
        )
        for module in self.types.modules:
            if module.is_test or holder.encode() not in module.source.data:
                continue
            if module is not home and not any(entry.name == holder for entry in module.facts.imports):
                if any(
                    home.parts[-1] in (entry.name, entry.module.rpartition(".")[2]) for entry in module.facts.imports
                ):
                    return "served"
                continue
            for place in word.finditer(module.text):
                if (function := _around(module, place.start())) is not None:
                    found = _earlier(found, self.when(function))
        return found or "served"

    def may_name(self, mention: Mention, function: Function) -> bool:
        """Whether what is named is a function, or cannot be told from it."""
        module, expr = mention.module, mention.expr
        where = (module, mention.block, mention.start)
        value = self.types.callee(module, mention.call) if mention.kind == "call" and mention.call else None
        value = value if value is not None else self.types.infer(expr, where)
        for option in value.options if isinstance(value, OneOf) else (value,):
            if isinstance(option, FunctionObject):
                if option.function is function or self._may_stand_for(option.function, function):
                    return True
        if value is not None:
            return False
        if isinstance(expr, f.Attr):
            return function.cls is not None or self._is_import(expr, where)
        return function.cls is None and self._is_import(expr, where)

    def _is_import(self, expr: f.Expr, where: tuple[Module, int, int]) -> bool:
        """Whether an expression starts from an import of which it is not known what it brings."""
        while isinstance(expr, f.Attr):
            expr = expr.value
        if not isinstance(expr, f.Name):
            return False
        return any(isinstance(each.entry, f.Import) for each in self.types.find_bindings(expr.id, where))

    def _may_stand_for(self, named: Function, function: Function) -> bool:
        """Whether a call of one method may run another: one overrides the other, or is asked for by a protocol."""
        one, other = named.cls, function.cls
        if one is None or other is None or named.name != function.name:
            return False
        if one in self.types.mro(other) or other in self.types.mro(one):
            return True
        return "typing.Protocol" in self.types.mro(one)

    def _queues_job(self, module: Module, call: f.Call) -> bool:
        """Whether a call gives a function to a worker process; a queue of the project's own may run it in this one."""
        if f.last_name(call.func) not in _QUEUES_JOB:
            return False
        return not isinstance(self.types.callee(module, call), FunctionObject)

    @collected("effects.serving.async_names", pairs=_own_async_names, needs="effects.serving.served")
    def async_names(self) -> Mapping[str, bool]:
        """The names of the coroutine functions that can run in the process of an application."""
        return {name: True for module in self.served for name, _ in _own_async_names(module)}

    @collected("effects.serving.mentions", pairs=mentioned)
    def mentions(self) -> Mapping[str, list[Mention]]:
        """Where something is named that has one of the `async_names`, or an alias of one, by that name; no tests."""
        aliases = self.types.modules.aliases
        names = set(self.async_names)
        names |= {alias for name in names for alias in aliases.get(name, ())}
        table: dict[str, list[Mention]] = {}
        for module in self.types.modules:
            for name, mention in mentioned(module):
                if name in names:
                    table.setdefault(name, []).append(mention)
        return table

    def mentions_of(self, function: Function) -> Iterator[Mention]:
        """Where something is named as a function is; of a synchronous one only the calls."""
        modules = self.types.modules
        names = sorted({function.name, *modules.aliases.get(function.name, ())})
        if function.is_async:
            for name in names:
                yield from self.mentions.get(name, ()) if function.name in self.async_names else ()
            return
        for name in names:
            for module, index in modules.calls_by_name.get(name, ()):
                if not module.is_test:
                    call = module.facts.calls[index]
                    yield Mention(module, "call", call.func, call.block, call.start, call)


def _earlier(one: When | None, other: When) -> When:
    """The one of two that counts: being served comes before everything else."""
    return other if one is None else min(one, other, key=_ORDER.index)


def _around(module: Module, offset: int) -> Function | None:
    """The innermost function (no lambda) whose body holds an offset."""
    inside = module.function_before(offset)
    while inside is not None and (inside.name == "<lambda>" or not inside.facts.head_end <= offset < inside.facts.end):
        inside = inside.parent
    return inside


def _kept_by(decorator: Function) -> tuple[list[str], bool]:
    """The variables of a module in which a decorator keeps what it decorates, and whether that is all it does."""
    first = next((param.name for param in decorator.params if param.name not in ("self", "cls")), None)
    module = decorator.module
    holders: list[str] = []
    for call in decorator.calls:
        if not any(isinstance(arg.value, f.Name) and arg.value.id == first for arg in call.args):
            continue
        if isinstance(call.func, f.Attr) and call.func.attr in KEEPS and isinstance(call.func.value, f.Name):
            holders.append(call.func.value.id)
        elif f.last_name(call.func) != "wraps":
            return holders, False
    for assign in module.assigns_in.get(decorator.index, ()):
        if isinstance(assign.value, f.Name) and assign.value.id == first:
            if not isinstance(assign.target, f.Sub) or not isinstance(assign.target.value, f.Name):
                return holders, False
            holders.append(assign.target.value.id)
    return holders, first is not None
