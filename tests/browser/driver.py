"""A real browser for tests and screenshots: Chromium, alone with our server, everything it says written down."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Route, expect, sync_playwright

from core.serving import dashboard_script, server_command
from dashboard.state import MODE_COOKIE

SIZES = {"wide": (1440, 900), "small": (1024, 768)}
PATIENCE = 90_000
"""Milliseconds that anything on a page may take: far more than a busy machine needs, nothing where all is well."""
LATE_VARIABLE = "BROWSER_LATE"
"""Environment variable: milliseconds by which pages hear and say everything later, so that a test that does not wait
for what it needs fails each time instead of now and then."""
EXPECTED = ("_stcore/health", "_stcore/host-config")
"""Streamlit asks for these below a deep link's path, in vain; the only errors that may stand in the console."""
_FLAGS = (
    *(
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ),
    *("--disable-default-apps", "--disable-extensions", "--disable-domain-reliability", "--disable-dev-shm-usage"),
)


# What a page sends and hears, over the socket or by fetch, comes so many milliseconds later, in the same order.
_LATE = """(() => {
  const LATE = %d, Socket = window.WebSocket, given = window.fetch;
  window.WebSocket = class extends Socket {
    send(data) { setTimeout(() => this.readyState === 1 && super.send(data), LATE / 4); }
    set onmessage(heard) { super.onmessage = heard && ((event) => setTimeout(() => heard.call(this, event), LATE)); }
    addEventListener(kind, heard, ...more) {
      const late = (event) => setTimeout(() => heard.call(this, event), LATE);
      super.addEventListener(kind, kind === "message" ? late : heard, ...more);
    }
  };
  window.fetch = async (...asked) => {
    await new Promise((done) => setTimeout(done, LATE / 2));
    const answer = await given(...asked);
    await new Promise((done) => setTimeout(done, LATE / 2));
    return answer;
  };
})();"""


def chromium() -> str | None:
    """Path of an installed Chromium, or ``None``."""
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )


@dataclass
class Log:
    """What went wrong in the browser, and what it asked of others."""

    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server(workspace: Path, app: Path | None = None) -> Iterator[str]:
    """The product's own server (or another app's) on a free port; yields its address."""
    port = free_port()
    script = dashboard_script()
    root = script.parent.parent
    environment = os.environ | {"BENTHOSCOPE_WORKSPACE": str(workspace), "PYTHONPATH": str(root)}
    process = subprocess.Popen(
        server_command(app or script, port),
        env=environment,
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_up(process, address)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(timeout=PATIENCE / 1000)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def wait_until_up(process: subprocess.Popen[bytes], address: str) -> None:
    """Wait until a server that was just started answers."""
    for _ in range(PATIENCE // 250):
        if process.poll() is not None:
            raise RuntimeError(
                f"the server ended with code {process.returncode}; run `{sys.executable} -m streamlit` by hand"
            )
        try:
            with urlopen(f"{address}/_stcore/health", timeout=10):
                return
        except OSError:
            time.sleep(0.25)
    raise RuntimeError(f"the server did not answer within {PATIENCE // 1000} s")


class Browsers:
    """One running Chromium that gives watched pages; what it has loaded it keeps, what pages remember it forgets."""

    def __init__(self, running: Browser) -> None:
        self._running = running
        self._contexts: dict[bool, BrowserContext] = {}

    def _context(self, dark: bool) -> BrowserContext:
        if dark not in self._contexts:
            scheme = "dark" if dark else "light"
            made = self._contexts[dark] = self._running.new_context(color_scheme=scheme, accept_downloads=True)
            made.set_default_timeout(PATIENCE)
            if late := int(os.environ.get(LATE_VARIABLE, "0")):
                made.add_init_script(_LATE % late)
        return self._contexts[dark]

    @contextmanager
    def page(
        self, *, size: str = "wide", dark: bool = False, mode: str = "", base: str = ""
    ) -> Iterator[tuple[Page, Log]]:
        """A fresh page.

        Args:
            size: One of `SIZES`.
            dark: What the browser says it prefers.
            mode: A display mode chosen before, for the server at `base`.
        """
        context, log = self._context(dark), Log()
        page = context.new_page()
        try:
            width, height = SIZES[size]
            page.set_viewport_size({"width": width, "height": height})
            page.route("**/*", lambda route: _gate(route, log))
            _watch(page, log)
            if mode:
                context.add_cookies([{"name": MODE_COOKIE, "value": mode, "url": base}])
                theme = "Dark" if mode == "dark" else "Light"
                page.add_init_script(f"localStorage.setItem(`stActiveTheme-${{location.pathname}}-v2`, '\"{theme}\"')")
            yield page, log
        finally:
            context.clear_cookies()
            if page.url.startswith("http"):
                page.evaluate("localStorage.clear()")
            page.close()


@contextmanager
def browsers() -> Iterator[Browsers]:
    """A headless Chromium that talks to nobody by itself."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), headless=True, args=list(_FLAGS))
        try:
            yield Browsers(running)
        finally:
            running.close()


def _gate(route: Route, log: Log) -> None:
    url = urlsplit(route.request.url)
    if url.scheme in ("http", "https", "ws", "wss") and url.hostname != "127.0.0.1":
        log.outside.append(route.request.url)
        route.abort()
    else:
        route.continue_()


def _watch(page: Page, log: Log) -> None:
    def heard(message: ConsoleMessage) -> None:
        place = message.location.get("url", "")
        if message.type == "error" and not any(part in place for part in EXPECTED):
            log.errors.append(f"{message.text} ({place})")

    def asked(dialog: Dialog) -> None:
        log.errors.append(f"a script opened a dialog: {dialog.message}")
        dialog.dismiss()

    page.on("console", heard)
    page.on("pageerror", lambda error: log.errors.append(f"page error: {error}"))
    page.on("dialog", asked)


def until(page: Page, holds: Callable[[], object], wanted: str = "what was waited for") -> None:
    """Wait until ``holds()`` is true, while the page goes on; for what Playwright's own `expect` cannot say."""
    end = time.monotonic() + PATIENCE / 1000
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"{wanted} did not come within {PATIENCE // 1000} s")
        page.wait_for_timeout(50)


_CALM = """(asked) => {
  const all = (root) => [...root.querySelectorAll('*')].flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]);
  const calm = document.querySelector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    && !document.querySelector('[data-testid="stSkeleton"], [data-testid="stAppSkeleton"], [class*="st-key-later_"]')
    && [...document.querySelectorAll('[data-testid^="stBidi"]')].every((e) => e.shadowRoot?.children.length > 1)
    && !all(document).some((e) => e.classList.contains('waiting') && e.classList.contains('cell'));
  if (!calm || window.calm?.asked !== asked) window.calm = { asked, since: performance.now() };
  return calm && performance.now() - window.calm.since >= 250;
}"""


def settle(page: Page, timeout: float = PATIENCE) -> None:
    """Wait until Streamlit has run the page, each component of ours stands and every picture in view is drawn, for a
    quarter of a second on end.

    Right after a click the page may still stand as it was: first wait for what the click brings (`expect`).
    """
    page.wait_for_function(_CALM, arg=time.monotonic(), polling=50, timeout=timeout)
