"""FAPI201's fix: the hard cases one by one, and generated signatures that must keep their meaning."""

from __future__ import annotations

import inspect
import io
import json
import textwrap
import tokenize
import types
from collections import Counter
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from fastapi.params import Depends
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from linting import fix, lint
from pydantic.fields import FieldInfo

CODE = ("FAPI201",)
HEAD = """\
from typing import Annotated, Optional
from fastapi import APIRouter, Body, Depends, File, Form, Header, Path, Query, Security, UploadFile
router = APIRouter()
def get_db() -> object: ...
def get_user() -> object: ...
class Session: ...
class Item: ...
DB = Depends(get_db)
"""


def fixed(code: str, head: str = HEAD, **others: str) -> str:
    """The code behind the head after the fix, which must be stable; `others` are further modules."""
    files = {f"{name}.py": text.encode() for name, text in others.items()}
    once = fix({"app.py": (head + textwrap.dedent(code)).encode(), **files}, CODE, unsafe=False)
    assert fix(once, CODE, unsafe=False) == once
    text = once["app.py"].decode()
    compile(text, "app.py", "exec")
    assert text.startswith(head), text
    return text.removeprefix(head)


def signature(before: str) -> str:
    """The parameters of an endpoint after the fix."""
    made = fixed(f"@router.get('/')\ndef f({before}): ...\n")
    return made.removeprefix("@router.get('/')\ndef f(").removesuffix("): ...\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("db: Session = Depends(get_db)", "db: Annotated[Session, Depends(get_db)]"),
        ("db: Session=Depends(get_db)", "db: Annotated[Session, Depends(get_db)]"),
        ("db: Session = (Depends(get_db))", "db: Annotated[Session, (Depends(get_db))]"),
        ("db: Session = Depends()", "db: Annotated[Session, Depends()]"),
        ("db: Session = Depends(get_db, use_cache=False)", "db: Annotated[Session, Depends(get_db, use_cache=False)]"),
        ("u: Item = Security(get_user, scopes=['a'])", "u: Annotated[Item, Security(get_user, scopes=['a'])]"),
        ("db: Session = DB", "db: Annotated[Session, DB]"),
        ("q: int = Query(5)", "q: Annotated[int, Query()] = 5"),
        ("q: int = Query(5, ge=1)", "q: Annotated[int, Query(ge=1)] = 5"),
        ("q: int = Query(ge=1, default=5)", "q: Annotated[int, Query(ge=1)] = 5"),
        ("q: Optional[str] = Query(default=None, max_length=3)",
         "q: Annotated[Optional[str], Query(max_length=3)] = None"),
        ("q: str = Query(None)", "q: Annotated[str, Query()] = None"),
        ("q: list[str] = Query(None)", "q: Annotated[list[str], Query()] = None"),
        ("q: list[str] = Query([])", "q: Annotated[list[str], Query()] = []"),
        ("q: list[str] = Query(default_factory=list)", "q: Annotated[list[str], Query(default_factory=list)]"),
        ("q: str = Query(...)", "q: Annotated[str, Query()]"),
        ("q: str = Query(default=..., alias='x')", "q: Annotated[str, Query(alias='x')]"),
        ("q: str = Query(Ellipsis)", "q: Annotated[str, Query()]"),
        ("q: str = Query()", "q: Annotated[str, Query()]"),
        ("i: int = Path(...)", "i: Annotated[int, Path()]"),
        ("i: int = Path(..., gt=0)", "i: Annotated[int, Path(gt=0)]"),
        ("i: Item = Body(..., embed=True)", "i: Annotated[Item, Body(embed=True)]"),
        ("s: str = Form()", "s: Annotated[str, Form()]"),
        ("u: UploadFile = File(...)", "u: Annotated[UploadFile, File()]"),
        ("u: list[UploadFile] = File([])", "u: Annotated[list[UploadFile], File()] = []"),
        ("h_h: str = Header(None, convert_underscores=False)",
         "h_h: Annotated[str, Header(convert_underscores=False)] = None"),
        ("q: Annotated[str, 'text'] = Query('a')", "q: Annotated[str, 'text', Query()] = 'a'"),
        ("q: Annotated[Session, 'text',] = Depends(get_db)", "q: Annotated[Session, 'text', Depends(get_db)]"),
        ("q: Optional[Annotated[str, 'text']] = Query(None)",
         "q: Annotated[Optional[Annotated[str, 'text']], Query()] = None"),
        ("q: Annotated[str, Item()] | None = Query(None)",
         "q: Annotated[Annotated[str, Item()] | None, Query()] = None"),
        ("db: 'Session' = Depends(get_db)", "db: Annotated['Session', Depends(get_db)]"),
        ("db: 'Session' = Depends()", "db: Annotated[Session, Depends()]"),
        ("i: 'Item' = Body()", "i: Annotated[Item, Body()]"),
        ("i: 'Later' = Body()", 'i: "Annotated[Later, Body()]"'),
        ("i: \"Later\" = Body(None, title='x')", "i: \"Annotated[Later, Body(title='x')]\" = None"),
        ("i: 'Later' = Body(title='''x\ny''')", None),
        ("*, db: Session = Depends(get_db)", "*, db: Annotated[Session, Depends(get_db)]"),
        ("a: int, /, db: Session = Depends(get_db)", "a: int, /, db: Annotated[Session, Depends(get_db)]"),
        ("a: int = 1, *, db: Session = Depends(get_db)", "a: int = 1, *, db: Annotated[Session, Depends(get_db)]"),
        ("*args: int, db: Session = Depends(get_db)", "*args: int, db: Annotated[Session, Depends(get_db)]"),
        ("db: Session = Depends(get_db), **more: int", "db: Annotated[Session, Depends(get_db)], **more: int"),
        ("db: Session = Depends(lambda x=Query(1): x)", "db: Annotated[Session, Depends(lambda x=Query(1): x)]"),
    ],
)  # fmt: skip
def test_one_parameter(before: str, after: str | None) -> None:
    assert signature(before) == (before if after is None else after)


@pytest.mark.parametrize(
    "before",
    [
        "db=Depends(get_db)",
        "q=Query(None)",
        "i: int = Path(None)",
        "i: int = Path('a')",
        "q: int = Query(1, default_factory=int)",
        "q: str = Query(*MORE)",
        "q: str = Query(**MORE)",
        "db: Session = Depends(get_db), /",
        "u: Annotated[Item, Depends(get_user)] = Depends(get_db)",
        "q: Annotated[int, Field(gt=1)] = Query(5)",
        "q: PositiveInt = Query(5)",
        "q: constr(min_length=1) = Query('a')",
        "q: str = QUERY",
        "db: Checked = Depends(get_db)",
        "i: Item | Session = Body(discriminator='kind')",
        "q: str  # kept\n  = Query()",
        "q: str = Query(default=  # kept\n  None)",
    ],
)
def test_no_fix_where_the_meaning_is_not_certain(before: str) -> None:
    head = HEAD + (
        "from pydantic import Field, PositiveInt, constr\nMORE = {}\nQUERY = Query(None)\n"
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from models import Checked\n"
    )
    code = f"@router.get('/')\ndef f({before}): ...\n"
    assert fixed(code, head) == code
    assert [finding.code for finding in lint({"app.py": (head + code).encode()}, CODE)] == ["FAPI201"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("q: str = Query(None), db: Session = Depends(get_db)",
         "db: Annotated[Session, Depends(get_db)], q: Annotated[str, Query()] = None"),
        ("a: int, q: str = 'x', db: Session = Depends(get_db), u: Item = Depends(get_user)",
         "a: int, db: Annotated[Session, Depends(get_db)], u: Annotated[Item, Depends(get_user)], q: str = 'x'"),
        # The OpenAPI document lists query parameters in order.
        ("q: str = Query(None), r: str = Query(...)",
         "q: Annotated[str, Query()] = None, *, r: Annotated[str, Query()]"),
        ("q: str = 'x', r: str = Query(...)", "q: str = 'x', *, r: Annotated[str, Query()]"),
        ("q: str = Query(None), b: Item = Body(...)", "b: Annotated[Item, Body()], q: Annotated[str, Query()] = None"),
        # Dependencies run in order.
        # A star for half a signature is nothing that anybody would write.
        ("u=Depends(get_user), db: Session = Depends(get_db)", None),
        ("q: str = 'x', *, r: str = Query(...)", "q: str = 'x', *, r: Annotated[str, Query()]"),
        ("q: str = 'x', r: str = Query(...), *, s: int = 1", None),
        ("q: str = 'x', r: str = Query(...), *args: int", None),
    ],
)  # fmt: skip
def test_the_order_of_parameters(before: str, after: str | None) -> None:
    assert signature(before) == (before if after is None else after)


def test_lines_and_comments_move_with_their_parameters() -> None:
    assert fixed("""\
        @router.get("/")
        async def f(
            item_id: int,  # the item
            # how many
            limit: int = Query(
                10,  # ten
                le=100,  # not more
            ),  # limit
            # the session
            db: Session = Depends(get_db),  # db
            user: Item = Depends(get_user)  # last
        ) -> None: ...
        """) == textwrap.dedent("""\
        @router.get("/")
        async def f(
            item_id: int,  # the item
            # the session
            db: Annotated[Session, Depends(get_db)],  # db
            user: Annotated[Item, Depends(get_user)],  # last
            # how many
            limit: Annotated[
                int,
                Query(
                    # ten
                    le=100,  # not more
                ),
            ] = 10,  # limit
        ) -> None: ...
        """)


def test_comments_that_cannot_move_leave_the_order() -> None:
    assert fixed("""\
        @router.get("/")
        def f(q: str = "x",  # text
              db: Session = Depends(get_db)): ...
        """) == textwrap.dedent("""\
        @router.get("/")
        def f(q: str = "x", *,  # text
              db: Annotated[Session, Depends(get_db)]): ...
        """)


@pytest.mark.parametrize(
    ("call", "after"),
    [
        ("load(1, 2)", None),
        ("load(1, db=2)", "(q: int = 1, *, db: Annotated[Session, Depends(get_db)])"),
        ("load(q=1, db=2)", "(db: Annotated[Session, Depends(get_db)], q: int = 1)"),
        ("load(1)", None),
        ("load(**everything)", None),
        ("run_in_threadpool(load, 1)", None),
        ("partial(load, db=2)", "(db: Annotated[Session, Depends(get_db)], q: int = 1)"),
        ("partial(load, 1)", "(q: int = 1, *, db: Annotated[Session, Depends(get_db)])"),
    ],
)
def test_callers_in_other_modules_decide(call: str, after: str | None) -> None:
    code = "def load(q: int = 1, db: Session = Depends(get_db)): ...\n"
    other = (
        f"from functools import partial\nfrom fastapi.concurrency import run_in_threadpool\n"
        f"from app import load\neverything = {{}}\n{call}\n"
    )
    wanted = code if after is None else f"def load{after}: ...\n"
    assert fixed(code, tests=other) == wanted


def test_callers_under_another_name_decide() -> None:
    code = "def load(db: Session = Depends(get_db)): ...\n"
    assert fixed(code, tests="from app import load as fetch\nfetch()\n") == code
    assert fixed(code, tests="import app\napp.load()\n") == code
    assert fixed(code, tests="from other import load\n") != code
    assert fixed(code, tests="from store import items\nitems.load()\n", store="items = make()\n") != code


def test_constructor_and_methods() -> None:
    assert fixed("""\
        class Pager:
            def __init__(self, size: int = Query(10), db: Session = Depends(get_db)): ...
        class Inner(Pager): ...
        class Check:
            def __call__(self, q: str = Query("")): ...
        class View:
            @router.get("/")
            def get(self, inner: Inner = Depends(), c: str = Depends(Check())): ...
        """) == textwrap.dedent("""\
        class Pager:
            def __init__(self, db: Annotated[Session, Depends(get_db)], size: Annotated[int, Query()] = 10): ...
        class Inner(Pager): ...
        class Check:
            def __call__(self, q: Annotated[str, Query()] = ""): ...
        class View:
            @router.get("/")
            def get(self, inner: Annotated[Inner, Depends()], c: Annotated[str, Depends(Check())]): ...
        """)
    made = "class Pager:\n    def __init__(self, db: Session = Depends(get_db)): ...\n"
    assert fixed(f"{made}class Inner(Pager): ...\nInner()\n") == f"{made}class Inner(Pager): ...\nInner()\n"


def test_the_type_is_taken_from_the_dependency() -> None:
    head = HEAD + "from collections.abc import Iterator\n"
    assert fixed("""\
        def session() -> Iterator[Session]:
            yield Session()
        def item() -> Item: ...
        def anything(): ...
        def items() -> list[Item]: ...
        which = Item
        def f(a=Depends(session), b=Depends(item), c=Depends(Item), d=Depends(anything), e=Depends(items),
              g=Depends(which)): ...
        """, head).splitlines()[-2:] == [
        "def f(a: Annotated[Session, Depends(session)], b: Annotated[Item, Depends(item)], "
        "c: Annotated[Item, Depends(Item)], d=Depends(anything), e=Depends(items),",
        "      g=Depends(which)): ...",
    ]  # fmt: skip


FUTURE = '"""Docs."""\nfrom __future__ import annotations\n' + HEAD


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("@router.get('/')\ndef f(db: Session = Depends(get_db)): ...\n", True),
        ("@router.get('/')\ndef f(db: 'Session' = Depends(get_db)): ...\n", True),
        ("@router.get('/')\ndef f(db: Later = Depends(get_db)): ...\nclass Later: ...\n", False),
        ("def make(dep):\n    @router.get('/')\n    def f(db: Session = Depends(dep)): ...\n", False),
        ("def make():\n    class Local: ...\n    def f(db: Local = Depends(get_db)): ...\n", False),
        ("def make():\n    def f(db: Session = Depends(get_db)): ...\n", True),
        ("class View:\n    dep = get_db\n    def f(self, db: Session = Depends(dep)): ...\n", False),
        ("from other import wrap\n@router.get('/')\n@wrap\ndef f(db: Session = Depends(get_db)): ...\n", False),
        ("def wrap(f): return f\n@router.get('/')\n@wrap\ndef f(db: Session = Depends(get_db)): ...\n", True),
        ("for dep in (get_db, get_user):\n    def f(db: Session = Depends(dep)): ...\n", False),
        ("dep = get_db\ndef f(db: Session = Depends(dep)): ...\ndep = get_user\n", False),
        ("def f(db: Unknown = Depends(get_db)): ...\n", False),
    ],
)
def test_deferred_annotations(code: str, changes: bool) -> None:
    assert (fixed(code, FUTURE) != code) is changes


def test_wrapped_functions_see_their_module_since_0_123_5() -> None:
    code = "from other import wrap\n@router.get('/')\n@wrap\ndef f(db: Session = Depends(get_db)): ...\n"
    new = {"app.py": (FUTURE + code).encode(), "requirements.txt": b"fastapi>=0.124\n"}
    assert fix(new, CODE)["app.py"] != new["app.py"]


def test_old_versions() -> None:
    head = "from fastapi import Depends, Query\n"
    code = f"{head}def f(db: int = Depends(f), q: list = Query(default_factory=list)): ...\n".encode()
    assert not lint({"app.py": code, "requirements.txt": b"fastapi==0.94.1\n"}, CODE)
    v1 = fix({"app.py": code, "requirements.txt": b"fastapi==0.95.1\npydantic==1.10\n"}, CODE)["app.py"].decode()
    assert v1.endswith("def f(db: Annotated[int, Depends(f)], q: list = Query(default_factory=list)): ...\n")
    old = fix({"app.py": code, "setup.cfg": b"[options]\npython_requires = >=3.8\n"}, CODE)["app.py"].decode()
    assert "from typing_extensions import Annotated\n" in old


def test_markers_under_other_names_and_from_other_modules() -> None:
    head = (
        "from typing import Annotated\nimport fastapi as fa\n"
        "from deps import Inject, Current, db\nfrom fastapi import Query as Q\n"
    )
    assert fixed("""\
        def f(a: int = Inject(db), b: int = fa.Depends(db), c: int = Current, d: int = Q(1)): ...
        """, head, deps="from fastapi import Depends as Inject\ndef db(): ...\nCurrent = Inject(db)\n") == (
        "def f(a: Annotated[int, Inject(db)], b: Annotated[int, fa.Depends(db)], c: Annotated[int, Current], "
        "d: Annotated[int, Q()] = 1): ...\n"
    )  # fmt: skip


# -------------------------------------------------------------------- generated signatures

APPLICATION = """\
from typing import Annotated, Optional, List
from fastapi import FastAPI, Body, Cookie, Depends, File, Form, Header, Path, Query, Security, UploadFile
from pydantic import BaseModel
import fastapi as api

app = FastAPI()
LIMIT = 7

class Item(BaseModel):
    name: str = "x"

def first(token: str = "t", deep: int = Query(1)) -> str: return token
def second(deeper: Optional[str] = Header(None)): ...
class Pager:
    def __init__(self, skip: int = 0, size: int = Query(10, le=50)): ...
FIRST = Depends(first)
"""

OPTIONS = {
    "int": (
        "title='T'", "ge=1", "description='how\\'s that'", "alias='al-{name}'", "include_in_schema=False",
        "deprecated=True",
    ),
    "str": ("title='T'", "max_length=9", "min_length=0", "pattern='^[^,]*$'", "alias='al-{name}'"),
}  # fmt: skip
DEFAULTS = {
    "int": ("...", "5", "default=5", "default=...", "LIMIT", "None", "(2\n  + 3)", ""),
    "str": ("...", "'a'", "default='b, c'", "None", "default=None", "str(\n'x')", '"a"  # why\n "b"', ""),
}
DEPENDENCIES = (
    "Depends(first)", "Depends(second, use_cache=False)", "Security(first, scopes=['a'])", "FIRST",
    "api.Depends(first)", "Depends(  # first\n  first,\n  )", "Depends(lambda: 1)",
)  # fmt: skip


@st.composite
def calls(draw: st.DrawFn, name: str, kind: str, markers: tuple[str, ...]) -> str:
    """A marker for a parameter of a scalar type, perhaps over several lines with comments."""
    marker = draw(st.sampled_from(markers))
    default = draw(st.sampled_from(DEFAULTS[kind]))
    options = draw(st.lists(st.sampled_from(OPTIONS[kind]), max_size=2, unique_by=lambda text: text.split("=")[0]))
    args = [default] if default else []
    args = [*args, *(option.format(name=name) for option in options)]
    if default.startswith("default=") and draw(st.booleans()):
        args.reverse()
    match draw(st.integers(0, 3)):
        case 0 if args:
            lines = [f"        {arg},  # {name} {number}" for number, arg in enumerate(args)]
            return "\n".join([f"{marker}(  # open {name}", *lines, "    )"])
        case 1 if args:
            return f"{marker}(\n        {', '.join(args)}\n    )"
    return f"{marker}({', '.join(args)})"


@st.composite
def parameters(draw: st.DrawFn, name: str, bodies: tuple[str, ...], is_deferred: bool) -> str:
    """One parameter with a default (or several: a marker is one), as it stands in the signature."""
    scalars = ("Query", "Header", "Cookie", "api.Query", *bodies)
    shape = draw(st.sampled_from(("scalar", "scalar", "depends", "depends", "class", "list", "plain", "bare", "model")))
    match shape:
        case "scalar":
            kind = draw(st.sampled_from(("int", "str")))
            forms = ("{0}", "Optional[{0}]", "{0} | None", "'{0}'", "'Optional[{0}]'", "Annotated[{0}, 'doc']", "({0})")
            annotation = draw(st.sampled_from(forms)).format(kind)
            call = draw(calls(name, kind, scalars))
        case "depends":
            annotation = draw(st.sampled_from(("str", "object", "'Item'", "'Item | None'", "Annotated[str, 'doc']")))
            call = draw(st.sampled_from(DEPENDENCIES))
        case "class":
            annotation = draw(st.sampled_from(("Pager", "'Pager'")))
            call = draw(st.sampled_from(("Depends()", "Depends(Pager)", "Depends(use_cache=False)")))
        case "list":
            annotation = draw(st.sampled_from(("list[str]", "List[str]", "'list[str]'", "Optional[List[str]]")))
            choices = ("Query([])", "Query(default_factory=list)", "Query(None)", "Query(['a', 'b'])")
            call = draw(st.sampled_from(choices))
        case "plain":
            return f"{name}: int = {draw(st.integers(0, 9))}"
        case "model" if bodies[0] == "Body":
            annotation = draw(st.sampled_from(("Item", "Optional[Item]", "'Item'", "'Late'")))
            call = draw(st.sampled_from(("Body(...)", "Body(None)", "Body()", "Body(..., embed=True)")))
            if annotation == "'Late'" and is_deferred:
                annotation = "Item"
        case _:
            choices = ("Depends(second)", "Depends(Pager)", "Depends(first)", "Query(3)")
            return f"{name}={draw(st.sampled_from(choices))}"
    equals = draw(st.sampled_from((" = ", "=", " =  ")))
    return f"{name}: {annotation}{equals}{call}"


@dataclass(frozen=True)
class Endpoint:
    """A generated module with one endpoint; `text` is all of it."""

    text: str


@st.composite
def endpoints(draw: st.DrawFn) -> Endpoint:
    is_deferred = draw(st.booleans())
    bodies = draw(st.sampled_from((("Body",), ("Form", "File"))))
    names = [f"p_{letter}" for letter in "abcdef"[: draw(st.integers(1, 6))]]
    bodies = bodies if bodies[0] == "Body" else ("Form",)
    written = [draw(parameters(name, bodies, is_deferred)) for name in names]
    if draw(st.booleans()):
        written.insert(draw(st.integers(0, len(written))), "*")
        written = written[:-1] if written[-1] == "*" else written
    if draw(st.booleans()):
        choices = ("item_id: int", "item_id: int = Path(...)", "item_id: int = Path(ge=1)")
        written.insert(0, draw(st.sampled_from(choices)))
    path = "/items/{item_id}" if written[0].startswith("item_id") else "/items"
    match draw(st.integers(0, 2)):
        case 0:
            inside = ", ".join(written) + draw(st.sampled_from(("", ",")))
        case 1:
            inside = "\n" + "".join(f"    {one},\n" for one in written)
        case _:
            lines = []
            for number, one in enumerate(written):
                if draw(st.booleans()):
                    lines.append(f"    # above {number}\n")
                comma = "," if number + 1 < len(written) or draw(st.booleans()) else ""
                lines.append(f"    {one}{comma}{draw(st.sampled_from(('', f'  # behind {number}')))}\n")
            inside = "  # head\n" + "".join(lines)
    keyword = draw(st.sampled_from(("def", "async def")))
    late = "class Late(Item): ...\n" if draw(st.booleans()) else ""
    decorator = f"@app.post({path!r})\n"
    future = "from __future__ import annotations\n" if is_deferred else ""
    if "'Late'" in inside:
        body = f"{keyword} endpoint({inside}): ...\nclass Late(Item): ...\napp.post({path!r})(endpoint)\n"
    else:
        body = f"{late}{decorator}{keyword} endpoint({inside}):\n    return None\n"
    return Endpoint(f"{future}{APPLICATION}{body}")


def run(text: str) -> types.ModuleType:
    """The module that a generated text makes."""
    module = types.ModuleType("generated")
    exec(compile(text, "generated.py", "exec", dont_inherit=True), vars(module))
    return module


def meaning(text: str) -> tuple[str, object, object]:
    """What FastAPI makes of the endpoint: document, dependencies in order, and each parameter's default."""
    module = run(text)
    app: FastAPI = module.app
    route = next(route for route in app.routes if getattr(route, "endpoint", None) is module.endpoint)
    order = [getattr(one.call, "__name__", "?") for one in route.dependant.dependencies]  # type: ignore[attr-defined]
    defaults = {}
    for name, param in inspect.signature(module.endpoint).parameters.items():
        default = param.default
        if isinstance(default, FieldInfo):
            default = inspect.Parameter.empty if default.is_required() or default.default_factory else default.default
        defaults[name] = inspect.Parameter.empty if isinstance(default, Depends) else default
    return json.dumps(app.openapi()), order, defaults


def comments(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(endpoints())
def test_generated_signatures_keep_their_meaning(endpoint: Endpoint) -> None:
    before = endpoint.text
    wanted = meaning(before)
    after = fix({"app.py": before.encode()}, CODE, unsafe=False)
    text = after["app.py"].decode()
    assert meaning(text) == wanted, text
    assert comments(text) == comments(before), text
    assert fix(after, CODE, unsafe=False) == after, text
    fixable = [f for f in lint(after, CODE) if f.fix is not None]
    assert not fixable, text


def test_an_object_that_anybody_may_call_is_fixed_on_demand_only() -> None:
    files = {
        "app.py": b"""\
from fastapi import Depends, FastAPI
from guards import guard

app = FastAPI()


@app.get("/")
def read(user: str = Depends(guard())) -> str:
    return user or guard()("by hand", "admin")
""",
        "guards.py": b"""\
from fastapi import Depends


def get_role() -> str:
    return "admin"


class Guard:
    def __call__(self, name: str, role: str = Depends(get_role)) -> str:
        return name

    def roles(self, role: str = Depends(get_role)) -> str:
        return role


def guard() -> Guard:
    return Guard()
""",
    }
    safe = fix(files, CODE, unsafe=False)["guards.py"].decode()
    assert "name: str, role: str = Depends(get_role)" in safe
    assert "def roles(self, role: Annotated[str, Depends(get_role)])" in safe  # nobody calls it
    every = fix(files, CODE)["guards.py"].decode()
    assert "name: str, role: Annotated[str, Depends(get_role)]" in every


def test_lines_are_as_long_as_the_project_declares() -> None:
    code = b"""\
from fastapi import Depends, FastAPI

app = FastAPI()


def get_session() -> str:
    return ""


@app.get("/items/{item_id}")
def read_item(item_id: int, session: str = Depends(get_session), limit: int = 10) -> str:
    return session
"""
    pyproject = b"[tool.ruff]\nline-length = %d\n"
    short = fix({"app.py": code, "pyproject.toml": pyproject % 88}, CODE)["app.py"].decode()
    wide = fix({"app.py": code, "pyproject.toml": pyproject % 120}, CODE)["app.py"].decode()
    assert "def read_item(\n    item_id: int," in short
    assert "def read_item(item_id: int, session: Annotated[str, Depends(get_session)], limit: int = 10) -> str:" in wide
