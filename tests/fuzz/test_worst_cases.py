"""Generated worst cases of size and shape: every one ends, in a process of its own under a generous limit.

The limit is no measurement: what is linear needs a small part of it, what is quadratic exceeds it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT = 60
"""Seconds of processor time for one case: what else the machine does has no part in it."""
ROUTE = "\nasync def x() -> int:\n    return 1\n"
ROOTED = "\n@app.get('/')\nasync def root"
HEAD = "import time\nfrom typing import Annotated\nfrom fastapi import APIRouter, Depends, FastAPI\n\napp = FastAPI()\n"
GOOD = "import fastapi, time\napp = fastapi.FastAPI()\n@app.get('/')\nasync def wait() -> None:\n    time.sleep(1)\n"
"""One finding, FAPI101, that must be reported whatever else there is."""


def routes_in_one_file() -> dict[str, str]:
    body = "".join(
        f'@app.get("/r{i}/{{item_id}}")\nasync def r{i}(item_id: int) -> int:\n    return {i}\n' for i in range(5_000)
    )
    return {"main.py": HEAD + body}


def routes_that_shadow() -> dict[str, str]:
    body = "".join(
        f'@app.get("/{{a}}/x{i % 7}/{{b}}")\nasync def r{i}(a: int, b: int) -> int:\n    return {i}\n'
        for i in range(3_000)
    )
    return {"main.py": HEAD + body}


def calls_in_a_cycle() -> dict[str, str]:
    count = 5_000
    body = "".join(
        f"def f{i}(x: int) -> int:\n    return f{(i + 1) % count}(x) + f{(i * 7 + 3) % count}(x)\n"
        for i in range(count)
    )
    return {"main.py": f"{HEAD}{body}{ROOTED}() -> int:\n    return f0(1)\n"}


def calls_in_a_chain() -> dict[str, str]:
    count = 5_000
    body = "".join(f"def f{i}() -> None:\n    f{i + 1}()\n" for i in range(count))
    callers = "".join(f"async def a{i}() -> None:\n    f{i}()\n" for i in range(0, count, 10))
    return {"main.py": f"{HEAD}{body}def f{count}() -> None:\n    time.sleep(1)\n{callers}"}


def long_function() -> dict[str, str]:
    lines = "".join(f"    x{i} = await g(x{i - 1 if i else 0}, {i})\n    time.sleep(x{i})\n" for i in range(2_500))
    return {"main.py": f"{HEAD}async def g(a, b): ...{ROOTED}(x0: int) -> int:\n{lines}    return x0\n"}


def nested_blocks() -> dict[str, str]:
    lines = "".join(f"{' ' * (i + 1)}if a{i}:\n" for i in range(90))
    functions = "".join(f"{' ' * i}def f{i}(x=Depends(f{i})):\n" for i in range(90))
    return {
        "main.py": f"{HEAD}async def f(a):\n{lines}{' ' * 91}time.sleep(1)\n",
        "deep.py": f"{HEAD}{functions}{' ' * 90}pass\n",
    }


def nested_expressions() -> dict[str, str]:
    deep = {
        "parentheses": "x = " + "(" * 5_000 + "1" + ")" * 5_000,
        "calls": "x = " + "Depends(" * 3_000 + ")" * 3_000,
        "subscripts": "x: " + "Annotated[" * 3_000 + "int" + "]" * 3_000,
        "chain": "x = app" + ".include_router(app)" * 3_000,
        "strings": "x = " + "f'{" * 500 + "1" + "}'" * 500,
        "conditions": "x = " + "1 if a else " * 5_000 + "1",
    }
    return {f"{name}.py": f"{HEAD}{text}\nHTTPException\n" for name, text in deep.items()}


def huge_literals() -> dict[str, str]:
    return {
        "text.py": f"{HEAD}secret = '{'sk-' * 400_000}'\ntoken = '{'a1B2' * 250_000}'\n",
        "number.py": f"{HEAD}x = {'9' * 400_000}\ny = 0x{'f' * 400_000}\n",
        "display.py": HEAD + "x = [" + "'a', 1, {'b': 2}, " * 60_000 + "]\n",
        "line.py": HEAD + "x = 1; " * 100_000 + "\n",
        "comment.py": HEAD + "# noqa: " + "FAPI201, " * 60_000 + "\n# fastapi-lint: ignore[" * 20_000 + "\n",
        "quotes.py": HEAD + "'" * 200_001 + "\n" + '"' * 200_001 + "\n",
    }


def include_chain() -> dict[str, str]:
    count = 1_500
    routers = "".join(f"r{i} = APIRouter(prefix='/p{i}')\n" for i in range(count))
    included = "".join(f"r{i}.include_router(r{i + 1})\n" for i in range(count - 1))
    return {"main.py": f"{HEAD}{routers}{included}app.include_router(r0)\n@r{count - 1}.get('/x'){ROUTE}"}


def includes_that_multiply() -> dict[str, str]:
    """Every router includes the next one twice: 2^40 addresses, if anybody counted them all."""
    count = 40
    routers = "".join(f"r{i} = APIRouter()\n" for i in range(count))
    included = "".join(f"r{i}.include_router(r{i + 1}, prefix='/{side}')\n" for i in range(count - 1) for side in "ab")
    return {"main.py": f"{HEAD}{routers}{included}app.include_router(r0)\n@r{count - 1}.get('/x'){ROUTE}"}


def includes_in_a_cycle() -> dict[str, str]:
    files = {
        f"m{i}.py": f"from fastapi import APIRouter\nfrom m{(i + 1) % 300} import *\n"
        f"from m{(i + 1) % 300} import router as other\n"
        f"router = APIRouter()\nrouter.include_router(other, prefix='/p{i}')\n"
        f"@router.get('/x')\ndef x{i}() -> int:\n    return 1\n"
        for i in range(300)
    }
    return {**files, "main.py": f"{HEAD}from m0 import router\napp.include_router(router)\n"}


def dependencies_that_multiply() -> dict[str, str]:
    """Every dependency needs the next one three times: 3^60 ways from the first to the last."""
    uses = "".join(
        f"def d{i}(a=Depends(d{i + 1}), b=Depends(d{i + 1}), c: Annotated[int, Depends(d{i + 1})] = 1): ...\n"
        for i in range(60)
    )
    return {"main.py": f"{HEAD}def d60(): ...\n{uses}{ROOTED}(x=Depends(d0)): ...\n"}


def classes_in_a_cycle() -> dict[str, str]:
    body = "".join(
        f"class C{i}(C{(i + 1) % 2_000}, C{(i * 3) % 2_000}):\n    def m(self): return self.m().n()\n"
        for i in range(2_000)
    )
    return {"main.py": f"{HEAD}{body}{ROOTED}() -> int:\n    return C0().m()\n"}


def aliases_of_aliases() -> dict[str, str]:
    body = "T0 = int\n" + "".join(f"T{i} = Annotated[T{i - 1} | T{i - 1}, Depends(d)]\n" for i in range(1, 60))
    values = "v0 = 'a'\n" + "".join(f"v{i} = v{i - 1} + v{i - 1}\n" for i in range(1, 60))
    texts = "s0 = 'a'\n" + "".join(f"s{i} = f'{{s{i - 1}}}{{s{i - 1}}}'\n" for i in range(1, 60))
    return {
        "main.py": f"{HEAD}def d(): ...\n{body}{values}{texts}\n"
        "@app.get('/' + v59 + s59)\nasync def root(x: T59) -> int:\n    return 1\n"
    }


def reassigned_names() -> dict[str, str]:
    body = "".join("x = f(x)\n" for _ in range(10_000))
    inner = "".join(f"    r = r.get(r, {i})\n" for i in range(5_000))
    return {"main.py": f"{HEAD}def f(x): return x\n{body}{ROOTED}(r: dict) -> int:\n{inner}    return r\n"}


def many_files() -> dict[str, str]:
    return {f"p{i % 50}/m{i}.py": f"{HEAD}from p{(i + 1) % 50}.m{i + 1} import *\n" for i in range(2_000)}


CASES: tuple[Callable[[], Mapping[str, str]], ...] = (
    routes_in_one_file, routes_that_shadow, calls_in_a_cycle, calls_in_a_chain, long_function, nested_blocks,
    nested_expressions, huge_literals, include_chain, includes_that_multiply, includes_in_a_cycle,
    dependencies_that_multiply, classes_in_a_cycle, aliases_of_aliases, reassigned_names, many_files,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="limits processor time with ulimit")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_it_ends(case: Callable[[], Mapping[str, str]], tmp_path: Path) -> None:
    for name, text in {**case(), "good.py": GOOD, "pyproject.toml": "[project]\nname = 'x'\n"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "fastapi_lint", "check", "--isolated", "--no-cache", "--preset", "all"]
    command += ["--unsafe-fixes", "--output-format", "concise"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUTF8": "1"}
    limited = ["sh", "-c", f'ulimit -t {LIMIT}; exec "$@"', "sh", *command]
    done = subprocess.run(limited, cwd=tmp_path, capture_output=True, encoding="utf-8", env=environment)
    assert done.returncode == 1, done.stderr[-2_000:]
    assert "good.py:5:" in done.stdout, done.stderr[-2_000:]
    assert "Traceback" not in done.stderr
    assert "failed with" not in done.stderr
