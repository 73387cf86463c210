"""Weights as people have them: with heads, prefixes and wrappers, folded, old, of another network, or malicious."""

from __future__ import annotations

import os
import re
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from core.embed.anatomy import dissect
from core.embed.folding import foldable_pairs
from core.embed.torchvision_embedders import build_network
from core.embed.weights import fit_weights, hub_weights, read_weights, weights_digest
from core.errors import ModelError
from tests.core.embed.networks import loaded, random_images, saved, untrained

NAME = "shufflenet_v2_x0_5"


@pytest.fixture(scope="module")
def network():
    return untrained(NAME)


@pytest.fixture(scope="module")
def plain(network, tmp_path_factory):
    """The embedder of the plain file, and its embeddings of some images."""
    embedder = loaded(NAME, saved(network, tmp_path_factory.mktemp("plain") / "plain.safetensors"))
    images = random_images(2, 64, 64)
    return embedder, images, embedder.embed(images)


def wrapped(network, wrapping):
    state = network.state_dict()
    body = OrderedDict((name, tensor) for name, tensor in state.items() if not name.startswith("fc."))
    return {
        "headless": body,
        "data-parallel": {f"module.{name}": tensor for name, tensor in state.items()},
        "lightning": {"epoch": 3, "state_dict": {f"model.backbone.{name}": tensor for name, tensor in state.items()}},
        "checkpoint": {
            "optimizer": {"state": {0: {"momentum": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]},
            "model": state,
            "model_ema": {name: tensor * 0 for name, tensor in state.items() if tensor.is_floating_point()},
        },
        "without-counters": {name: tensor for name, tensor in body.items() if "num_batches" not in name},
        "other-head": body | {"fc.weight": torch.zeros(7, 1024), "fc.bias": torch.zeros(7)},
    }[wrapping]


@pytest.mark.parametrize(
    "wrapping", ["headless", "data-parallel", "lightning", "checkpoint", "without-counters", "other-head"]
)
def test_wrappings_do_not_matter(network, plain, tmp_path, wrapping):
    embedder, images, expected = plain
    path = tmp_path / "weights.pth"
    torch.save(wrapped(network, wrapping), path)
    other = loaded(NAME, path)
    assert torch.equal(other.embed(images), expected)
    assert other.key == embedder.key, "equal weights, equal key"


def test_half_precision_files_are_read(network, plain, tmp_path):
    _, images, expected = plain
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in network.state_dict().items()
    }
    save_file(state, tmp_path / "half.safetensors")
    embedding = loaded(NAME, tmp_path / "half.safetensors").embed(images)
    assert embedding.dtype == torch.float32
    torch.testing.assert_close(embedding, expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_folded_batch_norms_are_recognised(network, plain, tmp_path, share):
    """A file whose convolutions took in their batch norms, all of them or the first half."""
    _, images, expected = plain
    state = dict(network.state_dict())
    names = {id(module): name for name, module in network.named_modules()}
    pairs = foldable_pairs(dissect(network).body, torch.zeros(1, 3, 64, 64))
    for pair in pairs[: int(len(pairs) * share)]:
        convolution, norm = names[id(pair.convolution)], names[id(pair.norm)]
        weight, bias = fuse_conv_bn_weights(
            pair.convolution.weight,
            None,
            pair.norm.running_mean,
            pair.norm.running_var,
            pair.norm.eps,
            pair.norm.weight,
            pair.norm.bias,
        )
        state |= {f"{convolution}.weight": weight.detach(), f"{convolution}.bias": bias.detach()}
        state = {name: tensor for name, tensor in state.items() if not name.startswith(f"{norm}.")}
    save_file(state, tmp_path / "folded.safetensors")
    embedder = loaded(NAME, tmp_path / "folded.safetensors")
    torch.testing.assert_close(embedder.embed(images), expected, rtol=1e-5, atol=1e-6)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in embedder.body.modules())


_OLD = {
    "densenet121": lambda key: re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key),
    "vit_b_32": lambda key: key.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."),
    "mnasnet0_5": lambda key: key,  # a plain dictionary has lost the version that this network asks for
}


@pytest.mark.parametrize(
    ("name", "new", "old"),
    [
        ("densenet121", "denselayer1.norm1.weight", "denselayer1.norm.1.weight"),
        ("vit_b_32", "mlp.0.weight", "mlp.linear_1.weight"),
        ("mnasnet0_5", "layers.0.weight", "layers.0.weight"),
    ],
)
def test_names_of_earlier_versions(name, new, old):
    def parts():
        network, anatomy = build_network(name, 32)
        return network, anatomy

    source, _ = parts()
    state = {_OLD[name](key): tensor for key, tensor in source.state_dict().items()}
    assert any(key.endswith(old) for key in state)
    network, anatomy = parts()
    fit_weights(network, anatomy, [], state, source=name)
    key = next(key for key in source.state_dict() if key.endswith(new))
    assert torch.equal(network.state_dict()[key], source.state_dict()[key])


def test_a_transformers_positions_are_resampled():
    small, _ = build_network("vit_b_32", 96)
    large, anatomy = build_network("vit_b_32", 160)
    with torch.no_grad():
        small.encoder.pos_embedding.copy_(torch.arange(10.0)[None, :, None].expand(1, 10, 768))
    fit_weights(large, anatomy, [], small.state_dict(), source="vit")
    positions = large.encoder.pos_embedding[0, :, 0]
    assert positions[0] == 0, "the class token has no place"
    assert positions[1:].reshape(5, 5)[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == pytest.approx([1, 3, 7, 9], abs=1e-4)


def test_other_keys_for_other_weights(network, tmp_path):
    _, anatomy = build_network(NAME, 64)
    first = weights_digest(anatomy)
    with torch.no_grad():
        next(anatomy.body.parameters()).flatten()[0] += 1
    assert weights_digest(anatomy) != first


# --- what does not fit ------------------------------------------------------------------------------------------------


def test_weights_of_another_network(network, tmp_path):
    path = saved(untrained("mobilenet_v3_small"), tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"other\.safetensors for shufflenet_v2_x0_5: 0 of \d+ tensors .* fit"):
        loaded(NAME, path)


def test_weights_of_another_width(tmp_path):
    path = saved(untrained("shufflenet_v2_x1_0"), tmp_path / "wide.safetensors")
    with pytest.raises(ModelError, match=r"\d+ of \d+ tensors .* \(the first that does not is stage2") as caught:
        loaded(NAME, path)
    assert "\n" not in str(caught.value)


def test_a_missing_layer_is_never_left_random(network, tmp_path):
    state = {name: tensor for name, tensor in network.state_dict().items() if name != "conv5.1.running_mean"}
    save_file(state, tmp_path / "gap.safetensors")
    with pytest.raises(ModelError, match=r"the first that does not is conv5\.1\.running_mean"):
        loaded(NAME, tmp_path / "gap.safetensors")


def test_integer_codes_are_not_taken_for_weights(network, tmp_path):
    state = dict(network.state_dict())
    state["conv1.0.weight"] = (state["conv1.0.weight"] * 100).to(torch.int8)
    save_file(state, tmp_path / "codes.safetensors")
    with pytest.raises(ModelError, match=r"the first that does not is conv1\.0\.weight"):
        loaded(NAME, tmp_path / "codes.safetensors")


class Trap:
    """Unpickling this would make a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("ending", [".pth", ".pt", ".bin"])
def test_a_file_with_code_is_refused_and_not_run(tmp_path, ending):
    path = tmp_path / f"trap{ending}"
    torch.save({"conv1.0.weight": torch.zeros(3), "x": Trap(tmp_path / "sprung")}, path)
    with pytest.raises(ModelError, match=r"could run code, and was not loaded; save it as \.safetensors") as caught:
        read_weights(path)
    assert not (tmp_path / "sprung").exists()
    assert "\n" not in str(caught.value)


def test_a_whole_pickled_network_is_refused(network, tmp_path):
    torch.save(network, tmp_path / "whole.pth")
    with pytest.raises(ModelError, match=r"torch\.save\(model\.state_dict\(\)"):
        read_weights(tmp_path / "whole.pth")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\x00" * 100, b"hello"])
@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_damaged_files(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=r"was not loaded|cannot be read as weights"):
        read_weights(tmp_path / name)


def test_a_file_without_tensors(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(ModelError, match="holds no weights"):
        read_weights(tmp_path / "empty.pth")


def test_a_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"no weights file at .*nowhere\.pth; check the path"):
        read_weights(tmp_path / "nowhere.pth")


def test_without_internet_the_way_out_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def offline(*arguments, **options):
        raise OSError("Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.setattr("torch.hub.urlopen", offline)
    with pytest.raises(ModelError, match=r"resnet18 could not be fetched .* give a local file with --weights FILE"):
        hub_weights("resnet18")
