"""The shape of the configuration: which keys there are, what their values look like, and the JSON Schema that says so.

One table (`KEYS`) is the source of the validation, of the schema and of what `fastapi-lint config` prints. Finds and
reads no files, and does not know which rules exist.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union, get_args

from fastapi_lint.catalog.format import TAINT, Against, Danger, Gives, Kind, Weight
from fastapi_lint.config.suggestions import hint

Json = Union[None, bool, int, str, list["Json"], dict[str, "Json"]]

OUTPUT_FORMATS = (
    "console", "concise", "grouped", "json", "json-lines", "sarif", "github", "gitlab", "junit", "rdjson", "azure",
    "pylint",
)  # fmt: skip
PRESETS = {"recommended": ("recommended",), "strict": ("recommended", "strict"), "all": ("all",)}
"""What `preset = ...` selects. As a selector in `select`, `strict` means the strict rules alone."""
SEVERITIES = ("error", "warning", "info")

TARGETS = ("python", "fastapi", "starlette", "pydantic", "sqlalchemy", "httpx")

_SPECIFIER = (
    r"^\s*(===|~=|==|!=|<=|>=|<|>)\s*[0-9A-Za-z.*+!_-]+(\s*,\s*(===|~=|==|!=|<=|>=|<|>)\s*[0-9A-Za-z.*+!_-]+)*\s*$"
)
_DOTTED = r"^[^\W\d]\w*(\.[^\W\d]\w*)*$"
_PLUGIN = r"^[^\W\d][\w.-]*$"
_PATTERN = r"^[\w*?]+$"
_FILLED = r"\S"
_SELECTOR = r"^([A-Za-z]+[0-9]*|[a-z][a-z0-9]*(-[a-z0-9]+)*)$"
_INSIDE = r"^(?![/\\~])(?![A-Za-z]:)(?!(.*[/\\])?\.\.([/\\]|$)).+$"


class ConfigurationError(Exception):
    """The configuration, or an option of the command line, cannot be used; the message says where and why."""


@dataclass(frozen=True)
class Flag:
    """true or false."""

    words = "true or false"

    def read(self, value: object, where: str) -> bool:
        if isinstance(value, bool):
            return value
        raise mismatch(where, self.words, value)

    def schema(self) -> dict[str, Json]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Count:
    """A whole number, not below zero."""

    words = "a whole number, 0 or more"

    def read(self, value: object, where: str) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        raise mismatch(where, self.words, value)

    def schema(self) -> dict[str, Json]:
        return {"type": "integer", "minimum": 0}


@dataclass(frozen=True)
class Text:
    """A string: one of `choices`, or one that `pattern` matches."""

    words: str = "a string"
    pattern: str = ""
    choices: tuple[str, ...] = ()

    def read(self, value: object, where: str) -> str:
        if not isinstance(value, str):
            raise mismatch(where, self.words, value)
        if self.choices and value not in self.choices:
            known = ", ".join(self.choices)
            raise ConfigurationError(f"{where}: unknown value '{value}'{hint(value, self.choices)} (known: {known})")
        if self.pattern and not re.search(self.pattern, value):
            raise ConfigurationError(f"{where}: expected {self.words}, found '{value}'")
        return value

    def schema(self) -> dict[str, Json]:
        if self.choices:
            return {"enum": list(self.choices)}
        return {"type": "string", "pattern": self.pattern} if self.pattern else {"type": "string"}


@dataclass(frozen=True)
class Many:
    """An array whose items are all alike; read as a tuple."""

    item: Text | Table
    words = "an array"

    def read(self, value: object, where: str) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise mismatch(where, f"an array whose items are each {self.item.words}", value)
        return tuple(self.item.read(item, f"{where}[{index}]") for index, item in enumerate(value))

    def schema(self) -> dict[str, Json]:
        return {"type": "array", "items": self.item.schema()}


@dataclass(frozen=True)
class Option:
    """The value of a rule's option; what type it must have, the rule's default says (see `settings`)."""

    words = "a boolean, an integer, a string or an array of strings"

    def read(self, value: object, where: str) -> bool | int | str | tuple[object, ...]:
        if isinstance(value, list):
            return Many(Text()).read(value, where)
        if isinstance(value, (bool, int, str)):
            return value
        raise mismatch(where, self.words, value)

    def schema(self) -> dict[str, Json]:
        strings: Json = {"type": "array", "items": {"type": "string"}}
        return {"anyOf": [{"type": "boolean"}, {"type": "integer"}, {"type": "string"}, strings]}


@dataclass(frozen=True)
class Constant:
    """A boolean, an integer or a string: what a call can be given as it stands in the code."""

    words = "a boolean, an integer or a string"

    def read(self, value: object, where: str) -> bool | int | str:
        if isinstance(value, (bool, int, str)):
            return value
        raise mismatch(where, self.words, value)

    def schema(self) -> dict[str, Json]:
        return {"anyOf": [{"type": "boolean"}, {"type": "integer"}, {"type": "string"}]}


@dataclass(frozen=True)
class Table:
    """A table: of the keys in `keys`, or, with `other`, of any keys whose values are alike."""

    keys: Mapping[str, Key] = field(default_factory=dict)
    other: Text | Many | Table | Option | Constant | None = None
    required: tuple[str, ...] = ()
    words = "a table"

    def read(self, value: object, where: str) -> dict[str, object]:
        if not isinstance(value, dict):
            raise mismatch(where, self.words, value)
        found: dict[str, object] = {}
        for name, item in value.items():
            key = self.keys.get(name)
            shape = key.shape if key else self.other
            if shape is None:
                known = ", ".join(self.keys)
                raise ConfigurationError(
                    f"{where}: unknown key '{name}'{hint(name, self.keys) or f' (known: {known})'}"
                )
            found[name] = shape.read(item, f"{where}.{name}" if where else name)
        for name in self.required:
            if name not in found:
                raise ConfigurationError(f"{where}: the key '{name}' is missing")
        return found

    def schema(self) -> dict[str, Json]:
        schema: dict[str, Json] = {"type": "object"}
        if self.keys:
            schema["properties"] = {
                name: {**key.shape.schema(), "description": key.about} for name, key in self.keys.items()
            }
        schema["additionalProperties"] = self.other.schema() if self.other else False
        if self.required:
            schema["required"] = list(self.required)
        return schema


@dataclass(frozen=True)
class Key:
    """A key of a table: what its value looks like, and a sentence about it."""

    shape: Flag | Count | Text | Many | Table | Option | Constant
    about: str


def mismatch(where: str, expected: str, found: object) -> ConfigurationError:
    """The error for a value of the wrong type."""
    return ConfigurationError(f"{where}: expected {expected}, found {described(found)}")


def described(value: object) -> str:
    """A TOML value in words, for error messages."""
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, str):
        return f"the string '{value}'"
    if isinstance(value, int):
        return f"the integer {value}"
    if isinstance(value, float):
        return f"the number {value}"
    if isinstance(value, (list, tuple)):
        return "an array"
    if isinstance(value, dict):
        return "a table"
    return f"a {type(value).__name__}"


_SELECTORS = Many(Text("a preset, a rule's code, the beginning of codes, or a rule's name", _SELECTOR))
_PATTERNS = Many(Text("a path pattern as .gitignore has them"))
_NAME = Text("a dotted name such as 'package.module.function'", _DOTTED)
_METHOD = Text("a method's name or a pattern such as 'get_*'", _PATTERN)
_SAID = Text("a text that is not empty", _FILLED)

KEYS: Mapping[str, Key] = {
    "extend": Key(
        Text("the path of a configuration", pattern=_FILLED),
        "A configuration that this one builds upon, relative to this file; patterns in it count from this project's "
        "root.",
    ),
    "plugins": Key(
        Many(Text("the name of a module or of an entry point", _PLUGIN)),
        "Modules with rules of your own, or names of entry points `fastapi_lint.rules`. Naming one executes its code.",
    ),
    "preset": Key(
        Text("the name of a preset", choices=tuple(PRESETS)),
        "The rules to start from, instead of `select`: recommended; strict (recommended and strict rules); all.",
    ),
    "select": Key(_SELECTORS, "The rules to check: presets, codes, beginnings of codes, names. Default: recommended."),
    "extend-select": Key(_SELECTORS, "Rules to check besides those that `select` or `preset` names."),
    "ignore": Key(_SELECTORS, "Rules not to check; of two selectors the more specific one counts, then `ignore`."),
    "per-file-ignores": Key(
        Table(other=_SELECTORS), "Path pattern (as in .gitignore; `!` in front inverts it) to rules not reported there."
    ),
    "exclude": Key(_PATTERNS, "Path patterns of files and directories not to read; replaces the usual directories."),
    "extend-exclude": Key(_PATTERNS, "Path patterns of files and directories not to read, besides `exclude`."),
    "force-exclude": Key(
        Flag(), "Whether what is excluded or ignored is left out even where it is named, as pre-commit does it."
    ),
    "respect-gitignore": Key(Flag(), "Whether what .gitignore names is left out. Default: true."),
    "src": Key(
        Many(Text("a relative path inside the project", _INSIDE)),
        "Directories in which top-level modules lie, relative to the project root. Default: found out.",
    ),
    "target-versions": Key(
        Table(
            {
                name: Key(Text("a version specifier such as '>=0.115'", _SPECIFIER), f"The versions of {name} in use.")
                for name in TARGETS
            }
        ),
        "The versions the code is written for, where the project's own metadata do not say or say otherwise.",
    ),
    "rules": Key(Table(other=Table(other=Option())), "A rule's code or name to the values of its options."),
    "severity": Key(
        Table(other=Text("a severity", choices=SEVERITIES)),
        "Presets, codes, beginnings of codes and names to the severity with which these rules report.",
    ),
    "fixable": Key(_SELECTORS, "The rules whose findings may be fixed. Default: all."),
    "unfixable": Key(
        _SELECTORS, "Rules whose findings are not to be fixed; of equally specific selectors this counts."
    ),
    "preview": Key(
        Flag(), "Whether presets and beginnings of codes stand for new rules too, those in their first minor version."
    ),
    "blocking": Key(
        Many(
            Table(
                {
                    "name": Key(_NAME, "The full dotted name of a function that blocks, or of a class."),
                    "methods": Key(
                        Many(_METHOD),
                        "The methods that block, `name` being a class: names, patterns ('get_*'), '*'.",
                    ),
                    "except": Key(Many(_METHOD), "Methods that do not block, although `methods` names them."),
                    "kind": Key(Text("a kind", choices=get_args(Kind)), "What it waits for. Default: network."),
                    "weight": Key(
                        Text("a weight", choices=get_args(Weight)),
                        "How long it can block: long (the default) or short, of which not every rule speaks.",
                    ),
                    "why": Key(_SAID, "What it does, to follow 'it': 'waits for the HTTP response'."),
                    "instead": Key(_SAID, "What to write instead, to follow 'use': '`httpx.AsyncClient`'."),
                    "when": Key(
                        _SAID, "It blocks only if this parameter is given; 'arguments' stands for any argument at all."
                    ),
                    "unless": Key(
                        Table(other=Constant()),
                        "Parameters and the values with which it returns at once: block = false.",
                    ),
                },
                required=("name",),
            )
        ),
        "Additions to the catalogue of blocking calls; they win over the entries that ship.",
    ),
    "taint": Key(
        Many(
            Table(
                {
                    "kind": Key(
                        Text("a kind", choices=tuple(TAINT)),
                        "source: a class that holds what clients send; passing: a call that gives it on; guard: one"
                        " that checks it; sink: one in which it is dangerous.",
                    ),
                    "name": Key(_NAME, "The full dotted name of a function, or of a class."),
                    "methods": Key(Many(_METHOD), "The methods that it is about, `name` being a class."),
                    "takes": Key(
                        Many(_SAID), "Where the text goes in: 'self', the number or the name of an argument, '*'."
                    ),
                    "danger": Key(Text("a danger", choices=get_args(Danger)), "Of a sink: what the text does there."),
                    "against": Key(
                        Many(Text("a danger", choices=get_args(Against))), "Of a guard: the dangers that it rules out."
                    ),
                    "raises": Key(Flag(), "Of a guard: it raises for what is not harmless."),
                    "gives": Key(Text("a result", choices=get_args(Gives)), "Of what passes: what comes out."),
                    "removes": Key(
                        Many(Text("a danger", choices=get_args(Against))), "Of what passes: the dangers that end there."
                    ),
                    "attributes": Key(
                        Table(other=_SAID),
                        "Of a source: the attributes that clients write, a method with its brackets, to what they are.",
                    ),
                    "when": Key(Table(other=Constant()), "Of a sink: arguments and the values with which it is one."),
                },
                required=("kind", "name"),
            )
        ),
        "Additions to what is known about texts of clients; they win over the entries that ship.",
    ),
    "baseline": Key(
        Text("a relative path inside the project", _INSIDE), "A file of known findings that are not reported again."
    ),
    "output-format": Key(Text("a format", choices=OUTPUT_FORMATS), "How findings are written. Default: console."),
    "fix": Key(Flag(), "Whether to apply safe fixes without being asked on the command line."),
    "unsafe-fixes": Key(Flag(), "Whether unsafe fixes count as fixes too."),
    "fail-on": Key(
        Text("a severity", choices=SEVERITIES),
        "The least severity of a finding that makes a run fail (exit code 1). Default: warning.",
    ),
    "max-warnings": Key(Count(), "How many warnings a run may have and still not fail for them. Default: 0."),
}

TABLE = Table(KEYS)


def schema() -> dict[str, Json]:
    """The JSON Schema (draft 2020-12) of `fastapi-lint.toml` and of `[tool.fastapi-lint]`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://raw.githubusercontent.com/fastapi-lint/fastapi-lint/main/src/fastapi_lint/config/schema.json",
        "title": "fastapi-lint",
        "description": "Configuration of fastapi-lint: fastapi-lint.toml, or [tool.fastapi-lint] in pyproject.toml.",
        **TABLE.schema(),
        "not": {"required": ["select", "preset"]},
    }
