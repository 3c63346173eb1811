"""The grammar by which files are read: parser and node kinds of tree-sitter-python. Knows nothing of facts."""

from __future__ import annotations

import tree_sitter
import tree_sitter_python

LANGUAGE = tree_sitter.Language(tree_sitter_python.language())
"""The grammar; parsers are made from it, one for each file, because a parser is not safe to share between threads."""

ERROR = 65535
"""The kind of error nodes; the grammar does not list it."""


def _ids(wanted: bool) -> dict[str, list[int]]:
    table: dict[str, list[int]] = {}
    for number in range(LANGUAGE.node_kind_count):
        name = LANGUAGE.node_kind_for_id(number)
        if name is not None and LANGUAGE.node_kind_is_named(number) is wanted:
            table.setdefault(name, []).append(number)
    return table


_NAMED = _ids(True)
_TOKENS = _ids(False)


def kinds(*names: str) -> frozenset[int]:
    """The ids of named node kinds (a name can have several)."""
    return frozenset(number for name in names for number in _NAMED[name])


def kind(name: str) -> int:
    """The one id that nodes of a kind have; `kinds` is for names with several."""
    numbers = [number for number in _NAMED[name] if LANGUAGE.node_kind_is_visible(number)]
    if len(numbers) != 1:
        raise ValueError(f"{name} has {len(numbers)} ids")
    return numbers[0]


def token(name: str) -> int:
    """The id of a keyword or punctuation mark."""
    (number,) = _TOKENS[name]
    return number


def all_kinds() -> range:
    """Every id of the grammar, tokens included (`ERROR` is not among them)."""
    return range(LANGUAGE.node_kind_count)


def tokens() -> frozenset[int]:
    """The ids of all keywords and punctuation marks."""
    return frozenset(number for numbers in _TOKENS.values() for number in numbers)


IDENTIFIER = kind("identifier")
CALL = kind("call")
ATTRIBUTE = kind("attribute")
SUBSCRIPT = kind("subscript")
PAREN = kind("parenthesized_expression")
AWAIT = kind("await")
COMMENT = kind("comment")
STRING = kind("string")
KEYWORD = kind("keyword_argument")
LIST_SPLAT = kind("list_splat")
DICT_SPLAT = kind("dictionary_splat")
ARGUMENTS = kind("argument_list")
GENERATOR = kind("generator_expression")
CONTENT = kind("string_content")
INTERPOLATION = kind("interpolation")
LINE_CONTINUATION = kind("line_continuation")
FORMAT_SPEC = kind("format_specifier")
CONVERSION = kind("type_conversion")
FOR_IN = kind("for_in_clause")
IF_CLAUSE = kind("if_clause")
PAIR = kind("pair")
BOOLEAN = kind("boolean_operator")
BINARY = kind("binary_operator")
TYPE = kind("type")
IN = token("in")
ASYNC = token("async")
FROM = token("from")
COLON = token(":")
SKIPPED = tokens() | {COMMENT, LINE_CONTINUATION}
"""Children that are no part of an expression's value."""
LAMBDA_PARAMETERS = kind("lambda_parameters")
SIMPLE_PARAMS = kinds("default_parameter", "typed_default_parameter", "typed_parameter")
SPLAT_PATTERN = kinds("list_splat_pattern")
DICT_SPLAT_PATTERN = kinds("dictionary_splat_pattern")
POSITIONAL_END = kind("positional_separator")
KEYWORD_START = kind("keyword_separator")
BLOCKS = kinds("block")
ASSIGNMENT = kind("assignment")
AUGMENTED = kind("augmented_assignment")
PARAMETERS = kind("parameters")
TYPE_PARAMETER = kind("type_parameter")
DECORATOR = kind("decorator")
ELIF = kind("elif_clause")
ELSE = kind("else_clause")
EXCEPT = kind("except_clause")
FINALLY = kind("finally_clause")
CASE = kind("case_clause")
PATTERN = kind("case_pattern")
WITH_CLAUSE = kind("with_clause")
WITH_ITEM = kind("with_item")
AS_PATTERN = kinds("as_pattern")
AS_TARGET = kinds("as_pattern_target")
NOT = kind("not_operator")
ALIASED = kind("aliased_import")
DOTTED = kind("dotted_name")
RELATIVE = kind("relative_import")
IMPORT_PREFIX = kind("import_prefix")
WILDCARD = kind("wildcard_import")
EXPRESSION_LISTS = kinds("expression_list", "pattern_list", "tuple")
SPLAT_PATTERNS = kinds("splat_pattern", "list_splat_pattern")
KEYWORD_PATTERN = kind("keyword_pattern")
CLASS_PATTERN = kind("class_pattern")
IMPORT_WORD = token("import")
FUNCTION = kind("function_definition")
CLASS = kind("class_definition")
TYPE_ALIAS = kind("type_alias_statement")
NAMED = kind("named_expression")
