"""Texts that are made of texts: what methods, `format` and `%` give. Looks nothing up."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from fastapi_lint.model.values.constants import UNKNOWN

_FIELD = re.compile(r"\{(\w*)(?:[!:][^{}]*)?\}")
_CONVERSION = re.compile(r"%[sd%]")
_OTHER_CONVERSION = re.compile(r"%[^sd%]|%$")

TEXT_METHODS: Mapping[str, Callable[..., str]] = {
    "strip": str.strip, "lstrip": str.lstrip, "rstrip": str.rstrip, "lower": str.lower, "upper": str.upper,
    "title": str.title, "capitalize": str.capitalize, "removeprefix": str.removeprefix,
    "removesuffix": str.removesuffix, "replace": str.replace,
}  # fmt: skip
"""Methods of a text that give another one, made of constants alone."""


def formatted(text: str, names: list[str], values: list[str]) -> str:
    """What `text.format(...)` gives, with arguments of these names ("" for positional ones); fields have no format."""
    positional = iter([value for name, value in zip(names, values, strict=True) if not name])
    by_name = {name: value for name, value in zip(names, values, strict=True) if name}

    def put(match: re.Match[str]) -> str:
        return by_name.get(match[1], UNKNOWN) if match[1] else next(positional, UNKNOWN)

    return _FIELD.sub(put, text)


def interpolated(text: str, values: Sequence[str]) -> str:
    """What `text % values` gives, of `%s` and `%d` alone; unknown with anything else, and where the numbers differ."""
    plain = text.replace("%%", "")
    if UNKNOWN in text or _OTHER_CONVERSION.search(plain) or plain.count("%") != len(values):
        return UNKNOWN
    given = iter(values)
    return _CONVERSION.sub(lambda match: "%" if match[0] == "%%" else next(given), text)
