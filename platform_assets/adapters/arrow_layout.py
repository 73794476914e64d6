"""Arrow columns as an engine carries them: the same memory under other names and plain types.

DuckDB tells no "a" from "A", prints lists' elements by a name of its own and gives some instants a
meaning of their own (infinity). None of that can touch what is only carried by position: columns and
fields are numbered, instants and dates are the integers that they are stored as. Nothing is copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def carried(schema: pa.Schema) -> pa.Schema:
    """Return the schema under which rows are carried: columns ``c0``, ``c1``, in their order."""
    return pa.schema([(f"c{n}", _carried(field.type)) for n, field in enumerate(schema)])


def relabelled(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the same memory as a batch of another schema that is carried alike.

    Raises:
        TypeError: the memory of one is not that of the other.
    """
    if carried(batch.schema) != carried(schema):
        raise TypeError(f"rows of {batch.schema} are not those of {schema}")
    return pa.record_batch(_Relabelled(batch, schema))


def carried_path(schema: pa.Schema, path: str) -> tuple[Sequence[str], Sequence[str]]:
    """Return what a column, or a dotted path into structs, is called where it is carried, and here.

    A column whose own name holds dots comes before a path into structs.

    Raises:
        KeyError: the path names nothing.
    """
    found = _descend(list(schema), path, "c")
    if found is None:
        raise KeyError(f"there is no column {path}")
    return found


class Constants:
    """Columns whose value is the same in all rows, taken out of a schema and put back into its rows.

    ``values`` has their texts, ``others`` is the schema without them. At least one column is left.
    """

    def __init__(self, schema: pa.Schema, texts: Mapping[str, str], rows: int) -> None:
        """Take out those of the texts that are of the schema, for batches of so many rows at most."""
        text_columns = {field.name for field in schema if field.type == pa.large_string()}
        self.values = {name: text for name, text in texts.items() if name in text_columns}
        self.others = pa.schema([field for field in schema if field.name not in self.values])
        self._schema = schema
        self._columns = {
            name: pa.repeat(pa.scalar(text, pa.large_string()), rows)
            for name, text in self.values.items()
        }

    def put_back(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return rows of ``others`` as rows of the whole schema."""
        if not self._columns:
            return batch
        columns = {name: column[: batch.num_rows] for name, column in self._columns.items()}
        columns |= dict(zip(batch.schema.names, batch.columns, strict=True))
        return pa.record_batch([columns[name] for name in self._schema.names], self._schema)


class _Relabelled:
    """A batch that exports its memory with another schema (Arrow's PyCapsule interface)."""

    def __init__(self, batch: pa.RecordBatch, schema: pa.Schema) -> None:
        self._batch = batch
        self._schema = schema

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        return self._schema.__arrow_c_schema__(), self._batch.__arrow_c_array__()[1]


def _carried(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        fields = [kind.field(n) for n in range(kind.num_fields)]
        return pa.struct([(f"f{n}", _carried(field.type)) for n, field in enumerate(fields)])
    if pa.types.is_large_list(kind):
        return pa.large_list(pa.field("l", _carried(kind.value_type)))
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_date32(kind):
        return pa.int32()
    return kind


def _descend(
    fields: Sequence[pa.Field], path: str, letter: str
) -> tuple[list[str], list[str]] | None:
    for number, field in enumerate(fields):
        if field.name == path:
            return [f"{letter}{number}"], [path]
    for number, field in enumerate(fields):
        if path.startswith(field.name + ".") and pa.types.is_struct(field.type):
            inner = [field.type.field(n) for n in range(field.type.num_fields)]
            found = _descend(inner, path[len(field.name) + 1 :], "f")
            if found is not None:
                return [f"{letter}{number}", *found[0]], [field.name, *found[1]]
    return None
