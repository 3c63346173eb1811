"""FAPI615: passwords, tokens and keys that are written to the log."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding, Severity
from fastapi_lint.model import Module
from fastapi_lint.model.secrets import Logs
from fastapi_lint.rule import Check, rule


@rule("FAPI615", severity=Severity.INFO, hint=r"print|log|warn|info|debug|error|exception|critical|success|trace")
def secret_in_log(module: Module, check: Check) -> Iterator[Finding]:
    """A password, token or key is written to the log.

    Why is this bad?
    Logs are copied, searched and kept for years, by people and services that nobody would give a password to. Who
    reads one logs in as whoever it belongs to. Log that it was there, its id, or to whom it belongs.

    Known limits
    Loggers have to be known (logging, loguru, structlog); `print` counts in functions of the application. Names decide
    what is a secret; `token` alone needs something that shows that it is a credential. Values of `SecretStr`, slices,
    lengths and comparisons are fine, and so is what code that answers no request shows of a secret that the process has
    made itself and that nobody can have configured.
    Models of clients with a password in them, and headers of requests, are seen as a whole.

    References
    - [OWASP: logging, data to exclude](https://cheatsheetseries.owasp.org/cheatsheets/Logging_Cheat_Sheet.html#data-to-exclude)
    - [CWE-532: sensitive information in a log file](https://cwe.mitre.org/data/definitions/532.html)
    - [Pydantic: secret types](https://docs.pydantic.dev/latest/api/types/#pydantic.types.SecretStr)
    """
    if module.is_test:
        return
    for found in Logs(check.project).logged(module):
        yield check.finding(
            (found.start, found.end),
            f"`{found.shown}` is {'printed' if found.printed else 'written to the log'}",
            why="who reads the log can use it",
            instead="leave it out, or log whether it is there, or whose it is",
        )
