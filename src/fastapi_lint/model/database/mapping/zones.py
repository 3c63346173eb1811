"""Whether what keeps a time keeps its zone: columns by type, documents of MongoDB by their client. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_lint.index import facts as f
from fastapi_lint.model.names.symbols import Module
from fastapi_lint.tracking.queries import gathered

if TYPE_CHECKING:
    from fastapi_lint.model.project import Project


COLUMNS = frozenset({"sqlalchemy.Column", "sqlalchemy.orm.mapped_column", "sqlalchemy.schema.Column"})
"""What makes a column, whose arguments say how its values are kept."""
_TYPES = ("sqlalchemy.DateTime", "sqlalchemy.types.DateTime", "sqlalchemy.TIMESTAMP", "sqlalchemy.types.TIMESTAMP",
          "sqlalchemy.dialects.postgresql.TIMESTAMP", "sqlalchemy.sql.sqltypes.DateTime")  # fmt: skip
_DOCUMENTS = ("beanie.", "odmantic.", "mongoengine.")


def is_of_table(project: Project, module: Module, call: f.Call) -> bool:
    """Whether a field is a column, too: that of an SQLModel table, or of a base that one has."""
    number = module.facts.blocks[call.block].cls
    if number < 0 or project.called_name(module, call) != "sqlmodel.Field":
        return False
    cls = module.classes[number]
    schemas = (project.schemas.of(each) for each in (cls, *project.types.subclasses(cls)))
    return any(schema is not None and schema.kind == "sqlmodel-table" for schema in schemas)


def has_zone(project: Project, module: Module, call: f.Call) -> bool:
    """Whether a column is declared with a zone: `DateTime(timezone=True)` among its arguments, or in `sa_column`."""
    for arg in call.args:
        if arg.name not in ("", "type_", "sa_type", "sa_column") or not isinstance(arg.value, f.CallRef):
            continue
        inner = module.facts.calls[arg.value.index]
        name = project.called_name(module, inner) or ""
        if name in COLUMNS and has_zone(project, module, inner):
            return True
        zone = f.keyword(inner, "timezone") or next(iter(inner.args[:1]), None)
        if name in _TYPES and zone is not None and zone.name in ("", "timezone"):
            if zone.value == f.Const(True):
                return True
    return False


def loses_zone(project: Project, module: Module, call: f.Call) -> bool:
    """Whether a field is one of a document in MongoDB, whose driver gives times back without a zone, as a default."""
    number = module.facts.blocks[call.block].cls
    if number < 0:
        return False
    cls = module.classes[number]
    bases = (base for each in (cls, *project.types.subclasses(cls)) for base in project.types.mro(each))
    is_one = any(isinstance(base, str) and base.startswith(_DOCUMENTS) for base in bases)
    return is_one and not _asking_for_zones(project)


@gathered
def _asking_for_zones(project: Project, module: Module) -> Iterator[bool]:
    """The clients of a module that give times back with their zone: `tz_aware=True`."""
    for call in module.facts.calls if module.mentions("tz_aware") else ():
        if f.keyword(call, "tz_aware") is not None:
            yield True
