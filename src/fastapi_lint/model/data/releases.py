"""Code for one release of a library: what stands below a condition that asks which version is installed."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.constants import Values

_DEEPEST = 4
_TOLD_BY = frozenset({"importlib.metadata.version", "importlib_metadata.version"})


def is_for_a_release(values: Values, module: Module, block: int, package: str) -> bool:
    """Whether a place runs only for some versions of a package: `if int(pydantic.VERSION.split(".")[0]) < 2:`."""
    blocks = module.facts.blocks
    while block >= 0:
        one = blocks[block]
        tests = [one] if one.kind == "if" else []
        if one.kind == "else" and one.parent >= 0 and blocks[one.parent].kind == "choice":
            tests = [each for each in blocks if each.kind == "if" and each.parent == one.parent]
        for test in tests:
            where = (module, max(test.parent, 0), test.start)
            if any(_tells(values, part, place, package) for part, place in _parts(values, test.test, where, 0)):
                return True
        block = one.parent
    return False


def _parts(values: Values, expr: f.Expr | None, where: Where, depth: int) -> Iterator[tuple[f.Expr, Where]]:
    """A condition with what its names were given, and the calls in it."""
    for part in walk(expr) if depth < _DEEPEST else ():
        yield part, where
        if isinstance(part, f.CallRef):
            call = where[0].facts.calls[part.index]
            for one in (call.func, *(arg.value for arg in call.args)):
                yield from _parts(values, one, where, depth + 1)
        elif isinstance(part, f.Name):
            for value, place in values.definitions(part, where):
                if value != part:
                    yield from _parts(values, value, place, depth + 1)


def _tells(values: Values, part: f.Expr, where: Where, package: str) -> bool:
    """Whether an expression is the version of a package, or a constant of a library that says which one it is."""
    if isinstance(part, f.CallRef):
        call = where[0].facts.calls[part.index]
        name = values.types.name_of_type(values.types.callee(where[0], call)) or ""
        given = call.args[0].value if call.args else None
        return name in _TOLD_BY and given == f.Const(package)
    if not isinstance(part, (f.Name, f.Attr)):
        return False
    name = values.types.name_of_type(values.types.infer(part, where)) or ""
    last = name.rpartition(".")[2]
    if name.startswith(f"{package}."):
        return last in ("VERSION", "__version__", "version_info", "version_short")
    return last.strip("_").startswith((f"{package.upper()}_V", f"IS_{package.upper()}_V")) and "_compat." in name
