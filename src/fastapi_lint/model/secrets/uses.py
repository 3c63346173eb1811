"""What the texts of a project are used for: which sign or encrypt, which are asked for, which stand in. Judges none.

A use is told of the place that a value comes from: the start of an assignment or of a parameter, or that of a call that
reads an environment variable.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fastapi_lint.catalog.secrecy import secrets
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.reach.aside import is_for_tests
from fastapi_lint.model.names.expressions import called, comparisons_of, walk
from fastapi_lint.model.names.symbols import Class, Function, Module
from fastapi_lint.model.secrets.comparing import Comparing
from fastapi_lint.model.secrets.keys import USERS, keys_given, keys_of_users
from fastapi_lint.model.secrets.origins import Place, origins
from fastapi_lint.model.secrets.shown import given_by_name
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.readers import default_of, environment_read, is_environment, is_set_default, option_of
from fastapi_lint.model.values.texts import BoundText
from fastapi_lint.tracking import memoized
from fastapi_lint.tracking.tables import collected, contributions, numbered

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

Role = Literal["signs", "encrypts", "asked", "stands-in", "given"]
_SETTINGS = frozenset({"pydantic_settings.BaseSettings", "pydantic.BaseSettings", "pydantic.v1.BaseSettings"})
_BESIDE_KEYS = frozenset({"kty", "alg", "use", "kid", "crv", "key_ops", "x5t", "x5u", "x", "y", "n", "e"})
"""What a key that is a dict (RFC 7517) says of itself, in public."""
_DIGESTS = frozenset({"compare_digest"})
_READS = ("environ", "getenv", "config", "envvar", "BaseSettings")


@dataclass(frozen=True)
class Use:
    """One use of a value.

    `by` is what takes it as a key, what it is compared with, the variable that it stands in for, or the name of a
    secret under which it is given.
    `takes_empty`: an empty text works there; `takes_fixed`: a protocol may say what stands there.
    """

    role: Role
    by: str = ""
    takes_empty: bool = False
    takes_fixed: bool = False


class Secrets:
    """Answers what a text is used for, and where it is read from before it counts."""

    TABLES = "project.modules.tables"

    def __init__(self, project: Project) -> None:
        self.project = project

    @collected("secrets.uses")
    def uses(self) -> Mapping[Module, Mapping[int, tuple[Use, ...]]]:
        """The uses of values anywhere but in tests, by module and place."""
        table: dict[Module, dict[int, dict[Use, None]]] = {}
        contributions(self.project.modules.tables, "secrets", lambda module: self.contribute(module, table))
        return {home: {at: tuple(found) for at, found in places.items()} for home, places in table.items()}

    def contribute(self, module: Module, table: dict[Module, dict[int, dict[Use, None]]]) -> Collection[int]:
        """Add what a module uses; whether there is anything."""
        found = [] if is_for_tests(self.project, module) else list(self._used_by(module))
        for (home, at), use in found:
            table.setdefault(home, {}).setdefault(at, {}).setdefault(use)
        return numbered((0,), found) if found else ()

    def uses_of(self, bound: BoundText) -> tuple[Use, ...]:
        """The uses of a text under the name that it is bound to."""
        if bound.how == "key" and bound.name in _BESIDE_KEYS:
            return ()
        places = self.uses.get(bound.module, {})
        starts = [bound.start]
        starts += [bound.binding.start] if bound.binding is not None else []
        starts += [bound.call.start] if bound.call is not None and bound.how == "fallback" else []
        starts += [bound.place[0]] if places and bound.how == "key" else []
        found = [use for start in starts for use in places.get(start, ())]
        if bound.call is not None and is_set_default(bound.call):
            found += self._of_variable(bound.name)
        return tuple(dict.fromkeys(found))

    def _of_variable(self, name: str) -> Iterator[Use]:
        """The uses of what is read from an environment variable, wherever that is."""
        for module in self.project.modules:
            if not module.mentions(name):
                continue
            places = self.uses.get(module, {})
            for entry in module.facts.assigns if places else ():
                if entry.value is not None and entry.start in places and _variable(entry.value, module) == name:
                    yield from places[entry.start]
            for arg in (arg for call in module.facts.calls for arg in call.args) if places else ():
                if arg.start in places and _variable(arg.value, module) == name:
                    yield from places[arg.start]

    def stands_in_for(self, bound: BoundText) -> str | None:
        """The variable, option or setting that a text only stands in for; None when it is what the program uses."""
        if bound.how == "fallback":
            return bound.name
        if bound.how == "setting" and bound.cls is not None and self.is_settings(bound.cls):
            # A name with an underscore in front is a private attribute: nothing outside replaces it.
            return None if bound.name.startswith("_") else bound.name
        if bound.how == "variable" and bound.binding is not None and (name := _missing(bound.module, bound.binding)):
            return name
        if bound.how == "written" and bound.binding is not None and _is_written_when_missing(bound):
            return bound.name
        return next((use.by for use in self.uses_of(bound) if use.role == "stands-in"), None)

    @memoized
    def is_settings(self, cls: Class) -> bool:
        """Whether the fields of a class are read from the environment: its own bases say so, or those of a subclass, or
        settings hold it as a group (`maps: Maps = Maps()`)."""
        below = self.project.routes.expansion.objects.subclasses(cls)
        if any(base in _SETTINGS for one in (cls, *below) for base in self.project.types.mro(one)):
            return True
        is_model = self.project.types.is_subclass(cls, "pydantic.BaseModel")
        return is_model and cls in self.project.schemas.groups and not self.project.exchange.is_exchanged(cls)

    # ---------------------------------------------------------------- what a module uses

    def _used_by(self, module: Module) -> Iterator[tuple[Place, Use]]:
        """What a module uses; each kind is a memo, as only some hang on what requests bring."""
        yield from self._keys_in(module)
        if secrets.hints_at_secrets(module.words_once):
            yield from self._asked_in(module)
            yield from self._given_in(module)
        if module.mentions(*_READS):
            yield from self._standing_in(module)

    @memoized
    def _keys_in(self, module: Module) -> tuple[tuple[Place, Use], ...]:
        return tuple(self._keys(module))

    @memoized
    def _asked_in(self, module: Module) -> tuple[tuple[Place, Use], ...]:
        return tuple(self._asked_plainly(module))

    @memoized
    def _given_in(self, module: Module) -> tuple[tuple[Place, Use], ...]:
        return tuple(
            (place, Use("given", given.name))
            for given in given_by_name(module, self.project)
            for place in origins(given.value, (module, given.block, given.start), self.project)
        )

    @memoized
    def _standing_in(self, module: Module) -> tuple[tuple[Place, Use], ...]:
        return tuple(self._stand_ins(module))

    def _keys(self, module: Module) -> Iterator[tuple[Place, Use]]:
        for call, arg, taker, name in keys_given(module, self.project):
            use = Use(taker.use, name, taker.empty, taker.fixed)
            yield (module, arg.start), use
            for place in origins(arg.value, (module, call.block, call.start), self.project):
                yield place, use
        for entry in keys_of_users(module, self.project):
            yield (module, entry.start), Use("signs", USERS)
            for place in origins(entry.value, (module, entry.block, entry.start), self.project):
                yield place, Use("signs", USERS)
        if module.mentions(*_DIGESTS):
            yield from self._asked(module)

    def _asked(self, module: Module) -> Iterator[tuple[Place, Use]]:
        """What is compared with something that the caller of a function gives."""
        for call in module.facts.calls:
            if called(module, call) not in _DIGESTS or len(call.args) != 2:
                continue
            where = (module, call.block, call.start)
            one, other = call.args
            for mine, theirs in ((one, other), (other, one)):
                if self._is_given(theirs.value, where):
                    for value, at_home in self._of_loop(mine.value, where):
                        for place in origins(value, at_home, self.project):
                            yield place, Use("asked", called(module, call))

    def _asked_plainly(self, module: Module) -> Iterator[tuple[Place, Use]]:
        """What is compared by `==`, or as a member of a set of keys, with what a request brings."""
        comparing = Comparing(self.project)
        for function in module.functions:
            for part, block, at in comparisons_of(function):
                where = (module, block, at)
                for theirs, mine in _pairs(part):
                    own = [one for one in self._held(mine, where) if _may_be_secret(one[0], part, function)]
                    if own and comparing.is_given(theirs, where):
                        for value, at_home in own:
                            for place in origins(value, at_home, self.project):
                                yield place, Use("asked", part.operators[0])

    def _of_loop(self, expr: f.Expr, where: Where) -> Iterator[tuple[f.Expr, Where]]:
        """A value, or the members of what its loop goes over: `any(compare_digest(given, key) for key in keys)`."""
        found = self.project.types.find_bindings(expr.id, where) if isinstance(expr, f.Name) else []
        entry = found[0].entry if len(found) == 1 else None
        if isinstance(entry, f.Block) and entry.kind in ("for", "comprehension") and entry.target == expr:
            if entry.test is not None:
                yield from self._held(entry.test, (where[0], entry.parent, entry.start))
        else:
            yield expr, where

    def _held(self, expr: f.Expr, where: Where) -> Iterator[tuple[f.Expr, Where]]:
        """A value, or the members of a display under a name."""
        if isinstance(expr, f.Display):
            yield from ((item, where) for item in expr.items)
            return
        found = list(self.project.values.definitions(expr, where)) if isinstance(expr, (f.Name, f.Attr)) else []
        displays = [(value, place) for value, place in found if isinstance(value, f.Display)]
        if not displays:
            yield expr, where
        for value, place in displays:
            yield from ((item, place) for item in value.items)

    def _is_given(self, expr: f.Expr, where: Where, depth: int = 5) -> bool:
        """Whether a value begins with a parameter of the function around it, an object's own attributes aside."""
        module, block, _ = where
        if depth < 0:
            return False
        match expr:
            case f.Attr(value=value) | f.Sub(value=value) | f.Await(value=value):
                return self._is_given(value, where, depth - 1)
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                if isinstance(call.func, f.Attr):
                    return self._is_given(call.func.value, where, depth - 1)
                return any(self._is_given(arg.value, where, depth - 1) for arg in call.args[:1])
            case f.Name(id=name):
                function = module.enclosing(block)
                if function is None or name in ("self", "cls"):
                    return False
                if any(param.name == name for param in function.params):
                    return not self._is_own(function, name)
                found = self.project.values.definitions(expr, where)
                return any(self._is_given(value, place, depth - 1) for value, place in found if place[0] is module)
        return False

    def _is_own(self, function: Function, name: str) -> bool:
        """Whether a parameter is given by the program itself: the settings, a service."""
        value = self.project.types.infer(f.Name(name), (function.module, function.facts.block, function.facts.head_end))
        cls = getattr(value, "cls", None)
        return isinstance(cls, Class) and self.is_settings(cls)

    # ---------------------------------------------------------------- what stands in

    def _stand_ins(self, module: Module) -> Iterator[tuple[Place, Use]]:
        """Constants that are taken when a variable, an option or a setting is missing."""
        for call in module.facts.calls:
            where = (module, call.block, call.start)
            variable = environment_read(module, call)
            default = default_of(call) if variable is not None else None
            option = option_of(call) if variable is None else None
            if option is not None and option[1]:
                variable, default = option[1], f.keyword(call, "default")
            if variable is not None and default is not None:
                yield from self._constants(default.value, where, variable)
            for arg in call.args:
                if isinstance(arg.value, f.Choice):
                    yield from self._chosen(arg.value, where)
        for entry in module.facts.assigns:
            where = (module, entry.block, entry.start)
            if isinstance(entry.value, f.Choice):
                yield from self._chosen(entry.value, where)
            if isinstance(entry.value, (f.Name, f.Attr)) and (variable := _missing(module, entry)):
                yield from self._constants(entry.value, where, variable)
            cls = module.facts.blocks[entry.block].cls
            if cls >= 0 and isinstance(entry.target, f.Name) and isinstance(entry.value, (f.Name, f.Attr)):
                if self.is_settings(module.classes[cls]):
                    yield from self._constants(entry.value, where, entry.target.id)
        for exit_ in module.facts.exits:
            if isinstance(exit_.value, f.Choice):
                yield from self._chosen(exit_.value, (module, exit_.block, exit_.start))

    def _chosen(self, value: f.Choice, where: Where) -> Iterator[tuple[Place, Use]]:
        """`os.getenv("X") or DEFAULT`, `os.environ["X"] if ... else DEFAULT`."""
        read = next((name for each in value.options if (name := _variable(each, where[0]))), None)
        for option in value.options if read else ():
            yield from self._constants(option, where, read or "")

    def _constants(self, value: f.Expr, where: Where, variable: str) -> Iterator[tuple[Place, Use]]:
        if isinstance(value, (f.Name, f.Attr)):
            for place in origins(value, where, self.project):
                yield place, Use("stands-in", variable)


def _pairs(part: f.Compare) -> tuple[tuple[f.Expr, f.Expr], ...]:
    """What may be asked for (first), and what it may be compared with."""
    if len(part.operands) != 2:
        return ()
    one, other = part.operands
    if part.operators in (("in",), ("not in",)):
        return ((one, other),)
    return ((one, other), (other, one)) if part.operators in (("==",), ("!=",)) else ()


def _may_be_secret(expr: f.Expr, part: f.Compare, function: Function) -> bool:
    """Whether the name of a value is that of a secret, or a key without which a request is refused; one that is read
    in place has no name."""
    if isinstance(expr, f.CallRef):
        return True
    name = f.last_name(expr) if isinstance(expr, (f.Name, f.Attr)) else ""
    if secrets.secret_name(name) is not None or secrets.secret_name(name.rstrip("sS")) is not None:
        return True
    return secrets.words(name)[-1:] == ["key"] and _refuses(function, part)


def _refuses(function: Function, part: f.Compare) -> bool:
    """Whether a function answers 401 or 403 where a comparison says so."""
    module = function.module
    for leave in function.exits:
        test = module.facts.blocks[leave.block].test if module.facts.blocks[leave.block].kind == "if" else None
        if leave.kind == "raise" and isinstance(leave.value, f.CallRef) and any(one == part for one in walk(test)):
            for arg in module.facts.calls[leave.value.index].args:
                if isinstance(arg.value, f.Const) and arg.value.value in (401, 403):
                    return True
                if f.last_name(arg.value).endswith(("401_UNAUTHORIZED", "403_FORBIDDEN", "UNAUTHORIZED", "FORBIDDEN")):
                    return True
    return False


def _missing(module: Module, entry: f.Assign) -> str:
    """The environment variable for which an assignment gives another value because it is missing: below `if not KEY:`,
    in the other branch of `if "KEY" in os.environ:`, behind `except KeyError:`; else ""."""
    blocks = module.facts.blocks
    branch = blocks[entry.block]
    if branch.kind not in ("except", "if", "else"):
        return ""
    beside = [index for index, each in enumerate(blocks) if each.parent == branch.parent and index != entry.block]
    others = [each for each in module.facts.assigns if each.target == entry.target and each.block in beside]
    if branch.kind == "except":
        return next((name for each in others if each.value and (name := _variable(each.value, module))), "")
    tests = [branch.test] if branch.kind == "if" else [blocks[each].test for each in beside]
    asked = _asked_of(tests[0], is_set=branch.kind == "else") if len(tests) == 1 else None
    if isinstance(asked, str):
        return asked if others else ""
    if asked is None or (asked != entry.target and not others):
        return ""
    read = [each.value for each in module.facts.assigns if each.target == asked and each.start < entry.start]
    return next((name for value in (asked, *read) if value is not None and (name := _variable(value, module))), "")


def _asked_of(test: f.Expr | None, *, is_set: bool) -> f.Expr | str | None:
    """What a condition says to be there (`is_set`), or to be missing: a value, or the name of a variable that it looks
    for in the environment."""
    match test:
        case f.Compare(operators=("in" | "not in" as operator,), operands=(f.Const(value=str(name)), held)):
            return name if is_environment(held) and (operator == "in") is is_set else None
        case f.Compare(operators=("is" | "==",), operands=(value, f.Const(value=None | ""))):
            return None if is_set else value
        case f.Compare(operators=("is not" | "!=",), operands=(value, f.Const(value=None | ""))):
            return value if is_set else None
        case f.Unary(op="not", value=value):
            return None if is_set else value
        case f.Name() | f.Attr() | f.CallRef() | f.Sub():
            return test if is_set else None
    return None


def _is_written_when_missing(bound: BoundText) -> bool:
    """Whether a text is written to an environment variable because it has none: `if "X" not in os.environ: ...`."""
    assert bound.binding is not None
    block = bound.module.facts.blocks[bound.binding.block]
    match block.test if block.kind == "if" else None:
        case f.Compare(operators=("not in",), operands=(f.Const(value=str(name)), held)):
            return name == bound.name and is_environment(held)
        case f.Unary(op="not", value=value):
            return _variable(value, bound.module) == bound.name
        case f.Compare(operators=("is",), operands=(value, f.Const(value=None))):
            return _variable(value, bound.module) == bound.name
    return False


def _variable(expr: f.Expr, module: Module) -> str:
    """The environment variable that an expression reads; "" when it reads none."""
    match expr:
        case f.CallRef(index=index):
            return environment_read(module, module.facts.calls[index]) or ""
        case f.Sub(value=value, items=(f.Const(value=str(name)),)) if is_environment(value):
            return name
    return ""
