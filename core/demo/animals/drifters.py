"""Jellies and siphonophores: glassy animals of the water column."""

from __future__ import annotations

import numpy as np

from core.demo.shapes import Body, Skin, offset, smooth, vary, wander


def dinner_plate_jelly(rng: np.random.Generator) -> Body:
    """A clear, flat disc whose stiff tentacles point up and out."""
    body = Body()
    ice = vary(rng, (0.55, 0.68, 0.72), 0.05)
    thread = Skin(((0.55, 0.64, 0.68), (0.66, 0.74, 0.78)), alpha=0.6, glow=0.7, gloss=0.0)
    count = int(rng.integers(20, 30))
    for index in range(count):
        turn = 2 * np.pi * (index + rng.normal(0, 0.15)) / count
        out = np.array([np.cos(turn), np.sin(turn), 0.0])
        base = out * 0.27 + offset(0, 0, 0.02)
        tip = out * rng.uniform(0.4, 0.52) + offset(0, 0, rng.uniform(0.08, 0.3))
        body.tube(smooth([base, (base + tip) / 2 + offset(0, 0, 0.04), tip], 7), np.linspace(0.012, 0.005, 7), thread)
    dome = rng.uniform(0.1, 0.16)
    body.ball((0, 0, 0), (0.33, 0.33, dome), Skin(ice, alpha=0.13, rim=0.55, gloss=0.3, glow=0.6, mottle=0.05))
    for index in range(16):
        turn = 2 * np.pi * index / 16
        pouch = np.array([np.cos(turn) * 0.21, np.sin(turn) * 0.21, -0.01])
        body.ball(pouch, (0.035, 0.035, 0.02), Skin((0.66, 0.72, 0.72), alpha=0.3, rim=0.45, glow=0.7), lift=0.01)
    body.ball(
        (0, 0, -0.01),
        (0.12, 0.12, 0.05),
        Skin(vary(rng, (0.7, 0.68, 0.62), 0.04), alpha=0.36, rim=0.6, glow=0.7),
        lift=0.02,
    )
    return body.turned(rng.uniform(0, 6.28), roll=float(rng.normal(0, 0.5)))


def crown_jelly(rng: np.random.Generator) -> Body:
    """A deep crimson bell with a grooved skirt, many fine tentacles and a single long one."""
    body = Body()
    crimson = vary(rng, (0.62, 0.05, 0.08), 0.12)
    bright = vary(rng, (0.90, 0.24, 0.20), 0.07)
    for index in range(20):
        turn = 2 * np.pi * (index + 0.5) / 20
        start = np.array([0.2 * np.cos(turn), 0.2 * np.sin(turn), -0.05])
        way = (np.cos(turn) * 0.9, np.sin(turn) * 0.9, -0.5)
        body.tube(
            wander(rng, start, way, rng.uniform(0.18, 0.34), 0.8, 9),
            np.linspace(0.011, 0.004, 9),
            Skin((bright, crimson), glow=0.4),
        )
    long_way = rng.uniform(0, 2 * np.pi)
    start = np.array([0.2 * np.cos(long_way), 0.2 * np.sin(long_way), -0.04])
    trailing = wander(rng, start, (np.cos(long_way), np.sin(long_way), -0.9), 0.95, 1.0, 18)
    body.tube(trailing, np.linspace(0.016, 0.007, 18), Skin((bright, crimson), glow=0.45))
    for index in range(22):
        turn = 2 * np.pi * index / 22
        lobe = np.array([np.cos(turn) * 0.26, np.sin(turn) * 0.26, -0.04])
        body.ball(lobe, (0.05, 0.05, 0.045), Skin(bright, alpha=0.75, rim=0.9, glow=0.4, gloss=0.3))
    body.ball((0, 0, 0), (0.25, 0.25, 0.08), Skin(bright, alpha=0.8, rim=0.95, mottle=0.15, gloss=0.4, glow=0.3))
    body.ball((0, 0, 0.04), (0.19, 0.19, 0.12), Skin(crimson, mottle=0.2, gloss=0.6, glow=0.15), lift=0.02)
    return body.turned(rng.uniform(0, 6.28), roll=float(rng.normal(0, 0.5)))


def siphonophore(rng: np.random.Generator) -> Body:
    """A float and glassy swimming bells at the head of a long, beaded, trailing stem."""
    body = Body()
    glass = Skin((0.52, 0.60, 0.64), alpha=0.16, rim=0.62, gloss=0.35, glow=0.5)
    lean = rng.normal(0, 0.35)
    stem = wander(rng, (0, 0, 0.25), (lean * 0.4, 0, -1.0), 0.95, 0.8, 26)
    body.tube(stem, np.linspace(0.011, 0.005, 26), Skin((0.66, 0.52, 0.46), alpha=0.7, glow=0.5))
    for index in range(1, 26):
        for _ in range(3):
            bead = stem[index] + rng.normal(0, 0.014, 3)
            red = rng.random() < 0.45
            skin = (
                Skin((0.88, 0.30, 0.20), glow=0.4, gloss=0.3)
                if red
                else Skin((0.56, 0.62, 0.64), alpha=0.22, rim=0.5, glow=0.5)
            )
            body.ball(bead, (0.012, 0.012, 0.018) if red else (0.022, 0.018, 0.03), skin)
        if index % 2 == 0:
            way = (rng.normal(0, 0.8), rng.normal(0, 0.8), -0.5)
            thread = wander(rng, stem[index], way, rng.uniform(0.12, 0.34), 0.7, 7)
            body.tube(thread, 0.004, Skin((0.6, 0.6, 0.58), alpha=0.5, glow=0.6))
    for pair in range(int(rng.integers(4, 7))):
        for side in (-1, 1):
            centre = np.array([side * 0.045, 0.01 * side, 0.27 + 0.055 * pair])
            body.ball(centre, (0.05, 0.045, 0.036), glass)
    top = 0.27 + 0.055 * 6.3
    body.tube([[0, 0, 0.25], [0, 0, top - 0.04]], 0.01, Skin((0.92, 0.7, 0.6), alpha=0.8, glow=0.6))
    body.ball((0, 0, top), (0.018, 0.018, 0.034), Skin((0.9, 0.42, 0.24), gloss=0.8, glow=0.3), lift=0.02)
    return body.turned(rng.uniform(0, 6.28), roll=float(rng.normal(0, 0.5)))
