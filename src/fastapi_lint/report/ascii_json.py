"""JSON that survives every terminal, encoding and parser: pure ASCII, no lone surrogates."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Union

Json = Union[None, bool, int, float, str, Sequence["Json"], Mapping[str, "Json"]]

_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_ASCII = re.compile(r"[^\x00-\x7e]+")


def dumps(value: Json, *, indent: int | None = 2) -> str:
    """The document, indented by two spaces (or on one line) and ended by a newline.

    Lone surrogates (from file names that are not UTF-8) become U+FFFD, because strict parsers refuse them.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    text = _SURROGATE.sub("\ufffd", text)
    return _NOT_ASCII.sub(_escaped, text) + "\n"


def _escaped(match: re.Match[str]) -> str:
    return "\\u007f".join(json.dumps(part)[1:-1] for part in match[0].split("\x7f"))
