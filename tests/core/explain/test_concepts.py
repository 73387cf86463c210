"""Class maps of trained models, and the guesses of a run's own network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from core.errors import SettingsError
from core.explain.classes import class_maps
from core.explain.concepts import concept_map
from core.explain.gradient import union
from core.explain.guesses import guess_classes
from core.explain.heads import head_on_embeddings
from tests.core.explain.tiny import activations, embedder_of, network, pictures

CLASSES = 3


def picture():
    return Image.fromarray(pictures(1, 64, 96)[0].permute(1, 2, 0).numpy())


def linear(dimension, members, seed):
    torch.manual_seed(seed)
    return nn.Linear(dimension, members * CLASSES)


@pytest.mark.parametrize("family", ["resnet", "convnext", "vit"])
def test_one_member_is_the_plain_class_map(family):
    embedder = embedder_of(network(family))
    head = linear(embedder.dimension, 1, 0)
    found = concept_map([(embedder, head)], picture(), "crab", 2, CLASSES)
    geometry = embedder.geometry(96, 64)
    assert found.geometry == geometry
    from core.embed.prepare import prepare

    features = activations(embedder, prepare(picture(), geometry)[None])
    plain = class_maps(embedder, features, head_on_embeddings(embedder, head, ("a", "b", "c"), ""), [2])
    np.testing.assert_allclose(found.cells, plain[0].numpy(), atol=1e-6)
    assert found.concept == "crab"
    assert not found.signed
    with torch.no_grad():
        assert found.score == pytest.approx(float(head(embedder.pool(features))[0, 2]), rel=1e-4)


def test_an_ensembles_map_is_the_union_of_its_members():
    embedder = embedder_of(network("resnet"))
    both = linear(embedder.dimension, 2, 1)
    halves = []
    for member in range(2):
        one = nn.Linear(embedder.dimension, CLASSES)
        rows = slice(member * CLASSES, (member + 1) * CLASSES)
        one.load_state_dict({"weight": both.weight[rows].detach(), "bias": both.bias[rows].detach()})
        halves.append(one)
    together = concept_map([(embedder, both)], picture(), "crab", 1, CLASSES)
    apart = [concept_map([(embedder, one)], picture(), "crab", 1, CLASSES) for one in halves]
    expected = union([torch.from_numpy(one.cells)[None] for one in apart])[0].numpy()
    np.testing.assert_allclose(together.cells, expected, atol=1e-6)
    assert "2 members" in together.label
    assert together.score == pytest.approx(sum(one.score for one in apart) / 2, rel=1e-5)
    twice = concept_map([(embedder, halves[0]), (embedder, halves[1])], picture(), "crab", 1, CLASSES)
    np.testing.assert_allclose(twice.cells, expected, atol=1e-6)


def test_a_class_that_does_not_exist_is_refused():
    embedder = embedder_of(network("resnet"))
    head = linear(embedder.dimension, 1, 0)
    with pytest.raises(SettingsError, match="got 3"):
        concept_map([(embedder, head)], picture(), "crab", 3, CLASSES)
    with pytest.raises(SettingsError, match="no whole members"):
        concept_map([(embedder, head)], picture(), "crab", 1, 2)


def test_the_networks_own_guesses_are_its_largest_logits(run, workspace):
    found = guess_classes(run, workspace, 3, 2)
    assert len(found) == 2
    assert len({place for place, _ in found}) == 2
    assert all(name == f"class {place}" for place, name in found)
    assert guess_classes(run, workspace, 3, 3)[:2] == found
