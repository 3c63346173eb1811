"""What can be done about a call that blocks: decided once, from facts, for the message and the fix alike.

A remedy is only named when it is sound where the call stands; when none is, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fastapi_lint.catalog import Entry, Reentry
from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.laziness import gives_generator
from fastapi_lint.model.calls.reach.accessors import is_shared_object
from fastapi_lint.model.calls.sharing import Write, starts_from_self, writes
from fastapi_lint.model.calls.steps import Step
from fastapi_lint.model.calls.trails import Trail
from fastapi_lint.model.names.symbols import Function, FunctionObject, Instance, Module
from fastapi_lint.model.remedies.bonds import Bond, Bonds
from fastapi_lint.model.remedies.handing import Handing, handing
from fastapi_lint.model.remedies.places import forbidden, is_of_thread
from fastapi_lint.model.remedies.plainness import Plainness
from fastapi_lint.tracking import memoized

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project

_SHIELDED = "leave it to a background task, or await it in a thread below `with anyio.CancelScope(shield=True)`"
_OUTSIDE = "move the call out of the `with`, and run it in a thread there"
_SLEEP = "time.sleep"
_PACKAGE = re.compile(r"`([a-z]\w*)(?:\.|`)")
"""The package that the text about a counterpart names first."""


@dataclass(frozen=True)
class Remedy:
    """What to do about one blocking call, or about several that one thing helps.

    way: what a fix would write. "plain": the function becomes a plain `def`; "thread": the calls are handed to a
    thread, as `thread` says; "sleep": `await asyncio.sleep`; "none": nothing that is sure. `says` is the whole
    advice, a clause to stand at the end of a message, "" for none: its first part is what `way` does.
    """

    way: Literal["plain", "thread", "sleep", "none"]
    says: str
    thread: Handing | None = None


def remedies(project: Project) -> Remedies:
    """The remedies of a project, made once."""
    return project.about(Remedies)


class Remedies:
    """Answers what to do about what blocks in an async function."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.bonds = Bonds(project)
        self.plainness = Plainness(project, self.bonds)

    # ---------------------------------------------------------------- the three questions

    def of_calls(self, function: Function, steps: Sequence[Step], entry: Entry) -> Remedy:
        """What to do about calls of a library in a function's own body that block for the same reason."""
        first = steps[0]
        twin = self._twin(first, entry)
        if first.name == _SLEEP and self._forbidden(function, first) is None:
            return self._chosen(function, "sleep", f"use {twin}", "")
        bond = next(filter(None, (self.bonds.of_call(function, step) for step in steps)), None)
        bond = bond or self._injected(function, steps)
        if self._forbidden(function, first) == "cleanup":
            return self._cleanup(function, bond)
        if entry.kind == "lock":
            return self._chosen(function, "none", "", twin)
        if any(self._forbidden(function, step) == "held" for step in steps):
            outside = self._outside(function, steps) if entry.weight == "long" and bond is None else ""
            return self._chosen(function, "none", outside, twin)
        if bond is not None:
            return self._bound(function, bond, twin)
        thread = handing(function.module, self.project.types)
        can = all(self._can_hand(function, step, entry) for step in steps) and len(steps) == 1
        if can:
            return self._chosen(function, "thread", f"use `await {thread.shown}(...)`", twin, thread)
        if entry.lazy or len(steps) > 1:
            whole = f"do it all in one function for `await {thread.shown}(...)`"
            return self._chosen(function, "none", "" if self.can_be_plain(function) else whole, twin)
        if any(step.call is None or step.call.use in ("with", "iter") for step in steps):
            is_entered = all(step.call is not None and step.call.use == "with" for step in steps)
            whole = f"do it all in one function for `await {thread.shown}(...)`" if is_entered and not twin else ""
            return self._chosen(function, "none", "" if self.can_be_plain(function) else whole, twin)
        if any(self._forbidden(function, step) == "inside" for step in steps):
            return self._chosen(function, "none", f"use `await {thread.shown}(...)`", twin)
        return self._chosen(function, "none", "", twin)

    def of_chain(self, function: Function, trails: Sequence[Trail[Entry]]) -> Remedy:
        """What to do about calls of project code in a function's own body that come to the same blocking line."""
        last = trails[0].steps[-1]
        twin = self._twin(last, trails[0].effect)
        there = f"{twin} there" if twin else ""
        firsts = [trail.first for trail in trails]
        places = {self._forbidden(function, step) for step in firsts}
        bond = next(filter(None, (self._bond(function, step) for step in firsts)), None)
        if "cleanup" in places:
            return self._cleanup(function, bond)
        if "held" in places:
            return self._chosen(function, "none", self._outside(function, firsts) if bond is None else "", there)
        if bond is not None:
            return self._bound(function, bond, there)
        thread = handing(function.module, self.project.types)
        here = f"use `await {thread.shown}(...)` here"
        if all(self._is_plain_call(step) for step in firsts):
            if places == {None}:
                return self._chosen(function, "thread", here, there, thread)
            return self._chosen(function, "none", here if places <= {None, "inside"} else "", there)
        if any(_is_gone_through(function, step) for step in firsts):
            return self._chosen(
                function, "none", "iterate with `iterate_in_threadpool(...)`, or make a list in one thread", there
            )
        return self._chosen(function, "none", "", there)

    def is_cleanup(self, function: Function, step: Step) -> bool:
        """Whether a step stands where it may be cancelled, so that no `await` is sure to come to its end."""
        return self._forbidden(function, step) == "cleanup"

    def of_callback(self, trail: Trail[Entry]) -> Remedy:
        """What to do about a function that is given to the event loop, to be called there."""
        twin = self._twin(trail.steps[-1], trail.effect)
        there = f" or {twin} there" if twin else ""
        return Remedy("none", f"use a task that awaits `asyncio.to_thread(...)`{there}")

    def of_reentry(self, function: Function, trail: Trail[Reentry]) -> str:
        """What to do about a helper that starts or runs an event loop where one runs."""
        twin = "give it an async twin"
        last = trail.steps[-1]
        if not (trail.effect.in_thread or self._has_own_loop(last)):
            return twin
        plain = [f"make `{function.name}` a plain `def`"] if self.can_be_plain(function) else []
        thread = handing(function.module, self.project.types)
        first = trail.first
        if self._is_plain_call(first) and self._forbidden(function, first) in (None, "inside"):
            if self._bond(function, first) is None:
                return ", or ".join([f"call it with `await {thread.shown}(...)`", *plain, twin])
        return ", or ".join([*plain, twin])

    def _has_own_loop(self, step: Step) -> bool:
        """Whether the loop that a call runs was made for it, in the same function."""
        call = step.call
        if call is None or not isinstance(call.func, f.Attr):
            return False
        types = self.project.types
        made = types.infer(call.func.value, (step.module, call.block, call.start))
        if not isinstance(made, Instance) or made.origin is None:
            return False
        name = types.name_of_type(types.callee(made.origin.module, made.origin.facts))
        return name == "asyncio.new_event_loop" and step.module.enclosing(made.origin.facts.block) is not None

    def of_session(self, function: Function, found: Sequence[tuple[Step, Entry]], kind: str) -> Remedy:
        """What to do about a synchronous session (or connection, engine) that a function works with."""
        said = [entry.instead for _, entry in found if "await " in entry.instead]
        twin = f"use {said[0]}" if said else f"use `Async{kind.capitalize()}` and `await`"
        if self.can_be_plain(function):
            return Remedy("plain", f"make `{function.name}` a plain `def`, or {twin}")
        return Remedy("none", twin)

    # ---------------------------------------------------------------- what they share

    def can_be_plain(self, function: Function) -> bool:
        """Whether the word `async` can go."""
        return self.plainness.is_possible(function)

    @memoized
    def blocking_places(self, function: Function) -> int:
        """At how many places of its own body a function blocks, for whatever reason."""
        effects = self.project.effects
        places = {(step.start, step.end) for step, _ in effects.blocking(function)}
        return len(places | {(trail.first.start, trail.first.end) for trail in effects.chains(function)})

    def _chosen(
        self,
        function: Function,
        way: Literal["thread", "sleep", "none"],
        first: str,
        twin: str,
        thread: Handing | None = None,
    ) -> Remedy:
        """A remedy whose first part is what the fix does; a plain `def` comes first when it settles several calls."""
        others = [text for text in (first, f"use {twin}" if twin else "") if text]
        if self.can_be_plain(function):
            plain = f"make `{function.name}` a plain `def`"
            if way == "none" or (self.blocking_places(function) > 1):
                return Remedy("plain", _listed([plain, *others]))
            return Remedy(way, _listed([*others, plain]), thread)
        return Remedy(way, _listed(others), thread)

    def _outside(self, function: Function, steps: Sequence[Step]) -> str:
        """The advice for a call that stands below a `with`: it goes out of it, unless it needs what was entered."""
        module = function.module
        for step in steps:
            end = step.call.end if step.call is not None else step.end
            for block in module.blocks_in.get(function.index, ()):
                if block.kind != "with" or block.is_async or not block.start <= step.start < block.end:
                    continue
                needs = isinstance(block.target, f.Name) and _has_word(module.text[step.start : end], block.target.id)
                if needs or is_of_thread(block, module, self.project.types):
                    thread = handing(module, self.project.types)
                    return f"do it in one function, the `with` included, for `await {thread.shown}(...)`"
        return _OUTSIDE

    def _cleanup(self, function: Function, bond: Bond | None) -> Remedy:
        if self.can_be_plain(function):
            return Remedy("plain", f"make `{function.name}` a plain `def`")
        return Remedy("none", _SHIELDED if bond is None else "")

    def _bound(self, function: Function, bond: Bond, twin: str) -> Remedy:
        """The advice where a thread is none: what the library says, or an asynchronous counterpart."""
        own = f"use {bond.instead}" if bond.instead else ""
        if bond.kind in ("state", "one") and not (own or twin):
            thread = handing(function.module, self.project.types)
            first = f"keep `{bond.what}` behind a lock"
            if bond.what.startswith("os.environ"):
                first = "set variables of the environment at start-up"  # no lock of one's own keeps others from them
            own = f"{first}, and use `await {thread.shown}(...)` here"
        return Remedy("none", _listed([text for text in (own, f"use {twin}" if twin else "") if text]))

    def _forbidden(self, function: Function, step: Step) -> str | None:
        block = step.call.block if step.call is not None else _block_at(function, step.start)
        end = step.call.end if step.call is not None else step.end
        return forbidden(function, self.project.types, block, step.start, end, self._written)

    @memoized
    def _written(self, function: Function) -> tuple[Write, ...]:
        return tuple(writes(function, self.project.types))

    def _can_hand(self, function: Function, step: Step, entry: Entry) -> bool:
        return self._is_plain_call(step) and not entry.lazy and self._forbidden(function, step) is None

    @staticmethod
    def _is_plain_call(step: Step) -> bool:
        """Whether a step is a call that gives its result when it has done its work."""
        if step.call is None or step.call.use in ("with", "iter"):
            return False
        return step.function is None or not gives_generator(step.function)

    def _bond(self, function: Function, step: Step) -> Bond | None:
        """What keeps a helper, and what it is given, in this thread."""
        if step.function is None:
            return None
        found = self.bonds.of_function(step.function, self._is_shared(function.module, step))
        return found or self._injected(function, [step])

    def _injected(self, function: Function, steps: Sequence[Step]) -> Bond | None:
        """What keeps a value in its thread that the function got from a dependency, and works with there."""
        found = self.bonds.of_injected(function)
        if found is None:
            return None
        names = {param.name for param in function.params}
        text = function.module.text
        for step in steps:
            end = step.call.end if step.call is not None else step.end
            if any(_has_word(text[step.start : end], name) for name in names):
                return found
        return None

    def _is_shared(self, module: Module, step: Step) -> bool:
        """Whether the object whose method runs may be one for all requests."""
        if step.call is None:
            return False
        if starts_from_self(step.call.func):
            return True
        callee = self.project.types.callee(module, step.call)
        return isinstance(callee, FunctionObject) and is_shared_object(callee.owner, self.project.types)

    def _twin(self, step: Step, entry: Entry) -> str:
        """What waits for the same without blocking, unless the declared dependencies of the project do not have it."""
        said = entry.instead
        if not said or "run_in_threadpool" in said or "to_thread" in said:
            return ""
        own = entry.names[0].partition(".")[0]
        named = _PACKAGE.match(said)
        package = named[1] if named is not None else own
        versions = self.project.versions.for_path(step.module.path)
        if entry.instead_since and versions.never_at_least(package, entry.instead_since, False):
            return ""
        if package not in (own, "asyncio", "anyio", "loop", "task") and versions.declares(package) is False:
            return ""  # it would be one more dependency
        method = step.call.func if step.call is not None else None
        last = getattr(method, "attr", "") or step.name.rpartition(".")[2]
        return said.replace("{method}", last)


def _listed(parts: Sequence[str]) -> str:
    """Clauses as one: `use A or B, or make ...`."""
    uses = [part.removeprefix("use ") for part in parts if part.startswith("use ")]
    together = [f"use {' or '.join(uses)}"] if uses else []
    others = [part for part in parts if not part.startswith("use ")]
    clauses = [*together, *others] if parts and parts[0].startswith("use ") else [*others[:1], *together, *others[1:]]
    return ", or ".join(clauses)


def _is_gone_through(function: Function, step: Step) -> bool:
    """Whether a step is a generator for a loop: not one that is entered by `with`, or asked for its first value."""
    if step.function is None or not gives_generator(step.function) or step.call is None or step.call.use == "with":
        return False
    itself = f.CallRef(function.module.call_numbers[step.call.start, step.call.end])
    return not any(
        f.last_name(call.func) == "next" and any(arg.value == itself for arg in call.args) for call in function.calls
    )


def _block_at(function: Function, start: int) -> int:
    """The innermost block of a function at an offset."""
    inside = [
        index
        for index, block in enumerate(function.module.facts.blocks)
        if block.function == function.index and block.start <= start < block.end
    ]
    return max(inside, key=lambda index: function.module.facts.blocks[index].start, default=function.facts.block)


def _has_word(text: bytes, name: str) -> bool:
    return re.search(rb"(?<![\w.])" + re.escape(name.encode()) + rb"\b", text) is not None
