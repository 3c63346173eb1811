"""The example of a rule: its fixture, from the wheel or from a checkout. Reads the program's own files only."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from fastapi_lint.docs.documentation import Example
from fastapi_lint.finding import OWN_PREFIX, letters


def example_of(code: str, name: str, brought: Sequence[str] = ()) -> Example | None:
    """What `bad.py`, `good.py` and `fixed.py` of a rule's fixture hold; None where the program came without them.

    `brought` are these texts of the rule of a plugin, which is not looked for among ours.
    """
    if letters(code) != OWN_PREFIX:
        return Example(*brought) if brought else None
    for folder in ("examples", "../../fixtures"):  # in a wheel, and in a checkout
        bad, good, fixed = (_text(f"{folder}/{code}-{name}/{file}.py") for file in ("bad", "good", "fixed"))
        if bad and good:
            return Example(bad, good, fixed)
    return None


def _text(path: str) -> str:
    """A file's text; bytes that are no UTF-8 are shown as replacement characters. Empty when there is no such file."""
    try:
        return resources.files("fastapi_lint").joinpath(path).read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
