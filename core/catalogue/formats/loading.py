"""A table file, of any kind that is read, as a sheet."""

from __future__ import annotations

from pathlib import Path

from core.catalogue.formats.decoding import decode, read_bytes
from core.catalogue.formats.delimited import parse_sheet
from core.catalogue.formats.parquet import parquet_sheet
from core.catalogue.formats.report import Report
from core.catalogue.formats.sheet import Sheet
from core.errors import FormatError


def load_sheet(path: Path, report: Report) -> Sheet:
    """Read a table file.

    Raises:
        FormatError: it is missing, a folder, empty, binary or without a header.
    """
    data = read_bytes(path)
    if data.startswith(b"PAR1"):
        return parquet_sheet(data, path.name, report)
    if path.suffix.lower() in (".parquet", ".pq"):
        raise FormatError(f"{path.name} is not a Parquet file, although its name says so; check how it was written")
    return parse_sheet(decode(data, path.name, report), path.name, report)
