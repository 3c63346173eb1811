"""Every public question to the model, asked about everything in a project: what a rule might ask some day.

A question is a public function or method in `model/` all of whose parameters are things that a project has, by their
annotations. Asserts nothing itself.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import islice

import fastapi_lint.model
from fastapi_lint.files.source import Source
from fastapi_lint.index import facts as f
from fastapi_lint.index.build import build
from fastapi_lint.model import Class, Instance, Project
from fastapi_lint.model.names import Module
from fastapi_lint.model.types import Where
from fastapi_lint.model.values.environment import NOWHERE

Subject = Mapping[str, object]
"""Things that belong together, by the annotation of a parameter that takes them: a call, its module, its place."""

_ALIKE = {
    "f.Expr | None": "f.Expr", "Expr | None": "f.Expr", "Expr": "f.Expr", "Environment": "Environment",
    "Mapping[str, Bound]": "Environment", "Instance | ClassObject": "Instance", "Function | Class": "Function",
    "Instance | ClassObject | None": "Instance", "Router | Inclusion | Route": "Route", "Route | Mount": "Route",
    "Class | str": "Class", "Class | Module | str": "Class",
}  # fmt: skip
_APART = frozenset({"Project.contributes"})
"""Questions whose text is the name of something else than what stands in a module."""
_NUMBERS = {"block": "block", "index": "index", "at": "at", "start": "at", "end": "at"}
_MOST = 60
"""Subjects of one question: of each kind there are some."""


def linked(files: Mapping[str, bytes]) -> Project:
    """The project that files are."""
    sources = [Source(path, data) for path, data in files.items()]
    return Project(Module(source, build(source.utf8)) for source in sources)


def ask_everything(project: Project) -> set[str]:
    """Ask all questions; returns their names. One that has no end is an AssertionError."""
    subjects = [*_subjects(project)]
    asked = set()
    for name, question, parameters in _questions(project):
        fitting = [subject for subject in subjects if parameters <= subject.keys()]
        step = max(1, len(fitting) // _MOST)
        for subject in fitting[::step]:
            asked.add(name)
            try:
                answer = question(*(subject[each] for each in _wanted(question)))
                if inspect.isgenerator(answer):
                    list(islice(answer, 500))
            except RecursionError as error:
                raise AssertionError(f"{name} has no end") from error
            except Exception:  # asked about what does not belong together, or "not known"
                continue
    return asked


def _subjects(project: Project) -> Iterator[Subject]:
    always: dict[str, object] = {"Inference": project.types, "Project": project, "Values": project.values}
    always |= {"Routes": project.routes, "Dependencies": project.dependencies, "Environment": NOWHERE}
    for module in project.modules:
        whole = {**always, "Module": module}
        yield whole
        for index, call in enumerate(module.facts.calls):
            where = (module, call.block, call.start)
            here: dict[str, object] = {**whole, "f.Call": call, "index": index, "Where": where}
            here |= {"f.Expr": call.func, "block": call.block, "at": call.start}
            here["Type"] = project.types.callee(module, call)
            if (function := module.enclosing(call.block)) is not None:
                here["Function"] = function
            yield here
            made = project.types.call_type(module, index)
            yield {**here, "Type": made, "f.Expr": f.CallRef(index)}
            if isinstance(made, Instance):
                owner = {"Class": made.cls} if isinstance(made.cls, Class) else {}
                yield {**here, **owner, "Instance": made, "Type": made, "str": "a"}
        for expr, where in _expressions(module):
            yield {**whole, "f.Expr": expr, "Where": where, "str": getattr(expr, "id", "x")}
        for function in module.functions:
            yield {**whole, "Function": function, "str": function.name}
            for parameter in project.dependencies.parameters(function):
                yield {**whole, "Function": function, "Parameter": parameter, "f.Param": parameter.fact}
            for uses in project.dependencies.of_function(function):
                yield {**whole, "Function": function, "Depends": uses, "Type": uses.target}
        for cls in module.classes:
            yield {**whole, "Class": cls, "str": "a"}
            if (schema := project.schemas.of(cls)) is not None:
                for one in schema.fields:
                    yield {**whole, "Schema": schema, "SchemaField": one, "Class": cls}
    for route in project.routes.all:
        yield {**always, "Route": route, "Module": route.module, "f.Call": route.call, "RouterKey": route.key}
        for address in route.addresses:
            yield {**always, "Route": route, "Address": address}
    for router in project.routes.routers.values():
        yield {**always, "Router": router, "RouterKey": router.origin, "Module": router.module}


def _expressions(module: Module) -> Iterator[tuple[f.Expr, Where]]:
    facts = module.facts
    for call in facts.calls:
        for arg in call.args:
            yield arg.value, (module, call.block, call.start)
    for entry in facts.assigns:
        for expr in (entry.value, entry.annotation, entry.target):
            if expr is not None:
                yield expr, (module, entry.block, entry.start)
    for leaving in facts.exits:
        if leaving.value is not None:
            yield leaving.value, (module, leaving.block, leaving.start)
    for function in facts.functions:
        where = (module, function.outer, function.start)
        for annotated in (function.returns, *function.decorators, *(param.annotation for param in function.params)):
            if annotated is not None:
                yield annotated, where


def _questions(project: Project) -> Iterator[tuple[str, Callable[..., object], frozenset[str]]]:
    for holder in _holders(project):
        for attr in sorted(dir(type(holder))):
            if not attr.startswith("_") and inspect.isfunction(inspect.getattr_static(type(holder), attr)):
                yield from _question(f"{type(holder).__name__}.{attr}", getattr(holder, attr))
    for module in _modules():
        for name, value in sorted(vars(importlib.import_module(module)).items()):
            if not name.startswith("_") and inspect.isfunction(value) and value.__module__ == module:
                yield from _question(f"{module}.{name}", value)


def _question(
    name: str, question: Callable[..., object]
) -> Iterator[tuple[str, Callable[..., object], frozenset[str]]]:
    if (wanted := _wanted(question)) and name not in _APART:
        yield name, question, frozenset(wanted)


def _wanted(question: Callable[..., object]) -> list[str]:
    """The annotations of the parameters that have to be given, in order; of numbers the name says what they number."""
    found = []
    for parameter in inspect.signature(question).parameters.values():
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            written = str(parameter.annotation)
            found.append(_NUMBERS.get(parameter.name, "?") if written == "int" else _ALIKE.get(written, written))
    return found


def _holders(project: Project) -> list[object]:
    """The objects that answer."""
    found: list[object] = [project, project.modules, project.types, project.values, project.effects]
    found += [project.effects.execution, project.effects.serving]
    found += [project.routes, project.routes.expansion, project.routes.expansion.objects, project.dependencies]
    return [*found, project.protection, project.callers, project.versions, project.schemas, project.orm]


@cache
def _modules() -> list[str]:
    package = fastapi_lint.model
    walked = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    return sorted(module.name for module in walked if not module.ispkg)
