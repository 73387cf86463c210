"""File names as tables write them → files that are there.

The contract:
- a name is looked up among listed paths only, so that no name can lead out of their folder;
- exact first; then without regard to case, Unicode form and separators; then where one of the two paths ends with the
  other (absolute paths, a folder more or less); then without the ending; never by the bare name when folders disagree;
- several equally good files are ambiguous, never guessed.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from core.catalogue.formats.listing import IMAGE_ENDINGS

How = Literal["exact", "case", "folder", "ending", "other ending", "ambiguous", "missing"]

_DRIVE = re.compile(r"^[A-Za-z]:(?=[\\/])")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://[^/]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Match:
    """What a name led to.

    Attributes:
        path: The file's listed path, or ``None``.
        how: Why it was taken, or why none was.
        choices: When ambiguous, some of the files that could be meant.
    """

    path: str | None
    how: How
    choices: tuple[str, ...] = ()


class FileIndex:
    """Listed paths, to be found by what a table calls them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = frozenset(paths)
        self._by_name: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for path in sorted(self._paths):
            name = _key(path.rpartition("/")[2])
            self._by_name.setdefault(name, []).append(path)
            self._by_stem.setdefault(_stem(name), []).append(path)

    def __len__(self) -> int:
        return len(self._paths)

    def find(self, name: str) -> Match:
        """The file that `name` means."""
        if name in self._paths:
            return Match(name, "exact")
        plain = plain_path(name)
        if plain in self._paths:
            return Match(plain, "exact")
        wanted = _key(plain).split("/")
        last = wanted[-1]
        if not last:
            return Match(None, "missing")
        named = self._by_name.get(last, ())
        if named:
            return _choose(plain, wanted, named, "folder")
        has_ending = PurePosixPath(last).suffix in IMAGE_ENDINGS
        wanted[-1] = _stem(last) if has_ending else last
        stemmed = self._by_stem.get(wanted[-1], ())
        if stemmed:
            return _choose(plain, wanted, stemmed, "other ending" if has_ending else "ending")
        return Match(None, "missing")


def plain_path(name: str) -> str:
    """A name as a relative POSIX path: no drive, host, query, backslash, ``.`` or leading ``..``."""
    plain = name.strip()
    web = _SCHEME.match(plain)
    if web:
        plain = re.split(r"[?#]", plain[web.end() :], maxsplit=1)[0]
    plain = _DRIVE.sub("", plain).replace("\\", "/").lstrip("/")
    plain = posixpath.normpath(plain) if plain else ""
    while plain.startswith("../"):
        plain = plain[3:]
    return "" if plain in (".", "..") else plain


def _choose(plain: str, wanted: list[str], paths: Iterable[str], how: How) -> Match:
    """The path whose folders fit, the most folders in common first, then the same case."""
    fitting = [(path, _key(path).split("/")[:-1]) for path in paths]
    folders = wanted[:-1]
    fitting = [(path, own) for path, own in fitting if _fits(own, folders)]
    if not fitting:
        return Match(None, "missing")
    most = max(min(len(own), len(folders)) for _, own in fitting)
    best = [path for path, own in fitting if min(len(own), len(folders)) == most]
    if len(best) > 1:
        same_length = [path for path, own in fitting if own == folders]
        best = same_length or best
    if len(best) > 1:
        last = plain.rpartition("/")[2]
        best = [path for path in best if path.rpartition("/")[2] == last] or best
    if len(best) > 1:
        return Match(None, "ambiguous", tuple(best[:3]))
    if how == "folder" and best[0].count("/") == len(folders):
        how = "case"
    return Match(best[0], how)


def _fits(own: list[str], wanted: list[str]) -> bool:
    """Whether one list of folders is the end of the other."""
    shorter = min(len(own), len(wanted))
    return shorter == 0 or own[-shorter:] == wanted[-shorter:]


def _key(path: str) -> str:
    return (
        path.casefold()
        if path.isascii()
        else unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
    )


def _stem(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return stem if stem and dot + ending in IMAGE_ENDINGS else name
