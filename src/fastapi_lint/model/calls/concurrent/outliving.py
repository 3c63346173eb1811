"""Work that a function starts and does not wait for: tasks, threads, executors, and helpers that start such work.

Answers what is handed to it. Keeping a task (in a set, in the state of the app, in an attribute) is not waiting for it.
Judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from fastapi_lint import catalog
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.expressions import parts
from fastapi_lint.model.names.scanning import code_of
from fastapi_lint.model.names.symbols import ClassObject, Coroutine, Function, FunctionObject, Instance, Module
from fastapi_lint.model.types.inference.inference import Inference
from fastapi_lint.tracking import memoized, memoized_cyclic

_TASKS = frozenset({"create_task", "ensure_future", "run_coroutine_threadsafe"})
_THREADS = frozenset({"Thread", "Timer"})
_THREAD = "threading.Thread"
_EXECUTORS = frozenset({"run_in_executor", "submit"})
_STARTING = re.compile(
    rb"create_task|ensure_future|run_coroutine_threadsafe|Thread\(|Timer\(|run_in_executor|\.submit\(|\.start\(\)"
)
_KEEPS = frozenset({"add", "append", "appendleft", "insert", "put_nowait", "setdefault", "setattr"})
"""Methods (and `setattr`) that keep what they are given."""
_OF_TASKS = frozenset({"add_done_callback", "set_name", "get_name", "start"})
"""Methods of a task, future or thread that do not wait for it."""

_PLAIN = frozenset({"str", "bytes", "int", "float", "bool"})
_DEEPEST = 8

Kind = Literal["task", "thread"]


@dataclass(frozen=True)
class Started:
    """Work that goes on when the function is done: the call that starts it, and what is handed over, with its place.

    `helper` is the function of the project that starts it, when it is not the function itself.
    """

    call: f.Call
    kind: Kind
    handed: tuple[tuple[f.Expr, int, int], ...]
    helper: Function | None = None


class Outliving:
    """Answers "what does this function start and leave running"."""

    def __init__(self, types: Inference) -> None:
        self.types = types

    def started(self, function: Function) -> Iterator[Started]:
        """The work that a function's own body starts, or has started by a helper, and does not wait for."""
        module = function.module
        text = module.source.utf8
        starts_itself = _STARTING.search(text, function.facts.head_end, function.facts.end) is not None
        for call in function.calls:
            last = f.last_name(call.func)
            if starts_itself and (last in _TASKS or last in _THREADS or last in _EXECUTORS):
                found = self._own(function, call, last)
                if found is not None and not is_waited_for(function, call, self._keepers(function)):
                    yield found
            elif starts_itself and last == "start" and (made := self._own_thread(function, call)) is not None:
                if not is_waited_for(function, made, self._keepers(function)):
                    handed = tuple((arg.value, arg.start, arg.end) for arg in made.args)
                    yield Started(made, "thread", handed)
            elif (call.args or isinstance(call.func, f.Attr)) and (handed := self._let_go(module, call)):
                callee = self.types.callee(module, call)
                helper = callee.function if isinstance(callee, FunctionObject) else None
                yield Started(call, "task", handed, helper)

    def _keepers(self, function: Function) -> frozenset[str]:
        """The last names of the project's functions that a function hands something to as the only argument, and that
        do no more with it than keeping it."""
        module = function.module
        found = set()
        for call in function.calls:
            if len(call.args) != 1 or call.args[0].name or not isinstance(call.args[0].value, (f.Name, f.CallRef)):
                continue
            callee = self.types.callee(module, call)
            if isinstance(callee, FunctionObject) and self._only_keeps(callee.function):
                found.add(f.last_name(call.func))
        return frozenset(found)

    @memoized
    def _only_keeps(self, function: Function) -> bool:
        names = function.positional
        return (
            len(names) == 1
            and not function.is_generator
            and not _is_used_later(function, names[0], function.facts.head_end)
        )

    # ---------------------------------------------------------------- what a call starts

    def _own(self, function: Function, call: f.Call, last: str) -> Started | None:
        module = function.module
        name = self.types.name_of_type(self.types.callee(module, call)) or ""
        if last in _TASKS:
            if name.startswith("asyncio.") and not name.startswith("asyncio.TaskGroup."):
                return Started(call, "task", tuple(self._of_coroutine(function, call)))
            return None
        handoff = catalog.handoff(name)
        if handoff is None or handoff.to not in ("thread", "process"):
            return None
        if last in _THREADS:
            return Started(call, "thread", tuple(self.unpacked(module, _of_thread(call))))
        owner = call.func.value if isinstance(call.func, f.Attr) else None
        if isinstance(owner, f.Name) and _is_entered(function, owner.id):
            return None  # an executor waits for its work at the end of its `with`
        handed = [(arg.value, arg.start, arg.end) for arg in call.args if arg.name in ("", handoff.keyword)]
        return Started(call, "thread", tuple(self.unpacked(module, handed[handoff.argument :])))

    def unpacked(self, module: Module, handed: Iterable[tuple[f.Expr, int, int]]) -> Iterator[tuple[f.Expr, int, int]]:
        """What is handed over, and in the place of a `partial(work, db)` what that holds."""
        for expr, start, end in handed:
            inner = module.facts.calls[expr.index] if isinstance(expr, f.CallRef) else None
            if inner is None or self.types.name_of_type(self.types.callee(module, inner)) != "functools.partial":
                yield expr, start, end
                yield from ((arg.value, start, end) for arg in self._made_with(module, expr))
            else:
                yield from ((arg.value, start, end) for arg in inner.args)

    def _made_with(self, module: Module, expr: f.Expr) -> Iterator[f.Arg]:
        """What the object is made with whose method stands there: `Mailer(db).send`."""
        while isinstance(expr, f.Attr):
            expr = expr.value
            if isinstance(expr, f.CallRef):
                maker = module.facts.calls[expr.index]
                if isinstance(self.types.callee(module, maker), ClassObject):
                    yield from maker.args

    def _own_thread(self, function: Function, call: f.Call) -> f.Call | None:
        """The call that makes the object which is started: of a class of the project that is a thread."""
        module = function.module
        receiver = call.func.value if isinstance(call.func, f.Attr) else None
        if isinstance(receiver, f.Name):
            made = [
                entry.value
                for entry in module.assigns_in.get(function.index, ())
                if entry.target == receiver and entry.start < call.start
            ]
            receiver = made[0] if len(made) == 1 else None
        if not isinstance(receiver, f.CallRef):
            return None
        maker = module.facts.calls[receiver.index]
        callee = self.types.callee(module, maker)
        is_thread = isinstance(callee, ClassObject) and self.types.is_subclass(callee.cls, _THREAD)
        return maker if is_thread else None

    def _of_coroutine(self, function: Function, call: f.Call) -> Iterator[tuple[f.Expr, int, int]]:
        """What the coroutine that becomes a task was called with; nothing for a plain function, which runs at once."""
        module = function.module
        for arg in call.args[:1]:
            value = arg.value
            if isinstance(value, f.Name):
                made = [
                    entry.value
                    for entry in module.assigns_in.get(function.index, ())
                    if entry.target == value and entry.start < call.start
                ]
                value = made[-1] if made and made[-1] is not None else value
            yield from self._called_with(module, value, arg)

    def _called_with(self, module: Module, value: f.Expr, arg: f.Arg) -> Iterator[tuple[f.Expr, int, int]]:
        """What the call is given that makes a coroutine, which is an argument; another argument as it is."""
        if not isinstance(value, f.CallRef):
            yield value, arg.start, arg.end
            return
        inner = module.facts.calls[value.index]
        callee = self.types.callee(module, inner)
        left: frozenset[f.Arg] = frozenset()
        if isinstance(callee, FunctionObject) and not callee.function.is_async:
            if not isinstance(self.types.return_type(callee.function), Coroutine):
                return
            left = self._left_behind(callee.function, inner)
        for each in inner.args:
            if each not in left:
                yield each.value, each.start, each.end
        if isinstance(inner.func, (f.Attr, f.Name)):
            yield inner.func, arg.start, arg.end
        yield from ((each.value, each.start, each.end) for each in self._made_with(module, inner.func))

    def _left_behind(self, maker: Function, call: f.Call) -> frozenset[f.Arg]:
        """The arguments that a plain function looks at, and does not put into the coroutine that it gives back."""
        made = [leaving.value for leaving in maker.exits if leaving.kind == "return"]
        assigns = maker.module.assigns_in.get(maker.index, ())
        if maker.cls is not None or len(made) != 1 or not isinstance(made[0], f.CallRef):
            return frozenset()
        if not all(isinstance(entry.target, f.Name) for entry in assigns):
            return frozenset()
        taken = set(_carried(maker.module, made[0]))
        for _ in assigns:  # what variables hold, and those in them
            for entry in assigns:
                if isinstance(entry.target, f.Name) and entry.target.id in taken and not self._is_plain(maker, entry):
                    taken.update(_carried(maker.module, entry.value))
        names = maker.positional
        given = {arg: arg.name or (names[index] if index < len(names) else "") for index, arg in enumerate(call.args)}
        is_plain = all(arg.name not in ("*", "**") for arg in call.args)
        return frozenset(arg for arg, name in given.items() if is_plain and name and name not in taken)

    def _is_plain(self, maker: Function, entry: f.Assign) -> bool:
        """Whether a variable gets a text or a number, in which nothing stays open."""
        value = self.types.infer(entry.value, (maker.module, entry.block, entry.start))
        return isinstance(value, Instance) and value.cls in _PLAIN

    # ---------------------------------------------------------------- helpers

    def _let_go(self, module: Module, call: f.Call) -> tuple[tuple[f.Expr, int, int], ...]:
        """The arguments of a call to a helper that hands them to work which it does not wait for."""
        callee = self.types.callee(module, call)
        if not isinstance(callee, FunctionObject):
            return ()
        helper = callee.function
        if helper.is_async and not call.awaited:
            return ()
        names = self.lets_go(helper)
        if not names:
            return ()
        positional = helper.positional
        found: list[tuple[f.Expr, int, int]] = []
        if isinstance(callee.owner, Instance) and isinstance(call.func, f.Attr):  # what the object holds
            for name in sorted(names):
                _, dot, attr = name.partition(".")
                if dot:
                    found.append((f.Attr(call.func.value, attr), call.start, call.end))
                if dot and isinstance(self.types.attribute(callee.owner, attr), FunctionObject):
                    found += ((arg.value, arg.start, arg.end) for arg in self._made_with(module, call.func))
        for index, arg in enumerate(call.args):
            name = arg.name or (positional[index] if index < len(positional) else "")
            if name in names:
                value = arg.value
                is_made = isinstance(value, f.CallRef) and isinstance(
                    self.types.call_type(module, value.index), Coroutine
                )
                found += self._called_with(module, value, arg) if is_made else [(value, arg.start, arg.end)]
        return tuple(found)

    @memoized_cyclic(frozenset())
    def lets_go(self, function: Function) -> frozenset[str]:
        """The parameters of a function that it hands to work which goes on when it is done, and the attributes of its
        own object (`self.db`)."""
        params = {param.name for param in function.params if not function.rebinds(param.name)}
        if not params or function.is_generator:
            return frozenset()
        is_method = function.cls is not None and "staticmethod" not in self.types.decorators(function)
        itself = function.params[0].name if is_method else ""
        found = set()
        for started in self.started(function):
            for expr, _, _ in started.handed:
                name = root_of(expr)
                if name in params and name != itself:
                    found.add(name)
                elif name and name == itself and isinstance(expr, f.Attr) and expr.value == f.Name(itself):
                    found.add(f"{name}.{expr.attr}")
        return frozenset(found)


def root_of(expr: f.Expr) -> str:
    """The name that an attribute, or a name, begins with; empty for anything else."""
    while isinstance(expr, f.Attr):
        expr = expr.value
    return expr.id if isinstance(expr, f.Name) else ""


def _carried(module: Module, expr: f.Expr | None, depth: int = 0) -> Iterator[str]:
    """The names of what a value holds: not of what a condition looks at that chooses it."""
    if depth > _DEEPEST:
        return
    match expr:
        case f.CallRef(index=index):
            call = module.facts.calls[index]
            for part in (call.func, *(arg.value for arg in call.args)):
                yield from _carried(module, part, depth + 1)
        case f.Choice(options=options, test=test) if test is not None:
            for option in options:
                yield from _carried(module, option, depth + 1)
        case f.Name(id=name):
            yield name
        case None:
            return
        case _:
            for inner in parts(expr):
                yield from _carried(module, inner, depth + 1)


def _of_thread(call: f.Call) -> Iterator[tuple[f.Expr, int, int]]:
    """What `Thread(target=f, args=(a, b), kwargs={...})` hands over."""
    for arg in call.args:
        match arg.name, arg.value:
            case "args", f.Display(items=items):
                yield from ((item, arg.start, arg.end) for item in items)
            case "kwargs", f.Mapping(items=pairs):
                yield from ((value, arg.start, arg.end) for _, value in pairs)
            case "target" | "function" | "", value:
                yield value, arg.start, arg.end


def _is_entered(function: Function, name: str) -> bool:
    """Whether a function enters something under a name: `with ThreadPoolExecutor() as name`."""
    return any(
        block.kind == "with" and block.target == f.Name(name)
        for block in function.module.blocks_in.get(function.index, ())
    )


# ---------------------------------------------------------------- waiting


def is_waited_for(function: Function, call: f.Call, keepers: frozenset[str] = frozenset()) -> bool:
    """Whether a function may wait for what a call starts: more is done with it than keeping it.

    `keepers` are the last names of functions of the project that only keep what they are given.
    """
    if call.awaited:
        return True
    if call.use == "statement":
        return False
    module = function.module
    outer = _around(function, call)
    if outer is not None:
        if isinstance(outer.func, f.Attr) and _is(outer.func.value, module, call):
            if outer.func.attr not in _OF_TASKS:
                return True
            return outer.use != "statement" and is_waited_for(function, outer, keepers)
        last = f.last_name(outer.func)
        if last in keepers:
            return outer.use != "statement"
        if last not in _KEEPS or not any(_is(arg.value, module, call) for arg in outer.args):
            return True
        kept = (
            outer.args[0].value if last == "setattr" else outer.func.value if isinstance(outer.func, f.Attr) else None
        )
        return _is_used_later(function, _text(kept), outer.end)
    for entry in module.assigns_in.get(function.index, ()):
        if entry.value is not None and entry.start <= call.start and call.end <= entry.end:
            if not _is(entry.value, module, call):
                return True
            if isinstance(entry.target, f.Name):
                name = entry.target.id
                is_used = _is_used_later(function, name, entry.end, keepers)
                return is_used or _is_kept_for_use(function, name, entry.end)
            return _is_used_later(function, _text(entry.target), entry.end)
    return True


def _is_kept_for_use(function: Function, name: str, start: int) -> bool:
    """Whether a variable is put into something that the rest of the function does more with than keeping it."""
    for call in function.calls:
        if call.start > start and f.last_name(call.func) in _KEEPS and isinstance(call.func, f.Attr):
            if any(arg.value == f.Name(name) for arg in call.args):
                if (kept := _text(call.func.value)) and _is_used_later(function, kept, call.end):
                    return True
    return False


def _is(expr: f.Expr, module: Module, call: f.Call) -> bool:
    return isinstance(expr, f.CallRef) and module.facts.calls[expr.index] is call


def _around(function: Function, call: f.Call) -> f.Call | None:
    """The innermost call of which a call is an argument or the receiver."""
    around = [one for one in function.calls if one is not call and one.start <= call.start and call.end <= one.end]
    return min(around, key=lambda one: one.end - one.start, default=None)


def _text(expr: f.Expr | None) -> str:
    match expr:
        case f.Name(id=name):
            return name
        case f.Attr(value=value, attr=attr):
            inner = _text(value)
            return f"{inner}.{attr}" if inner else ""
        case f.Sub(value=value):
            return _text(value)
    return ""


def _is_used_later(function: Function, name: str, start: int, keepers: frozenset[str] = frozenset()) -> bool:
    """Whether the rest of a function's text does more with something than keeping it."""
    if not name:
        return True
    word = rf"(?<![\w.]){re.escape(name)}"
    rest = re.sub(rf"{word}\s*\[(?:[^\[\]\n]|\[[^\[\]\n]*\])*\]\s*=(?!=)", "", code_of(function, start))
    keeping = "|".join((*_KEEPS, "discard", "remove", "pop"))
    rest = re.sub(rf"{word}\s*\.\s*(?:{'|'.join(_OF_TASKS)}|{keeping})\b", "", rest)
    rest = re.sub(rf"\.\s*(?:{keeping})\(\s*{word}\s*\)", "", rest)
    rest = re.sub(rf"^[ \t]*[\w.]+(?:\.\w+|\[[^\]\n]*\])\s*=\s*{word}[ \t\r]*$", "", rest, flags=re.M)
    for keeper in keepers:
        rest = re.sub(rf"^[ \t]*(?:\w+\.)*{re.escape(keeper)}\(\s*{word}\s*\)[ \t\r]*$", "", rest, flags=re.M)
    rest = re.sub(rf"\bsetattr\([^()\n]*,\s*{word}\s*\)", "", rest)
    return re.search(rf"{word}\b", rest) is not None
