"""Who lives in the demonstration sea: concepts, their parents, and where, how often and how large they occur.

The last five live only below `DEEP` metres: a reference that ends at 800 m lacks them. They are the story's novelty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.demo.animals import cephalopods, cnidarians, crustaceans, drifters, echinoderms, fishes
from core.demo.shapes import Body

REFERENCE_DEPTH = 800.0
DEEP = 820.0

Living = Literal["ground", "hover", "water"]


@dataclass(frozen=True)
class Concept:
    """One kind of animal.

    Attributes:
        name, parent: Concept and the group above it.
        build: Makes one individual of about unit length.
        depth: Shallowest and deepest occurrence in metres.
        weight: How common it is where it lives (long-tailed over the table).
        size: Typical length in metres; individuals vary by about a quarter.
        living: On the ground, hovering just above it, or in open water.
        grounds: Kinds of ground it prefers (others count a fifth).
        flock: Mean number met together.
    """

    name: str
    parent: str
    build: Callable[[np.random.Generator], Body]
    depth: tuple[float, float]
    weight: float
    size: float
    living: Living = "ground"
    grounds: tuple[str, ...] = ()
    flock: float = 1.0

    @property
    def deep_only(self) -> bool:
        """Whether a reference shallower than 800 m cannot hold it."""
        return self.depth[0] >= DEEP


_SOFT = ("mud", "ripples", "burrows")
_HARD = ("rock", "cobbles")

CONCEPTS: tuple[Concept, ...] = (
    Concept("Strongylocentrotus fragilis", "Urchin", echinoderms.pink_urchin, (80, 1000), 20, 0.24, flock=2.6),
    Concept("Ophiura sarsii", "Brittle star", echinoderms.brittle_star, (60, 1300), 18, 0.34, flock=2.6),
    Concept("Sebastolobus", "Fish", fishes.thornyhead, (200, 1300), 14, 0.44),
    Concept("Metridium farcimen", "Anemone", cnidarians.plumose_anemone, (30, 620), 10, 0.42, grounds=_HARD, flock=1.7),
    Concept("Ptilosarcus gurneyi", "Sea pen", cnidarians.sea_pen, (30, 560), 9, 0.40, grounds=_SOFT, flock=1.8),
    Concept("Apostichopus leukothele", "Sea cucumber", echinoderms.sea_cucumber, (60, 900), 9, 0.38),
    Concept("Nanomia bijuga", "Siphonophore", drifters.siphonophore, (20, 1100), 8, 0.46, "water"),
    Concept("Sebastes", "Fish", fishes.rockfish, (40, 520), 8, 0.44, "hover", _HARD, 1.4),
    Concept("Solmissus", "Jelly", drifters.dinner_plate_jelly, (60, 1250), 7, 0.40, "water"),
    Concept(
        "Aphrocallistes vastus", "Glass sponge", cnidarians.glass_sponge, (120, 1200), 6, 0.44, grounds=_HARD, flock=1.3
    ),
    Concept("Rathbunaster californicus", "Sea star", echinoderms.sun_star, (80, 780), 6, 0.34),
    Concept("Hippasteria", "Sea star", echinoderms.five_star, (60, 1100), 6, 0.32),
    Concept("Pandalus platyceros", "Shrimp", crustaceans.spot_prawn, (40, 560), 5, 0.32, flock=1.6),
    Concept("Chorilia longipes", "Crab", crustaceans.spider_crab, (60, 1150), 5, 0.38),
    Concept("Microstomus pacificus", "Fish", fishes.flatfish, (60, 1000), 4, 0.44, grounds=_SOFT),
    Concept("Paragorgia arborea", "Coral", cnidarians.bubblegum_coral, (200, 1300), 4, 0.66, grounds=_HARD),
    Concept(
        "Heteropolypus ritteri", "Coral", cnidarians.mushroom_coral, (260, 1300), 4, 0.34, grounds=_HARD, flock=1.5
    ),
    Concept("Eptatretus stoutii", "Hagfish", fishes.hagfish, (80, 900), 3, 0.46, grounds=_SOFT),
    Concept("Gonatus", "Squid", cephalopods.squid, (40, 1200), 3, 0.42, "water"),
    Concept("Beringraja rhina", "Ray", fishes.longnose_skate, (50, 900), 2.5, 0.62, grounds=_SOFT),
    Concept("Octopus rubescens", "Octopus", cephalopods.red_octopus, (30, 420), 2, 0.36),
    Concept("Coryphaenoides acrolepis", "Fish", fishes.grenadier, (DEEP, 1300), 16, 0.62, "hover"),
    Concept(
        "Scotoplanes globosa", "Sea cucumber", echinoderms.sea_pig, (DEEP, 1300), 14, 0.32, grounds=_SOFT, flock=2.2
    ),
    Concept("Umbellula lindahli", "Sea pen", cnidarians.umbellula, (DEEP, 1300), 10, 0.58),
    Concept("Atolla", "Jelly", drifters.crown_jelly, (DEEP, 1300), 16, 0.38, "water"),
    Concept("Graneledone boreopacifica", "Octopus", cephalopods.warty_octopus, (DEEP, 1300), 8, 0.42),
)

BY_NAME = {concept.name: concept for concept in CONCEPTS}
KNOWN = tuple(concept.name for concept in CONCEPTS if not concept.deep_only)
"""Concepts that live shallower than 800 m, in table order."""
NEW = tuple(concept.name for concept in CONCEPTS if concept.deep_only)
"""Concepts that a reference shallower than 800 m lacks."""


def abundance(concept: Concept, depth: float, ground: str | None) -> float:
    """How often a kind is met at a depth over a kind of ground (None is open water); 0 where it does not live."""
    low, high = concept.depth
    if not low <= depth <= high:
        return 0.0
    if (ground is None) != (concept.living == "water"):
        return 0.12 * concept.weight if concept.living == "water" else 0.0
    # Fewer near the ends of the range, except that the deep ones begin at full number.
    span = max(high - low, 1.0)
    ease = min(1.0, 0.25 + 4 * (high - depth) / span) * (
        1.0 if concept.deep_only else min(1.0, 0.25 + 4 * (depth - low) / span)
    )
    fits = 1.0 if ground is None or not concept.grounds or ground in concept.grounds else 0.2
    return concept.weight * ease * fits
