"""FAPI224: names that only type checkers import, where FastAPI or Pydantic evaluates them."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Fix, Safety, Severity
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.bindings import module_imports
from fastapi_lint.fixing.edits.calls import node_at
from fastapi_lint.fixing.edits.unused import remove_from_type_checking
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function, Module, Parameter
from fastapi_lint.model.calls import decorator_effect
from fastapi_lint.model.data import Schema, is_imported_by_a_user, is_rebuilt
from fastapi_lint.model.names import imports_back
from fastapi_lint.model.types import DEPENDS, When, is_dead, scope_around, unimported
from fastapi_lint.rule import Check, rule

_STARLETTE = frozenset({"route", "add_route", "websocket_route", "add_websocket_route"})
"""Registrations whose handlers FastAPI does not inspect."""


@rule("FAPI224", severity=Severity.ERROR, fix=Safety.UNSAFE)
def type_checking_import_in_signature(subject: Function | Schema, check: Check) -> Iterator[Finding]:
    """An annotation that FastAPI or Pydantic evaluates needs a name that only type checkers import.

    Why is this bad?
    The types in the signature of an endpoint or a dependency, and in the fields of a schema, are not just for readers:
    FastAPI and Pydantic evaluate them while the application starts. A name that is imported under
    `if TYPE_CHECKING:` does not exist then. Depending on the version, the application does not start (NameError), or it
    starts and treats `request: Request` as a query parameter that every client must send (422), answers 500, or fails
    to make its OpenAPI document (PydanticUserError: class not fully defined).

    Fix safety
    The import is moved out of `if TYPE_CHECKING:`. The fix is unsafe because an import that runs can have side effects.
    Where it would close a circle of imports within the project there is no fix.

    Known limits
    What FastAPI tolerates is left alone: the annotation beside a `Depends(...)` default (with Pydantic 2; not from
    FastAPI 0.123.5 to 0.124.1), a quoted type inside `Annotated["T", Depends(...)]`, what a dependency returns, and
    what an endpoint returns if it has a `response_model`. Dataclasses and typed dicts are looked at when a route reads
    or sends them. Schemas for which `model_rebuild` or `update_forward_refs` is
    called, those used where a function imports the name for itself (Pydantic finds it there), and annotations that are
    not text under Python 3.14 or newer, are left alone as well.

    References
    - [FastAPI release notes: 0.124.2](https://fastapi.tiangolo.com/release-notes/#01242-2025-12-10)
    - [Pydantic: forward annotations](https://docs.pydantic.dev/latest/concepts/forward_annotations/)
    - [Ruff: FastAPI and flake8-type-checking](https://docs.astral.sh/ruff/settings/#lint_flake8-type-checking_runtime-evaluated-decorators)
    """
    module = subject.module
    if not module.facts.dead or module.path.endswith(".pyi"):
        return
    if isinstance(subject, Schema):
        yield from _fields(subject, check)
        return
    routes = [
        route
        for route in check.project.routes.by_handler.get(subject, ())
        if not (isinstance(route.call.func, f.Attr) and route.call.func.attr in _STARLETTE)
    ]
    if not routes and subject not in check.project.dependencies.injected:
        return
    if _is_hidden(subject, check):
        return
    for parameter in check.project.dependencies.parameters(subject):
        yield from _parameter(subject, parameter, check)
    reads_result = any(
        route.kind == "http"
        and not route.has_unpacked
        and not any(route.keyword(name) for name in ("response_model", "include_in_schema"))
        for route in routes
    )
    if reads_result and not subject.facts.is_generator:
        yield from _result(subject, check)


# ---------------------------------------------------------------- where names are read


def _parameter(function: Function, parameter: Parameter, check: Check) -> Iterator[Finding]:
    annotation = parameter.fact.annotation
    if annotation is None or parameter.fact.kind in ("args", "kwargs"):
        return
    where = scope_around(function.module, function.facts.outer)
    for name, when, entry in unimported(check.project.types, annotation, where):
        if when == "now" and not _is_evaluated(function.module, check):
            continue
        if when != "now" and _is_tolerated(parameter, when, function, check):
            continue
        if when == "now":
            effect = "Python raises NameError at the `def`"
        elif parameter.marker in DEPENDS:
            effect = f"FastAPI cannot evaluate the annotation of `{parameter.name}` and does not see its `Depends`"
        else:
            effect = f"FastAPI cannot evaluate the annotation of `{parameter.name}` and treats it as something else"
        yield _finding(
            function.module, (parameter.start, parameter.end), name, f"in `{function.name}` {effect}", entry, check
        )
        return


def _result(function: Function, check: Check) -> Iterator[Finding]:
    module = function.module
    if check.project.versions.for_path(module.path).always_at_least("fastapi", "0.89", default=True) is not True:
        return  # older ones do not read the return annotation
    where = scope_around(module, function.facts.outer)
    for name, when, entry in unimported(check.project.types, function.facts.returns, where):
        if when == "now" and not _is_evaluated(module, check):
            continue
        effect = (
            "Python raises NameError at the `def`"
            if when == "now"
            else f"FastAPI cannot make a response model of what `{function.name}` returns"
        )
        yield _finding(module, (function.start, function.end), name, effect, entry, check)
        return


def _fields(schema: Schema, check: Check) -> Iterator[Finding]:
    module = schema.module
    project = check.project
    where = scope_around(module, schema.cls.facts.outer)
    if not schema.complete or is_dead(module, where[1]):
        return
    reported: set[str] = set()
    for one in schema.own_fields:
        for name, when, entry in unimported(project.types, one.annotation, where):
            if name in reported or (when == "now" and not _is_evaluated(module, check)):
                continue
            if not schema.is_validated and not project.exchange.is_exchanged(schema.cls):
                return
            if when != "now" and (is_rebuilt(project, schema.cls) or is_imported_by_a_user(project, schema.cls, name)):
                continue
            effect = (
                "Python raises NameError at the `class`"
                if when == "now"
                else f"Pydantic cannot evaluate the field `{one.name}`, and the first use of `{schema.name}` fails"
            )
            reported.add(name)
            yield _finding(module, (one.start, one.end), name, effect, entry, check)


# ---------------------------------------------------------------- what is tolerated


def _is_evaluated(module: Module, check: Check) -> bool:
    """Whether Python evaluates annotations with the `def`: it does before 3.14."""
    python = check.project.versions.for_path(module.path).python
    return python is None or python < (3, 14)


def _is_tolerated(parameter: Parameter, when: When, function: Function, check: Check) -> bool:
    """Whether a parameter works although its type cannot be evaluated: FastAPI needs it for nothing."""
    if parameter.marker not in DEPENDS or parameter.marker_call is None or not parameter.marker_call.args:
        return False
    if parameter.in_annotation:
        return when == "inner" and not isinstance(parameter.fact.annotation, f.Const)
    versions = check.project.versions.for_path(function.module.path)
    return not (
        versions.never_at_least("pydantic", "2", default=False)
        or versions.never_at_least("fastapi", "0.100.0", default=False)
        or (
            versions.always_at_least("fastapi", "0.123.5", default=False)
            and versions.never_at_least("fastapi", "0.124.2", default=False)
        )
    )


def _is_hidden(function: Function, check: Check) -> bool:
    """Whether a decorator may show FastAPI another signature."""
    for decorator in function.facts.decorators:
        if decorator_effect(check.project.types, function, decorator)[0] not in ("same", "wraps"):
            return True
    return False


# ---------------------------------------------------------------- report and fix


def _finding(module: Module, place: tuple[int, int], name: str, effect: str, entry: f.Import, check: Check) -> Finding:
    return check.finding(
        place,
        f"`{name}` is imported for type checkers only",
        why=effect,
        instead="import it outside `if TYPE_CHECKING:`",
        module=module,
        related=[check.related(entry, f"`{name}` is imported here", module=module)],
        fix=_fix(module, place[0], name, entry, check),
    )


def _fix(module: Module, at: int, name: str, entry: f.Import, check: Check) -> Fix | None:
    """Move the import out of `if TYPE_CHECKING:`, and take the `if` away when nothing is left in it."""
    tree = module.tree
    if tree is None or imports_back(check.project.modules, module, entry):
        return None
    source = module.source
    found = [each for each in module_imports(tree) if each.local == name]
    if len(found) != 1 or found[0].when != "typing" or found[0].alias is None:
        return None
    binding = found[0]
    if not binding.name and binding.path != name:
        return None
    end = edits.extent(source, binding.statement)[1]
    if "#" in source.text[end : edits.next_line_start(source, end)].partition("# noqa")[0]:
        return None  # a comment on the import would stay where it was
    made = edits.importing(source, binding.module, binding.name, at=node_at(source, at))
    if made is None or made[0] != name:
        return None
    removed = remove_from_type_checking(source, binding)
    return Fix(f"Import `{name}` at run time", Safety.UNSAFE, (*made[1], *removed)) if removed else None
