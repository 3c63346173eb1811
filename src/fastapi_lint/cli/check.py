"""The command `check`: options in, a request to the run, a report out, an exit code. Decides nothing about findings.

Heavy modules (the rules, libcst, rich) are imported where they are needed.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fastapi_lint.cli import terminal
from fastapi_lint.cli.options import CACHE_DIR, absolute, configured, settings_for, settings_options
from fastapi_lint.config.layers import Said
from fastapi_lint.config.schema import SEVERITIES, ConfigurationError
from fastapi_lint.config.settings import Settings, selected
from fastapi_lint.finding import Severity, counted

if TYPE_CHECKING:
    from fastapi_lint.finding import Finding
    from fastapi_lint.report import Report
    from fastapi_lint.run.registry import RuleRow
    from fastapi_lint.run.story import Outcome, Request

FINDINGS = 1
FAILED = 2
FOR_PEOPLE = ("console", "concise", "grouped")
"""Formats that are written as the terminal reads them."""
WITHOUT_TOTALS = ("concise", "grouped", "pylint")
"""Formats for people and editors whose lines are findings only: the totals go to the standard error."""


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@settings_options
@click.option("--fix-only", is_flag=True, help="Apply fixes, and report nothing but them.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option("--output-file", type=click.Path(path_type=Path, dir_okay=False), help="Write the report to this file.")
@click.option("--sarif-category", default="", help="What this run is called in code scanning, beside others (SARIF).")
@click.option("--statistics", is_flag=True, help="Show how often each rule found something instead of the findings.")
@click.option("--full", is_flag=True, help="Show every finding by itself (console): nothing is folded.")
@click.option("--show-files", is_flag=True, help="Show which files would be checked, and check nothing.")
@click.option("--watch", is_flag=True, help="Check again whenever a file changes, until Ctrl-C.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 although there are findings.")
@click.option("--exit-non-zero-on-fix", is_flag=True, help="Exit with 1 if anything was fixed.")
@click.option("--baseline", type=click.Path(path_type=Path), help="Do not report the findings that this file knows.")
@click.option("--write-baseline", type=click.Path(path_type=Path), help="Write all findings to this baseline.")
@click.option("--fix-baseline", is_flag=True, help="Apply fixes, to findings that the baseline knows too.")
@click.option("--add-noqa", is_flag=True, help="Add a `# noqa` comment for each finding to the files.")
@click.option("--stdin-filename", type=click.Path(path_type=Path), help="Check stdin as if it were this file.")
@click.option("--isolated", is_flag=True, help="Read no configuration.")
@click.option(
    "--jobs", "-j", type=click.IntRange(min=0), default=0, help="Processes to use (0: as many as make sense)."
)
@click.option("--no-cache", is_flag=True, help="Neither read nor write the cache.")
@CACHE_DIR
@click.option("--quiet", "-q", is_flag=True, help="Findings only: no summary, no notices, no progress.")
@click.option(
    "--verbose", "-v", is_flag=True, help="Say what is read and selected, which apps there are, and what is not known."
)
def check(
    paths: tuple[Path, ...],
    said: Said,
    config: Path | None,
    fix_only: bool,
    diff: bool,
    output_file: Path | None,
    sarif_category: str,
    statistics: bool,
    full: bool,
    show_files: bool,
    watch: bool,
    exit_zero: bool,
    exit_non_zero_on_fix: bool,
    baseline: Path | None,
    write_baseline: Path | None,
    fix_baseline: bool,
    add_noqa: bool,
    stdin_filename: Path | None,
    isolated: bool,
    jobs: int,
    no_cache: bool,
    cache_dir: Path | None,
    quiet: bool,
    verbose: bool,
) -> int:
    """Check files and directories (default: the current directory).

    The project around them is read too, so that names are known, but nothing is reported or fixed there.
    """
    from fastapi_lint.run import story as run

    started = time.perf_counter()
    paths, content = _stdin(paths, stdin_filename)
    caches = absolute(cache_dir)
    if stdin_filename is None:
        paths = paths or (Path(),)
    asked = (*paths, *([stdin_filename] if stdin_filename else []))
    if fix_only or (fix_baseline and said.fix is None and not diff):
        said = replace(said, fix=True)
    around = configured(asked, config=config, isolated=isolated, said=said, caches=caches)
    settings = around.settings
    stdin = (os.path.normpath(Path.cwd() / stdin_filename), content) if stdin_filename and content is not None else None
    table = run.table(settings, caches)
    chosen = selected(settings, table.every, table.planned)
    _refuse(
        settings,
        fix=said.fix,
        diff=diff,
        add_noqa=add_noqa,
        content=stdin,
        statistics=statistics,
        writes=write_baseline,
    )
    if watch:
        once = {"--add-noqa": add_noqa, "--write-baseline": write_baseline, "--show-files": show_files, "-": stdin}
        return _watched(run.Request(settings.root, paths, settings, own=around.own), once)
    if not chosen:
        terminal.say("warning: no rule is selected")
    if verbose:
        terminal.say(f"root: {settings.root}\nconfiguration: {settings.file or 'none'}")
        terminal.say(f"rules: {', '.join(rule.code for rule in chosen)}")
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
            caches=caches,
            add_noqa=add_noqa,
            baseline=baseline,
            write_baseline=write_baseline,
            fix_baseline=fix_baseline,
            progress=progress,
            own=around.own,
            explain=verbose,
            follow=statistics,
            place=_place(settings, config, isolated) if baseline or write_baseline else "",
        )
        if show_files:
            return _show_files(run.files(request), quiet=quiet)
        outcome = run.check(request)
    terminal.say_notices(outcome.notices, quiet=quiet)
    if verbose:
        for said_of_it in outcome.understood:
            terminal.say(said_of_it)
        terminal.say(f"{counted(outcome.files, 'file')} in {time.perf_counter() - started:.2f} s")
    left = len(outcome.findings) if fix_only else 0
    if fix_only:
        outcome = replace(outcome, findings=())
    report = replace(_contents(request, outcome, chosen, sarif_category), left=left)
    if not fix_only or outcome.fixed:
        _report(request, outcome, report, output_file=output_file, statistics=statistics, full=full, quiet=quiet)
    return _exit_code(request, outcome, exit_zero=exit_zero, exit_non_zero_on_fix=exit_non_zero_on_fix)


def _watched(request: Request, once: Mapping[str, object]) -> int:
    """The same check again and again; options that write something once are refused."""
    from fastapi_lint.cli.watch import watch
    from fastapi_lint.run import story as run

    for name, given in once.items():
        if given:
            raise ConfigurationError(f"--watch and {name} exclude each other")
    context = click.get_current_context()
    assert context.command.callback is not None
    again = partial(context.command.callback, **{**context.params, "watch": False})
    return watch(again, lambda: run.watched(request))


def _place(settings: Settings, config: Path | None, isolated: bool) -> str:
    """Where the root lies below that of the project around the current directory: baselines count paths from there."""
    here = settings_for([Path.cwd()], config=config, isolated=isolated).root
    if settings.root == here or not settings.root.is_relative_to(here):
        return ""
    return f"{settings.root.relative_to(here).as_posix()}/"


def _show_files(files: Sequence[Path], *, quiet: bool) -> int:
    shown = sorted(os.path.relpath(file) if file.is_relative_to(Path.cwd()) else str(file) for file in files)
    terminal.write("".join(f"{terminal.visible(file)}\n" for file in shown))
    if not shown and not quiet:
        terminal.say("no file would be checked")
    return 0


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
    report: Report,
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
            output_file.parent.mkdir(parents=True, exist_ok=True)
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


def _contents(request: Request, outcome: Outcome, rules: Sequence[RuleRow], category: str) -> Report:
    from fastapi_lint.report import Report
    from fastapi_lint.report.notebooks import placed

    help: dict[str, str] = {}
    if request.settings.output_format == "sarif":
        from fastapi_lint.docs.documentation import help_text
        from fastapi_lint.docs.examples import example_of

        found = {finding.code for finding in outcome.findings}
        for rule in rules:  # an example makes a report long: only what was found has one
            example = example_of(rule.code, rule.name, rule.example) if rule.code in found else None
            help[rule.code] = help_text(rule, rule.options, example)
    report = Report(
        findings=tuple(outcome.findings),
        suppressed=tuple(outcome.suppressed),
        notices=tuple(outcome.notices),
        sources=outcome.sources,
        rules=tuple(outcome.rules or rules),
        files=outcome.files,
        fixed=outcome.fixed,
        apps=outcome.apps,
        routes=outcome.routes,
        root=str(request.root),
        base=str(_base(request.settings.output_format)),
        help=help,
        category=category,
        endpoints=outcome.endpoints,
    )
    return placed(report, by_cell=request.settings.output_format not in BY_LINE)


BY_LINE = ("sarif", "github", "gitlab", "azure", "rdjson", "junit")
"""Formats whose readers open files at a line: of a notebook, that of its JSON."""
_OF_REPOSITORIES = ("github", "gitlab", "sarif", "azure")
"""Formats that are read by whoever knows the repository, and not where in it the linter ran."""


def _base(format: str) -> Path:
    """The directory that paths count from: the repository's for services that annotate it, else the current one."""
    here = Path.cwd()
    if format not in _OF_REPOSITORIES:
        return here
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY"):
        said = os.environ.get(name)
        if said and here.is_relative_to(said):
            return Path(said)
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)


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
    return FINDINGS if _fails(request.settings, outcome.findings) else 0


def _fails(settings: Settings, findings: Sequence[Finding]) -> bool:
    """Whether findings are bad enough: from the least severity on, and more warnings than are allowed."""
    kinds = Counter(finding.severity for finding in findings)
    failing = [Severity(word) for word in SEVERITIES[: SEVERITIES.index(settings.fail_on) + 1]]
    most = settings.max_warnings
    if most is not None:
        failing = [kind for kind in failing if kind is not Severity.WARNING]
    return any(kinds[kind] for kind in failing) or (most is not None and kinds[Severity.WARNING] > most)
