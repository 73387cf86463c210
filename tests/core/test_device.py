"""Devices and precisions: what is chosen, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from core.device import available_devices, choose_device, choose_precision, device_facts
from core.errors import SettingsError


@pytest.fixture
def machine(monkeypatch):
    """A machine with the accelerators asked for."""

    def make(cuda: int = 0, mps: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: cuda > 0)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return make


@pytest.fixture
def arithmetic():
    """Puts torch's process-wide switches back."""
    cudnn = torch.backends.cudnn
    before = torch.get_float32_matmul_precision(), cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision
    switches = cudnn.deterministic, cudnn.benchmark
    yield
    torch.set_float32_matmul_precision(before[0])
    cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision = before[1:]
    cudnn.deterministic, cudnn.benchmark = switches


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(0, False, "cpu"), (0, True, "mps"), (1, False, "cuda:0"), (2, True, "cuda:0")],
)
@pytest.mark.usefixtures("arithmetic")
def test_auto_takes_cuda_then_mps_then_the_cpu(machine, cuda, mps, expected):
    machine(cuda, mps)
    assert str(choose_device("auto")) == expected


@pytest.mark.usefixtures("arithmetic")
def test_a_device_by_name(machine):
    machine(cuda=2)
    assert str(choose_device("cuda")) == "cuda:0"
    assert str(choose_device(" CUDA:1 ")) == "cuda:1"
    assert str(choose_device("cpu")) == "cpu"
    assert available_devices() == ["cuda:0", "cuda:1", "cpu"]


@pytest.mark.parametrize("wish", ["cuda", "cuda:2", "mps", "tpu", ""])
def test_an_absent_device_is_an_error_that_names_what_is_there(machine, wish):
    machine(cuda=0, mps=False)
    with pytest.raises(SettingsError, match="choose auto or one of: cpu"):
        choose_device(wish)


@pytest.mark.usefixtures("arithmetic")
def test_cuda_computes_float32_in_float32(machine):
    machine(cuda=1)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.conv.fp32_precision = "tf32"
    choose_device("cuda")
    assert torch.get_float32_matmul_precision() == "highest"
    assert torch.backends.cudnn.conv.fp32_precision == "ieee"
    assert torch.backends.cudnn.deterministic


def test_precision(machine):
    machine(cuda=1)
    assert choose_precision("auto", torch.device("cuda:0")) == "bf16"
    assert choose_precision("auto", torch.device("cpu")) == "fp32"
    assert choose_precision("auto", torch.device("mps")) == "fp32"
    assert choose_precision("fp32", torch.device("cuda:0")) == "fp32"
    assert choose_precision("bf16", torch.device("cpu")) == "bf16"
    machine(cuda=0)
    assert choose_precision("auto", torch.device("cuda:0")) == "fp32", "an old card has no bf16"
    with pytest.raises(SettingsError, match="fp16"):
        choose_precision("fp16", torch.device("cpu"))


def test_facts_are_plain_json():
    facts = device_facts(torch.device("cpu"))
    assert json.loads(json.dumps(facts)) == facts
    assert facts["device"] == "cpu"
    assert facts["threads"] == torch.get_num_threads()
    assert facts["torch"] == torch.__version__
    assert facts["memory_bytes"] > 2**28
    assert facts["cuda"] is None


def test_importing_the_module_does_not_load_torch():
    code = "import sys, core.device; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
