"""The server's process: safe settings, the next free port, and nothing left behind when it is ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import WorkspaceError
from core.serving import ADDRESS, _free_port, dashboard_script, server_command


def test_the_settings_that_matter_are_given_on_the_command_line():
    command = server_command(dashboard_script(), 8501)
    for option in (
        "--server.address=127.0.0.1",
        "--browser.gatherUsageStats=false",
        "--client.showErrorDetails=none",
        "--server.enableStaticServing=false",
        "--runner.postScriptGC=false",
    ):
        assert option in command


def test_a_port_in_use_is_passed_over():
    with socket.socket() as holder:
        holder.bind((ADDRESS, 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert taken < _free_port(taken) <= taken + 20


def test_no_free_port_is_one_sentence(monkeypatch):
    monkeypatch.setattr("core.serving._PORTS_TRIED", 1)
    with socket.socket() as holder:
        holder.bind((ADDRESS, 0))
        holder.listen()
        with pytest.raises(WorkspaceError, match="--port"):
            _free_port(holder.getsockname()[1])


@pytest.mark.skipif(os.name != "posix", reason="signals of this kind are POSIX only")
def test_ending_the_command_ends_the_server(tmp_path):
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "core.cli", "serve", "--workspace", str(tmp_path / "ws"), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=Path(__file__).parents[2])
    try:
        for _ in range(1200):
            with socket.socket() as probe:
                if probe.connect_ex((ADDRESS, port)) == 0:
                    break
            time.sleep(0.1)
        else:
            pytest.fail("the server did not start")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
        with socket.socket() as probe:
            assert probe.connect_ex((ADDRESS, port)) != 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
