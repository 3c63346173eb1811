"""Which rules run, and where: selectors against the rules that exist. Reads no configuration files.

A selector is `all`, a preset, the beginning of codes (`FAPI3`; `ACME` for a plugin's), a code or a rule's name. Of the
selectors that match a rule the most specific one decides; of equally specific ones `ignore` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from fastapi_lint.config.schema import ConfigurationError
from fastapi_lint.config.suggestions import nearest
from fastapi_lint.files.globs import Globs
from fastapi_lint.finding import Severity, letters


class Named(Protocol):
    """A rule as far as selecting it goes; both built and planned rules are one."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def preset(self) -> str: ...


class Selecting(Protocol):
    """Settings as far as they select rules."""

    @property
    def select(self) -> Sequence[str]: ...
    @property
    def extend_select(self) -> Sequence[str]: ...
    @property
    def ignore(self) -> Sequence[str]: ...
    @property
    def per_file_ignores(self) -> Mapping[str, Sequence[str]]: ...
    @property
    def preview(self) -> bool: ...
    @property
    def severity(self) -> Mapping[str, str]: ...
    @property
    def fixable(self) -> Sequence[str]: ...
    @property
    def unfixable(self) -> Sequence[str]: ...


class Selectable(Named, Protocol):
    """A rule that can be asked for; `is_new` says that this is its first minor version."""

    @property
    def is_new(self) -> bool: ...


R = TypeVar("R", bound=Named)
S = TypeVar("S", bound=Selectable)

_EXACT = 1000
_GROUPS = ("all", "recommended", "strict")


def level(selector: str, rule: Named) -> int:
    """How specifically a selector means a rule: -1 not at all, 0 `all`, 1 a preset, more for more of a code."""
    if selector in ("all", "ALL"):
        return 0
    if selector == rule.preset:
        return 1
    if selector == rule.name:
        return _EXACT
    code = selector.upper()
    if code == rule.code:
        return _EXACT
    return 1 + len(code) if rule.code.startswith(code) and letters(code) == letters(rule.code) else -1


def validate(
    selectors: Iterable[str],
    where: str,
    rules: Iterable[Named],
    planned: Iterable[Named] = (),
    *,
    choosing: bool = True,
) -> None:
    """Raise `ConfigurationError` for a selector that means no rule.

    `where` begins the message. A planned rule cannot be chosen, but it may be ignored (`choosing` False).
    """
    rules, planned = list(rules), list(planned)
    for selector in selectors:
        if selector in (*_GROUPS, "ALL") or any(level(selector, rule) >= 0 for rule in rules):
            continue
        awaited = [rule for rule in planned if level(selector, rule) >= 0]
        if awaited and not choosing:
            continue
        if len(awaited) == 1:
            raise ConfigurationError(f"{where}: {awaited[0].code} {awaited[0].name} is planned, not built yet")
        if awaited:
            raise ConfigurationError(
                f"{where}: {selector} stands for {len(awaited)} rules that are planned, not built yet"
            )
        raise ConfigurationError(f"{where}: {unknown(selector, rules)}")


def _is_like_a_code(word: str) -> bool:
    """Whether a word is letters and a digit right behind them, or letters in capitals."""
    digit = next((index for index, letter in enumerate(word) if letter in "0123456789"), len(word))
    stem = word[:digit]
    return stem.isascii() and stem.isalpha() and (stem != word or word.isupper())


def unknown(word: str, rules: Iterable[Named]) -> str:
    """The message for a word that is no rule: with the nearest code or name."""
    rules = list(rules)
    by_code = letters(word) in {letters(rule.code) for rule in rules} or _is_like_a_code(word)
    found = nearest(word, [rule.code for rule in rules] if by_code else [*_GROUPS, *(rule.name for rule in rules)])
    same = next((rule for rule in rules if found in (rule.code, rule.name)), None)
    if same is not None:
        return f"unknown rule '{word}'; did you mean {same.code} ({same.name})?"
    return f"unknown rule '{word}'" + (f"; did you mean '{found}'?" if found else "")


def find(word: str, rules: Iterable[R], planned: Iterable[Named] = ()) -> R:
    """The one rule with this code or name in any case; `ConfigurationError` names the nearest, or says planned."""
    rules = list(rules)
    for rule in rules:
        if word.upper() == rule.code or word.lower() == rule.name:
            return rule
    for awaited in planned:
        if word.upper() == awaited.code or word.lower() == awaited.name:
            raise ConfigurationError(f"{awaited.code} {awaited.name} is planned, not built yet")
    raise ConfigurationError(unknown(word, rules))


def selected(settings: Selecting, rules: Sequence[S], planned: Sequence[Named] = ()) -> tuple[S, ...]:
    """The rules that the settings select, in the order given; `ConfigurationError` for a selector without rules.

    A new rule is meant by its code or its name alone, unless the settings want a preview.
    """
    validate(settings.select, "select", rules, planned)
    validate(settings.extend_select, "extend-select", rules, planned)
    validate(settings.ignore, "ignore", rules, planned, choosing=False)
    wanted = (*settings.select, *settings.extend_select)

    def is_chosen(rule: S) -> bool:
        chosen = _best(wanted, rule)
        return chosen > _best(settings.ignore, rule) and (settings.preview or not rule.is_new or chosen >= _EXACT)

    return tuple(filter(is_chosen, rules))


def severities(settings: Selecting, rules: Iterable[Named]) -> Mapping[str, Severity]:
    """The severities that the settings give to rules, by code; of several selectors the most specific one counts."""
    found = {}
    if settings.severity:
        for rule in rules:
            best = max(settings.severity, key=lambda selector: level(selector, rule))
            if level(best, rule) >= 0:
                found[rule.code] = Severity(settings.severity[best])
    return found


def unfixable(settings: Selecting, rules: Iterable[Named]) -> frozenset[str]:
    """The codes of rules whose findings are not to be fixed."""
    if not settings.unfixable and tuple(settings.fixable) == ("all",):
        return frozenset()
    return frozenset(rule.code for rule in rules if _best(settings.fixable, rule) <= _best(settings.unfixable, rule))


def _best(selectors: Sequence[str], rule: Named) -> int:
    return -1 if not selectors else max(level(selector, rule) for selector in selectors)


def ignored_by_path(settings: Selecting, rules: Sequence[Named]) -> Callable[[str], frozenset[str]]:
    """A function from a relative path to the codes that `per-file-ignores` silences there."""
    table = [
        (
            Globs([pattern[pattern.startswith("!") :]]),
            pattern.startswith("!"),
            frozenset(rule.code for rule in rules if _best(selectors, rule) >= 0),
        )
        for pattern, selectors in settings.per_file_ignores.items()
    ]

    def ignored(path: str) -> frozenset[str]:
        return frozenset().union(*(codes for globs, inverted, codes in table if globs.matches(path) != inverted))

    return ignored
