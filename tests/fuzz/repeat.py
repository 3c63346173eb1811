"""Runs the fuzz tests again and again with new seeds until a time is over; stops at the first failure.

    python tests/fuzz/repeat.py SECONDS        (make fuzz: 600)

What failed is printed by Hypothesis with the input, and tried first in every later run of the tests on this machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = "400"


def main(seconds: float) -> int:
    """The exit code of the last run; the first seed is the time, so that no two calls do the same."""
    end = time.monotonic() + seconds
    for seed in count(int(time.time())):
        command = [sys.executable, "-m", "pytest", "-q", "tests/fuzz/test_any_input.py", f"--hypothesis-seed={seed}"]
        code = subprocess.run(command, cwd=ROOT, env={**os.environ, "FASTAPI_LINT_FUZZ": EXAMPLES}).returncode
        if code or time.monotonic() > end:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
