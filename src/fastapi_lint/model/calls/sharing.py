"""Which state that others see a function writes: globals, attributes of shared objects, entries of shared containers.

On the event loop a stretch of code without `await` is atomic; a thread, or an `await` in its middle, ends that. What is
written in a function's own variables and parameters concerns nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.reach.accessors import is_of_app
from fastapi_lint.model.names.expressions import targets
from fastapi_lint.model.names.symbols import Function, Method, Module
from fastapi_lint.model.types.inference.inference import Inference

_CONTAINERS = frozenset({"list", "dict", "set", "deque", "collections.deque", "collections.defaultdict"})
_CHANGING = frozenset({
    "append", "appendleft", "extend", "insert", "add", "update", "setdefault", "pop", "popitem", "popleft", "remove",
    "discard", "clear", "sort", "reverse",
})  # fmt: skip
_LOCK = re.compile(r"(?<![bcf])lock|mutex|semaphore", re.I)
_LOCKS = (
    "threading.Lock", "threading.RLock", "threading.Semaphore", "threading.BoundedSemaphore", "threading.Condition",
    "multiprocessing.Lock", "multiprocessing.RLock",
)  # fmt: skip


@dataclass(frozen=True)
class Write:
    """One write of shared state: where it stands, in which block, and what is written, in the words of the code."""

    start: int
    block: int
    target: str
    end: int = 0


def writes(function: Function, types: Inference, *, of_object: bool = True) -> Iterator[Write]:
    """The writes in a function's own body, in source order; `of_object`: those to `self` as well.

    A constructor's writes to `self` are its own affair: nobody else has the object yet.
    """
    module = function.module
    shared = {name for name, block in module.facts.globals if module.facts.blocks[block].function == function.index}
    own = of_object and function.name not in ("__init__", "__new__", "__post_init__")
    found = []
    for assign in module.assigns_in.get(function.index, ()):
        if assign.value is None:
            continue
        for target in targets(assign.target):
            root, depth = _root(target)
            if root is None:
                continue
            is_shared = depth > 0 and _is_shared(function, types, root, assign.start, own)
            if is_shared or (depth == 0 and root in shared) or is_of_app(target):
                found.append(Write(assign.start, assign.block, _text(target), assign.end))
    for entry in function.exits:
        if entry.kind == "del" and entry.value is not None:
            root, depth = _root(entry.value)
            if root is not None and depth > 0 and _is_shared(function, types, root, entry.start, own):
                found.append(Write(entry.start, entry.block, _text(entry.value)))
    for call in function.calls:
        if isinstance(call.func, f.Attr) and call.func.attr in _CHANGING:
            root, _ = _root(call.func.value)
            if root is None or not _is_shared(function, types, root, call.start, own):
                continue
            callee = types.callee(module, call)
            if isinstance(callee, Method) and callee.cls in _CONTAINERS:
                found.append(Write(call.start, call.block, _text(call.func.value)))
    return iter(sorted(found, key=lambda write: write.start))


def _root(expr: f.Expr) -> tuple[str | None, int]:
    """The name that an attribute or subscript starts from, and how many steps it is away."""
    depth = 0
    while isinstance(expr, (f.Attr, f.Sub)):
        expr, depth = expr.value, depth + 1
    return (expr.id if isinstance(expr, f.Name) else None), depth


def _is_shared(function: Function, types: Inference, root: str, at: int, own: bool) -> bool:
    """Whether a name is `self`, or something of the module (or imported) that outlives the call."""
    if root in ("self", "cls") and function.cls is not None:
        return own or root == "cls"
    module: Module = function.module
    outer: Function | None = function
    while outer is not None:  # a variable of its own, or of the function around it
        if any(param.name == root for param in outer.params) or outer.rebinds(root):
            return any(
                name == root and module.facts.blocks[block].function == outer.index
                for name, block in module.facts.globals
            )
        outer = outer.parent
    bound = types.find_bindings(root, (module, function.facts.block, at))
    blocks = module.facts.blocks
    return bool(bound) and all(isinstance(each.entry, f.Import) or blocks[each.block].function < 0 for each in bound)


def _text(expr: f.Expr) -> str:
    match expr:
        case f.Name(id=name):
            return name
        case f.Attr(value=value, attr=attr):
            return f"{_text(value)}.{attr}"
        case f.Sub(value=value):
            return f"{_text(value)}[...]"
    return "?"


def is_guarded(function: Function, write: Write, types: Inference) -> bool:
    """Whether a write stands below a `with` that takes a lock of threads; by its name if no more is known."""
    module = function.module
    for each in module.block_chain(write.block):
        if each.kind == "with" and not each.is_async and each.test is not None:
            test = module.facts.calls[each.test.index].func if isinstance(each.test, f.CallRef) else each.test
            known = types.infer(each.test, (module, each.parent, each.start))
            if types.is_instance(known, *_LOCKS) or (known is None and _LOCK.search(f.last_name(test))):
                return True
    return False


def starts_from_self(expr: f.Expr) -> bool:
    """Whether an expression is an attribute of `self` or `cls`, or of one of their attributes."""
    return _root(expr)[0] in ("self", "cls")
