"""For the tests of rules of your own: lint projects that are held in memory, and run folders of fixtures with pytest.

A folder `ACME001-name-of-the-rule` of fixtures holds:

- `bad.py`: what must be found. The findings of all recommended rules and of its own are exactly its comments
  `# expect: ACME001 part of the message`, each on the line where a finding begins.
- `good.py`: the same program written well; silent.
- `fixed.py`: `bad.py` after `--fix --unsafe-fixes`; without this file, nothing may be rewritten.
- `more/NAME.py`, `more/NAME.fixed.py`: edge cases, with comments as in `bad.py`; none means silent.
- `project/`: other files of the case, beside which each of the files above stands.

A file that must stand elsewhere says so in its first comment lines: `# file: tests/test_items.py`. In a test module:

    import pytest
    from fastapi_lint.testing import Fixture, fixtures

    @pytest.mark.parametrize("fixture", fixtures("tests/fixtures", plugins=["acme_rules"]), ids=str)
    def test_fixtures(fixture: Fixture) -> None:
        fixture.check()

With FASTAPI_LINT_BLESS=1 in the environment, what the fixes make is written as the new `fixed.py` files; read the
difference before you commit it. Expectations are never written.
"""

from __future__ import annotations

from fastapi_lint.testing.checking import Fixture, fixtures
from fastapi_lint.testing.linting import fix, lint

__all__ = ["Fixture", "fix", "fixtures", "lint"]
