"""Squid and octopuses."""

from __future__ import annotations

import numpy as np

from core.demo.shapes import Body, Colour, Skin, offset, smooth, vary, wander


def squid(rng: np.random.Generator) -> Body:
    """A torpedo with a diamond fin, a big eye and trailing arms."""
    body = Body()
    red = vary(rng, (0.70, 0.26, 0.22), 0.18)
    pale = vary(rng, (0.92, 0.70, 0.66), 0.06)
    skin = Skin((red, red, pale), belly=(0.90, 0.72, 0.68), mottle=0.16, grain=0.12, gloss=0.4, alpha=0.93)
    x = np.linspace(-0.5, 0.08, 14)
    width = np.interp(x, [-0.5, -0.42, -0.2, 0.0, 0.08], [0.008, 0.045, 0.088, 0.085, 0.075])
    fin = Skin((red, pale), alpha=0.75, mottle=0.2, glow=0.3)
    flap = rng.normal(0, 0.03)
    for side in (-1, 1):
        body.sheet(
            [[-0.49, 0, 0], [-0.34, side * 0.2, 0.05 + flap], [-0.2, side * 0.09, 0.02]], fin, rays=7, lift=-0.002
        )
    body.sheet([[-0.49, 0, 0], [-0.34, 0, 0.16], [-0.2, 0, 0.07]], fin, rays=7, lift=-0.003)
    body.tube(np.stack([x, np.zeros(14), np.zeros(14)], axis=1), width, skin)
    body.ball((0.13, 0, 0), (0.075, 0.06, 0.06), Skin(red, mottle=0.3, gloss=0.35), lift=0.001)
    spread = rng.uniform(0.12, 0.45)
    for arm in range(8):
        turn = 2 * np.pi * arm / 8
        way = np.array([1.0, spread * np.cos(turn), spread * np.sin(turn)])
        path = wander(
            rng, np.array([0.18, 0.03 * np.cos(turn), 0.03 * np.sin(turn)]), way, rng.uniform(0.2, 0.27), 0.5, 8
        )
        body.tube(path, np.linspace(0.02, 0.005, 8), Skin((red, pale), mottle=0.2, gloss=0.2))
    for side in (-1, 1):
        path = wander(rng, np.array([0.18, side * 0.02, -0.02]), (1, side * 0.12, -0.1), 0.4, 0.5, 9)
        body.tube(path, [*[0.008] * 6, 0.012, 0.014, 0.006], Skin(pale, glow=0.3))
        body.ball((0.13, side * 0.055, 0.015), 0.034, Skin((0.30, 0.36, 0.36), gloss=0.6), lift=-side * 0.05)
        body.ball((0.13, side * 0.065, 0.015), 0.02, Skin((0.02, 0.02, 0.04), gloss=1.2), lift=-side * 0.055)
    return body.turned(0.0, roll=float(rng.normal(0, 0.25)))


def _octopus(rng: np.random.Generator, colour: Colour, pale: Colour, warts: int, reach: float) -> Body:
    body = Body()
    skin = Skin(colour, belly=pale, mottle=0.3, grain=0.2, rough=0.1 if warts else 0.0, gloss=0.22)
    head = np.array([0.0, -0.03, 0.13])
    for arm in range(8):
        turn = 2 * np.pi * (arm + 0.5) / 8 + rng.normal(0, 0.14)
        length = reach * rng.uniform(0.8, 1.15)
        count = 18
        radius = 0.05 + length * np.linspace(0, 1, count)
        curl = rng.choice([-1, 1]) * rng.uniform(0.3, 1.9) * np.linspace(0, 1, count) ** 2
        theta = turn + curl + 0.15 * np.sin(np.linspace(0, 7, count) + rng.uniform(0, 6))
        height = 0.12 * np.exp(-np.linspace(0, 5, count)) + 0.022
        shrink = 1 - 0.35 * np.abs(curl) / 2
        path = np.stack([radius * shrink * np.cos(theta), radius * shrink * np.sin(theta), height], axis=1)
        body.tube(path, np.linspace(0.052, 0.008, count), skin)
        for at in range(3, count - 3, 2):
            body.ball(path[at] + offset(0, -0.02, -0.012), 0.009, Skin(pale, glow=0.4), lift=0.001)
    lean = rng.normal(0, 0.07)
    mantle = smooth([head, head + offset(lean * 0.6, 0.09, 0.08), head + offset(lean, 0.2, 0.13)], 9)
    body.tube(mantle, np.interp(np.linspace(0, 1, 9), [0, 0.3, 0.7, 1], [0.085, 0.1, 0.135, 0.1]), skin, lift=0.01)
    for side in (-1, 1):
        eye = head + np.array([side * 0.072, -0.02, 0.055])
        body.ball(eye, 0.034, skin, lift=0.03)
        body.ball(
            eye + np.array([side * 0.012, -0.018, 0.008]),
            (0.021, 0.021, 0.012),
            Skin((0.04, 0.03, 0.03), gloss=1.0),
            lift=0.05,
        )
    for _ in range(warts):
        at = mantle[int(rng.integers(1, 9))]
        way = np.array([rng.normal(0, 1), rng.normal(-0.5, 0.5), abs(rng.normal(0.6, 0.5))])
        way /= np.linalg.norm(way)
        body.ball(at + way * 0.112, 0.015, Skin(pale, gloss=0.2), lift=0.03)
    return body


def red_octopus(rng: np.random.Generator) -> Body:
    """A small, smooth, brick-red octopus with long arms."""
    return _octopus(rng, vary(rng, (0.62, 0.22, 0.13), 0.18), vary(rng, (0.9, 0.62, 0.5), 0.06), 0, 0.46)


def warty_octopus(rng: np.random.Generator) -> Body:
    """A stout, lilac-grey octopus covered with warts, its web wide."""
    lilac = vary(rng, (0.56, 0.42, 0.56), 0.1)
    body = _octopus(rng, lilac, vary(rng, (0.86, 0.76, 0.82), 0.05), 60, 0.36)
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = 0.2 + 0.045 * np.cos(8 * t)
    web = np.stack([radius * np.cos(t), radius * np.sin(t), np.full(60, 0.035)], axis=1)
    body.sheet(web, Skin(lilac, alpha=0.9, mottle=0.25, glow=0.2), inflate=0.6)
    return body
