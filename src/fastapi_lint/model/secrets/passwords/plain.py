"""Passwords that are compared or stored as they are. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import comparisons_of, decorated_by
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Function,
    FunctionObject,
    Instance,
    Module,
)
from fastapi_lint.model.secrets.passwords.given import HIGHEST, Passwords
from fastapi_lint.model.secrets.passwords.sent import is_read
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.environment import NOWHERE
from fastapi_lint.model.values.expansion import Expansion

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_PEOPLE = frozenset(
    {"email", "username", "user_name", "login", "phone", "is_active", "is_admin", "role", "mail", "nickname"}
)
_FORMS = ("fastapi.security.OAuth2PasswordRequestForm", "fastapi.security.OAuth2PasswordRequestFormStrict")
_HASHED = frozenset({"hash", "hashed", "digest", "crypted", "encrypted"})
_PLACES = frozenset({
    "host", "hostname", "server", "port", "dsn", "imap_host", "smtp_host", "database",
    "api_key", "x_api_key", "client_id", "client_secret",
})  # fmt: skip
"""What stands beside the password of a service, with which the application logs in there."""
_OF_BOTH = frozenset({"url", "uri", "address"})
"""What people have as well: it is that of a service if the password is read for more than a comparison."""


@dataclass(frozen=True)
class Plain:
    """A password that is compared or stored as it is: where, and what it is compared with or stored in.

    `is_of_source`: what it is compared with stands in the source, in a table of accounts that nothing adds to.
    """

    module: Module = field(repr=False)
    start: int
    end: int
    stored: str
    is_comparison: bool
    is_of_source: bool = False


class PlainPasswords:
    """Answers about one module after the other."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.types = project.types
        self.values = project.values
        self._passwords = Passwords(project)

    def of_module(self, module: Module) -> Iterator[Plain]:
        """Where passwords are compared with stored ones, or stored, as they are."""
        if not module.mentions("password", "passwd", "pwd"):
            return
        for function in module.functions:
            seen = set()
            for part, block, at in comparisons_of(function):
                if part.operators not in (("==",), ("!=",)) or (part, at) in seen:
                    continue
                seen.add((part, at))
                where = (module, block, at)
                left, right = part.operands
                for mine, theirs in ((left, right), (right, left)):
                    is_kept = self._is_given(mine, where) and (
                        self._is_stored(theirs, where) or self._is_equal_to_form(mine, theirs, where)
                    )
                    if is_kept and not _is_replaced(function, mine, at):
                        yield Plain(module, at, at, _shown(theirs), True, self._is_written(theirs, where))
                        break
            for call in function.calls:
                yield from self._stored(function, call)
            for entry in module.assigns_in.get(function.index, ()):
                where = (module, entry.block, entry.start)
                match entry.target:
                    case f.Attr(value=owner, attr=attr) if secrets.secret_name(attr) == "password":
                        cls = self._class_of(owner, where)
                        if cls is not None and self._keeps(cls, attr) and self._is_given(entry.value, where):
                            yield Plain(module, entry.start, entry.end, f"{cls.name}.{attr}", False)

    def _is_equal_to_form(self, mine: f.Expr, theirs: f.Expr, where: Where) -> bool:
        """Whether a column is what the password of a login has to be: then it holds one, whatever it is called."""
        if not isinstance(mine, f.Attr) or not isinstance(theirs, f.Attr):
            return False
        if not self.types.is_instance(self.types.infer(mine.value, where), *_FORMS):
            return False
        cls = self._class_of(theirs.value, where)
        model = self.project.orm.of(cls) if cls is not None and self.project.orm.is_orm(cls) else None
        column = model.column(theirs.attr) if model is not None else None
        is_hash = not _HASHED.isdisjoint(secrets.words(theirs.attr))
        return column is not None and not is_hash and self._is_text(column.where, column.call, column.annotation)

    def _stored(self, function: Function, call: f.Call) -> Iterator[Plain]:
        module = function.module
        where = (module, call.block, call.start)
        for arg in call.args:
            if secrets.secret_name(arg.name) != "password" or not self._is_given(arg.value, where):
                continue
            made = self.types.callee(module, call)
            if isinstance(made, ClassObject) and self._keeps(made.cls, arg.name):
                yield Plain(module, arg.start, arg.end, f"{made.cls.name}.{arg.name}", False)

    def _is_given(self, expr: f.Expr | None, where: Where) -> bool:
        """Whether an expression is a password as the caller or client of the function gives it."""
        module, block, at = where
        function = module.enclosing(block)
        if function is None or expr is None:
            return False
        if isinstance(expr, f.CallRef):
            call = module.facts.calls[expr.index]
            is_same = isinstance(call.func, f.Attr) and call.func.attr in ("strip", "get_secret_value")
            return is_same and isinstance(call.func, f.Attr) and self._is_given(call.func.value, where)
        if not isinstance(expr, (f.Name, f.Attr)) or secrets.secret_name(f.last_name(expr)) != "password":
            return False
        if any(entry.target == expr and entry.start < at for entry in module.assigns_in.get(function.index, ())):
            return False  # it may be hashed by now
        params = {param.name: param for param in function.params}
        match expr:
            case f.Name(id=name):
                return name in params and self._comes_plain(function, name)
            case f.Attr(value=f.Name(id=name) as owner, attr=attr):
                if name not in params or name in ("self", "cls"):
                    return False
                cls = self._class_of(owner, where)
                if function.rebinds(name) or (cls is not None and self.project.orm.is_orm(cls)):
                    return False
                is_server = cls is not None and self.project.secrets.is_settings(cls)
                return not is_server and not (cls is not None and self._validates(cls, attr))
        return False

    def _comes_plain(self, function: Function, name: str, height: int = HIGHEST) -> bool:
        """Whether no caller of a function gives it something made of the password, such as a hash."""
        shift = 1 if function.cls is not None and "staticmethod" not in self.types.decorators(function) else 0
        for module, call in self._passwords.calls(function) if height > 0 else ():
            given = Expansion.given(function, call, (module, call.block, call.start), NOWHERE, shift)
            value, where, _ = given.get(name, (None, None, None))
            caller = module.enclosing(call.block)
            if isinstance(value, f.Name) and where is not None and caller is not None:
                assigned = [one for one in module.assigns_in.get(caller.index, ()) if one.target == value]
                if any(isinstance(one.value, (f.CallRef, f.Await)) for one in _before(assigned, call.start)):
                    return False
                if any(param.name == value.id for param in caller.params) and caller is not function:
                    if not self._comes_plain(caller, value.id, height - 1):
                        return False
            elif isinstance(value, (f.CallRef, f.Await)) and where is not None and not self._is_given(value, where):
                return False
        return True

    def _is_stored(self, expr: f.Expr, where: Where) -> bool:
        """Whether an expression is the password of somebody who was looked up."""
        module, block, at = where
        function = module.enclosing(block)
        match expr:
            case f.Attr(value=owner, attr=attr):
                key = attr
            case f.Sub(value=owner, items=(f.Const(value=str(key)),)):
                attr = key
            case _:
                return False
        if secrets.secret_name(attr) != "password" or function is None or "confirm" in secrets.words(attr):
            return False
        value = self.types.infer(owner, where)
        if isinstance(value, ClassObject):
            return self.project.orm.is_orm(value.cls) and self._keeps(value.cls, attr)
        cls = value.cls if isinstance(value, Instance) and isinstance(value.cls, Class) else None
        if cls is not None and self.project.secrets.is_settings(cls):
            return False
        if cls is not None and self.project.orm.is_orm(cls):
            return self._keeps(cls, attr)
        root = owner
        while isinstance(root, (f.Attr, f.Sub)):
            root = root.value
        if isinstance(root, f.Name) and function.rebinds(root.id):
            found = [e for e in module.assigns_in.get(function.index, ()) if e.target == root and e.start < at]
            return bool(found) and self._is_look_up(found[-1].value, (module, found[-1].block, found[-1].start))
        if isinstance(expr, f.Sub) and isinstance(owner, f.Sub) and isinstance(owner.value, f.Name):
            meant = list(self.values.definitions(owner.value, where))
            return len(meant) == 1 and isinstance(meant[0][0], f.Mapping)
        return False

    def _is_written(self, expr: f.Expr, where: Where) -> bool:
        """Whether an expression is the password of an account that stands in a display in the source."""
        module, block, at = where
        function = module.enclosing(block)
        root: f.Expr = expr
        while isinstance(root, (f.Attr, f.Sub)) and not (isinstance(root, f.Sub) and isinstance(root.value, f.Name)):
            root = root.value
        table = root.value if isinstance(root, f.Sub) else root
        entries = module.assigns_in.get(function.index, ()) if function is not None else ()
        found = [entry.value for entry in entries if entry.target == table and entry.start < at]
        match found[-1] if found else None:
            case f.Sub(value=f.Name() as name):
                table = name
            case f.CallRef(index=index):
                func = module.facts.calls[index].func
                table = func.value if isinstance(func, f.Attr) and func.attr == "get" else table
        meant = list(self.values.definitions(table, where)) if isinstance(table, f.Name) else []
        if len(meant) != 1 or not isinstance(meant[0][0], f.Mapping) or _is_added_to(table, module, meant[0][1][0]):
            return False
        rows = [row for _, row in meant[0][0].items]
        return bool(rows) and all(isinstance(row, f.Mapping) and _has_fixed_password(row) for row in rows)

    def _is_look_up(self, expr: f.Expr | None, where: Where) -> bool:
        """Whether a value is looked up: a call, or an entry of something, that has nothing of the request's."""
        module = where[0]
        match expr:
            case f.Await(value=value):
                return self._is_look_up(value, where)
            case f.Sub(value=value):
                meant = list(self.values.definitions(value, where)) if isinstance(value, f.Name) else []
                return any(isinstance(each, (f.Mapping, f.CallRef)) for each, _ in meant)
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                callee = self.types.callee(module, call)
                made = self.types.call_type(module, index)
                cls = made.cls if isinstance(made, Instance) and isinstance(made.cls, Class) else None
                if isinstance(callee, ClassObject):
                    return False
                if isinstance(callee, FunctionObject):
                    return cls is None or not self.project.secrets.is_settings(cls)
                return isinstance(call.func, f.Attr) and call.func.attr in (
                    "get",
                    "fetchone",
                    "fetchrow",
                    "find_one",
                    "first",
                )
        return False

    def _class_of(self, owner: f.Expr, where: Where) -> Class | None:
        value = self.types.infer(owner, where)
        return value.cls if isinstance(value, Instance) and isinstance(value.cls, Class) else None

    def _validates(self, cls: Class, name: str) -> bool:
        """Whether a model has a validator, which may hash what comes in."""
        found = [base for base in self.types.mro(cls) if isinstance(base, Class)]
        return any(
            one.rsplit(".", 1)[-1] in ("field_validator", "validator", "model_validator", "root_validator")
            and (secrets.words(name) == [] or b"hash" in base.module.text[method.facts.start : method.facts.end])
            for base in found
            for method in base.methods.values()
            for one in self.types.decorators(method)
        )

    def _keeps(self, cls: Class, name: str) -> bool:
        """Whether a mapped class keeps the password of people in a column as it is given, as far as is seen."""
        model = self.project.orm.of(cls)
        column = model.column(name) if model is not None else None
        if model is None or column is None or not model.is_mapped:
            return False
        names = {one.name for one in model.columns}
        if not names & _PEOPLE or names & _PLACES or (names & _OF_BOTH and is_read(self.project, cls, name)):
            return False
        bases = [base for base in self.types.mro(cls) if isinstance(base, Class)]
        for base in bases:
            if "__init__" in base.methods or "__setattr__" in base.methods:
                return False
            if any("validates" in one for method in base.methods.values() for one in self.types.decorators(method)):
                return False
        if self._is_listened_to(cls):
            return False
        return self._is_text(column.where, column.call, column.annotation)

    def _is_listened_to(self, cls: Class) -> bool:
        """Whether an event handler may change what is stored of a class."""
        objects = self.project.routes.expansion.objects
        bases = {cls, *(base for base in self.types.mro(cls) if isinstance(base, Class))}
        for name in ("listens_for", "listen"):
            for module, call in (*objects.callers(name), *objects.decorating(name)):
                target = call.args[0].value if call.args else None
                value = self.project.infer(target, module, call.block, call.start)
                if value is None or (isinstance(value, ClassObject) and value.cls in bases):
                    return True
        return False

    def _is_text(self, where: Where, call: f.Call | None, annotation: f.Expr | None) -> bool:
        """Whether a column has a plain type of texts, none of its own that may hash."""
        module = where[0]
        types = [arg.value for arg in call.args if arg.name in ("", "type_", "sa_type")] if call is not None else []
        for given in types:
            expr = decorated_by(module, given)
            name = self.project.name(expr, *where)
            if isinstance(expr, (f.Name, f.Attr)) and (
                name is None or not name.startswith(("sqlalchemy.", "sqlmodel."))
            ):
                return False
        return bool(types) or annotation is not None


def _has_fixed_password(row: f.Mapping) -> bool:
    return any(
        isinstance(key, f.Const) and isinstance(value, f.Const) and secrets.secret_name(str(key.value)) == "password"
        for key, value in row.items
    )


def _is_added_to(table: f.Expr, *modules: Module) -> bool:
    """Whether something is put into a table, by the name that it has in a module."""
    return any(
        (isinstance(entry.target, f.Sub) and entry.target.value == table)
        for module in modules
        for entry in module.facts.assigns
    ) or any(
        isinstance(call.func, f.Attr) and call.func.value == table and call.func.attr in ("update", "setdefault")
        for module in modules
        for call in module.facts.calls
    )


def _is_replaced(function: Function, mine: f.Expr, at: int) -> bool:
    """Whether what is compared is replaced behind it by something made of itself: only what has changed is hashed."""
    return any(
        entry.target == mine
        and entry.start >= at
        and any(part == mine for part in _made_of(function.module, entry.value))
        for entry in function.module.assigns_in.get(function.index, ())
    )


def _made_of(module: Module, value: f.Expr | None) -> Iterator[f.Expr]:
    """The arguments of a call, awaited or not."""
    expr = value.value if isinstance(value, f.Await) else value
    if isinstance(expr, f.CallRef):
        yield from (arg.value for arg in module.facts.calls[expr.index].args)


def _before(entries: list[f.Assign], at: int) -> list[f.Assign]:
    """Those assignments that stand before a place."""
    return [entry for entry in entries if entry.start < at]


def _shown(expr: f.Expr) -> str:
    match expr:
        case f.Attr(value=value, attr=attr):
            return f"{f.last_name(value)}.{attr}" if f.last_name(value) else attr
        case f.Sub(items=(f.Const(value=key),)):
            return str(key)
    return f.last_name(expr)
