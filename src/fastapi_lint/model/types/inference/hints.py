"""What annotations admit, through aliases in other modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.annotations import parse_annotation
from fastapi_lint.model.names.modules import Binding
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    Coroutine,
    External,
    Instance,
    Module,
    ModuleObject,
    TupleOf,
    Type,
)
from fastapi_lint.model.types.inference.questions import Questions, Where, is_none, one_object_of
from fastapi_lint.tracking import memoized, memoized_cyclic, recording

_TRANSPARENT = frozenset({
    "typing.Annotated", "typing.Optional", "typing.Final", "typing.ClassVar", "typing.Required", "typing.NotRequired",
    "typing.ReadOnly", "dataclasses.InitVar", "sqlalchemy.orm.Mapped",
})  # fmt: skip
_BUILTIN_GENERICS = {
    "typing.List": "list",
    "typing.Dict": "dict",
    "typing.Set": "set",
    "typing.FrozenSet": "frozenset",
    "typing.Tuple": "tuple",
    "contextlib.AbstractContextManager": "typing.AbstractContextManager",
    "contextlib.AbstractAsyncContextManager": "typing.AbstractContextManager",
    "typing.ContextManager": "typing.AbstractContextManager",
    "typing.AsyncContextManager": "typing.AbstractContextManager",
}
_MOST_FOLLOWED = 500


def is_generic(cls: Class) -> bool:
    """Whether a class may have type variables: a cheap look."""
    return bool(cls.facts.variables) or any(isinstance(base, f.Sub) for base in cls.facts.bases)


class Hints(Questions):
    """What annotations admit, through aliases in other modules."""

    def annotation(self, expr: f.Expr | None, where: Where) -> Type:
        """The type of the values that an annotation admits; None for the unknown, and for unions of several types,
        those of classes of the project aside."""
        match expr:
            case f.Const(value=str(text)):
                return self.annotation(parse_annotation(text), where)
            case f.Binary(op="|", left=left, right=right):
                return self._either((left, right), where)
            case f.Sub(value=value, items=items) if items:
                return self._generic(value, items, where)
            case f.Name() | f.Attr():
                return self._plain(expr, where)
            case f.CallRef(index=index):  # an annotation that a function of the project makes
                made = list(self.given_back(where[0], index))
                if len(made) == 1 and isinstance(made[0][0], f.Sub):
                    return self.guarded(("made", where[0], index), lambda: self.annotation(*made[0]))
        return None

    def _either(self, options: tuple[f.Expr, ...], where: Where) -> Type:
        types = [self.annotation(option, where) for option in options if not is_none(option)]
        return self.agree(types) or one_object_of(types)

    def _plain(self, expr: f.Expr, where: Where) -> Type:
        value = self.infer(expr, where)
        match value:
            case ClassObject(cls=cls, args=args):
                return Instance(cls, args)
            case External(name="typing.Any" | "object" | "typing.TypeVar" | "typing.Self" | "None"):
                return None
            case External(name=name):
                return None if name in _TRANSPARENT else Instance(name)  # a bare Final or ClassVar says nothing
        if alias := self.alias(expr, where):
            target, place = alias
            if isinstance(target, f.CallRef):  # NewType("UserId", int), TypeVar("T", bound=Store)
                call = place[0].facts.calls[target.index]
                called = self.name_of_type(self.callee(place[0], call))
                if called == "typing.NewType" and len(call.args) == 2:
                    return self._followed(call.args[1].value, (place[0], call.block, call.start))
                bound = f.keyword(call, "bound") if called == "typing.TypeVar" else None
                at_most = self._followed(bound.value, (place[0], call.block, call.start)) if bound else None
                return at_most if self._is_interface(at_most) else None
            return self._followed(target, place)
        return None

    def at_least(self, expr: f.Expr, where: Where) -> Type:
        """What is known of a value that is annotated with a type variable: it is of its bound, or below that."""
        match expr:
            case f.Const(value=str(text)):
                parsed = parse_annotation(text)
                return self.at_least(parsed, where) if parsed is not None else None
            case f.Binary(op="|", left=left, right=right) if is_none(left) or is_none(right):
                return self.at_least(right if is_none(left) else left, where)
            case f.Sub(value=value, items=(one,)):
                name = self.name_of_type(self.infer(value, where))
                found = self.at_least(one, where) if name in ("type", "typing.Type", "typing.Optional") else None
                if name == "typing.Optional" or not isinstance(found, Instance):
                    return found
                return ClassObject(found.cls) if isinstance(found.cls, Class) else External(found.cls)
            case f.Name(id=name):
                return self._bound_of(name, where)
        return None

    def _bound_of(self, name: str, where: Where) -> Type:
        """The bound of a type variable, of the definition around a place or `TypeVar("T", bound=Store)`."""
        module, _, at = where
        around = [one for one in self._with_variables(module) if one.start <= at < one.end]
        for one in sorted(around, key=lambda each: each.start, reverse=True):
            for own, bound in one.variables:
                if own == name:
                    return self.annotation(bound, (module, one.outer, one.start)) if bound is not None else None
        target, place = self.alias(f.Name(name), where) or (None, where)
        call = place[0].facts.calls[target.index] if isinstance(target, f.CallRef) else None
        given = f.keyword(call, "bound") if call is not None else None
        if call is None or given is None or self.name_of_type(self.callee(place[0], call)) != "typing.TypeVar":
            return None
        return self._followed(given.value, (place[0], call.block, call.start))

    @memoized
    def _with_variables(self, module: Module) -> tuple[f.Function | f.Class, ...]:
        """The definitions of a module that have type parameters."""
        generic: list[f.Function | f.Class] = [one for one in module.facts.functions if one.variables]
        return (*generic, *(one for one in module.facts.classes if one.variables))

    def _is_interface(self, value: Type) -> bool:
        """Whether a type is a Protocol or an abstract class of the project: what it has, each of its kind has."""
        if not isinstance(value, Instance) or not isinstance(value.cls, Class):
            return False
        bases = self.mro(value.cls)
        return any(base in ("typing.Protocol", "abc.ABC") for base in bases if isinstance(base, str))

    def _followed(self, target: f.Expr, place: Where) -> Type:
        """The annotation that is the right side of an alias, worked out once unless a circle cut it off."""
        if self._depth == 0:
            self._followings = 0
        memo = self._aliased[place]
        if memo is not None:
            recording.depend_on(memo[1])
            return memo[0]
        self._followings += 1
        if self._followings > _MOST_FOLLOWED:  # aliases of unions of aliases, where each names the one above twice
            return None

        def answer() -> Type:
            return self.guarded(("alias", place), lambda: self.annotation(target, place))

        return recording.remembered(self._aliased, place, answer)

    def _generic(self, value: f.Expr, items: tuple[f.Expr, ...], where: Where) -> Type:
        base = self.infer(value, where)
        if isinstance(base, ClassObject):
            return Instance(base.cls, tuple(self.annotation(item, where) for item in items))
        name = base.name if isinstance(base, External) else None
        if name is None:
            if alias := self.alias(value, where):
                return self._followed(*alias)
            return None
        name = _BUILTIN_GENERICS.get(name, name)
        if name in _TRANSPARENT:
            return self.annotation(items[0], where)
        if name == "typing.Union":
            return self._either(items, where)
        if name in ("typing.Literal", "typing.Callable"):
            return Instance("str") if name == "typing.Literal" else None
        if name in ("type", "typing.Type"):
            inner = self.annotation(items[0], where)
            if isinstance(inner, Instance):
                return ClassObject(inner.cls) if isinstance(inner.cls, Class) else External(inner.cls)
            return None
        if name in ("typing.Awaitable", "typing.Coroutine"):
            return Coroutine(self.annotation(items[-1], where))
        if name == "tuple" and len(items) > 1 and not isinstance(items[-1], f.Raw):
            return TupleOf(tuple(self.annotation(item, where) for item in items))
        if name == "typing.AbstractContextManager":
            return Instance("contextmanager", (self.annotation(items[0], where),))
        return Instance(name, tuple(self.annotation(item, where) for item in items))

    # ---------------------------------------------------------------- type variables

    def meant_for(self, expr: f.Expr | None, where: Where, owner: Type, cls: Class) -> Type:
        """What an annotation with type variables of a class admits for an object of it, or of a class below.

        `T` in `Store[T]` is `Note` for a `Store[Note]`, and for an object of `class Notes(Store[Note])`. None where no
        variable of the class is mentioned, or what it stands for is not known.
        """
        if expr is None or not isinstance(owner, Instance) or not isinstance(owner.cls, Class) or not is_generic(cls):
            return None
        known = self._variables(owner.cls, owner.args).get(cls)
        return self._put_in(expr, where, known) if known else None

    @memoized_cyclic({})
    def _variables(self, cls: Class, args: tuple[Type, ...]) -> dict[Class, dict[str, Type]]:
        """What is known of the type variables of a class and its bases, by name."""
        found: dict[Class, dict[str, Type]] = {}
        queue: list[tuple[Class, tuple[Type, ...]]] = [(cls, args)]
        for each, given in queue:  # grows while it runs
            if each in found:
                continue
            where = (each.module, each.facts.outer, each.facts.start)
            bases = [(base, self.infer(base, where)) for base in each.facts.bases]
            names = self._parameters(each, where)
            own = dict(zip(names, given, strict=True)) if len(names) == len(given) else {}
            found[each] = {name: one for name, one in own.items() if one is not None}
            for base, meant in bases:
                if isinstance(meant, ClassObject):
                    items = base.items if isinstance(base, f.Sub) else ()
                    passed = (self._put_in(item, where, found[each]) or self.annotation(item, where) for item in items)
                    queue.append((meant.cls, tuple(passed)))
        return found

    def _parameters(self, cls: Class, where: Where) -> tuple[str, ...]:
        """The names of a class's type parameters: of its own, of `Generic[...]`, or those that its bases are given."""
        if cls.facts.variables:
            return tuple(name for name, _ in cls.facts.variables)
        free: dict[str, None] = {}
        for base in cls.facts.bases:
            if isinstance(base, f.Sub):
                names = [item.id for item in base.items if isinstance(item, f.Name)]
                if self.name_of_type(self.infer(base.value, where)) in ("typing.Generic", "typing.Protocol"):
                    return tuple(names)
                free.update((name, None) for name in names if self._is_variable(name, where))
        return tuple(free)

    def _is_variable(self, name: str, where: Where) -> bool:
        target, place = self.alias(f.Name(name), where) or (None, where)
        call = place[0].facts.calls[target.index] if isinstance(target, f.CallRef) else None
        return call is not None and self.name_of_type(self.callee(place[0], call)) == "typing.TypeVar"

    def _put_in(self, expr: f.Expr | None, where: Where, known: Mapping[str, Type]) -> Type:
        """What an annotation admits with the types that variables stand for; None where it mentions none of them."""
        match expr:
            case f.Const(value=str(text)):
                return self._put_in(parse_annotation(text), where, known)
            case f.Name(id=name):
                return known.get(name)
            case f.Binary(op="|", left=left, right=right) if is_none(left) or is_none(right):
                return self._put_in(right if is_none(left) else left, where, known)
            case f.Sub(value=value, items=items) if items:
                inner = [self._put_in(item, where, known) for item in items]
                if not any(inner):
                    return None
                called = self.name_of_type(self.infer(value, where))
                if called in _TRANSPARENT:
                    return inner[0]
                if called in ("type", "typing.Type"):
                    one = inner[0]
                    return ClassObject(one.cls) if isinstance(one, Instance) and isinstance(one.cls, Class) else None
                if called in ("typing.Awaitable", "typing.Coroutine"):
                    return Coroutine(inner[-1])
                whole = self._generic(value, items, where)
                if isinstance(whole, Instance) and len(whole.args) == len(inner):
                    args = (one if one is not None else had for one, had in zip(inner, whole.args, strict=True))
                    return Instance(whole.cls, tuple(args))
        return None

    # ---------------------------------------------------------------- metadata and aliases

    def metadata(
        self, annotation: f.Expr | None, where: Where, seen: set[Where] | None = None
    ) -> Iterator[tuple[Module, f.Expr, Where]]:
        """The metadata of an Annotated annotation, outermost last, each with the module and place it is written in.

        Aliases (`SessionDep = Annotated[...]`, also `type` statements) are followed into other modules,
        each once (`seen` holds those that were).
        """
        seen = set() if seen is None else seen
        match annotation:
            case f.Sub(value=value, items=items) if items:
                name = self.name_of_type(self.infer(value, where))
                if name == "typing.Annotated":
                    yield from self.metadata(items[0], where, seen)
                    for item in items[1:]:
                        yield where[0], item, where
                elif name in ("typing.Optional", "typing.Union"):
                    for item in items:
                        yield from self.metadata(item, where, seen)
                else:  # `Injected = Annotated[T, Depends(get)]`, used as `Injected[User]`
                    yield from self.metadata(value, where, seen)
            case f.Binary(op="|", left=left, right=right):
                yield from self.metadata(left, where, seen)
                yield from self.metadata(right, where, seen)
            case f.Const(value=str(text)):
                yield from self.metadata(parse_annotation(text), where, seen)
            case f.Name() | f.Attr():
                if alias := self.alias(annotation, where):
                    if alias[1] not in seen and len(seen) < 200:
                        seen.add(alias[1])
                        yield from self.metadata(*alias, seen)
            case f.CallRef(index=index):
                for made, place in self.given_back(where[0], index):
                    if isinstance(made, f.Sub) and place not in seen and len(seen) < 200:
                        seen.add(place)
                        yield from self.metadata(made, place, seen)

    def alias(self, expr: f.Expr, where: Where) -> tuple[f.Expr, Where] | None:
        """The right side of the assignment (in any module) that a name in an annotation stands for."""
        if isinstance(expr, f.Name):
            found = self.find_bindings(expr.id, where)
            if not found and where[0].star_imports:
                return self.export_alias(where[0], expr.id)
            return self.alias_of(where[0], expr.id, found)
        if isinstance(expr, f.Attr):
            owner = self.infer(expr.value, where)
            if isinstance(owner, ModuleObject):
                return self.export_alias(owner.module, expr.attr)
            if (
                isinstance(owner, ClassObject)
                and (entry := owner.cls.assigns.get(expr.attr))
                and entry.value is not None
            ):
                return entry.value, (owner.cls.module, entry.block, entry.start)
        return None

    def export_alias(self, module: Module, name: str, depth: int = 0) -> tuple[f.Expr, Where] | None:
        found = self.bindings(module).get((-1, -1), {}).get(name, [])
        if found:
            return self.alias_of(module, name, found, depth)
        for entry in module.facts.imports:
            if entry.name == "*" and depth < 10:
                source = (
                    self.modules.relative(module, entry.level, entry.module)
                    if entry.level
                    else self.modules.find(entry.module, module)
                )
                if source is not None and (answer := self.export_alias(source, name, depth + 1)):
                    return answer
        return None

    def alias_of(self, module: Module, name: str, found: list[Binding], depth: int = 0) -> tuple[f.Expr, Where] | None:
        if len(found) != 1 or depth > 10:
            found = [b for b in found if isinstance(b.entry, f.Assign)][-1:] if depth <= 10 else []
            if not found:
                return None
        entry = found[0].entry
        if isinstance(entry, f.Assign) and entry.value is not None and isinstance(entry.target, f.Name):
            return entry.value, (module, entry.block, entry.start)
        if isinstance(entry, f.Import) and entry.name:
            source = (
                self.modules.relative(module, entry.level, entry.module)
                if entry.level
                else self.modules.find(entry.module, module)
            )
            if source is not None and source is not module:
                return self.export_alias(source, entry.name, depth + 1)
        return None
