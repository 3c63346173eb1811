"""The command `check`: options in, a request to the run, a report out, an exit code. Decides nothing about findings.

Heavy modules (the rules, libcst, rich) are imported where they are needed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastapi_lint.cli import terminal
from fastapi_lint.cli.options import Choice, Selectors, counted, settings_for
from fastapi_lint.config.schema import OUTPUT_FORMATS, PRESETS, ConfigurationError
from fastapi_lint.config.settings import Settings, common_start, override, selected
from fastapi_lint.finding import Severity

if TYPE_CHECKING:
    from fastapi_lint.report import Report
    from fastapi_lint.rule import Described
    from fastapi_lint.run.story import Outcome, Request

FINDINGS = 1
FAILED = 2
FOR_PEOPLE = ("console", "concise", "grouped")
"""Formats that are written as the terminal reads them."""
WITHOUT_TOTALS = ("concise", "grouped", "pylint")
"""Formats for people and editors whose lines are findings only: the totals go to the standard error."""


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--fix/--no-fix", default=None, help="Apply fixes to the files.")
@click.option("--unsafe-fixes/--no-unsafe-fixes", default=None, help="Apply or show unsafe fixes too.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option("--select", multiple=True, type=Selectors(), help="Check these rules instead of the configured ones.")
@click.option("--ignore", multiple=True, type=Selectors(), help="Do not check these rules.")
@click.option("--extend-select", multiple=True, type=Selectors(), help="Check these rules too.")
@click.option(
    "--preset", type=Choice(tuple(PRESETS)), help="Check the rules of a preset instead of the configured ones."
)
@click.option("--output-format", type=Choice(OUTPUT_FORMATS), help="How findings are written (default: console).")
@click.option("--output-file", type=click.Path(path_type=Path, dir_okay=False), help="Write the report to this file.")
@click.option("--statistics", is_flag=True, help="Show how often each rule found something instead of the findings.")
@click.option("--full", is_flag=True, help="Show every finding by itself (console): nothing is folded.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 although there are findings.")
@click.option("--exit-non-zero-on-fix", is_flag=True, help="Exit with 1 if anything was fixed.")
@click.option("--baseline", type=click.Path(path_type=Path), help="Do not report the findings that this file knows.")
@click.option("--write-baseline", type=click.Path(path_type=Path), help="Write all findings to this baseline.")
@click.option("--add-noqa", is_flag=True, help="Add a `# noqa` comment for each finding to the files.")
@click.option("--stdin-filename", type=click.Path(path_type=Path), help="Check stdin as if it were this file.")
@click.option("--config", type=click.Path(path_type=Path), help="Read this configuration instead of searching one.")
@click.option("--isolated", is_flag=True, help="Read no configuration.")
@click.option(
    "--jobs", "-j", type=click.IntRange(min=0), default=0, help="Processes to use (0: as many as make sense)."
)
@click.option("--no-cache", is_flag=True, help="Neither read nor write the cache.")
@click.option("--quiet", "-q", is_flag=True, help="Findings only: no summary, no notices, no progress.")
@click.option("--verbose", "-v", is_flag=True, help="Say what is read, selected and how long it took.")
def check(
    paths: tuple[Path, ...],
    fix: bool | None,
    unsafe_fixes: bool | None,
    diff: bool,
    select: tuple[tuple[str, ...], ...],
    ignore: tuple[tuple[str, ...], ...],
    extend_select: tuple[tuple[str, ...], ...],
    preset: str | None,
    output_format: str | None,
    output_file: Path | None,
    statistics: bool,
    full: bool,
    exit_zero: bool,
    exit_non_zero_on_fix: bool,
    baseline: Path | None,
    write_baseline: Path | None,
    add_noqa: bool,
    stdin_filename: Path | None,
    config: Path | None,
    isolated: bool,
    jobs: int,
    no_cache: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Check files and directories (default: the current directory)."""
    from fastapi_lint.run import story as run

    started = time.perf_counter()
    paths, content = _stdin(paths, stdin_filename)
    asked = (*paths, *([stdin_filename] if stdin_filename else []))
    table = run.known(common_start(asked or [Path.cwd()], Path.cwd()))
    settings = settings_for(asked, config=config, isolated=isolated)
    stdin = (os.path.normpath(Path.cwd() / stdin_filename), content) if stdin_filename and content is not None else None
    rules, planned = table.built, table.planned
    settings = override(
        settings,
        select=sum(select, ()),
        extend_select=sum(extend_select, ()),
        ignore=sum(ignore, ()),
        preset=preset,
        rules=rules,
        planned=planned,
    )
    settings = replace(
        settings,
        output_format=output_format or settings.output_format,
        fix=settings.fix if fix is None else fix,
        unsafe_fixes=settings.unsafe_fixes if unsafe_fixes is None else unsafe_fixes,
    )
    chosen = selected(settings, rules, planned)
    _refuse(
        settings, fix=fix, diff=diff, add_noqa=add_noqa, content=stdin, statistics=statistics, writes=write_baseline
    )
    if not chosen:
        terminal.say("warning: no rule is selected")
    if verbose:
        terminal.say(f"root: {settings.root}\nconfiguration: {settings.file or 'none'}")
        terminal.say(f"rules: {', '.join(rule.code for rule in chosen)}")
    if baseline is None and settings.baseline and write_baseline is None:
        baseline = settings.root / settings.baseline
    with terminal.ProgressBar(enabled=not quiet) as progress:
        request = run.Request(
            root=settings.root,
            paths=paths,
            settings=settings,
            fix=settings.fix and not diff and not add_noqa and write_baseline is None,
            unsafe_fixes=settings.unsafe_fixes,
            diff=diff,
            stdin=stdin,
            jobs=jobs,
            cache=not no_cache,
            add_noqa=add_noqa,
            baseline=baseline,
            write_baseline=write_baseline,
            progress=progress,
        )
        outcome = run.check(request)
    terminal.say_notices(outcome.notices, quiet=quiet)
    if verbose:
        terminal.say(f"{outcome.files} files in {time.perf_counter() - started:.2f} s")
    _report(request, outcome, chosen, output_file=output_file, statistics=statistics, full=full, quiet=quiet)
    return _exit_code(request, outcome, exit_zero=exit_zero, exit_non_zero_on_fix=exit_non_zero_on_fix)


def _stdin(paths: tuple[Path, ...], name: Path | None) -> tuple[tuple[Path, ...], bytes | None]:
    """The paths without `-`, and what stdin holds if it is to be read."""
    others = tuple(path for path in paths if str(path) != "-")
    if name is None:
        if len(others) < len(paths):
            raise ConfigurationError("'-' needs --stdin-filename, the name under which stdin is checked")
        return paths, None
    if others:
        raise ConfigurationError("--stdin-filename checks stdin alone; leave out the other paths")
    return (), sys.stdin.buffer.read()


def _refuse(
    settings: Settings,
    *,
    fix: bool | None,
    diff: bool,
    add_noqa: bool,
    content: tuple[str, bytes] | None,
    statistics: bool,
    writes: Path | None,
) -> None:
    """Raise for options that contradict each other; an option that is silently dropped would be worse."""
    modes = {"--fix": bool(fix), "--diff": diff, "--add-noqa": add_noqa, "--write-baseline": writes is not None}
    given = [name for name, there in modes.items() if there]
    if len(given) > 1 and given != ["--fix", "--diff"]:
        raise ConfigurationError(f"{' and '.join(given)} exclude each other; run them one after the other")
    if content is not None and (add_noqa or writes):
        raise ConfigurationError(f"{given[-1]} works on files, not on stdin")
    if statistics and settings.output_format not in (*FOR_PEOPLE, "json"):
        raise ConfigurationError(f"--statistics has no {settings.output_format} format; use console or json")


def _report(
    request: Request,
    outcome: Outcome,
    rules: Sequence[Described],
    *,
    output_file: Path | None,
    statistics: bool,
    full: bool,
    quiet: bool,
) -> None:
    if request.write_baseline is not None:
        if not quiet:
            terminal.say(f"wrote {counted(len(outcome.findings), 'finding')} to {request.write_baseline}")
        return
    if request.add_noqa:
        if not quiet:
            terminal.say(f"added suppressions to {counted(len(outcome.changed_files), 'file')}")
        return
    if request.diff:
        terminal.write_diff(outcome.diff)
        if not quiet:
            changes = counted(sum(outcome.fixed.values()), "finding")
            terminal.say(f"would fix {changes}" if outcome.diff else "nothing to fix")
        return
    if request.stdin is not None and request.fix:
        _give_back(request.stdin, outcome.stdin_output)
    format = request.settings.output_format
    aside = request.stdin is not None and request.fix and output_file is None
    stream = sys.stderr if aside else sys.stdout
    report = _contents(request, outcome, rules)
    color = output_file is None and terminal.has_color(stream)
    if statistics:
        from fastapi_lint.report import statistics as counts

        text = counts.as_json(report) if format == "json" else counts.as_text(report, color=color)
    else:
        from fastapi_lint.report import render

        width = terminal.width(stream) if output_file is None else None
        text = render(format, report, color=color, width=width, links=stream.isatty(), full=full)
    if quiet and format == "console" and not outcome.findings:
        text = ""
    if output_file is not None:
        from fastapi_lint.files import writing

        try:
            writing.put(output_file, text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise ConfigurationError(f"{output_file}: cannot be written: {error.strerror or error}") from None
    elif aside:
        stream.write(text.encode(stream.encoding or "utf-8", "backslashreplace").decode(stream.encoding or "utf-8"))
        stream.flush()
    else:
        terminal.write(text, encoding=None if format in FOR_PEOPLE else "utf-8")
    if format in WITHOUT_TOTALS and not quiet and not statistics:
        from fastapi_lint.report.totals import summary

        terminal.say("".join(summary(report)))


def _contents(request: Request, outcome: Outcome, rules: Sequence[Described]) -> Report:
    from fastapi_lint.report import Report

    return Report(
        findings=tuple(outcome.findings),
        suppressed=tuple(outcome.suppressed),
        notices=tuple(outcome.notices),
        sources=outcome.sources,
        rules=tuple(rules),
        files=outcome.files,
        fixed=outcome.fixed,
        root=str(request.root),
        base=str(Path.cwd()),
    )


def _give_back(stdin: tuple[str, bytes], text: str | None) -> None:
    """Write the fixed text to stdout, in the encoding it came in; unfixed, the bytes themselves."""
    from fastapi_lint.files.source import Source, Unreadable

    name, data = stdin
    if text is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    try:
        encoding = Source(name, data).encoding
    except Unreadable:
        encoding = "utf-8"
    terminal.write(text, encoding=encoding)


def _exit_code(request: Request, outcome: Outcome, *, exit_zero: bool, exit_non_zero_on_fix: bool) -> int:
    """2 when a rule raised, a file could not be read or one not be written; else 1 for findings (or fixes), else 0.

    Whoever sees 0 or 1 can rely on it that everything was looked at, and `--exit-zero` speaks of findings only.
    """
    if any(notice.level is Severity.ERROR for notice in outcome.notices):
        return FAILED
    if request.write_baseline is not None or request.add_noqa or exit_zero:
        return 0
    if request.diff:
        return FINDINGS if outcome.diff else 0
    if exit_non_zero_on_fix and outcome.fixed:
        return FINDINGS
    return FINDINGS if outcome.findings else 0
