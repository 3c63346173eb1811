"""rules.md and the scaffold: what the texts hold, made from rules of the tests' own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
import pytest

from fastapi_lint.catalog.identities import FAMILIES, identities
from fastapi_lint.docs.documentation import Example, explain, guidelines, rules_markdown, sections
from fastapi_lint.docs.scaffold import UnknownRule, new_rule, rule_files
from fastapi_lint.finding import Finding, Safety
from fastapi_lint.rule import Check, rule


@rule("FAPI311", fix=Safety.UNSAFE, words={"HTTPException"}, options={"names": ("a", "b")})
def http_exception_not_raised(node: cst.Return, check: Check) -> Iterator[Finding]:
    """An `HTTPException` is returned | dropped.

    Why is this bad?
    The client gets 200.

    Fix safety
    The response changes.

    References
    - [Handling Errors](https://fastapi.tiangolo.com/tutorial/handling-errors/)
    """
    yield from ()


EXAMPLE = Example(
    bad="def read():\n    return HTTPException(404)  # expect: FAPI311 is returned  # fact: raises\n",
    good="def read():\n    raise HTTPException(404)\n",
    fixed="def read():\n    raise HTTPException(404)  # expect: FAPI311 is returned  # fact: raises\n",
)


def test_sections_are_read_in_order() -> None:
    assert list(sections(http_exception_not_raised.documentation).items()) == [
        ("", "An `HTTPException` is returned | dropped."),
        ("Why is this bad?", "The client gets 200."),
        ("Fix safety", "The response changes."),
        ("References", "- [Handling Errors](https://fastapi.tiangolo.com/tutorial/handling-errors/)"),
    ]


def test_explanation_of_one_rule() -> None:
    assert (
        explain(http_exception_not_raised, EXAMPLE)
        == """\
# FAPI311 http-exception-not-raised

`recommended` · warning · fix: unsafe · since 0.1.0

An `HTTPException` is returned | dropped.

## Why is this bad?

The client gets 200.

## Options

- `names` (default: `["a","b"]`)

## Example

```python
def read():
    return HTTPException(404)  # FAPI311
```

Use instead:

```python
def read():
    raise HTTPException(404)
```

What the fix does:

```diff
@@ -1,2 +1,2 @@
 def read():
-    return HTTPException(404)
+    raise HTTPException(404)
```

## Fix safety

The response changes.

## References

- [Handling Errors](https://fastapi.tiangolo.com/tutorial/handling-errors/)
"""
    )


def test_rules_md_lists_built_and_planned_rules() -> None:
    text = rules_markdown([http_exception_not_raised], {"FAPI311": EXAMPLE})
    link = "[FAPI311](#fapi311-http-exception-not-raised)"
    row = f"| {link} | http-exception-not-raised | recommended | unsafe | An `HTTPException` is returned \\| dropped. |"
    assert row in text.splitlines()
    assert "### FAPI311 http-exception-not-raised" in text.splitlines()
    kept = [row for row in identities().values() if not row.is_dropped]
    assert f"1 of {len(kept)} rules are built" in text
    assert "- FAPI217 mutable-parameter-default: FastAPI copies every default" in text
    assert "FAPI312 " in text.partition("*Planned:*")[2]
    assert f" | D1 D2 D3 D4 | {link}, FAPI336 *planned*, FAPI342 *planned*, " in text
    assert "| D4 | FAPI424 *planned*; corrected: the response model's own serialiser is faster now |" in text


def test_fences_hold_code_with_fences() -> None:
    text = explain(http_exception_not_raised, Example(bad='"""\n```\n"""\n', good="pass\n"))
    assert '````python\n"""\n```\n"""\n````' in text


def test_every_guideline_names_known_rules_or_a_reason() -> None:
    lines = [line for section in guidelines() for line in section.guideline]
    assert len(lines) > 80
    assert {code for line in lines for code in line.rules} <= identities().keys()
    assert [line.text for line in lines if not line.rules and not line.note] == []


@pytest.mark.parametrize("code", identities())
def test_scaffold_of_every_rule_is_python(code: str) -> None:
    row = identities()[code]
    files = rule_files(row)
    function = row.name.replace("-", "_")
    tree = ast.parse(files[f"src/fastapi_lint/rules/{row.family}/{function}.py"])
    assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)] == [function]
    assert all(len(line) <= 120 for text in files.values() for line in text.splitlines())
    ast.parse(files[f"fixtures/{row.code}-{row.name}/bad.py"])
    ast.parse(files[f"fixtures/{row.code}-{row.name}/good.py"])


def test_scaffold_is_written_once(tmp_path: Path) -> None:
    written = [path.relative_to(tmp_path).as_posix() for path in new_rule("FAPI311", tmp_path)]
    assert written == [
        "src/fastapi_lint/rules/routing/http_exception_not_raised.py",
        "fixtures/FAPI311-http-exception-not-raised/bad.py",
        "fixtures/FAPI311-http-exception-not-raised/good.py",
    ]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    (tmp_path / written[0]).unlink()
    with pytest.raises(FileExistsError, match=r"bad\.py exists already"):
        new_rule("http-exception-not-raised", tmp_path)
    assert not (tmp_path / written[0]).exists(), "nothing is written when one file exists"
    assert len(before) == 3


def test_unknown_rules_get_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownRule, match="did you mean 'http-exception-not-raised'"):
        new_rule("http-exception-not-raise", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_family_has_a_title() -> None:
    assert {row.code[4] for row in identities().values()} <= FAMILIES.keys()
