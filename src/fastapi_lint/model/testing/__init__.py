"""Tests: what they override, which fixtures they get, how pytest is set up. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.testing.clients import InProcess, in_process, is_started, requests_of
from fastapi_lint.model.testing.collecting import has_hook, has_only_plain_marks, is_collected, is_test_file
from fastapi_lint.model.testing.overrides import Override, is_patched, overrides, resets
from fastapi_lint.model.testing.suites import conftests, fixture, fixture_call, fixture_option, runs_coroutines

__all__ = [
    "InProcess",
    "Override",
    "conftests",
    "fixture",
    "fixture_call",
    "fixture_option",
    "has_hook",
    "has_only_plain_marks",
    "in_process",
    "is_collected",
    "is_patched",
    "is_started",
    "is_test_file",
    "overrides",
    "requests_of",
    "resets",
    "runs_coroutines",
]
