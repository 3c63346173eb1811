"""Draws docs/console.svg: what the console shows for the bundled demo, as rich draws it. Writes to stdout.

python tests/screenshot.py > docs/console.svg        (make screenshot)
"""

from __future__ import annotations

import io
import re
import sys

from linting import FIXTURES, ROOT
from rich.console import Console
from rich.text import Text

from fastapi_lint.files.source import Source
from fastapi_lint.report import Report, render
from fastapi_lint.run.story import lint_sources, rules

PICTURE = ROOT / "docs" / "console.svg"
SHOWN = ("FAPI101", "FAPI201", "FAPI311", "FAPI501")
"""Few enough to be read at a glance; the whole output is what `make check` shows."""
WIDTH = 110


def output() -> str:
    """The console's output for the demo, with colours."""
    demo = FIXTURES / "demo"
    files = {path.relative_to(demo).as_posix(): path.read_bytes() for path in sorted(demo.rglob("*.py"))}
    findings = lint_sources(files, select=SHOWN).findings
    report = Report(
        findings=findings,
        sources={path: Source(path, data) for path, data in files.items()},
        rules=tuple(rule for rule in rules() if rule.code in SHOWN),
        files=len(files),
    )
    return render("console", report, color=True, width=WIDTH)


def svg() -> str:
    """The picture; without the fonts that rich would have readers download."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(Text.from_ansi(output()))
    drawn = console.export_svg(title="fastapi-lint fixtures/demo", unique_id="console")
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)


if __name__ == "__main__":
    sys.stdout.write(svg())
