"""Dependencies that depend on themselves: the circles of the Depends graph of the whole project. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.injection.parameters import Depends, Parameter
from fastapi_lint.model.names.places import place_of
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Function,
    FunctionObject,
    Instance,
    Type,
    without_partials,
)
from fastapi_lint.model.types.inference.inference import DEPENDS

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


class Circles:
    """Who depends on whom, as far as a definition can reach at run time."""

    def __init__(self, project: Project) -> None:
        self.types = project.types
        self.dependencies = project.dependencies
        self._edges: dict[Type, tuple[tuple[Type, Depends], ...]] = {}

    def cycles(self) -> Iterator[list[tuple[Type, Depends]]]:
        """Each circle once, from its first member by path and place: the members, each with its use of the next."""
        roots: list[Type] = [ClassObject(cls) for cls in self.dependencies.used_classes]
        for function in self.dependencies.injected:
            owner = function.cls
            is_call = owner is not None and function.name == "__call__"
            roots.append(Instance(owner) if is_call and owner is not None else FunctionObject(function))
        done: set[Type] = set()
        reported: set[frozenset[Type]] = set()
        for root in sorted(roots, key=_place):
            yield from self._from(root, done, reported)

    def _from(
        self, root: Type, done: set[Type], reported: set[frozenset[Type]]
    ) -> Iterator[list[tuple[Type, Depends]]]:
        path: list[tuple[Type, Depends]] = []
        position: dict[Type, int] = {}
        stack = [(root, iter(self.edges(root)))] if root not in done else []
        if stack:
            position[root] = 0
        while stack:
            node, edges = stack[-1]
            step = next(edges, None)
            if step is None:
                stack.pop()
                position.pop(node)
                done.add(node)
                if path:
                    path.pop()
                continue
            target, uses = step
            if target in position:
                cycle = [*path[position[target] :], (node, uses)]
                members = frozenset(member for member, _ in cycle)
                if members not in reported:
                    reported.add(members)
                    start = min(range(len(cycle)), key=lambda i: _place(cycle[i][0]))
                    yield cycle[start:] + cycle[:start]
            elif target not in done:
                path.append((node, uses))
                position[target] = len(stack)
                stack.append((target, iter(self.edges(target))))

    def edges(self, node: Type) -> tuple[tuple[Type, Depends], ...]:
        if node not in self._edges:
            self._edges[node] = tuple(self._find(node))
        return self._edges[node]

    def _find(self, node: Type) -> Iterator[tuple[Type, Depends]]:
        function = self._signature(node)
        late = {
            place_of(parameter.marker_module, parameter.marker_call)
            for parameter in (self.dependencies.parameters(function) if function else ())
            if parameter.marker in DEPENDS
            and parameter.marker_module is not None
            and parameter.marker_call is not None
            and self._is_early(parameter)
        }
        for uses in self.dependencies.needs(node):
            target = without_partials(uses.target)
            if isinstance(target, Instance) and not isinstance(target.cls, Class):
                continue
            if not isinstance(target, (FunctionObject, ClassObject, Instance)):
                continue
            if (
                function is not None
                and place_of(uses.module, uses.call) in late
                and not self._is_defined(function, target, uses)
            ):
                continue
            yield _plain(target), uses

    def _signature(self, node: Type) -> Function | None:
        """The function whose parameters FastAPI reads."""
        match node:
            case FunctionObject(function=function):
                return function
            case ClassObject(cls=cls):
                found = self.types.member(cls, "__init__", Instance(cls))
                return found.function if isinstance(found, FunctionObject) else None
            case Instance(cls=Class() as cls):
                found = self.types.member(cls, "__call__", node)
                return found.function if isinstance(found, FunctionObject) else None
        return None

    @staticmethod
    def _is_early(parameter: Parameter) -> bool:
        """Whether what a parameter depends on is evaluated with the `def`: a default, an annotation that is no text."""
        if not parameter.in_annotation and isinstance(parameter.fact.default, (f.CallRef, f.Name, f.Attr)):
            call = parameter.marker_call
            return call is None or bool(call.args)  # `Depends()` takes the annotation, which may be text
        module = parameter.function.module
        is_text = isinstance(parameter.fact.annotation, f.Const)
        return not is_text and not any(entry.module == "__future__" for entry in module.facts.imports)

    @staticmethod
    def _is_defined(function: Function, target: Type, uses: Depends) -> bool:
        """Whether a target can exist when the function's `def` is reached."""
        definition = definition_of(target)
        if definition.module is not function.module:
            return True
        return definition.facts.start < function.facts.start and uses.start < function.facts.end


def _plain(target: Type) -> Type:
    """A node of the graph without what tells two objects of one class apart: they have one signature."""
    match target:
        case FunctionObject(function=function):
            return FunctionObject(function)
        case ClassObject(cls=cls):
            return ClassObject(cls)
        case Instance(cls=cls):
            return Instance(cls)
    return target


def definition_of(node: Type) -> Function | Class:
    """Where a member of a circle is defined."""
    match node:
        case FunctionObject(function=function):
            return function
        case ClassObject(cls=cls) | Instance(cls=Class() as cls):
            return cls
    raise TypeError(f"no definition: {node}")


def name_of(node: Type) -> str:
    """What a member of a circle is called, for messages."""
    definition = definition_of(node)
    return definition.qualname if isinstance(definition, Function) and definition.cls else definition.name


def _place(node: Type) -> tuple[str, int, str]:
    definition = definition_of(node)
    return definition.module.path, definition.start, type(node).__name__
