"""Training all layers of a network: head first, then everything at rates that grow towards the head.

The contract:
- equal settings, data and device give equal weights; every epoch is seeded by its number alone, so a training that was
  killed goes on after its last whole epoch and ends in the same weights;
- the weights kept are those of the epoch with the least loss on the watched examples;
- batch norms keep still while only the head learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.artefacts import canonical_json, digest
from core.embed.anatomy import Anatomy
from core.embed.embedder import Embedder, Normalise
from core.embed.folding import foldable_pairs
from core.embed.loop import EmbeddedBatch, embed_regions
from core.embed.torchvision_embedders import build_network, normalisation
from core.embed.weights import fit_weights, hub_weights, read_weights
from core.errors import ModelError, SettingsError
from core.learn.augmenting import augmentation, augmented
from core.learn.bodies import DEMO, assembled, part_tensors, tensors_digest, with_ending
from core.learn.checkpoints import (
    Checkpoint,
    load_checkpoint,
    optimiser_tensors,
    restore_optimiser,
    save_checkpoint,
)
from core.learn.gathering import Examples
from core.learn.heads import HeadSpec, LinearHeads
from core.learn.leaks import Leak
from core.learn.learners import Fit, Member
from core.learn.losses import inverse_frequency, network_loss, oversampled
from core.learn.models import Model
from core.learn.pictures import Pictures
from core.learn.rates import Ramp, find_rate, rate_at
from core.learn.recipes import NetworkSettings, TrainSettings
from core.progress import Progress

FINDER_STEPS = 60


class Trainee(nn.Module):
    """A network in training: normaliser, body, ending, one linear layer."""

    def __init__(self, anatomy: Anatomy, normaliser: Normalise, dimension: int, outputs: int) -> None:
        super().__init__()
        self.normaliser, self.body, self.ending = normaliser, anatomy.body, anatomy.ending
        self.head = nn.Linear(dimension, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """``[B, 3, H, W]`` uint8 to logits ``[B, C]``."""
        logits: Tensor = self.head(self.ending(self.body(self.normaliser(images))))
        return logits


class NetworkLearner:
    """Trains whole networks.

    Args:
        folder: Where checkpoints lie while the work goes on.
        start: A model whose body and, for concepts of the same name, head are the beginning.
    """

    def __init__(
        self,
        folder: Path,
        settings: TrainSettings,
        examples: Examples,
        heads: Sequence[HeadSpec],
        known: NDArray[np.bool_],
        workers: int | None,
        start: Model | None = None,
    ) -> None:
        self._folder, self._settings, self._examples = folder, settings, examples
        self._heads, self._known, self._start = heads, known, start
        self._recipe: NetworkSettings = settings.network
        self._best_epochs: int | None = None
        self._workers = workers
        self._trainee, self._anatomy, self._device, self._mixed = _opened(settings, len(examples.tree), start)
        _take_head(self._trainee, examples, start)
        self._first = {name: tensor.clone() for name, tensor in self._trainee.state_dict().items()}
        self._pictures = Pictures(examples.jobs, settings.embed, self._anatomy, workers)

    def usable(self, progress: Progress) -> tuple[NDArray[np.int64], dict[int, str]]:
        reasons = self._pictures.failures(progress)
        return np.array([row for row in range(len(self._examples)) if row not in reasons], np.int64), reasons

    def fit(self, use: NDArray[np.bool_], watch: NDArray[np.bool_], progress: Progress, *, label: str) -> Fit:
        recipe, trainee = self._recipe, self._trainee
        trainee.load_state_dict(self._first)
        refit = bool((use & watch).any())  # then the watched examples are learnt from, and cannot say when to stop
        epochs = recipe.head_epochs + recipe.epochs
        if refit and self._best_epochs is not None:
            epochs = self._best_epochs
        fingerprint = self._fingerprint(use, watch, epochs)
        path = self._folder / f"{label}.safetensors"
        kept = load_checkpoint(path, fingerprint)
        state: dict[str, Any] = {"epoch": 0, "best": None, "best_epoch": 0, "losses": [], "rate": recipe.rate}
        weights = None
        if recipe.class_weights:
            frequency = inverse_frequency(self._examples.targets[use], self._known[use], self._heads)
            weights = torch.from_numpy(frequency).to(self._device)
        best = {name: tensor.clone() for name, tensor in trainee.state_dict().items()}
        if kept is not None:
            state = kept.state
            trainee.load_state_dict(_named(kept.tensors, "now."))
            best = _named(kept.tensors, "best.")
        elif recipe.rate is None:
            self._optimiser(True, 1e-3)  # the body keeps still
            found = find_rate(trainee, self._finder_batches(use), lambda z, b: self._loss(z, b, weights))
            state |= {"rate": found.rate, "finder": found.to_json()}
        rows = np.flatnonzero(use)
        total = epochs * -(-len(rows) // recipe.batch)
        optimiser: torch.optim.Optimizer | None = None
        for epoch in range(state["epoch"], epochs):
            if not refit and epoch > recipe.head_epochs and epoch - state["best_epoch"] >= recipe.patience:
                break
            head_only = epoch < recipe.head_epochs
            fresh = optimiser is None or epoch == recipe.head_epochs
            if fresh:
                optimiser = self._optimiser(head_only, float(state["rate"]))
                if kept is not None and epoch == state["epoch"] and epoch != recipe.head_epochs:
                    restore_optimiser(optimiser, kept.tensors)
            assert optimiser is not None
            ramp = Ramp(epoch if head_only else epoch - recipe.head_epochs, self._phase(head_only, epochs))
            learnt = self._epoch(rows, epoch, head_only, optimiser, ramp, weights, progress, total)
            watched = learnt if refit else self._watched(np.flatnonzero(watch), weights)
            state["losses"] = [*state["losses"], [round(learnt, 6), round(watched, 6)]]
            state["epoch"] = epoch + 1
            if state["best"] is None or watched < state["best"] or refit:
                state |= {"best": watched, "best_epoch": epoch + 1}
                best = {name: tensor.clone() for name, tensor in trainee.state_dict().items()}
            tensors = {f"now.{name}": tensor for name, tensor in trainee.state_dict().items()}
            tensors |= {f"best.{name}": tensor for name, tensor in best.items()} | optimiser_tensors(optimiser)
            save_checkpoint(path, fingerprint, Checkpoint(tensors, state))
        progress(total, total)
        trainee.load_state_dict(best)
        self._best_epochs = int(state["best_epoch"]) or epochs
        facts = {"losses": state["losses"], "best_epoch": state["best_epoch"], "rate": state["rate"]}
        if "finder" in state:
            facts["rate_finder"] = state["finder"]
        return self._finished({"training_curve" if not refit else "refit_curve": facts})

    def logits(self, fit: Fit, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        (member,) = fit.members
        scorer = with_ending(member.body, member.heads, dimension=member.heads.shape[1], key="scorer")
        jobs = [self._examples.jobs[row] for row in rows]
        found = np.full((len(jobs), scorer.dimension), np.nan, np.float32)

        def take(batch: EmbeddedBatch) -> None:
            found[batch.indices] = batch.vectors

        embed_regions(jobs, scorer, on_batch=take, workers=self._workers)
        return found[None]

    def leak(self, use: NDArray[np.bool_], watch: NDArray[np.bool_]) -> Leak | None:
        return None  # there are no features that stay still

    # --- one epoch ----------------------------------------------------------------------------------------------------

    def _epoch(
        self,
        rows: NDArray[np.int64],
        epoch: int,
        head_only: bool,
        optimiser: torch.optim.Optimizer,
        ramp: Ramp,
        weights: Tensor | None,
        progress: Progress,
        total: int,
    ) -> float:
        """Mean loss of one pass over the examples."""
        recipe = self._recipe
        rng = np.random.default_rng([self._settings.seed, epoch])
        drawn = oversampled(rows, self._examples.targets, recipe.oversample, rng) if recipe.oversample else rows
        order = rng.permutation(drawn)
        steps = -(-len(order) // recipe.batch)
        losses = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            for step, (part, pictures) in enumerate(self._pictures.batches(order, recipe.batch, recipe.prepare_side)):
                images = augmented(pictures, augmentation(recipe.augmentation, self._side)).to(self._device)
                self._trainee.train()
                if head_only:
                    self._trainee.body.eval()
                    self._trainee.ending.eval()
                for group in optimiser.param_groups:
                    group["lr"] = group["base"] * rate_at(ramp.epoch + step / steps, ramp.epochs)
                loss = self._loss(images, part, weights)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self._trainee.parameters(), 10.0)
                optimiser.step()
                losses.append(float(loss.detach()))
                progress(min(total - 1, epoch * steps + step + 1), total)
        value = float(np.mean(losses))
        if not np.isfinite(value):
            raise ModelError("training went astray: the loss is not a number any more; choose a smaller --rate")
        return value

    @property
    def _side(self) -> int:
        return self._pictures.side

    def _loss(self, images: Tensor, rows: NDArray[np.int64], weights: Tensor | None) -> Tensor:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._mixed):
            logits = self._trainee(images)
        return network_loss(
            logits,
            torch.from_numpy(self._examples.targets[rows].astype(np.float32)).to(self._device),
            torch.from_numpy(self._known[rows].astype(np.float32)).to(self._device),
            self._heads,
            self._examples.tree,
            self._recipe.loss,
            weights,
        )

    def _watched(self, rows: NDArray[np.int64], weights: Tensor | None) -> float:
        self._trainee.eval()
        losses, counts = [], []
        with torch.inference_mode():
            for part, images in self._pictures.whole(rows, self._recipe.batch):
                losses.append(float(self._loss(images.to(self._device), part, weights)))
                counts.append(len(part))
        return float(np.average(losses, weights=counts))

    def _finder_batches(self, use: NDArray[np.bool_]) -> Any:
        rows = np.random.default_rng(self._settings.seed).permutation(np.flatnonzero(use))
        rows = np.resize(rows, FINDER_STEPS * self._recipe.batch)
        for part, pictures in self._pictures.batches(rows, self._recipe.batch, self._recipe.prepare_side):
            yield augmented(pictures, augmentation("none", self._side)).to(self._device), part

    def _optimiser(self, head_only: bool, rate: float) -> torch.optim.Optimizer:
        """AdamW; the body in three parts of equal depth, at rates that shrink away from the head."""
        recipe, groups = self._recipe, [{"params": list(self._trainee.head.parameters()), "base": rate}]
        parameters = [*self._trainee.body.parameters(), *self._trainee.ending.parameters()]
        for parameter in parameters:
            parameter.requires_grad_(not head_only)
        if not head_only:
            parts = np.array_split(np.arange(len(parameters)), 3)
            for place, part in enumerate(parts):
                share = recipe.spread ** (-(2 - place) / 2) / recipe.body_share
                groups.append({"params": [parameters[index] for index in part], "base": rate * share})
        return torch.optim.AdamW([group for group in groups if group["params"]], lr=rate, weight_decay=recipe.decay)

    def _phase(self, head_only: bool, epochs: int) -> int:
        return self._recipe.head_epochs if head_only else max(1, epochs - self._recipe.head_epochs)

    # --- what comes out -----------------------------------------------------------------------------------------------

    def _finished(self, facts: dict[str, Any]) -> Fit:
        tensors = part_tensors(self._trainee.body, self._trainee.ending)
        body: Embedder = assembled(self._settings.embed, tensors, tensors_digest(tensors), "")
        head = self._trainee.head
        heads = LinearHeads(head.weight.detach().cpu().clone()[None], head.bias.detach().cpu().clone()[None]).to(
            body.device
        )
        return Fit((Member(body, "mean", heads),), facts)

    def _fingerprint(self, use: NDArray[np.bool_], watch: NDArray[np.bool_], epochs: int) -> str:
        settings = self._settings.to_json()
        return digest(
            canonical_json(settings),
            self._examples.data_hash,
            use.tobytes(),
            watch.tobytes(),
            str(epochs),
            tensors_digest(self._first),
            str(self._device),
        )


def _opened(settings: TrainSettings, outputs: int, start: Model | None) -> tuple[Trainee, Anatomy, torch.device, bool]:
    """The network to train, its batch norms unfolded where its weights come so."""
    from core.device import choose_device, choose_precision

    embed = settings.embed
    device = choose_device(embed.device)
    if start is not None:
        body = start.parts[0].embedder
        if body.name != embed.embedder:
            raise SettingsError(f"{start.name} is a {body.name}, but a {embed.embedder} was asked for; name --embedder")
        base = start.parts[0].base
        anatomy = Anatomy(base.body, base.ending, base.pooled, base.square, base.multiple, base.as_map)
        normaliser = base.normaliser
    elif embed.embedder == DEMO:
        from core.demo.network import MEAN, STD, load_demo_network

        network = load_demo_network(None if embed.weights is None else Path(embed.weights))
        anatomy = Anatomy(network.get_submodule("features"))
        normaliser = Normalise(tuple(MEAN), tuple(STD))
    else:
        whole, anatomy = build_network(embed.embedder, embed.short_side)
        side = anatomy.multiple * max(1, round(embed.short_side / anatomy.multiple)) if anatomy.square else 64
        pairs = foldable_pairs(anatomy.body, torch.zeros(1, 3, side, side))
        tensors = hub_weights(embed.embedder) if embed.weights is None else read_weights(Path(embed.weights))
        fit_weights(whole, anatomy, pairs, tensors, source=f"the weights of {embed.embedder}")
        normaliser = Normalise(*normalisation(embed.embedder))
    side = anatomy.multiple * max(1, round(embed.short_side / anatomy.multiple)) if anatomy.square else 64
    with torch.no_grad():
        dimension = int(anatomy.ending(anatomy.body(torch.zeros(1, 3, side, side))).shape[1])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        assert isinstance(normaliser, Normalise)
        trainee = Trainee(anatomy, normaliser, dimension, outputs)
    trainee.to(device)
    return trainee, anatomy, device, choose_precision(embed.precision, device) == "bf16"


def _take_head(trainee: Trainee, examples: Examples, start: Model | None) -> None:
    """The head begins at each concept's base rate, and at what `start` knows of concepts of the same name."""
    rate = ((examples.targets & examples.known).sum(0) + 0.5) / (examples.known.sum(0) + 1.0)
    with torch.no_grad():
        trainee.head.weight.mul_(0.1)
        trainee.head.bias.copy_(torch.from_numpy(np.log(rate / (1 - rate)).astype(np.float32)))
        if start is None or start.parts[0].heads.weight.shape[2] != trainee.head.weight.shape[1]:
            return
        places = {name: place for place, name in enumerate(start.tree.names)}
        weight, bias = start.parts[0].heads.weight.mean(0), start.parts[0].heads.bias.mean(0)
        for row, name in enumerate(examples.tree.names):
            if name in places:
                trainee.head.weight[row].copy_(weight[places[name]])
                trainee.head.bias[row].copy_(bias[places[name]])


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
