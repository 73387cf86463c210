"""A Parquet file as a sheet of text."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from typing import Any

from core.catalogue.formats.report import Report, several, whole
from core.catalogue.formats.sheet import Sheet, unique_names
from core.errors import FormatError


def parquet_sheet(data: bytes, name: str, report: Report) -> Sheet:
    """Read a Parquet table; lists become JSON, times ISO 8601, columns of raw bytes are left out with a note.

    Raises:
        FormatError: the file is damaged or holds types that cannot be shown as text.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data))
        names, columns = [], []
        for field, chunks in zip(table.schema, table.columns, strict=True):
            if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
                report.note(f"{name}: the column {whole(field.name)!r} holds raw bytes and was left out.")
                continue
            if pa.types.is_timestamp(field.type):
                chunks = chunks.cast(pa.timestamp("us", tz=field.type.tz), safe=False)
            names.append(whole(field.name).strip())
            columns.append([_text(value) for value in chunks.to_pylist()])
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"{name} cannot be read as Parquet ({reason[:200]}); check how it was written") from None
    if not names:
        raise FormatError(f"{name} holds no columns of text or numbers")
    header = unique_names(names, name, report)
    rows = [list(cells) for cells in zip(*columns, strict=True)]
    kept = [number for number, row in enumerate(rows, start=1) if any(row)]
    if len(kept) < len(rows):
        report.note(f"{several(len(rows) - len(kept), 'row')} of {name} are empty.")
    return Sheet(name, header, [rows[number - 1] for number in kept], kept)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | dict | tuple):
        return whole(json.dumps(value, ensure_ascii=False, default=str))
    return str(value)
