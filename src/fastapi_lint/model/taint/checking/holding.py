"""What is known to hold where code runs: tests around a place, those before it that leave, assertions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.cases import case_of, is_open, listed
from fastapi_lint.model.calls.ways.conditional import conditions
from fastapi_lint.model.names.expressions import walk
from fastapi_lint.model.names.symbols import Function, Module
from fastapi_lint.model.types.inference.inference import Where

_LEAVES = re.compile(rb"(?:^|[\n;:])[ \t]*(?:continue|break)(?:[ \t]*#[^\n]*)?\s*\Z")
_SKIPS = re.compile(rb"\b(?:continue|break)\b")
_RUN_ONCE = ("body", "try", "with")
_RUN_AT_LEAST_ONCE = (*_RUN_ONCE, "for", "while")
_LEAVING = frozenset({"exit", "abort", "_exit", "fail", "redirect"})


@dataclass(frozen=True)
class Held:
    """A test that is known to be true, or not, at some place. `at` tells it from others of its module."""

    test: f.Expr
    truth: bool
    module: Module = field(repr=False)
    block: int
    at: int

    @property
    def where(self) -> Where:
        """Where it is evaluated."""
        return self.module, self.block, self.at


class Holding:
    """Answers "what holds here", from the facts of one module at a time."""

    def __init__(self) -> None:
        self._leaving: dict[Module, frozenset[int]] = {}
        self._cases: dict[tuple[Module, int], tuple[f.Compare, ...]] = {}
        self._tests: dict[Module, dict[int, list[f.Test]]] = {}

    def leaves(self, module: Module, block: int) -> bool:
        """Whether whoever comes into a block does not come out at its end: it returns, raises, goes on or breaks."""
        if module not in self._leaving:
            found = {e.block for e in module.facts.exits if e.kind in ("return", "raise")}
            found.update(call.block for call in module.calls_named(_LEAVING) if call.use == "statement")
            self._leaving[module] = frozenset(found)
        entry = module.facts.blocks[block]
        return block in self._leaving[module] or _LEAVES.search(module.text, entry.start, entry.end) is not None

    def at(self, where: Where) -> Iterator[Held]:
        """Everything that holds at a place, nearest first, up to the outermost function around it."""
        module, block, at = where
        blocks = module.facts.blocks
        if (test := conditions(module).get(at)) is not None:
            yield Held(test, True, module, block, at)
        inner = -1
        while block >= 0:
            entry = blocks[block]
            yield from self._before(module, block, inner, at)
            if entry.kind == "while" and entry.test is not None and not _is_asked(module, entry.test, where[2]):
                yield Held(entry.test, True, module, block, entry.start)
            elif entry.kind in ("if", "else", "case") and entry.parent >= 0:
                yield from self._chosen(module, block)
            inner, at, block = block, entry.start, entry.parent

    def _chosen(self, module: Module, block: int) -> Iterator[Held]:
        """What the branch of an `if` says, or the case of a `match`."""
        blocks = module.facts.blocks
        entry = blocks[block]
        choice = blocks[entry.parent]
        if choice.kind != "choice":
            return
        if entry.kind == "case":
            if entry.test is not None:
                yield Held(entry.test, True, module, block, entry.start)
            for listing in self._listed(module, block):
                yield Held(listing, True, module, choice.parent, choice.start)
            return
        if entry.kind == "if" and entry.test is not None:
            yield Held(entry.test, True, module, entry.parent, entry.start)
        for sibling in module.children.get(entry.parent, ()):
            test = blocks[sibling].test
            if sibling < block and blocks[sibling].kind == "if" and test is not None:
                yield Held(test, False, module, entry.parent, blocks[sibling].start)

    def _before(self, module: Module, block: int, inner: int, at: int) -> Iterator[Held]:
        """What tests say that stand before a place directly in the same block, and leave when it is otherwise."""
        blocks = module.facts.blocks
        for child in module.children.get(block, ()):
            entry = blocks[child]
            if child == inner or entry.end > at:
                continue
            if entry.kind == "choice":
                yield from self._left(module, child)
            elif entry.kind in ("try", "with", "body") and entry.end <= at:
                yield from self._before(module, child, -1, at)
            elif entry.kind == "for":
                yield from self._of_each(module, child)
        for test in self._tests_in(module).get(block, ()):
            if test.start <= at < test.end:
                continue  # what stands in a condition is run to find out whether it holds
            if test.kind == "filter" or test.start < at:
                yield Held(test.value, True, module, block, test.start)

    def _tests_in(self, module: Module) -> dict[int, list[f.Test]]:
        """The tests of asserts and of comprehensions, by their block."""
        if module not in self._tests:
            found = self._tests[module] = {}
            for test in module.facts.tests:
                if test.kind in ("assert", "filter"):
                    found.setdefault(test.block, []).append(test)
        return self._tests[module]

    def _of_each(self, module: Module, loop: int) -> Iterator[Held]:
        """What holds for each item when a loop over all of them has come to its end, and its tests did not."""
        for child in module.children.get(loop, ()):
            entry = module.facts.blocks[child]
            if entry.kind == "choice":
                if _SKIPS.search(module.text, module.facts.blocks[loop].start, entry.end):
                    return
                yield from self._left(module, child)

    def _listed(self, module: Module, block: int) -> tuple[f.Compare, ...]:
        """What the pattern of a case says of what is matched, as comparisons with the constants that it lists."""
        key = (module, block)
        if key not in self._cases:
            entry = module.facts.blocks[block]
            subject, case = module.facts.blocks[entry.parent].test, case_of(module, entry)
            found = listed(subject, case.pattern) if subject is not None and case is not None else ()
            self._cases[key] = tuple(found)
        return self._cases[key]

    def _out_of(self, module: Module, choice: int, cases: list[int]) -> Iterator[Held]:
        """What holds behind a `match` whose last case takes the rest, and leaves: the others list what is left."""
        blocks = module.facts.blocks
        last = case_of(module, blocks[cases[-1]])
        if last is None or last.guard is not None or not is_open(last.pattern) or not self.leaves(module, cases[-1]):
            return
        staying = [self._listed(module, case) for case in cases if not self.leaves(module, case)]
        for test in staying[0] if staying else ():
            if all(any(other.operands[0] == test.operands[0] for other in listing) for listing in staying):
                yield Held(test, True, module, blocks[choice].parent, blocks[choice].start)

    def _left(self, module: Module, choice: int) -> Iterator[Held]:
        blocks = module.facts.blocks
        if blocks[choice].test is not None and (cases := list(module.children.get(choice, ()))):
            yield from self._out_of(module, choice, cases)
        for branch in module.children.get(choice, ()):
            test = blocks[branch].test
            if blocks[branch].kind == "if" and test is not None and self.leaves(module, branch):
                yield Held(test, False, module, choice, blocks[branch].start)

    def alternatives(self, module: Module, block: int, use: int, older: int) -> Iterator[Held]:
        """What does not hold where a branch was not taken: of a binding in `block`, seen from a use outside of it, by
        which a binding in the block `older` would have been replaced: one of another branch beside it is not."""
        blocks = module.facts.blocks
        beside = set()
        while older >= 0:
            beside.add(older)
            older = blocks[older].parent
        for entry in _up_to(blocks, block, use):
            if entry.kind == "if" and entry.test is not None and entry.parent not in beside:
                yield Held(entry.test, False, module, entry.parent, entry.start)

    @staticmethod
    def replaces(module: Module, block: int, use: int) -> bool:
        """Whether a binding in a block is the only one that is left at a use: loops count as run at least once."""
        return _leads_through(module.facts.blocks, block, use, _RUN_AT_LEAST_ONCE)

    def runs_before(self, module: Module, block: int, end: int, where: Where) -> bool:
        """Whether a place in a block has certainly run when another one of the same function is reached."""
        return end <= where[2] and _leads_through(module.facts.blocks, block, where[1], _RUN_ONCE)

    @staticmethod
    def end_of(function: Function) -> Where:
        """The place behind the last statement of a function."""
        return function.module, function.facts.block, function.facts.end


def _is_asked(module: Module, test: f.Expr, at: int) -> bool:
    """Whether a place stands in a call of a condition, which is run to find out whether it holds."""
    calls = [module.facts.calls[part.index] for part in walk(test) if isinstance(part, f.CallRef)]
    return any(call.start <= at < call.end for call in calls)


def _up_to(blocks: Sequence[f.Block], block: int, use: int) -> Sequence[f.Block]:
    """A block and those around it, up to the first that is around another one as well, which is not one of them."""
    found = []
    while block != use:
        if block > use:  # blocks are numbered as they begin: it is not around the other
            found.append(blocks[block])
            block = blocks[block].parent
        else:
            use = blocks[use].parent
    return found


def _leads_through(blocks: Sequence[f.Block], block: int, use: int, kinds: tuple[str, ...]) -> bool:
    """Whether a block, and those around it that are not around another one (`_up_to`), are all of some kinds."""
    while block != use:
        if block < use:
            use = blocks[use].parent
        elif blocks[block].kind in kinds:
            block = blocks[block].parent
        else:
            return False
    return True


def chain(function: Function, where: Where) -> Iterator[tuple[Function, Where]]:
    """A function and those around it, each with the place in it at which the inner one is made."""
    current: Function | None = function
    while current is not None:
        yield current, where
        where = (current.module, current.facts.outer, current.facts.start)
        current = current.parent
