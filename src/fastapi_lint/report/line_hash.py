"""GitHub's hash of a line: how code scanning recognises a result that moved (`primaryLocationLineHash`).

The hundred characters from the start of the line on, blanks and tabs left out, are the digits of a number in base 37
modulo 2**64; behind the colon stands how many lines so far begin alike.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Collection
from struct import unpack

from fastapi_lint.files.source import Source

_WINDOW = 100
_BASE = 37
_MASK = 2**64 - 1
_END = b"\xff\xff"
"""What stands behind the last character, as a UTF-16 unit."""
_BREAK = re.compile(r"\r\n?")


def line_hashes(source: Source, lines: Collection[int]) -> dict[int, str]:
    """The hashes of some lines (from 1) of a file; lines that it has not are left out."""
    text = _BREAK.sub("\n", source.text).replace(" ", "").replace("\t", "")
    if source.data.startswith(codecs.BOM_UTF8):
        text = "\ufeff" + text
    starts = [0]
    for line in text.split("\n")[:-1]:
        starts.append(starts[-1] + 2 * (len(line) + 1 + sum(letter > "\uffff" for letter in line)))
    units = text.encode("utf-16-le", "surrogatepass") + _END
    seen: Counter[bytes] = Counter()
    found: dict[int, str] = {}
    for number, start in enumerate(starts, 1):
        window = units[start : start + 2 * _WINDOW]
        seen[window] += 1
        if number in lines:
            found[number] = f"{_hash(window):x}:{seen[window]}"
    return found


def _hash(window: bytes) -> int:
    digits = unpack(f"<{len(window) // 2}H", window)
    value = 0
    for digit in (*digits, *[0] * (_WINDOW - len(digits))):
        value = (value * _BASE + digit) & _MASK
    return value
