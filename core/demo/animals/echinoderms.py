"""Urchins, sea stars, brittle stars and sea cucumbers."""

from __future__ import annotations

import numpy as np

from core.demo.shapes import Body, Skin, smooth, vary, wander


def pink_urchin(rng: np.random.Generator) -> Body:
    """A pink globe under a coat of pale spines."""
    body = Body()
    pink = vary(rng, (0.74, 0.27, 0.30))
    tip = vary(rng, (0.95, 0.66, 0.62), 0.06)
    radius = 0.27 + 0.03 * rng.random()
    body.ball((0, 0, 0.23), (radius, radius, 0.23), Skin(pink, mottle=0.16, grain=0.25, gloss=0.05))
    count = int(rng.integers(120, 165))
    golden = np.pi * (3 - np.sqrt(5))
    for index in range(count):
        height = 1 - 1.15 * (index + 0.5) / count
        ring = np.sqrt(max(0.0, 1 - height**2))
        angle = golden * index + rng.normal(0, 0.12)
        way = np.array([ring * np.cos(angle), ring * np.sin(angle), height + 0.05]) + rng.normal(0, 0.1, 3)
        way /= np.linalg.norm(way)
        base = np.array([0, 0, 0.23]) + way * np.array([radius, radius, 0.23]) * 0.93
        end = base + way * rng.uniform(0.12, 0.24)
        end[2] = max(end[2], 0.0)
        body.tube([base, end], [0.013, 0.004], Skin((pink, tip), gloss=0.0, glow=0.3))
    return body


def sun_star(rng: np.random.Generator) -> Body:
    """Many slender orange arms around a small disc, dotted white."""
    body = Body()
    red = vary(rng, (0.78, 0.23, 0.07))
    pale = (0.95, 0.72, 0.55)
    arms = int(rng.integers(12, 19))
    skin = Skin((red, red, vary(rng, (0.9, 0.42, 0.2), 0.05)), mottle=0.2, grain=0.25, gloss=0.08)
    for arm in range(arms):
        angle = 2 * np.pi * (arm + rng.normal(0, 0.1)) / arms
        reach = 0.47 * rng.uniform(0.8, 1.05)
        bend = rng.normal(0, 0.28)
        radius = np.linspace(0.08, reach, 7)
        theta = angle + bend * (radius / reach) ** 2
        rise = (
            0.06 + 0.03 * np.sin(np.linspace(0, np.pi, 7)) + max(0.0, rng.normal(0, 0.05)) * np.linspace(0, 1, 7) ** 3
        )
        path = np.stack([radius * np.cos(theta), radius * np.sin(theta), rise], axis=1)
        body.tube(path, np.array([0.06, 0.055, 0.046, 0.038, 0.03, 0.022, 0.012]), skin)
        for spot in range(1, 6):
            place = path[spot] + np.array([0, 0, 0.03]) + rng.normal(0, 0.008, 3)
            body.ball(place, 0.011, Skin(pale, gloss=0.0), lift=0.02)
    body.ball((0, 0, 0.07), (0.16, 0.16, 0.08), replace_colour(skin, red), lift=0.004)
    for _ in range(16):
        angle, r = rng.uniform(0, 2 * np.pi), 0.13 * np.sqrt(rng.random())
        body.ball((r * np.cos(angle), r * np.sin(angle), 0.14), 0.011, Skin(pale, gloss=0.0), lift=0.03)
    return body


def replace_colour(skin: Skin, colour: tuple[float, float, float]) -> Skin:
    """The same skin in one colour."""
    return Skin(colour, mottle=skin.mottle, grain=skin.grain, gloss=skin.gloss)


def five_star(rng: np.random.Generator) -> Body:
    """A stout five-armed star with marginal plates."""
    body = Body()
    orange = vary(rng, (0.80, 0.40, 0.17), 0.16)
    rim = vary(rng, (0.92, 0.66, 0.42), 0.06)
    turn = rng.uniform(0, 2 * np.pi)
    skin = Skin(orange, mottle=0.22, grain=0.3, gloss=0.06)
    broad = rng.uniform(0.15, 0.2)
    for arm in range(5):
        angle = turn + 2 * np.pi * arm / 5 + rng.normal(0, 0.06)
        bend = rng.normal(0, 0.18)
        radius = np.linspace(0.0, 0.5 * rng.uniform(0.92, 1.05), 7)
        theta = angle + bend * (radius / 0.5) ** 2
        lift = max(0.0, rng.normal(0, 0.05)) * np.linspace(0, 1, 7) ** 3
        path = np.stack([radius * np.cos(theta), radius * np.sin(theta), 0.05 + lift], axis=1)
        width = broad * np.array([1.05, 1.0, 0.82, 0.64, 0.48, 0.34, 0.16])
        body.tube(path, np.stack([width, width * 0.42], axis=1), skin)
        for side in (-1, 1):
            normal = np.stack([-np.sin(theta), np.cos(theta), np.zeros(7)], axis=1) * side
            edge = path + normal * width[:, None] * 0.86
            for t in np.linspace(1.6, 5.8, 9):
                index = int(t)
                place = edge[index] + (edge[index + 1] - edge[index]) * (t - index) + np.array([0, 0, 0.012])
                body.ball(place, 0.016, Skin(rim, gloss=0.05), lift=0.01)
    body.ball((0, 0, 0.065), (broad * 1.02, broad * 1.02, 0.075), skin, lift=0.006)
    return body


def brittle_star(rng: np.random.Generator) -> Body:
    """A coin of a disc and five long, snaking, banded arms."""
    body = Body()
    tan = vary(rng, (0.62, 0.42, 0.30), 0.18)
    turn = rng.uniform(0, 2 * np.pi)
    for arm in range(5):
        angle = turn + 2 * np.pi * arm / 5 + rng.normal(0, 0.12)
        count = 16
        radius = np.linspace(0.05, 0.5, count)
        wave = rng.uniform(0.15, 0.5) * np.sin(np.linspace(0, rng.uniform(3, 7), count) + rng.uniform(0, 6))
        theta = angle + wave * np.linspace(0, 1, count)
        path = np.stack([radius * np.cos(theta), radius * np.sin(theta), np.full(count, 0.02)], axis=1)
        width = np.linspace(0.024, 0.006, count)
        body.tube(path, width, Skin(tan, bands=(13, 0.5), gloss=0.05, grain=0.1))
    body.ball((0, 0, 0.03), (0.078, 0.078, 0.04), Skin(vary(rng, tan, 0.2), mottle=0.3, grain=0.3), lift=0.02)
    return body


def sea_cucumber(rng: np.random.Generator) -> Body:
    """A loaf-like cucumber, red-brown, set with pointed papillae."""
    body = Body()
    brown = vary(rng, (0.55, 0.20, 0.12), 0.16)
    pale = vary(rng, (0.80, 0.52, 0.38), 0.08)
    bend = rng.normal(0, 0.12)
    x = np.linspace(-0.46, 0.46, 13)
    path = np.stack([x, bend * (1 - (x / 0.46) ** 2), np.full(13, 0.1)], axis=1)
    width = 0.125 * np.sqrt(np.clip(1 - (x / 0.52) ** 4, 0.05, 1))
    body.tube(
        path, np.stack([width, width * 0.85], axis=1), Skin(brown, belly=pale, mottle=0.3, grain=0.15, gloss=0.18)
    )
    for _ in range(44):
        at = int(rng.integers(0, 13))
        angle = rng.uniform(-1.4, 1.4)
        out = np.array([0.0, np.sin(angle), np.cos(angle)])
        base = path[at] + np.array([rng.normal(0, 0.03), 0, 0]) + out * width[at] * 0.86
        body.tube(
            [base, base + out * rng.uniform(0.03, 0.065)], [0.017, 0.005], Skin((brown, pale), gloss=0.1), lift=0.01
        )
    return body


def sea_pig(rng: np.random.Generator) -> Body:
    """A pale, swollen cucumber on stilt-like tube feet, with long horns on its back."""
    body = Body()
    pink = vary(rng, (0.88, 0.62, 0.60), 0.07)
    skin = Skin(pink, belly=(0.95, 0.80, 0.76), alpha=0.9, rim=1.0, mottle=0.07, gloss=0.35, glow=0.4)
    x = np.linspace(-0.4, 0.4, 11)
    plump = 0.2 * np.sqrt(np.clip(1 - (x / 0.46) ** 2, 0.06, 1)) * (1 + 0.06 * np.sin(x * 30))
    path = np.stack([x, np.zeros(11), 0.27 + 0.03 * np.cos(x * 3)], axis=1)
    foot = Skin(((0.93, 0.72, 0.68), (0.96, 0.84, 0.8)), gloss=0.3, glow=0.4)
    for side in (-1, 1):
        for leg in np.linspace(-0.32, 0.32, int(rng.integers(5, 7))):
            base = np.array([leg, side * 0.11, 0.17])
            knee = base + np.array([rng.normal(0, 0.03), side * 0.1, -0.07])
            body.tube(smooth([base, knee, [knee[0], knee[1], 0.0]], 6), [0.04, 0.042, 0.036, 0.032, 0.032, 0.036], foot)
    body.tube(path, np.stack([plump * 1.05, plump], axis=1), skin)
    for at, lean in ((0.26, 0.5), (-0.2, -0.35)):
        for side in (-1, 1):
            base = np.array([at, side * 0.07, 0.42])
            tip = base + np.array([lean * rng.uniform(0.4, 0.7), side * rng.uniform(0.08, 0.2), rng.uniform(0.16, 0.3)])
            mid = (base + tip) / 2 + np.array([0, 0, 0.07])
            body.tube(smooth([base, mid, tip], 8), np.linspace(0.028, 0.01, 8), foot, lift=0.02)
    for angle in np.linspace(-1.2, 1.2, 8):
        start = np.array([0.4, 0.1 * np.sin(angle), 0.18])
        body.tube(wander(rng, start, (0.7, np.sin(angle), -0.8), 0.1, 0.5, 4), [0.02, 0.018, 0.018, 0.024], foot)
    return body
