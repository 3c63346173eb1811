"""What a module is there for, as its path and what stands in it say: tests, or the application. Resolves nothing."""

from __future__ import annotations

from fastapi_lint.index import facts as f

_FOLDERS = frozenset({"tests", "test", "testing", "e2e_tests"})
_STEMS = frozenset({"tests", "test"})
_OF_TESTS = frozenset({"pytest", "unittest", "hypothesis", "nose"})


def is_test_by_path(path: str) -> bool | None:
    """Whether a file is test code by pytest's conventions: a tests folder, test_*.py, *_test.py, conftest.py.

    None where its own name alone says so. With a router and no test in it (`offers_routes`) it is called so for what
    its routes are about: the tests of a laboratory, a school.
    """
    *folders, stem = path.removesuffix(".py").split("/")
    if stem == "conftest" or any(folder in _FOLDERS or folder.endswith("_tests") for folder in folders):
        return True
    return None if stem.startswith("test_") or stem.endswith(("_test", "_tests")) or stem in _STEMS else False


def offers_routes(facts: f.Facts) -> bool:
    """Whether a module makes a router for others to include, and tests nothing."""
    if not any(f.last_name(call.func) == "APIRouter" for call in facts.calls):
        return False
    if any(each.module.partition(".")[0] in _OF_TESTS or each.name == "TestClient" for each in facts.imports):
        return False
    if any(each.name.startswith("Test") and not each.bases for each in facts.classes):
        return False
    return not any(each.name.startswith("test") and each.cls < 0 and not each.decorators for each in facts.functions)
