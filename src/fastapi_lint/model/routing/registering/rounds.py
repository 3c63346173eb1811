"""Routers that every round of a loop makes anew: which inclusion is that of which round. Finds no loops of routers."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.places import same_call
from fastapi_lint.model.routing.routers import Event, Inclusion, Mount, Router
from fastapi_lint.model.values.environment import Bound, Environment


def rounds_of(router: Router, inclusion: Inclusion) -> tuple[str, ...]:
    """The names that tell the rounds of the loops apart in which a router is made and included; none without one."""
    if router.module is not inclusion.module or router.origin.owner is not None:
        return ()
    around = router.module.block_chain(router.call.block)
    loops = [block for block in around if block.kind == "for"]
    if not loops or not set(map(_place, loops)) <= set(map(_place, router.module.block_chain(inclusion.call.block))):
        return ()
    return tuple(name for block in loops for name in f.target_names(block.target))


def round_of(router: Router, inclusion: Inclusion) -> tuple[object, ...]:
    """What tells the round of an inclusion from the others, in which the same call includes another router."""
    bound = _bound(inclusion.environment, rounds_of(router, inclusion))
    return tuple((name, value[:2]) for name, value in bound.items())


def is_of_another_round(router: Router, event: Event, inclusion: Inclusion) -> bool:
    """Whether something is registered on the router of another round than the one that is included. What all rounds
    register alike is one event."""
    if isinstance(event, Mount) or not (names := rounds_of(router, inclusion)):
        return False
    if not any(other is not event and same_call(other, event) for other in router.events):
        return False
    own, other = _bound(event.environment, names), _bound(inclusion.environment, names)
    return own.keys() == other.keys() and any(own[name][:2] != other[name][:2] for name in own)


def _bound(environment: Environment, names: tuple[str, ...]) -> Mapping[str, Bound]:
    return {name: environment[name] for name in names if name in environment}


def _place(block: f.Block) -> tuple[str, int, int]:
    return block.kind, block.start, block.end
