"""FAPI315: a router that is in an app twice, under the same address."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi_lint.finding import Finding
from fastapi_lint.index import facts as f
from fastapi_lint.model import Router
from fastapi_lint.model.names import same_call
from fastapi_lint.model.routing import Address, Inclusion
from fastapi_lint.rule import Check, rule


@rule("FAPI315", since="0.2.0")
def router_included_twice(router: Router, check: Check) -> Iterator[Finding]:
    """A router is included twice in one app, with the same prefix.

    Why is this bad?
    Every request is answered by the first inclusion; what the second one adds (dependencies, tags, responses) never
    counts, while the OpenAPI document shows that of the second. The document warns of duplicate operation IDs.

    Known limits
    Silent where a prefix is not known, where an inclusion depends on a condition, and where one call includes several
    routers, as in a loop.

    References
    - [FastAPI: include the same router multiple times](https://fastapi.tiangolo.com/tutorial/bigger-applications/#include-the-same-router-multiple-times-with-different-prefix)
    """
    route = next(iter(router.routes), None)
    if router.is_app or route is None or router.module.is_test:
        return
    seen: dict[str, list[Address]] = {}  # by path: a router that is included in many ways has thousands
    for address in route.addresses:
        before = seen.setdefault(address.path, [])
        twin = next((each for each in before if _is_twin(each, address)), None)
        before.append(address)
        if twin is None:
            continue
        is_first = twin.registered_before(address)
        first, second = (address, twin) if is_first is False else (twin, address)
        here, there = _split(second, first)
        if here is None or there is None or same_call(here, there) or here.module.is_test:
            continue
        if not (_is_named(here) and _is_named(there)):
            continue  # a function that makes a router may make another one each time
        shown = first.path.removesuffix(route.path) or "/"
        yield check.finding(
            here,
            f"`{_name(router, here)}` is included twice under `{shown}`",
            why="requests get to the first inclusion only, and what this one adds never counts",
            instead="remove one of them, or give it a prefix of its own",
            module=here.module,
            related=[check.related(there, "included here as well", module=there.module)],
        )
        return


def _is_twin(one: Address, other: Address) -> bool:
    """Whether two addresses of one path certainly exist in the same app."""
    return (
        one.app is other.app and one.known and not (one.conditional or other.conditional or one.exclusive_with(other))
    )


def _split(second: Address, first: Address) -> tuple[Inclusion | None, Inclusion | None]:
    """The last inclusions in which two ways from the app to a route differ: both include the same router."""
    for mine, theirs in zip(reversed(second.inclusions), reversed(first.inclusions), strict=False):
        if mine is not theirs:
            return mine, theirs
    return None, None


def _is_named(inclusion: Inclusion) -> bool:
    return any(arg.name in ("", "router") and isinstance(arg.value, (f.Name, f.Attr)) for arg in inclusion.call.args)


def _name(router: Router, inclusion: Inclusion) -> str:
    given = next((arg for arg in inclusion.call.args if arg.name in ("", "router")), None)
    shown = inclusion.module.source.slice(given.start, given.end) if given is not None else router.variable
    return " ".join(shown.split())
