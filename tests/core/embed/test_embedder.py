"""Embedders as other rooms use them."""

from __future__ import annotations

import json

import pytest
import torch

from core.demo.network import FEATURES, FORMAT_VERSION, MEAN, STD, DemoNetwork
from core.embed.load import load_embedder
from core.errors import ModelError, SettingsError
from core.settings import EmbedSettings
from tests.core.embed.networks import loaded, normalised, random_images, saved, untrained

NAME = "shufflenet_v2_x0_5"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return saved(untrained(NAME), tmp_path_factory.mktemp("weights") / "w.safetensors")


@pytest.fixture(scope="module")
def embedder(weights):
    return loaded(NAME, weights)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_golden_an_embedding_is_what_torchvision_pools(name, tmp_path):
    """Against a hook on the plain network: the tensor that its own head is given."""
    network = untrained(name)
    given = []
    head = network.fc if name == "resnet18" else network.classifier[0]
    head.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    images = random_images(3, 64, 96)
    with torch.inference_mode():
        network(normalised(images))
    embedding = loaded(name, saved(network, tmp_path / "w.safetensors")).embed(images)
    scale = float(given[0].abs().max())
    torch.testing.assert_close(embedding / scale, given[0] / scale, rtol=0, atol=1e-5)


def test_alone_or_in_a_batch(embedder):
    images = random_images(7, 64, 96)
    together = embedder.embed(images)
    alone = torch.cat([embedder.embed(image[None]) for image in images])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-5)


def test_the_mean_over_the_map_is_the_embedding(embedder):
    images = random_images(2, 64, 96)
    features = embedder.features(embedder.normalise(images))
    assert features.shape == (2, 1024, 2, 3)
    assert embedder.pooled
    torch.testing.assert_close(features.mean((2, 3)), embedder.embed(images))


def test_explanations_can_differentiate_from_the_activations_on(tmp_path):
    """A transformer's map has no exact split, so its gradient is needed: through `pool`, without a hook."""
    transformer = loaded("vit_b_32", saved(untrained("vit_b_32"), tmp_path / "v.safetensors"), short_side=64)
    images = transformer.normalise(random_images(2, 64, 64))
    activations = transformer.activations(images).requires_grad_()
    transformer.pool(activations)[:, 0].sum().backward()
    assert not transformer.pooled
    assert transformer.map_of(activations.grad).shape == (2, 768, 2, 2)
    assert float(activations.grad.abs().sum()) > 0
    assert torch.equal(transformer.map_of(activations), transformer.features(images))


def test_normalisation_keeps_the_channels_last(embedder):
    images = random_images(2, 64, 96)
    result = embedder.normalise(images)
    torch.testing.assert_close(result, normalised(images))
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert images.dtype == torch.uint8


def test_nothing_of_training_is_left(embedder):
    for part in (embedder.body, embedder.ending):
        assert not part.training
        assert not any(parameter.requires_grad for parameter in part.parameters())
    assert not embedder.embed(random_images(1, 64, 64)).requires_grad


def test_bf16_where_asked_for(embedder, weights):
    half = loaded(NAME, weights, precision="bf16")
    images = random_images(2, 64, 64)
    assert half.precision == "bf16"
    assert half.embed(images).dtype == torch.float32
    similar = torch.cosine_similarity(half.embed(images), embedder.embed(images))
    assert float(similar.min()) > 0.999
    assert not torch.equal(half.embed(images), embedder.embed(images))


def test_the_key_tells_what_results_depend_on(embedder, weights, tmp_path):
    same = saved(untrained(NAME), tmp_path / "elsewhere.safetensors")
    assert loaded(NAME, same, batch=7).key == embedder.key, "neither place nor batch"
    others = [
        loaded(NAME, weights, short_side=256),
        loaded(NAME, weights, max_aspect=2.0),
        loaded(NAME, weights, precision="bf16"),
    ]
    assert len({embedder.key, *(other.key for other in others)}) == 4
    assert embedder.key.isalnum()


def test_the_geometry_is_that_of_the_settings(weights):
    assert loaded(NAME, weights, short_side=96).geometry(960, 480).shape == (96, 192)


def test_the_demonstrations_network(tmp_path):
    """As it ships: weights with a JSON beside them; the embedding is what its own head is given."""
    concepts = ("crab", "fish")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = DemoNetwork(concepts).eval()
    saved(network, tmp_path / "d.safetensors")
    facts = {"format": FORMAT_VERSION, "concepts": concepts, "parents": {"crab": "animal", "fish": "animal"}}
    (tmp_path / "d.json").write_text(json.dumps(facts))
    embedder = loaded("demo", tmp_path / "d.safetensors")
    images = random_images(2, 64, 96)
    mean, deviation = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    with torch.inference_mode():
        expected = network.pool(network.features((images / 255 - mean) / deviation)).flatten(1)
    assert embedder.name == "demo"
    assert embedder.pooled
    assert embedder.dimension == FEATURES
    torch.testing.assert_close(embedder.embed(images), expected, rtol=0, atol=1e-5 * float(expected.max()))


def test_the_demonstration_without_its_weights(tmp_path):
    with pytest.raises(ModelError):
        loaded("demo", tmp_path / "none.safetensors")


def test_an_input_too_small_for_the_network():
    with pytest.raises(SettingsError, match="alexnet cannot work on an input of 32 pixels; choose a larger short_side"):
        load_embedder(EmbedSettings(embedder="alexnet", short_side=32, device="cpu"))


def test_a_missing_weights_file_is_told():
    with pytest.raises(ModelError, match="no weights file"):
        load_embedder(EmbedSettings(embedder=NAME, weights="/nowhere.pth", device="cpu"))
