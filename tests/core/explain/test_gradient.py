"""Maps by gradient, per-feature Grad-CAM++ and class maps: against autograd, against the library, for every ending."""

from __future__ import annotations

import gc
import warnings
import weakref

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import EmbeddingError, ModelError, SettingsError
from core.explain.classes import class_maps, top_classes
from core.explain.exact import centred_map, knn_split, pooled, unit
from core.explain.features import feature_cams, feature_maps, resized_feature_cams, scaled, typical_rows
from core.explain.gradient import embedding_map, grad_cam, gradient_map, union
from core.explain.heads import ClassHead, head_on_embeddings
from tests.core.explain.tiny import activations, embedder_of, network, pictures

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what the library's own imports warn of is not ours
    from pytorch_grad_cam import GradCAM, GradCAMPlusPlus
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

FAMILIES = ["resnet", "shufflenet_v2_x0_5", "vit", "convnext"]


def case(family, count=3):
    made = network(family)
    embedder = embedder_of(made)
    side = 32 if embedder.square else 96
    images = pictures(count, 32 if embedder.square else 64, side)
    return made, embedder, images, activations(embedder, images)


def knn_score(mean):
    return lambda embeddings: 1 - (nn.functional.normalize(embeddings, dim=1) * mean).sum(1)


def mean_for(embedder, count):
    return unit(torch.rand(count, embedder.dimension, generator=torch.Generator().manual_seed(5))).float() * 0.9


@pytest.mark.parametrize("family", ["resnet", "shufflenet_v2_x0_5"])
def test_with_a_pooled_ending_the_gradient_map_is_the_exact_centred_map(family):
    _, embedder, _, values = case(family)
    mean = mean_for(embedder, 3)
    cells, scores = gradient_map(embedder, values, knn_score(mean))
    split = knn_split(pooled(values), mean)
    exact = centred_map(values, split)
    assert torch.allclose(scores, split.score.float(), atol=1e-5)
    assert torch.allclose(cells, exact, atol=1e-5 * float(exact.abs().max()) + 1e-7)
    assert torch.allclose(grad_cam(embedder, values, knn_score(mean)), exact.clamp_min(0), atol=1e-6)


@pytest.mark.parametrize("family", ["vit", "convnext"])
def test_for_other_endings_a_cell_is_what_the_mean_cell_in_its_place_would_take_away(family):
    _, embedder, _, values = case(family)
    mean, side = mean_for(embedder, 3), embedder.map_of(values).shape[3]
    cells, scores = gradient_map(embedder, values, knn_score(mean))
    assert cells.shape == (3, *embedder.map_of(values).shape[2:])
    assert torch.allclose(scores, knn_score(mean)(embedder.pool(values)), atol=1e-6)
    assert float(cells.abs().max()) > 1e-3
    exact = values.double()
    embedder.ending.double()
    mean_cell = embedder.map_of(exact).mean((2, 3))
    step = 1e-4
    for row, column in [(0, 0), (1, 1), (1, 0)]:
        # Layouts differ: tokens behind the class token, or a map.
        token = (slice(None), 1 + row * side + column)
        place = token if family == "vit" else (slice(None), slice(None), row, column)
        scores_of = []
        for sign in (1, -1):
            moved = exact.clone()
            moved[place] += sign * step * (moved[place] - mean_cell)
            scores_of.append(knn_score(mean.double())(embedder.ending(moved)))
        slope = (scores_of[0] - scores_of[1]) / (2 * step)
        assert torch.allclose(slope, cells[:, row, column].double(), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("family", ["vit", "convnext", "resnet"])
def test_plain_grad_cam_of_the_score_is_the_librarys(family):
    _, embedder, images, values = case(family)
    mean = mean_for(embedder, 3)

    class Scored(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.ending = embedder.body, embedder.ending
            self.bias = nn.Parameter(torch.zeros(1))  # the library asks for the device of a parameter

        def forward(self, x):
            return knn_score(mean)(self.ending(self.body(x)))[:, None] + self.bias

    cam = GradCAM(Scored(), [embedder.body], reshape_transform=embedder.map_of)
    cam.get_target_width_height = lambda _: tuple(embedder.map_of(values).shape[:1:-1])
    library = cam(embedder.normalise(images).requires_grad_(), [ClassifierOutputTarget(0)] * 3)
    ours = scaled(scaled(grad_cam(embedder, values, knn_score(mean))))
    assert np.abs(ours.numpy() - library).max() < 2e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_alone_and_in_a_batch_gradient_maps_are_the_same(family):
    _, embedder, _, values = case(family)
    mean = mean_for(embedder, 3)
    together, _ = gradient_map(embedder, values, knn_score(mean))
    for place in range(3):
        alone, _ = gradient_map(embedder, values[place : place + 1], knn_score(mean[place : place + 1]))
        assert torch.allclose(together[place], alone[0], atol=1e-6)


def test_all_feature_maps_agree_with_the_librarys_one_at_a_time():
    _, embedder, images, values = case("resnet", count=1)
    trunk = nn.Sequential(embedder.body, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    trunk.requires_grad_(True)
    cam = GradCAMPlusPlus(trunk, [embedder.body])
    alive = [c for c in range(values.shape[1]) if float(values[0, c].max() - values[0, c].min()) > 1e-3]
    chosen = alive[:: max(1, len(alive) // 8)]
    ours = resized_feature_cams(values, tuple(images.shape[2:]))[0]
    assert len(chosen) >= 8
    for channel in chosen:
        library = cam(embedder.normalise(images), [ClassifierOutputTarget(channel)])[0]
        assert np.abs(ours[channel].numpy() - library).max() < 1e-3


def test_feature_maps_list_what_adds_most_and_combine_all():
    _, _, _, values = case("shufflenet_v2_x0_5")
    split = knn_split(pooled(values), mean_for_dimension(values.shape[1]))
    found = feature_maps(values, split.contributions(unit(pooled(values))), top=5)
    assert torch.allclose(found.contributions.double().sum(1), split.score, atol=1e-5)
    assert found.top.shape == (3, 5)
    assert found.contributions.gather(1, found.top).equal(found.contributions.sort(1, descending=True).values[:, :5])
    cams = feature_cams(values)
    assert torch.allclose(found.combined, (cams * found.contributions[:, :, None, None]).sum(1), atol=1e-6)
    assert found.top_maps[1, 2].equal(cams[1, found.top[1, 2]])
    assert 0 <= float(cams.min()) <= float(cams.max()) <= 1


def mean_for_dimension(dimension):
    return unit(torch.rand(3, dimension, generator=torch.Generator().manual_seed(5))) * 0.9


def test_typical_rows_are_those_in_which_a_feature_is_largest():
    vectors = np.array([[1, 0, 1], [9, 9, 9], [0, 5, 0], [2, 1, 0]], np.float32)
    assert typical_rows(vectors, [0, 1], 2).tolist() == [[3, 0], [2, 1]]
    assert typical_rows(vectors, [2], 99).shape == (1, 4)


def head_for(made, embedder, family):
    layers = {"vit": "heads", "convnext": "classifier", "resnet": "fc", "shufflenet_v2_x0_5": "fc"}[family]
    module = getattr(made, layers)
    linear = module[2] if family == "convnext" else module
    return head_on_embeddings(embedder, linear, tuple("abcdefg"), "k")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("method", "library"), [("grad-cam++", GradCAMPlusPlus), ("grad-cam", GradCAM)])
def test_class_maps_are_the_librarys_over_the_whole_network(family, method, library):
    made, embedder, images, values = case(family)
    head = head_for(made, embedder, family)
    ours = class_maps(embedder, values, head, [1, 4, 4], method=method)
    assert ours.shape == (3, *embedder.map_of(values).shape[2:])
    made.requires_grad_(True)
    layer = {
        "vit": lambda: made.encoder.layers[0],
        "convnext": lambda: made.features,
        "resnet": lambda: made.layer4,
        "shufflenet_v2_x0_5": lambda: made.conv5,
    }[family]()
    reshape = embedder.map_of if family == "vit" else None
    usual = library(made, [layer], reshape_transform=reshape)
    usual.get_target_width_height = lambda _: tuple(ours.shape[:0:-1])
    expected = usual(embedder.normalise(images), [ClassifierOutputTarget(index) for index in [1, 4, 4]])
    assert np.abs(ours.numpy() - expected).max() < 1e-3
    alone = class_maps(embedder, values[1:2], head, [4], method=method)
    assert torch.allclose(alone[0], ours[1], atol=1e-5)
    assert top_classes(values, head) == made(embedder.normalise(images)).argmax(1).tolist()


def test_embedding_map_and_union():
    _, embedder, _, values = case("resnet")
    found = embedding_map(embedder, values)
    assert torch.allclose(found, scaled(values.clamp_min(0).sum(1)), atol=1e-5)  # every gradient is 1/HW
    other = torch.zeros(3, 4, 6)
    other[:, 3, 5] = 1
    joined = union([found, other])
    assert joined.shape == (3, 4, 6)
    assert float(joined[0, 3, 5]) == pytest.approx(1)
    assert union([found]).equal(scaled(scaled(found)))
    with pytest.raises(SettingsError, match="at least one"):
        union([])


@pytest.mark.parametrize("family", FAMILIES)
def test_no_hook_gradient_or_memory_is_left_after_an_error(family):
    made, embedder, _, values = case(family)
    held = weakref.ref(values)

    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, x):
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        class_maps(embedder, values, ClassHead(Broken(), ("a",), "k"), [0, 0, 0])
    with pytest.raises(RuntimeError, match="out of memory"):
        gradient_map(embedder, values, Broken())
    with pytest.raises(EmbeddingError, match="not finite"):
        gradient_map(embedder, values, lambda e: (e.sum(1) * 0).sqrt().log())
    class_maps(embedder, values, head_for(made, embedder, family), [0, 1, 2])
    for part in (embedder.body, embedder.ending, made):
        for module in part.modules():
            assert not module._forward_hooks
            assert not module._backward_hooks
        assert all(parameter.grad is None for parameter in part.parameters())
    del values
    gc.collect()
    assert held() is None


def test_a_class_must_exist_and_there_must_be_one_a_region():
    made, embedder, _, values = case("resnet")
    head = head_for(made, embedder, "resnet")
    with pytest.raises(SettingsError, match="one class for each"):
        class_maps(embedder, values, head, [0])
    with pytest.raises(SettingsError, match=r"\[0, 6\]"):
        class_maps(embedder, values, head, [0, 0, 7])
    assert head.index(" C ") == 2
    with pytest.raises(SettingsError, match="near names"):
        head.index("crab")


@pytest.mark.parametrize(
    "family", ["mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x0_5", "efficientnet_b0", "regnet_y_400mf"]
)
def test_the_own_head_of_a_file_gives_the_networks_logits(family, tmp_path):
    from safetensors.torch import save_file
    from torchvision import models

    from core.embed.load import load_embedder
    from core.explain.heads import own_head
    from core.settings import EmbedSettings

    torch.manual_seed(1)
    made = models.get_model(family, weights=None, num_classes=5).eval()
    path = tmp_path / "w.safetensors"
    save_file({f"module.{name}": tensor.contiguous() for name, tensor in made.state_dict().items()}, path)
    embedder = load_embedder(EmbedSettings(family, str(path), short_side=64, device="cpu"))
    head = own_head(embedder)
    assert head.names == tuple(f"class {place}" for place in range(5))
    images = pictures(2, 64, 96)
    with torch.no_grad():
        logits = head.module(embedder.activations(embedder.normalise(images)))
        assert torch.allclose(logits, made(embedder.normalise(images)), atol=1e-4)
    heads = ("fc.", "classifier.")
    body = {name: tensor.contiguous() for name, tensor in made.state_dict().items() if not name.startswith(heads)}
    save_file(body, path)
    headless = load_embedder(EmbedSettings(family, str(path), short_side=64, device="cpu"))
    with pytest.raises(ModelError, match="no class head"):
        own_head(headless)
