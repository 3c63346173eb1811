"""FAPI522: UPDATE and DELETE without WHERE in code that requests run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Class, ClassObject, Function, Method
from fastapi_lint.model.calls import TASKS
from fastapi_lint.model.data import nearest_root
from fastapi_lint.model.database import is_async_connection, is_session_like, is_sync_connection, statements
from fastapi_lint.model.names import walk
from fastapi_lint.rule import Check, rule

_EXECUTES = frozenset({"execute", "exec", "scalar", "scalars"})
_RESTRICTS = frozenset({"where", "filter", "filter_by", "with_hint", "from_statement", "limit", "join", "params"})
_BUT = frozenset({"not_in", "notin_"})
_TEXT_WHERE = re.compile(r"\b(?:WHERE|USING|LIMIT)\b", re.IGNORECASE)
_MEANT = frozenset({"clear", "reset", "purge", "truncate", "wipe", "all"})
_OFF = (f.Const(False), f.Const(None))
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@rule("FAPI522", preset="strict", severity=Severity.ERROR, since="0.2.0")
def unrestricted_update(function: Function, check: Check) -> Iterator[Finding]:
    """An UPDATE or DELETE without WHERE runs with a request.

    Why is this bad?
    `delete(Order)` removes every row of the table, and `update(Order)` changes every row: one request, and the data of
    all users is gone.

    Known limits
    A statement that gets its `where` in any of the places that are seen is left alone, and so is one in SQL text that
    is not known whole. Functions, classes and paths that say in their name that they mean all rows (`clear_cart`,
    `reset`, `delete_all`, `purge`, `truncate`) and are given nothing that is called like a column of the table,
    functions that empty several tables, the branch beside one that spares a list (`not_in`), what takes a mark
    (`is_default`) off all rows to give it to one or makes all rows anew, endpoints that read nothing by which rows can
    be chosen (no parameter, no user), migrations, scripts and tests are left alone.

    References
    - [SQLAlchemy: UPDATE and DELETE](https://docs.sqlalchemy.org/en/20/tutorial/data_update.html)
    """
    if function.module.is_test:
        return
    found = [(call, verb) for call in function.calls if (verb := _unrestricted(function, call, check))]
    if not found or sum(verb == "delete" for _, verb in found) > 1:
        return  # what empties several tables means to
    found = [
        (call, verb)
        for call, verb in found
        if not (_is_rest(function, call) or _moves_a_mark(function, call) or _replaces(function, call, check))
    ]
    if not found:
        return
    root = nearest_root(check.project, function, carries=False)
    if root is None:
        return
    run = (function, root.function, *root.functions)
    if all(_is_given_nothing(each, check) for each in run):
        return
    is_said = any(map(_is_meant, run)) or any(not _MEANT.isdisjoint(_words(route.path)) for route in root.routes)
    for call, verb in found:
        if is_said and not _could_choose(function, call, run, check):
            continue
        by = "" if root.function is function else f", by `{function.name}`,"
        yield check.finding(
            (call.start, call.name_end),
            f"`{root.function.name}`{by} {'deletes' if verb == 'delete' else 'changes'} every row of a table",
            why=f"the {verb.upper()} has no WHERE",
            instead="say with `where(...)` which rows are meant",
        )


def _is_rest(function: Function, call: f.Call) -> bool:
    """Whether another branch of the same `if` takes all rows but those of a list: without any, that is all rows."""
    module = function.module
    for branch in module.block_chain(call.block):
        if branch.kind not in ("if", "else"):
            continue
        others = [each for each in module.blocks_in.get(function.index, ()) if each.parent == branch.parent]
        others = [each for each in others if each.kind in ("if", "else") and each.start != branch.start]
        for other in function.calls:
            if f.last_name(other.func) in _BUT and any(each.start <= other.start < each.end for each in others):
                return True
    return False


def _moves_a_mark(function: Function, call: f.Call) -> bool:
    """Whether an UPDATE takes a mark off all rows in a function that gives it to one: it asks for it (`if item.best:`)
    before, or sets it elsewhere."""
    module = function.module
    cleared = _cleared(function, call)
    if not cleared:
        return False
    for block in module.block_chain(call.block):
        if block.kind == "if" and any(f.last_name(part) in cleared for part in walk(block.test)):
            return True
    passed = [arg for each in function.calls if each is not call for arg in each.args]
    assigned = module.assigns_in.get(function.index, ())
    return any(arg.name in cleared and arg.value not in _OFF for arg in passed) or any(
        f.last_name(entry.target) in cleared and entry.value is not None and entry.value not in _OFF
        for entry in assigned
    )


def _cleared(function: Function, call: f.Call) -> frozenset[str]:
    """The columns that an UPDATE sets to False or None, when it sets no other."""
    calls = function.module.facts.calls
    whole = [arg.value for arg in call.args]
    named = [entry.value for entry in function.module.assigns_in.get(function.index, ()) if entry.target in whole]
    parts = [part for expr in (*whole, *named) for part in walk(expr)]
    values = [
        one
        for part in parts
        if isinstance(part, f.CallRef) and f.last_name((one := calls[part.index]).func) == "values"
    ]
    found: dict[str, f.Expr] = {}
    for each in (call, *values):
        found.update((arg.name, arg.value) for arg in each.args if arg.name and each is not call)
        for arg in each.args:
            if isinstance(arg.value, f.Mapping):
                found.update((_column(key), value) for key, value in arg.value.items)
    return frozenset(found) if all(value in _OFF for value in found.values()) else frozenset()


def _column(key: f.Expr | None) -> str:
    if isinstance(key, f.Const) and isinstance(key.value, str):
        return key.value
    return f.last_name(key) if key is not None else ""


def _is_given_nothing(function: Function, check: Check) -> bool:
    """Whether a function gets nothing that could say which rows are meant: a session, what it names `_`."""
    types = check.project.types
    return function.cls is None and all(
        param.name.startswith("_")
        or is_session_like(types, given := types.parameter(function, param))
        or types.is_instance(given, TASKS)
        for param in function.params
    )


def _replaces(function: Function, call: f.Call, check: Check) -> bool:
    """Whether a function makes the rows of a table anew behind a DELETE, of nothing by which its callers choose."""
    module = function.module
    deleted = _tables(function, call, check)
    given = {param.name for param in function.params}
    for each in function.calls:
        made = check.project.callee(module, each) if each.start > call.end else None
        if isinstance(made, ClassObject) and made.cls in deleted and each.args:
            return not any(
                isinstance(part, f.Name) and part.id in given for arg in each.args for part in walk(arg.value)
            )
    return False


def _classes(expr: f.Expr, function: Function) -> Iterator[f.Expr]:
    """The names in an expression and in the calls in it: `db.query(Order)`, `delete(Order)`."""
    calls = function.module.facts.calls
    for part in walk(expr):
        if isinstance(part, f.Name):
            yield part
        elif isinstance(part, f.CallRef):
            made = calls[part.index]
            for inner in (made.func, *(arg.value for arg in made.args)):
                yield from _classes(inner, function)


def _could_choose(function: Function, call: f.Call, run: Sequence[Function], check: Check) -> bool:
    """Whether a function on the way is given what a column of the table has the name of: then not all rows are meant,
    whatever the function is called."""
    set_here = {arg.name for each in function.calls for arg in each.args}
    given = {param.name for each in run for param in each.params} - set_here
    return any(
        isinstance(base, Class) and not given.isdisjoint(base.assigns)
        for table in _tables(function, call, check)
        for base in check.project.types.mro(table)
    )


def _tables(function: Function, call: f.Call, check: Check) -> set[Class]:
    """The mapped classes that a statement names."""
    return {
        value.cls
        for expr in (*(arg.value for arg in call.args), call.func)
        for name in _classes(expr, function)
        if isinstance(value := check.project.infer(name, function.module, call.block, call.start), ClassObject)
    }


def _is_meant(function: Function) -> bool:
    """Whether a function, or its class, says in its name that it means all rows."""
    return not _MEANT.isdisjoint(_words(function.qualname))


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORDS.findall(text)}


def _is_of_any_table(function: Function, call: f.Call, check: Check) -> bool:
    """Whether a statement is for a table that only the function knows: one of whatever name it is given."""
    table = call.func.value if isinstance(call.func, f.Attr) and not call.args else next(iter(call.args), None)
    expr = table.value if isinstance(table, f.Arg) else table
    if not isinstance(expr, f.Name):
        return False
    value = check.project.infer(expr, function.module, call.block, call.start)
    if isinstance(value, ClassObject):
        return False
    found = check.project.types.find_bindings(expr.id, (function.module, call.block, call.start))
    return any(function.module.facts.blocks[each.block].function >= 0 for each in found)


def _unrestricted(function: Function, call: f.Call, check: Check) -> str:
    """What a call does to all rows of a table: "update", "delete", or nothing."""
    module = function.module
    if not isinstance(call.func, f.Attr):
        return ""
    where, name = (module, call.block, call.start), call.func.attr
    owner = check.project.infer(call.func.value, *where)
    types = check.project.types
    if name in _EXECUTES and call.args:
        if not (is_session_like(types, owner) or is_sync_connection(types, owner) or is_async_connection(types, owner)):
            return ""
        given = f.keyword(call, "statement") or call.args[0]
        found = list(statements(check.project, given.value, where))
        if not found or any(one.verb == "insert" or not _RESTRICTS.isdisjoint(one.methods) for one in found):
            return ""
        if any(one.module is module and _is_of_any_table(function, one.call, check) for one in found):
            return ""
        if any(one.is_text and not _is_whole(one.module, one.call, check) for one in found):
            return ""
        if isinstance(given.value, f.Name) and _grows(function, given.value.id):
            return ""
        by_key = any(one.verb == "update" and "values" not in one.methods and not one.is_text for one in found)
        return "" if by_key and len(call.args) > 1 else found[0].verb  # a bulk update by primary key
    if name in ("delete", "update") and types.is_instance(owner, "sqlalchemy.orm.Query"):
        return "" if _is_filtered(function, call.func.value, check, 0) else name
    return ""


def _is_whole(module: object, call: f.Call, check: Check) -> bool:
    """Whether an SQL text is known to its end, and has no WHERE."""
    given = call.args[0].value if call.args else None
    if not isinstance(given, f.Const) or not isinstance(given.value, str):
        return False
    return _TEXT_WHERE.search(given.value) is None


def _grows(function: Function, name: str) -> bool:
    """Whether a statement is restricted somewhere in the function under the same name."""
    return any(
        isinstance(call.func, f.Attr) and call.func.attr in _RESTRICTS and call.func.value == f.Name(name)
        for call in function.calls
    )


def _is_filtered(function: Function, expr: f.Expr, check: Check, depth: int) -> bool:
    """Whether a query is restricted anywhere in its chain; also when it cannot be followed."""
    module = function.module
    while True:
        match expr:
            case f.CallRef(index=index):
                call = module.facts.calls[index]
                if not isinstance(call.func, f.Attr):
                    return True
                if call.func.attr == "query":
                    return not isinstance(check.project.callee(module, call), Method)
                if call.func.attr in _RESTRICTS:
                    return True
                expr = call.func.value
            case f.Name(id=name) if depth < 6:
                found = check.project.types.find_bindings(name, (module, function.facts.block, function.facts.end))
                entries = [each.entry for each in found]
                values = [each.value for each in entries if isinstance(each, f.Assign) and each.value is not None]
                if _grows(function, name) or len(values) != len(found) or not values:
                    return True
                return any(_is_filtered(function, value, check, depth + 1) for value in values)
            case _:
                return True
