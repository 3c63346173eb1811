"""How texts are put together: `%`, `format`, `join`, `replace`, hole by hole. Follows nothing by itself."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi_lint.index import facts as f
from fastapi_lint.model.taint.asking import Asks
from fastapi_lint.model.taint.entries import MAPPINGS
from fastapi_lint.model.taint.strands import (
    EACH,
    KEYS,
    NUMBER,
    SHORN,
    UNKNOWN,
    Path,
    Text,
    Value,
    bounded,
    cleaned,
    concatenated,
    has_strands,
    union,
)
from fastapi_lint.model.types.inference.inference import Where

_PERCENT = re.compile(r"%(?:\((\w+)\))?[-#0 +]{0,5}(?:\d{1,9}|\*)?(?:\.\d{1,9})?([sdifrgxXoeEfFgGcua%])")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_HARMLESS = re.compile(r"(?:(?:\\[stnr]|[ ,_]|\\?-|\[(?:\\[stnr]|[ ,_]|\\?-)+\])(?:[+*?]|\{\d+(?:,\d*)?\})?)+")
"""Patterns of blanks, dashes and commas: whoever replaces these leaves all else as it was."""
_OUT_OF_REACH = {"/": "path", "\\": "path", ".": "path", "'": "sql", '"': "sql", ";": "sql", "<": "html"}
"""What has to go so that a danger does."""


_GROUP = re.compile(r"(?<!\\)\((?:(?!\?)|\?P<\w+>)((?:[^()\\]|\\.)*)\)")
_ANYTHING = re.compile(r"(?:https\?://|https://|http://)?(?:\[\^[^\]]*\]|\.|\\S)[*+]")


class Formatting:
    """Answers "what does this text become"."""

    def __init__(self, asks: Asks) -> None:
        self.asks = asks

    def substituted(self, pattern: f.Expr, text: f.Expr, where: Where, depth: int) -> Value:
        """`re.sub(pattern, new, text)`: what it was, when the pattern is known to take out nothing that matters."""
        wanted = self._pattern(pattern, where)
        is_harmless = wanted is not None and _HARMLESS.fullmatch(wanted) is not None
        return self.asks.value(text, where, (), depth) if is_harmless else UNKNOWN

    def finds_anything(self, pattern: f.Expr, where: Where) -> bool:
        """Whether what `re.findall` gives may begin with anything: an address with any host, any name."""
        wanted = self._pattern(pattern, where)
        if wanted is None:
            return False
        groups = [found[1] for found in _GROUP.finditer(wanted)]
        return any(_ANYTHING.match(each) is not None for each in groups or [wanted])

    def _pattern(self, expr: f.Expr, where: Where) -> str | None:
        """The text of a pattern, compiled or not; None when it is not known."""
        for _ in range(4):
            if isinstance(expr, f.CallRef):
                call = where[0].facts.calls[expr.index]
                if (
                    self.asks.types.name_of_type(self.asks.types.callee(where[0], call)) != "re.compile"
                    or not call.args
                ):
                    return None
                expr = call.args[0].value
            elif isinstance(expr, (f.Name, f.Attr)):
                found = list(self.asks.values.definitions(expr, where))
                if len(found) != 1:
                    return None
                expr, where = found[0]
            else:
                break
        return expr.value if isinstance(expr, f.Const) and isinstance(expr.value, str) else None

    def formatted(self, template: f.Expr, given: f.Expr, where: Where, depth: int) -> Value:
        """`template % given`."""
        values = given.items if isinstance(given, f.Display) and given.kind == "tuple" else None
        positions = iter(range(1_000))

        def fill(hole: re.Match[str]) -> Value:
            name, kind = hole[1], hole[2]
            if kind == "%":
                return (("%",),)
            if kind not in "sra":
                next(positions, None)
                return NUMBER
            if name is not None:
                return self.asks.value(given, where, (name,), depth)
            number = next(positions, 0)
            if values is not None:
                return self.asks.value(values[number], where, (), depth) if number < len(values) else UNKNOWN
            whole = self.asks.value(given, where, (), depth) if number == 0 else UNKNOWN
            return whole if has_strands(whole) else union((whole, self.asks.value(given, where, (number,), depth)))

        return self._filled(self.asks.value(template, where, (), depth), _PERCENT, fill)

    def braces(self, template: f.Expr, args: tuple[f.Arg, ...], where: Where, depth: int) -> Value:
        """`template.format(...)`."""
        positional = [arg.value for arg in args if arg.name == ""]
        by_name = {arg.name: arg.value for arg in args if arg.name and not arg.name.startswith("*")}
        unpacked = [arg.value for arg in args if arg.name == "**"]
        positions = iter(range(1_000))

        def fill(hole: re.Match[str]) -> Value:
            if hole[1] is None:
                return ((hole[0][0],),)
            shape = hole[1].rpartition("!")[2]
            if ":" in shape[:-1] and shape[-1] in "bcdoxXeEfFgGn%":
                if not hole[1].split(":")[0]:
                    next(positions, None)
                return NUMBER
            name = re.split(r"[.!:\[]", hole[1])[0]
            after: Path = tuple(re.findall(r"\.\w+", hole[1].split(":")[0].split("!")[0]))
            if name == "" or name.isdigit():
                number = next(positions, 0) if name == "" else int(name)
                return self.asks.value(positional[number], where, after, depth) if number < len(positional) else UNKNOWN
            if name in by_name:
                return self.asks.value(by_name[name], where, after, depth)
            return (
                union(self.asks.value(one, where, (name, *after), depth) for one in unpacked) if unpacked else UNKNOWN
            )

        return self._filled(self.asks.value(template, where, (), depth), _BRACES, fill)

    @staticmethod
    def _filled(template: Value, holes: re.Pattern[str], fill: Callable[[re.Match[str]], Value]) -> Value:
        """A template with its holes filled in order."""
        found: list[Text] = []
        for text in template:
            parts: list[Value] = []
            for piece in text:
                if not isinstance(piece, str):
                    parts.append(((piece,),))
                    continue
                at = 0
                for hole in holes.finditer(piece):
                    parts += [((piece[at : hole.start()],),), fill(hole)]
                    at = hole.end()
                parts.append(((piece[at:],),))
            found.extend(concatenated(parts))
        return bounded(dict.fromkeys(found))

    def joined(self, separator: f.Expr, items: f.Expr, where: Where, depth: int) -> Value:
        """`separator.join(items)`: one item is enough to stand for all, unless they are written down."""
        between = self.asks.value(separator, where, (), depth)
        if isinstance(items, f.Display) and not any(isinstance(item, f.Star) for item in items.items):
            parts: list[Value] = []
            for item in items.items:
                parts += [self.asks.value(item, where, (), depth), between]
            return concatenated(parts[:-1]) if parts else (("",),)
        # A dict gives its keys.
        is_dict = self.asks.types.is_instance(self.asks.types.infer(items, where), *MAPPINGS)
        return concatenated((self.asks.value(items, where, (KEYS if is_dict else EACH,), depth), between))

    def replaced(self, receiver: f.Expr, old: f.Expr, new: f.Expr, where: Where, depth: int) -> Value:
        """`text.replace(old, new)`: what goes may take a danger along, what comes may bring one."""
        asks = self.asks
        found = asks.value(receiver, where, (), depth)
        wanted = asks.value(old, where, (), depth)
        constant = wanted[0][0] if len(wanted) == 1 and len(wanted[0]) == 1 else None
        comes = asks.value(new, where, (), depth)
        if not isinstance(constant, str):
            return cleaned(found, {"all"})
        if has_strands(comes):
            holes = re.compile(re.escape(constant))
            return self._filled(found, holes, lambda hole: comes)
        is_sign = not any(sign.isalnum() for sign in constant)  # a word takes only the signs along that stand by it
        gone = {danger for sign, danger in _OUT_OF_REACH.items() if is_sign and sign in constant}
        return cleaned(found, {*gone, SHORN})
