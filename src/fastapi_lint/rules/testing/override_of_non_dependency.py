"""FAPI911: overrides of something that nothing depends on."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, External, Function, FunctionObject, Instance, Module
from fastapi_lint.model.testing import Override, overrides
from fastapi_lint.model.types import Where
from fastapi_lint.rule import Check, rule

_KEEP = "keep what stands in `Depends` in a variable, and override that"


@rule("FAPI911", severity=Severity.ERROR, since="0.2.0")
def override_of_non_dependency(module: Module, check: Check) -> Iterator[Finding]:
    """`dependency_overrides` gets a key that nothing depends on.

    Why is this bad?
    FastAPI compares the object that stands in `Depends` with the keys. An override of a helper inside of a dependency,
    of the function that builds a dependency, of `Store.load` where `store.load` stands in `Depends`, or of what is
    built anew, is never used: the test runs against the real thing, and passes or fails for another reason.

    Where the dependency that is really used is overridden beside, the test runs as it should, and this is an
    information.

    Known limits
    Keys that cannot be resolved, objects, and functions of other packages are left alone, and so are methods of a class
    that a variable goes through. So are functions whose name
    stands in a `Depends` that cannot be resolved.

    References
    - [Testing dependencies with overrides](https://fastapi.tiangolo.com/advanced/testing-dependencies/)
    """
    for each in overrides(module):
        found = _mistaken(each, check)
        if found is not None:
            what, instead = found
            title, used = f"nothing depends on {what}, so that this override is never used", _used_beside(each, check)
            if used:
                why = f"what counts is the override of `{used}` beside it"
                yield check.finding(each, title, why=why, instead="remove it", severity=Severity.INFO)
            else:
                yield check.finding(each, title, why="the test runs against the real dependency", instead=instead)


def _used_beside(each: Override, check: Check) -> str:
    """The dependency that is overridden beside a key that is none, for the same: it is given the same, or runs it."""
    project = check.project
    itself = project.infer(each.key, each.module, each.block, each.start)
    for other in overrides(each.module):
        meant = project.infer(other.key, each.module, other.block, other.start)
        if other.function != each.function or other.app != each.app or not isinstance(meant, FunctionObject):
            continue
        if other.key == each.key or not project.dependencies.injected.get(meant.function):
            continue
        runs = (project.callee(meant.function.module, call) for call in meant.function.calls)
        if (other.value is not None and other.value == each.value) or itself in tuple(runs):
            return meant.function.name
    return ""


def _mistaken(each: Override, check: Check) -> tuple[str, str] | None:
    """What a key is that nothing depends on, and what to use; None for a key that is depended on, or may be."""
    project = check.project
    where = (each.module, each.block, each.start)
    if isinstance(each.key, f.CallRef):
        call = each.module.facts.calls[each.key.index]
        maker = project.callee(each.module, call)
        if maker == External("functools.partial"):
            return "this new `partial`", _KEEP
        if isinstance(maker, FunctionObject) and _makes_new(maker.function, check):
            return f"this new result of `{maker.function.name}`", _KEEP
        if isinstance(maker, ClassObject) and _is_itself(maker.cls, check):
            return f"this new `{maker.cls.name}`", _KEEP
        return None
    if _is_of_a_variable(each.key, where, check):
        return None
    if (fresh := _new_owner(each.key, where, check)) is not None:
        return f"a method of this new `{fresh.name}`", _KEEP
    match project.infer(each.key, *where):
        case FunctionObject(function=function, owner=owner) if function.name != "<lambda>":
            if isinstance(owner, ClassObject) and _stands_bound(function, check):
                bound = "override the method of the object that stands in `Depends`"
                return f"`{owner.cls.name}.{function.name}`, the function of the class", bound
            if function in project.dependencies.wrapped:
                return f"`{function.name}` itself", "override the `partial` that stands in `Depends`"
            if project.dependencies.injected.get(function) or _may_be_meant(function.name, check):
                return None
            return f"`{function.name}`", "override the callable that stands in `Depends`"
        case ClassObject(cls=cls):
            if cls in project.dependencies.used_classes or _may_be_meant(cls.name, check):
                return None
            return f"`{cls.name}`", "override the callable that stands in `Depends`"
    return None


def _is_of_a_variable(key: f.Expr, where: Where, check: Check) -> bool:
    """Whether a key is a method of some class that a variable goes through: `implementation.session`."""
    if not isinstance(key, f.Attr) or not isinstance(key.value, f.Name):
        return False
    found = check.project.types.find_bindings(key.value.id, where)
    return any(isinstance(binding.entry, (f.Block, f.Param)) for binding in found)


def _new_owner(key: f.Expr, where: Where, check: Check) -> Class | None:
    """The class of an object that is made for a key that is a method of it: `Clock().now`."""
    if not isinstance(key, f.Attr) or not isinstance(key.value, f.CallRef):
        return None
    maker = check.project.callee(where[0], where[0].facts.calls[key.value.index])
    method = check.project.infer(key, *where)
    if not isinstance(maker, ClassObject) or not isinstance(method, FunctionObject) or method.function.facts.decorators:
        return None
    bases = [base for base in check.project.types.mro(maker.cls) if base != "object"]
    is_plain = all(isinstance(base, Class) and "__new__" not in base.methods for base in bases)
    return maker.cls if is_plain and not maker.cls.facts.decorators and method.function.cls is not None else None


def _stands_bound(function: Function, check: Check) -> bool:
    """Whether a method is depended on as one of objects only: what a class has under its name is another thing."""
    uses = check.project.dependencies.used.get(function, ())
    targets = [each.target for each in uses]
    return (
        bool(targets)
        and not function.facts.decorators
        and all(isinstance(each, FunctionObject) and isinstance(each.owner, Instance) for each in targets)
    )


def _makes_new(function: Function, check: Check) -> bool:
    """Whether every call of a function gives another object: a function or class that it defines itself."""
    if function.facts.decorators or not function.exits:
        return False
    returned = [entry for entry in function.exits if entry.kind == "return"]
    for entry in returned:
        found = check.project.infer(entry.value, function.module, entry.block, entry.start)
        match found:
            case FunctionObject(function=made) if made.parent is function:
                continue
            case ClassObject(cls=cls) if cls.module.enclosing(cls.facts.outer) is function:
                continue
        return False
    return bool(returned)


def _is_itself(cls: Class, check: Check) -> bool:
    """Whether an object of a class can be called, and equals only itself."""
    bases = check.project.types.mro(cls)
    known = [base for base in bases if isinstance(base, Class)]
    return (
        all(isinstance(base, Class) or base == "object" for base in bases)
        and any("__call__" in base.methods for base in known)
        and not any("__eq__" in base.methods or base.facts.decorators for base in known)
    )


def _may_be_meant(name: str, check: Check) -> bool:
    """Whether something of this name is depended on whose target is not known."""
    return name in check.project.dependencies.unresolved
