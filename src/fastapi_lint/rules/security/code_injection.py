"""FAPI623: what the client sends is run, unpickled or imported. What runs what it is given is in the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.index import facts as f
from fastapi_lint.model import Instance, Module
from fastapi_lint.model.taint import Arrival, Entry, Strand, Text, trail
from fastapi_lint.rule import Check, rule

_SAYS = {
    "code": ("runs `{}` as Python", "look the operation up in a table, or parse it with `ast.literal_eval()`"),
    "shell": ("runs a command with `{}` in it", "pass the program and its arguments as a list, without a shell"),
    "data": ("builds the objects that `{}` names", "take JSON, and validate it with a schema"),
    "module": ("imports the module that `{}` names", "look the module up in a fixed table"),
    "template": ("compiles `{}` as a template", "keep templates in files, and pass `{}` to `render()`"),
}
"""Of each danger: what is done to a text, and what to do instead."""
_WHY = {
    "code": "the client runs any code on the server",
    "shell": "with `;` or `$(...)` the client runs any command on the server",
    "data": "a pickle or a YAML tag calls any function, so the client runs code on the server",
    "module": "importing runs the module, and the client chooses which one",
    "template": "a template reaches Python's objects, so the client runs code on the server",
}
_CONTENT = frozenset({"content", "body", "message", "file"})
_READERS = ("io.BytesIO", "typing.BinaryIO", "tempfile.SpooledTemporaryFile")
_HOW = ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "cmd", "cmd.exe", "powershell", "pwsh"})
_RUNS = re.compile(r"-[a-z]*c[a-z]*|/c|-command", re.IGNORECASE)
"""The option of a shell behind which a command stands, alone or with others."""
_WITH_A_WORD = frozenset({"-o", "+o", "-O", "+O", "--rcfile", "--init-file"})
_PROGRAMS = frozenset({
    "run", "call", "check_call", "check_output", "Popen", "create_subprocess_exec", "spawn", "posix_spawn",
    "posix_spawnp", *(f"{kind}{how}" for kind in ("spawn", "exec") for how in _HOW),
})  # fmt: skip
_DEEPEST = 3


@rule("FAPI623", severity=Severity.ERROR, needs_requests=True)
def code_injection(module: Module, check: Check) -> Iterator[Finding]:
    """What the client sends is executed, unpickled, imported, or compiled as a template.

    Why is this bad?
    Whoever writes what the server runs owns the server: its files, its secrets, its database. It need not look like
    code: in a shell `;` and `$(...)` begin another command, a pickle and a YAML document with tags call functions while
    they are read, and a template of Jinja reaches Python's objects through attributes.

    Let the client choose from a table of functions, modules or templates. Pass arguments of programs as a list, without
    a shell. Read data with JSON, `yaml.safe_load()` or `ast.literal_eval()`, and validate it.

    Known limits
    Numbers, enums, literals, and what was quoted, matched, compared with something fixed or looked up are left alone,
    and so are paths of files with pickles (whose file that is, is not known) and sandboxed environments of templates.
    Code whose tree is walked over before (`ast.walk()`) counts as checked.

    References
    - [OWASP: injection prevention](https://cheatsheetseries.owasp.org/cheatsheets/Injection_Prevention_Cheat_Sheet.html)
    - [CWE-94](https://cwe.mitre.org/data/definitions/94.html)
    - [CWE-502](https://cwe.mitre.org/data/definitions/502.html)
    """
    if module.is_test:
        return
    flows = check.project.taint
    for danger, (says, instead) in _SAYS.items():
        arrivals = [*flows.arriving(module, danger), *(_shells(module, check) if danger == "shell" else ())]
        for arrival in arrivals:
            entering = flows.entering(arrival, danger)
            strand = next((one[0] for one in entering if _is_run(danger, arrival, *one, check)), None)
            if strand is None:
                continue
            yield check.finding(
                (arrival.start, arrival.end),
                f"`{_shown(arrival)}` {says.format(strand.shown)}, which the client wrote",
                why=_WHY[danger],
                instead=instead.format(strand.shown),
                related=[check.related(step, step.message, module=step.module) for step in trail(strand, arrival)],
                chain=True,
            )


def _is_run(danger: str, arrival: Arrival, strand: Strand, before: Text, _: Text, check: Check) -> bool:
    """Whether a text that arrives does what the danger says."""
    call, origin = arrival.call, strand.origin
    if call is None or not isinstance(origin, Entry):
        return False
    if danger == "code" and arrival.called == "compile":  # a check of the syntax, or a tree
        return call.use != "statement" and len(call.args) <= 3
    if danger == "shell":
        expr = _argument(arrival)
        return not (arrival.called in ("run_process", "open_process") and _is_list(expr, arrival, check))
    if danger == "data" and arrival.opens and origin.what not in _CONTENT:
        kind = check.project.infer(_argument(arrival), arrival.module, arrival.block, arrival.start)
        return check.project.types.is_instance(kind, *_READERS)
    return not (danger == "data" and origin.what == "content" and before)


def _argument(arrival: Arrival) -> f.Expr | None:
    args = arrival.call.args if arrival.call is not None else ()
    return next((arg.value for arg in args if arg.start == arrival.start), None)


def _is_list(expr: f.Expr | None, arrival: Arrival, check: Check) -> bool:
    kind = check.project.infer(expr, arrival.module, arrival.block, arrival.start)
    return not isinstance(kind, Instance) or kind.cls in ("list", "tuple")


def _shells(module: Module, check: Check) -> Iterator[Arrival]:
    """The texts that a shell is given as an argument: `["bash", "-c", text]`."""
    flows = check.project.taint
    for call in check.project.taint.sinks.called_like(module, _PROGRAMS):
        function = module.enclosing(call.block)
        if function is None:
            continue
        target, args = flows.tracing.callee(call, (module, call.block, call.start))
        name = check.project.types.name_of_type(target) or ""
        command = _command([*_words(name, args, call, module, check)])
        if command is not None:
            for arrival in flows.given(command, function, (call.start, call.end), call.block, "shell"):
                yield replace(arrival, called=name.rpartition(".")[2], call=call)


def _words(name: str, args: Sequence[f.Arg], call: f.Call, module: Module, check: Check) -> Iterator[f.Expr]:
    """The program that a call starts, and what it is given; nothing of other calls."""
    words = [arg.value for arg in args if arg.name == ""]
    called = name.rpartition(".")[2]
    if name.startswith(("subprocess.", "pty.")):
        given = words[:1] or [arg.value for arg in args if arg.name == "args"]
        yield from _items(given[0], call, module, check) if given else ()
    elif name.startswith("asyncio."):
        yield from words
    elif name.startswith("os."):
        words = words[1:] if called.startswith("spawn") else words  # before the program stands how to wait for it
        if "l" in called.removeprefix("spawn").removeprefix("exec"):
            yield from (*words[:1], *words[2:])  # after it, what it is told that it is called
        else:
            yield from words[:1]
            yield from _items(words[1], call, module, check)[1:] if len(words) > 1 else ()


def _command(words: Sequence[f.Expr]) -> f.Expr | None:
    """What a shell among programs is given to run: the word behind the option that says so."""
    texts = [str(word.value) if isinstance(word, f.Const) else "" for word in words]
    if not texts or texts[0].rpartition("/")[2] not in _SHELLS:
        return None
    for number, text in enumerate(texts[1:-1], 1):
        if _RUNS.fullmatch(text):
            return words[number + 1]
        if not text.startswith(("-", "/", "+")) and texts[number - 1] not in _WITH_A_WORD:
            break  # a file that it runs
    return None


def _items(expr: f.Expr, call: f.Call, module: Module, check: Check, depth: int = 0) -> tuple[f.Expr, ...]:
    """The items of a list that is written there, or that the variable stands for, or of several in a row."""
    if isinstance(expr, f.Name):
        where = (module, call.block, call.start)
        expr = next((value for value, _ in check.project.values.definitions(expr, where)), expr)
    further = (call, module, check, depth + 1)
    match expr:
        case _ if depth > _DEEPEST:
            return (f.Unknown(),)
        case f.Display(items=items):
            several = (_items(item.value, *further) if isinstance(item, f.Star) else (item,) for item in items)
            return tuple(each for items in several for each in items)
        case f.Binary(op="+", left=left, right=right):
            return (*_items(left, *further), *_items(right, *further))
    return (f.Unknown(),) if depth else ()


def _shown(arrival: Arrival) -> str:
    call = arrival.call
    return arrival.module.source.slice(call.start, call.name_end) if call is not None else arrival.called
