"""Print rules.md, made from the rules and their fixtures (`make rules`); the tests compare it with what is kept."""

from __future__ import annotations

import sys

from linting import all_rules

from fastapi_lint.docs.documentation import Example, rules_markdown
from fastapi_lint.docs.examples import example_of


def document() -> str:
    """The text that rules.md must have."""
    return rules_markdown(all_rules(), {rule.code: example(rule.code, rule.name) for rule in all_rules()})


def example(code: str, name: str) -> Example:
    """The texts of a rule's fixture folder."""
    return example_of(code, name) or Example("", "")


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.write(document())
