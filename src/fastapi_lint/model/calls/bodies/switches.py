"""Branches behind a switch: their condition reads settings, the environment or names of a module, and nothing that is
a value of the running function. Judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import (
    Class,
    ClassObject,
    FunctionObject,
    Instance,
    Module,
    ModuleObject,
)
from fastapi_lint.model.types.inference.inference import Where
from fastapi_lint.model.values.readers import environment_read, is_environment

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_DEEPEST = 6
_CASTS = frozenset({"bool", "int", "str", "builtins.bool", "builtins.int", "builtins.str"})
_CONTAINERS = frozenset({"list", "dict", "set", "collections.defaultdict", "collections.deque", "collections.Counter"})
"""What makes something that fills and empties while the program runs: no switch, except for an entry of it."""
_DEVELOPMENT = frozenset({"DEV", "DEBUG", "IS_DEV", "DEV_MODE", "DEVELOPMENT", "TESTING"})
_ASKED = frozenset({"str", "dict", "logging.Logger"})
"""Types whose methods may be part of a switch: `MODE.lower()`, `OPTIONS.get("debug")`, `log.isEnabledFor(...)`."""


def runs_by_switch(project: Project, module: Module, block: int) -> bool:
    """Whether a block stands in a branch that a switch chooses."""
    blocks = module.facts.blocks
    while block >= 0:
        entry = blocks[block]
        if entry.kind in ("if", "else") and entry.parent >= 0 and blocks[entry.parent].kind == "choice":
            for number in module.children.get(entry.parent, ()):
                clause = blocks[number]
                if clause.kind == "if" and clause.test is not None and clause.start <= entry.start:
                    # All parts of an `and` have to hold for this branch; in the ones before it, any switch leads away.
                    if _decides(project, clause.test, (module, entry.parent, clause.start)):
                        return True
        block = entry.parent
    return False


def _decides(project: Project, test: f.Expr, where: Where) -> bool:
    if isinstance(test, f.Choice) and test.op == "and":
        return any(is_switch(project, option, where) for option in test.options)
    return is_switch(project, test, where)


def is_switch(project: Project, expr: f.Expr, where: Where, depth: int = _DEEPEST) -> bool:
    """Whether an expression reads only settings, the environment and names of a module that stay as they are."""
    if depth == 0:
        return False

    def all_of(*parts: f.Expr | None) -> bool:
        return all(part is None or is_switch(project, part, where, depth - 1) for part in parts)

    match expr:
        case f.Const():
            return True
        case f.Name():
            return _is_steady(project, expr, where, depth)
        case f.Attr(value=value, attr=attr):
            if is_environment(expr):
                return True
            owner = project.infer(value, *where)
            if isinstance(owner, Instance) and isinstance(owner.cls, Class):
                if project.schemas.is_settings(owner.cls):
                    return True
                return _is_of_class(owner.cls, attr) and all_of(value)
            if isinstance(owner, ClassObject):
                return _is_of_class(owner.cls, attr)
            if isinstance(owner, ModuleObject):
                return _is_steady_in(project, owner.module, attr)
            return all_of(value)
        case f.CallRef(index=index):
            return _is_called(project, where, index, depth)
        case f.Compare(operands=parts) | f.Display(items=parts):
            return all_of(*parts)
        case f.Choice(options=options, test=test):
            return all_of(*options, test)
        case f.Unary(value=value):
            return all_of(value)
        case f.Binary(left=left, right=right):
            return all_of(left, right)
        case f.Sub(value=f.Name(id=name), items=items):  # an entry of a mapping: `OPTIONS["debug"]`
            return bool(_module_level(project, name, where)) and all_of(*items)
        case f.Sub(value=value, items=items):
            return all_of(value, *items)
    return False


def _is_called(project: Project, where: Where, index: int, depth: int) -> bool:
    module = where[0]
    call = module.facts.calls[index]
    if not all(is_switch(project, arg.value, where, depth - 1) for arg in call.args):
        return False
    if environment_read(module, call) is not None or project.called_name(module, call) in _CASTS:
        return True
    callee = project.callee(module, call)
    if isinstance(callee, FunctionObject):
        function = callee.function
        found = [leave for leave in function.exits if leave.kind == "return" and leave.value is not None]
        return bool(found) and all(
            leave.value is not None
            and is_switch(project, leave.value, (function.module, leave.block, leave.start), depth - 1)
            for leave in found
        )
    if not isinstance(call.func, f.Attr):
        return False
    owner = project.infer(call.func.value, *where)
    if isinstance(owner, Instance) and owner.cls in _ASKED:
        return isinstance(call.func.value, f.Name) or is_switch(project, call.func.value, where, depth - 1)
    return owner is None and is_switch(project, call.func.value, where, depth - 1)


def _is_steady(project: Project, name: f.Name, where: Where, depth: int) -> bool:
    """Whether a name is one of a module that no function sets anew, or a local one for what is a switch itself."""
    found = project.types.find_bindings(name.id, where)
    if not found:
        return False
    module = where[0]
    if all(module.facts.blocks[each.block].function < 0 for each in found):
        imported = [each.entry for each in found if isinstance(each.entry, f.Import)]
        if imported:
            target = project.infer(name, *where)
            return not isinstance(target, (ModuleObject, ClassObject, FunctionObject))
        return _is_steady_in(project, module, name.id)
    entry = found[0].entry
    if len(found) != 1 or not isinstance(entry, f.Assign) or entry.value is None or entry.target != name:
        return False
    return is_switch(project, entry.value, (module, entry.block, entry.start), depth - 1)


def _module_level(project: Project, name: str, where: Where) -> bool:
    found = project.types.find_bindings(name, where)
    return bool(found) and all(where[0].facts.blocks[each.block].function < 0 for each in found)


def _is_steady_in(project: Project, module: Module, name: str) -> bool:
    """Whether a module sets a name to something else than a container, and no function sets it anew."""
    if any(declared == name for declared, _ in module.facts.globals):
        return False
    own = [
        entry
        for entry in module.facts.assigns
        if entry.target == f.Name(name) and module.facts.blocks[entry.block].function < 0
    ]
    return not any(
        isinstance(entry.value, (f.Display, f.Mapping))
        or (
            isinstance(entry.value, f.CallRef)
            and project.called_name(module, module.facts.calls[entry.value.index]) in _CONTAINERS
        )
        for entry in own
    )


def _is_of_class(cls: Class, attr: str) -> bool:
    """Whether an attribute is set in the body of its class, and never anew in its module."""
    module = cls.module
    in_body = False
    for entry in module.facts.assigns:
        block = module.facts.blocks[entry.block]
        if entry.target == f.Name(attr) and block.cls == cls.index:
            in_body = not isinstance(entry.value, (f.Display, f.Mapping))
        elif isinstance(entry.target, f.Attr) and entry.target.attr == attr:
            return False
    return in_body


def in_development(module: Module, call: f.Call) -> bool:
    """Whether a call stands below `if DEV_MODE:` or the like, which is neither always so nor said by who calls."""
    return any(
        block.kind == "if"
        and isinstance(block.test, (f.Name, f.Attr))
        and f.last_name(block.test) in _DEVELOPMENT
        and not (isinstance(block.test, f.Name) and _is_given(module, call, block.test))
        for block in module.block_chain(call.block)
    )


def _is_given(module: Module, call: f.Call, flag: f.Name) -> bool:
    """Whether a flag is a parameter of the function around a call, or True in the source."""
    function = module.enclosing(call.block)
    if function is not None and any(param.name == flag.id for param in function.params):
        return True
    set_here = [entry.value for entry in module.facts.assigns if entry.target == flag]
    return bool(set_here) and all(value == f.Const(True) for value in set_here)
