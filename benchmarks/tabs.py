"""Thirty browser tabs on one server: does its memory stay flat, and how long do reruns take?

``python -m benchmarks.tabs --workspace DIR --minutes 10``. Each tab is a session of its own and acts every 15 seconds:
it opens another page with another condition, drawn by chance, so that next to nothing is found made already. A tab is
a websocket as a browser opens it, which also fetches the sheets of pictures that the page shows; with ``--browser N``
that many of the tabs are pages of one headless Chromium instead, with all that they fetch and draw. The time of a rerun
is taken in the server, from the arrival of the request to the end of the script (`benchmarks.tabs_server`), and for
websockets also at their end, until the message that the script has finished. Memory is the server's resident set; what
server, browser and this client take of the processors is told beside it, with what the rest of the machine took.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.common import append_result
from benchmarks.visiting import fetch, stay, visit

PAGES = ("", "browse", "map", "outliers", "duplicates", "help")
EVERY = 15.0
LIMIT = 2.0
"""Seconds that 95 % of reruns may take."""


def serve(workspace: Path, log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The product's server as its own process, with its reruns written to a file; and its port."""
    from core.serving import dashboard_script, server_command

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = dashboard_script()
    root = script.parent.parent
    interpreter, _, _, *rest = server_command(script, port)
    command = [interpreter, "-m", "benchmarks.tabs_server", str(log), *rest]
    environment = os.environ | {"BENTHOSCOPE_WORKSPACE": str(workspace), "PYTHONPATH": str(root)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=environment, cwd=root, **quiet)  # type: ignore[call-overload]
    for _ in range(240):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.25)
    time.sleep(10)  # it warms up beside answering
    return process, port


def resident(pid: int) -> int:
    """Mebibytes of memory that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    return 0


class Spent:
    """Seconds of processor time: of the server, of this process, of its other descendants (the browser), of all."""

    def __init__(self, server: int) -> None:
        self._server, self._seen, self._began = server, dict[int, float](), time.monotonic()
        self._machine = self._busy()
        self._first = self._now()

    def _now(self) -> dict[str, float]:
        tick = os.sysconf("SC_CLK_TCK")
        stats = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                try:
                    fields = (folder / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue  # it ended meanwhile
                stats[int(folder.name)] = (int(fields[1]), (int(fields[11]) + int(fields[12])) / tick)
        own = os.getpid()
        for pid, (_, seconds) in stats.items():
            if self._descends(pid, own, stats):
                self._seen[pid] = seconds  # kept for those that end
        browser = sum(seconds for pid, seconds in self._seen.items() if pid not in (own, self._server))
        return {"server": stats[self._server][1], "client": stats[own][1], "browser": browser}

    @staticmethod
    def _descends(pid: int, root: int, stats: dict[int, tuple[int, float]]) -> bool:
        while pid in stats and pid != root:
            pid = stats[pid][0]
        return pid == root

    @staticmethod
    def _busy() -> float:
        fields = [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")  # all but idle and waiting for disks

    def look(self) -> None:
        """Note what processes that may end soon have spent."""
        self._now()

    def shares(self) -> dict[str, float]:
        """Cores that each kept busy since the beginning, on average; ``others`` is the rest of the machine."""
        seconds, now = time.monotonic() - self._began, self._now()
        spent = {name: value - self._first[name] for name, value in now.items()}
        spent["others"] = max(0.0, self._busy() - self._machine - sum(spent.values()))
        return {name: round(value / seconds, 3) for name, value in spent.items()}


def step(chance: random.Random) -> tuple[str, str]:
    """A page, and a condition as the query of its address."""
    low = chance.randint(20, 400)
    return chance.choice(PAGES), f"depth={low}..{low + 500}"


async def socket_tab(number: int, tabs: int, port: int, until: float, found: list[tuple[str, float]]) -> None:
    """One session over a websocket."""
    chance = random.Random(number)
    await asyncio.sleep(number * EVERY / tabs)
    async with visit(port) as visitor:
        while time.monotonic() < until:
            page, query = step(chance)
            began = time.monotonic()
            found.append((page or "overview", await visitor.open(page, query)))
            await asyncio.to_thread(fetch, port, visitor.sheets)
            await asyncio.sleep(max(0.0, began + EVERY - time.monotonic()))


async def idle_tab(number: int, tabs: int, port: int, until: float, found: list[tuple[str, float]]) -> None:
    """One session that nobody touches: its page asks for news of the jobs, and whatever else it asks by itself."""
    from dashboard.assets import base
    from dashboard.news import EVERY as LOOKS

    await asyncio.sleep(number * LOOKS / tabs)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def look() -> None:
        connection.request("GET", f"{base()}/news")
        assert connection.getresponse().read()

    async with visit(port) as visitor:
        await visitor.open("browse")
        while time.monotonic() < until:
            began = time.monotonic()
            await asyncio.to_thread(look)
            found.append(("news", time.monotonic() - began))
            await stay(visitor, "browse", LOOKS, lambda page, kind, at, seconds: found.append((kind, seconds)))
    connection.close()


async def rest(server: int, port: int, tabs: int, minutes: float) -> dict[str, Any]:
    """What tabs cost that nobody touches, once all have opened their page."""
    found: list[tuple[str, float]] = []
    until = time.monotonic() + 20 + 60 * minutes
    doing = asyncio.gather(*(idle_tab(number, tabs, port, until, found) for number in range(tabs)))
    await asyncio.sleep(20)
    found.clear()
    spent = Spent(server)
    await asyncio.sleep(60 * minutes - 1)
    shares, looks = spent.shares(), list(found)
    await doing
    return {
        "looks": figures([taken for _, taken in looks]),
        "by_script": sum(k != "news" for k, _ in looks),
        "cores": shares,
    }


async def page_tab(number: int, tabs: int, port: int, until: float, context: Any) -> None:
    """One page of a browser: opened once, then led on within the page, as by its back button."""
    chance = random.Random(number)
    await asyncio.sleep(number * EVERY / tabs)
    page = await context.new_page()
    first = True
    while time.monotonic() < until:
        began = time.monotonic()
        path, query = step(chance)
        if first:
            await page.goto(f"http://127.0.0.1:{port}/{path}?{query}", timeout=120_000)
            first = False
        else:
            await page.evaluate(
                "(address) => { history.pushState({}, '', address); dispatchEvent(new PopStateEvent('popstate')); }",
                f"/{path}?{query}",
            )
        await asyncio.sleep(max(0.0, began + EVERY - time.monotonic()))


async def act(server: int, port: int, tabs: int, in_browser: int, minutes: float) -> dict[str, Any]:
    """Let all tabs act until the time is over; what was seen at the sockets, memory and processors."""
    found: list[tuple[str, float]] = []
    memory: list[int] = []
    until = time.monotonic() + 60 * minutes
    async with AsyncExitStack() as stack:
        work = []
        if in_browser:
            from playwright.async_api import async_playwright

            from tests.browser.driver import _FLAGS, SIZES, chromium

            playwright = await stack.enter_async_context(async_playwright())
            running = await playwright.chromium.launch(executable_path=chromium(), headless=True, args=list(_FLAGS))
            stack.push_async_callback(running.close)
            width, height = SIZES["wide"]
            context = await running.new_context(viewport={"width": width, "height": height})
            work += [page_tab(number, tabs, port, until, context) for number in range(in_browser)]
        work += [socket_tab(number, tabs, port, until, found) for number in range(in_browser, tabs)]
        spent = Spent(server)
        doing = asyncio.gather(*work)
        while time.monotonic() < until:
            memory.append(resident(server))
            spent.look()
            await asyncio.wait([doing], timeout=5)
        shares = spent.shares()
        await doing
    return {"sockets": found, "memory": memory, "cores": shares}


def figures(times: Sequence[float]) -> dict[str, Any]:
    """How many, and how long they took."""
    ordered = sorted(times)
    return {
        "reruns": len(ordered),
        "under_two_seconds": round(sum(taken < LIMIT for taken in ordered) / len(ordered), 4),
        "median_seconds": round(statistics.median(ordered), 3),
        "p95_seconds": round(ordered[int(0.95 * len(ordered))], 3),
        "worst_seconds": round(ordered[-1], 3),
    }


def summed(log: Path, seen: dict[str, Any], minutes: float) -> dict[str, Any]:
    """The result: reruns in the server and at the sockets, by page; memory after two minutes and at the end."""
    from streamlit.util import calc_hash

    names = {calc_hash(page): page or "overview" for page in PAGES}
    lines = [line.split() for line in log.read_text(encoding="utf-8").splitlines()]
    by_page: dict[str, list[float]] = {}
    for taken, kind, page in lines:
        if kind == "page":
            by_page.setdefault(names.get(page, "overview"), []).append(float(taken))
    memory = seen["memory"]
    a_minute = max(1, round(len(memory) / minutes))
    early = memory[a_minute + a_minute // 2 : 2 * a_minute + a_minute // 2] or memory
    return {
        "in_the_server": figures([taken for times in by_page.values() for taken in times]),
        "parts_of_pages": sum(kind == "part" for _, kind, _ in lines),
        **({"at_the_sockets": figures([taken for _, taken in seen["sockets"]])} if seen["sockets"] else {}),
        "by_page": {page: figures(times) for page, times in sorted(by_page.items())},
        "memory_mib": memory[:: max(1, len(memory) // 40)],
        "memory_at_minute_two": round(statistics.median(early)),
        "memory_at_the_end": round(statistics.median(memory[-a_minute:])),
        "cores": seen["cores"],
    }


def sentence(result: dict[str, Any]) -> str:
    """The line to read."""
    at, cores = result["in_the_server"], result["cores"]
    kind = f"{result['in_browser']} of them pages of one Chromium" if result["in_browser"] else "over websockets"
    return (
        f"{result['tabs']} tabs ({kind}), {result['minutes']:g} minutes: {at['reruns']} reruns, "
        f"{100 * at['under_two_seconds']:.1f} % under 2 s, median {at['median_seconds']:.2f} s, p95 "
        f"{at['p95_seconds']:.2f} s; server's memory {result['memory_at_minute_two']} MiB at minute 2, "
        f"{result['memory_at_the_end']} MiB at the end; cores kept busy: server {cores['server']:.2f}, browser "
        f"{cores['browser']:.2f}, client {cores['client']:.2f}, others {cores['others']:.2f}"
    )


def main() -> None:
    """Read the command line, measure, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--tabs", type=int, default=30)
    parser.add_argument("--browser", type=int, default=0, help="how many of the tabs are pages of one Chromium")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--idle", action="store_true", help="nobody touches the tabs, while a job waits in the queue")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "reruns"
        log.touch()
        process, port = serve(asked.workspace.resolve(), log)
        if asked.idle:
            try:
                resting = asyncio.run(rest(process.pid, port, asked.tabs, asked.minutes))
            finally:
                process.terminate()
                process.wait(timeout=20)
            print(json.dumps(resting, indent=1))
            append_result(
                "tabs_idle", {"tabs": asked.tabs, "minutes": asked.minutes, **resting}, packages=("streamlit",)
            )
            return
        try:
            seen = asyncio.run(act(process.pid, port, asked.tabs, asked.browser, asked.minutes))
        finally:
            process.terminate()
            process.wait(timeout=20)
        result = {"tabs": asked.tabs, "in_browser": asked.browser, "minutes": asked.minutes}
        result |= summed(log, seen, asked.minutes)
    print(json.dumps(result, indent=1))
    print(sentence(result))
    append_result("tabs", result, packages=("streamlit",))


if __name__ == "__main__":
    main()
