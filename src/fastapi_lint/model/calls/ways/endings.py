"""How control leaves a function: whether its end can be reached. Infers no values; what is not known ends."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.cases import case_of, is_fixed
from fastapi_lint.model.names.symbols import Function, FunctionObject
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.tracking import memoized

_BREAK = re.compile(rb"^(?:[^#\n]*[ \t:;])?break[ \t]*(?:#|\r?$)", re.M)
_NEVER_RETURN = frozenset({
    "sys.exit", "os._exit", "os.abort", "exit", "quit", "typing.assert_never", "typing_extensions.assert_never",
    "pytest.fail", "pytest.skip", "pytest.exit", "flask.abort",
})  # fmt: skip
_LOOSE = (f.Name("str"), f.Name("int"))
_DEEPEST = 5


class Endings:
    """Answers about functions, each question once; there is one for all who ask (`Inference.shared`)."""

    def __init__(self, types: Inference) -> None:
        self._types = types

    def falls_through(self, function: Function) -> bool:
        """Whether a path leads from the start of a function to its end without `return` or `raise`.

        A `while True` without `break` and a `match` whose cases all end are taken to have no such path, unless that
        looks at any text or number and lists some of them.
        """
        return self.comes_out(function, function.facts.block)

    def passes(self, function: Function, block: int, at: int, spared: Callable[[f.Exit], bool] | None = None) -> bool:
        """Whether a place of a function is passed on every way on which it ends without raising.

        Loops are taken to run, and what stands in a `try` is passed when all its `except` clauses raise. `spared` are
        exits that do not count.
        """
        body = self._body(function, 0)
        blocks = function.module.facts.blocks
        inside = set()
        current = block
        while current >= 0 and blocks[current].kind not in ("function", "lambda", "class", "module"):
            inside.add(current)
            if not body.is_entered(current):
                return False
            current = blocks[current].parent
        inside.add(current)
        return not any(
            leaving.kind == "return"
            and leaving.start < at
            and leaving.block not in inside
            and not (spared is not None and spared(leaving))
            for leaving in function.exits
        )

    @memoized
    def comes_out(self, function: Function, block: int) -> bool:
        """Whether control that has entered a block of a function can reach its end."""
        return self._body(function, 0).can_end(block)

    def never_returns(self, function: Function, depth: int = 0) -> bool:
        """Whether every path of a function raises, as far as it can be seen."""
        if function.is_generator or depth > _DEEPEST or any(entry.kind == "return" for entry in function.exits):
            return False
        return not self._can_end(function, depth)

    @memoized
    def _can_end(self, function: Function, depth: int) -> bool:
        return self._body(function, depth).can_end(function.facts.block)

    @memoized
    def _body(self, function: Function, depth: int) -> _Body:
        return _Body(function, self._types, self, depth)


class _Body:
    """The control structure of one function."""

    def __init__(self, function: Function, types: Inference, endings: Endings, depth: int) -> None:
        self.module = function.module
        self.types = types
        self.endings = endings
        self.depth = depth
        self.blocks = function.module.facts.blocks
        self.children = function.module.children
        self.exits = function.exits
        self.loose = {f.Name(param.name) for param in function.params if param.annotation in _LOOSE}
        """The parameters that are annotated as any text or number: of another type the cases may be all there are."""
        self.ended = {entry.block for entry in function.exits if entry.kind in ("return", "raise")}
        self.ended |= {call.block for call in function.calls if call.use == "statement" and self._never_returns(call)}

    def can_end(self, index: int) -> bool:
        """Whether control can reach the end of a block that it has entered."""
        if index in self.ended:
            return False
        return all(self._goes_on(child) for child in self.children.get(index, ()))

    def is_entered(self, index: int) -> bool:
        """Whether a block runs whenever the statement around it is come out of without an error."""
        block = self.blocks[index]
        parent = self.blocks[block.parent].kind if block.parent >= 0 else ""
        others = [each for each in self.children.get(block.parent, ()) if each != index]
        if parent == "choice":
            if block.kind != "else" and not any(self.blocks[each].kind == "else" for each in others):
                return self._raises_behind(block.parent) and all(self._only_raises(each) for each in others)
            return all(self._only_raises(each) for each in others)
        if parent == "try":
            if block.kind == "except":
                return False
            return all(self._only_raises(each) for each in others if self.blocks[each].kind == "except")
        return True

    def _raises_behind(self, choice: int) -> bool:
        """Whether what stands behind an `if` without `else` does nothing but raise in the end: whoever passes the `if`
        by gets an error."""
        whole = self.blocks[choice]
        behind = [entry for entry in self.exits if entry.start >= whole.end and entry.kind in ("return", "raise")]
        around = self.blocks[whole.parent]
        inside = [entry for entry in behind if entry.start < around.end]
        return bool(inside) and inside[-1].block == whole.parent and all(entry.kind == "raise" for entry in inside)

    def _only_raises(self, index: int) -> bool:
        """Whether a block is left by an error only."""
        block = self.blocks[index]
        returns = any(entry.kind == "return" and block.start <= entry.start < block.end for entry in self.exits)
        return not returns and not self.can_end(index)

    def _goes_on(self, index: int) -> bool:
        """Whether control can come out behind a compound statement."""
        block = self.blocks[index]
        inner = self.children.get(index, [])
        match block.kind:
            case "for":
                return not self._is_retry(index)
            case "choice":
                branches = [each for each in inner if self.blocks[each].kind in ("if", "else", "case")]
                if all(self.blocks[each].kind == "if" for each in branches) or self._leaves_some_out(block, branches):
                    return True
                return any(map(self.can_end, branches))
            case "try":
                by_kind: dict[str, list[int]] = {}
                for each in inner:
                    by_kind.setdefault(self.blocks[each].kind, []).append(each)
                if any(not self.can_end(each) for each in by_kind.get("finally", ())):
                    return False
                body = by_kind.get("body", []) + by_kind.get("else", [])
                return all(map(self.can_end, body)) or any(map(self.can_end, by_kind.get("except", ())))
            case "with":
                return self.can_end(index) or self._may_suppress(block)
            case "while":
                return block.test not in (f.Const(True), f.Const(1)) or self._breaks(block)
            case "else" if self.blocks[block.parent].kind not in ("choice", "try"):
                return self.can_end(index) or self._breaks(self._loop_before(index))
        return True

    def _leaves_some_out(self, choice: f.Block, branches: list[int]) -> bool:
        """Whether a `match` looks at a parameter that may be any text or number, and its cases list some only."""
        if not branches or any(self.blocks[each].kind != "case" for each in branches):
            return False
        if choice.test not in self.loose:
            return False
        cases = [case_of(self.module, self.blocks[each]) for each in branches]
        return all(case is not None and (case.guard is not None or is_fixed(case.pattern)) for case in cases)

    def _loop_before(self, index: int) -> f.Block:
        """The loop that an `else` belongs to: the last one before it in the same block."""
        siblings = self.children[self.blocks[index].parent]
        loops = [each for each in siblings if each < index and self.blocks[each].kind in ("for", "while")]
        return self.blocks[max(loops, default=index)]

    def _breaks(self, loop: f.Block) -> bool:
        """Whether a `break` of a loop's own stands in it."""
        text = bytearray(self.module.text[loop.start : loop.end])
        for block in self.blocks:
            if loop.start < block.start < loop.end and block.kind in ("for", "while", "function", "class"):
                text[block.start - loop.start : block.end - loop.start] = b" "[:1] * (block.end - block.start)
        return _BREAK.search(text) is not None

    def _may_suppress(self, block: f.Block) -> bool:
        """Whether a `with` is known to keep exceptions for itself: then what stands behind it is reached."""
        if not isinstance(block.test, f.CallRef):
            return False
        called = self.types.callee(self.module, self.module.facts.calls[block.test.index])
        return self.types.name_of_type(called) == "contextlib.suppress"

    def _never_returns(self, call: f.Call) -> bool:
        called = self.types.callee(self.module, call)
        if isinstance(called, FunctionObject):
            is_run = not called.function.is_async or call.awaited
            return is_run and self.endings.never_returns(called.function, self.depth + 1)
        return self.types.name_of_type(called) in _NEVER_RETURN

    def _is_retry(self, index: int) -> bool:
        """Whether a loop tries something a number of times, and has a way to raise in the last round.

        Each round ends in a `try` whose body leaves the function; each `except` clause raises under a condition.
        """
        block = self.blocks[index]
        if not isinstance(block.test, f.CallRef):
            return False
        counted = self.types.callee(self.module, self.module.facts.calls[block.test.index])
        if self.types.name_of_type(counted) != "range":
            return False
        for attempt in self.children.get(index, ()):
            inner = self.children.get(attempt, ()) if self.blocks[attempt].kind == "try" else ()
            leaves = any(self.blocks[each].kind == "body" and not self.can_end(each) for each in inner)
            clauses = [self.blocks[each] for each in inner if self.blocks[each].kind == "except"]
            raised = [leave.start for leave in self.exits if leave.kind == "raise"]
            if leaves and clauses and all(any(one.start <= at < one.end for at in raised) for one in clauses):
                return True
        return False
