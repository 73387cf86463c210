"""A small finished run, made by the pipeline itself with a plain projection in UMAP's place."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file

from core.catalogue.importing import import_images, plan_import
from core.catalogue.records import ReadOptions
from core.pipeline import execute
from core.progress import silent
from core.settings import EmbedSettings, OodSettings, RegionSettings, RunSettings
from core.workspace import open_workspace
from tests.small import NETWORK, make_collection


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors are not worth a second thread, least of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Random, but with norms that keep features at their size from layer to layer."""
    torch.manual_seed(0)
    network = torchvision.models.get_model(NETWORK, weights=None, num_classes=3)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    path = tmp_path_factory.mktemp("why-weights") / "network.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    return path


@pytest.fixture(scope="session")
def workspace(tmp_path_factory, weights):
    """Two runs of 24 pictures in 12 dives: whole images, and boxes of tiles."""
    folder = tmp_path_factory.mktemp("why")
    table = make_collection(folder / "source", dives=12)
    opened = open_workspace(folder / "ws")
    plan = plan_import(table, ReadOptions(images=table.parent / "images"))
    import_images(opened, plan, dataset="dives", actor="tester", now=datetime(2026, 1, 2, tzinfo=UTC), workers=0)
    embed = EmbedSettings(embedder=NETWORK, weights=str(weights), short_side=96, batch=8, device="cpu")
    settings = RunSettings(("dives",), ("depth_m<800",), embed=embed, ood=OodSettings(k=5, alpha=0.2))
    tiles = settings.with_(regions=RegionSettings("tiles", 1, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "core.space.projection.project", lambda graph, vectors, *_: np.zeros((len(vectors), 2), np.float32)
        )
        for one in (settings, tiles):
            execute(opened, one, name=None, actor="tester", workers=1, progress_for=lambda stage, unit: silent)
    yield opened
    opened.close()


def flat(graph, vectors, settings):
    return np.zeros((len(vectors), 2), np.float32)


@pytest.fixture
def run(workspace):
    return workspace.open_run(1)


@pytest.fixture
def tiled_run(workspace):
    return workspace.open_run(2)
