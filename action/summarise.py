"""The last part of the action: the table of the job's summary, and the outputs. Needs nothing but Python.

python summarise.py REPORT.sarif EXIT_CODE      writes to $GITHUB_OUTPUT and $GITHUB_STEP_SUMMARY
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path

ROWS = 20


def main(report: str, exit_code: str) -> None:
    file = Path(report)
    runs = json.loads(file.read_text(encoding="utf-8"))["runs"] if file.is_file() else []
    results = [result for run in runs for result in run["results"] if not result.get("suppressions")]
    urls = {rule["id"]: rule.get("helpUri", "") for run in runs for rule in run["tool"]["driver"]["rules"]}
    outputs = {"findings": len(results), "exit-code": exit_code, "sarif-file": file.resolve() if runs else ""}
    write("GITHUB_OUTPUT", "".join(f"{name}={value}\n" for name, value in outputs.items()))
    write("GITHUB_STEP_SUMMARY", summary(results, urls, exit_code))


def summary(results: list[dict[str, object]], urls: dict[str, str], exit_code: str) -> str:
    said = f"### fastapi-lint: {len(results)} finding{'' if len(results) == 1 else 's'}\n\n"
    if exit_code not in ("0", "1"):
        said += "Not everything could be checked; the log says what.\n\n"
    if not results:
        return said
    counts = Counter((str(result["ruleId"]), str(result["level"])) for result in results)
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    said += "| findings | rule | level |\n|---:|---|---|\n"
    for (code, level), count in rows[:ROWS]:
        said += f"| {count} | {f'[{code}]({urls[code]})' if urls.get(code) else code} | {level} |\n"
    if len(rows) > ROWS:
        said += f"| {sum(count for _, count in rows[ROWS:])} | {len(rows) - ROWS} other rules | |\n"
    return said


def write(variable: str, text: str) -> None:
    if os.environ.get(variable):
        with Path(os.environ[variable]).open("a", encoding="utf-8", newline="\n") as stream:
            stream.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
