"""FAPI506: queries that run once for every row of another query. Looks at code that requests run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, partial

from fastapi_lint.finding import Finding, Related
from fastapi_lint.index import facts as f
from fastapi_lint.model import Function
from fastapi_lint.model.calls import bound, written
from fastapi_lint.model.data import Root, is_cached, nearest_root
from fastapi_lint.model.database import Rows, is_session_like, loads_a_key
from fastapi_lint.model.names import asked_about, evaluated, target_names, walk
from fastapi_lint.rule import Check, rule

_BREAK = re.compile(rb"(?:^[ \t]*|[:;][ \t]*)break\b", re.MULTILINE)
_WRITES = frozenset({"add", "add_all", "flush", "commit", "delete", "merge", "update", "insert"})
"""What may change what the same query gives in the next round."""
_MOST = 12
"""Callers of a function that are looked at for rows which they hand it."""
_WORD = re.compile(r"[^\W\d]\w*")


@rule("FAPI506", since="0.2.0", needs_requests=True)
def query_in_loop(function: Function, check: Check) -> Iterator[Finding]:
    """A query runs once for every row of another query.

    Why is this bad?
    One request sends as many statements as there are rows, each with its own round trip (N+1 queries). It is fast with
    the ten rows of a test, and slow with the thousands of production.

    Ask once for all of them: `where(Item.owner_id.in_(ids))` or a join, and for relationships `selectinload` or
    `joinedload` in the options of the first query. Documents of MongoDB: with `$in`, or joined by `$lookup`. Rows of
    Tortoise: with `filter(id__in=...)`, or loaded along by `prefetch_related(...)`.

    Known limits
    The rows have to come from a query that is seen: in the same function, in one of the project that gives them back,
    or in one that hands them on as an argument.
    Queries below a condition in a function that is called, loops that end at the first hit, generators, writes, rows
    that are stored in a session or transaction of their own, and code that no endpoint runs are left alone.
    Relationships under an `AsyncSession` are another rule's.

    References
    - [SQLAlchemy: relationship loading techniques](https://docs.sqlalchemy.org/en/20/orm/queryguide/relationships.html)
    """
    module = function.module
    if module.is_test or function.is_generator:
        return
    seen: set[int] = set()
    root: Callable[[], Root | None] | None = None
    for index in module.block_numbers_in.get(function.index, ()):
        block = module.facts.blocks[index]
        if block.kind not in ("for", "comprehension"):
            continue
        rows = check.project.loading.rows(block.test, (module, max(block.parent, 0), block.start))
        handed = _handed(function, index, check) if rows is None else None
        if handed is not None and not _ends_early(function, index):
            caller, rows = handed
            nearest = cache(partial(nearest_root, check.project, caller, carries=False))
            yield from _calls(function, index, rows, nearest, seen, check)
            continue
        if rows is None or not rows.many or (block.is_async and not rows.by_async_for) or _ends_early(function, index):
            continue
        if root is None:  # a long way, which is gone only when there is something to tell
            root = cache(partial(nearest_root, check.project, function, carries=False))
        yield from _calls(function, index, rows, root, seen, check)
        yield from _relationships(function, index, rows, root, check)
        yield from _keys(function, index, rows, root, check)


def _handed(function: Function, index: int, check: Check) -> tuple[Function, Rows] | None:
    """The rows that a caller of a function hands it, for a loop that goes over one of its parameters."""
    block = function.module.facts.blocks[index]
    name = block.test.id if isinstance(block.test, f.Name) else ""
    if block.is_async or all(param.name != name for param in function.params) or function.rebinds(name):
        return None
    if not any(_is_inside(function, call.block, index) for call in function.calls):
        return None
    for use in check.project.callers.uses(function)[:_MOST]:
        caller, call = use.caller, use.call
        if caller is None or call is None or caller.module.is_test:
            continue
        given = next((value for key, value in bound(function, call) if key == name), None)
        rows = check.project.loading.rows(given, (caller.module, call.block, call.start)) if given is not None else None
        if rows is not None and rows.many:
            return caller, rows
    return None


def _calls(
    function: Function, index: int, rows: Rows, root: Callable[[], Root | None], seen: set[int], check: Check
) -> Iterator[Finding]:
    """The calls in a loop that ask the database, by themselves or by way of a function."""
    module = function.module
    loading, execution = check.project.loading, check.project.effects.execution
    for call in function.calls:
        if call.start in seen or not _is_inside(function, call.block, index) or _is_on_miss(function, call, index):
            continue
        if _is_apart(function, call, index, check):
            continue
        related: list[Related] = []
        if not loading.reads(module, call):
            targets = execution.may_run(check.project.callee(module, call)) or ()
            trails = [trail for each in targets if not _is_cached(each, check) and (trail := loading.reading(each))]
            if not trails or len(trails) < len(targets) or any(_opens_its_own(each, check) for each in targets):
                continue
            step = trails[0].steps[-1]
            related = [check.related((step.start, step.end), "the query runs here", module=step.module)]
        if (found := root()) is None:
            return
        seen.add(call.start)
        shown = written(module, call) or f.last_name(call.func)
        yield check.finding(
            (call.start, call.name_end),
            f"`{shown}` runs a query for every row of a loop",
            why=f"{_who(function, found)} sends one statement more for each row that the first query finds",
            instead=_instead(function, call, index, rows),
            related=[*_source(rows, check), *related],
        )


def _instead(function: Function, call: f.Call, index: int, rows: Rows) -> str:
    """What to write: not one query for all rows where each round refreshes the same object, or asks the same."""
    module = function.module
    given = call.args[0].value if call.args else None
    bound = _bound_inside(function, index)
    if f.last_name(call.func) == "refresh" and isinstance(given, f.Name):
        if given.id not in bound:
            return "refresh it once, outside of the loop"
    elif bound.isdisjoint(_WORD.findall(module.source.slice(call.start, call.end))) and not any(
        f.last_name(each.func) in _WRITES and _is_inside(function, each.block, index) for each in function.calls
    ):
        return "run it once, before the loop: it asks the same for every row"
    if rows.are_documents:
        return "ask once for all of them, with `$in`, or have `$lookup` join them"
    if rows.record is not None:
        return "ask once for all rows, with `filter(..._id__in=...)`, or load them along by `prefetch_related(...)`"
    return "ask once for all rows, with `in_(...)` or a join"


def _bound_inside(function: Function, index: int) -> frozenset[str]:
    """The names that have another value in each round of a loop."""
    module = function.module
    inner = [each for i, each in enumerate(module.facts.blocks) if i == index or _is_inside(function, i, index)]
    loop = module.facts.blocks[index]
    entries = module.assigns_in.get(function.index, ())
    set_inside = [each.target for each in entries if loop.start <= each.start < loop.end]
    return frozenset(
        name for target in (*(each.target for each in inner), *set_inside) for name in target_names(target)
    )


def _relationships(
    function: Function, index: int, rows: Rows, root: Callable[[], Root | None], check: Check
) -> Iterator[Finding]:
    """The relationships of a row that are loaded when the loop reads them."""
    module = function.module
    block = module.facts.blocks[index]
    if rows.is_async or rows.is_taken or rows.eager is None or not isinstance(block.target, f.Name):
        return
    told: set[str] = set()
    for expr, at_block, at in sorted(evaluated(function), key=lambda each: each[2]):
        if not _is_inside(function, at_block, index):
            continue
        for part in walk(expr):
            if not isinstance(part, f.Attr) or part.value != block.target or part.attr in rows.eager:
                continue
            entity = check.project.loading.entity(part.value, (module, at_block, at), rows)
            model = check.project.orm.of(entity) if entity is not None else None
            relationship = model.relationship(part.attr) if model is not None else None
            if relationship is None or not relationship.loads_on_access or part.attr in told:
                continue
            if (found := root()) is None:
                return
            told.add(part.attr)
            instead = f"add `.options(selectinload({relationship.owner.name}.{part.attr}))` to the query"
            yield _loaded(function, at, part, found, rows, instead, check)


def _keys(
    function: Function, index: int, rows: Rows, root: Callable[[], Root | None], check: Check
) -> Iterator[Finding]:
    """The foreign keys of a row of Tortoise that the loop awaits."""
    target = function.module.facts.blocks[index].target
    if rows.record is None or rows.is_taken or rows.eager is None or not isinstance(target, f.Name):
        return
    told: set[str] = set()
    for expr, at_block, at in sorted(evaluated(function), key=lambda each: each[2]):
        if not _is_inside(function, at_block, index):
            continue
        for part in walk(expr):
            key = part.value if isinstance(part, f.Await) else None
            if not isinstance(key, f.Attr) or key.value != target or key.attr in rows.eager or key.attr in told:
                continue
            if not loads_a_key(check.project.types, rows.record, key.attr) or (found := root()) is None:
                continue
            told.add(key.attr)
            instead = f'load it along: `.prefetch_related("{key.attr}")` in the query'
            yield _loaded(function, at, key, found, rows, instead, check)


def _loaded(function: Function, at: int, part: f.Attr, root: Root, rows: Rows, instead: str, check: Check) -> Finding:
    """The finding about an attribute of a row, read in the expression that begins at a place."""
    return check.finding(
        _place(function, at, part),
        f"`{f.last_name(part.value)}.{part.attr}` is loaded by a query for every row of a loop",
        why=f"{_who(function, root)} sends one statement more for each row that the first query finds",
        instead=instead,
        related=_source(rows, check),
    )


def _place(function: Function, at: int, part: f.Attr) -> tuple[int, int]:
    """Where an attribute is read, in the expression that begins at a place."""
    written_as = f"{f.last_name(part.value)}.{part.attr}".encode()
    text = function.module.text
    found = text.find(written_as, at, function.facts.end)
    return (found, found + len(written_as)) if found >= 0 else (at, at + 1)


def _source(rows: Rows, check: Check) -> list[Related]:
    if rows.place is None:
        return []
    module, call = rows.place
    return [check.related((call.start, call.name_end), "the rows come from this query", module=module)]


def _who(function: Function, root: Root) -> str:
    return f"`{root.function.name}`" if function is root.function else f"`{root.function.name}`, by `{function.name}`,"


def _is_inside(function: Function, block: int, loop: int) -> bool:
    blocks = function.module.facts.blocks
    while block >= 0 and blocks[block].kind not in ("function", "lambda", "class", "module"):
        if block == loop:
            return True
        block = blocks[block].parent
    return False


def _ends_early(function: Function, index: int) -> bool:
    """Whether a loop is left at the first hit."""
    block = function.module.facts.blocks[index]
    if any(leave.kind == "return" and block.start <= leave.start < block.end for leave in function.exits):
        return True
    module = function.module
    loops = [each for each in module.blocks_in.get(function.index, ()) if each.kind in ("for", "while")]
    return any(
        max((each.start for each in loops if each.start < found.start() < each.end), default=-1) == block.start
        for found in _BREAK.finditer(module.text, block.start, block.end)
    )


def _is_on_miss(function: Function, call: f.Call, loop: int) -> bool:
    """Whether a call only runs for what is not in a container yet that the loop fills, or once: until a variable is
    filled that each round finds as the one before has left it."""
    blocks = function.module.facts.blocks
    block = call.block
    while block != loop and block >= 0:
        test = blocks[block].test
        if blocks[block].kind == "if":
            if isinstance(test, f.Compare) and "not in" in test.operators:
                return True
            name = asked_about(test, is_there=False)
            if name is not None and _is_filled_once(function, name, block, loop):
                return True
        block = blocks[block].parent
    return False


def _is_filled_once(function: Function, name: str, block: int, loop: int) -> bool:
    """Whether a variable is bound in a block of a loop, and nowhere else in the loop."""
    blocks = function.module.facts.blocks
    inside = [
        each
        for each in function.module.assigns_in.get(function.index, ())
        if name in target_names(each.target) and blocks[loop].start <= each.start < blocks[loop].end
    ]
    return bool(inside) and all(_is_inside(function, each.block, block) for each in inside)


def _is_apart(function: Function, call: f.Call, loop: int, check: Check) -> bool:
    """Whether each row is stored in a transaction or session of its own, so that one that fails takes none along."""
    blocks = function.module.facts.blocks
    block = call.block
    while block != loop and block >= 0:
        if _begins(function, block, check):
            return True
        block = blocks[block].parent
    return False


def _opens_its_own(function: Function, check: Check) -> bool:
    """Whether a function stores something in a session or transaction of its own."""
    return any(_begins(function, block, check) for block in function.module.block_numbers_in.get(function.index, ()))


def _begins(function: Function, index: int, check: Check) -> bool:
    """Whether a block is a `with` that enters a transaction, or a session that is made there and committed in it."""
    module, types = function.module, check.project.types
    block = module.facts.blocks[index]
    if block.kind != "with" or not isinstance(block.test, f.CallRef):
        return False
    made = module.facts.calls[block.test.index]
    if isinstance(made.func, f.Attr) and made.func.attr == "begin":
        return True
    if not isinstance(block.target, f.Name) or not is_session_like(
        types, types.infer(block.target, (module, index, block.end))
    ):
        return False
    return any(f.last_name(call.func) == "commit" and block.start <= call.start < block.end for call in function.calls)


def _is_cached(function: Function, check: Check) -> bool:
    return "?" in check.project.types.decorators(function) or is_cached(check.project.types, function)
