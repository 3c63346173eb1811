"""In which `try` statements a place stands, and what the clauses of one catch. Says nothing of what they do."""

from __future__ import annotations

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import External, Module, TupleOf, Type
from fastapi_lint.model.types.inference.inference import Inference

BROAD = frozenset({"Exception", "BaseException"})
"""The exceptions of which nearly all others are."""


def attempts_around(module: Module, block: int) -> list[int]:
    """The `try` statements in whose bodies a place of a function stands, by the indexes of their blocks, innermost
    first."""
    blocks, found = module.facts.blocks, []
    while block >= 0 and blocks[block].kind not in ("function", "lambda", "class", "module"):
        if blocks[block].kind == "body":
            found.append(blocks[block].parent)
        block = blocks[block].parent
    return found


def is_tried(module: Module, block: int) -> bool:
    """Whether a place stands in the body of a `try` that has handlers: somebody may take what is raised there."""
    return any(module.clauses_of(attempt) for attempt in attempts_around(module, block))


def body_of(module: Module, clause: f.Block) -> f.Block | None:
    """The body of the `try` of an `except` clause; None for other blocks."""
    beside = module.blocks_in.get(clause.function, ()) if clause.kind == "except" else ()
    return next((each for each in beside if each.kind == "body" and each.parent == clause.parent), None)


def caught(types: Inference, module: Module, clause: f.Block) -> tuple[Type, ...]:
    """What a clause catches, None for what is not known; BaseException without a type."""
    if clause.test is None:
        return (External("BaseException"),)
    value = types.infer(clause.test, (module, clause.parent, clause.start))
    return value.items if isinstance(value, TupleOf) else (value,)


def catches_all(types: Inference, module: Module, clause: f.Block) -> bool:
    """Whether a clause is for every exception."""
    return any(isinstance(one, External) and one.name in BROAD for one in caught(types, module, clause))
