"""Whether an `async def` could do without `async`: FastAPI then runs it in its threadpool, where it may block.

Says yes only to endpoints and dependencies that await nothing, that nobody but FastAPI calls, and that nothing keeps on
the event loop.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.decorators import decorator_effect
from fastapi_lint.model.names.symbols import (
    Class,
    Function,
    FunctionObject,
    Instance,
    Module,
)
from fastapi_lint.tracking import memoized

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project
    from fastapi_lint.model.remedies.bonds import Bonds

_WAITS = re.compile(rb"\bawait\b|\basync\s+(?:for|with|def)\b")
_REGISTERS = ("fastapi.", "starlette.", "fastapi_utils.", "fastapi_restful.")


class Plainness:
    """Answers "could this be a plain `def`", each question once."""

    def __init__(self, project: Project, bonds: Bonds) -> None:
        self.project = project
        self.types = project.types
        self.bonds = bonds

    @memoized
    def is_possible(self, function: Function) -> bool:
        """Whether a function works as a plain `def` in the threadpool, and everybody who uses it as well."""
        return (
            self.is_injected(function)
            and not self.awaits(function)
            and not any(self.project.effects.makes_coroutine(function.module, call) for call in function.calls)
            and self._is_only_registered(function)
            and not self._is_overridden(function)
            and not (function.name == "__call__" and self._is_called_elsewhere(function))
            and not self.project.is_lifespan(function)
            and not self.project.callers.uses(function)
            and self.bonds.of_injected(function) is None
            and self.bonds.of_function(function, False) is None
        )

    def is_injected(self, function: Function) -> bool:
        """Whether FastAPI calls a function: as the endpoint of an HTTP route (not as a stream), or as a dependency."""
        if not function.is_async or (function.facts.cls >= 0 and function.cls is None):
            return False
        routes = self.project.routes.by_handler.get(function, ())
        if any(route.kind != "http" for route in routes):
            return False  # a websocket is awaited
        if function in self.project.dependencies.injected:
            return True
        return bool(routes) and not function.is_generator

    @staticmethod
    def awaits(function: Function) -> bool:
        """Whether the text of a body awaits something (a word in a comment or string counts, too)."""
        text, facts = function.module.text, function.facts
        return _WAITS.search(text, facts.head_end, facts.end) is not None

    def _is_only_registered(self, function: Function) -> bool:
        """Whether nothing but FastAPI gets hold of a function: by decorators, `Depends` and registrations."""
        serving = self.project.effects.serving
        for decorator in function.facts.decorators:
            effect, name = decorator_effect(self.types, function, decorator)
            if effect != "same" and not name.startswith(_REGISTERS):
                receiver = serving.receiver_of(function, decorator)
                if receiver is None or not self._only_registers(receiver):
                    return False
        for mention in serving.mentions_of(function):
            if not serving.may_name(mention, function):
                continue
            if mention.kind != "argument" or mention.call is None:
                return False
            if not self._registers(mention.module, mention.call):
                if not self._is_given_on(mention.module, mention.call, function):
                    return False
        return True

    def _is_given_on(self, module: Module, call: f.Call, function: Function) -> bool:
        """Whether a call gives a function to one of the project that does nothing with it but to register it."""
        callee = self.types.callee(module, call)
        if not isinstance(callee, FunctionObject) or callee.function.is_generator:
            return False
        params = callee.function.params[1 if callee.owner is not None else 0 :]
        for position, arg in enumerate(call.args):
            if self.types.infer(arg.value, (module, call.block, call.start)) != FunctionObject(function):
                continue
            named = (
                [one for one in params if one.name == arg.name] if arg.name else list(params[position : position + 1])
            )
            if len(named) != 1 or not self._only_registers(callee.function, named[0].name):
                return False
        return True

    def _only_registers(self, decorator: Function, name: str = "") -> bool:
        """Whether a function of the project does nothing with one that it is given (as `name`, else as a decorator is)
        but to register and return it."""
        name = name or next((param.name for param in decorator.params if param.name not in ("self", "cls")), "")
        module = decorator.module
        word = re.compile(rb"(?<![\w.])" + re.escape(name.encode()) + rb"\b")
        given = sum(
            isinstance(arg.value, f.Name) and arg.value.id == name and self._registers(module, call)
            for call in decorator.calls
            for arg in call.args
        )
        given += sum(e.kind == "return" and e.value == f.Name(name) for e in decorator.exits)
        return given > 0 and len(word.findall(module.text[decorator.facts.head_end : decorator.facts.end])) == given

    def _registers(self, module: Module, call: f.Call) -> bool:
        """Whether a call gives a function to FastAPI."""
        return self.project.callers.library(module, call).startswith(_REGISTERS)

    def _is_called_elsewhere(self, function: Function) -> bool:
        """Whether something else than FastAPI may get an object that is called: `Depends(Guard())` alone has it, or a
        variable that stands for it in `Depends(guard)` and nowhere else."""
        made = self.project.callers.makings(function.cls) if function.cls is not None else ()
        return function.cls is None or not all(self._is_for_fastapi(module, f.CallRef(index)) for module, index in made)

    def _is_for_fastapi(self, module: Module, made: f.CallRef) -> bool:
        """Whether an object is given to FastAPI where it is made, or by a variable that is used for nothing else."""
        if any(arg.value == made and self._registers(module, call) for call in module.facts.calls for arg in call.args):
            return True
        entry = next((each for each in module.facts.assigns if each.value == made), None)
        if entry is None or not isinstance(entry.target, f.Name):
            return False
        name = entry.target.id
        word = re.compile(rb"(?<!\w)" + re.escape(name.encode()) + rb"(?!\w)")
        for each in self.types.modules.with_word(name):
            known = int(each is module) + sum(one.name == name for one in each.facts.imports)
            known += sum(
                f.last_name(arg.value) == name
                and isinstance(arg.value, (f.Name, f.Attr))
                and self._registers(each, call)
                for call in each.facts.calls
                for arg in call.args
            )
            if len(word.findall(each.text)) != known:
                return False
        return True

    def _is_overridden(self, function: Function) -> bool:
        """Whether a method stands for others of its name, or others for it: they would all have to change."""
        cls = function.cls
        if cls is None:
            return False
        for base in self.types.mro(cls)[1:]:
            if isinstance(base, Class) and function.name in base.methods:
                return True
        found = self.types.member(cls, function.name, Instance(cls))
        execution = self.project.effects.execution
        return isinstance(found, FunctionObject) and execution.has_override(function)
