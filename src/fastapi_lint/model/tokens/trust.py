"""Who trusts what an unverified token says: whether the same token is verified somewhere, and who calls.

An unverified token that leaves its function is trusted, until every caller is seen to verify it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.attempts.ending import suppresses
from fastapi_lint.model.calls.bodies.decorators import decorator_effect
from fastapi_lint.model.names.symbols import Function, FunctionObject, Module
from fastapi_lint.model.secrets.surroundings import runs_as_script
from fastapi_lint.model.tokens.claims import (
    are_only_looked_at,
    are_only_taken_away,
    believes,
    index_of,
    is_only_returned,
    says_more_than_how,
)
from fastapi_lint.model.tokens.expressions import parts_of
from fastapi_lint.model.tokens.provenance import OF_SERVERS
from fastapi_lint.model.tokens.reading import TokenCall, header_call, token_call
from fastapi_lint.model.types.inference.inference import is_none

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

Standing = Literal["served", "elsewhere", "never"]
"""served: a request can reach it; elsewhere: only a command or a script; never: nothing is seen to call it."""

_CHECKS = ("verify", "validate", "userinfo", "introspect", "token_review", "check_token")
"""Parts of the names of calls that check the token that they are given in another way."""
_DEPTH = 4


def trusted_headers(module: Module, project: Project) -> Iterator[TokenCall]:
    """The calls of a module that read the header of a token for more than how the token is to be read."""
    if not module.mentions("get_unverified_header"):
        return
    for call in module.facts.calls:
        found = header_call(module, call, project)
        function = module.enclosing(call.block) if found is not None else None
        if found is not None and function is not None:
            if says_more_than_how(function, f.CallRef(index_of(module, call))):
                yield found


class Trust:
    """Answers about one unverified read after the other."""

    def __init__(self, project: Project) -> None:
        self.project = project

    # ---------------------------------------------------------------- what is done with it

    def is_verified(self, read: TokenCall) -> bool:
        """Whether the function around an unverified read verifies the same token on every way that goes on."""
        function = read.module.enclosing(read.call.block)
        if function is None or read.token is None:
            return False
        return any(self._covers(function, other, read.call) for other in self._verifying(function, read.token))

    def _verifying(self, function: Function, token: f.Expr, depth: int = _DEPTH) -> Iterator[f.Call]:
        """The calls of a function that verify a token."""
        module = function.module
        for call in function.calls:
            given = [arg for arg in call.args if _mentions(arg.value, token)]
            if not given:
                continue
            known = token_call(module, call, self.project)
            if known is not None:
                if known.flaw not in ("signature", "claims") and known.token is not None and known.token == token:
                    yield call
            elif self._checks(module, call, token, depth):
                yield call

    def _checks(self, module: Module, call: f.Call, token: f.Expr, depth: int) -> bool:
        """Whether a call checks the token that it is given: a function of the project by what it does with it, another
        server by being asked, and what is not known by its name."""
        callee = self.project.callee(module, call)
        if isinstance(callee, FunctionObject) and _does_something(callee.function):
            return depth > 0 and self._verifies_parameter(callee.function, call, token, depth)
        if (self.project.types.name_of_type(callee) or "").startswith(OF_SERVERS):
            return True
        return any(word in f.last_name(call.func).lower() for word in _CHECKS)

    def _verifies_parameter(self, function: Function, call: f.Call, token: f.Expr, depth: int) -> bool:
        """Whether a function of the project verifies the token that a call of it gives."""
        names = function.positional
        for index, arg in enumerate(call.args):
            name = arg.name or (names[index] if index < len(names) else "")
            if arg.value == token and name and any(self._verifying(function, f.Name(name), depth - 1)):
                return True
        return False

    def _covers(self, function: Function, check: f.Call, read: f.Call) -> bool:
        """Whether a check counts for a read: it comes on the same way, and no other way goes round it."""
        module = function.module
        if check.start == read.start:
            return False
        around, mine = _blocks(module, check.block), _blocks(module, read.block)
        shared = next(block for block in around if block in mine)
        facts = module.facts.blocks
        if facts[shared].kind == "choice":
            return False  # one branch checks, the other one reads
        if check.start < read.start:
            # Before: everything between the check and what both stand in has to run, or to end here.
            inner = around[: around.index(shared)]
            return all(self._must_pass(function, block) for block in inner)
        if facts[shared].kind == "try" and _child(mine, shared, facts) == "except":
            return False
        ends = [one for one in function.exits if one.kind in ("return", "raise") and one.block in mine]
        if any(read.start < one.start and one.end <= check.start for one in ends):
            return False  # the check stands behind the way out
        leaving = [one for one in function.exits if one.kind in ("return", "yield") and one.start < check.start]
        if any(one.start <= read.start < one.end for one in leaving):
            return False
        early = [one.value for one in leaving if one.start > read.start and one.value is not None]
        return not (early and any(believes(function, read, value) for value in early))

    def _must_pass(self, function: Function, index: int) -> bool:
        """Whether control cannot get past a block without running it, other than by leaving the function."""
        module, blocks = function.module, function.module.facts.blocks
        block = blocks[index]
        if block.kind == "with":
            return not suppresses(self.project, block, function)
        if block.kind in ("try", "finally"):
            return True
        if block.kind == "body":
            handlers = module.clauses_of(block.parent)
            ended = {exit_.block for exit_ in module.facts.exits if exit_.kind in ("return", "raise")}
            return all(handler in ended for handler in handlers)
        return False

    def is_only_looked_at(self, read: TokenCall) -> bool:
        """Whether a function reads of an unverified token only when it was made, or by whom, to choose a key."""
        function = read.module.enclosing(read.call.block)
        claims = f.CallRef(index_of(read.module, read.call))
        return function is not None and are_only_looked_at(function, claims, self.project)

    def is_only_taken_away(self, read: TokenCall) -> bool:
        """Whether a function takes away what stands under the claims, and does nothing else with them."""
        function = read.module.enclosing(read.call.block)
        return function is not None and are_only_taken_away(function, f.CallRef(index_of(read.module, read.call)))

    def is_shown_to_its_owner(self, read: TokenCall) -> bool:
        """Whether an endpoint gives what the token says back to who sent it, and does nothing else with it."""
        function = read.module.enclosing(read.call.block)
        if function is None or function not in self.project.routes.by_handler:
            return False
        return is_only_returned(function, f.CallRef(index_of(read.module, read.call)))

    # ---------------------------------------------------------------- who calls

    def is_verified_by_callers(self, read: TokenCall) -> bool:
        """Whether every caller verifies the token that it has an unverified look at here."""
        function = read.module.enclosing(read.call.block)
        if function is None or not isinstance(read.token, f.Name) or self._is_entrance(function):
            return False
        names = function.positional
        if read.token.id not in names:
            return False
        position = names.index(read.token.id)
        callers = list(self._callers(function))
        return bool(callers) and all(self._verifies(module, call, position, read.token.id) for module, call in callers)

    def _verifies(self, module: Module, call: f.Call, position: int, name: str) -> bool:
        caller = module.enclosing(call.block)
        given = [arg.value for i, arg in enumerate(call.args) if arg.name == name or (arg.name == "" and i == position)]
        if caller is None or len(given) != 1:
            return False
        return any(self._covers(caller, check, call) for check in self._verifying(caller, given[0]))

    def _callers(self, function: Function) -> Iterator[tuple[Module, f.Call]]:
        for module, call in self.project.routes.expansion.objects.callers(function.name):
            if module.is_test:
                continue
            callee = self.project.callee(module, call)
            if callee == FunctionObject(function) or (callee is None and function.cls is not None):
                yield module, call

    def _is_entrance(self, function: Function) -> bool:
        return function in self.project.dependencies.used or function in self.project.routes.by_handler

    def standing(self, function: Function | None, depth: int = _DEPTH) -> Standing:
        """Who comes to a function: requests, a command line, or nobody that is seen."""
        if function is None or self._is_entrance(function):
            return "served"
        serving = self.project.effects.serving
        if not serving.is_served(function.module):
            return "elsewhere"
        if depth <= 0 or self._is_wrapped(function) or self._is_handed(function):
            return "served"
        found: set[Standing] = set()
        for module, call in self._callers(function):
            caller = module.enclosing(call.block)
            if runs_as_script(module, call.block, self.project):
                found.add("elsewhere")
            else:
                found.add(self.standing(caller, depth - 1) if caller is not function else "never")
        if "served" in found or (function.name.startswith("__") and function.cls is not None):
            return "served"
        return "elsewhere" if "elsewhere" in found else "never"

    def is_for_script(self, read: TokenCall) -> bool:
        """Whether a read is reached only when its module is run as a script."""
        return runs_as_script(read.module, read.call.block, self.project)

    def _is_wrapped(self, function: Function) -> bool:
        """Whether a decorator may have a function called by somebody else; one that makes a method does not."""
        types = self.project.types
        return any(decorator_effect(types, function, each)[0] != "same" for each in function.facts.decorators)

    def _is_handed(self, function: Function) -> bool:
        """Whether a function is given to something that calls it, as far as names tell."""
        return any(
            f.last_name(module.facts.calls[call].args[arg].value) == function.name
            for module, call, arg in self._arguments(function.name)
        )

    def _arguments(self, name: str) -> Iterator[tuple[Module, int, int]]:
        for module in self.project.modules:
            if module.is_test or not module.mentions(name):
                continue
            for index, call in enumerate(module.facts.calls):
                for at, arg in enumerate(call.args):
                    if f.last_name(arg.value) == name:
                        yield module, index, at


def _does_something(function: Function) -> bool:
    """Whether a function has a body that can be read: it calls something, or answers something."""
    return bool(function.calls) or any(
        leave.kind == "return" and leave.value is not None and not is_none(leave.value) for leave in function.exits
    )


def _mentions(expr: f.Expr, token: f.Expr) -> bool:
    return any(part == token for part, _ in parts_of(expr))


def _blocks(module: Module, block: int) -> list[int]:
    """A block and all around it in its function, innermost first."""
    blocks = module.facts.blocks
    found = [block]
    while blocks[block].kind not in ("function", "lambda", "module", "class") and blocks[block].parent >= 0:
        block = blocks[block].parent
        found.append(block)
    return found


def _child(chain: list[int], of: int, blocks: tuple[f.Block, ...]) -> str:
    """The kind of the block of a chain directly below another."""
    at = chain.index(of)
    return blocks[chain[at - 1]].kind if at > 0 else ""
