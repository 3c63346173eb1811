"""What runs when this runs, and what that does: execution, effects, trails, callers, reach. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.calls.attempts.clauses import BROAD, attempts_around, body_of, catches_all, caught, is_tried
from fastapi_lint.model.calls.attempts.cleaning import only_cleans
from fastapi_lint.model.calls.attempts.ending import ends_quietly, suppresses
from fastapi_lint.model.calls.attempts.handlers import (
    does_nothing,
    goes_on,
    is_followed_up,
    is_for_its_value,
    is_told_of,
)
from fastapi_lint.model.calls.bodies.arguments import Given, bound_names, given, parameter_behind, switch, unpacked
from fastapi_lint.model.calls.bodies.binding import argument_at, filled
from fastapi_lint.model.calls.bodies.computing import only_computes, only_looks
from fastapi_lint.model.calls.bodies.configured import is_configured, runs_by_configuration
from fastapi_lint.model.calls.bodies.contexts import (
    is_chosen,
    is_context_of_server,
    is_one_of_two_contexts,
    is_tls_context,
    is_told_later,
)
from fastapi_lint.model.calls.bodies.decorators import decorator_effect, made_by, passes_through, put_in_place
from fastapi_lint.model.calls.bodies.destinations import is_used_without_tls, needs_no_certificate
from fastapi_lint.model.calls.bodies.switches import runs_by_switch
from fastapi_lint.model.calls.callers import Use
from fastapi_lint.model.calls.concurrent.coroutines import Misuse
from fastapi_lint.model.calls.concurrent.entering import (
    entered_asynchronously,
    given_to_a_stack,
    iterated_asynchronously,
)
from fastapi_lint.model.calls.concurrent.giving import chosen, given_back
from fastapi_lint.model.calls.concurrent.lasting import lasts, runs
from fastapi_lint.model.calls.concurrent.locks import Held, held_across_await, lock_of
from fastapi_lint.model.calls.concurrent.outliving import Started, root_of
from fastapi_lint.model.calls.concurrent.plain import A_GENERATOR, SYNCHRONOUS, is_certain, plain_result
from fastapi_lint.model.calls.concurrent.tasks import TASKS, is_given, is_made_here
from fastapi_lint.model.calls.concurrent.threads import joins_threads, thread_started
from fastapi_lint.model.calls.concurrent.together import Member, Together, is_in_loop, is_made_in_loop, together
from fastapi_lint.model.calls.concurrent.using import leaves, only_value, reads_of
from fastapi_lint.model.calls.raising import Raising, raised_call, returned_call
from fastapi_lint.model.calls.reach.aside import is_for_tests, stands_aside
from fastapi_lint.model.calls.results import NotCallable, not_callable
from fastapi_lint.model.calls.steps import Step, shown, written
from fastapi_lint.model.calls.trails import Trail
from fastapi_lint.model.calls.ways.branches import NO_SETTINGS, Settings
from fastapi_lint.model.calls.ways.conditional import conditions
from fastapi_lint.model.calls.ways.endings import Endings
from fastapi_lint.model.calls.ways.sparing import bound, expects, never_runs, runs_until_filled, swallows

__all__ = [
    "A_GENERATOR",
    "BROAD",
    "NO_SETTINGS",
    "SYNCHRONOUS",
    "TASKS",
    "Endings",
    "Given",
    "Held",
    "Member",
    "Misuse",
    "NotCallable",
    "Raising",
    "Settings",
    "Started",
    "Step",
    "Together",
    "Trail",
    "Use",
    "are_awaited_between",
    "argument_at",
    "attempts_around",
    "body_of",
    "bound",
    "bound_names",
    "catches_all",
    "caught",
    "chosen",
    "conditions",
    "decorator_effect",
    "does_nothing",
    "ends_quietly",
    "entered_asynchronously",
    "expects",
    "filled",
    "given",
    "given_back",
    "given_to_a_stack",
    "goes_on",
    "held_across_await",
    "is_certain",
    "is_chosen",
    "is_configured",
    "is_context_of_server",
    "is_followed_up",
    "is_for_its_value",
    "is_for_tests",
    "is_given",
    "is_in_loop",
    "is_made_here",
    "is_made_in_loop",
    "is_one_of_two_contexts",
    "is_ruled_out",
    "is_tls_context",
    "is_told_later",
    "is_told_of",
    "is_tried",
    "is_used_without_tls",
    "iterated_asynchronously",
    "joins_threads",
    "lasts",
    "leaves",
    "lock_of",
    "made_by",
    "needs_no_certificate",
    "never_runs",
    "not_callable",
    "only_cleans",
    "only_computes",
    "only_looks",
    "only_value",
    "parameter_behind",
    "passes_through",
    "plain_result",
    "put_in_place",
    "raised_call",
    "reads_of",
    "returned_call",
    "root_of",
    "runs",
    "runs_by_configuration",
    "runs_by_switch",
    "runs_until_filled",
    "shown",
    "stands_aside",
    "suppresses",
    "swallows",
    "switch",
    "thread_started",
    "together",
    "unpacked",
    "written",
]
