"""Imports: what brings a name into a module, and what takes an unused one out."""

from __future__ import annotations

import ast

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_lint.files.source import Source
from fastapi_lint.fixing.edits import importing, newly_unused, remove_import_if_unused
from fastapi_lint.fixing.edits.bindings import nodes
from fastapi_lint.fixing.fixer import apply


def source_of(text: str, path: str = "app.py") -> Source:
    return Source(path, text.encode())


def bring(text: str, module: str, name: str) -> tuple[str, str] | None:
    """The local name and the text after; a second time nothing may change."""
    source = source_of(text)
    found = importing(source, module, name)
    if found is None:
        return None
    local, edits = found
    after = source_of(apply(source, edits))
    ast.parse(after.text)
    assert importing(after, module, name) == (local, ())
    return local, after.text


ANNOTATED = ("typing", "Annotated")


@pytest.mark.parametrize(
    ("before", "local"),
    [
        ("from typing import Annotated\n", "Annotated"),
        ("from typing import (\n    Any,\n    Annotated,\n)\n", "Annotated"),
        ("from typing import Annotated as A\n", "A"),
        ("from typing_extensions import Annotated\n", "Annotated"),
        ("import typing\n", "typing.Annotated"),
        ("import typing as t\n", "t.Annotated"),
        ("import typing as t\nfrom typing import Annotated\n", "Annotated"),
        ("import os; import typing\n", "typing.Annotated"),
        ("try:\n    from typing import Annotated\nexcept ImportError:\n    from typing_extensions import Annotated\n",
         "Annotated"),
        ("import sys\nif sys.version_info >= (3, 9):\n    from typing import Annotated\n"
         "else:\n    from typing_extensions import Annotated\n", "Annotated"),
        ("from typing import TYPE_CHECKING, Annotated\nif TYPE_CHECKING:\n    from typing import Annotated\n",
         "Annotated"),
    ],
)  # fmt: skip
def test_a_binding_that_exists_is_used(before: str, local: str) -> None:
    assert bring(before, *ANNOTATED) == (local, before)


@pytest.mark.parametrize(
    ("before", "module", "name", "local"),
    [
        ("import fastapi\n", "fastapi", "status", "fastapi.status"),
        ("import fastapi.security\n", "fastapi", "Depends", "fastapi.Depends"),
        ("import fastapi.security\n", "fastapi.security", "OAuth2", "fastapi.security.OAuth2"),
        ("import fastapi.security\nimport fastapi.responses\n", "fastapi.responses", "Response",
         "fastapi.responses.Response"),
        ("from fastapi import status\n", "fastapi.status", "HTTP_200_OK", "status.HTTP_200_OK"),
        ("from starlette import status as s\n", "starlette.status", "HTTP_200_OK", "s.HTTP_200_OK"),
        ("from .deps import x as y\n", ".deps", "x", "y"),
        ("import asyncio\n", "asyncio", "", "asyncio"),
        ("import asyncio as aio\n", "asyncio", "", "aio"),
        ("import asyncio.subprocess\n", "asyncio", "", "asyncio"),
    ],
)  # fmt: skip
def test_a_module_that_is_imported_is_used(before: str, module: str, name: str, local: str) -> None:
    assert bring(before, module, name) == (local, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from typing import Any\n", "from typing import Annotated, Any\n"),
        ("from typing import Any, Optional\n", "from typing import Annotated, Any, Optional\n"),
        ("from typing import AbstractSet, Any\n", "from typing import AbstractSet, Annotated, Any\n"),
        ("from typing import AbstractSet\n", "from typing import AbstractSet, Annotated\n"),
        ("from typing import Optional, Any\n", "from typing import Optional, Any, Annotated\n"),
        ("from typing import AbstractSet,Any # x\n", "from typing import AbstractSet, Annotated,Any # x\n"),
        ("from typing import AbstractSet, \\\n    Any\n", "from typing import AbstractSet, Annotated, \\\n    Any\n"),
        ("from typing import (AbstractSet)\n", "from typing import (AbstractSet, Annotated)\n"),
        ("from typing import (AbstractSet,)\n", "from typing import (AbstractSet, Annotated,)\n"),
        ("from typing import (\n    Any,\n    cast,\n)\n",
         "from typing import (\n    Annotated,\n    Any,\n    cast,\n)\n"),
        ("from typing import (\n    AbstractSet,  # why\n    Any,\n)\n",
         "from typing import (\n    AbstractSet,  # why\n    Annotated,\n    Any,\n)\n"),
        ("from typing import (\n    AbstractSet,  # why\n    # more\n    Any,\n)\n",
         "from typing import (\n    AbstractSet,  # why\n    Annotated,\n    # more\n    Any,\n)\n"),
        ("from typing import (\n    AbstractSet  # why\n)\n",
         "from typing import (\n    AbstractSet,  # why\n    Annotated\n)\n"),
        ("from typing import (\n    AbstractSet\n)\n", "from typing import (\n    AbstractSet,\n    Annotated\n)\n"),
        ("from typing import (\n    AbstractSet,\n    Any as A)\n",
         "from typing import (\n    AbstractSet,\n    Annotated,\n    Any as A)\n"),
        ("from typing import AbstractSet as A, Any\n", "from typing import AbstractSet as A, Annotated, Any\n"),
        ("from typing import Any\r\nx = 1\r\n", "from typing import Annotated, Any\r\nx = 1\r\n"),
        ("from typing import (\r\n    AbstractSet,\r\n)\r\n",
         "from typing import (\r\n    AbstractSet,\r\n    Annotated,\r\n)\r\n"),
        ("from typing import Any; x = 1\n", "from typing import Annotated, Any; x = 1\n"),
        ("from typing import *\nfrom typing import Any\n", "from typing import *\nfrom typing import Annotated, Any\n"),
        ("if TYPE_CHECKING:\n    from typing import Annotated\nfrom typing import Any\n",
         "if TYPE_CHECKING:\n    from typing import Annotated\nfrom typing import Annotated, Any\n"),
        ("def f():\n    from typing import Annotated\nfrom typing import Any\n",
         "def f():\n    from typing import Annotated\nfrom typing import Annotated, Any\n"),
    ],
)  # fmt: skip
def test_a_statement_is_extended_in_its_order_and_layout(before: str, after: str) -> None:
    assert bring(before, *ANNOTATED) == ("Annotated", after)


@pytest.mark.parametrize(
    ("names", "new", "after"),
    [
        ("APIRouter, HTTPException, status", "Depends", "APIRouter, Depends, HTTPException, status"),
        ("APIRouter, Depends", "status", "APIRouter, Depends, status"),
        ("APIRouter, status", "run", "APIRouter, run, status"),
        ("apirouter, Depends, Form", "CORS", "apirouter, CORS, Depends, Form"),
        ("FastAPI, APIRouter", "Depends", "FastAPI, APIRouter, Depends"),
        ("HTTP_9, HTTP_10", "HTTP_95", "HTTP_9, HTTP_10, HTTP_95"),
        ("HTTP_200_OK, Depends", "HTTP_404_NOT_FOUND", "HTTP_200_OK, HTTP_404_NOT_FOUND, Depends"),
    ],
)
def test_a_new_name_takes_its_place_in_the_order_that_is_there(names: str, new: str, after: str) -> None:
    assert bring(f"from m import {names}\n", "m", new) == (new, f"from m import {after}\n")


def test_a_line_that_would_become_too_long_is_parenthesised() -> None:
    names = ", ".join(f"Name{number}" for number in range(10, 20))
    before = f"from m import {names}\nx = 1\n"
    listed = "".join(f"    {name},\n" for name in [*names.split(", "), "Second"])
    assert bring(before, "m", "Second") == ("Second", f"from m import (\n{listed})\nx = 1\n")
    wide = f"{before}y = {'x' * 100}\n"
    assert bring(wide, "m", "Second") == ("Second", wide.replace("Name19", "Name19, Second"))
    tail = f"# {'x' * 100}\n"  # comments and texts are wide where code is not
    assert bring(before + tail, "m", "Second") == ("Second", f"from m import (\n{listed})\nx = 1\n{tail}")


NEW = "from typing import Annotated\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", NEW),
        ("x = 1\n", f"{NEW}\nx = 1\n"),
        ("\nx = 1\n", f"{NEW}\nx = 1\n"),
        ("def f(): ...\n", f"{NEW}\n\ndef f(): ...\n"),
        ("# about f\ndef f(): ...\n", f"{NEW}\n# about f\ndef f(): ...\n"),
        ("# licence\n\nx = 1\n", f"# licence\n\n{NEW}\nx = 1\n"),
        ("# licence\n", f"# licence\n\n{NEW}"),
        ("# licence", f"# licence\n\n{NEW}".rstrip("\n")),
        ("#!/usr/bin/env python\n# -*- coding: utf-8 -*-\nx = 1\n",
         f"#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n\n{NEW}\nx = 1\n"),
        ('"""Doc."""\n', f'"""Doc."""\n\n{NEW}'),
        ('"""Doc."""', f'"""Doc."""\n\n{NEW}'.rstrip("\n")),
        ('"""Doc."""\n\nx = 1\n', f'"""Doc."""\n\n{NEW}\nx = 1\n'),
        ('"""Doc."""\nx = 1\n', f'"""Doc."""\n\n{NEW}\nx = 1\n'),
        ('# licence\n"""Doc.\n\nMore.\n"""  # noqa: D\nx = 1\n',
         f'# licence\n"""Doc.\n\nMore.\n"""  # noqa: D\n\n{NEW}\nx = 1\n'),
        ("from __future__ import annotations\n\nx = 1\n", f"from __future__ import annotations\n\n{NEW}\nx = 1\n"),
        ('"""Doc."""\nfrom __future__ import annotations\nimport fastapi\n',
         f'"""Doc."""\nfrom __future__ import annotations\n\n{NEW}\nimport fastapi\n'),
        ("import os\nimport sys\n\nimport fastapi\n", f"import os\nimport sys\n{NEW}\nimport fastapi\n"),
        ("import os\nfrom uuid import UUID\n", f"import os\n{NEW}from uuid import UUID\n"),
        ("from uuid import UUID\n", f"{NEW}from uuid import UUID\n"),
        ("from uuid import UUID\nimport os  # why\n", f"from uuid import UUID\nimport os  # why\n{NEW}"),
        ("import os", f"import os\n{NEW}".rstrip("\n")),
        ("from fastapi import FastAPI\n", f"{NEW}\nfrom fastapi import FastAPI\n"),
        ("# licence\nfrom fastapi import FastAPI\n", f"# licence\n{NEW}\nfrom fastapi import FastAPI\n"),
        ("# licence\n\n# web\nfrom fastapi import FastAPI\n",
         f"# licence\n\n{NEW}\n# web\nfrom fastapi import FastAPI\n"),
        ("try:\n    import orjson\nexcept ImportError:\n    orjson = None\n",
         f"{NEW}\ntry:\n    import orjson\nexcept ImportError:\n    orjson = None\n"),
        ("import os\r\n\r\nimport fastapi\r\n", f"import os\r\n{NEW}\r\nimport fastapi\r\n".replace("d\n", "d\r\n")),
        ("from typing import *\n", f"from typing import *\n{NEW}"),
        ("import os\n\ndef f(): ...\n\nimport sys\n", f"import os\n{NEW}\ndef f(): ...\n\nimport sys\n"),
        ("\ufeffx = 1\n", f"{NEW}\nx = 1\n"),
        ("import os\\\n\nx = 1\n", f"import os\\\n\n{NEW}x = 1\n"),
        ("import os  # not \\\nx = 1\n", f"import os  # not \\\n{NEW}x = 1\n"),
    ],
)  # fmt: skip
def test_a_new_statement_stands_where_isort_would_put_it(before: str, after: str) -> None:
    assert bring(before, *ANNOTATED) == ("Annotated", after)


@pytest.mark.parametrize(
    ("before", "module", "after"),
    [
        ("from fastapi import FastAPI\nfrom sqlalchemy import select\n", "fastapi.concurrency",
         "from fastapi import FastAPI\nfrom fastapi.concurrency import name\nfrom sqlalchemy import select\n"),
        ("from fastapi.responses import Response\n", "fastapi",
         "from fastapi import name\nfrom fastapi.responses import Response\n"),
        ("import os\n\nfrom fastapi import FastAPI\nfrom sqlalchemy import select\n\nfrom app import x\n", "httpx",
         "import os\n\nfrom fastapi import FastAPI\nfrom httpx import name\nfrom sqlalchemy import select\n\n"
         "from app import x\n"),
        ("import os\n", "httpx", "import os\n\nfrom httpx import name\n"),
        ("import os\nfrom . import x\n", "httpx", "import os\n\nfrom httpx import name\n\nfrom . import x\n"),
        ("from . import x\n", "httpx", "from httpx import name\n\nfrom . import x\n"),
        ("import fastapi\n", ".deps", "import fastapi\n\nfrom .deps import name\n"),
    ],
)  # fmt: skip
def test_third_parties_and_own_modules_keep_their_groups(before: str, module: str, after: str) -> None:
    assert bring(before, module, "name") == ("name", after)


def test_the_package_of_the_file_itself_is_no_third_party() -> None:
    source = source_of("from shop.db import Session\n", "src/shop/routes.py")
    found = importing(source, "fastapi", "Depends")
    assert found is not None
    assert apply(source, found[1]) == "from fastapi import Depends\n\nfrom shop.db import Session\n"
    source = source_of("import os\n\nimport httpx\n", "src/shop/routes.py")
    found = importing(source, "shop.db", "Session")
    assert found is not None
    assert apply(source, found[1]) == "import os\n\nimport httpx\n\nfrom shop.db import Session\n"


def test_a_module_is_imported_by_itself() -> None:
    assert bring("import sys\nfrom uuid import UUID\n", "asyncio", "") == (
        "asyncio",
        "import asyncio\nimport sys\nfrom uuid import UUID\n",
    )
    assert bring("asyncio = 1\n", "asyncio", "") == ("_asyncio", "import asyncio as _asyncio\n\nasyncio = 1\n")


@pytest.mark.parametrize(
    "taken",
    [
        "Annotated = 1\n",
        "class Annotated: ...\n",
        "def Annotated(): ...\n",
        "from other import Annotated\n",
        "import other as Annotated\n",
        "for Annotated in (): ...\n",
        "if (Annotated := 1): ...\n",
        "with open('') as (Annotated, x): ...\n",
        "def f():\n    global Annotated\n    Annotated = 1\n",
        "match x:\n    case {'a': [Annotated, *_]}: ...\n",
        "from other import *\nx: Annotated\n",
        "if TYPE_CHECKING:\n    from other import Annotated\n",
        "if TYPE_CHECKING:\n    from typing import Annotated\nelse:\n    Annotated = None\n",
    ],
)
def test_a_name_that_is_taken_is_imported_under_another(taken: str) -> None:
    found = bring(taken, *ANNOTATED)
    assert found is not None
    assert found[0] == "_Annotated"
    assert "from typing import Annotated as _Annotated\n" in found[1]


@pytest.mark.parametrize(
    "text",
    [
        "Annotated = _Annotated = 1\n",
        "try:\n    from typing import Annotated\nexcept ImportError:\n    Annotated = None\n",
        "with suppress(ImportError):\n    from typing import Annotated\n",
    ],
)
def test_there_is_no_name_to_be_had(text: str) -> None:
    assert importing(source_of(text), *ANNOTATED) is None


def test_an_import_that_is_bound_again_is_not_relied_upon() -> None:
    before = "from typing import Annotated\nAnnotated = 1\n"
    assert bring(before, *ANNOTATED) == (
        "_Annotated",
        "from typing import Annotated, Annotated as _Annotated\nAnnotated = 1\n",
    )


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("from fastapi import status\ndef f(status=HERE): ...\n", "status"),
        ("from fastapi import status\n@d(HERE)\ndef f(status): ...\n", "status"),
        ("from fastapi import status\ndef f(status):\n    return HERE\n", "_status"),
        ("from fastapi import status\ndef f():\n    status = 1\n    def g(): return HERE\n", "_status"),
        ("from fastapi import status\nx = [HERE for status in y]\n", "_status"),
        ("from fastapi import status\nx = lambda status: HERE\n", "_status"),
        ("from fastapi import status\nclass A:\n    status: int\n    x = HERE\n", "_status"),
        ("from fastapi import status\ndef f():\n    from x import status\n    return HERE\n", "_status"),
        ("def f(status):\n    return HERE\n", "_status"),
        ("def f():\n    return HERE\nfrom fastapi import status\n", "status"),
    ],
)
def test_the_scopes_around_the_place_of_use_are_respected(text: str, local: str) -> None:
    source = source_of(text)
    here = next(node for node in nodes(source.tree) if isinstance(node, cst.Name) and node.value == "HERE")
    found = importing(source, "fastapi", "status", at=here)
    assert found is not None
    assert found[0] == local
    after = source_of(apply(source, found[1]))
    here = next(node for node in nodes(after.tree) if isinstance(node, cst.Name) and node.value == "HERE")
    assert importing(after, "fastapi", "status", at=here) == (local, ())


def test_only_imports_above_the_place_of_use_count() -> None:
    source = source_of("import os\nx = HERE\nfrom typing import Annotated\n")
    here = next(node for node in nodes(source.tree) if isinstance(node, cst.Name) and node.value == "HERE")
    found = importing(source, "typing", "Annotated", at=here)
    assert found is not None
    assert apply(source, found[1]) == f"import os\n{NEW}x = HERE\nfrom typing import Annotated\n"


PIECES = [
    '"""Doc."""', "# comment", "", "import os", "import typing as t", "from typing import Any", "x = 1",
    "from fastapi import (\n    B,\n    A\n)", "from . import x", "def f(Annotated): ...", "Annotated = 1",
    "try:\n    import a\nexcept ImportError: ...", "if TYPE_CHECKING:\n    from typing import Annotated",
    "from m import *", "import os; y = 2", "@d\nclass A: ...",
]  # fmt: skip


@given(
    st.lists(st.sampled_from(PIECES), max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.sampled_from([("typing", "Annotated"), ("fastapi", "Depends"), ("asyncio", ""), (".x", "y")]),
)
def test_an_import_works_and_is_made_once(pieces: list[str], newline: str, end: bool, wanted: tuple[str, str]) -> None:
    text = newline.join(pieces).replace("\n", newline).replace("\r\r", "\r") + (newline if end else "")
    found = bring(text, *wanted)
    if found is None or found[1] == text:
        return
    local, after = found
    assert [line for line in after.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if line.startswith("#")
    ]
    assert ast.get_docstring(ast.parse(after)) == ast.get_docstring(ast.parse(text))
    names = {alias.asname or alias.name for node in ast.parse(after).body
             if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}  # fmt: skip
    assert local in names
    assert "\r" not in text or after.count("\r\n") == after.count("\n")


def remove(text: str, module: str, name: str, ignoring: str = "", path: str = "app.py") -> str:
    source = source_of(text, path)
    ignored = [node for node in nodes(source.tree) if isinstance(node, cst.Call) and source.code_of(node) == ignoring]
    return apply(source, remove_import_if_unused(source, module, name, ignoring=ignored))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from m import a\nx = a()\n", "x = a()\n"),
        ("from m import a, b\nx = a()\n", "from m import b\nx = a()\n"),
        ("from m import b, a\nx = a()\n", "from m import b\nx = a()\n"),
        ("from m import (\n    a,  # why\n    b,\n)\nx = a()\n", "from m import (\n    # why\n    b,\n)\nx = a()\n"),
        ("from m import b, \\\n    a\nx = a()\n", "from m import b\nx = a()\n"),
        ("import os; from m import a\nx = a()\n", "import os\nx = a()\n"),
        ('"""Uses a."""\nfrom m import a\nx = a()\ny.a = f(a=1)\n', '"""Uses a."""\nx = a()\ny.a = f(a=1)\n'),
        ("if TYPE_CHECKING:\n    from m import a\nx = a()\n", "if TYPE_CHECKING:\n    pass\nx = a()\n"),
    ],
)
def test_an_import_goes_with_its_last_use(before: str, after: str) -> None:
    assert remove(before, "m", "a", "a()") == after


@pytest.mark.parametrize(
    "rest",
    ["y = a", "a = 2", "y: 'list[a]'", "__all__ = ['a']", "y = f'{a}'", "y = []  # type: list[a]", "def f(a): ...",
     "from n import a", "def f(): return a", "a.b"],
)  # fmt: skip
def test_an_import_that_may_be_used_stays(rest: str) -> None:
    text = f"from m import a\nx = a()\n{rest}\n"
    assert remove(text, "m", "a", "a()") == text


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("from m import a as a", "app.py"),
        ("from m import a  # noqa: F401", "app.py"),
        ("from m import a", "pkg/__init__.py"),
        ("try:\n    from m import a\nexcept ImportError: ...", "app.py"),
    ],
)
def test_an_import_with_another_purpose_stays(line: str, path: str) -> None:
    text = f"{line}\nx = a()\n"
    assert remove(text, "m", "a", "a()", path) == text


def test_only_what_a_fix_made_unused_is_removed() -> None:
    before = source_of("import os, sys\nfrom m import a, b, c\nx = a(b)\nos.x\n")
    after = source_of("import os, sys\nfrom m import a, b, c\nx = 1\n")
    edits = newly_unused(before, after)
    assert apply(after, edits) == "import sys\nfrom m import b, c\nx = 1\n"
    after = source_of(apply(after, edits))
    assert apply(after, newly_unused(before, after)) == "import sys\nfrom m import c\nx = 1\n"
