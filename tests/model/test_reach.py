"""Which modules run in the process of an application: what it imports, and what it loads by name."""

from __future__ import annotations

import pytest
from model.projects import project

LOADER = """
from fastapi import FastAPI
from importlib import import_module

STORES = {"redis": ".stores.redis", "sql": "shop.stores.sql:SqlStore", "s3": "shop.stores.s3.S3Store"}

def load(name):
    return import_module(STORES[name], package="shop")
"""
STORES = {"shop__stores__redis": "", "shop__stores__sql": "", "shop__stores__s3": ""}


def served(loader: str) -> set[str]:
    """The stores that are served beside an application whose module `shop.app` has this text."""
    of = project(shop__main="import fastapi", shop__app=loader, shop__job="", **STORES)
    return {module.parts[-1] for module in of.modules if of.effects.is_served(module)} - {"main", "app", "job"}


def test_what_is_loaded_by_name_is_served() -> None:
    assert served(LOADER) == {"redis", "sql", "s3"}


@pytest.mark.parametrize(
    "loader",
    [
        pytest.param(LOADER.replace("import_module", "print"), id="nothing is loaded: these are only texts"),
        pytest.param(LOADER.replace("FastAPI", "FastAPI\nfrom celery import Celery", 1), id="a worker loads them"),
        pytest.param(LOADER.replace("from fastapi import FastAPI", ""), id="the loader is a script"),
    ],
)
def test_what_the_application_does_not_load_is_not(loader: str) -> None:
    assert served(loader) == set()


def test_the_name_of_a_module_alone_may_be_that_of_a_logger() -> None:
    assert served(LOADER.replace("shop.stores.sql:SqlStore", "shop.stores.sql")) == {"redis", "s3"}


def test_a_command_line_that_lists_routes_is_no_application() -> None:
    of = project(
        shop__main="import fastapi\nimport shop.orders",
        shop__orders="",
        shop__cli__routes="from fastapi.routing import APIRoute\nimport shop.cli.status",
        shop__cli__status="",
        shop__cli__serve="from fastapi import FastAPI\nimport shop.cli.views",
        shop__cli__views="",
    )
    found = {module.parts[-1] for module in of.modules if of.effects.is_served(module)}
    assert found >= {"orders", "serve", "views"}
    assert not found & {"routes", "status"}
