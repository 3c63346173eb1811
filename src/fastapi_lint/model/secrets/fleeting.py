"""Keys that are made at import and sign or encrypt from then on: others in each worker. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.bodies.arguments import parameter_behind
from fastapi_lint.model.calls.reach.aside import is_for_tests
from fastapi_lint.model.names.expressions import evaluated, walk
from fastapi_lint.model.names.symbols import Function, FunctionObject, Module
from fastapi_lint.model.secrets.keys import Given, keys_given
from fastapi_lint.model.secrets.surroundings import runs_as_script
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.types.inference.passing import Unknown
from fastapi_lint.tracking.queries import gathered, query

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_MAKERS = frozenset({
    "secrets.token_hex", "secrets.token_urlsafe", "secrets.token_bytes", "os.urandom", "uuid.uuid4", "uuid.uuid1",
    "cryptography.fernet.Fernet.generate_key",
})  # fmt: skip
_WRAPPERS = frozenset({"str", "bytes", "base64.b64encode", "base64.urlsafe_b64encode", "pydantic.SecretStr"})
_SAME = frozenset({"hex", "decode", "encode", "get_secret_value", "strip"})
_DEPTH = 6
_HEIGHT = 3
_ENCODES = frozenset({"b64encode", "urlsafe_b64encode", "str", "hexlify", "b2a_hex"})


class Fleeting(NamedTuple):
    """A key that is made anew: where, its name ("" for none), what makes it and what takes it."""

    start: int
    end: int
    name: str
    maker: str
    taker: str


@query
def fleeting_keys(project: Project) -> Mapping[Module, tuple[Fleeting, ...]]:
    """The keys that are made at import, by the module in which they are made."""
    found: dict[tuple[Module, int], Fleeting] = {}
    for home, key in _given_in(project):
        found.setdefault((home, key.start), key)
    table: dict[Module, list[Fleeting]] = {}
    for (home, _), key in found.items():
        table.setdefault(home, []).append(key)
    return {home: tuple(sorted(each)) for home, each in table.items()}


@gathered
def _given_in(project: Project, module: Module) -> Iterator[tuple[Module, Fleeting]]:
    """The keys that a module uses, with the module in which each is made."""
    if is_for_tests(project, module):
        return
    for given in keys_given(module, project):
        if "csrf" not in given.name.lower() and not _is_never_compared(given, module, project):
            yield from ((home, key) for home, key in _made(given, module, project) if not home.is_test)


def _is_never_compared(given: Given, module: Module, project: Project) -> bool:
    """Whether a digest with a key is a name for something, as in a cache: nobody compares it with one that came in."""
    if not given.name.startswith("hmac.") or module.enclosing(given.call.block) is None:
        return False
    return not _is_compared(module, given.call, project, _HEIGHT)


def _is_compared(module: Module, call: f.Call, project: Project, height: int) -> bool:
    """Whether what a call gives is compared with something, in its function or, when that gives it back, in callers."""
    function = module.enclosing(call.block)
    if function is None:
        return True
    held = _held(function, call)
    if any(f.last_name(each.func) == "compare_digest" and _has(each, held) for each in function.calls):
        return True
    parts = (part for expr, _, _ in evaluated(function) for part in walk(expr) if isinstance(part, f.Compare))
    if any({"==", "!="}.intersection(each.operators) and held.intersection(walk(each)) for each in parts):
        return True
    if height <= 0 or not any(
        leave.kind == "return" and held.intersection(walk(leave.value)) for leave in function.exits
    ):
        return False
    return any(
        _is_compared(where, each, project, height - 1)
        for where, each in project.routes.expansion.objects.callers(function.name)
        if not where.is_test
        and isinstance(target := project.callee(where, each), FunctionObject)
        and target.function is function
    )


def _held(function: Function, call: f.Call) -> set[f.Expr]:
    """What a call gives in a function: itself, what methods and encodings make of it, and the names for these."""
    module = function.module
    held: set[f.Expr] = {f.CallRef(module.call_numbers[call.start, call.end])}
    for _ in range(_HEIGHT):
        for each in function.calls:
            of_it = isinstance(each.func, f.Attr) and each.func.value in held
            if of_it or (f.last_name(each.func) in _ENCODES and _has(each, held)):
                held.add(f.CallRef(module.call_numbers[each.start, each.end]))
        for entry in module.assigns_in.get(function.index, ()):
            if isinstance(entry.target, f.Name) and held.intersection(walk(entry.value)):
                held.add(entry.target)
    return held


def _has(call: f.Call, held: set[f.Expr]) -> bool:
    return any(held.intersection(walk(arg.value)) for arg in call.args)


def _made(given: Given, module: Module, project: Project) -> Iterator[tuple[Module, Fleeting]]:
    where = (module, given.call.block, given.call.start)
    expr, place = given.arg.value, where
    for _ in range(_DEPTH):
        maker = _maker(expr, place, project)
        if maker is not None:
            home, block, start = place
            entry = next((one for one in home.facts.assigns if one.start == start and one.value == expr), None)
            if runs_as_script(home, block, project):
                return
            if entry is not None and home.enclosing(block) is None and not _is_setting(home, block, project):
                yield home, Fleeting(entry.start, entry.end, f.last_name(entry.target), maker, given.name)
            elif entry is None and place is where and (home.enclosing(block) is None or _adds_middleware(given.call)):
                yield home, Fleeting(given.arg.start, given.arg.end, "", maker, given.name)
            return
        if isinstance(expr, f.CallRef):
            call = place[0].facts.calls[expr.index]
            if not isinstance(call.func, f.Attr) or call.func.attr not in _SAME:
                return
            expr = call.func.value
        if not isinstance(expr, (f.Name, f.Attr)):
            return
        meant = list(project.values.definitions(expr, place))
        if len(meant) != 1:
            return
        expr, place = meant[0]


def _is_setting(module: Module, block: int, project: Project) -> bool:
    """Whether a place stands in the body of a class whose fields the environment may replace."""
    index = module.facts.blocks[block].cls
    return index >= 0 and project.secrets.is_settings(module.classes[index])


def _adds_middleware(call: f.Call) -> bool:
    return f.last_name(call.func) in ("add_middleware", "Middleware")


def _maker(expr: f.Expr, where: Where, project: Project, depth: int = _DEPTH) -> str | None:
    """The call that makes something new of chance, when an expression is just that."""
    if depth < 0:
        return None
    module = where[0]
    match expr:
        case f.Attr(value=value, attr="hex" | "bytes"):
            return _maker(value, where, project, depth - 1)
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            name = project.called_name(module, call) or ""
            if name in _MAKERS:
                return name
            if name in _WRAPPERS and call.args:
                return _maker(call.args[0].value, where, project, depth - 1)
            if isinstance(call.func, f.Attr) and call.func.attr in _SAME:
                return _maker(call.func.value, where, project, depth - 1)
            callee = project.callee(module, call)
            if isinstance(callee, FunctionObject) and not callee.function.is_generator:
                exits = [one for one in callee.function.exits if one.kind == "return"]
                if len(exits) == 1 and exits[0].value is not None and len(callee.function.calls) <= 2:
                    place = (callee.function.module, exits[0].block, exits[0].start)
                    return _maker(exits[0].value, place, project, depth - 1)
    return None


# ---------------------------------------------------------------- what nobody has configured


def is_of_this_process(
    expr: f.Expr, where: Where, project: Project, is_served: Callable[[Where], bool], depth: int = _HEIGHT
) -> bool:
    """Whether all that a value can be is made of chance by this process, and nobody can have configured it.

    A parameter is what all callers give it, of which none answers a request (`is_served`).
    """
    if _maker(expr, where, project, _DEPTH) is not None:
        return not _is_setting(where[0], where[1], project)
    if depth <= 0 or not isinstance(expr, (f.Name, f.Attr)):
        return False
    if (behind := parameter_behind(project.values, expr, where)) is not None:
        function, param = behind
        try:
            given = [
                (project.types.argument(call, function, function.params.index(param)), call.where)
                for call in project.types.passing(function)
            ]
        except Unknown:
            return False
        return bool(given) and all(
            value is not None and not is_served(at) and is_of_this_process(value, at, project, is_served, depth - 1)
            for value, at in given
        )
    found = list(project.values.definitions(expr, where))
    return bool(found) and all(is_of_this_process(*one, project, is_served, depth - 1) for one in found)
