"""Schemas as the model sees them: fields through bases of other modules, configuration, closure, use by routes."""

from __future__ import annotations

import pydantic
import pytest
from model.projects import cls, project

from fastapi_lint.model.data.exchange import Exchange, body_parameters, response_types
from fastapi_lint.model.data.schemas import Schema, Schemas
from fastapi_lint.model.project import Project


def schemas(**files: str) -> tuple[Project, Schemas]:
    of = project(**files)
    return of, Schemas(of.types, of.values)


def schema(of: Project, known: Schemas, name: str) -> Schema:
    found = known.of(cls(of, name))
    assert found is not None
    return found


BASES = """
    from typing import Any, ClassVar, Generic, Optional, TypeVar
    from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid", frozen=True)
        limit: ClassVar[int] = 3
        registry: "ClassVar[dict]" = {}
        id: int

    class Named:
        name: str = "x"
"""


def test_fields_are_inherited_across_modules_and_the_nearest_wins() -> None:
    of, known = schemas(
        app__bases=BASES,
        app__users="""
            from typing import Annotated
            from pydantic import Field, PrivateAttr, computed_field
            from .bases import Strict as S

            class User(S):
                _cache: dict = PrivateAttr(default_factory=dict)
                __hidden: int = 1
                plain = 3
                email: str
                age: int | None = None

                @property
                def shown(self) -> str: ...

                @computed_field
                @property
                def label(self) -> str: ...

            class Admin(User, frozen=False):
                id: Annotated[int, Field(gt=0)]
                email: "str" = Field(..., alias="mail", exclude=True)
        """,
    )
    admin = schema(of, known, "Admin")
    assert [(one.name, one.owner.name) for one in admin.fields] == [
        ("id", "Admin"),
        ("email", "Admin"),
        ("age", "User"),
    ]
    assert [one.name for one in admin.own_fields] == ["id", "email"]
    assert [one.name for one in admin.computed] == ["label"]
    assert [one.name for one in admin.properties] == ["shown"]
    assert admin.kind == "pydantic" and admin.complete and not admin.is_v1
    email = admin.field("email")
    assert email is not None and email.alias == "mail" and email.excluded and not email.has_default
    assert email.module.source.slice(email.start, email.end).startswith('email: "str" = Field')
    number = admin.field("id")
    assert number is not None and number.keywords.keys() == {"gt"} and not number.has_default
    age = admin.field("age")
    assert age is not None and age.optional and age.has_default
    assert (known.option(admin, "extra"), known.option(admin, "frozen"), known.option(admin, "title")) == (
        "forbid",
        False,
        None,
    )


FIELDS = """
from typing import Annotated, ClassVar, Generic, List, Optional, TypeVar, Union
from pydantic import BaseModel, Field, PrivateAttr, RootModel, computed_field
from pydantic.dataclasses import dataclass

T = TypeVar("T")
Name = Annotated[str, Field(max_length=9, alias="label")]

class Mixin:
    mixed: int = 1

class First(BaseModel):
    model_config = {"protected_namespaces": (), "populate_by_name": True}
    constant: ClassVar[int] = 1
    _private: int = PrivateAttr(1)
    a: int
    b: Optional[int]
    c: Union[int, None] = None
    d: "int | None" = Field(default=None)
    e: list[int] = Field(default_factory=list)
    f: int = Field(...)
    g: int = ...
    h: Annotated[int, Field(default=3)]
    i: Name
    j: Name = Field("x", alias="other")
    k: int = Field(validation_alias="kk", serialization_alias="sk")
    l: int = Field(1, exclude=True)

class Second(First):
    a: str = "x"
    z: float

class Third(Second, Mixin):
    pass

class Page(BaseModel, Generic[T]):
    items: List[T]
    total: int = 0

class Numbers(RootModel[list[int]]):
    pass
"""


@pytest.mark.parametrize("name", ["First", "Second", "Third", "Page", "Numbers"])
def test_fields_are_those_that_pydantic_sees(name: str) -> None:
    of, known = schemas(app=FIELDS)
    namespace: dict[str, type[pydantic.BaseModel]] = {}
    exec(compile(FIELDS, "<example>", "exec", dont_inherit=True), namespace)
    expected = namespace[name].model_fields
    found = {one.name: one for one in schema(of, known, name).fields}
    assert list(found) == list(expected) if name != "Third" else found.keys() == expected.keys()
    for key, one in expected.items():
        assert found[key].has_default == (not one.is_required()), key
        assert found[key].alias == (one.validation_alias or one.alias), key
        assert found[key].excluded == bool(one.exclude), key
        assert found[key].optional == (type(None) in getattr(one.annotation, "__args__", ())), key


def test_kinds() -> None:
    of, known = schemas(
        app="""
            from dataclasses import KW_ONLY, dataclass, field
            import pydantic
            from pydantic.v1 import BaseModel as Old
            from pydantic_settings import BaseSettings
            from sqlmodel import Field, Relationship, SQLModel
            from somewhere import Unknown
            from fastapi import Form

            class Base(SQLModel): name: str
            class Hero(Base, table=True):
                id: int | None = Field(default=None, primary_key=True)
                team: "Team" = Relationship(back_populates="heroes")
            class Settings(BaseSettings): key: str
            class V1(Old): key: str
            class Mystery(Unknown, pydantic.BaseModel): key: str
            @dataclass(frozen=True)
            class Point:
                x: int
                _: KW_ONLY
                tags: list = field(default_factory=list)
            class Plain: x: int
        """
    )
    kinds = {name: schema(of, known, name).kind for name in ("Base", "Hero", "Settings", "V1", "Mystery", "Point")}
    assert kinds == {
        "Base": "sqlmodel", "Hero": "sqlmodel-table", "Settings": "settings", "V1": "pydantic", "Mystery": "pydantic",
        "Point": "dataclass",
    }  # fmt: skip
    assert known.of(cls(of, "Plain")) is None
    assert known.is_settings(cls(of, "Settings")) and not known.is_settings(cls(of, "V1"))
    assert {one.name for one in known.all} == kinds.keys()
    assert [one.name for one in known.all if not one.is_validated] == ["Point"]
    assert schema(of, known, "V1").is_v1
    assert [one.name for one in known.all if not one.complete] == ["Mystery"]
    assert [one.name for one in schema(of, known, "Hero").fields] == ["name", "id"]
    assert [(one.name, one.has_default) for one in schema(of, known, "Point").fields] == [("x", False), ("tags", True)]


def test_configuration_is_merged_through_bases_and_names() -> None:
    of, known = schemas(
        shared="""
            from pydantic import ConfigDict
            STRICT = ConfigDict(extra="forbid", from_attributes=True)
            ALLOW = "allow"
        """,
        app="""
            from pydantic import BaseModel, ConfigDict
            from shared import ALLOW, STRICT
            class A(BaseModel): model_config = STRICT
            class B(A): model_config = {**STRICT, "extra": ALLOW}
            class C(A): model_config = STRICT | {"title": "c"}
            class D(BaseModel):
                class Config:
                    orm_mode = True
            class E(D):
                class Config(D.Config):
                    extra = "ignore"
        """,
    )

    def config(name: str) -> dict[str, object]:
        one = schema(of, known, name)
        return {key: known.option(one, key) for key in one.config}

    assert config("A") == {"extra": "forbid", "from_attributes": True}
    assert config("B") == {"extra": "allow", "from_attributes": True}
    assert config("C") == {"extra": "forbid", "from_attributes": True, "title": "c"}
    assert config("E") == {"orm_mode": True, "extra": "ignore"}


MODELS = """
    from __future__ import annotations
    from typing import Annotated, Generic, List, Optional, TypeVar, Union
    from pydantic import BaseModel

    T = TypeVar("T")

    class Secret(BaseModel): password_hash: str
    class User(BaseModel):
        name: str
        secret: Optional[Secret] = None
        friends: list["User"]
    class Cat(BaseModel): owner: User
    class Dog(BaseModel): bone: int
    class Zoo(BaseModel):
        animals: dict[str, list[Cat | Dog]]
    class Page(BaseModel, Generic[T]):
        items: List[T]
    class Listing(Page[Dog]):
        total: int
    class UserIn(BaseModel): name: str
    class Filters(BaseModel): q: str
    Animal = Annotated[Union[Cat, Dog], "tagged"]
"""


def names(known: Schemas, of: Project, where: str) -> dict[str, list[str]]:
    """The closure of the return annotation of the route whose handler is called `where`."""
    (route,) = [one for one in of.routes.all if one.name == where]
    table: dict[str, list[str]] = {}
    for declared in response_types(known, route):
        for one, trail in known.closure(declared):
            table[one.name] = [each.name for each in trail]
    return table


def test_responses_reach_schemas_through_containers_unions_generics_and_fields() -> None:
    of, known = schemas(
        app__models=MODELS,
        app__main="""
            from typing import Annotated
            from fastapi import FastAPI, Response
            from . import models
            from .models import Animal, Cat, Dog, Listing, Page, User, Zoo
            app = FastAPI()

            @app.get("/a", response_model=list[models.User])
            def a() -> Dog: ...
            @app.get("/b")
            async def b() -> "Page[Cat] | None": ...
            @app.get("/c")
            def c() -> Zoo: ...
            @app.get("/d", response_model=None)
            def d() -> User: ...
            @app.get("/e")
            def e() -> Listing: ...
            @app.get("/f")
            def f() -> Response | dict[str, Animal]: ...
            @app.get("/g")
            def g(): ...
            def h(): ...
            for path, model in (("/h", Dog), ("/i", list[Cat])):
                app.add_api_route(path, h, response_model=model)
        """,
    )
    assert names(known, of, "a") == {"User": [], "Secret": ["secret"]}
    assert names(known, of, "b") == {
        "Page": [],
        "Cat": ["items"],
        "User": ["items", "owner"],
        "Secret": ["items", "owner", "secret"],
    }
    assert names(known, of, "c").keys() == {"Zoo", "Cat", "Dog", "User", "Secret"}
    assert names(known, of, "c")["Secret"] == ["animals", "owner", "secret"]
    assert names(known, of, "d") == {}
    assert names(known, of, "e") == {"Listing": [], "Dog": ["items"]}
    assert names(known, of, "f").keys() == {"Cat", "Dog", "User", "Secret"}
    assert names(known, of, "g") == {}
    loop = [response_types(known, one) for one in of.routes.all if one.name == "h"]
    assert [[one.name for each in found for one, _ in known.closure(each)] for found in loop] == [
        ["Dog"], ["Cat", "User", "Secret"],
    ]  # fmt: skip
    used = Exchange(known, of.routes, of.dependencies).sent
    by_name = {one.name: sorted({use.route.name for use in uses}) for one, uses in used.items()}
    assert by_name["Secret"] == ["a", "b", "c", "f", "h"]
    assert by_name["Dog"] == ["c", "e", "f", "h"]
    assert "UserIn" not in by_name


def test_requests_are_read_from_bodies_of_handlers_and_dependencies() -> None:
    of, known = schemas(
        app__models=MODELS,
        app__main="""
            from typing import Annotated
            from fastapi import Body, Depends, FastAPI, Form, Query
            from .models import Animal, Cat, Dog, Filters, Page, User, UserIn
            app = FastAPI()

            def needs(item: Dog): ...
            def outer(inner=Depends(needs)): ...

            @app.post("/a")
            def a(user: UserIn, filters: Annotated[Filters, Query()], n: int, page=Depends(Page)): ...
            @app.put("/b")
            def b(animal: Annotated[Animal | None, Body(embed=True)] = None): ...
            @app.patch("/c")
            def c(x: Annotated[int, Depends(outer)]): ...
            @app.post("/d")
            def d(form: Annotated[UserIn, Form()], many: list[UserIn]): ...
        """,
    )
    used = Exchange(known, of.routes, of.dependencies).received
    found = {one.name: sorted({use.route.name for use in uses}) for one, uses in used.items()}
    assert found == {"UserIn": ["a", "d"], "Cat": ["b"], "Dog": ["b", "c"], "User": ["b"], "Secret": ["b"]}
    (handler,) = [one for one in of.functions if one.name == "d"]
    assert [one.name for one, _ in body_parameters(known, handler, of.dependencies.parameters)] == ["form", "many"]
    (use,) = [use for one, uses in used.items() if one.name == "Secret" for use in uses]
    assert [one.name for one in use.trail] == ["owner", "secret"]
    assert use.parameter is not None and use.parameter.name == "animal"


def test_type_parameters_of_python_3_12() -> None:
    of, known = schemas(
        app="""
            from fastapi import FastAPI
            from pydantic import BaseModel
            class Dog(BaseModel): bone: int
            class Page[T](BaseModel): items: list[T]
            class Wrapped[T](Page[T]): next: str
            app = FastAPI()
            @app.get("/a")
            def a() -> Page[Dog]: ...
            @app.get("/b")
            def b() -> Wrapped[Dog]: ...
        """
    )
    assert names(known, of, "a") == {"Page": [], "Dog": ["items"]}
    assert names(known, of, "b") == {"Wrapped": [], "Dog": ["items"]}
