"""A person's regular expression, run where it can do no harm.

Python's engine can need longer than the age of the sea for a short pattern, and cannot be stopped from within. So the
pattern runs in a process of its own that is ended when its time is up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from core.catalogue.formats.report import shown
from core.errors import SettingsError

_LONGEST = 1000
_CHILD = """
import json, re, sys, warnings
warnings.simplefilter("ignore")
task = json.load(sys.stdin)
try:
    pattern = re.compile(task["pattern"])
    found = []
    for texts in task["texts"]:
        match = next(filter(None, map(pattern.search, texts)), None)
        if match is None:
            found.append(None)
            continue
        named = {name: text for name, text in match.groupdict().items() if text}
        if "group" in pattern.groupindex:
            first = match["group"]
        else:
            first = match[1] if pattern.groups else match[0]
        found.append([first, named])
    answer = {"found": found}
except (re.error, ValueError, OverflowError, RecursionError, MemoryError) as error:
    answer = {"error": str(error) or type(error).__name__}
json.dump(answer, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Found:
    """Where a pattern fitted.

    Attributes:
        group: The part named ``group``, else the first part, else all that fitted; ``None`` when that part is empty.
        named: Every named part that is not empty.
    """

    group: str | None
    named: dict[str, str]


def search_all(pattern: str, texts: Sequence[Sequence[str]], *, seconds: float | None = None) -> list[Found | None]:
    """Search a pattern in the first text of each entry, else in its second, and so on.

    Args:
        pattern: A regular expression of Python's `re`.
        texts: Alternatives, one sequence an entry.
        seconds: The longest that all of it may take; ``None`` is 10 s and another for every 10,000 entries.

    Returns:
        One result an entry; ``None`` where nothing fits.

    Raises:
        SettingsError: the pattern is wrong, too long or too slow.
    """
    if len(pattern) > _LONGEST:
        raise SettingsError(f"a pattern of at most {_LONGEST} characters was expected, got {len(pattern)}")
    if seconds is None:
        seconds = 10.0 + len(texts) / 10_000
    task = json.dumps({"pattern": pattern, "texts": [list(entry) for entry in texts]})
    try:
        # The program is this interpreter and the script a constant; the pattern only travels as data.
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-S", "-c", _CHILD], input=task, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise SettingsError(
            f"the pattern {shown(pattern)} takes longer than {seconds:g} s on these names; "
            "avoid one repetition within another, such as (a+)+"
        ) from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise SettingsError(f"the pattern {shown(pattern)} cannot be run; write a simpler one") from None
    if "error" in answer:
        raise SettingsError(f"the pattern {shown(pattern)} is not a regular expression: {answer['error']}")
    return [None if one is None else Found(one[0] or None, one[1]) for one in answer["found"]]
