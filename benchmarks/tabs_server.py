"""The product's server, with a line in a file for every rerun: when it was asked for, which page, how long it took.

``python -m benchmarks.tabs_server LOG run app.py …`` is ``streamlit run app.py …``. The time is from the arrival of a
visitor's request in the server to the end of the script; a request that interrupts another counts from the first.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

ENDS = ("SCRIPT_STOPPED_WITH_SUCCESS", "SCRIPT_STOPPED_WITH_COMPILE_ERROR", "FRAGMENT_STOPPED_WITH_SUCCESS")


def watch(path: str) -> None:
    """Write ``SECONDS KIND PAGE_HASH`` for every rerun from now on; the kind is ``page`` or ``part``."""
    from streamlit.runtime.app_session import AppSession

    handle, on_event = AppSession.handle_backmsg, AppSession._handle_scriptrunner_event_on_event_loop
    waiting: dict[str, tuple[float, str, str]] = {}
    log = Path(path).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115 - open as long as the server runs

    def heard(self: AppSession, message: Any) -> None:
        if message.WhichOneof("type") == "rerun_script":
            asked = message.rerun_script
            kind = "part" if asked.fragment_id else "page"
            waiting.setdefault(self.id, (time.monotonic(), kind, asked.page_script_hash or "-"))
        handle(self, message)

    def ended(self: AppSession, sender: Any, event: Any, *rest: Any, **named: Any) -> None:
        on_event(self, sender, event, *rest, **named)
        if event.value in ENDS and self.id in waiting:
            began, kind, page = waiting.pop(self.id)
            log.write(f"{time.monotonic() - began:.4f} {kind} {page}\n")

    AppSession.handle_backmsg = heard  # type: ignore[method-assign]
    AppSession._handle_scriptrunner_event_on_event_loop = ended  # type: ignore[method-assign]


def main() -> None:
    """Patch, then be Streamlit."""
    from streamlit.web.cli import main as streamlit

    watch(sys.argv.pop(1))
    streamlit(prog_name="streamlit")


if __name__ == "__main__":
    main()
