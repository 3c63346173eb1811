"""What a module is there for, as its path and what stands in it say: tests, or the application. Resolves nothing."""

from __future__ import annotations

import re

from fastapi_lint.index import facts as f

_FOLDERS = frozenset({"tests", "test", "testing", "e2e_tests"})
_STEMS = frozenset({"tests", "test"})
_NAMES_BEFORE = re.compile(rb"[ \t]*(?:\w+(?:[ \t]+as[ \t]+\w+)?[ \t]*,[ \t]*)*")
"""What may stand before a name in an import that goes over several lines."""
_CONTAINING = re.compile(rb"\w+")
_WORD = b"test"
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
    return not uses_test_framework(facts) and not _has_tests(facts)


def can_be_application(path: str, facts: f.Facts) -> bool:
    """Whether what is test code by its path can be a part of the application all the same: it tests nothing.

    Where a runner finds no tests by the name of the file, a function `test_sample` is none.
    """
    if path.rpartition("/")[2] == "conftest.py" or uses_test_framework(facts):
        return False
    *_, stem = path.removesuffix(".py").split("/")
    return is_test_by_path(stem + ".py") is False or not _has_tests(facts)


def may_import_tests(data: bytes) -> bool:
    """Whether a text imports something that is called like tests, as far as is seen without taking it apart."""
    at = data.find(_WORD)
    while at >= 0:
        start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
        if _names_tests(data[start : end if end >= 0 else len(data)]):
            return True
        at = data.find(_WORD, end) if end >= 0 else -1
    return False


def _names_tests(line: bytes) -> bool:
    """Whether a line can be one of an import with such a name."""
    is_import = line.lstrip().startswith((b"from", b"import"))
    return any(
        _WORD in word[0]
        and _is_called_like_tests(word[0].decode())
        and (is_import or _NAMES_BEFORE.fullmatch(line, 0, word.start()) is not None)
        for word in _CONTAINING.finditer(line)
    )


def imports_tests(facts: f.Facts) -> bool:
    """Whether a module imports something that is called like tests."""
    names = {name for each in facts.imports for name in (*each.module.split("."), each.name) if "test" in name}
    return any(map(_is_called_like_tests, names))


def _is_called_like_tests(name: str) -> bool:
    """Whether a module or a folder of this name is test code by its path, or may be."""
    return is_test_by_path(f"{name}.py") is not False or is_test_by_path(f"{name}/.py") is True


def uses_test_framework(facts: f.Facts) -> bool:
    """Whether a module imports what only tests need."""
    return any(each.module.partition(".")[0] in _OF_TESTS or each.name == "TestClient" for each in facts.imports)


def _has_tests(facts: f.Facts) -> bool:
    """Whether there are functions or classes that a runner of tests would take for tests."""
    if any(each.name.startswith("Test") and not each.bases for each in facts.classes):
        return True
    return any(each.name.startswith("test") and each.cls < 0 and not each.decorators for each in facts.functions)
