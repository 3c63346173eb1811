"""The pages about rules: one for each, their index, those that are planned, and the guidelines that they enforce."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus

from fastapi_lint.catalog.identities import FAMILIES, identities
from fastapi_lint.docs.documentation import (
    Example,
    cell,
    coverage,
    difference,
    fenced,
    fix_of,
    guidelines,
    marked,
    option_list,
    sections,
    unmarked,
)
from fastapi_lint.docs.site.precision import Look, Measured
from fastapi_lint.finding import Finding, Safety
from fastapi_lint.report.formats.sarif import HOME
from fastapi_lint.rule import Rule

INDEX = "rules/index.md"
PLANNED = "rules/planned.md"
GUIDELINES = "guidelines.md"
PRECISION = "measurements/precision.md"

_FIXES = {
    None: "There is no fix: what is right depends on more than the code says.",
    Safety.SAFE: "Safe: a program that works keeps its behaviour and its OpenAPI document, and its comments. `--fix` "
    "applies it.",
    Safety.UNSAFE: "Unsafe: only `--fix --unsafe-fixes` applies it; read the difference afterwards.",
    Safety.DISPLAY: "Shown with the finding, never applied.",
}
_SEES = {"syntax": "one module", "model": "the whole project"}
_WIDE = "---\nhide:\n  - toc\n---\n\n"
"""In front of a page whose table needs the room of the list of headings."""
_INDEX = """\
# Rules

`recommended` rules are on by default; `strict` rules are conventions that a team chooses: select them by code, or all
of them with `--preset strict`. A *safe* fix keeps the behaviour and the OpenAPI document of a program that works; an
*unsafe* one needs `--unsafe-fixes`. {built} rules are built, {planned} more are [planned](planned.md); [how often
each is right](../{precision}) was measured on real code.

<div class="rule-index" markdown>

| rule | family | preset | severity | fix | what it finds |
|---|---|---|---|---|---|
{rows}

</div>
"""


@dataclass(frozen=True)
class Shown:
    """A rule with what its page shows beside its documentation.

    `modules` are the other files of the example, by path; `findings` what the linter says of `bad.py`.
    """

    rule: Rule
    example: Example
    modules: Mapping[str, str]
    findings: Collection[Finding]
    measured: Measured

    @property
    def page(self) -> str:
        """Where its page stands on the site."""
        return page_of(self.rule.code, self.rule.name)


def page_of(code: str, name: str) -> str:
    """The page of a rule: its address ends as the links in reports do."""
    return f"rules/{code.lower()}-{name}.md"


def rule_page(shown: Shown) -> str:
    """Everything about one rule."""
    rule = shown.rule
    parts = sections(rule.documentation)
    lines = [f"# {rule.code} {rule.name}", "", *_facts(rule), parts[""], ""]
    lines += ["## Why is this bad?", "", parts["Why is this bad?"], ""]
    lines += [*_wrong(shown), *_right(shown), *_fix(rule, shown.example, parts.get("Fix safety", ""))]
    lines += option_list(rule.options, "##")
    if limits := parts.get("Known limits"):
        lines += ["## Known limits", "", limits, ""]
    lines += [*_precision(shown.measured), *_silence(rule), *_demanded(rule)]
    lines += ["## References", "", parts["References"], f"- [The rule's code]({_source(rule)})", ""]
    return "\n".join(lines).rstrip() + "\n"


def index_page(rules: Collection[Rule]) -> str:
    """The table of all rules, which `rules.js` gives filters."""
    planned = [row for row in identities().values() if not row.is_dropped]
    rows = "\n".join(_row(rule) for rule in rules)
    return _WIDE + _INDEX.format(built=len(rules), planned=len(planned) - len(rules), precision=PRECISION, rows=rows)


def planned_page(built: Collection[str]) -> str:
    """The rules that are to come, by family, and those that were dropped."""
    lines = ["# Planned and dropped rules", "", "Codes are never reused; these are taken.", ""]
    for digit, (_, title) in FAMILIES.items():
        rows = [row for row in identities().values() if row.code[4] == digit and row.code not in built]
        if kept := [row for row in rows if not row.is_dropped]:
            lines += [f"## {title}", "", "| code | name | preset | what it is to protect |", "|---|---|---|---|"]
            lines += [f"| {row.code} | {row.name} | {row.preset} | {cell(row.guideline)} |" for row in kept]
            lines += [""]
    dropped = [row for row in identities().values() if row.is_dropped]
    return "\n".join([*lines, "## Dropped", "", *(f"- {row.code} {row.name}: {row.reason}." for row in dropped)]) + "\n"


def guidelines_page(built: Mapping[str, Rule]) -> str:
    """The documented guidelines, with links to the rules that enforce them."""

    def link(rule: Rule) -> str:
        return f"[{rule.code}]({page_of(rule.code, rule.name)})"

    return _WIDE + "\n".join(["# The documented guidelines", "", *coverage(built, link, level=2)]).rstrip() + "\n"


def _facts(rule: Rule) -> Iterator[str]:
    family = FAMILIES[rule.code[4]][1]
    facts = (
        ("family", family, f"family={quote_plus(family)}"),
        ("preset", rule.preset, f"preset={rule.preset}"),
        ("severity", rule.severity.value, f"severity={rule.severity.value}"),
        ("fix", fix_of(rule), f"fix={fix_of(rule)}"),
        ("looks at", _SEES[rule.kind], ""),
        ("since", rule.since, ""),
    )
    yield '<ul class="facts">'
    for name, value, query in facts:
        said = f'<a href="../?{query}">{value}</a>' if query else value
        yield f"<li><span>{name}</span> {said}</li>"
    yield from ("</ul>", "")


def _wrong(shown: Shown) -> Iterator[str]:
    yield from ("## Example", "", *fenced(marked(shown.example.bad), "python"))
    for path, text in shown.modules.items():
        yield from (f"with `{path}`:", "", *fenced(unmarked(text), "python"))


def _right(shown: Shown) -> Iterator[str]:
    yield from ("## What to do", "", identities()[shown.rule.code].guideline, "")
    said = dict.fromkeys((finding.title, finding.why, finding.instead) for finding in shown.findings)
    if said:
        yield from ("Of the example, the linter says:", "")
        for title, why, instead in said:
            yield "- " + "; ".join(filter(None, (title, why, instead and f"**instead:** {instead}"))) + "."
        yield ""
    yield from ("The example, done well:", "", *fenced(unmarked(shown.example.good), "python"))


def _fix(rule: Rule, example: Example, safety: str) -> Iterator[str]:
    yield from ("## Fix", "", _FIXES[rule.fix], "")
    if safety:
        yield from (safety, "")
    if example.fixed:
        yield from ("What it does to the example:", "", *fenced(difference(example), "diff"))


def _precision(measured: Measured) -> Iterator[str]:
    yield from ("## Measured precision", "")
    if not measured.looks:
        yield from (f"Not measured: {measured.known}." if measured.known else "Not measured.", "")
        return
    total = measured.total
    if total.judged:
        yield f"Of {total.judged} findings in real code that were read, {_judged(total)}."
    else:
        yield "It was measured together with other rules only."
    yield f"What was false or arguable is named, and whether it was mended afterwards; see [precision](../{PRECISION})."
    yield from ("", '<div class="looks" markdown>', "")
    yield from ("| look | read | true | arguable | false | |", "|---|---:|---:|---:|---:|---|")
    for look in measured.looks:
        together = f"together with {', '.join(look.together)}" if look.together else ""
        note = "; ".join(filter(None, (look.of, together, look.note)))
        yield f"| {look.title} | {look.judged} | {look.true} | {look.arguable} | {look.false} | {cell(note)} |"
    yield from ("", "</div>", "")


def _judged(total: Look) -> str:
    if not total.false and not total.arguable:
        return "all are true"
    others = [f"{total.arguable} arguable"] if total.arguable else []
    return ", ".join([f"{total.true} are true", *others]) + f" and {total.false} false"


def _silence(rule: Rule) -> Iterator[str]:
    line = f"`# noqa: {rule.code}` silences it on a line"
    if rule.preset == "strict":
        yield from ("## Select it", "", "It is strict, and off until it is selected:", "")
        yield from fenced(f'[tool.fastapi-lint]\nextend-select = ["{rule.code}"]', "toml")
        yield from (f"{line}.", "")
    else:
        yield from ("## Silence it", "", f"{line}, and this in the whole project:", "")
        yield from fenced(f'[tool.fastapi-lint]\nignore = ["{rule.code}"]', "toml")


def _demanded(rule: Rule) -> Iterator[str]:
    lines = [line for section in guidelines() for line in section.guideline if rule.code in line.rules]
    if lines:
        yield from ("## Documented guidelines", "")
        yield from (f"- {line.text} ({line.source})" for line in lines)
        yield from ("", "The guides stand behind [all guidelines](../guidelines.md).", "")


def _source(rule: Rule) -> str:
    family = FAMILIES[rule.code[4]][0]
    return f"{HOME}/blob/main/src/fastapi_lint/rules/{family}/{rule.name.replace('-', '_')}.py"


def _row(rule: Rule) -> str:
    page = page_of(rule.code, rule.name).removeprefix("rules/")
    anchor = page.removesuffix(".md")
    name = f"[{rule.code}]({page}){{ #{anchor} }} {rule.name}"
    title = FAMILIES[rule.code[4]][1]
    return f"| {name} | {title} | {rule.preset} | {rule.severity.value} | {fix_of(rule)} | {cell(rule.summary)} |"
