"""Weights from a file or from torchvision's hub, fitted to the body of a network.

The contract:
- a file can never run code: safetensors, or torch's weights-only reader;
- what a file wraps around the names (``module.``, ``model.``, ``backbone.``, a ``state_dict`` entry) and what it holds
  besides the body (heads, optimiser states) does not matter;
- a file whose batch norms are folded into its convolutions fits too;
- weights fit completely or not at all: a body is never left with a random layer.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.artefacts import digest
from core.embed.anatomy import Anatomy
from core.embed.folding import FoldablePair, remove_norms
from core.errors import ModelError

_OLD_NAMES = (
    # DenseNet's and ViT's files on the hub still carry the names of earlier versions of torchvision.
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
)


def read_weights(path: Path) -> dict[str, Tensor]:
    """All tensors of a ``.safetensors`` or weights-only ``.pth``/``.pt`` file, on the CPU.

    Returns:
        Names to tensors; entries of nested dictionaries are joined by dots.

    Raises:
        ModelError: the file is missing, damaged, or holds anything that could run code.
    """
    if not path.is_file():
        raise ModelError(f"there is no weights file at {path}; check the path")
    content: Any
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            content = load_file(path)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch warns before it refuses a TorchScript archive
                content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path.name} holds more than plain weights, which could run code, and was not loaded; "
            "save it as .safetensors or with torch.save(model.state_dict(), ...)"
        ) from error
    except Exception as error:  # a damaged file can make either reader raise anything
        raise ModelError(
            f"{path.name} cannot be read as weights: it is damaged, or another kind of file; fetch it again"
        ) from error
    tensors = dict(_flatten("", content))
    if not tensors:
        raise ModelError(f"{path.name} holds no weights; give a .safetensors or .pth file made from a state_dict")
    return tensors


def _flatten(prefix: str, content: Any) -> list[tuple[str, Tensor]]:
    if isinstance(content, Tensor):
        return [(prefix, content)]
    if not isinstance(content, Mapping):
        return []
    joint = f"{prefix}." if prefix else ""
    return [leaf for name, value in content.items() for leaf in _flatten(f"{joint}{name}", value)]


def hub_weights(name: str) -> dict[str, Tensor]:
    """The default weights of a torchvision network, from torch's cache or fetched.

    Raises:
        ModelError: they are not in the cache and cannot be fetched.
    """
    from torchvision.models import get_model_weights

    weights = get_model_weights(name).DEFAULT
    try:
        state: dict[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (
        OSError,
        RuntimeError,
        pickle.UnpicklingError,
    ) as error:  # URLError is an OSError, a wrong hash a RuntimeError
        raise ModelError(
            f"the weights of {name} could not be fetched from {weights.url} ({error}); "
            "connect to the internet once, or give a local file with --weights FILE"
        ) from error
    return state


def fit_weights(
    network: nn.Module, anatomy: Anatomy, pairs: Sequence[FoldablePair], tensors: Mapping[str, Tensor], *, source: str
) -> list[FoldablePair]:
    """Copy weights into a dissected network.

    Args:
        network: The network that `anatomy` was cut from: its names are the names looked for.
        pairs: Its convolutions with their batch norms.
        tensors: What the file holds.
        source: What to call the file in errors, for example ``resnet50.pth for resnet50``.

    Returns:
        The pairs that are still to be folded: all of them, unless the file came with folded batch norms.

    Raises:
        ModelError: part of the body is missing or shaped otherwise; the sentence tells how much fits.
    """
    names = {id(tensor): name for name, tensor in network.state_dict(keep_vars=True).items()}
    own = {
        names[id(tensor)]: tensor
        for part in (anatomy.body, anatomy.ending)
        for tensor in part.state_dict(keep_vars=True).values()
    }
    found = _unwrap(tensors, own)

    def absorbed(pair: FoldablePair) -> bool:
        bias = names[id(pair.convolution.weight)].removesuffix("weight") + "bias"
        return bias in found and names[id(pair.norm.weight)] not in found

    folded = [pair for pair in pairs if absorbed(pair)]
    for pair in folded:
        for tensor in pair.norm.state_dict(keep_vars=True).values():
            del own[names[id(tensor)]]
        if pair.convolution.bias is None:
            bias = nn.Parameter(torch.zeros(pair.convolution.out_channels))
            pair.convolution.bias = bias
            own[names[id(pair.convolution.weight)].removesuffix("weight") + "bias"] = bias
    remove_norms(anatomy.body, folded)

    _grow_positions(found, own)
    wanted = [name for name in own if not name.endswith("num_batches_tracked")]
    unfit = [
        name
        for name in wanted
        if name not in found or found[name].shape != own[name].shape or not _plain_number(found[name], own[name])
    ]
    if unfit:
        raise ModelError(
            f"{source}: {len(wanted) - len(unfit)} of {len(wanted)} tensors of the network's body fit "
            f"(the first that does not is {unfit[0]}); give the weights of this network, or choose the network that "
            "they are of"
        )
    with torch.no_grad():
        for name in wanted:
            own[name].copy_(found[name])
    return [pair for pair in pairs if pair not in folded]


def head_classes(network: nn.Module, anatomy: Anatomy, tensors: Mapping[str, Tensor]) -> int | None:
    """How many classes the head in a file tells apart; ``None`` where the file holds the body alone.

    Args:
        network, anatomy, tensors: As `fit_weights` takes them, before it has.
    """
    names = {id(tensor): name for name, tensor in network.state_dict(keep_vars=True).items()}
    body = {
        names[id(tensor)]
        for part in (anatomy.body, anatomy.ending)
        for tensor in part.state_dict(keep_vars=True).values()
    }
    head = [name for name in names.values() if name not in body]
    if not head:
        return None
    found = _unwrap(tensors, dict.fromkeys(names.values(), torch.empty(0))).get(head[-1])  # the last layer's
    return None if found is None or not found.dim() else int(found.shape[0])


def _plain_number(given: Tensor, wanted: Tensor) -> bool:
    """Whether a copy keeps the value: no quantised codes taken for floats."""
    return given.is_floating_point() == wanted.is_floating_point() and not given.is_quantized


def _unwrap(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the one prefix that fits most names of `own`, without that prefix; the first of equals."""
    renamed = {}
    for name, tensor in tensors.items():
        for old, new in _OLD_NAMES:
            name = old.sub(new, name)
        renamed[name] = tensor
    hits: Counter[str] = Counter()
    for name in renamed:
        parts = name.split(".")
        for cut in range(len(parts)):
            if ".".join(parts[cut:]) in own:
                hits["".join(f"{part}." for part in parts[:cut])] += 1
    prefix = hits.most_common(1)[0][0] if hits else ""
    return {name.removeprefix(prefix): tensor for name, tensor in renamed.items() if name.startswith(prefix)}


def _grow_positions(found: dict[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Resample a vision transformer's grid of positions when the file was made for another input size."""
    name = "encoder.pos_embedding"
    if name not in own or name not in found or own[name].shape == found[name].shape:
        return
    grid = found[name]
    cells = own[name].shape[1] - 1
    side = round(max(0, grid.shape[1] - 1) ** 0.5) if grid.dim() == 3 else 0
    if side and side * side == grid.shape[1] - 1 and grid.is_floating_point():
        from torchvision.models.vision_transformer import interpolate_embeddings

        interpolate_embeddings(round(cells**0.5), 1, found)  # type: ignore[arg-type,unused-ignore]


def weights_digest(anatomy: Anatomy) -> str:
    """BLAKE2b-128 in hex of names, types, shapes and bytes of all weights: equal networks, equal digests."""
    parts: list[str | bytes] = []
    for label, part in (("body", anatomy.body), ("ending", anatomy.ending)):
        for name, tensor in part.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                array = tensor.detach().cpu().contiguous().numpy()
                parts += [f"{label}.{name}", f"{array.dtype}{array.shape}", array.tobytes()]
    return digest(*parts)
