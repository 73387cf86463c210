"""Trained models on the disk: one folder each, opened without running anything that is in it.

    models/NAME/
      model.json             architecture, preprocessing, label tree, thresholds, calibration, data, figures
      weights.safetensors    heads, and the body unless it is the shipped demonstration network
      MODEL_CARD.md          the same for people

The contract:
- weights are safetensors, everything else is JSON: no file of a model can run code;
- a folder that lacks a file, or whose files do not belong together, is refused in one sentence;
- a model is complete or not there: its folder is written beside its place and renamed.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.artefacts import canonical_json, digest
from core.embed.embedder import Embedder
from core.errors import CoreError, ModelError
from core.learn.bodies import is_shipped, open_body, part_tensors, tensors_digest, with_ending
from core.learn.calibration import Calibration
from core.learn.heads import HeadSpec, LinearHeads, checked_heads
from core.learn.labels import LabelTree
from core.learn.pooling import with_pooling

if TYPE_CHECKING:
    from core.workspace import Workspace

FORMAT = 1
FACTS, WEIGHTS, CARD = "model.json", "weights.safetensors", "MODEL_CARD.md"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, eq=False)
class Part:
    """One body of a model, and the heads on it.

    Attributes:
        base: The body with its own ending: its embeddings are those of runs with the same network.
        embedder: The body; what it gives are the features that `heads` read.
        heads: One or several (an ensemble) linear layers.
        scorer: The body with the heads behind it: "embeddings" of ``E * C`` logits.
    """

    base: Embedder
    embedder: Embedder
    heads: LinearHeads
    scorer: Embedder


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model, ready to predict.

    Attributes:
        folder: Where it lies.
        facts: All of ``model.json``.
        tree: Its concepts; everything with one column a concept is in this order.
        heads: What it asks.
        parts: Its bodies with their heads; more than one body is an ensemble of whole networks.
        thresholds: ``[C]`` float32, one a concept, in [0, 1].
        calibration: From logits to probabilities.
        key: Changes whenever a prediction may.
    """

    folder: Path
    facts: Mapping[str, Any]
    tree: LabelTree
    heads: tuple[HeadSpec, ...]
    parts: tuple[Part, ...]
    thresholds: NDArray[np.float32]
    calibration: Calibration
    key: str

    @property
    def name(self) -> str:
        return str(self.facts["name"])

    @property
    def crop(self) -> float:
        """Share of each side of a region that the model looks at, its middle; 1 is all of it."""
        return float(self.facts["preprocessing"]["crop"])

    @property
    def members(self) -> int:
        """Heads over all bodies; more than one is an ensemble, whose spread is told."""
        return sum(part.heads.shape[0] for part in self.parts)

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """Names of groups (``dataset/group``) by what they served: ``training``, ``validation``, ``held_out``."""
        return dict(self.facts["data"]["groups"])

    def probabilities(self, logits: NDArray[np.floating]) -> NDArray[np.float32]:
        """``[N, C]`` calibrated probabilities of logits ``[N, C]``; no parent is below its children."""
        return self.calibration.apply(logits, self.heads, self.tree)

    def judged(
        self, probabilities: NDArray[np.floating], thresholds: NDArray[np.floating] | float | None = None
    ) -> NDArray[np.bool_]:
        """``[N, C]``: concepts at or above their threshold; a row without any is an answer too.

        Args:
            thresholds: ``[C]`` or one number for all; the model's own by default.
        """
        limit = self.thresholds if thresholds is None else np.asarray(thresholds, np.float32)
        return np.asarray(probabilities, np.float32) >= limit


@dataclass(frozen=True)
class ModelInfo:
    """A line about a model, without opening its weights.

    Attributes:
        problem: Why it cannot be used, or empty.
    """

    name: str
    folder: Path
    created_at: str
    concepts: int
    embedder: str
    figures: Mapping[str, Any]
    problem: str = ""


def load_model(folder: Path | str, *, device: str = "auto") -> Model:
    """Open a model's folder.

    Args:
        folder: As written by training; a model's name will not do (see `find_model`).

    Raises:
        ModelError: it is no model, a file is missing or damaged, or weights, label tree and preprocessing do not
            belong together.
        SettingsError: the device does not exist.
    """
    place = Path(folder).expanduser()
    facts = read_facts(place)
    tensors = _read_tensors(place / WEIGHTS)
    if tensors_digest(tensors) != facts["weights"]["digest"]:
        raise ModelError(
            f"the weights in {place.name} are not those that its {FACTS} tells of; copy the model's folder again, whole"
        )
    try:
        return _opened(place, facts, tensors, device)
    except CoreError:
        raise
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelError(f"{place.name}/{FACTS} cannot be understood ({error}); train the model again") from None


def read_facts(folder: Path) -> dict[str, Any]:
    """A model's JSON.

    Raises:
        ModelError: it is missing, not JSON, or of another version.
    """
    if not folder.is_dir():
        raise ModelError(f"there is no model at {folder}; train one, or list those there are in WORKSPACE/models")
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        version = facts["format"]
    except FileNotFoundError:
        raise ModelError(f"{folder.name} is not a model: it has no {FACTS}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder.name}/{FACTS} cannot be read as a model ({error}); train the model again") from None
    if version != FORMAT:
        raise ModelError(
            f"{folder.name} is a model of format {version}, this version reads {FORMAT}; train it again, or update"
        )
    return dict(facts)


def _read_tensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except FileNotFoundError:
        raise ModelError(f"{path.parent.name} has no {WEIGHTS}; copy the model's folder again, whole") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"{path.parent.name}/{WEIGHTS} is not a safetensors file ({error}); other kinds could run code and are "
            "not read: copy the model's folder again, whole"
        ) from None


def _opened(folder: Path, facts: dict[str, Any], tensors: dict[str, Tensor], device: str) -> Model:
    tree = LabelTree.from_json(facts["label_tree"])
    heads = checked_heads([HeadSpec(h["name"], h["kind"], tuple(h["columns"])) for h in facts["heads"]], tree)
    thresholds = np.array(facts["thresholds"]["values"], np.float32)
    if thresholds.shape != (len(tree),):
        raise ModelError(f"{folder.name} has {len(thresholds)} thresholds for {len(tree)} concepts; train it again")
    parts = []
    bodies: dict[str, dict[str, Tensor]] = {}
    for place, of_body in enumerate(facts["architecture"]["bodies"]):
        prefix = f"{place}."
        own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        layers = LinearHeads(own.pop("head.weight"), own.pop("head.bias"))
        own = bodies.setdefault(str(of_body["digest"]), own)  # a body that looks twice is stored once
        base = open_body(of_body, own, device=device)
        embedder = with_pooling(base, of_body["pooling"])
        if layers.shape[1] != len(tree) or layers.weight.shape[2] != embedder.dimension:
            raise ModelError(
                f"the heads in {folder.name} read {layers.weight.shape[2]} features for {layers.shape[1]} concepts, "
                f"but the body gives {embedder.dimension} and the label tree has {len(tree)}; train the model again"
            )
        layers.to(embedder.device)
        key = digest("logits", embedder.key, tensors_digest(layers.state_dict()))
        scorer = with_ending(embedder, layers, dimension=layers.shape[0] * layers.shape[1], key=key)
        parts.append(Part(base, embedder, layers, scorer))
    if not parts:
        raise ModelError(f"{folder.name} has no body; train the model again")
    calibration = Calibration.from_json(facts["calibration"])
    answer = canonical_json([facts["label_tree"], facts["heads"], facts["calibration"], facts["thresholds"]["values"]])
    key = digest("model", *(part.scorer.key for part in parts), answer)
    return Model(folder, facts, tree, heads, tuple(parts), thresholds, calibration, key)


def save_model(
    folder: Path, facts: Mapping[str, Any], parts: Sequence[tuple[Embedder, LinearHeads]], card: str
) -> None:
    """Write a model's folder, all of it or nothing; one that is there already is replaced.

    Args:
        facts: ``model.json`` without ``format`` and ``weights``.
        parts: Bodies with their heads.

    Raises:
        ModelError: the disk refused.
    """
    from safetensors.torch import save

    tensors: dict[str, Tensor] = {}
    stored: set[str] = set()
    for place, (embedder, layers) in enumerate(parts):
        tensors |= {f"{place}.head.{name}": t.detach().cpu().contiguous() for name, t in layers.state_dict().items()}
        body = part_tensors(embedder.body, embedder.ending)
        if not is_shipped(embedder) and (digest_of := tensors_digest(body)) not in stored:
            stored.add(digest_of)
            tensors |= {f"{place}.{name}": tensor for name, tensor in body.items()}
    whole = dict(facts) | {"format": FORMAT, "weights": {"file": WEIGHTS, "digest": tensors_digest(tensors)}}
    temporary = folder.with_name(f".{folder.name}.{uuid4().hex}.tmp")
    try:
        temporary.mkdir(parents=True)
        (temporary / WEIGHTS).write_bytes(save(tensors))
        text = json.dumps(whole, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        (temporary / FACTS).write_text(text + "\n", encoding="utf-8")
        (temporary / CARD).write_text(card, encoding="utf-8")
        if folder.exists():
            old = folder.with_name(f".{folder.name}.{uuid4().hex}.tmp")
            folder.rename(old)
            temporary.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            temporary.rename(folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise ModelError(
            f"the model could not be stored in {folder.parent} ({error.strerror or error}); free some disk space"
        ) from error


def model_folder(workspace: Workspace, name: str) -> Path:
    """Where a model of this name lies, whether or not it is there.

    Raises:
        ModelError: the name cannot be a folder's.
    """
    if not _NAME.fullmatch(name):
        raise ModelError(f"a model's name is letters, digits, dots, dashes and underscores (80 at most), got {name!r}")
    return workspace.root / "models" / name


def list_models(workspace: Workspace) -> list[ModelInfo]:
    """The workspace's models by name; those that cannot be used say why."""
    root = workspace.root / "models"
    found = []
    for folder in sorted(root.iterdir() if root.is_dir() else []):
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        try:
            facts = read_facts(folder)
            found.append(
                ModelInfo(
                    folder.name,
                    folder,
                    str(facts["created_at"]),
                    len(facts["label_tree"]),
                    str(facts["architecture"]["bodies"][0]["embedder"]),
                    dict(facts["figures"]),
                )
            )
        except (ModelError, KeyError, TypeError, IndexError) as error:
            found.append(ModelInfo(folder.name, folder, "", 0, "", {}, str(error)))
    return found


def find_model(name: str, workspace: Workspace | None) -> Path:
    """The folder that a word on the command line means: a model's name in the workspace, or a path to a folder.

    Raises:
        ModelError: neither is there; the sentence names the models that are.
    """
    path = Path(name).expanduser()
    if workspace is not None and _NAME.fullmatch(name) and (workspace.root / "models" / name).is_dir():
        return workspace.root / "models" / name
    if path.is_dir():
        return path
    if path.is_file():
        raise ModelError(f"{path.name} is a file; a model is a folder with {FACTS} and {WEIGHTS}, made by training")
    known = ", ".join(info.name for info in list_models(workspace)) if workspace is not None else ""
    raise ModelError(f"there is no model {name!r}; models are: {known or 'none yet, train one first'}")
