"""Print rules.md, made from the rules and their fixtures (`make rules`); the tests compare it with what is kept."""

from __future__ import annotations

import sys

from linting import FIXTURES, all_rules

from fastapi_lint.docs.documentation import Example, rules_markdown


def document() -> str:
    """The text that rules.md must have."""
    return rules_markdown(all_rules(), {rule.code: example(rule.code, rule.name) for rule in all_rules()})


def example(code: str, name: str) -> Example:
    """The texts of a rule's fixture folder; bytes that are no UTF-8 are shown as replacement characters."""
    folder = FIXTURES / f"{code}-{name}"
    paths = (folder / "bad.py", folder / "good.py", folder / "fixed.py")
    return Example(*(path.read_bytes().decode("utf-8", "replace") if path.exists() else "" for path in paths))


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(document())
