"""Why is this image out of distribution: 2048 Grad-CAM++ maps the study's way, against one forward pass.

    python -m benchmarks.why [--only PART ...] [--targets 32] [--images 200] [--shared ../shared]

The baseline is pytorch-grad-cam with one embedding value after the other as its target, on torchvision's ResNet50,
timed on a sample of targets and extrapolated to 2048. Ours is the product's own way: its embedder, from pixels to all
maps. Weights of ResNet50 are random: they change neither the time nor the agreement. What needs real images and weights
is left out, with a word, where the shared folder is absent.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision import models

from benchmarks.common import alternate, append_result
from core.embed.embedder import Embedder
from core.embed.load import load_embedder
from core.embed.prepare import prepare
from core.explain.classes import class_maps
from core.explain.exact import additive_map, centred_map, knn_split, pooled, unit
from core.explain.faithfulness import removal_effects, sign_agreement
from core.explain.features import feature_cams, resized_feature_cams
from core.explain.heads import head_on_embeddings
from core.images.decode import open_image
from core.settings import EmbedSettings

FEATURES = 2048
FAMILIES = ("mobilenet_v2", "resnet18", "densenet121", "efficientnet_b0", "regnet_y_400mf")
SHIPPED = "demo"
"""The demonstration's network, which has trained weights everywhere."""
PACKAGES = ("torch", "torchvision", "grad-cam", "numpy")
PARTS = ("features", "exact_map", "class_maps", "completeness")
K = 10


def network(name: str) -> nn.Module:
    """A torchvision network with random weights that keep features at their size."""
    torch.manual_seed(0)
    made = models.get_model(name, weights=None).eval()
    for module in made.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, -0.2, 0.2)
    return made.requires_grad_(False)


def weights_file(made: nn.Module, folder: Path, name: str) -> Path:
    from safetensors.torch import save_file

    path = folder / f"{name}.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in made.state_dict().items()}, path)
    return path


def features_against_the_library(folder: Path, targets: int) -> dict[str, Any]:
    """2048 maps of one image: the library's time a target, ours for all, and how far the two are apart."""
    from pytorch_grad_cam import GradCAMPlusPlus
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    made = network("resnet50")
    embedder = load_embedder(EmbedSettings("resnet50", str(weights_file(made, folder, "resnet50")), device="cpu"))
    pixels = torch.randint(0, 255, (1, 3, 224, 224), dtype=torch.uint8)
    image = embedder.normalise(pixels)
    trunk = nn.Sequential(*list(made.children())[:-2])
    embedding = nn.Sequential(trunk, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    embedding.requires_grad_(True)
    cam = GradCAMPlusPlus(embedding, [trunk[-1]])
    chosen = np.linspace(0, FEATURES - 1, targets).astype(int).tolist()
    cam(image, [ClassifierOutputTarget(0)])

    def one_forward() -> Tensor:
        with torch.inference_mode():
            return feature_cams(embedder.features(embedder.normalise(pixels)))

    def resized() -> Tensor:
        with torch.inference_mode():
            return resized_feature_cams(embedder.features(embedder.normalise(pixels)), (224, 224))

    one_forward()
    full = resized()[0]
    theirs, ours, sized, differences = [], [], [], []
    for place, target in enumerate(chosen):
        theirs.append(timed(lambda target=target: cam(image, [ClassifierOutputTarget(target)])))
        library = cam(image, [ClassifierOutputTarget(target)])[0]
        if place % max(1, targets // 8) == 0:
            ours.append(timed(one_forward))
            sized.append(timed(resized))
        differences.append(float(np.abs(full[target].numpy() - library).max()))
    figures: dict[str, Any] = {"targets": targets, "largest_difference": max(differences)}
    # On a machine with other work, processor time is what can be compared.
    for clock, name in enumerate(("wall", "processor")):
        each, all_of_ours, all_resized = (statistics.median(t[clock] for t in times) for times in (theirs, ours, sized))
        figures[name] = {
            "library_seconds_a_target": round(each, 4),
            "library_minutes_for_all": round(each * FEATURES / 60, 2),
            "ours_seconds_for_all": round(all_of_ours, 4),
            "ours_seconds_for_all_resized": round(all_resized, 4),
            "ratio": round(each * FEATURES / all_of_ours),
            "ratio_low": round(min(t[clock] for t in theirs) * FEATURES / max(t[clock] for t in ours)),
            "ratio_high": round(max(t[clock] for t in theirs) * FEATURES / min(t[clock] for t in ours)),
            "ratio_resized": round(each * FEATURES / all_resized),
        }
    return figures


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall time and of processor time, over all threads."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def cost_of_the_exact_map(folder: Path, repeats: int) -> dict[str, Any]:
    """Forward passes of the product's embedder that the exact maps cost, with a single image and with a page of 24."""
    file = weights_file(network("resnet50"), folder, "resnet50")
    trunk = load_embedder(EmbedSettings("resnet50", str(file), device="cpu")).features
    found = {}
    for count in (1, 24):
        images = torch.randn(count, 3, 224, 224).to(memory_format=torch.channels_last)
        mean = unit(torch.rand(count, FEATURES)) * 0.9

        def forward(images: Tensor = images) -> Tensor:
            with torch.inference_mode():
                return pooled(trunk(images))

        def explained(images: Tensor = images, mean: Tensor = mean) -> Tensor:
            with torch.inference_mode():
                features = trunk(images)
                split = knn_split(pooled(features), mean)
                return torch.stack([additive_map(features, split), centred_map(features, split)])

        turns = repeats if count == 1 else max(3, repeats // 3)
        compared = alternate(explained, forward, repeats=turns)
        pairs = [(timed(explained)[1], timed(forward)[1]) for _ in range(turns)]
        found[f"passes_for_{count}_processor_time"] = round(statistics.median(a / b for a, b in pairs), 4)
        found[f"passes_for_{count}"] = round(compared.ratio, 4)
        found[f"passes_for_{count}_range"] = [round(min(compared.ratios), 4), round(max(compared.ratios), 4)]
    return found


def class_maps_against_the_library(folder: Path, repeats: int) -> dict[str, Any]:
    """A page of 24 class maps: the library over the whole network, as its README shows, against ours."""
    from pytorch_grad_cam import GradCAMPlusPlus
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    made = network("resnet50")
    embedder = load_embedder(EmbedSettings("resnet50", str(weights_file(made, folder, "resnet50")), device="cpu"))
    head = head_on_embeddings(embedder, made.fc, tuple(map(str, range(1000))), "random")
    images = torch.randint(0, 255, (24, 3, 224, 224), dtype=torch.uint8)
    made.requires_grad_(True)
    classes = list(range(24))
    cam = GradCAMPlusPlus(made, [made.layer4[-1]])

    def library() -> np.ndarray:
        return cam(embedder.normalise(images), [ClassifierOutputTarget(index) for index in classes])

    def ours() -> np.ndarray:
        with torch.no_grad():
            activations = embedder.activations(embedder.normalise(images))
        return class_maps(embedder, activations, head, classes).numpy()

    compared = alternate(library, ours, repeats=repeats)
    import cv2

    resized = np.stack([cv2.resize(one, (224, 224)) for one in compared.product])
    resized = (resized - resized.min((1, 2), keepdims=True)) / np.ptp(resized, (1, 2), keepdims=True)
    return {**compared.figures(), "largest_difference": float(np.abs(resized - compared.baseline).max())}


def real_embedder(name: str, shared: Path, folder: Path) -> tuple[Embedder, str]:
    """A network with trained weights where there are any, else with random ones; and which."""
    if name == SHIPPED:
        return load_embedder(EmbedSettings(name, device="cpu")), "trained"
    given = shared / "weights" / f"{name}-imagenet1k-features.safetensors"
    path = given if given.is_file() else weights_file(network(name), folder, name)
    return load_embedder(EmbedSettings(name, str(path), device="cpu")), "trained" if path == given else "random"


def completeness(shared: Path, folder: Path, images: int) -> dict[str, Any]:
    """Completeness over real images and five families; agreement of signs with removal for the one with weights."""
    coco = json.loads((shared / "data/trashcan/instances.coco.json").read_text(encoding="utf-8"))
    entries = coco["images"][:: max(1, len(coco["images"]) // images)][:images]
    videos = np.array([entry["video"] for entry in entries])
    found: dict[str, Any] = {"images": len(entries)}
    for name in (*FAMILIES, SHIPPED):
        embedder, weights = real_embedder(name, shared, folder)
        cells: list[Tensor] = []
        for entry in entries:
            picture = open_image(shared / "data/trashcan/images" / entry["file_name"])
            pixels = prepare(picture, embedder.geometry(entry["width"], entry["height"]))
            with torch.no_grad():
                cells.append(embedder.features(embedder.normalise(pixels[None]))[0])
        units = unit(torch.stack([one.mean((1, 2)) for one in cells])).float()
        worst_sum, worst_zero, centred_signs, additive_signs = 0.0, 0.0, [], []
        for place, one in enumerate(cells):
            others = units[torch.from_numpy(videos != videos[place])]

            def score(embeddings: Tensor, others: Tensor = others) -> Tensor:
                directions = nn.functional.normalize(embeddings.float(), dim=1)
                return 1 - (directions @ others.T).topk(K, dim=1).values.mean(1)

            nearest = (units[place] @ others.T).topk(K).indices
            split = knn_split(pooled(one[None]), others[nearest].double().mean(0)[None])
            additive, centred = additive_map(one[None], split)[0], centred_map(one[None], split)[0]
            worst_sum = max(worst_sum, abs(float(additive.double().sum()) - float(split.score)))
            worst_zero = max(worst_zero, abs(float(centred.double().sum())))
            if name == FAMILIES[0]:
                effects = removal_effects(one, score).numpy()
                centred_signs.append(sign_agreement(centred.numpy(), effects))
                additive_signs.append(sign_agreement(additive.numpy(), effects))
        found[name] = {"weights": weights, "additive": worst_sum, "centred": worst_zero}
        if centred_signs:
            found["sign_centred"] = round(float(np.mean(centred_signs)), 4)
            found["sign_additive"] = round(float(np.mean(additive_signs)), 4)
        print(
            f"  {name} ({weights} weights): off by at most {worst_sum:.1e} (additive), {worst_zero:.1e} (centred)",
            flush=True,
        )
    return found


def main() -> None:
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=32)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[1] / ".." / "shared")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure")
    words = parser.parse_args()
    warnings.simplefilter("ignore")  # the libraries' own
    figures: dict[str, Any] = {"threads": torch.get_num_threads()}
    shared = words.shared.resolve()
    with tempfile.TemporaryDirectory() as name:
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "features": lambda: features_against_the_library(Path(name), words.targets),
            "exact_map": lambda: cost_of_the_exact_map(Path(name), words.repeats),
            "class_maps": lambda: class_maps_against_the_library(Path(name), max(3, words.repeats // 3)),
            "completeness": lambda: completeness(shared, Path(name), words.images),
        }
        for part in words.only:
            if part == "completeness" and not (shared / "data/trashcan").is_dir():
                print("completeness over real images is left out: the shared folder is not here", file=sys.stderr)
                continue
            figures[part] = parts[part]()
            print(f"{part}:", figures[part], flush=True)
    print("kept in", append_result("why", figures, packages=PACKAGES))


if __name__ == "__main__":
    main()
