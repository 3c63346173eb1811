"""The public surface: its examples run, and it names what there is."""

from __future__ import annotations

import doctest

import fastapi_lint.api
import fastapi_lint.testing


def test_its_examples_are_true() -> None:
    assert doctest.testmod(fastapi_lint.api).failed == 0
    assert doctest.testmod(fastapi_lint.api).attempted > 20


def test_it_is_sorted_and_whole() -> None:
    for module in (fastapi_lint.api, fastapi_lint.testing):
        assert sorted(module.__all__) == module.__all__
        assert all(getattr(module, name).__doc__ for name in module.__all__ if name != "Type")
