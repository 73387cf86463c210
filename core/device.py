"""Which accelerator does the work, in which precision, and the facts about it that a run's manifest keeps.

The contract:
- torch is imported inside the functions, so that importing this module costs nothing;
- ``auto`` takes CUDA, then MPS, then the CPU; a device asked for by name that is absent is an error, never a fallback;
- float32 means float32: TF32 is switched off where a device is prepared.
"""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any, Literal

from core.errors import SettingsError

if TYPE_CHECKING:
    import torch

Numbers = Literal["fp32", "bf16"]
"""A precision that has been decided: 32-bit floats, or bfloat16 products under autocast with 32-bit results."""


def available_devices() -> list[str]:
    """Names that `choose_device` accepts here besides ``auto``, best first (for example ``["cuda:0", "cpu"]``)."""
    import torch

    names = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def choose_device(wish: str = "auto") -> torch.device:
    """The device to compute on, prepared for repeatable float32 arithmetic.

    Args:
        wish: ``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``.

    Raises:
        SettingsError: the wish is unknown or absent on this machine; the sentence names what is there.
    """
    import torch

    there = available_devices()
    name = wish.strip().lower()
    if name == "auto":
        name = there[0]
    elif name == "cuda":
        name = "cuda:0"
    if name not in there:
        raise SettingsError(f"device {wish!r} is not on this machine; choose auto or one of: {', '.join(there)}")
    if name.startswith("cuda"):
        # TF32 keeps 10 bits: near-duplicate thresholds and exact maps need the 23 that float32 promises.
        cudnn: Any = torch.backends.cudnn  # its settings are made at run time
        torch.set_float32_matmul_precision("highest")
        cudnn.conv.fp32_precision = cudnn.rnn.fp32_precision = "ieee"  # torch complains where the two differ
        cudnn.benchmark = False
        cudnn.deterministic = True
    return torch.device(name)


def choose_precision(wish: str, device: torch.device) -> Numbers:
    """What ``auto`` means on this device: ``bf16`` on a CUDA device that has it, ``fp32`` elsewhere.

    Raises:
        SettingsError: `wish` is not ``auto``, ``fp32`` or ``bf16``.
    """
    if wish == "auto":
        import torch

        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    if wish == "fp32":
        return "fp32"
    if wish == "bf16":
        return "bf16"
    raise SettingsError(f"precision must be auto, fp32 or bf16, got {wish!r}")


def device_facts(device: torch.device) -> dict[str, Any]:
    """What a manifest keeps about the machine: plain JSON, no host name, no clock.

    Returns:
        ``device`` (as torch writes it), ``name``, ``memory_bytes`` (of the device; of the machine for CPU and MPS),
        ``threads`` (of torch on the CPU), ``cpu_capability``, ``torch``, ``torchvision``, ``cuda`` and ``cudnn``
        (``None`` off CUDA), ``python`` and ``system``.
    """
    import torch
    import torchvision

    on_cuda = device.type == "cuda"
    name: str = platform.processor() or platform.machine()
    memory = _machine_memory()
    cudnn: int | None = None
    if on_cuda:
        properties = torch.cuda.get_device_properties(device)
        name, memory = properties.name, int(properties.total_memory)
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return {
        "device": str(device),
        "name": name,
        "memory_bytes": memory,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "cuda": torch.version.cuda if on_cuda else None,
        "cudnn": cudnn,
        "python": platform.python_version(),
        "system": platform.system(),
    }


def _machine_memory() -> int | None:
    """Bytes of the machine's memory, or ``None`` where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # sysconf and its names are POSIX only
        return None
