"""Where a reader writes down what it could not use and how it understood the rest."""

from __future__ import annotations

from core.catalogue.records import Problem


class Report:
    """Problems, notes and the meaning of columns, collected while one source is read."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.columns: dict[str, str] = {}

    def problem(self, kind: str, where: str, reason: str) -> None:
        """Write down one thing that could not be used."""
        self.problems.append(Problem(kind, where, reason))

    def note(self, sentence: str) -> None:
        """Write down a sentence for the preview, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def shown(text: str, limit: int = 80) -> str:
    """Foreign text inside a sentence: quoted, shortened, on one line, what cannot be printed escaped."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return "'" + "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in short) + "'"


def several(number: int, one: str, many: str | None = None) -> str:
    """``1 row``, ``1,234 rows``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def whole(text: str) -> str:
    """The text with lone surrogates and NULs, which no database stores, replaced by the replacement character."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\x00", "\ufffd")
