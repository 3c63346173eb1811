"""Fuzzes with new seeds until a time is over: half of it Hypothesis, half atheris; stops at the first failure.

    python tests/fuzz/repeat.py SECONDS [SEED]        (make fuzz: 600 seconds, a seed from the clock)

What Hypothesis broke is printed with the input, and tried first in every later run of the tests on this machine; for
atheris see `guided`. Where atheris is not installed that is said, and Hypothesis has all the time.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = "300"
"""Examples of a property in one go: few, so that the time is kept; the goes are many."""
FIRST_ROUND = 60
"""Seconds below which coverage-guided fuzzing is not begun: it tries all fixtures before it looks at the clock."""


def main(seconds: float, seed: int) -> int:
    """The exit code of what failed first, or 0."""
    started = time.monotonic()
    guided = importlib.util.find_spec("atheris") is not None
    if not guided:
        print("atheris is not installed: Hypothesis alone (pip install -e '.[dev,fuzz]')", flush=True)
    # CI=true would make Hypothesis try the same examples each time.
    environment = {**os.environ, "FASTAPI_LINT_FUZZ": EXAMPLES}
    environment.pop("CI", None)
    goes = 0
    for go in count(seed):
        command = [sys.executable, "-m", "pytest", "-q", "tests/fuzz/test_any_input.py"]
        code = subprocess.run([*command, f"--hypothesis-seed={go}"], cwd=ROOT, env=environment).returncode
        goes += 1
        if code:
            print(f"Hypothesis broke something with the seed {go}", flush=True)
            return code
        if time.monotonic() - started > (seconds / 2 if guided else seconds):
            break
    print(f"Hypothesis: {goes} seeds from {seed} on, {EXAMPLES} examples of each property, nothing broke", flush=True)
    left = seconds - (time.monotonic() - started)
    if not guided or left < FIRST_ROUND:
        return 0
    script = str(Path(__file__).with_name("guided.py"))
    code = subprocess.run([sys.executable, script, str(left), "--seed", str(seed % 2**31)], cwd=ROOT).returncode
    print(f"atheris: {f'ended with {code}, see .fuzz' if code else 'nothing broke'}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())))
