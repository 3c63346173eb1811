"""Routers, inclusions and routes: every shape in which applications are put together."""

from __future__ import annotations

from textwrap import dedent

import pytest
from model.projects import project

from fastapi_lint.files.source import Source
from fastapi_lint.index.build import build
from fastapi_lint.model.listing import listing
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.model.project import Project
from fastapi_lint.model.routing.routes import Address, Route
from fastapi_lint.model.understanding import understanding


def tree(files: dict[str, str]) -> Project:
    """A project of files by path, packages with their `__init__.py` among them."""
    modules = []
    for path, text in files.items():
        source = Source(path, dedent(text).encode())
        modules.append(Module(source, build(source.utf8)))
    return Project(modules)


def addresses(of: Project, name: str = "") -> list[Address]:
    """The addresses of all apps, or of those in the module of that dotted name."""
    return [a for app in of.routes.apps if not name or app.module.name == name for a in of.routes.addresses(app)]


def paths(of: Project, name: str = "") -> list[str]:
    """Method and path of every address, in order; conditional ones with a question mark."""
    found = []
    for address in addresses(of, name):
        kind = address.route.kind if isinstance(address.route, Route) else "mount"
        methods = "/".join(address.methods) or kind
        found.append(f"{methods} {address.path}{'?' if address.conditional else ''}")
    return found


ONE_FILE = {
    "app": (
        """
        from fastapi import FastAPI
        app = FastAPI()
        @app.get("/a")
        def a(): ...
        """,
        ["GET /a"],
    ),
    "aliased class": (
        """
        from fastapi import FastAPI as F, APIRouter as AR
        app = F()
        r = AR(prefix="/r")
        @r.post("/a")
        def a(): ...
        app.include_router(r)
        """,
        ["POST /r/a"],
    ),
    "module import": (
        """
        import fastapi as fa
        app = fa.FastAPI()
        r = fa.APIRouter()
        @r.delete("/a")
        def a(): ...
        app.include_router(router=r, prefix="/v1")
        """,
        ["DELETE /v1/a"],
    ),
    "Final": (
        """
        from typing import Final
        from fastapi import FastAPI, APIRouter
        app: Final = FastAPI()
        router: Final[APIRouter] = APIRouter()
        @router.get("/a")
        def a(): ...
        app.include_router(router)
        """,
        ["GET /a"],
    ),
    "subclasses": (
        """
        from fastapi import FastAPI, APIRouter
        class Mine(APIRouter):
            def __init__(self, **kwargs):
                super().__init__(prefix="/mine", **kwargs)
        class App(FastAPI): ...
        app = App()
        router = Mine()
        @router.get("/a")
        def a(): ...
        app.include_router(router)
        """,
        ["GET /mine/a"],
    ),
    "api_route and add_api_route": (
        """
        from fastapi import FastAPI
        app = FastAPI()
        METHODS = ["PUT", "patch"]
        @app.api_route("/a", methods=["GET", "POST"])
        def a(): ...
        app.add_api_route("/b", a)
        app.add_api_route(path="/c", endpoint=a, methods=METHODS)
        """,
        ["GET/POST /a", "GET /b", "PUT/PATCH /c"],
    ),
    "by hand": (
        """
        from fastapi import FastAPI
        app = FastAPI()
        def a(): ...
        app.get("/a")(a)
        """,
        ["GET /a"],
    ),
    "websockets": (
        """
        from fastapi import FastAPI
        app = FastAPI()
        @app.websocket("/w")
        async def w(websocket): ...
        app.add_api_websocket_route("/v", w)
        """,
        ["websocket /w", "websocket /v"],
    ),
    "mounts": (
        """
        from fastapi import FastAPI
        from fastapi.staticfiles import StaticFiles
        app = FastAPI()
        inner = FastAPI()
        @inner.get("/a")
        def a(): ...
        app.mount("/static", StaticFiles(directory="x"))
        app.mount("/inner", inner)
        """,
        ["mount /static", "mount /inner", "GET /a"],
    ),
    "starlette's kinds on a router with a prefix": (
        """
        from fastapi import FastAPI, APIRouter
        app = FastAPI()
        outer, inner = APIRouter(prefix="/outer"), APIRouter(prefix="/inner")
        async def plain(request): ...
        def a(): ...
        inner.add_route("/plain", plain)
        inner.add_api_route("/a", a)
        inner.mount("/files", object())
        outer.include_router(inner, prefix="/p")
        app.include_router(outer, prefix="/v1")
        """,
        ["GET /v1/outer/p/plain", "GET /v1/outer/p/inner/a", "mount /v1/outer/p/files"],
    ),
    "a list of routes": (
        """
        from fastapi import FastAPI, APIRouter
        from fastapi.routing import APIRoute, APIWebSocketRoute
        from starlette.routing import Mount, Route
        def a(): ...
        LISTED = [APIRoute("/a", a, methods=["PUT"]), APIWebSocketRoute("/w", a)]
        r = APIRouter(prefix="/own", routes=[*LISTED, Route("/b", a), Mount("/m", object())])
        r.routes.append(APIRoute("/c", a))
        app = FastAPI()
        app.include_router(r, prefix="/r")
        """,
        ["PUT /r/a", "websocket /r/w", "GET /r/b", "mount /r/m", "GET /r/c"],
    ),
    "a list of routes that grows": (  # the same paths, in the same order, as `app.routes` has with FastAPI 0.165
        """
        from fastapi import FastAPI
        from fastapi.routing import APIRoute
        def a(): ...
        def b(): ...
        app = FastAPI()
        app.routes.append(APIRoute("/a", a))
        app.router.routes.insert(0, APIRoute("/first", a, methods=["POST"]))
        app.routes.extend([APIRoute("/b", b)])
        app.router.routes += [APIRoute("/c", a), APIRoute("/d", b)]
        app.routes.insert(2, APIRoute("/somewhere", a))
        """,
        ["POST /first", "GET /a", "GET /b", "GET /c", "GET /d"],
    ),
    "the router of the app": (
        """
        from fastapi import FastAPI, APIRouter
        app, r = FastAPI(), APIRouter()
        @app.router.get("/a")
        def a(): ...
        @r.get("/b")
        def b(): ...
        app.router.include_router(r)
        """,
        ["GET /a", "GET /b"],
    ),
    "an app that is filled in its lifespan": (
        """
        from contextlib import asynccontextmanager
        from fastapi import FastAPI, APIRouter
        r = APIRouter()
        @r.get("/a")
        def a(): ...
        def fill(target): target.include_router(r, prefix="/r")
        @asynccontextmanager
        async def lifespan(started):
            fill(started)
            yield
        app = FastAPI(lifespan=lifespan)
        """,
        ["GET /r/a"],
    ),
    "prefixes that a class makes": (
        """
        from fastapi import FastAPI, APIRouter
        class Named(APIRouter):
            kind = "things"
            def __init__(self, name, **more):
                name = name.strip("/")
                super().__init__(prefix=f"/{self.kind}/{name}", **more)
        class Other(Named):
            kind = "others"
        class Through(APIRouter):
            def __init__(self, **more): super().__init__(**more)
            def put_up(self, path, handler): super().add_api_route(path, handler, methods=["PUT"])
        def a(): ...
        one, two, three = Named("one/"), Other("two"), Through(prefix="/three")
        for each in (one, two):
            each.add_api_route("/a", a)
        three.put_up("/a", a)
        app = FastAPI()
        app.include_router(one)
        app.include_router(two)
        app.include_router(three)
        """,
        ["GET /things/one/a", "GET /others/two/a", "PUT /three/a"],
    ),
    "decorators and verbs of a router class": (
        """
        from fastapi import FastAPI, APIRouter
        class Own(APIRouter):
            def api_route(self, path, *, label="", **more):
                def register(handler):
                    self.add_api_route(path + label, handler, **more)
                    return handler
                return register
            def get(self, path, *, label="", **more):
                return self.api_route(path, label=label, methods=["GET", "HEAD"], **more)
            def post(self, path, **more):
                return super().post(path, include_in_schema=False, **more)
        r = Own(prefix="/r")
        @r.get("/a", label="-x")
        def a(): ...
        @r.post("/b")
        def b(): ...
        @r.put("/c")
        def c(): ...
        app = FastAPI()
        app.include_router(r)
        def plainly(handler): app.add_api_route("/d", handler)
        @plainly
        def d(): ...
        """,
        ["GET/HEAD /r/a-x", "POST /r/b", "PUT /r/c", "GET /d"],
    ),
    "constants and f-strings": (
        """
        from fastapi import FastAPI
        VERSION = 2
        PREFIX = f"/v{VERSION}"
        app = FastAPI()
        @app.get(PREFIX + "/a")
        def a(): ...
        @app.get(f"{PREFIX}/b/{{number}}")
        def b(number: int): ...
        """,
        ["GET /v2/a", "GET /v2/b/{number}"],
    ),
    "nested inclusion with prefixes": (
        """
        from fastapi import FastAPI, APIRouter
        app = FastAPI()
        outer = APIRouter(prefix="/outer")
        inner = APIRouter(prefix="/inner")
        @inner.get("")
        def a(): ...
        outer.include_router(inner, prefix="/x")
        app.include_router(outer, prefix="/api")
        """,
        ["GET /api/outer/x/inner"],
    ),
    "route after the inclusion of its router": (
        """
        from fastapi import FastAPI, APIRouter
        app = FastAPI()
        r = APIRouter()
        app.include_router(r)
        @r.get("/late")
        def late(): ...
        """,
        ["GET /late"],
    ),
    "circular inclusion": (
        """
        from fastapi import FastAPI, APIRouter
        app = FastAPI()
        r, s = APIRouter(), APIRouter()
        @r.get("/a")
        def a(): ...
        r.include_router(s)
        s.include_router(r)
        app.include_router(r)
        """,
        ["GET /a"],
    ),
    "loop over a tuple": (
        """
        from fastapi import FastAPI, APIRouter
        app = FastAPI()
        r = APIRouter(); s = APIRouter()
        @r.get("/r")
        def a(): ...
        @s.get("/s")
        def b(): ...
        for one in (r, s):
            app.include_router(one)
        """,
        ["GET /r", "GET /s"],
    ),
    "loop over pairs and dicts": (
        """
        from fastapi import FastAPI, APIRouter
        app = FastAPI()
        r = APIRouter(); s = APIRouter(); t = APIRouter()
        @r.get("/r")
        def a(): ...
        @s.get("/s")
        def b(): ...
        @t.get("/t")
        def c(): ...
        for one, prefix in [(r, "/x"), (s, "/y")]:
            app.include_router(one, prefix=prefix)
        for prefix, one in {"/z": t}.items():
            app.include_router(one, prefix=prefix)
        """,
        ["GET /x/r", "GET /y/s", "GET /z/t"],
    ),
    "list that grows": (
        """
        from fastapi import FastAPI, APIRouter
        app = FastAPI()
        r = APIRouter(); s = APIRouter(); t = APIRouter()
        @r.get("/r")
        def a(): ...
        @s.get("/s")
        def b(): ...
        @t.get("/t")
        def c(): ...
        routers = [r]
        routers.append(s)
        routers += [t]
        for one in routers:
            app.include_router(one)
        """,
        ["GET /r", "GET /s", "GET /t"],
    ),
    "app factory": (
        """
        from fastapi import FastAPI, APIRouter
        def make_router(prefix):
            router = APIRouter(prefix=prefix)
            @router.get("/a")
            def a(): ...
            return router
        def create_app():
            app = FastAPI()
            register(app)
            return app
        def register(application):
            application.include_router(make_router("/made"))
            @application.get("/b")
            def b(): ...
        app = create_app()
        """,
        ["GET /made/a", "GET /b"],
    ),
    "one factory that is called several times": (
        """
        from fastapi import FastAPI, APIRouter
        def crud(name: str, *parts, prefix: str = "/crud"):
            router = APIRouter(prefix=f"{prefix}/{name}")
            @router.get("/")
            def read(): ...
            @router.post(f"/{name}-new")
            def create(): ...
            for part in parts:
                router.include_router(part)
            return router
        inner = APIRouter(prefix="/inner")
        @inner.get("/x")
        def x(): ...
        items = crud("items", inner, prefix="/v2")
        orders = crud("orders")
        @orders.delete("/all")
        def clear(): ...
        app = FastAPI()
        app.include_router(crud("tags"), prefix="/p")
        app.include_router(items)
        app.include_router(orders)
        """,
        [
            "GET /p/crud/tags/",
            "POST /p/crud/tags/tags-new",
            "GET /v2/items/",
            "POST /v2/items/items-new",
            "GET /v2/items/inner/x",
            "GET /crud/orders/",
            "POST /crud/orders/orders-new",
            "DELETE /crud/orders/all?",
        ],
    ),
    "a class method that makes routers": (
        """
        from fastapi import FastAPI, APIRouter
        class Feature:
            name = "feature"
            @classmethod
            def router(cls):
                made = APIRouter(prefix=f"/{cls.name}")
                made.add_api_route("/do", cls.do, methods=["POST"])
                return made
            @staticmethod
            def do(): ...
        class Other(Feature):
            name = "other"
        app = FastAPI()
        app.include_router(Feature.router())
        app.include_router(Other.router())
        """,
        ["POST /feature/do", "POST /other/do"],
    ),
    "an object of a class that is made once": (
        """
        from fastapi import FastAPI, APIRouter
        class Server:
            def __init__(self, base: str):
                self.base = base
                self.app = FastAPI()
                self.router = APIRouter()
                self.router.get("/ping")(self.ping)
                self.app.include_router(self.router, prefix=self.base)
            def ping(self): ...
        app = Server("/api").app
        """,
        ["GET /api/ping"],
    ),
    "methods by the standard library and from sets": (
        """
        from http import HTTPMethod
        from fastapi import FastAPI
        app = FastAPI()
        WRITING = {"PUT"} | {HTTPMethod.PATCH}
        @app.api_route("/a", methods=[HTTPMethod.DELETE.value, HTTPMethod.HEAD])
        def a(): ...
        @app.api_route("/b", methods=WRITING)
        def b(): ...
        """,
        ["DELETE/HEAD /a", "PUT/PATCH /b"],
    ),
    "two factories that start from the same one": (
        """
        from fastapi import FastAPI
        def plain():
            return FastAPI()
        def one():
            app = plain()
            @app.get("/one")
            def a(): ...
            return app
        def two():
            app = plain()
            @app.get("/two")
            def b(): ...
            return app
        """,
        ["GET /one?", "GET /two?"],
    ),
    "conditions": (
        """
        from fastapi import FastAPI
        from settings import settings
        app = FastAPI()
        if settings.debug:
            @app.get("/debug")
            def debug(): ...
        else:
            app.add_api_route("/release", debug)
        try:
            app.add_api_route("/tried", debug)
        except ImportError:
            app.add_api_route("/fallback", debug)
        """,
        ["GET /debug?", "GET /release?", "GET /tried", "GET /fallback?"],
    ),
    "early return": (
        """
        from fastapi import FastAPI
        def create_app(full):
            app = FastAPI()
            def a(): ...
            app.add_api_route("/always", a)
            if not full:
                return app
            app.add_api_route("/full", a)
            return app
        """,
        ["GET /always", "GET /full?"],
    ),
    "router made by a constructor": (
        """
        from fastapi import FastAPI, APIRouter
        class Items:
            def __init__(self, prefix: str):
                self.router = APIRouter(prefix="/items")
                self.router.add_api_route(f"{prefix}/a", self.read)
                self.register()
            def register(self):
                @self.router.get("/b")
                def b(): ...
            def read(self): ...
        app = FastAPI()
        app.include_router(Items("/x").router)
        """,
        ["GET /items/x/a", "GET /items/b"],
    ),
    "flags of one object": (
        """
        from dataclasses import dataclass, field
        from fastapi import FastAPI, APIRouter
        @dataclass
        class Factory:
            add_preview: bool = True
            add_viewer: bool = False
            router: APIRouter = field(default_factory=APIRouter)
            def __post_init__(self):
                self.register()
                if self.add_preview:
                    self.preview()
                if self.add_viewer:
                    self.viewer()
            def register(self):
                @self.router.get("/info")
                def info(): ...
            def preview(self):
                @self.router.get("/preview")
                def preview(): ...
            def viewer(self):
                @self.router.get("/viewer")
                def viewer(): ...
        class Special(Factory):
            def register(self):
                @self.router.get("/special")
                def special(): ...
        app = FastAPI()
        plain = Factory(add_preview=False)
        full = Special(add_viewer=True)
        app.include_router(plain.router, prefix="/plain")
        app.include_router(full.router, prefix="/full")
        """,
        # Within one router in the order of the source, not of the calls.
        ["GET /plain/info", "GET /full/preview", "GET /full/viewer", "GET /full/special"],
    ),
    "extensions of one object": (
        """
        from dataclasses import dataclass, field
        from fastapi import FastAPI, APIRouter
        class Extension:
            def register(self, factory: "Factory"): ...
        class Validate(Extension):
            def register(self, factory: "Factory"):
                @factory.router.get("/validate")
                def validate(): ...
        class View(Extension):
            def register(self, factory: "Factory"):
                @factory.router.get("/view")
                def view(): ...
        @dataclass
        class Factory:
            extensions: list[Extension] = field(default_factory=list)
            router: APIRouter = field(default_factory=APIRouter)
            def __post_init__(self):
                for extension in self.extensions:
                    extension.register(self)
        app = FastAPI()
        one = Factory(extensions=[Validate()])
        two = Factory(extensions=[View()])
        none = Factory()
        app.include_router(one.router, prefix="/one")
        app.include_router(two.router, prefix="/two")
        """,
        ["GET /one/validate", "GET /two/view"],
    ),
    "decorator that is handed a route method": (
        """
        from fastapi import FastAPI, APIRouter
        app = FastAPI()
        router = APIRouter(prefix="/r")
        def protected(method, path, scopes=(), **kwargs):
            def decorator(func):
                return method(path, **kwargs)(func)
            return decorator
        @protected(router.post, "/a", ["write"])
        def a(): ...
        @protected(router.get, path="/b")
        def b(): ...
        app.include_router(router)
        """,
        ["POST /r/a", "GET /r/b"],
    ),
    "decorator of the project around a route method": (
        """
        from fastapi import FastAPI
        app = FastAPI()
        def read(path):
            return app.get("/read" + path)
        @read("/a")
        def a(): ...
        """,
        ["GET /read/a"],
    ),
    "paths rewritten in a loop": (
        """
        from fastapi import FastAPI, APIRouter
        app = FastAPI()
        router = APIRouter()
        @router.get("/a")
        def a(): ...
        @router.get("/b/")
        def b(): ...
        for route in router.routes:
            if not route.path.endswith("/"):
                route.path = f"{route.path}/"
        app.include_router(router, prefix="/x")
        """,
        ["GET /x/a/", "GET /x/b/"],
    ),
    "verb under a key": (
        """
        from fastapi import FastAPI, APIRouter
        app = FastAPI()
        router = APIRouter(prefix="/r")
        VERBS = {"get": app.get, "post": router.post}
        @VERBS["get"]("/a")
        def a(): ...
        @{"put": router.put}["put"]("/b")
        def b(): ...
        VERBS["post"]("/c")(b)
        app.include_router(router)
        """,
        ["GET /a", "PUT /r/b", "POST /r/c"],
    ),
    "verb by its name": (
        """
        from fastapi import FastAPI
        app = FastAPI()
        @getattr(app, "put")("/a")
        def a(): ...
        getattr(app, "patch")("/b")(a)
        for method in ("get", "post"):
            getattr(app, method)(f"/c/{method}")(a)
        for method, path in [("GET", "/d"), ("DELETE", "/e")]:
            getattr(app, method.lower())(path)(a)
        for method in read_methods():
            getattr(app, method)("/unknown")(a)
        getattr(app, "state")("/none")(a)
        """,
        ["PUT /a", "PATCH /b", "GET /c/get", "POST /c/post", "GET /d", "DELETE /e"],
    ),
    "verb by its name in a decorator of the project": (
        """
        from fastapi import FastAPI
        app = FastAPI()
        TABLE = {"read": app.get, "write": app.post}
        def api(method, path):
            return getattr(app, method)(path)
        def deed(kind, path):
            return TABLE[kind](path, status_code=202)
        @api("put", "/a")
        def a(): ...
        @deed("write", "/b")
        def b(): ...
        """,
        ["PUT /a", "POST /b"],
    ),
    "partials of router classes": (
        """
        from functools import partial
        from fastapi import FastAPI, APIRouter
        make = partial(APIRouter, prefix="/made", tags=["made"])
        app = FastAPI()
        one = make()
        @one.get("/a")
        def a(): ...
        two = make(prefix="/own")
        @two.get("/b")
        def b(): ...
        app.include_router(one)
        app.include_router(two)
        """,
        ["GET /made/a", "GET /own/b"],
    ),
    "routers made in a loop": (
        """
        from fastapi import FastAPI, APIRouter
        app = FastAPI()
        BASE = "/api"
        for name in ("one", "two"):
            router = APIRouter(prefix=f"{BASE}/{name}")
            @router.get("/a")
            def a(): ...
            @router.post(f"/{name}-only")
            def b(): ...
            app.include_router(router)
        """,
        ["GET /api/one/a", "POST /api/one/one-only", "GET /api/two/a", "POST /api/two/two-only"],
    ),
    "texts made of texts": (
        """
        from fastapi import FastAPI, APIRouter
        BASE = "/api"
        app = FastAPI()
        for prefix in ("/".join([BASE, "v1"]), "%s/third" % BASE, "{}/{name}".format(BASE, name="fourth")):
            router = APIRouter(prefix=prefix)
            @router.get("/x")
            def x(): ...
            app.include_router(router)
        """,
        ["GET /api/v1/x", "GET /api/third/x", "GET /api/fourth/x"],
    ),
    "class-based view": (
        """
        from fastapi import FastAPI, APIRouter
        from fastapi_utils.cbv import cbv
        app = FastAPI()
        router = APIRouter()
        @cbv(router)
        class Items:
            @router.get("/a")
            def a(self): ...
        app.include_router(router)
        """,
        ["GET /a"],
    ),
}


@pytest.mark.parametrize("shape", ONE_FILE)
def test_the_shapes_of_one_file(shape: str) -> None:
    text, expected = ONE_FILE[shape]
    assert paths(project(main=text)) == expected


def test_factories_know_their_arguments() -> None:
    """A prefix that is a parameter of the function that makes the router is that of the call that is included."""
    text = ONE_FILE["app factory"][0]
    again = text.replace("app = create_app()", 'other = make_router("/other")\n        app = create_app()')
    assert paths(project(main=again)) == paths(project(main=text)) == ["GET /made/a", "GET /b"]


def test_routers_of_other_modules() -> None:
    of = tree(
        {
            "app/__init__.py": "",
            "app/main.py": """
            from fastapi import FastAPI
            from app.routes import users, items as things
            from app.routes import tokens_router
            app = FastAPI()
            app.include_router(users.router, prefix="/users")
            app.include_router(things.router)
            app.include_router(tokens_router)
            def late():
                from .routes.late import router
                app.include_router(router)
            late()
        """,
            "app/routes/__init__.py": "from .tokens import router as tokens_router\n",
            "app/routes/users.py": """
            from fastapi import APIRouter
            router = APIRouter(tags=["users"])
            @router.get("/{name}")
            def read(name: str): ...
        """,
            "app/routes/items.py": """
            from fastapi import APIRouter
            from ..paths import ITEMS
            router = APIRouter(prefix=ITEMS)
            @router.post("/")
            def create(): ...
        """,
            "app/routes/tokens.py": """
            from fastapi import APIRouter
            router = APIRouter()
            @router.post("/token")
            def token(): ...
        """,
            "app/routes/late.py": """
            from fastapi import APIRouter
            router = APIRouter()
            @router.get("/late")
            def late(): ...
        """,
            "app/paths.py": 'ITEMS = "/items"\n',
        }
    )
    assert paths(of) == ["GET /users/{name}", "POST /items/", "POST /token", "GET /late"]


def test_verbs_of_other_modules() -> None:
    """A verb of a router under another name, or with arguments of its own, is known wherever it is imported."""
    of = tree(
        {
            "main.py": """
            from fastapi import FastAPI
            from verbs import router
            import endpoints
            app = FastAPI()
            app.include_router(router, prefix="/api")
        """,
            "verbs.py": """
            from functools import partial
            from fastapi import APIRouter
            router = APIRouter()
            fetch = partial(router.get, tags=["x"])
            store = partial(router.post, status_code=201)
            drop = router.delete
            odd = partial(router.get, "/fixed")
        """,
            "endpoints.py": """
            from verbs import drop, fetch, odd, store as put_there
            import verbs as v
            @fetch("/a")
            def a(): ...
            @put_there("/b")
            def b(): ...
            @v.store("/c", status_code=202)
            def c(): ...
            @drop("/d")
            def d(): ...
            @odd()
            def odd_one(): ...
        """,
        }
    )
    assert sorted(paths(of)) == ["DELETE /api/d", "GET /api/a", "POST /api/b", "POST /api/c"]
    codes = {route.name: route.status_code for route in of.routes.all}
    assert codes == {"a": None, "b": 201, "c": 202, "d": None}


@pytest.mark.parametrize(
    "loop",
    [
        """
        for info in pkgutil.iter_modules(api.__path__):
            module = importlib.import_module(f"api.{info.name}")
        """,
        """
        for _, name, _ in pkgutil.iter_modules(api.__path__, api.__name__ + "."):
            module = importlib.import_module(name)
        """,
        """
        for info in pkgutil.walk_packages(api.__path__, prefix="api."):
            if info.ispkg:
                continue
            module = importlib.import_module(info.name)
        """,
        """
        for name in ("one", "two"):
            module = importlib.import_module("api." + name)
        """,
        """
        for name in ("one", "two"):
            module = importlib.import_module(f".{name}", package="api")
        """,
        """
        for name in ("one", "two"):
            module = getattr(api, name)
        """,
        """
        for name in ("api.one", "api.two"):
            module = __import__(name, fromlist=["router"])
        """,
        """
        for file in sorted((Path(__file__).parent / "api").glob("*.py")):
            module = importlib.import_module(f"api.{file.stem}")
        """,
        """
        for name in os.listdir(os.path.join(os.path.dirname(__file__), "api")):
            module = importlib.import_module("api." + name.removesuffix(".py"))
        """,
    ],
)
def test_packages_that_are_gone_through(loop: str) -> None:
    head = """
        import importlib, os, pkgutil
        from pathlib import Path
        from fastapi import FastAPI
        import api
        app = FastAPI()
        """
    for use in ("module.router", 'getattr(module, "router")'):
        of = tree(
            {
                "main.py": dedent(head) + dedent(loop) + f"    app.include_router({use}, prefix='/auto')\n",
                "api/__init__.py": "from . import one, two\n",
                "api/one.py": """
            from fastapi import APIRouter
            router = APIRouter()
            @router.get("/one")
            def one(): ...
        """,
                "api/two.py": """
            from fastapi import APIRouter
            router = APIRouter(prefix="/two")
            @router.get("/x")
            def x(): ...
        """,
                "api/inner/__init__.py": "",
            }
        )
        assert paths(of) == ["GET /auto/one", "GET /auto/two/x"], use


def test_packages_that_others_go_through() -> None:
    """A list of routers that a package fills with those of its modules; a function that is given the package."""
    routers = {
        f"api/{name}.py": f"""
        from fastapi import APIRouter
        router = APIRouter(prefix="/{name}")
        @router.get("/x")
        def x(): ...
        """
        for name in ("one", "two")
    }
    filled = tree(
        {
            **routers,
            "api/__init__.py": """
        import pkgutil
        from importlib import import_module
        routers = []
        for _, name, _ in pkgutil.iter_modules(__path__):
            module = import_module(f"{__name__}.{name}")
            if hasattr(module, "router"):
                routers.append(module.router)
        """,
            "main.py": """
        from fastapi import FastAPI
        from api import routers
        app = FastAPI()
        for router in routers:
            app.include_router(router)
        """,
        }
    )
    given = tree(
        {
            **routers,
            "api/__init__.py": "",
            "loading.py": """
        import importlib, pkgutil
        def include_package(app, package, prefix=""):
            for _, name, is_package in pkgutil.iter_modules(package.__path__):
                module = importlib.import_module(f"{package.__name__}.{name}")
                router = getattr(module, "router", None)
                if router is not None:
                    app.include_router(router, prefix=prefix)
        """,
            "main.py": """
        from fastapi import FastAPI
        import api
        from loading import include_package
        app = FastAPI()
        include_package(app, api, prefix="/v1")
        """,
        }
    )
    assert paths(filled) == ["GET /one/x", "GET /two/x"]
    assert [path.rstrip("?") for path in paths(given)] == ["GET /v1/one/x", "GET /v1/two/x"]


def test_the_same_name_in_two_modules_is_two_routers() -> None:
    text = """
        from fastapi import APIRouter
        router = APIRouter()
        @router.get("/{}")
        def read(): ...
    """
    of = project(
        one=text.replace("{}", "one"),
        two=text.replace("{}", "two"),
        main="""
            from fastapi import FastAPI
            import one, two
            app = FastAPI()
            app.include_router(one.router)
            other = FastAPI()
            other.include_router(two.router)
        """,
    )
    first, second = of.routes.apps
    assert [a.path for a in of.routes.addresses(first)] == ["/one"]
    assert [a.path for a in of.routes.addresses(second)] == ["/two"]


def test_order_of_registration() -> None:
    of = project(
        main="""
            from fastapi import FastAPI, APIRouter
            from other import router
            app = FastAPI()
            app.include_router(router)
            @app.get("/here")
            def here(): ...
            @app.get("/second")
            @app.get("/first")
            def both(): ...
        """,
        other="""
            from fastapi import APIRouter
            router = APIRouter()
            @router.get("/there")
            def there(): ...
        """,
    )
    by_path = {address.path: address for address in addresses(of)}
    assert by_path["/there"].registered_before(by_path["/here"]) is True
    assert by_path["/here"].registered_before(by_path["/second"]) is True
    assert by_path["/first"].registered_before(by_path["/second"]) is True
    assert by_path["/second"].registered_before(by_path["/first"]) is False


def test_what_is_not_known_is_left_out() -> None:
    of = project(
        main="""
            from fastapi import FastAPI
            from elsewhere import make_router, thing
            app = FastAPI()
            app.include_router(make_router())
            @thing.get("/a")
            def a(): ...
        """
    )
    assert paths(of) == []
    assert of.routes.all == ()


def test_the_listing_goes_into_mounted_apps() -> None:
    """What a mounted app serves stands under its mount; two apps that mount each other come to an end."""
    of = tree(
        {
            "main.py": """
            from fastapi import FastAPI
            app = FastAPI()
            inner = FastAPI()
            @inner.get("/a")
            def a(): ...
            app.mount("/inner", inner)
            inner.mount("/outer", app)
            """
        }
    )
    rows = [row for row in listing(of) if row["app"] == "main:app"]
    assert [row["path"] for row in rows] == ["/inner", "/inner/a", "/inner/outer"]


def test_what_is_understood_of_a_project_can_be_said() -> None:
    """`-v`: why is nothing found here?"""
    of = tree(
        {
            "main.py": """
            import os
            from fastapi import Depends, FastAPI
            from other import router, elsewhere
            app = FastAPI()
            app.include_router(router, prefix=os.environ["PREFIX"])
            @app.get("/")
            def read(user=Depends(elsewhere.user)): ...
            """,
            "other.py": """
            from fastapi import APIRouter
            import plugins
            elsewhere = plugins.load()
            router = APIRouter()
            forgotten = APIRouter()
            @router.get("/a")
            def a(): ...
            @forgotten.get("/b")
            def b(): ...
            """,
        }
    )
    assert list(understanding(of)) == [
        "app main:app (main.py:5): 2 routes, 1 of them under a path that is not fully known",
        "routers that no app includes, or that are included in a way that is not known: "
        "`forgotten` (other.py:6, 1 route)",
        "dependencies that are not known, so that rules are silent about them: `user`",
    ]
    nothing = "no FastAPI application: "
    assert list(understanding(tree({"a.py": "x = 1"}))) == [nothing + "none of 1 file imports fastapi"]
    (said,) = understanding(tree({"a.py": "from fastapi import Depends"}))
    assert said.startswith(nothing + "fastapi is imported in 1 of 1 file, but outside tests")


def test_optional_authentication_is_not_protection() -> None:
    """A scheme or a user that may be None lets strangers in; somebody behind it may still refuse them."""
    of = tree(
        {
            "main.py": """
            from typing import Annotated, Optional
            from fastapi import Depends, FastAPI, HTTPException
            from fastapi.security import HTTPBearer, OAuth2PasswordBearer
            from fastapi_users import FastAPIUsers

            strict = OAuth2PasswordBearer(tokenUrl="token")
            lenient = OAuth2PasswordBearer(tokenUrl="token", auto_error=False)
            users = FastAPIUsers(None, [])
            class Bearer(HTTPBearer):
                async def __call__(self, request):
                    credentials = await super().__call__(request)
                    return credentials
            own = Bearer(auto_error=False)

            def get_user_if_any(token: Annotated[str | None, Depends(lenient)]) -> "User | None":
                return decode(token) if token else None
            def unannotated_user(token=Depends(lenient)):
                if not token:
                    return None
                return decode(token)
            def required_user(user=Depends(get_user_if_any)):
                if user is None:
                    raise HTTPException(status_code=401)
                return user
            def sloppy_current_user(token=Depends(lenient)) -> Optional[str]:
                if not token:
                    raise HTTPException(401)
                return decode(token)
            def behind_strict(token=Depends(strict)) -> Optional[str]:
                return decode(token)
            def check_key(token=Depends(lenient)) -> None:
                if token == "x":
                    return
                raise HTTPException(403)

            app = FastAPI()
            names = [lenient, own, get_user_if_any, unannotated_user, users.current_user(optional=True)]
            @app.get("/lenient", dependencies=[Depends(lenient)])
            @app.get("/own", dependencies=[Depends(own)])
            @app.get("/declared", dependencies=[Depends(get_user_if_any)])
            @app.get("/unannotated", dependencies=[Depends(unannotated_user)])
            @app.get("/users", dependencies=[Depends(users.current_user(optional=True))])
            @app.get("/both", dependencies=[Depends(lenient), Depends(required_user)])
            @app.get("/required", dependencies=[Depends(required_user)])
            @app.get("/sloppy", dependencies=[Depends(sloppy_current_user)])
            @app.get("/behind", dependencies=[Depends(behind_strict)])
            @app.get("/checked", dependencies=[Depends(check_key)])
            @app.get("/strict", dependencies=[Depends(strict)])
            @app.get("/open")
            def read(): ...
            """
        }
    )
    rows = {row["path"]: row for row in listing(of)}
    optional = [path for path, row in rows.items() if row["optional_authentication"] and not row["authenticated_by"]]
    protected = [path for path, row in rows.items() if row["authenticated_by"]]
    assert sorted(optional) == ["/declared", "/lenient", "/own", "/unannotated", "/users"]
    assert sorted(protected) == ["/behind", "/both", "/checked", "/required", "/sloppy", "/strict"]
    assert rows["/both"]["optional_authentication"] == ["lenient"]


def test_what_is_handed_over_has_routes_without_addresses() -> None:
    """Nobody in sight calls the function: its routes are known, but not where they answer."""
    of = tree(
        {
            "plugin.py": """
            from fastapi import FastAPI
            def extend(target: FastAPI):
                @target.get("/a/{number}")
                def a(number: int): ...
            """
        }
    )
    (route,) = of.routes.all
    assert (route.path, route.router, route.addresses) == ("/a/{number}", None, ())


def test_an_app_of_a_class_of_the_project_needs_no_word_of_fastapi() -> None:
    of = tree(
        {
            "core.py": """
                from fastapi import FastAPI

                class Service(FastAPI):
                    def __init__(self) -> None:
                        super().__init__()
                        self.add_api_route("/health", health)

                class Billing(Service):
                    pass

                def health() -> str:
                    return "fine"
            """,
            "main.py": "from core import Billing as Made\n\nservice = Made()\n",
        }
    )
    assert [app.module.name for app in of.routes.apps] == ["main"]
    assert paths(of) == ["GET /health"]
