"""Operators for rules about databases, security, tokens and set-up: what is right is made wrong in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mutation_places import File, Function, Mutant, Project, assigned, defaults, own, route_of, word, yields


def thread_lock_across_await(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI106: an `asyncio.Lock` becomes a `threading.Lock`, and `async with` on it `with`."""
    locks = {}
    for node in ast.walk(file.tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if file.name_of(node.value.func) == "asyncio.Lock":
                locks[file.of(target)] = node.value
    for name, made in locks.items():
        held = [
            each
            for each in ast.walk(file.tree)
            if isinstance(each, ast.AsyncWith) and [file.of(item.context_expr) for item in each.items] == [name]
        ]
        for block in held:
            if not any(isinstance(node, ast.Await) for each in block.body for node in ast.walk(each)):
                continue
            edits = [(file.start(each), file.start(each) + len("async "), "") for each in held]
            edits += [file.importing("import threading as _threads"), file.replaced(made, "_threads.Lock()")]
            yield Mutant(tuple(edits), (file.start(block),) * 2)


def sync_with_on_async_resource(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI112: `async with` on a client, a session of the project's factory or its context manager loses `async`."""
    known = {name for name, (_, is_async) in project.factories.items() if is_async} | project.contexts
    for node in ast.walk(file.tree):
        if isinstance(node, ast.AsyncWith) and isinstance(node.items[0].context_expr, ast.Call):
            name = file.name_of(node.items[0].context_expr.func)
            if name in {"httpx.AsyncClient", "aiohttp.ClientSession"} or name.rpartition(".")[2] in known:
                yield Mutant(((file.start(node), file.start(node) + len("async "), ""),), (file.start(node),) * 2)


def sync_driver_for_async_engine(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI503: the literal address of an asynchronous engine loses its driver."""
    # Where the project mends addresses itself, none of its literals has to be right.
    if any(re.search(r"(startswith|replace)\([\"']\w+(\+\w+)?:/", each.text) for each in project.files):
        return
    for node in ast.walk(file.tree):
        if isinstance(node, (ast.Constant, ast.JoinedStr)):
            text = file.of(node)
            wrong = re.sub(r"\+(asyncpg|aiosqlite|aiomysql)://", "://", text)
            if wrong != text and text.lstrip("frb")[:1] in "'\"":
                yield Mutant((file.replaced(node, wrong),), None)


def global_session(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI508: a session is made where the module makes the factory."""
    if "__main__" in file.text:
        return  # a script
    for statement in file.tree.body:
        _, name = assigned(statement)
        if project.factories.get(name, ("",))[0] == file.path:
            place = file.end(statement)
            yield Mutant(((place, place, f"\n_session = {name}()"),), (place, place))


def lazy_load_in_async(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI515: an asynchronous function reads a relationship, and the option that loads it is taken out."""
    for function in file.functions:
        if not isinstance(function, ast.AsyncFunctionDef):
            continue
        for node in own(function):
            if not (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "options"
            ):
                continue
            loaded = [each for each in node.args if isinstance(each, ast.Call) and len(each.args) == 1]
            related = {each.args[0].attr for each in loaded if isinstance(each.args[0], ast.Attribute)}
            related -= _eager(project)
            # The endpoint itself reads it from an instance: otherwise it depends upon who gets the instance.
            reads = [each for each in own(function) if isinstance(each, ast.Attribute) and each.attr in related]
            given = {each.arg for each in function.args.args}
            reads = [
                each
                for each in reads
                if isinstance(each.value, ast.Name) and each.value.id.islower() and each.value.id not in given
                if file.start(each) > file.end(node)
            ]
            if reads and len(loaded) == len(node.args):
                yield Mutant((file.replaced(node, file.of(node.func.value)),), file.whole(function))


def _eager(project: Project) -> set[str]:
    """The names of relationships that some class loads by itself."""
    found = set()
    for file in project.files:
        found |= set(re.findall(r"(\w+)\b[^=\n]{0,80}= ?relationship\([^)]{0,400}\blazy=", file.text))
    return found


def missing_commit(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI517: an endpoint that adds or deletes does not commit any more."""
    for function in file.requests:
        commits = [each for each in own(function) if isinstance(each, ast.Expr) and ".commit()" in file.of(each)]
        adds = [
            each
            for each in own(function)
            if isinstance(each, ast.Expr) and re.search(r"\b(db|session)\.(add|delete)\(", file.of(each))
        ]
        if commits and adds:
            yield Mutant(tuple(file.replaced(each, "pass") for each in commits), file.whole(function))


def session_made_in_endpoint(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI519: an endpoint that is given a session makes one beside it, and never closes it."""
    for name, (path, is_async) in project.factories.items() if file.requests else ():
        text = f"from {path.removesuffix('.py').replace('/', '.')} import {name}"
        imported = project.import_of(name, path) or text
        for function in file.requests:
            body = file.body(function)
            if not body or not [*file.annotated(function, "Session", "AsyncSession")]:
                continue
            use = 'await _session.execute(_text("SELECT 1"))' if is_async else '_session.execute(_text("SELECT 1"))'
            if is_async and not isinstance(function, ast.AsyncFunctionDef):
                continue
            edits = (
                file.importing(f"{imported} as _factory\nfrom sqlalchemy import text as _text"),
                file.before(body[0], f"_session = _factory()\n{use}"),
            )
            yield Mutant(edits, (file.line_start(body[0]),) * 2)


def query_on_async_session(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI524: `await db.execute(...)` becomes `db.query(...)`."""
    for function in file.functions:
        names = {each.arg for each in file.annotated(function, "AsyncSession")}
        for node in own(function):
            if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
                called = node.value.func
                if isinstance(called, ast.Attribute) and called.attr == "execute" and file.of(called.value) in names:
                    yield Mutant((file.replaced(node, f"{file.of(called.value)}.query(object)"),), file.at(node))


def scoped_session_dependency(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI525: the factory becomes a registry of sessions, one for each thread."""
    if "__main__" in file.text:
        return  # a script
    for statement in file.tree.body:
        value, name = assigned(statement)
        path, is_async = project.factories.get(name, ("", True))
        if value is not None and path == file.path and not is_async:
            edit = file.replaced(value, f"_scoped({file.of(value)})")
            yield Mutant((file.importing("from sqlalchemy.orm import scoped_session as _scoped"), edit), None)


def open_redirect(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI622: an endpoint that is given the request, or a text, redirects to what the client says."""
    for function in file.requests:
        body = file.body(function)
        target = _text_of_client(file, function)
        if body and target:
            text = f"if {target}:\n    return _Redirect({target})"
            edit = file.before(body[0], text)
            yield Mutant(
                (file.importing("from fastapi.responses import RedirectResponse as _Redirect"), edit), (edit[0],) * 2
            )


def html_injection(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI624: an endpoint answers HTML that it makes with a text of the client."""
    for function in file.requests:
        body = file.body(function)
        target = _text_of_client(file, function)
        if body and target:
            text = (
                f"if {target}:\n    return _Html(f'<p>{{{target}}}</p>')".replace('"next"', "'next'")
                .replace("'<p>", '"<p>')
                .replace("</p>'", '</p>"')
            )
            edit = file.before(body[0], text)
            yield Mutant((file.importing("from fastapi.responses import HTMLResponse as _Html"), edit), (edit[0],) * 2)


def _text_of_client(file: File, function: Function) -> str | None:
    for parameter in file.annotated(function, "Request"):
        return f'{parameter.arg}.query_params.get("next")'
    route = route_of(function)
    path = file.of(route.args[0]) if route is not None else ""  # what stands between two slashes leads nowhere else
    injected = {each.arg for each, value in defaults(function) if "Depends(" in file.of(value)}
    bound = {each.arg for each, value in defaults(function) if re.search("regex=|pattern=|Path", file.of(value))}
    for parameter in file.annotated(function, "str"):
        if parameter.arg not in injected | bound and f"{{{parameter.arg}}}" not in path:
            return parameter.arg
    return None


def token_url_mismatch(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI628: the address of the token becomes one that nobody answers."""
    # Where nobody takes the form of the login, tokens come from elsewhere.
    if not any("OAuth2PasswordRequestForm" in each.text for each in project.files):
        return
    for call in file.calls("OAuth2PasswordBearer"):
        for value in [*call.args[:1], *(each.value for each in call.keywords if each.arg == "tokenUrl")]:
            if isinstance(value, (ast.Constant, ast.JoinedStr)):
                yield Mutant((file.replaced(value, '"/auth/nobody-answers"'),), file.at(call))


def limiter_without_request(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI636: the request of a limited endpoint gets another name."""
    for function in file.requests:
        limited = [
            each
            for each in function.decorator_list
            if isinstance(each, ast.Call) and file.of(each.func).endswith("limiter.limit")
        ]
        if limited and any(each.arg == "request" for each in function.args.args):
            start, end = file.whole(function)
            names = list(word("request").finditer(file.text, start, end))
            edits = tuple((each.start(), each.end(), "req_") for each in names)
            yield Mutant(edits, (file.start(limited[0]), file.end(function.body[0])))


def jwt_subject_not_string(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI637: `"sub": str(user.id)` becomes `"sub": user.id`."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                is_sub = isinstance(key, ast.Constant) and key.value == "sub"
                if is_sub and isinstance(value, ast.Call) and file.of(value.func) == "str" and len(value.args) == 1:
                    if file.of(value).endswith(".id)") and _has_textual_ids(project):
                        continue
                    yield Mutant((file.replaced(value, file.of(value.args[0])),), file.at(node))


def _has_textual_ids(project: Project) -> bool:
    """Whether some key is a text: then a subject may be one without `str`."""
    return any(
        re.search(r"^ +id\b[^=\n]{0,80}=.{0,40}\b(String|str)\b", each.text, re.MULTILINE) for each in project.files
    )


def jwt_error_unhandled(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI638: what is handled around a `jwt.decode` is something else."""
    for function, node in ((each, node) for each in file.functions for node in own(each)):
        if isinstance(node, ast.Try) and any("jwt.decode(" in file.of(each) for each in node.body):
            if _is_tried(project, function.name):
                continue  # the caller handles it as well
            others = ("LookupError", "ArithmeticError", "BufferError", "EOFError", "ImportError", "AssertionError")
            if len(node.handlers) <= len(others) and all(each.type is not None for each in node.handlers):
                pairs = zip(node.handlers, others, strict=False)
                edits = tuple(file.replaced(each.type, other) for each, other in pairs if each.type is not None)
                yield Mutant(edits, (file.start(node), file.end(node.body[-1])))


def _is_tried(project: Project, name: str) -> bool:
    """Whether somebody calls a function in a `try`."""
    for file in project.files:
        for node in ast.walk(file.tree) if f"{name}(" in file.text else ():
            if isinstance(node, ast.Try) and any(f"{name}(" in file.of(each) for each in node.body):
                return True
    return False


def ephemeral_signing_key(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI639: a token is signed with a key that is made when the module is imported."""
    for call in file.calls("encode"):
        if file.name_of(call.func).endswith("jwt.encode") and len(call.args) > 1:
            made = file.declaring("import secrets as _secrets\n_made_key = _secrets.token_hex(32)")
            yield Mutant((made, file.replaced(call.args[1], "_made_key")), None)


def _cors(file: File) -> Iterator[ast.Call]:
    for call in file.calls("add_middleware"):
        if call.args and file.name_of(call.args[0]).rpartition(".")[2] == "CORSMiddleware":
            yield call


def unmatchable_cors_origin(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI640: the allowed origins get one with a slash at its end."""
    for call in _cors(file):
        for each in call.keywords:
            if each.arg == "allow_origins":
                yield Mutant((file.replaced(each.value, '["https://shop.example/"]'),), file.at(call))


def loose_cors_origin_regex(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI641: the allowed origins become a pattern that other hosts match."""
    for call in _cors(file):
        given = {each.arg: each.value for each in call.keywords}
        secret = given.get("allow_credentials")
        if "allow_origins" in given and isinstance(secret, ast.Constant) and secret.value is True:
            text = '[], allow_origin_regex=r"https://.*myshop\\.com"'
            yield Mutant((file.replaced(given["allow_origins"], text),), file.at(call))


def wildcard_trusted_host(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI647: an app trusts every host."""
    for statement in file.tree.body:
        value, name = assigned(statement)
        if isinstance(value, ast.Call) and file.name_of(value.func) == "fastapi.FastAPI":
            place = file.end(statement)
            imported = file.importing("from fastapi.middleware.trustedhost import TrustedHostMiddleware as _Trusted")
            yield Mutant(
                (imported, (place, place, f'\n{name}.add_middleware(_Trusted, allowed_hosts=["*"])')), (place, place)
            )


def malformed_lifespan(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI703: a lifespan is under the plain `contextmanager`, or is not told of the app."""
    named = {file.of(each.value) for call in file.calls("FastAPI") for each in call.keywords if each.arg == "lifespan"}
    for function in file.top_functions:
        if function.name in named and yields(function):
            for each in function.decorator_list:
                if file.name_of(each) == "contextlib.asynccontextmanager":
                    edits = (
                        file.importing("from contextlib import contextmanager as _held"),
                        file.replaced(each, "_held"),
                    )
                    yield Mutant(edits, (file.start(each), file.start(function)))
            if len(function.args.args) == 1 and not word(function.args.args[0].arg).search(
                file.text[file.start(function.body[0]) : file.end(function)]
            ):
                first = function.args.args[0]
                yield Mutant(
                    ((file.start(first), file.end(first), ""),), (file.start(function), file.end(function.body[0]))
                )


def model_loaded_per_request(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI718: an endpoint loads a model."""
    for function in file.requests:
        if body := file.body(function):
            edit = file.before(body[0], '_model = _joblib.load("prices.joblib")')
            yield Mutant((file.importing("import joblib as _joblib"), edit), (edit[0], edit[0]))


def unset_state_attribute(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI719: what is read from a state gets a name that nobody sets."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            if re.fullmatch(r"(request|websocket|request\.app|app)\.state", file.of(node.value)):
                end = file.end(node)
                yield Mutant(((end, end, "_of_nobody"),), file.at(node))


def deprecated_json_response(project: Project, file: File) -> Iterator[Mutant]:
    """FAPI424: a returned `JSONResponse` becomes an `ORJSONResponse`."""
    for call in file.calls("JSONResponse"):
        if any(route_of(each) and each.lineno <= call.lineno <= (each.end_lineno or 0) for each in file.requests):
            imported = file.importing("from fastapi.responses import ORJSONResponse as _Json")
            yield Mutant((imported, file.replaced(call.func, "_Json")), file.at(call))
