"""What puts something new into a database, and whether a function is sure to do it. Judges nothing.

Known are sessions and statements of SQLAlchemy, the object mappers that have `Model.create` and the like, Mongo's
collections, and SQL texts. An object that was loaded before it is added is not new.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.attempts.refusing import hands_on, raises_on_failure, tells_failure
from fastapi_lint.model.calls.steps import Step
from fastapi_lint.model.calls.trails import Memo, Trail
from fastapi_lint.model.calls.ways.conditional import conditions
from fastapi_lint.model.calls.ways.endings import Endings
from fastapi_lint.model.calls.ways.sparing import bound
from fastapi_lint.model.database.writing.meaning import may_find
from fastapi_lint.model.names.expressions import stands_in, walk, with_copies
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Type,
)
from fastapi_lint.model.routing.answering.wording import words
from fastapi_lint.model.types.inference.inference import Where, is_none

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_MONGO = frozenset({"insert_one", "insert_many"})
_SESSION = frozenset({"add", "add_all", "bulk_save_objects", "bulk_insert_mappings", "merge"})
_SESSION_NAMES = frozenset({"session", "db", "db_session", "async_session", "_session", "_db", "dbsession"})
_SESSION_CLASSES = ("Session", "AsyncSession", "scoped_session", "async_scoped_session")
_CREATORS = frozenset({"create", "acreate", "bulk_create", "insert", "insert_many", "insert_one", "objects"})
_RUNS = frozenset({"execute", "executemany", "fetch", "fetchrow", "fetchval", "fetch_one", "fetch_all", "exec"})
_LIBRARIES = (
    "tortoise.", "peewee.", "ormar.", "django.", "beanie.", "gino.", "piccolo.", "mongoengine.", "odmantic.",
    "neomodel.",
)  # fmt: skip
_LOADS = frozenset({
    "get", "get_one", "first", "one", "one_or_none", "scalar", "scalar_one", "scalar_one_or_none", "all", "fetchone",
    "find_one", "get_or_none", "merge", "refresh",
})  # fmt: skip
_INSERT = re.compile(r"\s*(?:--[^\n]*\n\s*)*INSERT\s+INTO\b", re.IGNORECASE)
_UPSERT = re.compile(r"\bON\s+(?:CONFLICT|DUPLICATE\s+KEY)\b", re.IGNORECASE)
_MAKING = frozenset({"create", "add", "insert", "new", "register", "make", "store", "submit"})
_CHANGES = frozenset({"on_conflict_do_update", "on_conflict_do_nothing", "on_duplicate_key_update", "prefix_with"})
_MAKERS = frozenset({"model_validate", "from_orm", "parse_obj", "model_construct", "construct"})
_MOST_STEPS = 4
_LONGEST = 40
_COPIES = 3
"""Assignments in a row between an insert and what is returned."""


@dataclass(frozen=True)
class Insert:
    """What inserts, in the words of the code, and the class of the project of which a row is made, if that is seen.

    `or_changes`: it changes what is there instead (`ON CONFLICT`), or may. `handed` is the parameter that is added, of
    which only the callers know whether it is new. `is_new`: it was seen to be made for this.
    """

    written: str
    thing: Class | None
    or_changes: bool = False
    handed: str = ""
    is_new: bool = False


class Inserts:
    """Answers "does this create something in the database"."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._endings = project.types.shared(Endings)
        self._memo: Memo[Insert] = Memo()

    def insertion(self, function: Function) -> Trail[Insert] | None:
        """The way from a function to the nearest insert; None when there is none, or only one that is far away."""
        effects = self._project.effects
        trail = effects.search(
            function, lambda each, _: self._own(each), self._memo, through_await=True, through_threads=True
        )
        return trail if trail is not None and trail.length <= _MOST_STEPS else None

    def is_sure(self, function: Function, trail: Trail[Insert]) -> bool:
        """Whether the way to an insert is gone each time that the function ends without an error: it is not behind a
        look-up whose hit is answered or changed, nor in an `except`.

        What a function on the way gives where it fails (None) is an error if its caller raises then.
        """
        named = [step.function.name for step in trail.steps if step.function is not None]
        if self._is_unsure(function, trail) or (not trail.effect.is_new and any(map(may_find, named))):
            return False
        current = function
        is_refused = False
        for step in trail.steps:
            block = step.call.block if step.call is not None else current.facts.block
            spared = tells_failure if is_refused else None
            if step.module is not current.module or not self._endings.passes(current, block, step.start, spared):
                return False
            if step.call is not None:
                is_refused = raises_on_failure(current, step.call) or (is_refused and hands_on(current, step.call))
            if _is_choice(current, step.start) and step.start in conditions(step.module):
                return False  # `found or create()`
            current = step.function if step.function is not None else current
        return True

    def is_given_back(self, function: Function, trail: Trail[Insert]) -> bool:
        """Whether all that a function returns has to do with what is inserted on the way: with the object, with what
        the insert gave, or with what a function gave that returns that."""
        current = function
        for step in trail.steps:
            found = _given(current, step.call, step.function is None) if step.call is not None else set()
            returned = [leave for leave in current.exits if leave.kind == "return" and not is_none(leave.value)]
            if not returned or not all(stands_in(found, leave.value, current.module) for leave in returned):
                return False
            current = step.function if step.function is not None else current
        return True

    def _is_unsure(self, function: Function, trail: Trail[Insert]) -> bool:
        """Whether what a helper is handed and adds was looked up on the way to it, whatever the helper is called; or
        may be there already, and was neither made on the way nor sent by the client."""
        given = self._given_for(function, trail)
        if isinstance(given, bool):
            return trail.effect.or_changes and not given
        return self._is_loaded(*given) or (trail.effect.or_changes and not self._is_made(*given))

    def _is_loaded(self, value: f.Expr, where: Where) -> bool:
        """Whether an object is looked up there."""
        made, module = self._defined(value, where)
        made = made.value if isinstance(made, f.Await) else made
        return isinstance(made, f.CallRef) and f.last_name(module.facts.calls[made.index].func) in _LOADS

    def _defined(self, value: f.Expr, where: Where) -> tuple[f.Expr | None, Module]:
        """What a value is, where a variable has one definition only (None for others), and the module of that."""
        if not isinstance(value, f.Name):
            return value, where[0]
        found = list(self._project.values.definitions(value, where))
        return (found[0][0], found[0][1][0]) if len(found) == 1 else (None, where[0])

    def _given_for(self, function: Function, trail: Trail[Insert]) -> tuple[f.Expr, Where] | bool:
        """What a helper is handed and adds, where it is not a parameter any more; True for one of an endpoint."""
        name = trail.effect.handed
        ways = [(step.call, step.function) for step in trail.steps]
        callers = [function, *(callee for _, callee in ways if callee is not None)]
        for caller, (call, callee) in reversed([*zip(callers, ways, strict=False)]):
            if callee is None:
                continue
            value = next((one for key, one in bound(callee, call) if key == name), None) if call is not None else None
            if call is None or value is None or not name:
                return False
            where = (caller.module, call.block, call.start)
            if isinstance(value, f.Name) and any(param.name == value.id for param in caller.params):
                name = value.id
                if caller.rebinds(name):
                    return False
                continue
            return value, where
        place = (function.module, function.facts.block, trail.steps[0].start)
        return bool(name) and function in self._project.routes.by_handler and not self._is_injected(name, place)

    def _is_made(self, value: f.Expr, where: Where) -> bool:
        """Whether an object is made of a class there: `Plant(...)`, `Plant.model_validate(data)`."""
        made, module = self._defined(value, where)
        if not isinstance(made, f.CallRef):
            return False
        call = module.facts.calls[made.index]
        owner = call.func.value if isinstance(call.func, f.Attr) and call.func.attr in _MAKERS else call.func
        return isinstance(self._project.infer(owner, module, call.block, call.start), ClassObject)

    def _own(self, function: Function) -> tuple[Step, Insert] | None:
        """The first insert in a function's own body, those that are sure before others."""
        module = function.module
        found = []
        for call in function.calls:
            if (insert := self.of(module, call)) is not None:
                step = Step(module, call.start, call.name_end, None, call, insert.written)
                if not insert.or_changes and self._endings.passes(function, call.block, call.start):
                    return step, insert
                found.append((step, insert))
        return next((each for each in found if not each[1].or_changes), found[0] if found else None)

    def of(self, module: Module, call: f.Call) -> Insert | None:
        """What a call inserts; None when it inserts nothing."""
        name = f.last_name(call.func)
        if name in _RUNS:
            return self._by_text(module, call)
        if name not in _MONGO and name not in _SESSION and name not in _CREATORS and name != "save":
            return None
        project = self._project
        written = module.source.slice(call.start, call.name_end)
        written = written if len(written) < _LONGEST and "\n" not in written else name
        match project.callee(module, call):
            case Method(cls=cls, name=method):
                if method in _SESSION and cls.rsplit(".", 1)[-1] in _SESSION_CLASSES:
                    return self._added(module, call, written)
                if method == "save":
                    return self._saved(module, call, cls, written)
                if method in _CREATORS and cls.startswith(_LIBRARIES):
                    return Insert(written, None)
                if method == "insert" and cls == "sqlalchemy.Table":
                    return Insert(written, None, self._is_changed_on_conflict(module, call))
                if method in _MONGO and cls.startswith(("pymongo.", "motor.")):
                    return Insert(written, None)
            case External(name=full) if full.startswith("sqlalchemy.") and full.endswith(".insert"):
                changes = self._is_changed_on_conflict(module, call)
                return Insert(written, self._class_of(module, call), changes)
            case External(name=full) if full.startswith(_LIBRARIES) and name in _CREATORS:
                return Insert(written, None)
            case None if isinstance(call.func, f.Attr):
                receiver = call.func.value
                owner = project.infer(receiver, module, call.block, call.start)
                if owner is None and name in _MONGO:
                    return Insert(written, None)
                if owner is None and name in _SESSION and f.last_name(receiver) in _SESSION_NAMES:
                    return self._added(module, call, written)
                model = owner.cls if isinstance(owner, (ClassObject, Instance)) else None
                if name in _CREATORS and isinstance(model, Class) and self._is_mapped(model):
                    return Insert(written, model)
        return None

    def _saved(self, module: Module, call: f.Call, cls: str, written: str) -> Insert | None:
        """`row.save()`: an insert where the row is made anew right there."""
        receiver = call.func.value if isinstance(call.func, f.Attr) else None
        where = (module, call.block, call.start)
        if receiver is None or not cls.startswith(_LIBRARIES) or not self._is_made(receiver, where):
            return None
        return Insert(written, _class_in(self._project.types.infer(receiver, where)))

    def _added(self, module: Module, call: f.Call, written: str) -> Insert | None:
        """`session.add(x)`: an insert unless x was loaded, or is somebody else's."""
        value = call.args[0].value if call.args else None
        where = (module, call.block, call.start)
        name = value.id if isinstance(value, f.Name) else ""
        if (value is not None and self._is_loaded(value, where)) or (name and self._is_injected(name, where)):
            return Insert(written, None, True)
        maker = self._maker(name, where) if name else None
        if maker is not None and _MAKING.isdisjoint(words(maker.name)):
            return Insert(written, None, True, name)
        thing = _class_in(self._project.types.infer(value, where))
        is_new = value is not None and self._is_made(value, where)
        if f.last_name(call.func) == "merge" and not (value is not None and self._has_no_key(value, where)):
            return Insert(written, thing, True)
        return Insert(written, thing, handed=name if maker is not None else "", is_new=is_new)

    def _has_no_key(self, value: f.Expr, where: Where) -> bool:
        """Whether a row is made there without the key by which `merge` would find one that is there already."""
        made, module = self._defined(value, where)
        call = module.facts.calls[made.index] if isinstance(made, f.CallRef) else None
        cls = self._project.callee(module, call) if call is not None else None
        model = self._project.orm.of(cls.cls) if isinstance(cls, ClassObject) and isinstance(cls.cls, Class) else None
        if call is None or model is None:
            return False
        keys = {column.name for column in model.columns if column.is_true("primary_key")}
        return bool(keys) and all(arg.name not in ("", "*", "**", *keys) for arg in call.args)

    def _is_injected(self, name: str, where: Where) -> bool:
        """Whether a name is what a dependency gave and has not made itself, such as the row of who asks."""
        found = self._project.types.find_bindings(name, where)
        function = where[0].enclosing(where[1])
        if function is None or len(found) != 1 or not isinstance(found[0].entry, f.Param):
            return False
        place = (where[0], function.facts.outer, found[0].entry.start)
        given = self._project.types.dependency_of(found[0].entry, place)
        if not isinstance(given, FunctionObject):
            return False
        inner = given.function
        return not any(
            leave.value is not None and self._is_made(leave.value, (inner.module, leave.block, leave.start))
            for leave in inner.exits
        )

    def _maker(self, name: str, where: Where) -> Function | None:
        """The function, no endpoint, of which a name is a parameter."""
        found = self._project.types.find_bindings(name, where)
        function = where[0].enclosing(where[1])
        if function is None or not found or not all(isinstance(each.entry, f.Param) for each in found):
            return None
        return function if function not in self._project.routes.by_handler else None

    def _class_of(self, module: Module, call: f.Call) -> Class | None:
        value = call.args[0].value if call.args else None
        return _class_in(self._project.infer(value, module, call.block, call.start))

    def _is_mapped(self, model: Class) -> bool:
        bases = [base for base in self._project.types.mro(model) if isinstance(base, str)]
        return any(base.startswith(_LIBRARIES) for base in bases)

    def _by_text(self, module: Module, call: f.Call) -> Insert | None:
        """`execute("INSERT INTO ...")`, also by way of `text(...)`."""
        if not call.args or call.args[0].name or not isinstance(call.func, f.Attr):
            return None
        given = call.args[0].value
        if isinstance(given, f.CallRef):
            inner = module.facts.calls[given.index]
            given = inner.args[0].value if f.last_name(inner.func) in ("text", "SQL") and inner.args else given
        if not isinstance(given, (f.Const, f.Joined, f.Name, f.Attr, f.Binary)):
            return None
        text = self._project.values.pieces(given, (module, call.block, call.start))
        changes = _UPSERT.search(text) is not None
        return Insert("INSERT INTO", None, changes, is_new=not changes) if _INSERT.match(text) else None

    def _is_changed_on_conflict(self, module: Module, call: f.Call) -> bool:
        """Whether a statement that a call begins says what becomes of a row that is there, here or in a variable."""
        if any(f.last_name(each.func) in _CHANGES for each in self._around(module, call)):
            return True
        function = module.facts.blocks[call.block].function
        held = {
            entry.target.id
            for entry in module.assigns_in.get(function, ())
            if isinstance(entry.target, f.Name) and entry.start <= call.start and call.end <= entry.end
        }
        return any(
            f.last_name(each.func) in _CHANGES and _root(module, each) in held
            for each in (module.calls_in.get(function, ()) if held else ())
        )

    @staticmethod
    def _around(module: Module, call: f.Call) -> list[f.Call]:
        """The calls in the chain that a call begins: `insert(...).values(...).on_conflict_do_update(...)`."""
        function = module.facts.blocks[call.block].function
        return [each for each in module.calls_in.get(function, ()) if each.start <= call.start and each.end > call.end]


def _given(function: Function, call: f.Call, is_insert: bool) -> set[f.Expr]:
    """What holds what a call gives in a function; of an insert also what that was given."""
    module = function.module
    itself = f.CallRef(module.call_numbers[call.start, call.end])
    roots: set[f.Expr] = {itself}
    receiver = call.func.value if isinstance(call.func, f.Attr) else None
    if is_insert and f.last_name(call.func) in _RUNS:
        roots.add(f.Attr(receiver, "lastrowid") if receiver is not None else itself)
        for other in function.calls:
            if isinstance(other.func, f.Attr) and other.func.value == receiver and other.start > call.start:
                roots.add(f.CallRef(module.call_numbers[other.start, other.end]))
    elif is_insert:
        roots |= {arg.value for arg in call.args if isinstance(arg.value, (f.Name, f.CallRef))}
        if not call.args and isinstance(receiver, f.Name):
            roots.add(receiver)  # `await item.insert()`
    return with_copies(roots, function, _COPIES)


def _is_choice(function: Function, at: int) -> bool:
    """Whether the statement around a place chooses between values."""
    statements = (*function.module.assigns_in.get(function.index, ()), *function.exits)
    around = (each.value for each in statements if each.start <= at < each.end)
    return any(isinstance(part, f.Choice) for value in around for part in walk(value))


def _root(module: Module, call: f.Call) -> str:
    """The variable at which a chain of methods begins: `made` of `made.returning(x).on_conflict_do_nothing()`."""
    expr: f.Expr = call.func
    while not isinstance(expr, f.Name):
        match expr:
            case f.Attr(value=inner):
                expr = inner
            case f.CallRef(index=index):
                expr = module.facts.calls[index].func
            case _:
                return ""
    return expr.id


def _class_in(value: Type) -> Class | None:
    match value:
        case ClassObject(cls=cls) | Instance(cls=Class() as cls):
            return cls
        case Instance(args=(inner,)):
            return _class_in(inner)
    return None
