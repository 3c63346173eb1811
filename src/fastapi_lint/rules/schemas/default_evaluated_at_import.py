"""FAPI414: a time, an identifier or a random value as a default. Knows which calls give something new each time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi_lint.finding import Edit, Finding, Fix, Safety
from fastapi_lint.fixing import edits
from fastapi_lint.fixing.edits.calls import call_node, value_text
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, External, Function, FunctionObject, Module
from fastapi_lint.model.injection import MARKERS
from fastapi_lint.rule import Check, rule

_FRESH = frozenset({
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today", "time.time",
    "time.time_ns", "uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7", "secrets.token_hex", "secrets.token_bytes",
    "secrets.token_urlsafe", "secrets.randbelow", "secrets.choice", "random.random", "random.randint", "random.choice",
    "random.randrange", "random.uniform", "random.getrandbits", "os.urandom",
})  # fmt: skip
_THROUGH = frozenset({"str", "int", "float", "round", "bytes", "repr"})
_FIELDS = frozenset({"pydantic.Field", "sqlmodel.Field", "pydantic.PrivateAttr"})
_COLUMNS = frozenset({"sqlalchemy.Column", "sqlalchemy.orm.mapped_column", "sqlalchemy.schema.Column"})
_COLUMN_DEFAULTS = frozenset({"default", "onupdate", "insert_default"})
_MODELS = ("pydantic.BaseModel", "sqlmodel.SQLModel")
_WORDS = (b"now(", b"today(", b"time(", b"uuid", b"token_", b"rand", b"choice(", b"time_ns(")


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
    Settings classes are spared: they are read once for each process. So are functions and classes that are defined
    inside a function, parameters in scripts (with a `__main__` guard), which end soon after, and test modules.

    References
    - [Pydantic: fields with dynamic default values](https://docs.pydantic.dev/latest/concepts/fields/#default-values)
    - [SQLAlchemy: column defaults](https://docs.sqlalchemy.org/en/20/core/defaults.html#python-executed-functions)
    """
    data = module.source.data
    if module.is_test or not any(word in data for word in _WORDS):
        return
    for cls in module.classes:
        if not _is_local(module, cls.facts.outer) and _is_schema(cls, check):
            yield from _fields(cls, check)
    for call in module.facts.calls:
        if _may_declare(call) and not _is_local(module, call.block):
            yield from _arguments(module, call, check)
    for function in module.functions if not module.facts.has_main_guard else ():
        if function.name != "<lambda>" and not _is_local(module, function.facts.outer):
            for param in function.params:
                if param.default is not None and (found := _fresh(param.default, module, check)):
                    consequence = f"every call of `{function.name}` without `{param.name}` gets the same value"
                    message = _message(module, found, consequence, "default to None and make it in the body")
                    yield check.finding(found, message)


def _arguments(module: Module, call: f.Call, check: Check) -> Iterator[Finding]:
    """Columns and parameter markers."""
    name = check.project.called_name(module, call)
    if name in _COLUMNS:
        for arg in call.args:
            if arg.name in _COLUMN_DEFAULTS and (found := _fresh(arg.value, module, check)):
                message = _message(module, found, f"every row gets the same `{arg.name}`", "pass a callable")
                yield check.finding(found, message, fix=_as_callable(module, arg, arg.name, found))
    elif name in MARKERS:
        for arg in _defaults(call):
            if found := _fresh(arg.value, module, check):
                message = _message(module, found, "every request gets the same default", "use `default_factory`")
                yield check.finding(found, message, fix=_as_callable(module, arg, "default_factory", found))


def _fields(cls: Class, check: Check) -> Iterator[Finding]:
    module = cls.module
    for name, entry in cls.assigns.items():
        value = entry.value
        if value is None or (entry.annotation is not None and _is_class_variable(entry, module, check)):
            continue
        consequence = f"every `{cls.name}` gets the same `{name}`"
        if found := _fresh(value, module, check):
            if entry.annotation is None:
                continue
            call = module.facts.calls[value.index] if isinstance(value, f.CallRef) else None
            fix = partial(_as_field, cls, call, check) if call is not None else None
            message = _message(module, found, consequence, "use `Field(default_factory=...)`")
            yield check.finding(found, message, fix=fix)
        elif isinstance(value, f.CallRef):
            call = module.facts.calls[value.index]
            if check.project.called_name(module, call) in _FIELDS:
                for arg in _defaults(call):
                    if inner := _fresh(arg.value, module, check):
                        message = _message(module, inner, consequence, "use `default_factory`")
                        yield check.finding(inner, message, fix=_as_callable(module, arg, "default_factory", inner))


def _message(module: Module, call: f.Call, consequence: str, instead: str) -> str:
    called = module.source.slice(call.start, call.name_end)
    return f"`{called}()` runs once, at import: {consequence}; {instead}"


# -------------------------------------------------------------------- what is looked at


def _is_schema(cls: Class, check: Check) -> bool:
    types = check.project.types
    return any(types.is_subclass(cls, model) for model in _MODELS) and not types.is_subclass(
        cls, "pydantic_settings.BaseSettings"
    )


def _is_local(module: Module, block: int) -> bool:
    return module.facts.blocks[block].function >= 0


def _may_declare(call: f.Call) -> bool:
    last = call.func.id if isinstance(call.func, f.Name) else call.func.attr if isinstance(call.func, f.Attr) else ""
    return bool(call.args) and (last[:1].isupper() or last == "mapped_column")


def _is_class_variable(entry: f.Assign, module: Module, check: Check) -> bool:
    expr = entry.annotation.value if isinstance(entry.annotation, f.Sub) else entry.annotation
    return check.project.name(expr, module, entry.block, entry.start) == "typing.ClassVar"


def _defaults(call: f.Call) -> Iterator[f.Arg]:
    for i, arg in enumerate(call.args):
        if arg.name == "default" or (i == 0 and arg.name == ""):
            yield arg


def _fresh(value: f.Expr, module: Module, check: Check, depth: int = 0) -> f.Call | None:
    """The call in an expression that gives something new each time; the project's own one-liners are looked into."""
    if depth > 6:
        return None
    match value:
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            callee = check.project.callee(module, call)
            match callee:
                case External(name=name) if name in _FRESH:
                    return call
                case External(name=name) if name in _THROUGH and call.args:
                    return _fresh(call.args[0].value, module, check, depth + 1)
                case FunctionObject(function=function) if _gives_fresh(function, check, depth):
                    return call
            if isinstance(call.func, f.Attr):
                return _fresh(call.func.value, module, check, depth + 1)
        case f.Attr(value=inner):
            return _fresh(inner, module, check, depth + 1)
        case f.Binary(left=left, right=right):
            return _fresh(left, module, check, depth + 1) or _fresh(right, module, check, depth + 1)
        case f.Joined(parts=parts):
            return next((found for part in parts if (found := _fresh(part, module, check, depth + 1))), None)
    return None


def _gives_fresh(function: Function, check: Check, depth: int) -> bool:
    """Whether a plain function of the project does nothing but return something new."""
    if function.is_async or function.is_generator or function.facts.decorators or len(function.exits) != 1 or depth > 3:
        return False
    leaving = function.exits[0]
    inside = leaving.block == function.facts.block and leaving.kind == "return" and leaving.value is not None
    return inside and leaving.value is not None and _fresh(leaving.value, function.module, check, depth + 2) is not None


# -------------------------------------------------------------------- fixes


def _factory(module: Module, text: str, call: f.Call) -> str:
    """The code of a callable that gives the value: the function itself when the call has no arguments."""
    bare = module.source.slice(call.start, call.end)
    return module.source.slice(call.start, call.name_end) if text == bare and not call.args else f"lambda: {text}"


def _as_callable(module: Module, arg: f.Arg, keyword: str, call: f.Call) -> Fix | None:
    text = value_text(module, arg)
    if "#" in text or "\n" in text or module.facts.errors:
        return None
    edit = Edit(module.source.span(arg.start, arg.end), f"{keyword}={_factory(module, text, call)}")
    return Fix("Make it a factory", Safety.UNSAFE, (edit,))


def _as_field(cls: Class, call: f.Call, check: Check) -> Fix | None:
    module = cls.module
    text = module.source.slice(call.start, call.end)
    found = call_node(module, call) if "\n" not in text else None
    if found is None:
        return None
    source, node = found
    package = "sqlmodel" if check.project.types.is_subclass(cls, "sqlmodel.SQLModel") else "pydantic"
    imported = edits.importing(source, package, "Field", at=node)
    if imported is None:
        return None
    name, imports = imported
    edit = Edit(source.span(call.start, call.end), f"{name}(default_factory={_factory(module, text, call)})")
    return Fix("Make it a factory", Safety.UNSAFE, (edit, *imports))
