"""What goes for all tests: the longest begin first, and the collector passes over what all of them share."""

from __future__ import annotations

import gc

import pytest

LONGEST = (
    "test_pre_commit.py", "test_patterns.py", "test_fixtures_are_edited", "test_worst_cases.py",
    "test_large_files_are_read", "test_generated_signatures", "test_circles.py", "test_report_sarif.py",
    "test_any_input.py", "test_openapi.py", "test_fixtures_change", "test_identity.py",
    "test_the_linter_is_clean_on_itself", "test_architecture.py",
)  # fmt: skip
"""Parts of the names of tests that take long, and of files that hold such: begun last, one process would be left with
them when all others are done."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that take long first, in the order above; all others as they come."""
    items.sort(key=lambda item: next((at for at, part in enumerate(LONGEST) if part in item.nodeid), len(LONGEST)))


def pytest_collection_finish() -> None:
    """What is there by now stays; runs of the linter make many objects that live to its end (`story._batch`)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
