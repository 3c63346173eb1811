"""Adds up what all looks of `precision.md` have judged, rule by rule: the only table there that names every rule.

    python benchmarks/judged.py [--into]

What the tables say is read as for the site (`docs/site/precision`). What was mended since still counts as it was judged
then: a rule is at least as good as its row. Figures that several rules share are in the sum and in no row. Prints the
section, or puts it where the one from the last time stands (`--into`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fastapi_lint.docs.site.precision import TOGETHER, measured
from fastapi_lint.run.story import rules

DOCUMENT = Path(__file__).with_name("precision.md")
HEADING = f"## {TOGETHER}"


def section(text: str) -> str:
    """The section with a row for every rule of which findings were judged."""
    found = measured(text)
    once = [look for code, known in found.items() for look in known.looks if code < min(look.together, default="~")]
    every, false, arguable = (sum(getattr(look, name) for look in once) for name in ("judged", "false", "arguable"))
    totals = {rule: found[rule.code].total for rule in rules() if rule.code in found and found[rule.code].total.judged}
    lines = [
        HEADING,
        "",
        "Made by `python benchmarks/judged.py --into`, which adds up the tables below. What was mended since counts as",
        "it was judged then.",
        "",
        f"{every:,} findings of {len(totals)} rules were judged in all looks: {false} false ({false / every:.1%}), "
        f"{arguable} arguable ({arguable / every:.1%}).",
        "",
        "| rule | preset | judged | true | arguable | false |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for rule, one in totals.items():
        name = f"{rule.code} {rule.name}"
        lines.append(f"| {name} | {rule.preset} | {one.judged} | {one.true} | {one.arguable} | {one.false} |")
    unread = [rule.code for rule in rules() if rule not in totals]
    lines += ["", f"No finding of these was ever drawn: {', '.join(unread) or 'none'}.", ""]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", action="store_true", help=f"put it into {DOCUMENT.name}")
    options = parser.parse_args()
    text = DOCUMENT.read_text(encoding="utf-8")
    made = section(text)
    if not options.into:
        sys.stdout.write(made)
        return 0
    before, _, behind = text.partition(f"{HEADING}\n")
    rest = before + behind[behind.index("\n## ") + 1 :] if behind else before
    first = rest.index("\n## ") + 1
    DOCUMENT.write_text(f"{rest[:first]}{made}\n{rest[first:]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
