"""A word may say that there is nothing to find; it never spares what was found.

Silence is a conclusion from code that carries the fact, resolved like everything else. A search in the text of a whole
module sees comments and strings as well, so it may only be a prefilter: without the word, nothing is looked for. Every
other search in such a text stands in `WORDS`, with the reason why it silences nobody.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from test_architecture import MODULES, layer, place, tree

WORDS = {
    "model/names/reach:served": "more modules are served where some are loaded by name",
    "model/names/reach:what_matters": "what is fingerprinted, not what is concluded",
    "model/names/reach:_only_looks_at_routes": "a module with the word is looked at as an application",
    "model/names/reach:_named": "modules that a text names are served, too",
    "model/calls/reach/serving:Serving._when_mentioned": "a module that starts a server runs while that serves",
    "model/calls/reach/serving:Serving._when_held": "a mention more is a use more",
    "model/calls/callers:Callers._may_be": "a method of an unknown object may be that of the class: unknown silences",
    "model/routing/events:_mentions": "what prefilters ask",
    "model/data/unread/occurrences:reads": "what looks like a read is one, and whatever is read stays a finding",
    "model/routing/serving/commented:commented_out": "finds the comments, which make information of a warning",
    "model/values/literals:_scan": "finds the literals themselves",
    "model/secrets/surroundings:mentions": "finds the places in code themselves, those in comments and literals aside",
    "model/injection/browsing:_evidence": "a name behind its module is evidence: it makes more findings",
    "model/secrets/beside:written_beside": "finds the comparisons themselves",
    "model/routing/answering/channels:Channels._may_send": "what prefilters ask",
    "rules/schemas/naive_utc_datetime:naive_utc_datetime": "what prefilters ask",
    "rules/linter/syntax_error:_is_template": "the tags of a template language are no Python",
    "rules/database/expire_on_commit:_commits": "without a commit anywhere nothing expires",
    "rules/database/sync_driver_for_async_engine:_is_used_elsewhere": "whether a fix is offered, not a finding",
    "rules/security/insecure_secret_fallback:_is_spare": "whether a fix is offered, not a finding",
    "rules/application/deprecated_on_event:_fix": "whether a fix is offered, not a finding",
    "rules/routing/created_with_200:_created": "how a fix writes the status",
}
"""Where the text of a whole module is searched otherwise, and why that spares nothing."""

_WHOLE = {"data", "utf8"}
_SEARCHES = {"search", "finditer", "findall", "fullmatch", "match", "split"}


def is_whole(node: ast.AST) -> bool:
    """Whether an expression is the text of a whole module."""
    if isinstance(node, ast.Name):
        return node.id == "data"
    if not isinstance(node, ast.Attribute):
        return False
    holder = node.value
    owner = holder.attr if isinstance(holder, ast.Attribute) else holder.id if isinstance(holder, ast.Name) else ""
    return (node.attr in _WHOLE and owner == "source") or (node.attr == "text" and owner in ("module", "source"))


def searches(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """The expressions in a function that look for words in the text of a whole module."""
    for node in ast.walk(function):
        match node:
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[right]):
                lowered = isinstance(right, ast.Call) and isinstance(right.func, ast.Attribute)
                if is_whole(right.func.value if lowered else right):  # type: ignore[attr-defined]
                    yield node
            case ast.Call(func=ast.Attribute(attr="mentions")):
                yield node
            case ast.Call(func=ast.Attribute(attr=attr, value=value), args=[_]) if attr in ("count", "find", "index"):
                if is_whole(value):
                    yield node
            case ast.Call(func=ast.Attribute(attr=attr), args=[*args]) if attr in _SEARCHES:
                if (len(args) == 1 and is_whole(args[0])) or (len(args) == 2 and is_whole(args[1])):
                    yield node


def leaves(body: list[ast.stmt]) -> bool:
    """Whether a branch only gives up: a return of nothing, or the next round."""
    match body:
        case [ast.Continue() | ast.Return(value=None | ast.Constant() | ast.Tuple(elts=[]))]:
            return True
    return False


def prefilters(function: ast.FunctionDef) -> set[ast.AST]:
    """The nodes in conditions that end a function, or leave a module out, where a word is missing."""
    found: set[ast.AST] = set()
    for node in ast.walk(function):
        match node:
            case ast.If(test=test, body=body) if leaves(body):
                for part in ast.walk(test):
                    if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not):
                        found |= {*ast.walk(part.operand)}
                    elif isinstance(part, ast.Compare) and isinstance(part.ops[0], ast.NotIn):
                        found.add(part)
            case ast.If(test=test, body=[first, *_], orelse=[]) if not isinstance(first, ast.Return):
                found |= {*ast.walk(test)}
            case ast.comprehension(ifs=ifs):
                found |= {part for test in ifs for part in ast.walk(test)}
            case ast.IfExp(test=test, orelse=ast.Tuple(elts=[]) | ast.Constant()):
                found |= {*ast.walk(test)}
            case ast.BoolOp(op=ast.And(), values=[first, *_]):
                found |= {*ast.walk(first)}
    return found


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree(path).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{each.name}", each) for each in node.body if isinstance(each, ast.FunctionDef))


def spared(path: Path) -> Iterator[str]:
    for name, function in functions(path):
        allowed = prefilters(function)
        if any(node not in allowed for node in searches(function)):
            yield f"{place(path)}:{name}"


def test_words_spare_nothing() -> None:
    judging = [path for path in MODULES if layer(path) in ("model", "rules")]
    assert [where for path in judging for where in spared(path) if where not in WORDS] == [], (
        "resolve it, or say in WORDS why it is no spare"
    )


def test_the_list_of_words_is_current_and_short() -> None:
    assert WORDS.keys() <= {where for path in MODULES for where in spared(path)}
    assert len(WORDS) <= 22
