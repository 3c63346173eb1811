"""FAPI414: a time, an identifier or a random value as a default. Knows where defaults stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.calls import call_node, value_text
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, Module
from fastapi_lint.model.data import is_made_anew, is_made_once, record_kind
from fastapi_lint.model.injection import MARKERS
from fastapi_lint.model.names import dotted
from fastapi_lint.model.values import FRESH_WORDS, fresh
from fastapi_lint.rule import Check, rule

_FACTORIES = {
    "pydantic.Field": "default_factory",
    "sqlmodel.Field": "default_factory",
    "pydantic.PrivateAttr": "default_factory",
    "dataclasses.field": "default_factory",
    "msgspec.field": "default_factory",
    "attrs.field": "factory",
    "attr.field": "factory",
    "attr.ib": "factory",
}
"""What declares a field, with the argument that takes a factory."""
_MAKERS = {
    "pydantic": ("pydantic", "Field"),
    "sqlmodel": ("sqlmodel", "Field"),
    "sqlmodel-table": ("sqlmodel", "Field"),
    "pydantic-dataclass": ("pydantic", "Field"),
    "dataclass": ("dataclasses", "field"),
}
"""What a field is declared with, by the kind of its class."""
_FIELDS = frozenset({"Field", "field"})
_DECLARING = frozenset({"mapped_column", *_FIELDS})
_COLUMNS = frozenset({"sqlalchemy.Column", "sqlalchemy.orm.mapped_column", "sqlalchemy.schema.Column"})
_COLUMN_DEFAULTS = frozenset({"default", "onupdate", "insert_default"})


@rule("FAPI414", fix=Safety.UNSAFE)
def default_evaluated_at_import(module: Module, check: Check) -> Iterator[Finding]:
    """A default that must be new each time is made once, at import.

    Why is this bad?
    Defaults are evaluated when the class or function is defined. Every order gets the time at which the server started,
    every row the same "unique" identifier, every user the same token, and it only shows after the next deployment.

    Fix safety
    The call becomes a factory (`default_factory=...`, or a callable for a SQLAlchemy column). The fix is unsafe because
    the value now differs from object to object, and the OpenAPI document no longer shows it as default. Parameter
    defaults are not rewritten: they need `None` and a line in the body.

    Known limits
    Settings are spared, with what they inherit and hold: they are read once for each process. So are classes of which
    all objects are made with their modules, and dataclasses, named tuples and the like that no route and no function of
    the application makes. Functions and classes that are defined inside a function are left alone, parameters in
    scripts (with a `__main__` guard), which end soon after, and test modules.

    References
    - [Pydantic: fields with dynamic default values](https://docs.pydantic.dev/latest/concepts/fields/#default-values)
    - [dataclasses: default factory functions](https://docs.python.org/3/library/dataclasses.html#default-factory-functions)
    - [SQLAlchemy: column defaults](https://docs.sqlalchemy.org/en/20/core/defaults.html#python-executed-functions)
    """
    data = module.source.data
    if module.is_test or not any(word in data for word in FRESH_WORDS):
        return
    for cls in module.classes:
        if not _is_local(module, cls.facts.outer):
            yield from _fields(cls, check)
    for call in module.facts.calls:
        if _may_declare(module, call) and not _is_local(module, call.block):
            yield from _arguments(module, call, check)
    for function in module.functions if not module.facts.has_main_guard else ():
        if function.name != "<lambda>" and not _is_local(module, function.facts.outer):
            for param in function.params:
                if found := fresh(param.default, module, check.project.types):
                    consequence = f"every call of `{function.name}` without `{param.name}` gets the same value"
                    yield _finding(module, found, consequence, "default to None and make it in the body", check)


def _arguments(module: Module, call: f.Call, check: Check) -> Iterator[Finding]:
    """Columns and parameter markers."""
    name = check.project.called_name(module, call)
    types = check.project.types
    if name in _COLUMNS:
        for arg in call.args:
            if arg.name in _COLUMN_DEFAULTS and (found := fresh(arg.value, module, types)):
                fix = partial(_as_callable, module, arg, arg.name, found)
                yield _finding(module, found, f"every row gets the same `{arg.name}`", "pass a callable", check, fix)
    elif name in MARKERS:
        for arg in _defaults(call):
            if found := fresh(arg.value, module, types):
                fix = partial(_as_callable, module, arg, "default_factory", found)
                consequence = "every request gets the same default"
                yield _finding(module, found, consequence, "use `default_factory`", check, fix)


def _fields(cls: Class, check: Check) -> Iterator[Finding]:
    module, types = cls.module, check.project.types
    found = [(entry, arg, call) for entry in cls.assigns.values() for arg, call in _made_once(entry, module, check)]
    kind = record_kind(types, cls) if found else None
    if kind is None or kind == "settings" or is_made_once(check.project, cls):
        return
    is_model = any(types.is_subclass(cls, model) for model in ("pydantic.BaseModel", "sqlmodel.SQLModel"))
    if not is_model and not is_made_anew(check.project, cls):
        return
    for entry, arg, call in found:
        consequence = f"every `{cls.name}` gets the same `{f.last_name(entry.target)}`"
        value = entry.value if entry.value is not None else _declared(entry, module)
        if arg is not None and isinstance(value, f.CallRef):
            declared = check.project.called_name(module, module.facts.calls[value.index]) or ""
            keyword = _FACTORIES[declared]
            fix = partial(_as_callable, module, arg, keyword, call)
            yield _finding(module, call, consequence, f"use `{keyword}`", check, fix)
        elif kind in _MAKERS:
            instead = f"use `{_MAKERS[kind][1]}(default_factory=...)`"
            value = entry.value
            outer = module.facts.calls[value.index] if isinstance(value, f.CallRef) else None
            yield _finding(
                module, call, consequence, instead, check, partial(_as_field, cls, outer, kind) if outer else None
            )
        else:
            yield _finding(module, call, consequence, "make it where the object is made", check)


def _declared(entry: f.Assign, module: Module) -> f.Expr | None:
    """What declares a field in its annotation: `key: Annotated[str, Field(default=...)]`."""
    parts = entry.annotation.items[1:] if isinstance(entry.annotation, f.Sub) else ()
    calls = module.facts.calls
    names = module.words_for(_FIELDS)
    declaring = (part for part in parts if isinstance(part, f.CallRef))
    return next((part for part in declaring if f.last_name(calls[part.index].func) in names), None)


def _made_once(entry: f.Assign, module: Module, check: Check) -> Iterator[tuple[f.Arg | None, f.Call]]:
    """The call in the default of a field that gives something new each time, with the argument that it stands in."""
    value = entry.value if entry.value is not None else _declared(entry, module)
    call = module.facts.calls[value.index] if isinstance(value, f.CallRef) else None
    if call is not None and check.project.called_name(module, call) in _FACTORIES:
        for arg in _defaults(call):
            if found := fresh(arg.value, module, check.project.types):
                yield arg, found
    elif entry.annotation is not None and (found := fresh(value, module, check.project.types)):
        expr = entry.annotation.value if isinstance(entry.annotation, f.Sub) else entry.annotation
        if check.project.name(expr, module, entry.block, entry.start) != "typing.ClassVar":
            yield None, found


def _finding(
    module: Module, call: f.Call, consequence: str, instead: str, check: Check, fix: partial[Fix | None] | None = None
) -> Finding:
    called = module.source.slice(call.start, call.name_end)
    return check.finding(call, f"`{called}()` runs once, at import", why=consequence, instead=instead, fix=fix)


def _is_local(module: Module, block: int) -> bool:
    return module.facts.blocks[block].function >= 0


def _may_declare(module: Module, call: f.Call) -> bool:
    last = f.last_name(call.func)
    return bool(call.args) and (last[:1].isupper() or last in module.words_for(_DECLARING))


def _defaults(call: f.Call) -> Iterator[f.Arg]:
    for i, arg in enumerate(call.args):
        if arg.name == "default" or (i == 0 and arg.name == ""):
            yield arg


# -------------------------------------------------------------------- fixes


def _factory(module: Module, text: str, call: f.Call) -> str:
    """The code of a callable that gives the value: the function itself when the call has no arguments.

    A method of what another call makes is no such function: `datetime.now().isoformat` belongs to the time at import.
    """
    bare = module.source.slice(call.start, call.end)
    named = text == bare and not call.args and dotted(call.func) != ""
    return module.source.slice(call.start, call.name_end) if named else f"lambda: {text}"


def _reads_class(module: Module, made: str, call: f.Call) -> bool:
    """Whether a lambda would read a name that its class binds above: it does not see what a class body does."""
    index = module.facts.blocks[call.block].cls
    if index < 0 or not made.startswith("lambda"):
        return False
    cls = module.classes[index]
    bound = {name for name, entry in cls.assigns.items() if entry.end <= call.start}
    bound |= {name for name, method in cls.methods.items() if method.facts.end <= call.start} | set(cls.nested)
    return any(re.search(rf"(?<![\w.]){re.escape(name)}\b", made) for name in bound)


def _as_callable(module: Module, arg: f.Arg, keyword: str, call: f.Call) -> Fix | None:
    text = value_text(module, arg)
    if "#" in text or "\n" in text or module.facts.errors:
        return None
    made = _factory(module, text, call)
    if _reads_class(module, made, call):
        return None
    edit = Edit(module.source.span(arg.start, arg.end), f"{keyword}={made}")
    return Fix("Make it a factory", Safety.UNSAFE, (edit,))


def _as_field(cls: Class, call: f.Call, kind: str) -> Fix | None:
    module = cls.module
    text = module.source.slice(call.start, call.end)
    found = call_node(module, call) if "\n" not in text else None
    if found is None:
        return None
    source, node = found
    imported = edits.importing(source, *_MAKERS[kind], at=node)
    if imported is None:
        return None
    name, imports = imported
    made = _factory(module, text, call)
    if _reads_class(module, made, call):
        return None
    edit = Edit(source.span(call.start, call.end), f"{name}(default_factory={made})")
    return Fix("Make it a factory", Safety.UNSAFE, (edit, *imports))
