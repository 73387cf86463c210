"""Bytes of a text file → text, whatever encoding a laptop at sea wrote it in."""

from __future__ import annotations

from pathlib import Path

from core.catalogue.formats.report import Report
from core.errors import FormatError

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "an Excel workbook or ZIP archive; save the table as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save the table as CSV"),
    (b"%PDF", "a PDF; export the table as CSV"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"SQLite format 3", "an SQLite database; export the table as CSV"),
    (b"\x89HDF", "an HDF5 file; export the table as CSV"),
    (b"\x89PNG", "an image; give its folder instead"),
    (b"\xff\xd8\xff", "an image; give its folder instead"),
    (b"GIF8", "an image; give its folder instead"),
    (b"II*\x00", "an image; give its folder instead"),
    (b"MM\x00*", "an image; give its folder instead"),
)
_BOMS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_TEXT_CONTROLS = frozenset(b"\t\n\v\f\r\x1a\x1b")
_SAMPLE = 65536


def read_bytes(path: Path) -> bytes:
    """All bytes of a file.

    Raises:
        FormatError: it is missing, a folder, empty, or may not be read.
    """
    try:
        if path.is_dir():
            raise FormatError(f"{path} is a folder where a file was expected; name a file in it")
        data = path.read_bytes()
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read ({error.strerror or error}); check the name and its permissions"
        ) from None
    except ValueError:
        raise FormatError(f"{str(path)!r} is not a possible file name; check it") from None
    if not data:
        raise FormatError(f"{path} is empty; a table with a header row or a JSON document was expected")
    return data


def decode(data: bytes, name: str, report: Report) -> str:
    """Text of a file: by its byte order mark, else UTF-16 without one, else UTF-8, else Windows-1252 with a note.

    Args:
        data: The whole file.
        name: For sentences.
        report: Takes the note.

    Raises:
        FormatError: the bytes are not text.
    """
    for magic, what in _MAGIC:
        if data.startswith(magic):
            raise FormatError(f"{name} is {what}")
    encoding = next((codec for bom, codec in _BOMS if data.startswith(bom)), None) or _utf16_without_mark(data)
    if encoding is not None:
        text = data.decode(encoding, "replace")
        if "\ufffd" in text:
            report.note(f"{name} holds bytes that are not {encoding}: they are shown as \ufffd.")
    else:
        if b"\x00" in data:
            raise FormatError(f"{name} is a binary file; a table or JSON as text was expected")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = _single_bytes(data, name, report)
    if "\x00" in text:
        raise FormatError(f"{name} is a binary file; a table or JSON as text was expected")
    return text


def _utf16_without_mark(data: bytes) -> str | None:
    """UTF-16 of mostly Latin text has a NUL in nearly every second byte, always on the same side."""
    sample = data[:_SAMPLE]
    half = len(sample) // 2
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if half >= 2 and odd > 0.7 * half and even < 0.05 * half:
        return "utf-16-le"
    if half >= 2 and even > 0.7 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _single_bytes(data: bytes, name: str, report: Report) -> str:
    sample = data[:_SAMPLE]
    controls = sum(byte < 32 and byte not in _TEXT_CONTROLS for byte in sample)
    if controls > 0.02 * len(sample):
        raise FormatError(f"{name} is a binary file; a table or JSON as text was expected")
    try:
        text, encoding = data.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        text, encoding = data.decode("latin-1"), "Latin-1"
    report.note(f"{name} is not UTF-8: it was read as {encoding}; check letters with accents.")
    return text
