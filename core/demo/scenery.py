"""What is in the picture but alive in no sense: boulders, and the vehicle's own arm, basket and hoses."""

from __future__ import annotations

import numpy as np

from core.demo.shapes import Body, Colour, Skin, offset, smooth, vary

_STEEL: Colour = (0.36, 0.38, 0.40)
_YELLOW: Colour = (0.86, 0.62, 0.06)
_BLACK: Colour = (0.05, 0.05, 0.055)


def boulder(rng: np.random.Generator) -> Body:
    """A rough stone about one unit wide, sunk a little into the ground."""
    body = Body()
    bright = float(rng.uniform(0.7, 1.35))
    grey = vary(rng, (0.33 * bright, 0.29 * bright, 0.25 * bright), 0.05)
    skin = Skin(grey, rough=0.9, mottle=0.22, grain=0.25, gloss=0.0, glow=0.02)
    for _ in range(int(rng.integers(6, 13))):
        place = np.array([rng.normal(0, 0.17), rng.normal(0, 0.12), rng.uniform(0.0, 0.12)])
        turn = rng.uniform(0, np.pi)
        wide, deep, tall = rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.24), rng.uniform(0.08, 0.22)
        lean = rng.normal(0, 0.35)
        axes = np.array([[np.cos(turn), -np.sin(turn), lean], [np.sin(turn), np.cos(turn), 0.0], [-lean, 0.0, 1.0]])
        body.ball(place, 0, skin, axes=axes * np.array([wide, deep, tall]))
    return body


def _arm(rng: np.random.Generator, side: int) -> Body:
    """A jointed manipulator that reaches in from a lower corner; units are picture widths."""
    body = Body()
    metal = Skin(_STEEL, mottle=0.1, gloss=0.7, glow=0.05)
    dark = Skin(_BLACK, gloss=0.5, glow=0.05)
    shoulder = np.array([side * 0.56, 0.0, -0.33])
    elbow = np.array([side * rng.uniform(0.38, 0.46), 0.0, rng.uniform(-0.26, -0.19)])
    wrist = elbow + np.array([-side * rng.uniform(0.07, 0.12), 0.0, rng.uniform(-0.06, 0.05)])
    body.tube([shoulder, elbow], [0.05, 0.04], Skin(_BLACK, gloss=0.5, bands=(3, 0.3), glow=0.05))
    body.ball(elbow, 0.043, metal)
    body.tube([elbow, wrist], [0.027, 0.022], metal)
    body.ball(wrist, 0.027, dark)
    way = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    lean = np.array([-way[2], 0.0, way[0]])
    for sign in (-1, 1):
        claw = [wrist + way * 0.02, wrist + way * 0.05 + lean * sign * 0.035, wrist + way * 0.11 + lean * sign * 0.012]
        body.tube(smooth(claw, 6), [0.011, 0.011, 0.010, 0.009, 0.007, 0.005], metal)
    slack = (shoulder + elbow) / 2 + offset(0, 0, rng.uniform(0.05, 0.09))
    hose = smooth(
        [shoulder + offset(0, 0, 0.05), slack, elbow + offset(0, 0, 0.035), wrist + offset(0, -0.03, 0.0)], 20
    )
    body.tube(hose, 0.006, Skin(_YELLOW if rng.random() < 0.5 else (0.75, 0.16, 0.08), gloss=0.4, glow=0.05))
    return body


def _basket(rng: np.random.Generator) -> Body:
    """The rail of the sample tray along the lower edge."""
    body = Body()
    rail = Skin(_YELLOW if rng.random() < 0.6 else _STEEL, gloss=0.5, mottle=0.12, glow=0.05)
    low = -0.275 + rng.uniform(-0.02, 0.012)
    left, right = sorted(rng.uniform(-0.5, 0.5, 2) * np.array([1.0, 1.0]))
    if right - left < 0.3:
        left, right = -0.55, 0.1
    body.tube([[left, 0, low], [right, 0, low + rng.normal(0, 0.006)]], 0.014, rail)
    for post in np.linspace(left, right, int(rng.integers(3, 6))):
        body.tube([[post, 0, low], [post + 0.01, 0, low - 0.08]], 0.009, rail)
    for _ in range(int(rng.integers(0, 4))):
        core = rng.uniform(left + 0.05, right - 0.05)
        lean = rng.normal(0, 0.006)
        body.tube(
            [[core + lean, -0.01, low + rng.uniform(0.02, 0.05)], [core, -0.01, low - 0.08]],
            0.017,
            Skin((0.62, 0.63, 0.6), mottle=0.12, gloss=0.3),
        )
    return body


def vehicle(rng: np.random.Generator) -> Body | None:
    """Parts of the vehicle that stand in the picture for a whole dive, or None; origin is the picture's middle."""
    draw = rng.random()
    if draw < 0.66:
        return None
    if draw < 0.79:
        return _arm(rng, 1 if rng.random() < 0.7 else -1)
    if draw < 0.95:
        return _basket(rng)
    body = _basket(rng)
    body.shapes += _arm(rng, 1).shapes
    return body
