"""What a bare name is at a place: through scopes, bindings and the flow of a function."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator
from functools import partial

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.index.facts import target_names
from fastapi_lint.model.names.annotations import parse_annotation
from fastapi_lint.model.names.modules import Binding, Scope, bindings
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Coroutine,
    External,
    Function,
    FunctionObject,
    Instance,
    Module,
    OneOf,
    TupleOf,
    Type,
)
from fastapi_lint.model.types.inference.questions import (
    Questions,
    Where,
    instance_of,
    is_none,
    is_one_object,
)
from fastapi_lint.model.types.telling import is_about, is_any_error, is_asked, isinstances, may_be_more
from fastapi_lint.tracking import recording

BUILTINS = frozenset(dir(builtins))
_CASE = re.compile(rb"case\s+([A-Za-z_][\w.]*)\s*\([^()|]*\)\s*(?:as\s+(\w+)\s*)?(?::|if\b)")
"""A pattern that is one class, whatever of its attributes it wants."""


class Scopes(Questions):
    """What a bare name is at a place: through scopes, bindings and the flow of a function."""

    def bindings(self, module: Module) -> dict[Scope, dict[str, list[Binding]]]:
        if module not in self._bindings:
            self._bindings[module] = bindings(module)
        return self._bindings[module]

    def find_bindings(self, name: str, where: Where) -> list[Binding]:
        """The bindings of a name that can reach a use, nearest scope first; empty when it is a builtin or unknown."""
        module, block, _ = where
        key = (module, block, name)
        if key not in self._scoped:
            found, is_own = self._in_scope(name, module, block)
            may_be_ahead = is_own and module.facts.blocks[block].cls >= 0
            self._scoped[key] = found, is_own and (len(found) > 1 or may_be_ahead)
            if len(found) == 1 and not may_be_ahead:
                self._single[key] = found[0]
        found, is_several = self._scoped[key]
        if not is_several:
            return found
        if (cls := module.facts.blocks[block].cls) >= 0 and all(_is_made_here(one, where[2]) for one in found):
            # `tenant: str = Depends(tenant)` in a class body: the name is not its own yet
            return self.find_bindings(name, (module, self._around_class(module, cls), where[2]))
        return self._reaching(found, where)

    @staticmethod
    def _around_class(module: Module, cls: int) -> int:
        """The block whose names the body of a class sees: those of a class around it are not among them."""
        outer = module.facts.classes[cls].outer
        while module.facts.blocks[outer].cls >= 0:
            outer = module.facts.classes[module.facts.blocks[outer].cls].outer
        return outer

    def _in_scope(self, name: str, module: Module, block: int) -> tuple[list[Binding], bool]:
        """The bindings of a name in the scope that a block sees it in, and whether that is the innermost one."""
        blocks = module.facts.blocks
        table = self.bindings(module)
        inner = block
        while blocks[inner].kind == "comprehension":
            if name in target_names(blocks[inner].target):
                return [Binding(blocks[inner], inner, blocks[inner].start)], False
            inner = blocks[inner].parent
        scope = (blocks[inner].function, blocks[inner].cls)
        first = True
        while True:
            found = table.get(scope, {}).get(name)
            if found:
                return found, first
            function, cls = scope
            if function < 0 and cls < 0:
                return [], False
            if cls >= 0:
                outer = self._around_class(module, cls)
            else:
                outer = module.facts.functions[function].outer
                if blocks[outer].cls >= 0:  # the names of a class body are not seen from inside its methods
                    outer = self._around_class(module, blocks[outer].cls)
            scope = (blocks[outer].function, -1)
            first = False

    def _reaching(self, found: list[Binding], where: Where) -> list[Binding]:
        module, block, at = where
        ancestors = {}
        blocks = module.facts.blocks
        exclusive = {}
        while block >= 0:
            ancestors[block] = True
            parent = blocks[block].parent
            if parent >= 0 and blocks[parent].kind == "choice":
                exclusive[parent] = block
            block = parent
        chosen = []
        for binding in reversed(found):
            if binding.start > at:
                continue
            if type(binding.entry) is f.Assign and binding.entry.op not in ("=", ":=", "type"):
                continue
            if binding.block in ancestors:
                chosen.append(binding)
                break
            if not self._excluded(binding.block, exclusive, module):
                chosen.append(binding)
        return chosen or found

    @staticmethod
    def _excluded(block: int, exclusive: dict[int, int], module: Module) -> bool:
        blocks = module.facts.blocks
        while block >= 0:
            parent = blocks[block].parent
            if parent in exclusive and exclusive[parent] != block:
                return True
            block = parent
        return False

    def lookup(self, name: str, where: Where) -> Type:
        """What a bare name is at a place: through scopes, imports and assignments."""
        module = where[0]
        key = (module, where[1], name)
        # One binding reaches every use of it, as most are, and most of all that is ever asked is a name: no calls.
        found = [self._single[key]] if key in self._single else self.find_bindings(name, where)
        if found:
            known = self.merge(module, name, found) if found[1:] else self._bound_type(module, name, found[0])
            is_several = type(known) is OneOf and type(known.options[0]) is Instance
            if name in module.asked_for_types and (is_several or may_be_more(known)):
                latest = max((binding.start for binding in found if binding.start <= where[2]), default=-1)
                told = self._told_by_tests(name, where, latest, known)
                return told or (None if is_several and is_asked(name, where) else known)
            return known
        if starred := self.starred(module, name):
            return starred
        return External(name) if name in BUILTINS else None

    def _told_by_tests(self, name: str, where: Where, latest: int, known: Type) -> Type:
        """What `isinstance` says of a name at a place that was bound at `latest`: in the condition around, in an
        `assert` or an early exit before. None where it says nothing, or nothing more than what is known."""
        module, block, at = where
        blocks = module.facts.blocks
        chain: list[int] = []
        while block >= 0:
            chain.append(block)
            block = blocks[block].parent if blocks[block].kind not in ("function", "lambda", "class") else -1
        around = [blocks[index].test for index in chain if blocks[index].kind in ("if", "while")]
        function = blocks[where[1]].function
        before = [
            one.value for one in module.facts.tests if one.kind == "assert" and one.block in chain and one.end <= at
        ]
        for index, exits in self._early(module, function):
            choice = blocks[index].parent
            if exits <= at and index not in chain and blocks[choice].parent in chain:
                match blocks[index].test:
                    case f.Unary(op="not", value=value):
                        before.append(value)
        for index in chain:
            case = blocks[index]
            if case.kind == "case" and latest < case.start and blocks[case.parent].test == f.Name(name):
                told = self._matched(module, case)
                if isinstance(told, Instance) and (known is None or self._is_below(told, known)):
                    return told
        for test in (*around, *before):
            for call in isinstances(test, module.facts.calls):
                if latest < call.end <= at and is_about(call, name, module):
                    told = self.guarded(("told", module, call.start), partial(self._told, call, module))
                    if isinstance(told, Instance) and (known is None or self._is_below(told, known)):
                        return told
        return None

    def _told(self, call: f.Call, module: Module) -> Type:
        return self.instantiate(self.infer(call.args[1].value, (module, call.block, call.start)))

    def _matched(self, module: Module, case: f.Block, name: str = "") -> Type:
        """The object that a `case Class(...)` takes, or binds to a name."""
        pattern = _CASE.match(module.text, case.start, case.end)
        if pattern is None or (name and pattern[2] != name.encode()):
            return None
        cls = parse_annotation(pattern[1].decode())
        where = (module, case.parent, case.start)
        return self.guarded(("told", module, case.start), lambda: self.instantiate(self.infer(cls, where)))

    def _is_below(self, told: Instance, known: Type) -> bool:
        if isinstance(known, OneOf):
            return told in known.options or any(self._is_below(told, option) for option in known.options)
        if not isinstance(known, Instance) or told.cls == known.cls:
            return False
        if is_any_error(known):
            return not is_any_error(told)
        return isinstance(told.cls, Class) and self.is_subclass(told.cls, known.cls)

    @staticmethod
    def _early(module: Module, function: int) -> Iterator[tuple[int, int]]:
        """The conditions of a function whose branch leaves it, each with the place where it does."""
        blocks = module.facts.blocks
        for leave in module.exits_in.get(function, ()):
            if leave.kind in ("return", "raise") and blocks[leave.block].kind == "if":
                yield leave.block, leave.end

    def merge(self, module: Module, name: str, found: list[Binding]) -> Type:
        useful = [b for b in found if not (isinstance(b.entry, f.Assign) and _says_nothing(b.entry))]
        if len(useful) == 1:
            return self._bound_type(module, name, useful[0])
        if len(useful) > 12:
            return None
        if len(useful) > 1 and all(isinstance(b.entry, Function) for b in useful):
            useful = useful[-1:]  # overloads, redefinitions: the last one stays
        is_imported = any(isinstance(b.entry, f.Import) for b in useful)
        if is_imported and all(b.block == 0 for b in useful):
            useful = useful[-1:]  # bound anew on the way through the module: what runs later finds the last one
        found_types = (self._bound_type(module, name, binding) for binding in useful)
        if is_imported:
            return self.agree(found_types)  # which of two libraries there is, is no choice at run time
        return self.one_of(found_types)

    def _bound_type(self, module: Module, name: str, binding: Binding) -> Type:
        key = (module, binding.block, binding.start, name)
        held = self._bound[key]
        if held is not None:
            if recording.active:
                recording.depend_on(held[1])
            return held[0]
        is_short = type(binding.entry) in (f.Import, Function, Class)

        def answer() -> Type:
            return self.guarded(("bound", key), lambda: self._bind(module, name, binding), is_short=is_short)

        return recording.remembered(self._bound, key, answer)

    def _bind(self, module: Module, name: str, binding: Binding) -> Type:
        entry = binding.entry
        match entry:
            case f.Import():
                return self.imported(module, entry)
            case Function():
                return self._defined(entry)
            case Class():
                return ClassObject(entry)
            case f.Param():
                function = module.enclosing(binding.block)
                return self.parameter(function, entry) if function else None
            case f.Assign():
                return self._assigned(module, name, entry)
            case f.Block():
                return self._block_target(module, name, entry, binding.block)

    def _defined(self, function: Function) -> Type:
        """A function, or the object that its decorators make of it (a Celery task)."""
        if function.facts.decorators:
            for name in self.decorators(function):
                if made := catalog.decorated(name):
                    return instance_of(made)
        return FunctionObject(function)

    def _assigned(self, module: Module, name: str, entry: f.Assign) -> Type:
        where = (module, entry.block, entry.start)
        if entry.op == "type":
            return None
        declared = self.annotation(entry.annotation, where) if entry.annotation is not None else None
        value = self.infer(entry.value, where) if entry.value is not None else None
        if declared is not None and is_one_object(declared):
            return value or declared
        if declared is not None:
            # An annotation as wide as a base class loses to the object that is really made there.
            if isinstance(value, Instance) and value.origin is not None and isinstance(declared, Instance):
                if value.cls == declared.cls and not value.args:
                    return Instance(value.cls, declared.args, value.origin)
                return value if self.is_instance(value, declared.cls) else declared
            if isinstance(value, FunctionObject) and self._is_of_call(declared):
                return value
            return self.with_callables(declared, value)
        if isinstance(entry.target, f.Name):
            return value
        return self._destructure(entry.target, value, name)

    def _is_of_call(self, declared: Type) -> bool:
        """Whether a type is a Protocol of the project that only says how its objects are called."""
        if not isinstance(declared, Instance) or not isinstance(declared.cls, Class):
            return False
        return "__call__" in declared.cls.methods and "typing.Protocol" in self.mro(declared.cls)

    def _destructure(self, target: f.Expr, value: Type, name: str) -> Type:
        """What a name of a target is when a value is taken apart into it."""
        if isinstance(target, f.Name):
            return value if target.id == name else None
        if not isinstance(target, f.Display):
            return None
        star = next((i for i, item in enumerate(target.items) if isinstance(item, f.Star)), len(target.items))
        parts = self.parts(value)
        for i, item in enumerate(target.items):
            if name not in target_names(item):
                continue
            if isinstance(item, f.Star):
                return Instance("list", (self.element(value),))
            if parts is None:
                part = self.element(value)
            elif star == len(target.items) and len(parts) != len(target.items):
                part = None
            else:
                index = i if i < star else i - len(target.items)
                part = parts[index] if -len(parts) <= index < len(parts) else None
            return self._destructure(item, part, name)
        return None

    def _block_target(self, module: Module, name: str, entry: f.Block, index: int) -> Type:
        where = (module, entry.parent, entry.start)
        value = self.infer(entry.test, where)
        if entry.kind in ("for", "comprehension"):
            return self._destructure(entry.target, self.element(value), name) if entry.target is not None else None
        if entry.kind == "with":
            return self._destructure(entry.target, self.entered(value), name) if entry.target is not None else None
        if entry.kind == "case":
            return self._matched(module, entry, name)
        if entry.kind == "except" and not isinstance(value, TupleOf):
            return self.instantiate(value)
        return None

    def entered(self, value: Type) -> Type:
        """What `with value as target` (or `async with`) binds."""
        match value:
            case Coroutine(result=result):
                return self.entered(result)
            case Instance(cls="contextmanager", args=args):
                return args[0] if args else None
            case Instance(cls=Class() as cls):
                for dunder in ("__aenter__", "__enter__"):
                    method = self.attribute(value, dunder)
                    if isinstance(method, FunctionObject):
                        result = self.result(method)
                        return result.result if isinstance(result, Coroutine) else result
                return value if any(isinstance(base, str) for base in self.mro(cls)) else None
            case Instance(cls=str(name), args=args):
                if name in ("sqlalchemy.orm.sessionmaker", "sqlalchemy.ext.asyncio.async_sessionmaker"):
                    return None
                given = catalog.enters(name)
                return instance_of(given) if given else value
        return None


def _says_nothing(entry: f.Assign) -> bool:
    """Whether an assignment says nothing of what a name is: it is None to begin with."""
    return entry.annotation is None and is_none(entry.value)


def _is_made_here(binding: Binding, at: int) -> bool:
    """Whether a place stands in the very statement that binds a name."""
    entry = binding.entry
    return isinstance(entry, f.Assign) and entry.op == "=" and entry.start < at < entry.end
