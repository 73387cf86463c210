"""Anemones, sea pens and corals: animals that stand on the ground."""

from __future__ import annotations

import numpy as np

from core.demo.shapes import Body, Colour, Skin, offset, smooth, vary, wander


def plumose_anemone(rng: np.random.Generator) -> Body:
    """A smooth white column under a frilled crown of fine tentacles."""
    body = Body()
    white = vary(rng, (0.88, 0.80, 0.70) if rng.random() < 0.7 else (0.80, 0.48, 0.26), 0.07)
    tall = rng.uniform(0.45, 0.68)
    lean = rng.normal(0, 0.08, 2)
    path = smooth([[0, 0, 0], [lean[0] * 0.3, lean[1] * 0.3, tall * 0.5], [lean[0], lean[1], tall]], 9)
    radii = np.interp(np.linspace(0, 1, 9), [0, 0.12, 0.5, 0.85, 1], [0.2, 0.13, 0.11, 0.13, 0.2])
    body.tube(path, radii, Skin(white, mottle=0.08, bands=(9, 0.10), gloss=0.18, glow=0.35))
    crown = path[-1]
    body.ball(crown + offset(0, 0, 0.02), (0.27, 0.27, 0.1), Skin(vary(rng, white, 0.04), mottle=0.15, glow=0.45))
    fine = Skin((vary(rng, white, 0.03), (0.97, 0.93, 0.88)), alpha=0.85, gloss=0.0, glow=0.5)
    for _ in range(130):
        angle, r = rng.uniform(0, 2 * np.pi), 0.29 * np.sqrt(rng.random())
        out = np.array([np.cos(angle), np.sin(angle), 0.0])
        base = crown + out * r + offset(0, 0, 0.07 - 0.5 * r * r)
        tip = base + out * rng.uniform(0.02, 0.09) * (0.4 + r * 3) + offset(0, 0, rng.uniform(0.02, 0.09))
        body.tube([base, (base + tip) / 2 + rng.normal(0, 0.012, 3), tip], [0.015, 0.012, 0.008], fine)
    return body


def sea_pen(rng: np.random.Generator) -> Body:
    """A plump orange quill with two rows of leaves."""
    body = Body()
    orange = vary(rng, (0.88, 0.40, 0.13), 0.14)
    pale = vary(rng, (0.96, 0.74, 0.50), 0.06)
    lean = rng.normal(0, 0.13)
    spine = smooth([[0, 0, 0], [lean * 0.4, 0, 0.4], [lean * 1.3, 0, 1.0]], 24)
    body.tube(
        spine, np.interp(np.linspace(0, 1, 24), [0, 0.3, 0.6, 1], [0.05, 0.065, 0.05, 0.012]), Skin(pale, mottle=0.1)
    )
    leaf = Skin((orange, orange, vary(rng, (0.97, 0.80, 0.62), 0.05)), mottle=0.12, grain=0.15, gloss=0.05, glow=0.3)
    turn = rng.uniform(-0.9, 0.9)
    for index in range(6, 24):
        size = 0.27 * np.sin(np.pi * ((index - 5) / 19) ** 0.8) + 0.03
        for side in (-1, 1):
            across = np.array([np.cos(turn), np.sin(turn), 0.0]) * side
            base = spine[index]
            mid = base + across * size * 0.55 + offset(0, -0.02, 0.03 + 0.1 * size)
            tip = base + across * size * (1 + rng.normal(0, 0.05)) + offset(0, -0.03, 0.1 + 0.35 * size)
            body.tube(smooth([base, mid, tip], 6), [0.02, 0.034, 0.04, 0.038, 0.03, 0.016], leaf)
    return body


def umbellula(rng: np.random.Generator) -> Body:
    """A thin, tall stalk that carries one nodding cluster of large dark polyps."""
    body = Body()
    wine = vary(rng, (0.50, 0.10, 0.20), 0.14)
    pale = vary(rng, (0.86, 0.52, 0.48), 0.08)
    lean = rng.normal(0, 0.12, 2)
    stalk = smooth([[0, 0, 0], [lean[0] * 0.3, 0, 0.35], [lean[0], lean[1], 0.72], [lean[0] * 1.8, lean[1], 0.84]], 16)
    body.tube(stalk, np.linspace(0.02, 0.011, 16), Skin((0.86, 0.76, 0.62), gloss=0.15, glow=0.3))
    head = stalk[-1]
    body.ball(head, 0.05, Skin(wine, mottle=0.2))
    for polyp in range(int(rng.integers(8, 12))):
        angle = 2.4 * polyp + rng.normal(0, 0.2)
        way = np.array([np.cos(angle), np.sin(angle), rng.uniform(-0.5, 0.8)])
        way /= np.linalg.norm(way)
        cup = head + way * rng.uniform(0.11, 0.16)
        body.tube(
            smooth([head, (head + cup) / 2, cup], 5),
            [0.025, 0.026, 0.03, 0.036, 0.045],
            Skin((wine, pale), mottle=0.15),
        )
        for ray in range(8):
            turn = 2 * np.pi * ray / 8
            side = np.cross(way, [0.3, 0.2, 1.0])
            side /= np.linalg.norm(side)
            out = side * np.cos(turn) + np.cross(way, side) * np.sin(turn)
            tip = cup + out * rng.uniform(0.07, 0.12) + way * rng.uniform(0.02, 0.09)
            body.tube(
                [cup + out * 0.03, (cup + tip) / 2 + way * 0.03, tip],
                [0.013, 0.011, 0.006],
                Skin((wine, pale), glow=0.3),
            )
    return body


def mushroom_coral(rng: np.random.Generator) -> Body:
    """A short pale stalk under a round red head studded with eight-armed polyps."""
    body = Body()
    red = vary(rng, (0.72, 0.14, 0.16), 0.14)
    rose = vary(rng, (0.94, 0.50, 0.46), 0.08)
    tall = rng.uniform(0.32, 0.46)
    body.tube([[0, 0, 0], [0, 0, tall * 0.5], [0, 0, tall]], [0.17, 0.12, 0.16], Skin((0.80, 0.44, 0.38), mottle=0.15))
    head = np.array([0, 0, tall + 0.1])
    body.ball(head, (0.3, 0.3, 0.22), Skin(red, mottle=0.25, grain=0.2, gloss=0.1))
    count = 46
    for index in range(count):
        height = 1 - 1.2 * (index + 0.5) / count
        ring = np.sqrt(max(0.0, 1 - height**2))
        angle = 2.39996 * index
        way = np.array([ring * np.cos(angle), ring * np.sin(angle), height])
        base = head + way * np.array([0.28, 0.28, 0.2])
        tip = base + way * rng.uniform(0.07, 0.13)
        body.tube([base, tip], [0.026, 0.03], Skin((red, rose), glow=0.25))
        for _ in range(3):
            star = tip + rng.normal(0, 0.028, 3) + way * 0.02
            body.tube([tip, star], [0.016, 0.006], Skin(rose, glow=0.4), lift=0.002)
    return body


def bubblegum_coral(rng: np.random.Generator) -> Body:
    """A branching red fan with swollen tips."""
    body = Body()
    red: Colour = vary(rng, (0.80, 0.20, 0.20) if rng.random() < 0.75 else (0.88, 0.62, 0.58), 0.12)
    tips = vary(rng, (0.95, 0.50, 0.46), 0.06)
    bark = Skin(red, mottle=0.15, grain=0.28, gloss=0.05)

    def grow(start: np.ndarray, way: np.ndarray, length: float, thick: float, level: int) -> None:
        path = wander(rng, start, way, length, 0.4, 5)
        body.tube(path, np.linspace(thick, thick * 0.74, 5), bark)
        if level == 0:
            body.ball(path[-1], thick * 1.25, Skin(tips, grain=0.2, glow=0.25), lift=0.005)
            return
        if rng.random() < 0.55:
            body.ball(path[2] + rng.normal(0, thick * 0.5, 3), thick * 1.15, bark)
        heading = path[-1] - path[-2]
        heading /= np.linalg.norm(heading)
        for side in (-1, 1) if level < 5 else (-1, 0, 1):
            spread = np.array([side * rng.uniform(0.4, 0.8), rng.normal(0, 0.15), rng.uniform(0.1, 0.35)])
            grow(path[-1], heading + spread, length * rng.uniform(0.68, 0.86), thick * 0.72, level - 1)

    grow(np.zeros(3), np.array([0, 0, 1.0]), 0.24, 0.05, 5)
    return body


def glass_sponge(rng: np.random.Generator) -> Body:
    """A cluster of cream vases with dark mouths."""
    body = Body()
    cream = vary(rng, (0.90, 0.84, 0.66), 0.08)
    for _ in range(int(rng.integers(2, 6))):
        angle = rng.uniform(0, 2 * np.pi)
        out = np.array([np.cos(angle), np.sin(angle), 0.0]) * rng.uniform(0.05, 0.3)
        tall = rng.uniform(0.45, 0.95)
        top = out * rng.uniform(1.2, 1.7) + offset(0, 0, tall)
        path = smooth([out * 0.5, out * 1.1 + offset(0, 0, tall * 0.45), top], 9)
        wide = rng.uniform(0.1, 0.17)
        radii = wide * np.interp(np.linspace(0, 1, 9), [0, 0.2, 0.7, 1], [0.5, 0.72, 1.0, 1.02])
        body.tube(path, radii, Skin(cream, rough=0.28, mottle=0.14, grain=0.22, gloss=0.03, glow=0.3))
        body.ball(
            top + offset(0, 0, wide * 0.62),
            (wide * 1.02, wide * 1.02, wide * 0.3),
            Skin(vary(rng, cream, 0.04), mottle=0.1, grain=0.15, glow=0.35),
            lift=0.05,
        )
        body.ball(
            top + offset(0, 0, wide * 0.7),
            (wide * 0.84, wide * 0.84, wide * 0.2),
            Skin((0.34, 0.28, 0.19), gloss=0.0, mottle=0.15),
            lift=0.06,
        )
        body.ball(
            top + offset(0, 0.02, wide * 0.74),
            (wide * 0.6, wide * 0.55, wide * 0.14),
            Skin((0.13, 0.1, 0.07), gloss=0.0),
            lift=0.07,
        )
    return body
