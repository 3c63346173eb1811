"""What Python refuses: the words of its own parser, and places that the tolerant parser reads and Python does not.

The interpreter may be older than the code: its complaint counts only where the tolerant parser has one as well, or
where the facts show that the place is wrong in every version.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module

_VAGUE = ("invalid syntax", "f-string", "t-string", "multiple exception types", "expected 'except'")
"""Beginnings of what older interpreters say about newer syntax, and of what says nothing."""
_FAR = ("was never closed", "unterminated", "unmatched", "does not match", "unexpected EOF")
"""Words about a place that begins far from where a parser gives up."""
_NEAR = 1


@dataclass(frozen=True)
class Refusal:
    """What Python says about a file, and where: 1-based line and column."""

    words: str
    line: int
    column: int


def refusal(module: Module, lines: frozenset[int]) -> Refusal | None:
    """Why Python cannot read a file, if it says so about one of these lines or of something that begins elsewhere."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(module.source.text)
    except SyntaxError as error:
        words, line = error.msg.partition(" (detected at")[0], error.lineno or 0
        if words == "invalid syntax" and (error.text or "")[max(error.offset or 1, 1) - 1 :].startswith(":="):
            words = "`:=` needs parentheses where it is a statement"
        if words.startswith("expected 'except'") and any(_lone_tries(module)):
            return Refusal(words, line, max(error.offset or 1, 1))
        if words.startswith(_VAGUE) or not line:
            return None
        if any(word in words for word in _FAR) or any(abs(line - each) <= _NEAR for each in lines):
            return Refusal(words, line, max(error.offset or 1, 1))
    except (ValueError, RecursionError, MemoryError):
        pass
    return None


def certain(module: Module) -> Refusal | None:
    """The first thing that every Python refuses, whatever else is in the file: a name that is given twice, two stars
    in one target, a `try` with nothing behind it, what only functions of the other kind may hold."""
    for function in module.facts.functions:
        if twice := _repeated([param.name for param in function.params]):
            return _refusal(module, function.start, f"duplicate argument '{twice}' in function definition")
    for call in module.facts.calls:
        if len(call.args) > 1 and (twice := _repeated([arg.name for arg in call.args if arg.name.isidentifier()])):
            return _refusal(module, call.start, f"keyword argument repeated: {twice}")
    for entry in module.facts.assigns:
        if _has_stars(entry.target):
            return _refusal(module, entry.start, "multiple starred expressions in assignment")
    for start, _ in _lone_tries(module):
        return _refusal(module, start, "expected 'except' or 'finally' block")
    return next(_of_other_functions(module), None) or next(_of_places(module), None)


def _of_places(module: Module) -> Iterator[Refusal]:
    """Names that are said to be global too late, and an import from `__future__` behind anything else."""
    facts = module.facts
    for name, block in facts.globals:
        inner = facts.blocks[block].function
        if inner < 0:
            continue
        function = facts.functions[inner]
        written = re.compile(
            rb"^[ \t]*(global|nonlocal)[ \t][^\n#]*\b" + re.escape(name.encode()) + rb"\b", re.MULTILINE
        )
        said = written.search(module.text, function.head_end, function.end)
        if said is None:
            continue
        kind, at = said[1].decode(), said.start(1)
        if any(param.name == name for param in function.params):
            yield _refusal(module, at, f"name '{name}' is parameter and {kind}")
        for entry in module.assigns_in.get(inner, ()):
            if entry.start < at and name in f.target_names(entry.target):
                yield _refusal(module, at, f"name '{name}' is assigned to before {kind} declaration")
    late = [each for each in facts.imports if each.module == "__future__" and not each.level]
    if not late:
        return
    starts = [each.start for each in facts.imports if each not in late]
    for entries in (facts.assigns, facts.functions, facts.classes, facts.calls):
        starts += [each.start for each in entries]
    first = min(starts, default=len(module.text))
    for each in late:
        if each.start > first:
            yield _refusal(module, each.start, "from __future__ imports must occur at the beginning of the file")


def _of_other_functions(module: Module) -> Iterator[Refusal]:
    """What stands in a plain function and belongs in an asynchronous one, or the reverse: the parser reads it, the
    compiler refuses it."""
    facts, functions = module.facts, module.facts.functions
    for call in facts.calls:
        if call.awaited and _is_plain(module, call.block):
            yield _refusal(module, call.start, "'await' outside async function")
    for block in facts.blocks:
        if block.is_async and block.kind in ("with", "for") and _is_plain(module, block.parent):
            yield _refusal(module, block.start, f"'async {block.kind}' outside async function")
    for leave in facts.exits:
        inner = facts.blocks[leave.block].function
        if inner < 0 and leave.kind not in ("raise", "del"):
            yield _refusal(module, leave.start, f"'{leave.kind.partition(' ')[0]}' outside function")
        elif inner >= 0 and functions[inner].is_async:
            if leave.kind == "yield from":
                yield _refusal(module, leave.start, "'yield from' inside async function")
            elif leave.kind == "return" and leave.value is not None and functions[inner].is_generator:
                yield _refusal(module, leave.start, "'return' with value in async generator")


def _is_plain(module: Module, index: int) -> bool:
    """Whether a place stands in a plain function or lambda itself: a generator expression in it may await."""
    blocks = module.facts.blocks
    inner = blocks[index].function
    while index >= 0 and blocks[index].function == inner and blocks[index].kind != "comprehension":
        index = blocks[index].parent
    is_comprehension = index >= 0 and blocks[index].kind == "comprehension"
    return inner >= 0 and not is_comprehension and not module.facts.functions[inner].is_async


def _has_stars(target: f.Expr) -> bool:
    return isinstance(target, f.Display) and sum(isinstance(item, f.Star) for item in target.items) > 1


def _repeated(names: list[str]) -> str:
    return next((name for index, name in enumerate(names) if name in names[:index]), "")


def _refusal(module: Module, at: int, words: str) -> Refusal:
    span = module.source.span(at, at)
    return Refusal(words, span.line, span.column)


def suspicious(module: Module) -> Iterator[tuple[int, int]]:
    """The places that the tolerant parser reads, and that no version of Python does, by the facts."""
    facts = module.facts
    for function in facts.functions:
        bare = [param.default is None for param in function.params if param.kind in ("positional-only", "normal")]
        if any(not one and other for one, other in pairwise(bare)):
            yield function.start, function.head_end
    for call in facts.calls:
        if len(call.args) > 1 and _is_disordered(call.args):
            yield call.start, call.end
    for leave in facts.exits:
        if leave.kind == "del" and isinstance(leave.value, (f.CallRef, f.Const)):
            yield leave.start, leave.end
    for entry in facts.assigns:
        if _has_stars(entry.target) or (entry.op == ":=" and _begins_line(module, entry.start)):
            yield entry.start, entry.end
    yield from _empty_blocks(module)


def _is_disordered(args: tuple[f.Arg, ...]) -> bool:
    """Whether something positional stands behind a keyword, or `*` behind `**`."""
    first = next((index for index, arg in enumerate(args) if arg.name not in ("", "*")), len(args))
    unpacked = next((index for index, arg in enumerate(args) if arg.name == "**"), len(args))
    return any(arg.name == "" for arg in args[first:]) or any(arg.name == "*" for arg in args[unpacked:])


def _begins_line(module: Module, at: int) -> bool:
    start = module.text.rfind(b"\n", 0, at) + 1
    return not module.text[start:at].strip()


def _empty_blocks(module: Module) -> Iterator[tuple[int, int]]:
    """Heads of compound statements without anything below them, and a `try` alone."""
    yield from _lone_tries(module)
    for block in module.facts.blocks:
        if block.kind in ("if", "else", "except", "finally", "for", "while", "with", "case"):
            if module.text[block.start : block.end].rstrip().endswith(b":"):
                yield block.start, block.end
        elif block.kind in ("function", "class") and block.start == block.end:
            yield block.start, block.end + 1


def _lone_tries(module: Module) -> Iterator[tuple[int, int]]:
    """The `try` statements without any clause."""
    blocks = module.facts.blocks
    clauses = Counter(block.parent for block in blocks if block.kind in ("except", "finally"))
    return ((block.start, block.end) for i, block in enumerate(blocks) if block.kind == "try" and not clauses[i])
