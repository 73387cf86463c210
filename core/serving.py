"""Starts the dashboard's server as its own process, with safe settings, on this machine only.

Streamlit reads its configuration from the current folder; a command must not depend on where it is called, so every
setting that matters is given here.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from core.errors import WorkspaceError
from core.jobs.keeping import Keeper

ADDRESS = "127.0.0.1"
WORKSPACE_VARIABLE = "BENTHOSCOPE_WORKSPACE"
ROOTS_VARIABLE = "BENTHOSCOPE_IMAGE_ROOTS"
"""Folders that pages may look for images in, joined as in PATH."""
SERVED_BY_VARIABLE = "BENTHOSCOPE_SERVED_BY"
"""Process that the server belongs to; it ends when that one has gone."""
_PORTS_TRIED = 20


def serve_dashboard(workspace: Path, port: int, *, roots: Sequence[Path] = (), announce: Callable[[str], None]) -> None:
    """Serve until the process ends or is interrupted, with workers that do what pages ask for.

    Args:
        workspace: Folder of the workspace, which exists.
        roots: Folders that pages may import from; the current one if none is named.
        port: Wished port; the next free one is taken when it is in use.
        announce: Told the address once, before the server starts.

    Raises:
        WorkspaceError: the dashboard is not installed, a root is no folder, no port is free, or the server ended with
            an error.
    """
    allowed = [root.expanduser().resolve() for root in roots or [Path.cwd()]]
    for root in allowed:
        if not root.is_dir():
            raise WorkspaceError(f"{root} is not a folder; name one that holds images with --images-root DIR")
    script = dashboard_script()
    free = _free_port(port)
    announce(f"http://{ADDRESS}:{free}")
    root = workspace.expanduser().resolve()
    environment = os.environ | {WORKSPACE_VARIABLE: str(root), ROOTS_VARIABLE: os.pathsep.join(map(str, allowed))}
    environment[SERVED_BY_VARIABLE] = str(os.getpid())
    environment.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait by turning take the workers' cores
    # The root that holds the packages, so that the app finds them however it was installed.
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(script.parent.parent), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and script, no shell
        server_command(script, free), env=environment, cwd=script.parent.parent
    )
    asked_to_end = _pass_on_termination(process)
    keeper = Keeper(root, environment)
    keeper.start()
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return
    finally:
        keeper.stop()
    if code != 0 and not asked_to_end.is_set():
        raise WorkspaceError(f"the dashboard's server ended with code {code}; its messages above say why")


def _pass_on_termination(process: subprocess.Popen[bytes]) -> threading.Event:
    """Let whoever ends this process end the server too; the event tells that it happened."""
    asked = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        asked.set()
        process.terminate()

    signal.signal(signal.SIGTERM, end)
    return asked


def server_command(script: Path, port: int) -> list[str]:
    """The server's command line."""
    options = {
        "server.address": ADDRESS,
        "server.port": port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.enableStaticServing": "false",
        "server.maxUploadSize": 200,
        "browser.gatherUsageStats": "false",
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "global.developmentMode": "false",
        "runner.postScriptGC": "false",  # a quarter of a second a rerun; the dashboard sweeps by itself
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(script), *flags]


def dashboard_script() -> Path:
    """The file that Streamlit runs."""
    package = importlib.util.find_spec("dashboard")
    if package is None or not package.submodule_search_locations or importlib.util.find_spec("streamlit") is None:
        raise WorkspaceError(
            "the dashboard is not installed here; install Benthoscope with all its packages to serve it"
        )
    return Path(next(iter(package.submodule_search_locations))) / "app.py"


def _free_port(wished: int) -> int:
    for port in range(wished, min(wished + _PORTS_TRIED, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, port))
            except OSError:
                continue
            return port
    raise WorkspaceError(f"ports {wished} to {wished + _PORTS_TRIED - 1} are in use; name a free one with --port")
