"""Handles of the project's modules, functions and classes: facts with the questions that one file answers by itself."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from fastapi_lint.files.naming import parts_of
from fastapi_lint.files.source import LARGEST_TREE, Source, Unreadable
from fastapi_lint.files.words import Worded
from fastapi_lint.index import facts as f
from fastapi_lint.model.names.purposes.purposed import Purposed
from fastapi_lint.model.names.trees.opening import Opening
from fastapi_lint.tracking.recording import Handle


class Module(Opening, Worded, Purposed):
    """A file of the project. `name` is its dotted name from the project root: unique, not always importable."""

    source: Source

    def __init__(self, source: Source, facts: f.Facts | Callable[[], f.Facts]) -> None:
        """`facts` may be what makes them: of most modules of a project nobody asks, when little has changed."""
        super().__init__()
        self.source = source
        self._given = facts
        self.path = source.path
        self.parts, self.is_package = parts_of(self.path)
        self.name = ".".join(self.parts)
        self._words: dict[frozenset[str], frozenset[str]] = {}
        self._named: dict[frozenset[str], dict[int, list[f.Call]]] = {}

    def __repr__(self) -> str:
        return f"Module({self.path!r})"

    @cached_property
    def facts(self) -> f.Facts:
        """What the index knows of the file."""
        return self._given() if callable(self._given) else self._given

    @property
    def is_unreadable(self) -> bool:
        """Whether the bytes cannot be Python, or are too many for a tree: the syntax-error rule speaks of it."""
        try:
            return len(self.source.utf8) > LARGEST_TREE
        except Unreadable:
            return True

    @property
    def is_recovered(self) -> bool:
        """Whether the facts are what can be read of a file with a syntax error: parts are missing, names are torn, and
        both sides of a merge conflict are in it. That something is not there, or there twice, or the same as something
        else, is not known of such a module."""
        return bool(self.facts.errors)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """Every function, method and lambda, in the order of the facts."""
        return tuple(Function(self, i, entry) for i, entry in enumerate(self.facts.functions))

    @cached_property
    def classes(self) -> tuple[Class, ...]:
        """Every class, in the order of the facts."""
        return tuple(Class(self, i, entry) for i, entry in enumerate(self.facts.classes))

    @property
    def start(self) -> int:
        return 0

    @property
    def end(self) -> int:
        return 0

    def enclosing(self, block: int) -> Function | None:
        """The innermost function or lambda around a block."""
        index = self.facts.blocks[block].function
        return self.functions[index] if index >= 0 else None

    def functions_around(self, block: int) -> Iterator[Function]:
        """The functions and lambdas around a block, innermost first."""
        function = self.enclosing(block)
        while function is not None:
            yield function
            function = function.parent

    def method_around(self, block: int) -> Function | None:
        """The innermost method around a block, the functions inside it aside."""
        return next((function for function in self.functions_around(block) if function.cls is not None), None)

    def block_chain(self, block: int) -> list[f.Block]:
        """A block and those around it, innermost first, up to and including the body of a function, class or module."""
        chain = []
        while block >= 0:
            entry = self.facts.blocks[block]
            chain.append(entry)
            if entry.kind in ("function", "class", "lambda", "module"):
                break
            block = entry.parent
        return chain

    def blocks_around(self, block: int) -> frozenset[int]:
        """As `block_chain`, by index: what comes later in one of them comes behind a place, on the way on from it."""
        found = {block}
        while self.facts.blocks[block].kind not in ("function", "class", "lambda", "module"):
            block = self.facts.blocks[block].parent
            found.add(block)
        return frozenset(found)

    @cached_property
    def calls_in(self) -> dict[int, list[f.Call]]:
        """The calls of each function (by index; -1: module and class level) in source order, without nested ones."""
        table: dict[int, list[f.Call]] = {}
        blocks = self.facts.blocks
        for call in self.facts.calls:
            table.setdefault(blocks[call.block].function, []).append(call)
        return table

    @cached_property
    def exits_in(self) -> dict[int, list[f.Exit]]:
        """Returns, yields, raises and dels of each function, as `calls_in`."""
        table: dict[int, list[f.Exit]] = {}
        blocks = self.facts.blocks
        for entry in self.facts.exits:
            table.setdefault(blocks[entry.block].function, []).append(entry)
        return table

    @cached_property
    def blocks_in(self) -> dict[int, list[f.Block]]:
        """The blocks of each function, as `calls_in`."""
        blocks = self.facts.blocks
        return {function: [blocks[number] for number in found] for function, found in self.block_numbers_in.items()}

    @cached_property
    def block_numbers_in(self) -> dict[int, list[int]]:
        """The indexes of the blocks of each function, as `blocks_in`."""
        table: dict[int, list[int]] = {}
        for number, block in enumerate(self.facts.blocks):
            table.setdefault(block.function, []).append(number)
        return table

    @cached_property
    def children(self) -> dict[int, list[int]]:
        """The indexes of the blocks directly inside each block; the body of a function is inside of none."""
        table: dict[int, list[int]] = {}
        blocks = self.facts.blocks
        for number, block in enumerate(blocks):
            if block.parent >= 0 and block.function == blocks[block.parent].function:
                table.setdefault(block.parent, []).append(number)
        return table

    def clauses_of(self, attempt: int) -> list[int]:
        """The indexes of the `except` clauses of a `try`, or of whatever else is the parent of a block."""
        return [each for each in self.children.get(attempt, ()) if self.facts.blocks[each].kind == "except"]

    @cached_property
    def call_numbers(self) -> dict[tuple[int, int], int]:
        """The index of each call among the calls of the facts, by its place (start and end)."""
        return {(call.start, call.end): index for index, call in enumerate(self.facts.calls)}

    @cached_property
    def _functions_by_start(self) -> list[tuple[int, int]]:
        return sorted((function.facts.start, function.index) for function in self.functions)

    def functions_within(self, start: int, end: int) -> list[Function]:
        """The functions and lambdas that begin behind `start` and end at `end` at the latest, in order of the facts."""
        found = self._functions_by_start
        first, last = bisect_right(found, (start, len(found))), bisect_left(found, (end, -1))
        inside = (self.functions[index] for _, index in sorted(found[first:last], key=lambda each: each[1]))
        return [function for function in inside if function.facts.end <= end]

    def function_before(self, offset: int) -> Function | None:
        """The last function or lambda that begins before an offset: one around this is that one, or around it."""
        index = bisect_left(self._functions_by_start, (offset, -1)) - 1
        return self.functions[self._functions_by_start[index][1]] if index >= 0 else None

    @cached_property
    def assigns_in(self) -> dict[int, list[f.Assign]]:
        """The bindings by assignment in each function, as `calls_in`."""
        table: dict[int, list[f.Assign]] = {}
        blocks = self.facts.blocks
        for entry in self.facts.assigns:
            table.setdefault(blocks[entry.block].function, []).append(entry)
        return table

    @cached_property
    def star_imports(self) -> tuple[f.Import, ...]:
        """The imports of all that another module has, the last one first."""
        return tuple(entry for entry in reversed(self.facts.imports) if entry.name == "*")

    @cached_property
    def imported_names(self) -> dict[str, str]:
        """The names by which imports bind something of a module, each with the one that it has at home."""
        return {entry.alias: entry.name for entry in reversed(self.facts.imports) if entry.name}

    @cached_property
    def calls_by_name(self) -> dict[str, list[int]]:
        """The indexes of the calls, by the last name of what is called."""
        table: dict[str, list[int]] = {}
        for index, call in enumerate(self.facts.calls):
            if name := f.last_name(call.func):
                table.setdefault(name, []).append(index)
        return table

    def calls_named(self, names: Iterable[str]) -> list[f.Call]:
        """The calls of what is called like one of some names, in order."""
        table, calls = self.calls_by_name, self.facts.calls
        known = table.keys() & names  # of many names a module has few
        return [calls[index] for index in sorted(index for name in known for index in table[name])]

    def calls_named_in(self, names: frozenset[str]) -> Mapping[int, list[f.Call]]:
        """As `calls_named`, by the index of the function that makes them."""
        if names not in self._named:
            found = self._named[names] = {}
            for call in self.calls_named(names):
                found.setdefault(self.facts.blocks[call.block].function, []).append(call)
        return self._named[names]

    @cached_property
    def asked_for_types(self) -> frozenset[str]:
        """The names that `isinstance` is asked about somewhere, also those that are bound in what it is given, and
        what a `match` looks at."""
        given = [call.args[0] for call in self.calls_named(("isinstance",)) if call.args]
        names = {arg.value.id for arg in given if isinstance(arg.value, f.Name)}
        for entry in self.facts.assigns if given else ():
            if entry.op == ":=" and isinstance(entry.target, f.Name):
                if any(arg.start <= entry.start < arg.end for arg in given):
                    names.add(entry.target.id)
        matched = (block.test for block in self.facts.blocks if block.kind == "choice")
        return frozenset(names) | {test.id for test in matched if isinstance(test, f.Name)}

    @cached_property
    def calls_by_keyword(self) -> dict[str, list[int]]:
        """The indexes of the calls, by the names of their keyword arguments."""
        table: dict[str, list[int]] = {}
        for index, call in enumerate(self.facts.calls):
            for arg in call.args:
                if arg.name:
                    table.setdefault(arg.name, []).append(index)
        return table

    @cached_property
    def calls_by_argument(self) -> dict[str, list[int]]:
        """The indexes of the calls, by the last names of their arguments."""
        table: dict[str, list[int]] = {}
        for index, call in enumerate(self.facts.calls):
            for name in {f.last_name(arg.value) for arg in call.args} - {""}:
                table.setdefault(name, []).append(index)
        return table

    def calls_between(self, start: int, end: int) -> Iterator[tuple[int, f.Call]]:
        """The calls that begin in a byte range, each with its index."""
        calls = self.facts.calls
        for index in range(bisect_left(calls, start, key=lambda call: call.start), len(calls)):
            if calls[index].start >= end:
                return
            yield index, calls[index]

    def words_for(self, names: frozenset[str]) -> frozenset[str]:
        """The names, and those under which the module imports them: what a call of them ends in here."""
        if names not in self._words:
            imported = {entry.alias for entry in self.facts.imports if entry.alias and entry.name in names}
            self._words[names] = names | imported if imported else names
        return self._words[names]

    @cached_property
    def _definitions(self) -> list[tuple[int, int, str, int]]:
        entries = [(e.start, -e.end, e.qualname) for e in self.facts.functions]
        entries += [(e.start, -e.end, e.qualname) for e in self.facts.classes]
        found: list[tuple[int, int, str, int]] = []
        for start, end, name in sorted(entries, key=lambda entry: entry[:2]):
            around = len(found) - 1  # the number of the definition that this one lies in
            while around >= 0 and found[around][1] <= start:
                around = found[around][3]
            found.append((start, -end, name, around))
        return found

    def symbol_at(self, offset: int) -> str:
        """The qualified name of the innermost function or class around a byte offset; empty at module level."""
        index = bisect_right(self._definitions, (offset, float("inf"), "")) - 1
        while index >= 0:
            _, end, name, around = self._definitions[index]
            if offset < end and not name.endswith("<lambda>"):
                return name
            index = around
        return ""


class Function(Handle):
    """A function, method or lambda of the project."""

    __slots__ = ("__dict__", "facts", "index", "is_async", "module", "name", "params", "qualname")
    module: Module

    def __init__(self, module: Module, index: int, facts: f.Function) -> None:
        self.module = module
        self.index = index
        self.facts = facts
        self.name = facts.name
        self.qualname = facts.qualname
        self.is_async = facts.is_async
        self.params = facts.params

    def __repr__(self) -> str:
        return f"Function({self.module.path}:{self.qualname})"

    @property
    def start(self) -> int:
        """Byte offset of the function's name: findings about a function underline its name."""
        return self.facts.name_start

    @property
    def end(self) -> int:
        return self.facts.name_end

    @property
    def positional(self) -> list[str]:
        """The parameters that positional arguments of a call fill, without the `self` or `cls` of a method."""
        names = [param.name for param in self.params if param.kind in ("positional-only", "normal")]
        return names[1:] if self.facts.cls >= 0 and names[:1] in (["self"], ["cls"]) else names

    @property
    def is_generator(self) -> bool:
        return self.facts.is_generator

    def rebinds(self, name: str) -> bool:
        """Whether its own body assigns a name."""
        for entry in self.module.assigns_in.get(self.index, ()):  # asked very often: no generator
            if type(entry.target) is f.Name and entry.target.id == name:
                return True
        return False

    @cached_property
    def cls(self) -> Class | None:
        """The class whose body directly holds this method."""
        return self.module.classes[self.facts.cls] if self.facts.cls >= 0 else None

    @cached_property
    def parent(self) -> Function | None:
        """The function in which this one is defined."""
        return self.module.enclosing(self.facts.outer)

    @cached_property
    def calls(self) -> list[f.Call]:
        """The calls of its body, those of nested functions and lambdas excluded."""
        return self.module.calls_in.get(self.index, [])

    def calls_named(self, names: frozenset[str]) -> Sequence[f.Call]:
        """Those of its calls that call what is called like one of some names."""
        return self.module.calls_named_in(names).get(self.index, ())

    @cached_property
    def exits(self) -> list[f.Exit]:
        return self.module.exits_in.get(self.index, [])

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands in its body but a docstring, `...` or `pass`."""
        blocks = (block for block in self.module.facts.blocks if block.function == self.index)
        assigns = self.module.assigns_in.get(self.index, ())
        return not self.exits and not self.calls and not assigns and all(each.kind == "function" for each in blocks)


class Class(Handle):
    """A class of the project."""

    __slots__ = ("__dict__", "facts", "index", "module", "name", "qualname")
    module: Module

    def __init__(self, module: Module, index: int, facts: f.Class) -> None:
        self.module = module
        self.index = index
        self.facts = facts
        self.name = facts.name
        self.qualname = facts.qualname

    def __repr__(self) -> str:
        return f"Class({self.module.path}:{self.qualname})"

    @property
    def start(self) -> int:
        """Byte offset of the class's name."""
        return self.facts.name_start

    @property
    def end(self) -> int:
        return self.facts.name_end

    @cached_property
    def methods(self) -> dict[str, Function]:
        """The methods of its own body; a later definition of a name wins (property setters are passed over)."""
        found: dict[str, Function] = {}
        for function in self.module.functions:
            if function.facts.cls != self.index or function.name == "<lambda>":
                continue
            if any(isinstance(d, f.Attr) and d.attr in ("setter", "deleter") for d in function.facts.decorators):
                continue
            found[function.name] = function
        return found

    @cached_property
    def nested(self) -> dict[str, Class]:
        return {
            c.name: c
            for c in self.module.classes
            if self.module.facts.blocks[c.facts.outer].cls == self.index and c.index != self.index
        }

    @cached_property
    def assigns(self) -> dict[str, f.Assign]:
        """The names bound in its body, with annotation or value; the last binding wins."""
        blocks = self.module.facts.blocks
        return {
            entry.target.id: entry
            for entry in self.module.facts.assigns
            if blocks[entry.block].cls == self.index and isinstance(entry.target, f.Name)
        }
