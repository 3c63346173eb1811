"""ORM classes as the model sees them, and what is known about sessions."""

from __future__ import annotations

import inspect

import pytest
from model.projects import cls, function, project

from fastapi_lint.model.database.mapping.mapped import OrmModel
from fastapi_lint.model.database.mapping.orm import OrmModels
from fastapi_lint.model.database.sessions import (
    CONNECTION_IO,
    ENGINE_IO,
    QUERY_IO,
    SESSION_IO,
    SESSION_MARKS,
    SESSION_WRITES,
    io_methods,
    is_async_connection,
    is_async_engine,
    is_async_session,
    is_sync_connection,
    is_sync_engine,
    is_sync_session,
)
from fastapi_lint.model.project import Project


def models(**files: str) -> tuple[Project, OrmModels]:
    of = project(**files)
    return of, OrmModels(of.types, of.values)


def model(of: Project, known: OrmModels, name: str) -> OrmModel:
    found = known.of(cls(of, name))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "base",
    [
        "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass",
        "from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass as M\nclass Base(M, DeclarativeBase): pass",
        "from sqlalchemy.orm import declarative_base\nBase = declarative_base()",
        "from sqlalchemy.ext.declarative import declarative_base\nBase = declarative_base(name='Base')",
        "from typing import Any\nfrom sqlalchemy import orm\nBase: Any = orm.declarative_base()",
        "from sqlalchemy.orm import registry\nmapper = registry()\nBase = mapper.generate_base()",
        "from sqlalchemy.orm import registry\nBase = registry().generate_base()",
        "from sqlalchemy.orm import as_declarative\n@as_declarative()\nclass Base: pass",
        "from sqlalchemy.orm import DeclarativeMeta\nclass Base(metaclass=DeclarativeMeta):\n    __abstract__ = True",
    ],
)
def test_declarative_bases(base: str) -> None:
    of, known = models(
        app__database=base,
        app__mixins="class Dated:\n    __abstract__ = True\n",
        app__models="""
            from sqlalchemy import Column, Integer
            from .database import Base
            from . import database

            class Entity(Base):
                __abstract__ = True
                id = Column(Integer, primary_key=True)
            class User(Entity):
                __tablename__ = "users"
            class Item(database.Base):
                __tablename__ = "items"
            class Other:
                __tablename__ = "others"
        """,
    )
    assert [one.name for one in known.all] == ["User", "Item"]
    assert known.is_orm(cls(of, "Entity")) and not known.is_orm(cls(of, "Other")) and not known.is_orm(cls(of, "Dated"))
    user = model(of, known, "User")
    assert (user.tablename, user.is_mapped, user.complete) == ("users", True, True)
    assert [one.name for one in user.columns] == ["id"]


def test_what_is_no_orm_class() -> None:
    of, known = models(
        app="""
            from flask_sqlalchemy import SQLAlchemy
            from sqlmodel import SQLModel
            from pydantic import BaseModel
            from unknown import Base
            db = SQLAlchemy()
            class A(db.Model): __tablename__ = "a"
            class B(SQLModel): id: int
            class C(BaseModel): id: int
            class D(Base): __tablename__ = "d"
        """
    )
    assert [one.name for one in known.all] == []
    assert not any(known.is_orm(one) for module in of.modules for one in module.classes)


def test_columns_and_relationships() -> None:
    of, known = models(
        base="""
            from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, declared_attr
            import sqlalchemy as sa

            class Base(DeclarativeBase):
                @declared_attr.directive
                def __tablename__(cls) -> str:
                    return cls.__name__.lower()

            class Owned:
                @declared_attr
                def owner_id(cls):
                    return sa.Column(sa.ForeignKey("user.id"), index=True)
        """,
        users="""
            from __future__ import annotations
            from typing import TYPE_CHECKING, List, Optional
            from sqlalchemy import Column, ForeignKey, Integer, String
            from sqlalchemy.orm import Mapped, WriteOnlyMapped, deferred, mapped_column, relationship
            from base import Base
            if TYPE_CHECKING:
                from items import Item

            STRATEGY = "selectin"
            class User(Base):
                id: Mapped[int] = mapped_column(primary_key=True)
                name: Mapped[Optional[str]]
                bio = deferred(Column(String))
                team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
                count = 3
                items: Mapped[List["Item"]] = relationship(back_populates="owner")
                eager: Mapped[list[Item]] = relationship("Item", lazy=STRATEGY, viewonly=True)
                written: WriteOnlyMapped["Item"] = relationship()
                joined = relationship("items.Item", lazy=False)
                chosen = relationship(lambda: Item, lazy=choose())
                none = relationship("Missing", lazy=None)

                def method(self):
                    x: Mapped[int] = Column(Integer)
        """,
        items="""
            from sqlalchemy.orm import Mapped, mapped_column, relationship
            from base import Base, Owned
            from users import User
            class Item(Owned, Base):
                id: Mapped[int] = mapped_column(primary_key=True)
                owner: Mapped["User"] = relationship()
        """,
    )
    user = model(of, known, "User")
    assert (user.tablename, user.is_mapped) == (None, True)
    assert not model(of, known, "Base").is_mapped
    assert [one.name for one in user.columns] == ["id", "name", "bio", "team_id"]
    columns = {one.name: one for one in user.columns}
    assert columns["id"].is_true("primary_key") and not columns["team_id"].is_true("index")
    assert (columns["team_id"].foreign_key, columns["id"].foreign_key) == ("team.id", None)
    assert columns["name"].call is None and str(getattr(columns["name"].type, "cls", None)) == "str"
    loading = {
        one.name: (one.target.name if one.target else None, one.lazy, one.loads_on_access) for one in user.relationships
    }
    assert loading == {
        "items": ("Item", None, True),
        "eager": ("Item", "selectin", False),
        "written": ("Item", "write_only", False),
        "joined": ("Item", "joined", False),
        "chosen": (None, "?", False),
        "none": (None, "noload", False),
    }
    item = model(of, known, "Item")
    assert {one.name: one.foreign_key for one in item.columns} == {"owner_id": "user.id", "id": None}
    assert item.columns[0].is_true("index") or item.columns[1].is_true("index")
    owner = item.relationship("owner")
    assert owner is not None and owner.target is user.cls


def test_relationships_find_classes_of_their_own_base() -> None:
    of, known = models(
        app__base="from sqlalchemy.orm import declarative_base\nBase = declarative_base()\n",
        app__mixins="""
            from sqlalchemy.orm import declared_attr, relationship
            class Owned:
                @declared_attr
                def project(cls):
                    return relationship("Project", lazy="joined")
        """,
        app__models="""
            from sqlalchemy.orm import relationship
            from .base import Base
            from .mixins import Owned
            class Project(Base):
                __tablename__ = "project"
            class Case(Owned, Base):
                __tablename__ = "case"
        """,
        migrations__old="""
            from sqlalchemy.orm import declarative_base
            Base = declarative_base()
            class Project(Base):
                __tablename__ = "project"
        """,
    )
    (project_of_case,) = model(of, known, "Case").relationships
    assert project_of_case.target is not None and project_of_case.target.module.path == "app/models.py"
    assert project_of_case.owner.name == "Owned" and project_of_case.lazy == "joined"


def test_imperative_tables() -> None:
    of, known = models(
        app="""
            from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table
            from sqlalchemy.orm import registry
            mapper_registry = registry()
            users = Table(
                "users", mapper_registry.metadata, Column("id", Integer), Column("org", ForeignKey("orgs.id"))
            )
            @mapper_registry.mapped
            class User:
                __table__ = users
        """
    )
    user = model(of, known, "User")
    assert user.tablename == "users" and user.is_mapped
    assert {one.name: one.foreign_key for one in user.columns} == {"id": None, "org": "orgs.id"}


def test_sqlmodel_tables() -> None:
    of, known = models(
        app="""
            from typing import ClassVar, Optional
            from sqlalchemy import Column, Text
            from sqlmodel import Field, Relationship, SQLModel
            class HeroBase(SQLModel):
                name: str = Field(index=True)
                kinds: ClassVar[int] = 3
            class Hero(HeroBase, table=True):
                id: int | None = Field(default=None, primary_key=True)
                team_id: int = Field(foreign_key="team.id")
                age: int = 3
                story: str = Field(sa_column=Column(Text, nullable=True))
                team: Optional["Team"] = Relationship(sa_relationship_kwargs={"lazy": "selectin"})
                others: list["Team"] = Relationship()
            class Team(SQLModel, table=True):
                __tablename__ = "teams"
                id: int
            class HeroPublic(HeroBase): id: int
        """
    )
    hero = model(of, known, "Hero")
    assert (hero.kind, hero.tablename, model(of, known, "Team").tablename) == ("sqlmodel", "hero", "teams")
    assert [one.name for one in known.all] == ["Hero", "Team"]
    assert {one.name: one.foreign_key for one in hero.columns} == {
        "name": None, "id": None, "team_id": "team.id", "age": None, "story": None,
    }  # fmt: skip
    assert {one.name: (one.target is cls(of, "Team"), one.lazy) for one in hero.relationships} == {
        "team": (True, "selectin"), "others": (True, None),
    }  # fmt: skip
    assert next(one for one in hero.columns if one.name == "story").is_true("nullable")


SESSIONS = """
    from typing import Annotated
    from fastapi import Depends
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import Connection as OldConnection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_scoped_session
    from sqlalchemy.orm import Query, Session, scoped_session
    from sqlalchemy.orm.session import Session as Other
    import sqlmodel
    from sqlmodel.ext.asyncio.session import AsyncSession as ModelSession

    class Own(Session): ...

    def f(
        a: Session, b: scoped_session[Session], c: sqlmodel.Session, d: Own, e: Other, f: AsyncSession, g: ModelSession,
        h: async_scoped_session, i: Connection, j: OldConnection, k: Engine, l: AsyncConnection, m: AsyncEngine,
        n: "Query", o: int, p, q: Annotated[Session, Depends(x)],
    ): ...
"""


def test_sessions_are_known_by_type() -> None:
    of = project(app=SESSIONS)
    handler = function(of, "f")
    kinds = {
        "sync": is_sync_session,
        "async": is_async_session,
        "connection": is_sync_connection,
        "engine": is_sync_engine,
        "async connection": is_async_connection,
        "async engine": is_async_engine,
    }
    found: dict[str, str] = {}
    for param in handler.params:
        value = of.types.parameter(handler, param)
        for kind, judge in kinds.items():
            if judge(of.types, value):
                found[kind] = found.get(kind, "") + param.name
    assert found == {
        "sync": "abcdeq", "async": "fgh", "connection": "ij", "engine": "k", "async connection": "l",
        "async engine": "m",
    }  # fmt: skip
    methods = {param.name: io_methods(of.types, of.types.parameter(handler, param)) for param in handler.params}
    assert (methods["a"], methods["i"], methods["k"], methods["n"]) == (SESSION_IO, CONNECTION_IO, ENGINE_IO, QUERY_IO)
    assert methods["f"] == methods["o"] == methods["p"] == frozenset()


def test_methods_prove_themselves() -> None:
    orm = pytest.importorskip("sqlalchemy.orm")
    asyncio = pytest.importorskip("sqlalchemy.ext.asyncio")
    sqlalchemy = pytest.importorskip("sqlalchemy")
    only_sqlmodel, only_old, only_new = {"exec"}, {"execute", "scalar"}, {"merge_all", "delete_all"}
    assert {one for one in SESSION_IO | SESSION_MARKS if not hasattr(orm.Session, one)} <= only_sqlmodel | only_new
    assert {one for one in QUERY_IO if not hasattr(orm.Query, one)} == set()
    assert {one for one in CONNECTION_IO if not hasattr(sqlalchemy.Connection, one)} == set()
    assert {one for one in ENGINE_IO if not hasattr(sqlalchemy.Engine, one)} <= only_old
    assert SESSION_WRITES <= SESSION_IO | SESSION_MARKS
    awaited = {name for name, one in vars(asyncio.AsyncSession).items() if inspect.iscoroutinefunction(one)}
    shared = {name for name in awaited if hasattr(orm.Session, name)}
    assert shared <= SESSION_IO | SESSION_MARKS | {"close_all"}, "what AsyncSession awaits talks to the database"
