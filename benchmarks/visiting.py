"""A visitor over a websocket: what one browser tab sends to the server and waits for, without the browser.

The contract:
- one request at a time; its time is from sending it to the message that the script has finished;
- as in a browser, the parts of a page that look again by themselves are asked for when their time has come, a changed
  widget redraws the part or the page that it belongs to, and another page forgets both.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

TILE = 192
"""Side of a picture in the sheets that a gallery asks for on a wide screen."""
CHANGEABLE = ("selectbox", "checkbox", "radio", "button_group", "slider")
"""Widgets that a visitor may change without asking for work or writing anything."""


class Visitor:
    """One session; made by `visit`."""

    def __init__(self, connection: Any, unwanted: Sequence[str]) -> None:
        self._connection = connection
        self._unwanted = tuple(unwanted)
        self._page, self._query = "", ""
        self._states: dict[str, Any] = {}
        self._widgets: dict[str, tuple[str, Any, str]] = {}
        self._looks: dict[str, tuple[float, float]] = {}
        self.sheets: list[str] = []
        self.failed = 0

    async def open(self, page: str, query: str = "") -> float:
        """Draw a page, ``""`` for the first; seconds that it took."""
        if page != self._page:
            self._states = {}
        self._page, self._query = page, query
        return await self._ask()

    async def change(self, chance: random.Random) -> float | None:
        """Change some widget of the page; seconds that it took, ``None`` when the page has none."""
        from streamlit.proto.WidgetStates_pb2 import WidgetState

        for name in chance.sample(sorted(self._widgets), len(self._widgets)):
            kind, widget, fragment = self._widgets[name]
            value = _other_value(kind, widget, self._states.get(name), chance)
            if value is None:
                continue
            state = WidgetState(id=name)
            if isinstance(value, bool):
                state.bool_value = value
            elif isinstance(value, str):
                state.string_value = value
            else:
                getattr(state, "double_array_value" if kind == "slider" else "string_array_value").data[:] = value
            self._states[name] = state
            return await self._ask(fragment)
        return None

    def due(self) -> str:
        """The part of the page whose time to look again has come, the longest overdue; ``""`` for none."""
        at, name = min(((at, name) for name, (at, _) in self._looks.items()), default=(float("inf"), ""))
        return name if at <= time.monotonic() else ""

    async def look_again(self, fragment: str) -> float:
        """Draw one part of the page, as the browser does every few seconds."""
        at, every = self._looks[fragment]
        self._looks[fragment] = (max(at + every, time.monotonic() + every / 2), every)
        return await self._ask(fragment, by_itself=True)

    async def _ask(self, fragment: str = "", by_itself: bool = False) -> float:
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
        from streamlit.util import calc_hash

        message = BackMsg()
        asked = message.rerun_script
        asked.page_script_hash, asked.query_string = calc_hash(self._page), self._query
        asked.widget_states.widgets.extend(self._states.values())
        asked.fragment_id, asked.is_auto_rerun = fragment, by_itself
        self.sheets = []
        began = time.monotonic()
        await self._connection.send(message.SerializeToString())
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(await self._connection.recv())
            if answer.WhichOneof("type") == "script_finished":
                if answer.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    continue  # the script asked to be run again at once
                break
            self._hear(answer)
        taken = time.monotonic() - began
        self._states = {name: state for name, state in self._states.items() if fragment or name in self._widgets}
        return taken

    def _hear(self, answer: Any) -> None:
        kind = answer.WhichOneof("type")
        if kind == "new_session" and not answer.metadata.run.fragment_ids:
            self._widgets, self._looks = {}, {}  # the whole page is drawn anew, also when a part has asked for it
        elif kind == "auto_rerun":
            every = answer.auto_rerun.interval
            self._looks[answer.auto_rerun.fragment_id] = (time.monotonic() + every, every)
        elif kind == "stop_auto_rerun":
            for name in answer.stop_auto_rerun.fragment_ids:
                self._looks.pop(name, None)
        elif kind == "delta":
            element = answer.delta.new_element
            what = element.WhichOneof("type")
            if what == "exception":
                self.failed += 1
            widget = getattr(element, what) if what in CHANGEABLE else None
            if widget is not None and not widget.disabled and not any(part in widget.id for part in self._unwanted):
                self._widgets[widget.id] = (str(what), widget, answer.delta.fragment_id)
            self.sheets += pictures(answer)


def _other_value(kind: str, widget: Any, before: Any, chance: random.Random) -> Any:
    """Another value than the widget has; ``None`` when it has only one."""
    if kind == "checkbox":
        return not (before.bool_value if before is not None else widget.default)
    if kind == "slider":
        if widget.options or len(widget.default) != 1 or widget.max <= widget.min:
            return None
        steps = max(1, round((widget.max - widget.min) / widget.step)) if widget.step else 1
        return [widget.min + chance.randint(0, steps) * widget.step]
    options = [option.content for option in widget.options] if kind == "button_group" else list(widget.options)
    if len(options) < 2:
        return None
    if kind == "button_group":
        return [chance.choice(options)]
    return str(chance.choice(options))


@asynccontextmanager
async def visit(port: int, *, unwanted: Sequence[str] = ()) -> AsyncIterator[Visitor]:
    """A new session.

    Args:
        unwanted: Widgets whose id holds one of these are left alone.
    """
    import websockets

    address = f"ws://127.0.0.1:{port}/_stcore/stream"
    options: dict[str, Any] = {"max_size": None, "subprotocols": ["streamlit"], "open_timeout": 120}
    async with websockets.connect(address, ping_timeout=None, **options) as connection:
        yield Visitor(connection, unwanted)


def pictures(message: Any) -> list[str]:
    """The sheet that a browser fetches for a gallery's first block, if the message brings a gallery."""
    element = message.delta.new_element
    if message.WhichOneof("type") != "delta" or element.WhichOneof("type") != "bidi_component":
        return []
    part = element.bidi_component
    data = json.loads(part.json or part.mixed.json or "null")
    if not isinstance(data, dict) or not data.get("first"):
        return []
    rows = ",".join(str(item["row"]) for item in data["first"])
    return [f"{data['base']}/sheet/{data['run']}?rows={rows}&tile={TILE}"]


def fetch(port: int, addresses: Sequence[str]) -> None:
    """Ask for some addresses, one after the other."""
    if not addresses:
        return
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for address in addresses:
        connection.request("GET", address)
        answer = connection.getresponse()
        assert answer.read(), address
        assert answer.status == 200, (answer.status, address)
    connection.close()


Note = Callable[[str, str, float, float], None]
"""Told of a rerun: page, kind (``page``, ``widget`` or ``part``), when it began (`time.time`), seconds."""


async def act(visitor: Visitor, page: str, query: str, chance: random.Random, note: Note, port: int) -> None:
    """Open a page, fetch its pictures, and change something on it."""
    at = time.time()
    note(page, "page", at, await visitor.open(page, query))
    await asyncio.to_thread(fetch, port, visitor.sheets)
    at = time.time()
    taken = await visitor.change(chance)
    if taken is not None:
        note(page, "widget", at, taken)


async def stay(visitor: Visitor, page: str, seconds: float, note: Note) -> None:
    """Stay on the page and let its parts look again."""
    until = time.monotonic() + seconds
    while (now := time.monotonic()) < until:
        part = visitor.due()
        if part:
            at = time.time()
            note(page, "part", at, await visitor.look_again(part))
        else:
            await asyncio.sleep(min(0.05, until - now))
