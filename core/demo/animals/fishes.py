"""Bony fishes, the skate and the hagfish."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.demo.shapes import Body, Colour, Skin, offset, smooth, vary


@dataclass(frozen=True)
class _Plan:
    """Proportions of a fish: half height and half width at seven stations from snout to tail, fins and eye."""

    tall: tuple[float, ...]
    wide: tuple[float, ...]
    eye: float
    dorsal: float
    tail: float
    pectoral: float
    spiny: bool = True


def _fish(rng: np.random.Generator, plan: _Plan, skin: Skin, fin: Skin) -> Body:
    body = Body()
    bend = rng.normal(0, 0.06)
    phase = rng.uniform(0, 2 * np.pi)
    t = np.linspace(0, 1, 20)
    x = 0.5 - 0.86 * t
    sway = bend * t**2 + 0.035 * t**2 * np.sin(2 * np.pi * t * 0.8 + phase)
    spine = np.stack([x, sway, np.zeros(20)], axis=1)
    stations = np.linspace(0, 1, len(plan.tall))
    tall, wide = np.interp(t, stations, plan.tall), np.interp(t, stations, plan.wide)
    end = spine[-1]
    if plan.tail > 0:
        fork = 0.03
        outline = [
            end + offset(0.02, 0, tall[-1]),
            end + offset(-0.13, 0.03, plan.tail),
            end + offset(-0.13 + fork, 0.035, 0),
            end + offset(-0.13, 0.03, -plan.tail),
            end + offset(0.02, 0, -tall[-1]),
        ]
        body.sheet(smooth(outline, 24), fin, rays=9)
    top = [spine[i] + offset(0, 0, tall[i] * 0.8) for i in range(4, 17)]
    crest = [
        spine[i]
        + offset(
            -0.03,
            0,
            tall[i]
            + plan.dorsal * np.sin(np.pi * (i - 3) / 14) ** 0.5 * ((0.72 + 0.28 * (i % 2)) if plan.spiny else 1.0),
        )
        for i in range(16, 4, -1)
    ]
    body.sheet(np.array(top + crest), fin, rays=11)
    keel = [spine[i] - offset(0, 0, tall[i] * 0.8) for i in range(11, 17)]
    body.sheet(np.array([*keel, spine[14] - offset(0.06, 0, tall[14] + plan.dorsal * 0.9)]), fin, rays=5)
    body.tube(spine, np.stack([wide, tall], axis=1), skin, lift=0.001)
    root = spine[6]
    for side in (-1, 1):
        base = root + np.array([0.02, side * wide[6] * 0.9, -0.02])
        spread = plan.pectoral
        outline = [
            base,
            base + offset(-0.05, side * 0.06, 0.04),
            base + offset(-spread, side * spread * 0.8, -0.01),
            base + offset(-spread * 0.8, side * spread * 0.55, -0.08),
            base + offset(-0.03, side * 0.02, -0.05),
        ]
        body.sheet(smooth(outline, 18), fin, rays=6, lift=0.06 if side < 0 else -0.06)
        eye = spine[2] + np.array([-0.01, side * wide[2] * 0.9, tall[2] * 0.42])
        near = 0.05 if side < 0 else -0.05
        body.ball(eye, plan.eye, Skin(vary(rng, (0.34, 0.27, 0.16), 0.2), gloss=0.5), lift=near)
        body.ball(
            eye + np.array([0, side * 0.004, 0]),
            plan.eye * 0.74,
            Skin((0.015, 0.015, 0.02), gloss=1.3),
            lift=near * 1.1,
        )
        gill = [
            spine[5]
            + np.array([0.01 * np.cos(a), side * wide[5] * 0.93, tall[5] * 0.75 * np.sin(a)])
            - offset(0.018 * np.cos(a), 0, 0)
            for a in np.linspace(-1.2, 1.0, 8)
        ]
        body.tube(gill, 0.006, Skin((0.12, 0.06, 0.05), alpha=0.45, gloss=0), lift=near)
        lip = [
            spine[0] + offset(0.002, side * 0.008, -tall[0] * 0.4),
            spine[1] + offset(0, side * wide[1] * 0.9, -tall[1] * 0.42),
            spine[2] + offset(0.012, side * wide[2] * 0.95, -tall[2] * 0.5),
        ]
        body.tube(smooth(lip, 7), [0.0028] * 6 + [0.002], Skin((0.10, 0.05, 0.05), alpha=0.45, gloss=0), lift=near)
    return body


def rockfish(rng: np.random.Generator) -> Body:
    """A deep-bodied, spiny, blotched fish."""
    base: Colour = vary(rng, ((0.78, 0.36, 0.18), (0.62, 0.44, 0.26), (0.45, 0.36, 0.28))[int(rng.integers(3))], 0.12)
    plan = _Plan(
        (0.02, 0.11, 0.16, 0.17, 0.14, 0.08, 0.045),
        (0.02, 0.07, 0.095, 0.095, 0.07, 0.035, 0.015),
        0.03,
        0.1,
        0.1,
        0.15,
    )
    skin = Skin(base, belly=vary(rng, (0.92, 0.74, 0.6), 0.06), mottle=0.42, grain=0.1, gloss=0.16)
    return _fish(rng, plan, skin, Skin(vary(rng, base, 0.08), alpha=0.85, mottle=0.2, gloss=0.05, glow=0.3))


def thornyhead(rng: np.random.Generator) -> Body:
    """A big-headed red fish that rests on the bottom on its fins."""
    red = vary(rng, (0.82, 0.20, 0.14), 0.12)
    plan = _Plan(
        (0.03, 0.1, 0.13, 0.115, 0.085, 0.055, 0.035),
        (0.03, 0.1, 0.11, 0.09, 0.06, 0.03, 0.014),
        0.034,
        0.09,
        0.075,
        0.2,
    )
    skin = Skin(
        (red, red, vary(rng, (0.9, 0.35, 0.25), 0.05)), belly=(0.95, 0.66, 0.58), mottle=0.26, grain=0.08, gloss=0.14
    )
    fin = Skin(((0.9, 0.3, 0.22), (0.2, 0.05, 0.05), (0.9, 0.3, 0.22)), alpha=0.85, gloss=0.05, glow=0.3)
    return _fish(rng, plan, skin, fin).turned(0.0, rise=0.12)


def grenadier(rng: np.random.Generator) -> Body:
    """A rat-tail: blunt dark head, huge eye, body drawn out to a thread."""
    grey = vary(rng, (0.36, 0.28, 0.29), 0.14)
    plan = _Plan(
        (0.035, 0.105, 0.1, 0.06, 0.036, 0.018, 0.005),
        (0.04, 0.075, 0.065, 0.04, 0.022, 0.01, 0.004),
        0.032,
        0.025,
        0.0,
        0.09,
        spiny=False,
    )
    skin = Skin(
        (vary(rng, (0.3, 0.22, 0.25), 0.08), grey, grey, grey),
        belly=(0.50, 0.47, 0.52),
        mottle=0.16,
        grain=0.1,
        gloss=0.32,
    )
    fin = Skin((0.16, 0.12, 0.14), alpha=0.88, gloss=0.05, glow=0.2)
    body = _fish(rng, plan, skin, fin)
    ridge = np.array([[0.26, 0, 0.1], [0.225, 0, 0.19], [0.17, 0, 0.12], [0.16, 0, 0.09]])
    body.sheet(ridge, fin, rays=4)
    return body.turned(0.0, rise=0.0, roll=-0.3 * rng.random())


def hagfish(rng: np.random.Generator) -> Body:
    """A slack, pinkish-grey tube in loops, with a pale snout."""
    body = Body()
    grey = vary(rng, (0.58, 0.38, 0.36), 0.15)
    t = np.linspace(0, 1, 26)
    waves = rng.uniform(0.6, 1.5)
    size = rng.uniform(0.08, 0.2)
    phase = rng.uniform(0, 2 * np.pi)
    path = np.stack([0.48 - 0.96 * t, size * np.sin(2 * np.pi * waves * t + phase), np.full(26, 0.035)], axis=1)
    radii = np.interp(t, [0, 0.05, 0.3, 0.8, 1], [0.02, 0.032, 0.04, 0.034, 0.012])
    body.tube(
        path,
        radii,
        Skin(((0.85, 0.66, 0.6), grey, grey, grey, grey, grey, grey), belly=(0.82, 0.68, 0.62), mottle=0.1, gloss=0.5),
    )
    snout = path[0]
    for way in ((0.05, 0.03, 0.0), (0.06, -0.02, 0.0), (0.05, 0.0, 0.02)):
        body.tube([snout, snout + np.array(way)], [0.007, 0.003], Skin((0.9, 0.74, 0.68), glow=0.3))
    return body


def flatfish(rng: np.random.Generator) -> Body:
    """A brown oval flush with the mud, both eyes up."""
    body = Body()
    brown = vary(rng, (0.42, 0.31, 0.22), 0.14)
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x = 0.42 * np.cos(t)
    y = 0.2 * np.sin(t) * (1 - 0.25 * np.cos(t)) * np.where(np.cos(t) > 0.7, 0.9, 1.0)
    fringe = np.stack([x * 1.02, y * 1.28, np.full(40, 0.005)], axis=1)
    body.sheet(fringe, Skin(vary(rng, brown, 0.05), alpha=0.9, mottle=0.3, glow=0.2), rays=26)
    body.sheet(
        np.stack([x, y, np.full(40, 0.02)], axis=1),
        Skin(brown, mottle=0.5, grain=0.3, gloss=0.08),
        inflate=0.7,
        lift=0.01,
    )
    tail = [[-0.38, 0.05, 0.01], [-0.52, 0.1, 0.01], [-0.53, 0.0, 0.01], [-0.52, -0.1, 0.01], [-0.38, -0.05, 0.01]]
    body.sheet(smooth(tail, 16), Skin(brown, alpha=0.9, mottle=0.3), rays=8, lift=0.005)
    for y_eye in (0.015, 0.07):
        body.ball((0.33, y_eye, 0.05), 0.022, Skin((0.75, 0.62, 0.4), gloss=0.4), lift=0.03)
        body.ball((0.335, y_eye, 0.062), 0.013, Skin((0.02, 0.02, 0.02), gloss=1.0), lift=0.04)
    return body


def longnose_skate(rng: np.random.Generator) -> Body:
    """A kite of a ray with a pointed snout, two eye spots and a thorny tail."""
    body = Body()
    brown = vary(rng, (0.46, 0.36, 0.28), 0.15)
    half = [
        [0.52, 0.0],
        [0.40, 0.045],
        [0.22, 0.13],
        [0.06, 0.40],
        [-0.06, 0.46],
        [-0.14, 0.36],
        [-0.24, 0.16],
        [-0.27, 0.06],
    ]
    outline = [[x, y, 0.03] for x, y in half] + [[x, -y, 0.03] for x, y in half[::-1]]
    wing = rng.normal(0, 0.05)
    curve = smooth(np.array(outline), 70)
    curve[:, 2] += wing * np.abs(curve[:, 1]) * 2
    body.tube(
        [[-0.24, 0, 0.04], [-0.5, rng.normal(0, 0.05), 0.03], [-0.72, rng.normal(0, 0.1), 0.03]],
        [0.028, 0.018, 0.008],
        Skin(brown, grain=0.3),
    )
    body.sheet(curve, Skin(brown, mottle=0.28, grain=0.25, gloss=0.1), inflate=0.95, lift=0.01)
    for side in (-1, 1):
        spot = np.array([0.0, side * 0.2, 0.06])
        body.ball(spot, (0.05, 0.045, 0.005), Skin((0.22, 0.17, 0.14), gloss=0, glow=0.3), lift=0.02)
        body.ball(spot, (0.026, 0.023, 0.005), Skin((0.52, 0.42, 0.32), gloss=0, glow=0.3), lift=0.025)
        body.ball((0.2, side * 0.05, 0.075), 0.019, Skin((0.05, 0.04, 0.04), gloss=0.9), lift=0.03)
        lobe = [
            [-0.24, side * 0.03, 0.025],
            [-0.25, side * 0.13, 0.025],
            [-0.34, side * 0.14, 0.02],
            [-0.39, side * 0.07, 0.02],
            [-0.33, side * 0.02, 0.025],
        ]
        body.sheet(smooth(lobe, 20), Skin(brown, mottle=0.25, gloss=0.05), inflate=0.5)
    for x in np.linspace(-0.6, -0.25, 9):
        body.ball((x, 0, 0.06), 0.008, Skin((0.85, 0.75, 0.6), gloss=0.2), lift=0.03)
    return body
