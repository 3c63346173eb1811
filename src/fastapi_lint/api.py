"""What rules of your own may import: the surface that stays. Everything else of fastapi-lint may change at any time.

A rule is a generator function. The type of its first parameter says what it is asked about, its docstring documents it:

>>> from collections.abc import Iterator
>>> from fastapi_lint.api import Check, Finding, Route, rule
>>> @rule("ACME001")
... def write_without_summary(route: Route, check: Check) -> Iterator[Finding]:
...     '''A route that writes has no summary.'''
...     if "POST" in route.methods and route.keyword("summary") is None:
...         yield check.finding(route, f"`{route.name}` has no summary", why="nobody finds it", instead="add one")

`fastapi_lint.testing` lints projects that are held in memory; it is the other half of the surface:

>>> from fastapi_lint.testing import lint
>>> app = '''
... from fastapi import APIRouter, Depends, FastAPI
... from pydantic import BaseModel
... class Order(BaseModel):
...     item: str
... def current_user(token: str) -> str: return token
... router = APIRouter(prefix="/orders", dependencies=[Depends(current_user)])
... @router.post("/{order_id}", status_code=201)
... def create_order(order_id: int, order: Order) -> None: print(order)
... app = FastAPI()
... app.include_router(router, prefix="/api")
... '''
>>> for finding in lint({"main.py": app}, rules=[write_without_summary], select=["ACME"]):
...     print(f"{finding.path}:{finding.span.line}: {finding.code} {finding.message}")
main.py:8: ACME001 `create_order` has no summary; nobody finds it; add one

What a rule is asked about
--------------------------

`Project`, `Module`, `Function`, `Class`, `App`, `Router`, `Route`, `Depends` and `Schema`, or a class of libcst's nodes
(several with `|`). A rule is asked once about each; `Depends` stands for one use of each function that is depended on.

>>> from fastapi_lint.api import App, Class, Depends, Function, Module, Project, Router, Schema
>>> import libcst as cst
>>> @rule("ACME002", words={"print"})
... def printing(call: cst.Call, check: Check) -> Iterator[Finding]:
...     '''Something is printed.'''
...     if check.name_of(call.func) == "print":
...         around = check.function.name if check.function else "the module"
...         yield check.finding(call, f"{around} prints")
>>> [finding.title for finding in lint({"main.py": app}, rules=[printing], select=["ACME"])]
['create_order prints']

What the project answers
------------------------

`Check.project` is the same for every rule. These answers stay; a rule on `Project` is a good place to try them:

>>> def ask(question, text=app):
...     '''What a function says about the project.'''
...     @rule("ACME003")
...     def asking(project: Project, check: Check) -> Iterator[Finding]:
...         '''Asks.'''
...         yield check.finding((0, 0), repr(question(project)))
...     return print(lint({"main.py": text}, rules=[asking], select=["ACME003"])[0].title)

Modules, functions and classes, with their names; `Module.mentions` is a cheap reason not to look closer:

>>> ask(lambda project: [(module.path, module.is_test, module.mentions("print")) for module in project.modules])
[('main.py', False, True)]
>>> ask(lambda project: [function.qualname for function in project.functions])
['current_user', 'create_order']

Routes with the addresses under which they answer, and the routers and apps they are registered on:

>>> ask(lambda project: [(route.name, route.methods, route.path) for route in project.routes.all])
[('create_order', ('POST',), '/{order_id}')]
>>> ask(lambda project: [(address.path, address.known) for address in project.routes.all[0].addresses])
[('/api/orders/{order_id}', True)]
>>> ask(lambda project: [(router.variable, router.prefix, router.is_app) for router in project.routes.routers.values()])
[('router', '/orders', False), ('app', '', True)]

Everything that lies in front of an address, and whether all of it could be read; `full_name` says what a thing is:

>>> def guards(project):
...     found, complete = project.dependencies.effective(project.routes.all[0].addresses[0])
...     return [(depends.name, project.full_name(depends.target)) for depends in found], complete
>>> ask(guards)
([('current_user', 'main.current_user')], True)
>>> def below(project):
...     (depends,) = project.dependencies.effective(project.routes.all[0].addresses[0])[0]
...     return [each.name for each in project.dependencies.closure(depends)]
>>> ask(below)
['current_user']
>>> ask(lambda project: [each.name for each in project.dependencies.parameters(project.routes.all[0].handler)])
['order_id', 'order']

What calls are calls of, wherever their names come from:

>>> ask(lambda project: [project.called_name(each.module, call) for each in project.functions for call in each.calls])
['print']

Pydantic's classes with their fields:

>>> ask(lambda project: [(schema.name, [field.name for field in schema.fields]) for schema in project.schemas.all])
[('Order', ['item'])]

What a function that blocks the event loop calls in the end (None for one that does not block):

>>> slow = "import time\\ndef helper(): time.sleep(1)\\nasync def endpoint(): helper()\\n"
>>> ask(lambda project: project.effects.function_blocks(project.functions[1]).steps[-1].name, slow)
'time.sleep'

What cannot be resolved is unknown: None, or an address that is not `known`. Report nothing about the unknown.

Fixes
-----

A fix is a set of edits; the functions below make them of libcst's nodes. Give `finding(fix=...)` a function that makes
the fix: it runs only when the tree is open anyway.

>>> from fastapi_lint.api import Edit, Fix, Safety, call_node, importing, with_argument
>>> from fastapi_lint.testing import fix
>>> @rule("ACME004", fix=Safety.UNSAFE)
... def write_without_tags(route: Route, check: Check) -> Iterator[Finding]:
...     '''A route has no tags.'''
...     def tagged() -> Fix | None:
...         found = call_node(route.module, route.call)
...         return found and Fix("Add a tag", Safety.UNSAFE, with_argument(*found, 'tags=["orders"]'))
...     if route.keyword("tags") is None:
...         yield check.finding(route, f"`{route.name}` has no tags", fix=tagged)
>>> print(fix({"main.py": app}, rules=[write_without_tags], select=["ACME"])["main.py"].splitlines()[7])
@router.post("/{order_id}", status_code=201, tags=["orders"])
"""

from __future__ import annotations

from fastapi_lint.finding import Edit, Finding, Fix, Related, Safety, Severity, Span
from fastapi_lint.fixing.edits import (
    add_argument,
    delete,
    importing,
    insert_after,
    insert_before,
    insert_item,
    insert_statement_after,
    insert_statement_before,
    remove_argument,
    remove_item,
    remove_statement,
    rename_argument,
    replace,
    replace_argument_value,
    with_argument,
)
from fastapi_lint.fixing.edits.calls import argument_node, call_node, function_node
from fastapi_lint.index.facts import Arg, Call
from fastapi_lint.model import (
    Address,
    App,
    Class,
    ClassObject,
    Coroutine,
    Depends,
    External,
    Function,
    FunctionObject,
    Instance,
    Method,
    Module,
    Parameter,
    Project,
    Route,
    Router,
    Type,
)
from fastapi_lint.model.data.schemas import Schema, SchemaField
from fastapi_lint.rule import Check, Rule, rule

__all__ = [
    "Address",
    "App",
    "Arg",
    "Call",
    "Check",
    "Class",
    "ClassObject",
    "Coroutine",
    "Depends",
    "Edit",
    "External",
    "Finding",
    "Fix",
    "Function",
    "FunctionObject",
    "Instance",
    "Method",
    "Module",
    "Parameter",
    "Project",
    "Related",
    "Route",
    "Router",
    "Rule",
    "Safety",
    "Schema",
    "SchemaField",
    "Severity",
    "Span",
    "Type",
    "add_argument",
    "argument_node",
    "call_node",
    "delete",
    "function_node",
    "importing",
    "insert_after",
    "insert_before",
    "insert_item",
    "insert_statement_after",
    "insert_statement_before",
    "remove_argument",
    "remove_item",
    "remove_statement",
    "rename_argument",
    "replace",
    "replace_argument_value",
    "rule",
    "with_argument",
]
