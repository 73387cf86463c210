"""Only a batch norm that alone reads a convolution's output may be folded into it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from core.embed.folding import fold, foldable_pairs

EXAMPLE = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))


class Block(nn.Module):
    """A convolution and a batch norm with trained-looking numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(3)
        for tensor in (self.norm.weight, self.norm.bias, self.norm.running_mean):
            nn.init.normal_(tensor)
        nn.init.uniform_(self.norm.running_var, 0.5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.convolution(x))


class Bent(Block):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(nn.functional.relu(self.convolution(x), inplace=True))


class Forked(Block):
    def forward(self, x: Tensor) -> Tensor:
        x = self.convolution(x)
        return self.norm(x) + x


class Repeated(Block):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.convolution(self.norm(self.convolution(x))))


class ShapeReader(Block):
    def forward(self, x: Tensor) -> Tensor:
        x = self.convolution(x)
        batch = x.shape[0] + x.size(0)
        return self.norm(x) * batch


@pytest.mark.parametrize(
    ("kind", "folds"), [(Block, True), (ShapeReader, True), (Bent, False), (Forked, False), (Repeated, False)]
)
def test_what_folds(kind, folds):
    torch.manual_seed(0)
    network = kind().eval()
    with torch.no_grad():
        expected = network(EXAMPLE)
        pairs = foldable_pairs(network, EXAMPLE)
        assert len(pairs) == folds
        fold(network, pairs)
        assert isinstance(network.norm, nn.Identity) == folds
        torch.testing.assert_close(network(EXAMPLE), expected, rtol=1e-5, atol=1e-6)


def test_watching_leaves_no_hooks():
    network = nn.Sequential(Block(), nn.Linear(1, 1)).eval()
    with pytest.raises(RuntimeError):
        foldable_pairs(network, EXAMPLE)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
