"""Apps, routers, registrations, inclusions and addresses, and how an answer leaves. Judges nothing."""

from __future__ import annotations

from fastapi_lint.model.routing.answering.answers import Answer, Answers, means_every_value
from fastapi_lint.model.routing.answering.channels import Channels, Message
from fastapi_lint.model.routing.answering.connections import Registration, registration, unregistrations
from fastapi_lint.model.routing.answering.contents import Contents
from fastapi_lint.model.routing.answering.failures import Failures
from fastapi_lint.model.routing.answering.handshakes import SOCKETS, Acceptance, acceptances, comes_after, socket_of
from fastapi_lint.model.routing.answering.holders import Change, Holder, Source, changes, changes_meanwhile, source_of
from fastapi_lint.model.routing.answering.leaving import Leaving
from fastapi_lint.model.routing.answering.responses import RESPONSE, declares_response, is_response, returns_response
from fastapi_lint.model.routing.answering.streams import Stream, streams
from fastapi_lint.model.routing.answering.wording import Wording, wording
from fastapi_lint.model.routing.discovery import finds_routers, reached
from fastapi_lint.model.routing.events import Handler, app_that_ignores, handlers, in_module, mounted_in_vain
from fastapi_lint.model.routing.forwarding import takes
from fastapi_lint.model.routing.matching import Place, is_versioned, matches_by_itself, places, replaces_routes, roots
from fastapi_lint.model.routing.paths import CONVERTORS, PathIndex, placeholders, without_placeholders
from fastapi_lint.model.routing.routes import (
    HTTP_METHODS,
    Address,
    App,
    Event,
    Inclusion,
    Mount,
    Route,
    Router,
    Routes,
    Unplaced,
    argument,
)

__all__ = [
    "CONVERTORS",
    "HTTP_METHODS",
    "RESPONSE",
    "SOCKETS",
    "Acceptance",
    "Address",
    "Answer",
    "Answers",
    "App",
    "Change",
    "Channels",
    "Contents",
    "Event",
    "Failures",
    "Handler",
    "Holder",
    "Inclusion",
    "Leaving",
    "Message",
    "Mount",
    "PathIndex",
    "Place",
    "Registration",
    "Route",
    "Router",
    "Routes",
    "Source",
    "Stream",
    "Unplaced",
    "Wording",
    "acceptances",
    "app_that_ignores",
    "argument",
    "changes",
    "changes_meanwhile",
    "comes_after",
    "declares_response",
    "finds_routers",
    "handlers",
    "in_module",
    "is_response",
    "is_versioned",
    "matches_by_itself",
    "means_every_value",
    "mounted_in_vain",
    "passes_on",
    "placeholders",
    "places",
    "reached",
    "registration",
    "replaces_routes",
    "returns_response",
    "roots",
    "socket_of",
    "source_of",
    "stacks",
    "streams",
    "takes",
    "unregistrations",
    "without_placeholders",
    "wording",
]
