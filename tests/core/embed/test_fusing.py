"""The faster form of a network gives what the network gives, or there is none."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import Tensor, fx, nn

from core.embed.anatomy import dissect
from core.embed.fusing import _ADDS, Quick, _Convolution, fused
from tests.core.embed.networks import normalised, random_images, tiny, untrained

FAMILIES = ("densenet121", "efficientnet_b0", "mobilenet_v2", "resnet18")
IMAGES = normalised(random_images(2, 96, 160)).contiguous(memory_format=torch.channels_last)


def quickly(quick: Quick, images: Tensor) -> Tensor:
    with torch.inference_mode():
        found = quick(images)
    assert found is not None
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_same_as_the_network(name):
    body = dissect(untrained(name)).body.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    quick = Quick(body)
    for images in (IMAGES, IMAGES[:1], IMAGES):
        with torch.no_grad():
            expected = body(images)
        torch.testing.assert_close(quickly(quick, images), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
    assert torch.equal(quickly(quick, IMAGES), quickly(Quick(body), IMAGES)), "a new process gives the same bytes"


class Sums(nn.Module):
    """Each way of adding."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.first, self.second = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.narrow, self.relu = nn.Conv2d(3, 3, 1), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        kept = self.narrow(x)
        if self.kind == "plain":
            return self.relu(self.first(x) + kept)
        if self.kind == "both":
            return self.relu(torch.add(self.first(x), self.second(x)))
        if self.kind == "twice":
            out = self.first(x)
            return out + out
        if self.kind == "scaled":
            return torch.add(self.first(x), kept, alpha=3)
        if self.kind == "number":
            return self.first(x) + 1
        if self.kind == "broadcast":
            return self.first(x) + kept.mean((2, 3), keepdim=True)
        if self.kind == "changed between":
            given = kept * 2
            out = self.first(given)
            return out + self.relu(given)
        if self.kind == "changes the other":
            out = kept
            out += self.first(x)
            return out * kept
        return self.first(x).relu_() - self.relu(self.second(x)) * self.second(x)


@pytest.mark.parametrize(
    ("kind", "sums_left"),
    [
        ("plain", 0),
        ("both", 0),
        ("twice", 1),
        ("scaled", 1),
        ("number", 1),
        ("broadcast", 1),
        ("changed between", 1),
        ("several readers", 0),
    ],
)
def test_sums_of_every_kind(kind, sums_left):
    torch.manual_seed(0)
    network = Sums(kind).eval()
    made = fused(network)
    assert made is not None
    assert any(isinstance(part, _Convolution) for part in made.modules())
    assert not any(type(part) is nn.Conv2d for part in made.modules())
    assert sum(node.target in _ADDS for node in made.graph.nodes) == sums_left
    with torch.no_grad():
        given = IMAGES.clone()
        torch.testing.assert_close(made(given), network(IMAGES), rtol=1e-5, atol=1e-6)
        assert torch.equal(given, IMAGES)


class Bent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(x) if x.mean() > 0 else x


def test_what_cannot_be_traced_runs_itself():
    assert fused(Bent().eval()) is None
    assert fused(nn.Sequential(nn.Conv2d(4, 3, 1)).eval()) is None, "not of three colours"
    assert fused(Sums("changes the other").eval()) is None, "tracing loses that the sum changes what is read later"
    embedder = replace(tiny(), body=Bent().eval().requires_grad_(False))
    with torch.no_grad():
        assert torch.equal(embedder.activations(IMAGES), embedder.body(IMAGES))


def test_whatever_is_not_plain_float32_is_the_networks_own_business():
    embedder = tiny()
    assert embedder.quick(IMAGES) is None, "gradients may be wanted"
    with torch.no_grad():
        assert embedder.quick(IMAGES.double()) is None
        with torch.autocast("cpu", torch.bfloat16):
            assert embedder.quick(IMAGES) is None
        assert embedder.quick(IMAGES) is not None
        embedder.body.train()
        assert embedder.quick(IMAGES) is None


def test_changed_weights_are_noticed():
    embedder = tiny()
    with torch.no_grad():
        before = embedder.activations(IMAGES)
        next(module for module in embedder.body.modules() if isinstance(module, nn.Conv2d)).weight.mul_(2)
        after = embedder.activations(IMAGES)
        assert not torch.equal(before, after)
        assert torch.equal(after, embedder.body(IMAGES))


def test_many_shapes_and_threads(monkeypatch):
    monkeypatch.setattr("core.embed.fusing.KEPT_BYTES", 10_000)
    embedder = tiny()
    shapes = [IMAGES[:, :, : 32 * height, : 32 * width] for height in (1, 2, 3) for width in (1, 2, 3, 4)]
    with torch.no_grad():
        expected = [embedder.body(images) for images in shapes]

    def work(place: int) -> Tensor:
        with torch.no_grad():
            return embedder.activations(shapes[place % len(shapes)])

    with ThreadPoolExecutor(8) as pool:
        for place, found in enumerate(pool.map(work, range(60))):
            torch.testing.assert_close(found, expected[place % len(shapes)], rtol=1e-5, atol=1e-6)
    assert 1 <= len(embedder.quick._shapes) <= 3, "3,072 bytes each"
    held = [part._packed for part in embedder.quick._traced.modules() if isinstance(part, _Convolution)]
    with torch.no_grad():
        for images in shapes:
            embedder.activations(images)
    assert all(1 <= len(one) <= 3 for one in held)


def test_too_large_to_be_kept_twice(monkeypatch):
    monkeypatch.setattr("core.embed.fusing.KEPT_BYTES", 8)
    with torch.no_grad():
        assert tiny().quick(IMAGES) is None


class _Waiting(nn.Module):
    """Stands still while it is traced, until somebody lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.reached, self.goes_on = threading.Event(), threading.Event()

    def forward(self, images: Tensor) -> Tensor:
        if isinstance(images, fx.Proxy):
            self.reached.set()
            assert self.goes_on.wait(60)
        return self.conv(images)


def test_other_threads_run_networks_while_one_is_traced():
    body, other = _Waiting().eval(), nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    images, numbers, plain = torch.rand(1, 3, 8, 8), torch.rand(2, 3), nn.Module.__call__
    with torch.no_grad():
        expected = body.conv(images), other(numbers)
    with ThreadPoolExecutor(2) as pool:
        made = pool.submit(fused, body)
        try:
            assert body.reached.wait(60)
            second = pool.submit(fused, nn.Sequential(nn.Conv2d(3, 4, 3)).eval())  # waits for its turn
            with torch.no_grad():
                found = body.conv(images), other(numbers)
        finally:
            body.goes_on.set()
        assert made.result(60) is not None
        assert second.result(60) is not None
    for one, wanted in zip(found, expected, strict=True):
        assert type(one) is Tensor
        torch.testing.assert_close(one, wanted, rtol=0, atol=0)
    assert nn.Module.__call__ is plain  # nothing is left in the way
