"""Whether a module is test code, as it and those who import it say."""

from __future__ import annotations

from functools import cached_property

from fastapi_lint.files.source import Source
from fastapi_lint.index import facts as f
from fastapi_lint.index.purposes import imports_tests, is_test_by_path, may_import_tests, offers_routes
from fastapi_lint.tracking.recording import Input, depend_on


class _IsTest:
    """Whether a module is test code. Where its path does not say it, whoever asks depends on what stands in it."""

    def __get__(self, module: Purposed, owner: type | None = None) -> bool:
        known = False if module.is_application else is_test_by_path(module.path)
        if known is None:
            depend_on(module)
            return not module.offers_routes
        module.__dict__["is_test"] = known  # asked very often: from now on an attribute
        return known


class Purposed(Input):
    """A file, asked for its purpose."""

    source: Source
    is_application = False
    """Whether the application imports it, whatever its path says. That changes with no text of its own: a project in
    which it does is another one, of which nothing is known (`Project.served_tests`)."""

    is_test = _IsTest()

    @cached_property
    def facts(self) -> f.Facts:
        """What the index knows of the file."""
        raise NotImplementedError

    @cached_property
    def offers_routes(self) -> bool:
        """Whether it makes a router for others to include, and tests nothing."""
        return offers_routes(self.facts)

    @cached_property
    def imports_tests(self) -> bool:
        """Whether it is no test code by its path, and imports something that is called like tests."""
        if is_test_by_path(self.path) is not False or not may_import_tests(self.source.data):
            return False
        return imports_tests(self.facts)

    def settle(self, is_application: bool) -> None:
        """Whether the application imports it: asked of all modules, and told before anything else is asked."""
        self.is_application = is_application
        self.__dict__.pop("is_test", None)
