"""The Depends graph, what stands in front of a route, and which dependencies authenticate."""

from __future__ import annotations

import pytest
from model.projects import function, project

from fastapi_lint.model.injection.authentication import named_for_authentication
from fastapi_lint.model.injection.dependencies import Depends
from fastapi_lint.model.project import Project


def effective(of: Project, path: str) -> tuple[list[str], bool]:
    """The names of the dependencies in front of the one address with a path, and whether that is all."""
    (found,) = (a for app in of.routes.apps for a in of.routes.addresses(app) if a.path == path)
    dependencies, complete = of.dependencies.effective(found)
    return [one.name for one in dependencies], complete


def uses(of: Project, name: str) -> tuple[Depends, ...]:
    return of.dependencies.of_function(function(of, name))


def test_every_place_where_dependencies_stand_outermost_first() -> None:
    of = project(
        deps="""
            from typing import Annotated
            from fastapi import Depends
            def app_level(): ...
            def included(): ...
            def on_router(): ...
            def on_route(): ...
            def in_signature(): ...
            Aliased = Annotated[str, Depends(in_signature)]
            LISTED = [Depends(on_router)]
        """,
        main="""
            from fastapi import APIRouter, Depends, FastAPI
            import deps
            from deps import Aliased, LISTED, on_route
            app = FastAPI(dependencies=[Depends(deps.app_level)])
            router = APIRouter(dependencies=LISTED)
            @router.get("/a", dependencies=[Depends(on_route)])
            def a(x: Aliased, y=Depends(deps.included)): ...
            app.include_router(router, dependencies=[Depends(deps.included)])
        """,
    )
    names = ["app_level", "included", "on_router", "on_route", "in_signature", "included"]
    assert effective(of, "/a") == (names, True)


def test_lists_that_cannot_be_read_are_not_complete() -> None:
    of = project(
        main="""
            from fastapi import FastAPI
            from elsewhere import listed, options
            app = FastAPI()
            @app.get("/a", dependencies=listed)
            def a(): ...
            @app.get("/b", **options)
            def b(): ...
            @app.get("/c", dependencies=None)
            def c(): ...
        """
    )
    assert [effective(of, path)[1] for path in ("/a", "/b", "/c")] == [False, False, True]


def test_sub_dependencies_of_functions_classes_and_callable_objects() -> None:
    of = project(
        main="""
            from fastapi import Depends
            def settings(): ...
            def session(config=Depends(settings)):
                yield config
            class Pages:
                def __init__(self, db=Depends(session)): ...
            class Checker:
                def __init__(self, role): ...
                def __call__(self, db=Depends(session)): ...
            def handler(pages: Pages = Depends(), checked=Depends(Checker("admin"))): ...
        """
    )
    first, second = uses(of, "handler")
    assert [one.name for one in of.dependencies.closure(first)][1:] == ["session", "settings"]
    assert [one.name for one in of.dependencies.closure(second)][1:] == ["session", "settings"]


def test_circular_dependencies_end() -> None:
    of = project(
        main="""
            from fastapi import Depends
            def one(x=Depends(lambda: two)): ...
            def two(x=Depends(one)): ...
            def three(x=Depends(two), y=Depends(two)): ...
        """
    )
    assert [d.name for d in of.dependencies.closure(uses(of, "three")[0])][:2] == ["two", "one"]


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("Depends(OAuth2PasswordBearer(tokenUrl='t'))", True),
        ("Depends(scheme)", True),
        ("Security(plain)", True),
        ("Depends(reads_header)", True),
        ("Depends(refuses)", True),
        ("Depends(below)", True),
        ("Depends(plain)", False),
        ("Depends(get_user_service)", False),
        ("Depends(OAuth2PasswordRequestForm)", False),
        ("Depends(from_elsewhere)", None),
        ("Depends(get_current_user)", True),
    ],
)
def test_which_dependencies_authenticate(declared: str, expected: bool | None) -> None:
    of = project(
        main=f"""
            from fastapi import Depends, Header, HTTPException, Security
            from fastapi.security import APIKeyHeader, OAuth2PasswordBearer, OAuth2PasswordRequestForm
            from elsewhere import from_elsewhere, get_current_user
            scheme = APIKeyHeader(name="X-Key")
            def plain(): ...
            def get_user_service(db=Depends(plain)): ...
            def reads_header(x_api_key: str = Header()): ...
            def refuses(q: str = ""):
                if not q:
                    raise HTTPException(status_code=401)
            def below(x=Depends(refuses)): ...
            def handler(it={declared}): ...
        """
    )
    (found,) = uses(of, "handler")
    assert of.dependencies.authenticates(found) is expected


@pytest.mark.parametrize(
    "name",
    ["get_current_user", "CurrentUser", "require_admin", "verify_token", "ProjectMemberAuth", "admin_required",
     "JWTBearer", "get_api_key", "http_basic_or_jwt_token", "get_verified_user", "is_authenticated",
     "PermissionsDependency"],
)  # fmt: skip
def test_names_of_authentication(name: str) -> None:
    assert named_for_authentication(name)


@pytest.mark.parametrize(
    "name",
    ["get_db", "get_user_service", "get_user_manager", "UserRepository", "get_token_store", "author_filter",
     "get_settings", "require_feature", "check_health", "pagination", "get_users_params", "current_page",
     "token_budget", "OAuth2RequestForm"],
)  # fmt: skip
def test_names_that_identify_nobody(name: str) -> None:
    assert not named_for_authentication(name)


def test_dependencies_of_a_decorator_that_registers() -> None:
    of = project(
        main="""
            from fastapi import Depends, FastAPI
            app = FastAPI()
            def check(): ...
            def protected(method, path):
                def decorator(func):
                    return method(path, dependencies=[Depends(check)])(func)
                return decorator
            @protected(app.post, "/a")
            def a(): ...
        """
    )
    assert effective(of, "/a") == (["check"], True)
