"""The cases of a `match` as they are written: their patterns and guards. Judges nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from fastapi_lint.index import facts as f
from fastapi_lint.model.calls.ways.judging import dotted_name
from fastapi_lint.model.names.symbols import Module

_LONGEST = 400


def case_of(module: Module, block: f.Block) -> ast.match_case | None:
    """A case with its pattern: the text of its block up to the first colon at which it is one."""
    text = module.text[block.start : min(block.end, block.start + _LONGEST)]
    for colon in re.finditer(rb":", text):
        found = _parsed(text[: colon.start()])
        if found is not None:
            return found
    return None


def fixed_names(pattern: ast.pattern) -> Iterator[str]:
    """The names that stand for one of the constants that a pattern lists: `case "asc" | "desc" as order`."""
    for part in ast.walk(pattern):
        if isinstance(part, ast.MatchAs) and part.name is not None and part.pattern is not None:
            if is_fixed(part.pattern):
                yield part.name


def captures(pattern: ast.pattern, name: str) -> Iterator[tuple[str | int | None, ...]]:
    """The ways from what is matched to what a pattern binds to a name: attributes (`.attr`), keys and numbers; None is
    any part. Numbers are no way."""
    match pattern:
        case ast.MatchAs(pattern=inner, name=bound):
            if bound == name:
                yield ()
            if inner is not None:
                yield from captures(inner, name)
        case ast.MatchStar(name=bound) if bound == name:
            yield ()
        case ast.MatchOr(patterns=patterns):
            for each in patterns:
                yield from captures(each, name)
        case ast.MatchMapping(keys=keys, patterns=patterns, rest=rest):
            if rest == name:
                yield ()
            for key, each in zip(keys, patterns, strict=True):
                found = key.value if isinstance(key, ast.Constant) and isinstance(key.value, (str, int)) else None
                yield from ((found, *way) for way in captures(each, name))
        case ast.MatchSequence(patterns=patterns):
            is_starred = any(isinstance(each, ast.MatchStar) for each in patterns)
            for number, each in enumerate(patterns):
                step = () if isinstance(each, ast.MatchStar) else (None if is_starred else number,)
                yield from ((*step, *way) for way in captures(each, name))
        case ast.MatchClass(cls=cls, patterns=patterns, kwd_attrs=attrs, kwd_patterns=others):
            called = cls.id if isinstance(cls, ast.Name) else ""
            for each in patterns if called not in ("int", "float", "bool") else ():
                yield from (
                    (*(() if called in ("str", "bytes", "dict", "list") else (None,)), *way)
                    for way in captures(each, name)
                )
            for attr, each in zip(attrs, others, strict=True):
                yield from ((f".{attr}", *way) for way in captures(each, name))


def is_fixed(pattern: ast.pattern) -> bool:
    """Whether a pattern lists constants."""
    return all(isinstance(part, (ast.MatchValue, ast.MatchSingleton)) for part in _alternatives(pattern))


def is_open(pattern: ast.pattern) -> bool:
    """Whether a pattern takes everything: `_`, or a name."""
    return isinstance(pattern, ast.MatchAs) and pattern.pattern is None


def listed(subject: f.Expr, pattern: ast.pattern) -> Iterator[f.Compare]:
    """What a pattern says of what is matched, as comparisons with the constants that it lists."""
    match pattern, subject:
        case ast.MatchAs(pattern=ast.pattern() as inner), _:
            yield from listed(subject, inner)
        case ast.MatchSequence(patterns=patterns), f.Display(items=items) if len(patterns) == len(items):
            for each, item in zip(patterns, items, strict=True):
                yield from listed(item, each)
        case _ if is_fixed(pattern):
            values = tuple(map(_constant, _alternatives(pattern)))
            yield f.Compare(("in",), (subject, f.Display("tuple", values)))


def _alternatives(pattern: ast.pattern) -> list[ast.pattern]:
    return pattern.patterns if isinstance(pattern, ast.MatchOr) else [pattern]


def _constant(pattern: ast.pattern) -> f.Expr:
    """The constant of a pattern that is fixed; of `Colour.RED` the name."""
    if isinstance(pattern, ast.MatchSingleton):
        return f.Const(pattern.value)
    value = pattern.value if isinstance(pattern, ast.MatchValue) else None
    if isinstance(value, ast.Constant) and isinstance(value.value, (str, int, float)):
        return f.Const(value.value)
    return dotted_name(value) or f.Const(None)


def _parsed(text: bytes) -> ast.match_case | None:
    try:
        [tree] = ast.parse(b"match 0:\n " + text + b":\n  pass\n").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree.cases[0] if isinstance(tree, ast.Match) and len(tree.cases) == 1 else None
