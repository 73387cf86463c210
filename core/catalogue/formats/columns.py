"""What a column means, from its name, whatever its case, spaces, underscores, hyphens, dots or unit in brackets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from core.errors import SettingsError

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "file": (
        "filename", "file", "image", "path", "imagefilename", "imagename", "imagefile", "imagepath", "filepath",
        "imagefilepath", "photo", "picture", "id", "imageid", "photoid", "patchid", "tileid", "imageuuid",
        "uuid", "name",
    ),
    "time": (
        "takenat", "timestamp", "subdatetime", "datetime", "datetimeutc", "timestamputc", "datetimeoriginal",
        "imagedatetime", "eventdate", "acquisitiontime", "capturedat", "datecaptured", "utc", "timeutc",
    ),
    "date": ("date", "dateutc"),
    "clock": ("time",),
    "latitude": (
        "lat", "latitude", "sublatitude", "decimallatitude", "gpslatitude", "imagelatitude", "latdeg", "latitudedeg",
        "latstart", "startlat", "latitudestart", "startlatitude",
    ),
    "longitude": (
        "lng", "lon", "long", "longitude", "sublongitude", "decimallongitude", "gpslongitude", "imagelongitude",
        "londeg", "longitudedeg", "lngstart", "lonstart", "startlon", "startlng", "longitudestart", "startlongitude",
    ),
    "depth": ("depth", "depthm", "depthmeters", "depthmetres", "minimumdepthinmeters", "imagedepth"),
    "sea altitude": ("gpsaltitude", "subaltitude"),
    "ground distance": (
        "distancetoground", "subdistance", "heightoverground", "heightaboveground", "metersaboveground",
        "imagemetersaboveground", "altitude", "altitudem",
    ),
    "camera": ("camera", "cameraname", "camerapositionname"),
    "site": ("site", "sitename", "location", "station", "locality"),
    "labels": (
        "categories", "labels", "concepts", "category", "label", "concept", "scientificname", "species", "taxa",
        "taxon", "tags", "annotation", "annotations", "labelname",
    ),
}  # fmt: skip
"""Role → normalised column names, the likeliest first."""

GROUPS: tuple[str, ...] = ("group", "dive", "transect", "deployment", "video", "cruise", "session")
"""Columns that say which images belong together, the likeliest first."""

_BRACKETS = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]\s*$")
_FILLING = re.compile(r"[\s_\-.]+")


@lru_cache(maxsize=4096)
def normalise(name: str) -> str:
    """``"Depth (m)"``, ``"DEPTH"`` and ``"_depth"`` → ``"depth"``."""
    bare = _BRACKETS.sub("", name)
    return _FILLING.sub("", (bare or name).casefold())


def unit_of(name: str) -> str:
    """The unit in brackets at the end of a column's name, or nothing: ``"Depth (ft)"`` → ``"ft"``."""
    found = _BRACKETS.search(name)
    return found.group(1).strip() if found else ""


def find_column(header: Sequence[str], wanted: str) -> int | None:
    """Place of the column that a person means by `wanted`: as written, else normalised."""
    if wanted in header:
        return header.index(wanted)
    normal = normalise(wanted)
    return next((place for place, name in enumerate(header) if normalise(name) == normal), None)


KEPT = "kept"
"""Said of a column that has no role, whatever its name: it is kept as it is."""


def candidates(header: Sequence[str], role: str, told: Mapping[str, str] | None = None) -> list[int]:
    """Places of all columns that may have `role`, the likeliest first.

    Args:
        told: Column → role or `KEPT`, as a person said; then only that column has the role, and no other role.
    """
    if told:
        named = [place for place, name in enumerate(header) if told.get(name) == role]
        if named:
            return named
        header = ["" if name in told else name for name in header]
    normal = [normalise(name) for name in header]
    return [normal.index(name) for name in SYNONYMS[role] if name in normal]


def roles_from(texts: Sequence[str]) -> dict[str, str]:
    """Read ``COLUMN=ROLE``, as a command line says it.

    Raises:
        SettingsError: a text has no ``=``, or there is no such role.
    """
    for text in texts:
        if "=" not in text:
            raise SettingsError(f"a column's role is written COLUMN=ROLE, got {text!r}")
    return checked_roles({column: role.strip() for column, _, role in (text.rpartition("=") for text in texts)})


def checked_roles(told: Mapping[str, str]) -> dict[str, str]:
    """What a person said of columns.

    Raises:
        SettingsError: there is no such role.
    """
    for column, role in told.items():
        if role not in (*SYNONYMS, KEPT):
            raise SettingsError(f"a column can be {', '.join((*SYNONYMS, KEPT))}; {column!r} was said to be {role!r}")
    return dict(told)


def role_of(name: str) -> str | None:
    """The role that a column of this name may have, if any."""
    return _ROLE_OF.get(normalise(name))


_ROLE_OF = {name: role for role, names in SYNONYMS.items() for name in names}
