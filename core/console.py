"""What the command line prints: progress, sentences, or one JSON object.

The contract: results go to standard output, progress and remarks to standard error; with ``--json`` standard output
holds exactly one JSON object, also after an error.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from core.progress import Pace, Progress

_QUIET_EVERY = 10.0
_LIVE_EVERY = 0.1


class Console:
    """Prints for a person at a terminal, for a log file, or for a program."""

    def __init__(self, *, as_json: bool, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.as_json = as_json
        self._out = out or sys.stdout
        self._err = err or sys.stderr

    def say(self, sentence: str) -> None:
        """A remark for people; programs do not see it."""
        print(sentence, file=self._err if self.as_json else self._out, flush=True)

    def result(self, data: Mapping[str, Any], text: str) -> None:
        """The outcome of a command: the object for programs, the text for people."""
        if self.as_json:
            print(json.dumps(data, ensure_ascii=False, allow_nan=False), file=self._out, flush=True)
        elif text:
            print(text, file=self._out, flush=True)

    def error(self, sentence: str) -> None:
        """One sentence about what went wrong."""
        if self.as_json:
            print(json.dumps({"error": sentence}, ensure_ascii=False), file=self._out, flush=True)
        else:
            print(f"benthoscope: {sentence}", file=self._err, flush=True)

    def progress(self, stage: str, unit: str = "") -> Progress:
        """A progress callee that shows count, rate and time left: live on a terminal, a line now and then elsewhere."""
        live = self._err.isatty()
        every = _LIVE_EVERY if live else _QUIET_EVERY
        began = time.monotonic()
        first: list[int] = []
        printed = [began - _LIVE_EVERY if live else began]

        def report(done: int, total: int) -> None:
            now = time.monotonic()
            if not first:
                first.append(done)
            if done < total and now - printed[0] < every:
                return
            printed[0] = now
            line = describe(stage, done, total, unit, Pace.of(done, total, first[0], now - began), now - began)
            if live:
                self._err.write(f"\r\x1b[K{line}" + ("\n" if done >= total else ""))
                self._err.flush()
            else:
                print(line, file=self._err, flush=True)

        return report


def describe(stage: str, done: int, total: int, unit: str, pace: Pace, seconds: float) -> str:
    """One line of progress, for example ``embeddings  512 of 1,200 regions, 43/s, 16 s left``."""
    counted = total > 1
    line = f"{stage:<12} {done:,} of {total:,} {unit}".rstrip() if counted else f"{stage:<12}"
    if done >= total:
        return f"{line}{',' if counted else ''} done in {duration(seconds)}"
    if pace.rate > 0:
        line += f", {pace.rate:,.0f}/s" if pace.rate >= 10 else f", {pace.rate:.1f}/s"
    if pace.seconds_left is not None:
        line += f", {duration(pace.seconds_left)} left"
    return line


def duration(seconds: float) -> str:
    """Seconds in words that carry what they should: ``0.4 s``, ``16 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
