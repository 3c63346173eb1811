"""Which functions can make requests wait: those that run while an application serves, and in its process.

Which modules these can lie in is in `reach`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.reach import served, what_matters
from fastapi_lint.model.names.symbols import Function, FunctionObject, Module
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.tracking import memoized_cyclic
from fastapi_lint.tracking.tables import collected, grouped

_QUEUES_JOB = frozenset({"enqueue", "enqueue_in", "enqueue_at", "enqueue_call"})
_NAMED_JOBS = frozenset({"rq", "rq.job", "rq_scheduler"})
_DOTTED = re.compile(rb"""["']([A-Za-z_]\w*(?:\.[A-Za-z_]\w*){2,9})["']""")
_DEVELOPMENT = frozenset({"DEV", "DEBUG", "IS_DEV", "DEV_MODE", "DEVELOPMENT", "TESTING"})
_JOB_LIBRARIES = ("celery.", "dramatiq.", "taskiq.", "procrastinate.", "huey.", "rq.", "saq.")


def _own_async_names(module: Module) -> Iterator[tuple[str, object]]:
    for function in module.functions:
        if function.is_async:
            yield function.name, True


def _own_mentions(module: Module) -> Iterator[tuple[str, object]]:
    for name, call, arg in _mentioned(module):
        yield name, (module, call, arg)


def _job_queues(module: Module) -> Iterator[tuple[str, object]]:
    for entry in () if module.is_test else module.facts.imports:
        if entry.module in _NAMED_JOBS:
            yield entry.module, True


class Serving:
    """Answers "can requests wait for this", each question once."""

    def __init__(self, types: Inference, is_lifespan: Callable[[Function], bool]) -> None:
        """`is_lifespan` tells start-up code."""
        self.types = types
        self._is_lifespan = is_lifespan

    @collected("effects.serving.served", extract=what_matters)
    def served(self) -> Mapping[Module, bool]:
        """The modules of which something can run in the process of an application."""
        return dict.fromkeys(served(self.types.modules), True)

    def is_served(self, module: Module) -> bool:
        """Whether a module can run in the process of an application: it imports FastAPI, or is imported from there."""
        return module in self.served

    def holds_up_requests(self, function: Function) -> bool:
        """Whether what a function does can make requests wait: async, of the application, and run while it serves."""
        return function.is_async and self.is_served(function.module) and not self.runs_aside(function)

    @memoized_cyclic(False)
    def runs_aside(self, function: Function) -> bool:
        """Whether a function runs at start-up or in a worker process only, as far as its mentions in the project tell.

        That is a lifespan or start-up handler, what is queued as a job (RQ also takes its dotted name in a text), and
        what only such functions call.
        """
        return self._is_lifespan(function) or self._is_named_as_job(function) or self._is_mentioned_aside(function)

    def _is_named_as_job(self, function: Function) -> bool:
        """Whether a text holds the dotted name of a function or of a method of an object, for RQ to load and run."""
        place = function.module.parts[-1:]
        jobs = self.named_jobs.get(function.name, ()) if self.names_jobs else ()
        return any(place in (job[-2:-1], job[-3:-2]) for job in jobs)

    @collected("effects.serving.names_jobs", whole=True, pairs=_job_queues)
    def names_jobs(self) -> bool:
        """Whether the project uses RQ, which takes functions by name."""
        return bool(grouped(self.types.modules.tables, "effects.serving.names_jobs"))

    @collected("effects.serving.named_jobs")
    def named_jobs(self) -> Mapping[str, list[tuple[str, ...]]]:
        """The dotted names that stand in texts of the project, by their last part."""
        table: dict[str, list[tuple[str, ...]]] = {}
        for module in self.types.modules:
            for found in () if module.is_test else _DOTTED.finditer(module.source.utf8):
                parts = tuple(found[1].decode().split("."))
                table.setdefault(parts[-1], []).append(parts)
        return table

    def _is_mentioned_aside(self, function: Function) -> bool:
        decorators = list(self.types.decorators(function)) if function.facts.decorators else []
        is_wrapped = bool(function.facts.decorators) and decorators != ["contextlib.asynccontextmanager"]
        if is_wrapped and any(name.startswith(_JOB_LIBRARIES) for name in decorators):
            return True
        own = (self.types.modules.find(name.rpartition(".")[0], function.module) for name in decorators)
        if is_wrapped and not all(own):
            return False  # a library may run it
        found = is_queued = False
        for module, call, arg in self.mentions.get(function.name, ()) if function.name in self.async_names else ():
            if arg is not None:
                handed = self.types.infer(arg.value, (module, call.block, call.start))
                if handed is not None and handed != FunctionObject(function):
                    continue
                if not self._queues_job(module, call):
                    return False
                found = is_queued = True
                continue
            callee = self.types.callee(module, call)
            if callee is None and isinstance(call.func, f.Attr):
                return False
            if isinstance(callee, FunctionObject) and callee.function is function:
                caller = module.enclosing(call.block)
                if caller is not None and not self.runs_aside(caller) and not _in_development(module, call):
                    return False
                found = True
        return is_queued if is_wrapped else found

    def _queues_job(self, module: Module, call: f.Call) -> bool:
        """Whether a call gives a function to a worker process; a queue of the project's own may run it in this one."""
        if f.last_name(call.func) not in _QUEUES_JOB:
            return False
        return not isinstance(self.types.callee(module, call), FunctionObject)

    @collected("effects.serving.async_names", pairs=_own_async_names, needs="effects.serving.served")
    def async_names(self) -> Mapping[str, bool]:
        """The names of the coroutine functions that can run in the process of an application."""
        return {name: True for module in self.served for name, _ in _own_async_names(module)}

    @collected("effects.serving.mentions", pairs=_own_mentions)
    def mentions(self) -> Mapping[str, list[tuple[Module, f.Call, f.Arg | None]]]:
        """Calls by the last name of what they call, and by the names that they get as arguments; no tests.

        Of the names that are among `async_names`.
        """
        table: dict[str, list[tuple[Module, f.Call, f.Arg | None]]] = {}
        names = frozenset(self.async_names)
        for module in self.types.modules:
            for name, call, arg in _mentioned(module):
                if name in names:
                    table.setdefault(name, []).append((module, call, arg))
        return table


def _mentioned(module: Module) -> Iterator[tuple[str, f.Call, f.Arg | None]]:
    for call in () if module.is_test else module.facts.calls:
        if name := f.last_name(call.func):
            yield name, call, None
        for arg in call.args:
            if name := f.last_name(arg.value):
                yield name, call, arg


def _in_development(module: Module, call: f.Call) -> bool:
    """Whether a call stands below `if DEV_MODE:` or the like."""
    return any(
        block.kind == "if" and isinstance(block.test, (f.Name, f.Attr)) and f.last_name(block.test) in _DEVELOPMENT
        for block in module.block_chain(call.block)
    )
