"""Which functions lead to a sink: the calls of a body, and all that runs when a function does."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.execution import Execution
from fastapi_lint.model.names.symbols import ClassObject, Function, FunctionObject, Instance
from fastapi_lint.model.taint.arriving.sinks import Sinks, asked_of, is_divided
from fastapi_lint.model.taint.asking import Called
from fastapi_lint.model.taint.calling.choosing import HANDING_OVER
from fastapi_lint.model.taint.tracing import Tracing
from fastapi_lint.tracking import memoized, recording
from fastapi_lint.tracking.memory import Memos


class Leading:
    """Answers "what does this function run, and does that get to a sink"."""

    def __init__(self, tracing: Tracing, sinks: Sinks, execution: Execution) -> None:
        self.tracing = tracing
        self.types = tracing.types
        self.sinks = sinks
        self.execution = execution
        self._leads: dict[str, Memos[Function, bool]] = {}

    @memoized
    def callees(self, function: Function) -> tuple[tuple[f.Call, Function], ...]:
        """The calls of functions of the project in a body; a constructor is its `__init__`, a property that is read as
        if it were called."""
        module, found, callee = function.module, [], self.types.callee
        for call in function.calls:
            target = callee(module, call)
            several: tuple[Called, ...] = ((target, call.args),)
            if type(target) in HANDING_OVER:
                several = self.tracing.handed(call, target, (module, call.block, call.start))
            for one, args in several:
                if type(one) is ClassObject:
                    one = self.types.member(one.cls, "__init__", Instance(one.cls))
                if type(one) is not FunctionObject or one.function.module.is_test or one.function is function:
                    continue
                if args or one.owner is not None:
                    found.append((call, one.function))
        for step in self.execution.reads(function):
            getter, span = step.function, (step.start, step.end)
            if step.subject is not None and getter not in (None, function) and not getter.module.is_test:
                read = f.Attr(step.subject, getter.name)
                found.append((f.Call(read, (), step.block, False, "value", *span, *span), getter))
        return tuple(found)

    def leads(self, function: Function, danger: str) -> bool:
        """Whether a function, or one that it runs, has a sink at all."""
        known = self._leads.setdefault(danger, Memos())
        held = known[function]
        if held is None:
            seen = {function: function}
            queue = [function]
            (found, depends) = recording.tracked(lambda: self._search(queue, seen, danger))
            if found is None:
                known.update((each, (False, depends)) for each in seen)
            else:
                each = found
                while each is not function:
                    known[each] = True, depends
                    each = seen[each]
                known[function] = True, depends
            return found is not None
        recording.depend_on(held[1])
        return held[0]

    def _search(self, queue: list[Function], seen: dict[Function, Function], danger: str) -> Function | None:
        """The nearest function with a sink; `seen` says from which each one was come to."""
        known = self._leads[danger]
        for each in queue:  # grows while it runs: breadth first
            held = known[each]
            if (held is not None and held[0]) or self._has_sink(each, danger):
                return each
            if held is not None:
                recording.depend_on(held[1])
                continue
            for _, callee in self.callees(each):
                if callee not in seen:
                    seen[callee] = each
                    queue.append(callee)
        return None

    def _has_sink(self, function: Function, danger: str) -> bool:
        """Whether a text of a danger arrives anywhere in a function itself."""
        is_likely = function.index in self.sinks.functions(function.module, danger)
        return is_likely and self._gets_to_sink(function, danger)

    @memoized
    def _gets_to_sink(self, function: Function, danger: str) -> bool:
        module = function.module
        if danger == "path" and self._has_join(function):
            return True
        return any(self.sinks.sink(module, call, danger) is not None for call in self.sinks.likely(function, danger))

    def _has_join(self, function: Function) -> bool:
        """Whether paths are joined in a function."""
        module = function.module
        calls = self.sinks.joining(function)
        if any(self.sinks.is_join(module, call) for call in calls):
            return True
        asked = [(value, call.block, call.start) for call in calls for value in asked_of(call) if is_divided(value)]
        divided = (*asked, *self.sinks.divisions(function))
        return any(self.sinks.is_path(value, (module, block, start)) for value, block, start in divided)

    @memoized
    def reach(self, function: Function) -> frozenset[Function]:
        """Every function of the project that runs when one does."""
        seen = {function: None}
        for each in (queue := [function]):
            for _, callee in self.callees(each):
                if callee not in seen:
                    seen[callee] = None
                    queue.append(callee)
        return frozenset(seen)
