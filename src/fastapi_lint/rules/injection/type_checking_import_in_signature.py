"""FAPI224: names that only type checkers import, where FastAPI or Pydantic evaluates them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import libcst as cst

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.bindings import Imported, module_imports, parents
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, Function, Module, Parameter, Project
from fastapi_lint.model.calls import decorator_effect
from fastapi_lint.model.data import Schema
from fastapi_lint.model.names import parse_annotation
from fastapi_lint.model.types import DEPENDS, Where
from fastapi_lint.rule import Check, rule

When = Literal["now", "text", "inner"]
"""When a name in an annotation is looked up: with the `def` or `class`; later, with the whole annotation, which is
text; later, with the quoted part of an annotation that has been evaluated."""
_REBUILDS = frozenset({"model_rebuild", "update_forward_refs", "rebuild_dataclass"})
_STARLETTE = frozenset({"route", "add_route", "websocket_route", "add_websocket_route"})
"""Registrations whose handlers FastAPI does not inspect."""
_MOST_MODULES = 3000


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
    what an endpoint returns if it has a `response_model`. Schemas for which `model_rebuild` or `update_forward_refs` is
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
    where = _scope(function.module, function.facts.outer)
    for name, when, entry in _unimported(annotation, where, check):
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
    for name, when, entry in _unimported(function.facts.returns, _scope(module, function.facts.outer), check):
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
    if not schema.complete or schema.kind == "dataclass" or _is_dead(module, schema.cls.facts.outer):
        return
    reported: set[str] = set()
    for one in schema.own_fields:
        for name, when, entry in _unimported(one.annotation, _scope(module, schema.cls.facts.outer), check):
            if name in reported or (when == "now" and not _is_evaluated(module, check)):
                continue
            if when != "now" and (_is_rebuilt(schema.cls, check) or _is_imported_by_a_user(schema.cls, name, check)):
                continue
            effect = (
                "Python raises NameError at the `class`"
                if when == "now"
                else f"Pydantic cannot evaluate the field `{one.name}`, and the first use of `{schema.name}` fails"
            )
            reported.add(name)
            yield _finding(module, (one.start, one.end), name, effect, entry, check)


# ---------------------------------------------------------------- which names exist


def _unimported(annotation: f.Expr | None, where: Where, check: Check) -> Iterator[tuple[str, When, f.Import]]:
    """The names in an annotation that are imported for type checkers only, with the import."""
    module = where[0]
    future = any(entry.module == "__future__" and entry.name == "annotations" for entry in module.facts.imports)
    for name, when in _names(annotation, "text" if future else "now", where, check):
        found = check.project.types.find_bindings(name, where)
        imports = [one.entry for one in found if isinstance(one.entry, f.Import) and _is_dead(module, one.block)]
        if imports and len(imports) == len(found):
            yield name, when, imports[0]


def _names(expr: f.Expr | None, when: When, where: Where, check: Check) -> Iterator[tuple[str, When]]:
    match expr:
        case f.Name(id=name):
            yield name, when
        case f.Attr(value=value):
            yield from _names(value, when, where, check)
        case f.Const(value=str(text)):
            yield from _names(parse_annotation(text), "inner", where, check)
        case f.Binary(left=left, right=right):
            yield from _names(left, when, where, check)
            yield from _names(right, when, where, check)
        case f.Sub(value=value, items=items):
            yield from _names(value, when, where, check)
            head = check.project.types.name_of_type(check.project.types.infer(value, where))
            if head is None or head == "typing.Literal":
                return
            for item in items[:1] if head == "typing.Annotated" else items:
                yield from _names(item, when, where, check)
        case f.Display(items=items):
            for item in items:
                yield from _names(item, when, where, check)


def _scope(module: Module, block: int) -> Where:
    """The end of the scope around a definition: all that it ever binds."""
    return module, block, module.facts.blocks[block].end


def _is_dead(module: Module, block: int) -> bool:
    while block >= 0:
        if block in module.facts.dead:
            return True
        block = module.facts.blocks[block].parent
    return False


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


def _is_rebuilt(cls: Class, check: Check) -> bool:
    """Whether the project resolves the forward references of a class, or of classes that are not known, by hand."""
    known = check.project.about(_rebuilt)
    return any(one is None or check.project.types.is_subclass(one, cls) for one in known)


def _is_imported_by_a_user(cls: Class, name: str, check: Check) -> bool:
    """Whether a function imports the name for itself where the class is in use: Pydantic looks for it at the first call
    in the names of whoever calls."""
    for module in check.project.modules:
        if module.mentions(cls.name):
            for entry in module.facts.imports:
                in_function = module.facts.blocks[entry.block].function >= 0
                if in_function and name == (entry.alias or entry.name or entry.module):
                    return True
    return False


def _rebuilt(project: Project) -> frozenset[Class | None]:
    """The classes for which the project calls `model_rebuild` or its kin; None among them is one that is not known."""
    found: set[Class | None] = set()
    for module in project.modules:
        if not module.mentions(*_REBUILDS):
            continue
        for call in module.facts.calls:
            last = call.func.attr if isinstance(call.func, f.Attr) else getattr(call.func, "id", "")
            if last in _REBUILDS:
                owner = call.func.value if isinstance(call.func, f.Attr) else call.args[0].value if call.args else None
                value = project.infer(owner, module, call.block, call.start)
                found.add(value.cls if isinstance(value, ClassObject) else None)
    return frozenset(found)


# ---------------------------------------------------------------- report and fix


def _finding(module: Module, place: tuple[int, int], name: str, effect: str, entry: f.Import, check: Check) -> Finding:
    return check.finding(
        place,
        f"`{name}` is imported for type checkers only, and {effect}; import it outside `if TYPE_CHECKING:`",
        module=module,
        related=[check.related(entry, f"`{name}` is imported here", module=module)],
        fix=_fix(module, name, entry, check),
    )


def _fix(module: Module, name: str, entry: f.Import, check: Check) -> Fix | None:
    """Move the import out of `if TYPE_CHECKING:`, and take the `if` away when nothing is left in it."""
    tree = module.tree
    if tree is None or _imports_back(module, entry, check):
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
    made = edits.importing(source, binding.module, binding.name)
    if made is None or made[0] != name:
        return None
    removed = _removed(module, binding, tree)
    return Fix(f"Import `{name}` at run time", Safety.UNSAFE, (*made[1], *removed)) if removed else None


def _removed(module: Module, binding: Imported, tree: cst.Module) -> tuple[Edit, ...]:
    source, statement = module.source, binding.statement
    if isinstance(statement.names, cst.ImportStar) or binding.alias is None:
        return ()
    if len(statement.names) > 1:
        return (edits.remove_item(source, statement.names, binding.alias),)
    above = parents(tree)
    line = above[statement]
    body = above.get(line)
    around = above.get(body) if body is not None else None
    alone = (
        isinstance(line, cst.SimpleStatementLine)
        and len(line.body) == 1
        and isinstance(body, cst.IndentedBlock)
        and len(body.body) == 1
        and isinstance(around, cst.If)
        and around.orelse is None
        and above.get(around) is tree
        and not edits.comments_in(source, around)
    )
    if not alone or not isinstance(around, cst.If):
        return (edits.remove_statement(source, statement),)
    unused = edits.remove_import_if_unused(source, "typing", "TYPE_CHECKING", ignoring=[around])
    return (edits.remove_statement(source, around), *unused)


def _imports_back(module: Module, entry: f.Import, check: Check) -> bool:
    """Whether what would be imported imports this module in turn while it is loaded."""
    queue = list(_targets(module, entry, check))
    seen = set(queue)
    for current in queue:
        if current is module or len(queue) > _MOST_MODULES:
            return True
        for other in current.facts.imports:
            if current.facts.blocks[other.block].function >= 0 or _is_dead(current, other.block):
                continue
            for target in _targets(current, other, check):
                if target not in seen:
                    seen.add(target)
                    queue.append(target)
    return False


def _targets(importer: Module, entry: f.Import, check: Check) -> Iterator[Module]:
    """The modules of the project that an import loads."""
    modules = check.project.modules
    found = (
        modules.relative(importer, entry.level, entry.module) if entry.level else modules.find(entry.module, importer)
    )
    if found is not None and found is not importer:
        yield found
        if entry.name and (inner := modules.submodule(found, entry.name)) is not None:
            yield inner
