"""FAPI503: engines whose URL names a driver of the other kind. Folds URLs; knows no connection."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi_lint.finding import Edit, Finding, Fix, Safety, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Module
from fastapi_lint.model.names import Class, ClassObject, Instance, ModuleObject
from fastapi_lint.model.routing import argument
from fastapi_lint.model.types import Where
from fastapi_lint.model.values import environment_read, quoted
from fastapi_lint.rule import Check, rule

_MAKERS = {"sqlalchemy.create_engine": False, "sqlalchemy.ext.asyncio.create_async_engine": True}
_MAKING = frozenset({"create_engine", "create_async_engine"})
_WRAPPING = frozenset({"AsyncEngine"})
_AROUND = frozenset({"str", "make_url", "SecretStr", "Field", "PostgresDsn"})
_SCHEME = re.compile(r"(postgresql|mysql|mariadb|sqlite|mssql)(?:\+(\w+))?://")
_DEFAULTS = {
    "postgresql": "psycopg2",
    "mysql": "mysqlclient",
    "mariadb": "mysqlclient",
    "sqlite": "pysqlite",
    "mssql": "pyodbc",
}
_SYNC = frozenset({
    "psycopg2", "psycopg2cffi", "pg8000", "mysqldb", "pymysql", "mysqlconnector", "mariadbconnector", "cymysql",
    "pysqlite", "pysqlcipher", "pyodbc", "pymssql",
})  # fmt: skip
_ASYNC = frozenset({"asyncpg", "aiomysql", "asyncmy", "aiosqlite", "aioodbc", "psycopg_async"})
_ASYNC_FOR = {
    "postgresql": "asyncpg", "mysql": "aiomysql", "mariadb": "aiomysql", "sqlite": "aiosqlite", "mssql": "aioodbc",
}  # fmt: skip
_PSYCOPG = re.compile(r"\bpsycopg\b")
_VALIDATORS = ("validator", "model_validator", "root_validator", "field_validator", "computed_field")
_DEPTH = 6


@rule("FAPI503", severity=Severity.ERROR, fix=Safety.UNSAFE)
def sync_driver_for_async_engine(module: Module, check: Check) -> Iterator[Finding]:
    """An async engine is given the URL of a synchronous driver, or the other way round.

    Why is this bad?
    `create_async_engine` refuses a driver that cannot be awaited: it raises `InvalidRequestError` when the module is
    imported. `create_engine` takes an asynchronous driver without a word, and fails with `MissingGreenlet` at the first
    query.

    A URL without a driver means the default one of SQLAlchemy, which is synchronous: `sqlite://` is pysqlite,
    `mysql://` is mysqlclient, `postgresql://` is psycopg2 (from SQLAlchemy 2.1 on psycopg, which can do both).

    Fix safety
    The fix puts an asynchronous driver into the URL (asyncpg, aiosqlite, aiomysql). It is unsafe because that driver
    has to be installed, and may understand other options in the URL.

    Known limits
    The URL must be a text, a constant, or the default of a setting or an environment variable; one that the program
    rewrites is left alone. `postgresql://` without a driver is reported only when the declared dependencies rule out
    that it means psycopg.

    References
    - [SQLAlchemy: asynchronous I/O](https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html)
    - [SQLAlchemy: database URLs](https://docs.sqlalchemy.org/en/20/core/engines.html#database-urls)
    - [SQLAlchemy 2.1: default PostgreSQL driver](https://docs.sqlalchemy.org/en/21/changelog/migration_21.html)
    """
    if not module.mentions("create_engine", "create_async_engine"):
        return
    words = module.words_for(_MAKING)
    for index, call in enumerate(module.facts.calls):
        if f.last_name(call.func) not in words:
            continue
        name = check.project.called_name(module, call)
        url = argument(call, 0, "url")
        if name not in _MAKERS or url is None or any(arg.name == "module" for arg in call.args):
            continue
        wrapped = _is_wrapped(module, index, check)
        wants_async = _MAKERS[name] or wrapped is True
        if wrapped is None:
            continue
        found = _url(url.value, (module, call.block, call.start), check)
        scheme = _SCHEME.match(found[0]) if found else None
        if found is None or scheme is None:
            continue
        verdict = _judge(module, check, scheme, wants_async)
        if verdict is not None:
            title, why, instead = verdict
            fix = _fix(module, call, url, scheme, found[1], check) if wants_async else None
            yield check.finding(url, title, why=why, instead=instead, fix=fix)


def _judge(module: Module, check: Check, scheme: re.Match[str], wants_async: bool) -> tuple[str, str, str] | None:
    """What is wrong, what that leads to and what to write; None when nothing is."""
    dialect, driver = scheme[1], scheme[2]
    if not wants_async:
        if driver not in _ASYNC:
            return None
        return (
            f"`{dialect}+{driver}` is an asynchronous driver",
            "behind `create_engine` the first query raises MissingGreenlet",
            "use `create_async_engine`, or a synchronous driver",
        )
    if driver is None:
        if dialect == "postgresql" and not _means_psycopg2(module, check):
            return None
        what = f"`{dialect}://` without a driver means {_DEFAULTS[dialect]}, which is synchronous"
    elif driver in _SYNC:
        what = f"`{dialect}+{driver}` is a synchronous driver"
    else:
        return None
    return what, "`create_async_engine` raises InvalidRequestError", f"use `{dialect}+{_ASYNC_FOR[dialect]}://`"


def _means_psycopg2(module: Module, check: Check) -> bool:
    """Whether a bare `postgresql://` cannot be psycopg 3: SQLAlchemy is older than 2.1, or psycopg is not asked for."""
    project = check.project
    if project.versions.for_path(module.path).never_at_least("sqlalchemy", "2.1", default=False):
        return True
    return bool(project.declared) and not any(_PSYCOPG.search(text) for text in project.declared.values())


def _is_wrapped(module: Module, index: int, check: Check) -> bool | None:
    """Whether an engine is made for `AsyncEngine(create_engine(...))`, also by its name; None when it may be."""
    unknown = False
    for call in module.facts.calls:
        if f.last_name(call.func) not in module.words_for(_WRAPPING) or not call.args:
            continue
        engine = check.project.infer(call.args[0].value, module, call.block, call.start)
        origin = engine.origin if isinstance(engine, Instance) else None
        if origin is not None and origin.module is module and origin.call == index:
            return True
        unknown = unknown or origin is None
    return None if unknown else False


def _url(expr: f.Expr, where: Where, check: Check, depth: int = 0) -> tuple[str, Where] | None:
    """The text of a URL, its scheme at least, and where it is written; None when it is not known."""
    module, values = where[0], check.project.values
    match expr:
        case f.Const(value=str(text)):
            return text, where
        case f.Joined() | f.Binary():
            return values.pieces(expr, where), where
        case f.Name() | f.Attr() if depth < _DEPTH:
            if _is_rewritten(expr, where, check):
                return None
            found = list(values.definitions(expr, where))
            return _url(*found[0], check, depth + 1) if len(found) == 1 else _property(expr, where, check, depth)
        case f.CallRef(index=index) if depth < _DEPTH:
            call = module.facts.calls[index]
            inner = (module, call.block, call.start)
            if f.last_name(call.func) in module.words_for(_AROUND) and call.args:
                first = argument(call, 0, "default")
                return _url(first.value, inner, check, depth + 1) if first else None
            if environment_read(module, call) is not None:
                default = argument(call, 1, "default")
                return _url(default.value, inner, check, depth + 1) if default else None
    return None


def _is_rewritten(expr: f.Name | f.Attr, where: Where, check: Check) -> bool:
    """Whether a setting is changed after it was read: its class has validators, or its module assigns to it."""
    if not isinstance(expr, f.Attr):
        return False
    owner = check.project.infer(expr.value, *where)
    if isinstance(owner, ModuleObject):
        return False
    cls = owner.cls if isinstance(owner, (ClassObject, Instance)) else None
    if not isinstance(cls, Class):
        return True
    for base in check.project.types.mro(cls):
        if isinstance(base, Class):
            names = [
                name.rsplit(".", 1)[-1]
                for method in base.methods.values()
                for name in check.project.types.decorators(method)
            ]
            if (
                any(name in _VALIDATORS for name in names)
                or "__init__" in base.methods
                or "model_post_init" in base.methods
            ):
                return True
    return False


def _property(expr: f.Expr, where: Where, check: Check, depth: int) -> tuple[str, Where] | None:
    """The text that a property of a settings object returns, when it has one return."""
    if not isinstance(expr, f.Attr):
        return None
    owner = check.project.infer(expr.value, *where)
    if not isinstance(owner, Instance) or not isinstance(owner.cls, Class):
        return None
    for base in check.project.types.mro(owner.cls):
        if isinstance(base, Class) and (method := base.methods.get(expr.attr)):
            returned = [leave for leave in method.exits if leave.kind == "return"]
            if len(returned) == 1 and returned[0].value is not None:
                at = (method.module, returned[0].block, returned[0].start)
                return _url(returned[0].value, at, check, depth + 1)
            return None
    return None


def _fix(module: Module, call: f.Call, url: f.Arg, scheme: re.Match[str], place: Where, check: Check) -> Fix | None:
    """Put the driver into the one literal that stands for the URL and for nothing else."""
    if place[0] is not module:
        return None
    start, end = url.start, url.end
    if place[2] != call.start:
        assign = next((a for a in module.facts.assigns if a.start == place[2] and a.block == place[1]), None)
        if assign is None or not isinstance(assign.target, f.Name) or not isinstance(url.value, f.Name):
            return None
        if _is_used_elsewhere(module, assign.target.id, check):
            return None
        start, end = assign.start, assign.end
    texts = [
        text for text in quoted(module) if start <= text.start and text.end <= end and text.text.startswith(scheme[0])
    ]
    if len(texts) != 1:
        return None
    first = texts[0].body_start
    name = f"{scheme[1]}+{_ASYNC_FOR[scheme[1]]}"
    edit = Edit(module.source.span(first, first + len(scheme[0]) - len("://")), name)
    return Fix(f"Use `{name}`", Safety.UNSAFE, (edit,))


def _is_used_elsewhere(module: Module, name: str, check: Check) -> bool:
    """Whether a constant is used for more than its definition and one engine."""
    if len(re.findall(rf"\b{re.escape(name)}\b", module.source.text)) != 2:
        return True
    return any(entry.name == name for other in check.project.modules for entry in other.facts.imports)
