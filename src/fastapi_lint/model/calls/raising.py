"""What a `raise` or `return` gives, and whether the project itself raises an exception where one is caught."""

from __future__ import annotations

import builtins
from collections.abc import Iterable

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.execution import Execution
from fastapi_lint.model.names.symbols import External, Function, Module
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.model.values.constants import Values

_DEEPEST = 3


def raised_call(values: Values, module: Module, leave: f.Exit) -> int | None:
    """The call that makes what a `raise` raises: there, or before, under a name that stands for nothing else."""
    if leave.kind != "raise":
        return None
    if isinstance(leave.value, f.Name):
        found = list(values.definitions(leave.value, (module, leave.block, leave.start)))
        if len(found) == 1 and found[0][1][0] is module and isinstance(found[0][0], f.CallRef):
            return found[0][0].index
    return leave.value.index if isinstance(leave.value, f.CallRef) else None


def returned_call(values: Values, function: Function, leave: f.Exit) -> int | None:
    """The call that makes what a `return` gives: there, or before, in a variable that holds nothing else."""
    if leave.kind != "return":
        return None
    if isinstance(leave.value, f.Name):
        found = list(values.definitions(leave.value, (function.module, leave.block, leave.start)))
        if len(found) != 1:
            return None
        value, (module, block, _) = found[0]
        is_own = module is function.module and module.enclosing(block) is function
        return value.index if is_own and isinstance(value, f.CallRef) else None
    return leave.value.index if isinstance(leave.value, f.CallRef) else None


class Raising:
    """Answers about the body of one `try` after the other; keeps nothing."""

    def __init__(self, types: Inference, execution: Execution) -> None:
        self._types = types
        self._execution = execution

    def raises(self, function: Function, start: int, end: int, name: str) -> bool:
        """Whether what stands between two places of a function raises an exception of a library class (or one that is
        derived from it) by name, itself or in functions of the project that it runs."""
        exits = [leave for leave in function.exits if start <= leave.start < end]
        calls = [call for call in function.calls if start <= call.start < end]
        return self._raised(function, exits, calls, name, 0, set())

    def _raised(
        self,
        function: Function,
        exits: Iterable[f.Exit],
        calls: Iterable[f.Call],
        name: str,
        depth: int,
        seen: set[Function],
    ) -> bool:
        module = function.module
        for leave in exits:
            if leave.kind == "raise" and leave.value is not None:
                expr = module.facts.calls[leave.value.index].func if isinstance(leave.value, f.CallRef) else leave.value
                made = self._types.infer(expr, (module, leave.block, leave.start))
                if isinstance(made, External) and _is_derived(made.name, name):
                    return True
        for call in calls if depth < _DEEPEST else ():
            for target in self._execution.targets(module, call, awaited=True):
                if target not in seen:
                    seen.add(target)
                    if self._raised(target, target.exits, target.calls, name, depth + 1, seen):
                        return True
        return False


def _is_derived(name: str, of: str) -> bool:
    if name == of:
        return True
    one, other = getattr(builtins, name, None), getattr(builtins, of, None)
    return isinstance(one, type) and isinstance(other, type) and issubclass(one, other)
