"""A network's convolutions with what follows them in one pass over memory, for float32 on the CPU.

oneDNN, which torch ships, computes ``activation(convolution(x) + other)`` at once, from weights laid out beforehand for
the shape of x; torch's compiler makes use of it. Here the same operations are called without a compiler: the network is
traced, and every convolution takes up the sum and the activation that alone read its output.

The contract:
- the result is the network's, to rounding (about 1e-6 of full scale), and the same bytes whenever a shape comes again;
- it is compared with the network's own on a small picture before it is used; where anything does not fit (another
  processor, a network that cannot be traced, another answer), there is no faster form and the network itself runs;
- gradients, other devices and other numbers are the network's own business, and so is a network whose weights have
  changed since it was traced: `Quick` answers ``None``;
- threads may share one, and run any network while another thread makes one.

Source: `torch._inductor.fx_passes.mkldnn_fusion` and `torch._inductor.mkldnn_ir` (BSD-3), for operations and their
arguments.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

KEPT_BYTES = 2**28
"""Memory for weights in oneDNN's layouts, which depend on the input's shape; larger networks have no faster form."""
_TOLERANCE = 1e-4
"""Of full scale: a wrong activation is off by about 1."""
_SIDE = 128
_UNTRACEABLE = (RuntimeError, TypeError, ValueError, AttributeError, IndexError, KeyError, AssertionError)
_ADDS: frozenset[Any] = frozenset({operator.add, torch.add})
_NOTHING = (nn.Identity, nn.Dropout)
_ONE_AT_A_TIME = threading.Lock()
"""Two traces at once would each put back what the other put in the way of modules."""


class _Tracer(fx.Tracer):
    """Traces what its own thread runs: torch puts it in the way of every module of the process meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A call of the network that is traced, or another thread's, which goes on as if nothing were traced."""
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """An attribute for whoever traces, or as it is for another thread."""
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)


def _traced(body: nn.Module) -> fx.GraphModule:
    with _ONE_AT_A_TIME:
        return fx.GraphModule(body, _Tracer().trace(body))


@dataclass(frozen=True)
class _After:
    """An activation by oneDNN's name, and its numbers."""

    name: str = "none"
    numbers: tuple[float, ...] = ()


_AFTER: dict[type[nn.Module], _After] = {
    nn.ReLU: _After("relu"),
    nn.ReLU6: _After("hardtanh", (0.0, 6.0)),
    nn.SiLU: _After("swish"),
}


class _Convolution(nn.Module):
    """A convolution, the sum with another map, and the activation; weights are laid out when a new shape comes."""

    def __init__(self, plain: nn.Conv2d, after: _After) -> None:
        super().__init__()
        self._plain = [plain]  # in a list, so that it is no part of this module
        self._where = (list(plain.padding), list(plain.stride), list(plain.dilation), plain.groups)
        self._packed: dict[torch.Size, Tensor] = {}
        self.after = after

    def forward(self, images: Tensor, other: Tensor | None = None) -> Tensor:
        (plain,), packed = self._plain, self._packed.get(images.shape)
        if packed is None:
            # Two threads may both come here: they make the same.
            packed = torch.ops.mkldnn._reorder_convolution_weight(plain.weight, *self._where, images.shape)
            self._packed[images.shape] = packed
        name, numbers = self.after.name, list(self.after.numbers)
        result: Tensor
        if other is None:
            single = torch.ops.mkldnn._convolution_pointwise
            result = single(images, packed, plain.bias, *self._where, name, numbers, "")
        else:
            summed, unary = torch.ops.mkldnn._convolution_pointwise.binary, None if name == "none" else name
            result = summed(images, other, packed, plain.bias, *self._where, "add", 1.0, unary, numbers, "")
        return result

    def forget(self) -> None:
        """Free the weights that were laid out."""
        self._packed.clear()


class Quick:
    """The faster form of a network, made when it is first asked for."""

    def __init__(self, body: nn.Module) -> None:
        self._body = body
        self._lock = threading.Lock()
        self._traced: fx.GraphModule | None = None
        self._tried = False
        self._weights: list[Tensor] = []
        self._versions = 0
        self._most = 0
        self._shapes: set[torch.Size] = set()

    def __call__(self, images: Tensor) -> Tensor | None:
        """What the network gives for ``[B, 3, H, W]``; ``None`` where it has to be asked itself."""
        if (
            torch.is_grad_enabled()
            or images.device.type != "cpu"
            or images.dtype != torch.float32
            or torch.is_autocast_enabled("cpu")
            or self._body.training
        ):
            return None
        form = self._form(images.shape)
        if form is None:
            return None
        result: Tensor = form(images)
        return result

    def _form(self, shape: torch.Size) -> fx.GraphModule | None:
        with self._lock:
            if not self._tried:
                self._tried = True
                self._prepare()
            if self._traced is None or self._versions != _changes(self._weights):
                return None
            if shape not in self._shapes and len(self._shapes) >= self._most:
                _forget(self._traced)
                self._shapes.clear()
            self._shapes.add(shape)
            return self._traced

    def _prepare(self) -> None:
        weights = [module.weight for module in self._body.modules() if isinstance(module, nn.Conv2d)]
        size = sum(weight.numel() * weight.element_size() for weight in weights)
        usable = all(one.device.type == "cpu" and one.dtype == torch.float32 for one in weights)
        if not weights or not usable or size > KEPT_BYTES or not _offered():
            return
        traced = fused(self._body)
        if traced is not None:
            self._traced, self._weights, self._versions = traced, weights, _changes(weights)
            self._most = max(1, KEPT_BYTES // size)
            _forget(traced)  # what was laid out for the small picture


def _changes(weights: list[Tensor]) -> int:
    return sum(weight._version for weight in weights)


def _offered() -> bool:
    """Whether this torch has oneDNN's fused operations on this machine."""
    mkldnn: Any = torch.backends.mkldnn
    named = ("_convolution_pointwise", "_reorder_convolution_weight")
    return bool(mkldnn.is_available() and mkldnn.enabled) and all(hasattr(torch.ops.mkldnn, name) for name in named)


def fused(body: nn.Module) -> fx.GraphModule | None:
    """A copy of a network in evaluation mode with fused convolutions; ``None`` where that cannot be had.

    The copy shares everything but the convolutions with `body`.
    """
    generator = torch.Generator().manual_seed(0)
    example = torch.rand(1, 3, _SIDE, _SIDE, generator=generator).to(memory_format=torch.channels_last)
    try:
        with torch.no_grad():
            expected = body(example)  # first, for a network of squares of another size says no here
            traced = _fused(_traced(body), example)
            found = traced(example)
    except _UNTRACEABLE:
        return None
    far = float((expected - found).abs().max())
    return traced if far <= _TOLERANCE * float(expected.abs().max()) else None


def _forget(traced: fx.GraphModule) -> None:
    for part in traced.children():
        if isinstance(part, _Convolution):
            part.forget()


def _fused(traced: fx.GraphModule, example: Tensor) -> fx.GraphModule:
    from torch.fx.passes.shape_prop import ShapeProp

    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        if _does_nothing(node, modules):
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    ShapeProp(traced).propagate(example)
    for node in list(traced.graph.nodes):
        plain = modules.get(node.target) if node.op == "call_module" else None
        if type(plain) is nn.Conv2d and plain.padding_mode == "zeros" and not isinstance(plain.padding, str):
            _take_up(traced, node, plain, modules)
    traced.graph.lint()
    traced.recompile()
    traced.delete_all_unused_submodules()
    return traced


def _does_nothing(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], _NOTHING)
    return node.op == "call_function" and getattr(node.target, "__name__", "") == "stochastic_depth"


def _take_up(traced: fx.GraphModule, node: fx.Node, plain: nn.Conv2d, modules: dict[str, nn.Module]) -> None:
    """Put the fused operation in the place of a convolution, of the sum that reads it, and of the activation."""
    graph, name = traced.graph, f"fused_{node.name}"
    total = _only_reader(node)
    other = _added(node, total, modules) if total is not None else None
    last = total if other is not None else node
    assert last is not None
    reader = _only_reader(last)
    after = _activation(reader, modules) if reader is not None else None
    traced.add_submodule(name, _Convolution(plain, after or _After()))
    with graph.inserting_before(last):
        made = graph.call_module(name, (node.args[0],) if other is None else (node.args[0], other))
    made.meta = dict(last.meta)
    # From the end to the beginning, for a node can only be erased when nobody reads it.
    for old in dict.fromkeys([reader if after is not None else None, last, node]):
        if old is not None:
            old.replace_all_uses_with(made)
            graph.erase_node(old)
    modules[name] = traced.get_submodule(name)


def _only_reader(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _activation(node: fx.Node, modules: dict[str, nn.Module]) -> _After | None:
    if node.op == "call_module":
        return _AFTER.get(type(modules[str(node.target)]))
    return _After("relu") if node.op == "call_function" and node.target in (torch.relu, nn.functional.relu) else None


def _added(node: fx.Node, total: fx.Node, modules: dict[str, nn.Module]) -> fx.Node | None:
    """What a plain sum adds to a convolution's output; ``None`` where this is no such sum.

    The sum is computed where it stands, so whatever stands between the convolution and it must leave the convolution's
    input alone: other convolutions do.
    """
    if total.op != "call_function" or total.target not in _ADDS or len(total.args) != 2 or total.kwargs:
        return None
    terms = [term for term in total.args if isinstance(term, fx.Node) and term is not node]
    if len(terms) != 1 or _shape(terms[0]) != _shape(node):
        return None
    between = node.next
    while between is not total:
        if between.op != "call_module" or not isinstance(modules[str(between.target)], (nn.Conv2d, _Convolution)):
            return None
        between = between.next
    return terms[0]


def _shape(node: fx.Node) -> Any:
    return getattr(node.meta.get("tensor_meta"), "shape", None)
