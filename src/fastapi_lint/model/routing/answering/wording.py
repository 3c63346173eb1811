"""What the name of a handler and the end of its path say about an operation: verb, thing, action. Words only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from fastapi_lint.model.routing.paths import placeholders

_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_CREATING = frozenset({"create", "add", "register", "new", "signup", "crear", "criar", "registrar", "cadastrar"})
_PLAINLY = frozenset({"create", "add", "new", "crear", "criar"})
"""Verbs that say by themselves that something comes into being; one can also register for what is there."""
_LINKS = frozenset({"from", "by", "for", "with", "in", "via", "of", "into", "on", "at"})
"""What follows them says how or where, not what."""
_KINDS = frozenset({"api", "endpoint", "handler", "view", "route", "item", "async", "v1", "v2"})
"""Last words of names that say what the function is, not what it makes."""
ACTIONS = frozenset({
    "login", "signin", "logout", "signout", "token", "tokens", "auth", "authenticate", "authorize", "session", "oauth",
    "callback", "refresh", "verify", "verification", "verifications", "validate", "validation", "confirm", "check",
    "search", "query", "filter", "find", "list", "lookup", "count", "upload", "uploads", "webhook", "webhooks", "hook",
    "hooks", "notify", "send", "resend", "reset", "recover", "forgot", "run", "execute", "invoke", "trigger", "start",
    "stop", "restart", "pause", "resume", "cancel", "retry", "process", "predict", "generate", "completion",
    "completions", "chat", "embedding", "embeddings", "infer", "inference", "classify", "analyze", "analyse",
    "analysis", "parse", "convert", "transform", "translate", "calculate", "compute", "estimate", "preview", "test",
    "ping", "sync", "import", "export", "download", "publish", "subscribe", "unsubscribe", "enable", "disable",
    "activate", "deactivate", "approve", "reject", "accept", "decline", "assign", "unassign", "move", "copy", "merge",
    "update", "edit", "set", "save", "upsert", "patch", "delete", "deletion", "remove", "clear", "bulk", "batch", "get",
    "or", "fetch", "read", "load", "url", "presigned", "link", "checkout", "pay", "payment", "rpc", "graphql", "proxy",
    "action", "actions", "event", "events", "track", "log", "logs", "metrics", "report", "feedback", "heartbeat",
    "like", "unlike", "vote", "follow", "unfollow", "favorite", "favourite", "favorites", "toggle", "mark", "seed",
    "init", "setup", "migrate", "stream", "ask", "tts", "transcribe", "to", "job", "jobs", "task", "tasks", "otp",
    "code", "challenge", "apply", "deploy", "render", "ingest", "replace", "restore", "archive", "unarchive",
    "exchange", "impersonate", "invite", "attempt", "attempts", "interaction", "interactions", "permissions", "roles",
    "scopes", "tags", "settings", "config", "configuration", "preferences", "password", "reindex", "index", "scan",
    "evaluate", "score", "compare", "summarize", "summary",
    "abrir", "activar", "actualizar", "analizar", "aprobar", "asignar", "atualizar", "buscar", "calcular", "cancelar",
    "cerrar", "confirmar", "enviar", "exportar", "generar", "guardar", "importar", "iniciar", "procesar", "recuperar",
    "salvar", "sincronizar", "subir", "validar", "verificar",
})  # fmt: skip
"""Words that speak of doing something with what is there, not of a new resource; some are also things."""
_SIGNING_IN = frozenset({"login", "signin", "auth", "authenticate", "oauth", "token", "session"})
_UPLOADS = frozenset({"upload", "uploads"})
_MANAGING = frozenset({
    "edit", "update", "modify", "change", "delete", "remove", "list", "get", "query", "search", "info", "detail",
    "details", "page", "find", "save", "read",
    "actualizar", "atualizar", "borrar", "buscar", "cambiar", "deletar", "editar", "eliminar", "excluir", "guardar",
    "listar", "modificar", "obtener", "obter",
})  # fmt: skip

_SEARCHING = frozenset({"query", "search", "find", "buscar"})
"""Those that are a POST in other interfaces as well, where what is asked for stands in the body."""


def words(text: str) -> list[str]:
    """The words of a name or path, in lower case."""
    return [word.lower() for word in _WORDS.findall(text)]


_HISSING = ("ses", "se", "xes", "xe", "ches", "che", "shes", "she")
"""Ends of words with a hiss, of which a plural in `es` does not tell whether the word itself ends in `e`."""


@dataclass(frozen=True)
class Wording:
    """The words of a handler's name and of the last piece of its path; `inner`: a placeholder stands before that.

    `above`: what the path is below, in the singular: the `task` of `/tasks/{number}/comments`. `before`: what else
    stands there.
    """

    name: tuple[str, ...]
    last: tuple[str, ...]
    inner: bool
    is_item: bool
    above: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()

    @property
    def verb(self) -> str:
        """The creating verb that the name, or else the path, begins with; "" without one."""
        for found in (self.name, self.last):
            if found and found[0] in _CREATING:
                return found[0]
        return ""

    @property
    def is_plain(self) -> bool:
        """Whether name and path alone may say that something comes into being."""
        return self.verb in _PLAINLY and _LINKS.isdisjoint(self.last)

    @property
    def thing(self) -> str:
        """What the name says is made: its last word before a preposition, in the singular; "" when it says nothing."""
        links = [number for number, word in enumerate(self.name) if word in _LINKS and number > 1]
        rest = [word for word in self.name[: links[0] if links else None] if word not in _KINDS]
        return _singular(rest[-1]) if rest and rest[-1] not in _CREATING else ""

    @property
    def collection(self) -> str:
        """What the path is a collection of, in the singular; "" when it ends in a verb or is empty."""
        return _singular(self.last[-1]) if self.last and self.last[-1] not in _CREATING else ""

    @property
    def is_plural(self) -> bool:
        """Whether the path ends in a plural."""
        return bool(self.last) and self.last[-1].endswith("s") and not self.last[-1].endswith("ss")

    @property
    def singulars(self) -> frozenset[str]:
        """The words of the name in the singular."""
        return frozenset(map(_singular, self.name))

    @property
    def is_action(self) -> bool:
        """Whether a word speaks of doing something."""
        return not ACTIONS.isdisjoint({*self.name, *self.last})

    @property
    def takes_up(self) -> bool:
        """Whether the only action that a word speaks of is an upload, which may be one of a new thing."""
        return ACTIONS.intersection({*self.name, *self.last}) <= _UPLOADS

    def acts_on_more(self, made: str = "") -> bool:
        """Whether a word beside the thing itself and what it belongs to speaks of doing something: `create_role` is no
        action by its noun, nor is `create_task_comment` below a task, nor `create_chat_room` below `/chat` or where a
        `ChatRoom` is `made`."""
        things = {self.thing, self.collection, *self.above}
        if self.thing == self.collection:
            things |= ({_singular(word) for word in words(made)} | self.before) - _SIGNING_IN
        return not ACTIONS.isdisjoint(word for word in (*self.name, *self.last) if _singular(word) not in things)

    @property
    def matches(self) -> bool:
        """Whether name and path speak of one thing, so that the name says what the collection gets."""
        if not self.collection:
            return True
        return not self.thing or self.thing == self.collection or self.collection in map(_singular, self.name[1:])


def wording(name: str, path: str, prefix: str = "") -> Wording:
    """What a handler's name and its path say; `prefix`: what stands before that path."""
    *before, last = path.rstrip("/").split("/")
    is_item = bool(placeholders(last)) or "{" in last or ":" in last
    pieces = [*prefix.strip("/").split("/"), *filter(None, before)]
    owners = [piece for piece, below in pairwise(pieces) if "{" in below and "{" not in piece]
    above = frozenset(_singular(word) for piece in owners for word in words(piece))
    rest = frozenset(_singular(word) for piece in pieces if "{" not in piece for word in words(piece))
    return Wording(tuple(words(name)), tuple(words(last)), any("{" in piece for piece in before), is_item, above, rest)


def manages(path: str, *, searching: bool = True) -> bool:
    """Whether a path ends in a verb that belongs into the method: `/spaces/edit`, `/spaces/list`; `/spaces/search`
    with `searching` only."""
    last = words(path.rstrip("/").rsplit("/", 1)[-1])
    return bool(last) and last[0] in _MANAGING and (searching or last[0] not in _SEARCHING)


def _singular(word: str) -> str:
    """What a word and its plural have in common: `house` and `houses`, `box` and `boxes`, `status` and `statuses`."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ciones", "siones")):
        return word[:-2]
    if word.endswith(("coes", "soes")):
        return word[:-3] + "ao"
    if word.endswith(_HISSING):
        word = word.rstrip("s").removesuffix("e")
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
