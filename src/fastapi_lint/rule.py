"""What a rule is, and what it may ask. Knows no rule, no reporter, no file.

A rule is a generator function whose first parameter's annotation is its subscription: a model subject (`App`, `Router`,
`Route`, `Dependency`, `Schema`, `Function`, `Module`, `Project`), a libcst node class, or a union of either kind.
"""

from __future__ import annotations

import re
import traceback
import types
import typing
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar, Union

from fastapi_lint.files.words import is_within_words
from fastapi_lint.finding import OWN_PREFIX, Finding, Fix, Notice, Related, Safety, Severity, Span, letters

if TYPE_CHECKING:
    import libcst as cst

    from fastapi_lint.model import Class, Function, Module, Project

S = TypeVar("S")
Option = Union[bool, int, str, tuple[str, ...]]
"""The value of a rule's option: its default also says what type the configuration must give."""


Making = Callable[[], Union[Fix, None]]
"""Makes a fix, or finds that there is none. May be called more than once: see `Module.collect`."""


def made(making: Making) -> Fix | None:
    """The fix that something makes. Raises what that raises, and `TypeError` for what is no fix."""
    fix: object = making()
    if fix is not None and not isinstance(fix, Fix):
        raise TypeError(f"a fix is made that is {fix!r:.80}, no `Fix`")
    return fix


class Placed(Protocol):
    """Anything with a byte range of its module: a fact, or a handle of the model."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class Described(Protocol):
    """A rule as far as reports go: a `Rule`, or what the cache knows of one."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def preset(self) -> str: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def summary(self) -> str: ...
    @property
    def documentation(self) -> str: ...
    @property
    def url(self) -> str: ...


class Rule:
    """One rule: identity, documentation and the function that judges.

    `name` comes from the function's name. `kind` is "syntax" for libcst subjects, else "model". `words` are identifiers
    of which one must occur in a module's text for the rule to be asked about it; `hint` is a pattern that must match
    its bytes (linear, no nested quantifiers). `options` maps an option's name to its default. `page` is the address of
    a page about it, for a rule that is not described with ours. `needs_requests`: the code works, and what it tells of
    is done by requests, or to them: in a handler that none comes to, and in a function that nobody calls, it is
    information.
    """

    def __init__(
        self,
        judge: Callable[..., Iterator[Finding]],
        code: str,
        *,
        preset: str,
        severity: Severity,
        fix: Safety | None,
        words: Collection[str],
        hint: str,
        options: Mapping[str, Option],
        since: str,
        page: str = "",
        needs_requests: bool = False,
    ) -> None:
        if isinstance(words, str):
            raise TypeError(f"words of rule {code} is the string {words!r}, not a collection of words")
        self.judge = judge
        self.code = code
        self.name = judge.__name__.replace("_", "-")
        self.preset = preset
        self.severity = severity
        self.fix = fix
        self.words = frozenset(words)
        self._words = tuple(sorted(words))
        self.hint = re.compile(hint.encode()) if hint else None
        self._asks_for_words = self.hint is not None and is_within_words(self.hint)
        self.options = dict(options)
        self.since = since
        self.page = page
        self.needs_requests = needs_requests
        self.documentation = judge.__doc__ or ""
        self.summary = self.documentation.strip().split("\n", 1)[0]

    def __repr__(self) -> str:
        return f"Rule({self.code} {self.name})"

    def may_concern(self, module: Module) -> bool:
        """Whether there may be something for it in a module, by the words and the pattern that it says it needs."""
        if self._words and not module.mentions(*self._words):
            return False
        if self._asks_for_words and self.hint is not None:
            return module.matches(self.hint)
        return self.hint is None or self.hint.search(module.source.data) is not None

    def verified(self, found: list[Finding]) -> list[Finding]:
        """What its function has said. Raises `TypeError` for what is no finding of it."""
        for each in found:
            if not isinstance(each, Finding) or each.code != self.code:
                raise TypeError(f"it yields {each!r:.80}, which is no finding of {self.code} (see `Check.finding`)")
        return found

    def failure(self, error: Exception, path: str, what: str = "findings") -> Notice:
        """What to say when it failed over something in a file, or ("") over the project: its findings, or fixes."""
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "?"
        why = f"{type(error).__name__}: {error} [{place}]"
        missing = f"its {what} here are missing" if path else f"all of its {what} are missing"
        return Notice(f"rule {self.code} ({self.name}) failed with {why}; {missing}", path, self.code, Severity.ERROR)

    @property
    def url(self) -> str:
        """Where the rule is explained; "" when there is no such page."""
        return url_of(self.code, self.name, self.page)

    @cached_property
    def subjects(self) -> tuple[type, ...]:
        """The types named by the annotation of the first parameter."""
        annotation = next(iter(self.judge.__annotations__.values()))
        if isinstance(annotation, str):
            annotation = eval(annotation, self.judge.__globals__)  # our own rule's source, never the project's
        if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is Union:
            return typing.get_args(annotation)
        return (annotation,)

    @cached_property
    def kind(self) -> str:
        """Whether the rule looks at one module's tree ("syntax") or asks the linked project ("model")."""
        return "syntax" if self.subjects[0].__module__.startswith("libcst") else "model"


RULES_URL = "https://github.com/fastapi-lint/fastapi-lint/blob/main/rules.md#{rule}"
"""Where rules are explained; `{rule}` stands for `fapi101-blocking-call-in-async`.

The one setting that every report goes by. Whoever publishes the site that `make site` builds sets it to where that is,
such as "https://example.org/rules/{rule}/"; the site takes its own address from it.
"""


def url_of(code: str, name: str, page: str = "") -> str:
    """Where the rule with this code and name is explained: at its own page if it has one; "" for a plugin's without."""
    ours = letters(code) == OWN_PREFIX
    return page or (RULES_URL.format(rule=f"{code.lower()}-{name}") if ours else "")


def rule(
    code: str,
    *,
    preset: str = "recommended",
    severity: Severity = Severity.WARNING,
    fix: Safety | None = None,
    words: Collection[str] = (),
    hint: str = "",
    options: Mapping[str, Option] = types.MappingProxyType({}),
    since: str = "0.1.0",
    page: str = "",
    needs_requests: bool = False,
) -> Callable[[Callable[[S, Check], Iterator[Finding]]], Rule]:
    """Make a rule of a function `(subject, check) -> Iterator[Finding]`; see `Rule` for the arguments."""

    def register(judge: Callable[[S, Check], Iterator[Finding]]) -> Rule:
        return Rule(
            judge,
            code,
            preset=preset,
            severity=severity,
            fix=fix,
            words=words,
            hint=hint,
            options=options,
            since=since,
            page=page,
            needs_requests=needs_requests,
        )

    return register


class Root(NamedTuple):
    """Where a chain ends, when comments for some codes on these lines silence all of it (see `Check.root`)."""

    codes: tuple[str, ...]
    lines: tuple[int, int]


class Check:
    """What a rule may ask: the project, the module at hand, its options; and how it reports.

    While libcst nodes are visited, `function` is the innermost function around the node (None at module level), `block`
    the index of that function's or class's body block, `parents` the nodes around it, outermost first, and for a
    FunctionDef or ClassDef `definition` is its handle in the model (None when it could not be matched).
    """

    def __init__(self, rule: Rule, project: Project, module: Module, options: Mapping[str, Option]) -> None:
        self.rule = rule
        self.project = project
        self.module = module
        self.function: Function | None = None
        self.block = 0
        self.definition: Function | Class | None = None
        self.parents: Sequence[cst.CSTNode] = ()
        self.fixes: dict[tuple[Module, Finding], Making] = {}
        self._options = options

    def option(self, name: str) -> Option:
        """The configured value of one of the rule's own options, or its default."""
        return self._options.get(name, self.rule.options[name])

    def names(self, name: str) -> frozenset[str]:
        """The value of an option that is a list of names."""
        value = self.option(name)
        return frozenset(value) if isinstance(value, tuple) else frozenset()

    def name_of(self, node: cst.BaseExpression) -> str | None:
        """The full dotted name that a Name or Attribute node stands for, through imports and aliases, or None."""
        return self.project.name_of_node(node, self.module, self.block)

    def finding(
        self,
        at: cst.CSTNode | Placed | tuple[int, int] | Span,
        title: str,
        *,
        why: str = "",
        instead: str = "",
        module: Module | None = None,
        related: Iterable[Related] = (),
        chain: bool = False,
        root: Root | None = None,
        fix: Fix | Making | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """A finding of this rule at a libcst node, a fact, a handle, a byte range or a span.

        `title` says what is wrong in at most about 80 characters, `why` what that leads to, `instead` what to write.
        The place is in `module`, by default the one at hand. A fix that needs a tree is better given as what makes it,
        which runs when all rules have spoken about the module: its tree is then opened once, for all fixes.
        """
        module = module or self.module
        span, start = self._place(at, module)
        severity = severity or self.rule.severity
        if self.rule.needs_requests and severity is not Severity.INFO:
            if (until := self._missing(module, span, start)) is not None:
                severity, why = Severity.INFO, f"{why}, {until}"
        found = Finding(
            code=self.rule.code,
            name=self.rule.name,
            title=title,
            why=why,
            instead=instead,
            path=module.path,
            span=span,
            severity=severity,
            related=tuple(related),
            chain=chain,
            root_codes=root.codes if root is not None else (),
            root_lines=root.lines if root is not None else (0, 0),
            fix=fix if isinstance(fix, Fix) else None,
            noqa_lines=self._head(span, start, module),
            symbol=module.symbol_at(start) if start >= 0 else self._symbol(),
        )
        if fix is not None and not isinstance(fix, Fix):
            self.fixes[module, found] = fix
        return found

    def related(
        self, at: cst.CSTNode | Placed | tuple[int, int] | Span, message: str, *, module: Module | None = None
    ) -> Related:
        """A second place for a finding, in `module` (default: the one at hand)."""
        module = module or self.module
        return Related(module.path, self._place(at, module)[0], message)

    def root(self, at: Placed, module: Module, *codes: str) -> Root:
        """The end of a chain, for `finding`: a comment at the statement there, for a code of these, silences it."""
        return Root(codes, self._head(module.source.span(at.start, at.end), at.start, module))

    def _missing(self, module: Module, span: Span, start: int) -> str | None:
        """What has to happen before requests come to a place, where none does."""
        from fastapi_lint.model.data.unread import uncalled_around  # who only makes rules needs no model
        from fastapi_lint.model.routing.serving import idle_router

        at = start if start >= 0 else module.source.byte_offset(span.line, span.column)
        if (router := idle_router(self.project, module, at)) is not None:
            return f"once an app includes `{router}`"
        function = uncalled_around(self.project, module, at)
        return None if function is None else f"once something calls `{function}`"

    def _symbol(self) -> str:
        return self.function.qualname if self.function else ""

    def _place(self, at: cst.CSTNode | Placed | tuple[int, int] | Span, module: Module) -> tuple[Span, int]:
        if isinstance(at, Span):
            return at, _NO_OFFSET
        if isinstance(at, tuple):
            return module.source.span(*at), at[0]
        start, end = getattr(at, "start", None), getattr(at, "end", None)
        if isinstance(start, int) and isinstance(end, int):
            return module.source.span(start, end), start
        return module.source.span_of(typing.cast("cst.CSTNode", at)), -1

    @staticmethod
    def _head(span: Span, start: int, module: Module) -> tuple[int, int]:
        """The lines of the statement head around a place; a statement on one line is not in the facts' table."""
        source = module.source
        if start == _NO_OFFSET:
            return span.line, span.line
        if start < 0:
            start = source.byte_offset(span.line, span.column)
        ranges = module.facts.statements
        index = bisect_right(ranges, (start, float("inf"))) - 1
        if index >= 0 and start < ranges[index][1]:
            first, last = ranges[index]
            return source.line_of(first), source.line_of(last - 1)
        return span.line, span.line


_NO_OFFSET = -2
"""The place was given as a span, perhaps of text that cannot be decoded: there is no statement to look for."""
