"""A real browser for tests and screenshots: Chromium, alone with our server, everything it says written down."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Route, sync_playwright

from core.serving import dashboard_script, server_command
from dashboard.state import MODE_COOKIE

SIZES = {"wide": (1440, 900), "small": (1024, 768)}
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


@contextmanager
def server(workspace: Path, app: Path | None = None) -> Iterator[str]:
    """The product's own server (or another app's) on a free port; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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
        _wait_until_up(process, address)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_until_up(process: subprocess.Popen[bytes], address: str) -> None:
    for _ in range(240):
        if process.poll() is not None:
            raise RuntimeError(
                f"the server ended with code {process.returncode}; run `{sys.executable} -m streamlit` by hand"
            )
        try:
            with urlopen(f"{address}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.25)
    raise RuntimeError("the server did not answer within a minute")


class Browsers:
    """One running Chromium that gives watched pages; what it has loaded it keeps, what pages remember it forgets."""

    def __init__(self, running: Browser) -> None:
        self._running = running
        self._contexts: dict[bool, BrowserContext] = {}

    def _context(self, dark: bool) -> BrowserContext:
        if dark not in self._contexts:
            scheme = "dark" if dark else "light"
            self._contexts[dark] = self._running.new_context(color_scheme=scheme, accept_downloads=True)
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


def settle(page: Page, timeout: float = 20_000) -> None:
    """Wait until Streamlit has run the page and every picture in view is drawn."""
    page.wait_for_selector(
        '[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=timeout, state="attached"
    )
    page.wait_for_function(
        """() => {
          const all = (root) => [...root.querySelectorAll('*')]
            .flatMap((e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]);
          const nodes = all(document);
          const skeleton = document.querySelector(
            '[data-testid="stSkeleton"], [data-testid="stAppSkeleton"], [class*="st-key-later_"]');
          return !skeleton && !nodes.some((e) => e.classList.contains('waiting') && e.classList.contains('cell'));
        }""",
        timeout=timeout,
    )
    page.wait_for_timeout(250)
