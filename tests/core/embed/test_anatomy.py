"""Heads come off every torchvision family, and what is left is what the network itself would have used."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models

from core.embed.anatomy import dissect
from core.embed.folding import fold, foldable_pairs
from core.embed.torchvision_embedders import build_network, network_names, normalisation
from core.errors import ModelError, SettingsError
from tests.core.embed.networks import normalised, random_images, untrained

WHOLE = 1e-5
"""Largest difference, as a share of the largest value."""

# name: (dimension, whether exact maps exist, norms that cannot be folded because no convolution comes right before)
FAMILIES = {
    "alexnet": (256, True, 0),
    "convnext_tiny": (768, False, 0),
    "densenet121": (1024, True, 62),
    "efficientnet_b0": (1280, True, 0),
    "googlenet": (1024, True, 0),
    "inception_v3": (2048, True, 0),
    "maxvit_t": (512, False, 11),
    "mnasnet0_5": (1280, True, 0),
    "mobilenet_v2": (1280, True, 0),
    "mobilenet_v3_small": (576, True, 0),
    "regnet_y_400mf": (440, True, 0),
    "resnet18": (512, True, 0),
    "shufflenet_v2_x0_5": (1024, True, 0),
    "squeezenet1_1": (512, True, 0),
    "swin_t": (768, True, 0),
    "vgg11_bn": (512, True, 0),
    "vit_b_32": (768, False, 0),
}
BULKY = {"alexnet": {"num_classes": 2}, "vgg11_bn": {"num_classes": 2}}


def input_of_first_linear(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """What the first linear layer of the head is given; the mean of the last map where the head wants a grid of it."""
    if isinstance(network, (models.AlexNet, models.VGG, models.SqueezeNet)):
        return network.features(images).mean((2, 3))
    head = next(getattr(network, name) for name in ("fc", "head", "heads", "classifier") if hasattr(network, name))
    linear = next(module for module in head.modules() if isinstance(module, nn.Linear))
    given: list[torch.Tensor] = []
    hook = linear.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    network(images)
    hook.remove()
    return given[0]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family(name):
    """Dimension, the embedding, the mean over the map, and the same after folding."""
    dimension, pooled, unfoldable = FAMILIES[name]
    network = untrained(name)
    anatomy = dissect(network)
    images = normalised(random_images(1, 224, 224 if anatomy.square else 256))
    with torch.no_grad():
        expected = input_of_first_linear(network, images)
        activations = anatomy.body(images)
        embedding = anatomy.ending(activations)
        assert embedding.shape == (1, dimension)
        assert embedding.dtype == torch.float32
        torch.testing.assert_close(embedding, expected, rtol=0, atol=WHOLE * float(expected.abs().max()))
        assert anatomy.pooled == pooled
        cells = anatomy.as_map(activations)
        assert cells.dim() == 4
        if pooled:
            assert torch.equal(cells.mean((2, 3)), embedding)

        pairs = foldable_pairs(anatomy.body, images)
        fold(anatomy.body, pairs)
        assert sum(isinstance(module, nn.BatchNorm2d) for module in anatomy.body.modules()) == unfoldable
        folded = anatomy.ending(anatomy.body(images))
        torch.testing.assert_close(folded, expected, rtol=0, atol=WHOLE * float(expected.abs().max()))


def test_every_name_is_of_a_known_family():
    kinds = {}
    with torch.device("meta"):  # sizes without memory
        for name in network_names():
            if not name.startswith("regnet"):  # reckons with numbers while it is built
                kinds[name] = dissect(untrained_on_meta(name))
    assert len(kinds) > 60
    for name, anatomy in kinds.items():
        assert not any("classifier" in key or "head" in key for key in anatomy.body.state_dict()), name


def untrained_on_meta(name: str) -> nn.Module:
    options = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return models.get_model(name, weights=None, **options)


@pytest.mark.parametrize(
    ("name", "short_side", "height"), [("vit_b_32", 224, 7), ("vit_b_32", 150, 5), ("maxvit_t", 224, 7)]
)
def test_square_networks_are_built_for_the_input(name, short_side, height):
    _, anatomy = build_network(name, short_side)
    side = max(1, round(short_side / anatomy.multiple)) * anatomy.multiple
    with torch.no_grad():
        activations = anatomy.body(torch.zeros(1, 3, side, side))
    assert anatomy.square
    assert anatomy.as_map(activations).shape[2:] == (height, height)


def test_patches_keep_their_places():
    """One lit patch: its cell of a transformer's map differs most from the same picture unlit."""
    anatomy = dissect(untrained("vit_b_32"))
    dark = torch.zeros(1, 3, 224, 224)
    lit = dark.clone()
    lit[:, :, 64:96, 160:192] = 3.0  # row 2, column 5 of 7 x 7
    with torch.no_grad():
        change = (anatomy.as_map(anatomy.body(lit)) - anatomy.as_map(anatomy.body(dark))).norm(dim=1)[0]
    assert divmod(int(change.argmax()), 7) == (2, 5)


def test_an_unknown_family_is_refused():
    with pytest.raises(ModelError, match="no way is known to take the head off a Linear"):
        dissect(nn.Linear(2, 2))


@pytest.mark.parametrize(("name", "hint"), [("resnet5", "did you mean resnet"), ("xyz", "choose demo or the name")])
def test_an_unknown_name_is_refused_with_a_hint(name, hint):
    with pytest.raises(SettingsError, match=hint):
        build_network(name, 224)


def test_building_leaves_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build_network("shufflenet_v2_x0_5", 224)
    assert torch.equal(torch.rand(3), expected)


def test_every_network_tells_its_colours():
    for name in network_names():
        mean, deviation = normalisation(name)
        assert len(mean) == len(deviation) == 3
        assert all(0 < value < 1 for value in mean + deviation), name
