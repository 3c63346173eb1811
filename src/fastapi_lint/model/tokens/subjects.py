"""Whether a claim holds a number or a UUID, and where a claim is taken for a key as it is. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from fastapi_lint.catalog.secrecy import tokens
from fastapi_lint.index import facts as f
from fastapi_lint.model.database.mapping.mapped import Column
from fastapi_lint.model.database.sessions import is_async_session, is_sync_session
from fastapi_lint.model.names.expressions import walk, written
from fastapi_lint.model.names.symbols import Class, ClassObject, FunctionObject, Instance, Module, Type
from fastapi_lint.model.tokens.expressions import read_of
from fastapi_lint.model.tokens.parts import Chain, Frame, Part
from fastapi_lint.model.tokens.payloads import Payloads
from fastapi_lint.model.types.alternatives import admitted
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.tracking.queries import gathered

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

Kind = Literal["int", "uuid"]
_INTEGERS = ("Integer", "BigInteger", "SmallInteger", "BIGINT", "INTEGER", "SMALLINT")
_UUIDS = ("UUID", "Uuid", "GUID")
_MADE = frozenset({"uuid.UUID", "uuid.uuid1", "uuid.uuid3", "uuid.uuid4", "uuid.uuid5", "uuid.uuid7"})
_DEPTH = 5


class Subjects:
    """Answers about one value after the other."""

    def __init__(self, payloads: Payloads) -> None:
        self.payloads = payloads
        self.project = payloads.project
        self.types = payloads.types

    def kind(self, part: Part) -> Kind | None:
        """What the value of a claim is, when it is no text: by itself, or as a caller passes it."""
        if part.is_declared:
            return self._of_annotation(part.value, part.where)
        return self._kind(part.value, part.where, part.chain, _DEPTH)

    def _kind(self, expr: f.Expr, where: Where, chain: Chain, depth: int) -> Kind | None:
        if depth < 0:
            return None
        module, block, _ = where
        match expr:
            case f.Const(value=bool()):
                return None
            case f.Attr(value=owner, attr=attr):
                value = self.types.infer(owner, where)
                if isinstance(value, Instance) and isinstance(value.cls, Class):
                    return self._of_member(value.cls, attr)
                if value is None and (cls := self._queried(owner, where)) is not None:
                    return self._of_member(cls, attr)
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                name = self.project.called_name(module, call)
                if name in _MADE:
                    return "uuid"
                return "int" if name == "int" and self.types.callee(module, call) is not None else None
            case f.Name(id=name):
                function = module.enclosing(block)
                param = next((one for one in function.params if one.name == name), None) if function else None
                if function is not None and param is not None and not function.rebinds(name):
                    declared = self._of_annotation(param.annotation, (module, function.facts.outer, param.start))
                    if declared is not None or self._is_clear(param, where):
                        return declared
                    frames = [each for each in chain if each.function is function] or self.payloads.unfolding.frames(
                        function
                    )
                    return self._as_passed(name, frames, chain, depth)
                found = list(self.project.values.definitions(expr, where))
                if len(found) == 1 and function is not None and found[0][1][0] is module:
                    return self._kind(*found[0], chain, depth - 1)
        return _named(self.types.infer(expr, where))

    def _queried(self, expr: f.Expr, where: Where) -> Class | None:
        """The mapped class of one object that a query gave."""
        rows = self.project.loading.rows(expr, where)
        if rows is None or rows.many or rows.is_taken or len(rows.entities) != 1:
            return None
        return rows.entities[0]

    def _is_clear(self, param: f.Param, where: Where) -> bool:
        """Whether an annotation says what comes: it is no `Any`, no union and no name that is not known."""
        return self.types.annotation(param.annotation, where) is not None if param.annotation is not None else False

    def _as_passed(self, name: str, frames: list[Frame], chain: Chain, depth: int) -> Kind | None:
        for frame in frames:
            value = dict(frame.bound).get(name)
            if value is not None and (found := self._kind(value, frame.where, chain, depth - 1)) is not None:
                return found
        return None

    def _of_annotation(self, annotation: f.Expr | None, where: Where) -> Kind | None:
        if annotation is None:
            return None
        kinds = {_named(each) for each in admitted(self.types, annotation, where)}
        return kinds.pop() if len(kinds) == 1 else None

    def _of_member(self, cls: Class, attr: str) -> Kind | None:
        """The kind of an attribute of a mapped class, a model or a data class."""
        model = self.project.orm.of(cls)
        column = model.column(attr) if model is not None else None
        if column is not None:
            return self.of_column(column)
        schema = self.project.schemas.of(cls)
        member = schema.field(attr) if schema is not None else None
        if member is not None:
            return self._of_annotation(member.annotation, member.where)
        return None

    def of_column(self, column: Column) -> Kind | None:
        """What a column holds, by its annotation or its type."""
        if (
            column.annotation is not None
            and (found := self._of_annotation(column.annotation, column.where)) is not None
        ):
            return found
        if column.call is None:
            return None
        module = column.where[0]
        for arg in column.call.args:
            if arg.name not in ("", "type_", "sa_type"):
                continue
            given, is_text = arg.value, False
            if isinstance(given, f.CallRef):
                made = module.facts.calls[given.index]
                given = made.func
                is_text = any(each.name == "as_uuid" and each.value == f.Const(False) for each in made.args)
            name = self.project.name(given, module, column.call.block, column.call.start) or ""
            last = name.rsplit(".", 1)[-1]
            if name.startswith(("sqlalchemy.", "sqlmodel.")) and last in _INTEGERS:
                return "int"
            if name.startswith(("sqlalchemy.", "sqlmodel.")) and last in _UUIDS and not is_text:
                return "uuid"
        return None

    # ---------------------------------------------------------------- claims as keys

    def taken_as_keys(self, module: Module) -> Iterator[tuple[f.Call, f.Arg, Class]]:
        """The look-ups by primary key of a class whose key is a number, that are given a subject as it is."""
        if not module.mentions("sub"):
            return
        for call in module.calls_named(("get", "get_one")):
            if len(call.args) < 2:
                continue
            if not isinstance(call.func, f.Attr) or any(arg.name in ("*", "**") for arg in call.args[:2]):
                continue
            where = (module, call.block, call.start)
            if not self._is_subject(call.args[1].value, where, _DEPTH):
                continue
            owner, wanted = self.types.infer(call.func.value, where), self.types.infer(call.args[0].value, where)
            if not (is_sync_session(self.types, owner) or is_async_session(self.types, owner)):
                continue
            model = self.project.orm.of(wanted.cls) if isinstance(wanted, ClassObject) else None
            keys = [one for one in model.columns if one.is_true("primary_key")] if model is not None else []
            if model is not None and len(keys) == 1 and self.of_column(keys[0]) == "int":
                yield call, call.args[1], model.cls

    def _is_subject(self, expr: f.Expr, where: Where, depth: int) -> bool:
        """Whether a value is the subject of a token that was read, as it stood there."""
        read = read_of(expr, where[0])
        if read is not None:
            return read.key == "sub" and self._is_read(read.base, where, depth - 1)
        if isinstance(expr, f.Name) and depth > 0:
            found = list(self.project.values.definitions(expr, where))
            return len(found) == 1 and self._is_subject(*found[0], depth - 1)
        return False

    def _is_read(self, expr: f.Expr, where: Where, depth: int) -> bool:
        """Whether a value is what a token says: the call that reads it, or a function that gives that back."""
        module = where[0]
        match expr:
            case f.Await(value=value):
                return self._is_read(value, where, depth)
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                if tokens.reader(self.project.called_name(module, call) or "") is not None:
                    return True
                callee = self.types.callee(module, call)
                if depth <= 0 or not isinstance(callee, FunctionObject):
                    return False
                function = callee.function
                exits = [one for one in function.exits if one.kind == "return" and one.value is not None]
                return bool(exits) and any(
                    self._is_read(one.value, (function.module, one.block, one.start), depth - 1)
                    for one in exits
                    if one.value is not None
                )
            case f.Name() if depth > 0:
                found = list(self.project.values.definitions(expr, where))
                return len(found) == 1 and self._is_read(*found[0], depth - 1)
        return False


def _named(value: Type) -> Kind | None:
    if isinstance(value, Instance):
        return {"int": "int", "uuid.UUID": "uuid"}.get(value.cls) if isinstance(value.cls, str) else None  # type: ignore[return-value]
    return None


def checks_subjects(project: Project) -> bool:
    """Whether nobody has switched off that a subject must be a text (`verify_sub`)."""
    return not _unchecked(project)


@gathered
def _unchecked(project: Project, module: Module) -> Iterator[str]:
    """A module that switches it off."""
    if not module.mentions("verify_sub"):
        return
    off = (f.Const("verify_sub"), f.Const(False))
    parts = (part for expr, _, _ in written(module) for part in walk(expr))
    arguments = (argument for call in module.facts.calls for argument in call.args)
    if any(isinstance(part, f.Mapping) and off in part.items for part in parts) or any(
        argument.name == "verify_sub" and argument.value == f.Const(False) for argument in arguments
    ):
        yield module.path
