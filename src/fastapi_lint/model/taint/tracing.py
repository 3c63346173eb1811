"""Which pieces an expression is made of, back to parameters: through variables, containers, attributes and texts.

Goes backwards from where somebody asks. Calls are followed in `calling`, checks on the way in `checks`; a parameter of
a function that FastAPI does not call stays a `Slot`, which callers fill (`flows`). What is not known is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import replace

from fastapi_lint.catalog.dangers import Dangers
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.cases import captures, case_of, fixed_names
from fastapi_lint.model.data.schemas import Schemas
from fastapi_lint.model.injection.dependencies import Dependencies
from fastapi_lint.model.names.modules import Binding
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    External,
    Function,
    Instance,
    Module,
    ModuleObject,
    Type,
)
from fastapi_lint.model.routing.routes import Routes
from fastapi_lint.model.taint.calling.calling import Calling
from fastapi_lint.model.taint.calling.choosing import Choosing
from fastapi_lint.model.taint.changing import Changes
from fastapi_lint.model.taint.checking.checks import Checks
from fastapi_lint.model.taint.checking.fields import NUMBERS
from fastapi_lint.model.taint.checking.holding import Holding
from fastapi_lint.model.taint.entries import MAPPINGS, Entries
from fastapi_lint.model.taint.items import Items, position
from fastapi_lint.model.taint.parameters import Parameters
from fastapi_lint.model.taint.strands import (
    EACH,
    HIDDEN,
    KEYS,
    NOTHING,
    NUMBER,
    UNKNOWN,
    Path,
    Step,
    Strand,
    Value,
    concatenated,
    flattened,
    has_strands,
    mapped,
    renamed,
    union,
)
from fastapi_lint.model.types.inference.inference import Inference, Where, is_none
from fastapi_lint.model.values.constants import Values
from fastapi_lint.tracking import recording
from fastapi_lint.tracking.memory import Memos

_DEEPEST = 28
_MOST_WORK = 4_000
"""Expressions that one question looks at before the rest of its answer is left unknown."""
_AS_NUMBER = re.compile(r":[^!]*[bcdoxXeEfFgGn%]\Z")
_PATHS = (
    "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath", "pathlib.WindowsPath",
    "pathlib.PureWindowsPath", "anyio.Path",
)  # fmt: skip
_SEPARATORS = {"os.sep": "/", "os.path.sep": "/", "posixpath.sep": "/"}


class Tracing(Choosing):
    """Answers "which pieces is this made of", each function's results once."""

    def __init__(
        self,
        types: Inference,
        values: Values,
        routes: Routes,
        dependencies: Dependencies,
        schemas: Schemas,
        known: Dangers,
    ) -> None:
        self.types = types
        self.values = values
        self.dependencies = dependencies
        self.schemas = schemas
        self.known = known
        self.entries = Entries(types, routes, dependencies, schemas, known)
        self.holding = Holding()
        self.changes = Changes()
        self.checks = Checks(self, self.holding)
        self.calling = Calling(self)
        self.items = Items(self)
        self.parameters = Parameters(self, self.checks, self.entries, schemas)
        self.checking = False
        self._results: Memos[Hashable, Value] = Memos()
        self._names: Memos[Hashable, Value] = Memos()
        self._active: set[Hashable] = set()
        self._work = self._cuts = 0

    def is_narrow(self, cls: Class, name: str) -> bool:
        """Whether a field of a class admits no text of just any kind."""
        return self.entries.fields.is_narrow(cls, name)

    # ---------------------------------------------------------------- questions

    def value(self, expr: f.Expr | None, where: Where, path: Path = (), depth: int = 0) -> Value:
        """What an expression is made of, or what is taken out of it by a path; alternatives stand beside each other."""
        if depth == 0:
            self._work = 0
        self._work += 1
        if expr is None or depth > _DEEPEST or (path and len(path) > 6):
            self._cuts += depth > _DEEPEST
            return UNKNOWN
        if self._work > _MOST_WORK:
            self._cuts += 1
            return UNKNOWN
        depth += 1
        match expr:
            case f.Const(value=constant):
                return ((str(constant),),) if not path else ((HIDDEN,),)
            case f.Name():
                return self._name(expr, where, path, depth)
            case f.Attr():
                return self._attribute(expr, where, path, depth)
            case f.CallRef(index=index):
                return self.calling.value(where[0].facts.calls[index], where, path, depth)
            case f.Sub(value=inner, items=items):
                return self.items.item(expr, inner, items, where, path, depth)
            case f.Await(value=inner) | f.Star(value=inner):
                return self.value(inner, where, path, depth)
            case f.Joined(parts=parts, formats=formats):
                written = dict(formats)
                return concatenated(
                    NUMBER if _AS_NUMBER.match(written.get(number, "")) else self.value(part, where, (), depth)
                    for number, part in enumerate(parts)
                )
            case f.Choice():
                return self._choice(expr, where, path, depth)
            case f.Binary():
                return self._binary(expr, where, path, depth)
            case f.Display(items=items):
                return self.items.display(items, where, path, depth)
            case f.Mapping(items=pairs):
                return self.items.mapping(pairs, where, path, depth)
            case f.Each(block=block):
                return self.items.each(expr, (where[0], block, where[2]), path, depth)
            case f.Compare(operands=operands) if self.checking:
                return flattened(union(self.value(one, where, (), depth) for one in operands))
            case f.Unary(value=inner) if self.checking:
                return self.value(inner, where, path, depth)
            case f.Compare() | f.Unary():
                return NUMBER
        return UNKNOWN

    def subjects(self, expr: f.Expr | None, where: Where) -> Value:
        """What a test looks at: whatever depends on a text counts, and checks that were made before do not."""
        if self.checking:
            return NOTHING
        self.checking = True
        try:
            return self.value(expr, where, (), 1)
        finally:
            self.checking = False

    def cleared(self, value: Value, where: Where) -> Value:
        """A value without the dangers that are ruled out at a place."""
        return self.checks.cleared(value, where)

    def attribute_of(self, cls: Class, path: Path, depth: int) -> Value:
        """What an attribute of an object is made of, as the methods of its class set it."""
        return self.parameters.attribute_of(cls, path, depth)

    def of_object(self, kind: Type, path: Path, depth: int, own: Callable[[Path], Value]) -> Value:
        """What is taken out of an object of the project, of which `own` says what its fields hold."""
        return self.parameters.of_object(kind, path, depth, own)

    def filled(self, value: Value, function: Function, call: f.Call, args: tuple[f.Arg, ...], where: Where) -> Value:
        """What a function gives, with its parameters as a call fills them."""
        return self.calling.filled(value, function, call, args, where)

    def returned(self, function: Function, path: Path, entered: bool, depth: int) -> Value:
        """What a call of a function gives, in terms of its parameters; `entered`: what it yields as it is entered."""
        key = (function, path, entered, self.checking)
        held = self._results[key]
        if held is not None:
            recording.depend_on(held[1])
            return held[0]
        if key in self._active or len(self._active) > 60:
            self._cuts += 1
            recording.depend_on(None)
            return NOTHING
        cuts = self._cuts
        self._active.add(key)
        try:
            held = recording.tracked(lambda: self._returned(function, path, entered, depth))
        finally:
            self._active.discard(key)
        if cuts == self._cuts:
            self._results.keep(key, held)
        return held[0]

    def _returned(self, function: Function, path: Path, entered: bool, depth: int) -> Value:
        module = function.module
        kind = "yield" if function.is_generator else "return"
        if function.is_generator and not entered:
            if path[:1] != (EACH,):
                return UNKNOWN
            path = path[1:]
        declared = self.types.yield_type(function) if function.is_generator else self.types.return_type(function)
        if not path and not self.checking and self.types.is_instance(declared, *NUMBERS):
            return NUMBER
        found: list[Value] = []
        for leave in function.exits:
            if leave.kind != kind or leave.value is None or is_none(leave.value):
                continue
            where = (module, leave.block, leave.start)
            value = self.checks.cleared(self.value(leave.value, where, path, depth), where)
            found.append(value)
        return union(found) if found else UNKNOWN

    # ---------------------------------------------------------------- expressions

    def _choice(self, expr: f.Choice, where: Where, path: Path, depth: int) -> Value:
        """One of several values, each cleared by what has to hold for it."""
        found: list[Value] = []
        for number, option in enumerate(expr.options):
            value = self.value(option, where, path, depth)
            if expr.op == "if" and expr.test is not None:
                value = self.checks.cleared_by(value, expr.test, number == 0, where)
            elif number and expr.op in ("or", "and"):
                for before in expr.options[:number]:
                    value = self.checks.cleared_by(value, before, expr.op == "and", where)
            found.append(value)
        return union(found)

    def _binary(self, expr: f.Binary, where: Where, path: Path, depth: int) -> Value:
        left, right = expr.left, expr.right
        if expr.op == "%" and not path:
            return self.calling.formatted(left, right, where, depth)
        if expr.op == "+" and not path:
            return concatenated((self.value(left, where, (), depth), self.value(right, where, (), depth)))
        if expr.op == "/" and not path:
            first, second = self.value(left, where, (), depth), self.value(right, where, (), depth)
            return concatenated((first, (("/",),), second))
        if expr.op in ("+", "|"):
            return union((self.value(left, where, path, depth), self.value(right, where, path, depth)))
        if expr.op == "*":
            return self.value(left, where, path, depth)
        return NUMBER if not path else UNKNOWN

    # ---------------------------------------------------------------- attributes

    def _attribute(self, expr: f.Attr, where: Where, path: Path, depth: int) -> Value:
        kind = self.types.infer(expr, where)
        if not path and self.types.is_instance(kind, *NUMBERS):
            return NUMBER
        owner = self.types.infer(expr.value, where)
        match owner:
            case ModuleObject() | ClassObject():
                found = [self.value(value, place, path, depth) for value, place in self.values.definitions(expr, where)]
                return union(found) if found else UNKNOWN
            case External():
                name = kind.name if isinstance(kind, External) else ""
                return ((_SEPARATORS[name],),) if name in _SEPARATORS else UNKNOWN
            case Instance() if self.types.is_instance(owner, "enum.Enum"):
                return NUMBER
            case Instance() if self.types.is_instance(owner, *_PATHS):
                return self._of_path(expr, where, path, depth)
        if isinstance(kind, Instance) and not path and self._settled(owner) and (constant := self._text(expr, where)):
            return ((constant,),)
        return self.value(expr.value, where, (f".{expr.attr}", *path), depth)

    def _settled(self, owner: Type) -> bool:
        """Whether what a class says about an attribute is its value: of a schema it is only the default."""
        if not isinstance(owner, Instance) or not isinstance(owner.cls, Class):
            return False
        return self.schemas.of(owner.cls) is None or self.schemas.is_settings(owner.cls)

    def _of_path(self, expr: f.Attr, where: Where, path: Path, depth: int) -> Value:
        """`path.name` and its like: without the folders, or a piece of it."""
        found = self.value(expr.value, where, (), depth)
        if expr.attr in ("parent", "parents", "parts", "drive", "anchor", "root"):
            return flattened(found) if expr.attr != "parent" and has_strands(found) else found
        mark = f".{expr.attr}"
        if expr.attr in ("name", "stem", "suffix", "suffixes"):
            return mapped(flattened(found), lambda strand: replace(strand.without({"path"}), part=strand.part or mark))
        return UNKNOWN

    def _text(self, expr: f.Expr, where: Where) -> str | None:
        constant = self.values.folded(expr, where)
        return str(constant) if constant is not None else None

    # ---------------------------------------------------------------- names

    def _name(self, expr: f.Name, where: Where, path: Path, depth: int) -> Value:
        module, name = where[0], expr.id
        found = self.types.find_bindings(name, where)
        if not found:
            text = self._text(expr, where) if not path else None
            return ((text,),) if text is not None else UNKNOWN
        values: list[Value] = []
        passed: list[Binding] = []
        for binding in found[:8]:
            value = self._bound(name, binding, where, path, depth)
            for newer in passed:
                for held in self.holding.alternatives(module, newer.block, where[1], binding.block):
                    value = self.checks.cleared_by(value, held.test, held.truth, held.where)
            values.append(value)
            if self.holding.replaces(module, binding.block, where[1]):
                break
            if module.facts.blocks[binding.block].kind != "comprehension":
                passed.append(binding)
        base = values[0] if len(values) == 1 else union(values)
        if _has_unnamed(base):
            base = mapped(base, lambda strand: renamed(strand, name, path))
        return self.changes.applied(self, name, found[0], where, path, base, depth)

    def _bound(self, name: str, binding: Binding, where: Where, path: Path, depth: int) -> Value:
        """What one of its bindings gives a name: worked out once, unless something was cut off on the way."""
        module = where[0]
        key = (module, binding.start, name, path, self.checking)
        held = self._names[key]
        if held is not None:
            recording.depend_on(held[1])
            return held[0]
        if key in self._active:
            self._cuts += 1
            recording.depend_on(None)
            return UNKNOWN
        cuts = self._cuts
        self._active.add(key)
        try:
            held = recording.tracked(lambda: self._entered(name, binding, module, path, depth))
        finally:
            self._active.discard(key)
        if cuts == self._cuts:
            self._names.keep(key, held)
        return held[0]

    def _entered(self, name: str, binding: Binding, module: Module, path: Path, depth: int) -> Value:
        match binding.entry:
            case f.Assign() as entry:
                return self._assigned(name, entry, module, path, depth)
            case f.Param() as entry:
                function = module.enclosing(binding.block)
                return self.parameters.value(function, entry, path, depth) if function is not None else UNKNOWN
            case f.Import():
                meant = self.types.alias_of(module, name, [binding])
                return self.value(meant[0], meant[1], path, depth) if meant is not None else UNKNOWN
            case f.Block() as entry:
                return self._target(name, entry, module, path, depth)
        return UNKNOWN

    def _assigned(self, name: str, entry: f.Assign, module: Module, path: Path, depth: int) -> Value:
        if entry.value is None or entry.op == "type":
            return UNKNOWN
        place = (module, entry.block, entry.start)
        inner = position(entry.target, name)
        if inner is None:
            return UNKNOWN
        if not path and not inner and entry.annotation is not None:
            if self.types.is_instance(self.types.annotation(entry.annotation, place), *NUMBERS):
                return NUMBER
        found = self.checks.cleared(self.value(entry.value, place, (*inner, *path), depth), place)
        if not has_strands(found) or self.checking:
            return found
        step = Step(module, entry.start, entry.end, f"`{name}` is made of it")
        return mapped(found, lambda strand: strand.behind(step))

    def _target(self, name: str, entry: f.Block, module: Module, path: Path, depth: int) -> Value:
        """The variable of a `for`, a comprehension or a `with`."""
        place = (module, entry.parent, entry.start)
        inner = position(entry.target, name) if entry.target is not None else None
        if inner is None:
            return UNKNOWN
        if entry.kind in ("for", "comprehension"):
            is_dict = not inner and self.types.is_instance(self.types.infer(entry.test, place), *MAPPINGS)
            return self.value(entry.test, place, (KEYS if is_dict else EACH, *inner, *path), depth)
        if entry.kind == "with":
            return self.calling.entered(entry.test, place, (*inner, *path), depth)
        if entry.kind == "case":  # what is matched, or a part of it
            case = case_of(module, entry)
            if case is None or name in fixed_names(case.pattern):
                return UNKNOWN
            whole = module.facts.blocks[entry.parent]
            place = (module, whole.parent, whole.start)
            ways = [tuple(EACH if key is None else key for key in way) for way in captures(case.pattern, name)]
            return union(self.value(whole.test, place, (*way, *path), depth) for way in ways) if ways else UNKNOWN
        return UNKNOWN


def _has_unnamed(value: Value) -> bool:
    """Whether a value has an item of many in it."""
    for text in value:
        for piece in text:
            if type(piece) is Strand and "[...]" in piece.shown:
                return True
    return False
