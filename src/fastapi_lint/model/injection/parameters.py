"""What FastAPI reads of a signature: parameters with their markers, and uses of dependencies. Finds none of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Module,
    Type,
    without_partials,
)
from fastapi_lint.model.types.inference.inference import Inference

MARKERS = frozenset({
    "fastapi.Query", "fastapi.Path", "fastapi.Body", "fastapi.Header", "fastapi.Cookie", "fastapi.Form", "fastapi.File",
})  # fmt: skip


@dataclass(frozen=True, eq=False)
class Depends:
    """One use of a dependency: the call of Depends or Security, and what it depends on (None when not known)."""

    target: Type
    module: Module
    call: f.Call
    is_security: bool

    @property
    def start(self) -> int:
        return self.call.start

    @property
    def end(self) -> int:
        return self.call.end

    @property
    def function(self) -> Function | None:
        """The project function that is depended on, when it is one."""
        return self.target.function if isinstance(self.target, FunctionObject) else None

    @property
    def name(self) -> str:
        """What the dependency is called in the code, for messages."""
        match self.target:
            case FunctionObject(function=function):
                return function.name
            case ClassObject(cls=cls) | Instance(cls=Class() as cls):
                for arg in self.call.args:
                    if isinstance(arg.value, (f.Name, f.Attr)):
                        return arg.value.id if isinstance(arg.value, f.Name) else arg.value.attr
                return cls.name
            case External(name=name) | Instance(cls=str(name)):
                for arg in self.call.args:
                    if isinstance(arg.value, (f.Name, f.Attr)):
                        return arg.value.id if isinstance(arg.value, f.Name) else arg.value.attr
                return name.rsplit(".", 1)[-1]
        for arg in self.call.args:
            match arg.value:
                case f.Name(id=name) | f.Attr(attr=name):
                    return name
                case f.CallRef(index=index):
                    func = self.module.facts.calls[index].func
                    return func.id if isinstance(func, f.Name) else getattr(func, "attr", "?")
        return "?"

    @property
    def shown(self) -> str:
        """By what others can depend on the same: a function inside of another is not to be had by its own name."""
        if self.function is not None and self.function.parent is not None:
            for arg in self.call.args:
                value = self.module.facts.calls[arg.value.index].func if isinstance(arg.value, f.CallRef) else arg.value
                if isinstance(value, (f.Name, f.Attr)):
                    return f.last_name(value)
        return self.name


@dataclass(frozen=True, eq=False)
class Parameter:
    """A parameter of an endpoint or dependency as FastAPI reads it.

    `marker` is the canonical name of Query, Depends and their kin, "" without one; `marker_call` its call, with the
    module it is written in (an Annotated alias may stand elsewhere). `in_annotation` tells Annotated from a default.
    """

    function: Function
    fact: f.Param
    type: Type
    marker: str = ""
    marker_call: f.Call | None = None
    marker_module: Module | None = field(default=None, repr=False)
    in_annotation: bool = False

    @property
    def name(self) -> str:
        return self.fact.name

    @property
    def start(self) -> int:
        return self.fact.start

    @property
    def end(self) -> int:
        return self.fact.end

    @property
    def is_made_elsewhere(self) -> bool:
        """Whether the marker in a default is not written there, but made by a function that is called."""
        call = self.marker_call
        if not isinstance(self.fact.default, f.CallRef) or call is None or self.in_annotation:
            return False
        return self.function.module.facts.calls[self.fact.default.index] is not call

    def keyword(self, name: str) -> f.Arg | None:
        """A keyword argument of the marker."""
        return next((a for a in self.marker_call.args if a.name == name), None) if self.marker_call else None


def called_for(target: Type, types: Inference) -> Function | None:
    """The function of the project that FastAPI calls for what is depended on, and whose parameters it fills: itself, as
    `__init__`, or as `__call__`, through any `partial`; None when there is none."""
    match without_partials(target):
        case FunctionObject(function=function):
            return function
        case ClassObject(cls=Class() as cls):
            found = types.member(cls, "__init__", Instance(cls))
        case Instance(cls=Class() as cls) as made:
            found = types.member(cls, "__call__", made)
        case _:
            return None
    return found.function if isinstance(found, FunctionObject) else None
