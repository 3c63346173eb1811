"""Tests: what they override, which fixtures they get, how pytest is set up. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.testing.clients import InProcess, in_process, is_started, requests_of
from fastapi_lint.model.testing.overrides import Override, is_patched, overrides, resets
from fastapi_lint.model.testing.starting import Provided, is_set_by_tests, needs, overridden, provided
from fastapi_lint.model.testing.suites import conftests, fixture, fixture_call, fixture_option, runs_coroutines

__all__ = [
    "InProcess",
    "Override",
    "Provided",
    "conftests",
    "fixture",
    "fixture_call",
    "fixture_option",
    "in_process",
    "is_patched",
    "is_set_by_tests",
    "is_started",
    "needs",
    "overridden",
    "overrides",
    "provided",
    "requests_of",
    "resets",
    "runs_coroutines",
]
