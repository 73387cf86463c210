"""Crabs and shrimps."""

from __future__ import annotations

import numpy as np

from core.demo.shapes import Body, Skin, offset, smooth, vary


def spider_crab(rng: np.random.Generator) -> Body:
    """A pear-shaped shell on eight long jointed legs, claws held before it."""
    body = Body()
    rust = vary(rng, (0.72, 0.32, 0.15), 0.15)
    pale = vary(rng, (0.88, 0.62, 0.42), 0.07)
    leg_skin = Skin((rust, pale, rust, pale), grain=0.2, mottle=0.15, gloss=0.12)
    for side in (-1, 1):
        for leg in range(4):
            fan = (-0.55 + 0.42 * leg) + rng.normal(0, 0.1)
            out = np.array([side * np.cos(fan), np.sin(fan), 0.0])
            hip = np.array([side * 0.1, 0.05 * (leg - 1.5), 0.14])
            reach = rng.uniform(0.34, 0.44)
            knee = hip + out * reach * 0.48 + offset(0, 0, rng.uniform(0.1, 0.17))
            ankle = hip + out * reach * 0.82 + offset(0, rng.normal(0, 0.02), -0.02)
            foot = hip + out * reach + offset(0, rng.normal(0, 0.02), -0.14)
            body.tube([hip, knee], [0.024, 0.019], leg_skin)
            body.tube([knee, ankle], [0.02, 0.015], leg_skin)
            body.tube([ankle, foot], [0.015, 0.005], leg_skin)
        elbow = np.array([side * rng.uniform(0.17, 0.23), -0.16, 0.15])
        claw = np.array([side * rng.uniform(0.07, 0.15), -0.3, 0.1])
        body.tube([[side * 0.08, -0.1, 0.14], elbow], [0.022, 0.024], leg_skin)
        body.tube([elbow, claw], [0.026, 0.036], leg_skin)
        for finger in (-0.018, 0.018):
            body.tube([claw, claw + offset(finger - side * 0.03, -0.09, 0.0)], [0.02, 0.006], Skin(pale, gloss=0.2))
    body.ball(
        (0, 0.02, 0.15), (0.135, 0.16, 0.085), Skin(rust, mottle=0.25, grain=0.35, rough=0.3, gloss=0.1), lift=0.01
    )
    body.ball((0, -0.12, 0.15), (0.075, 0.075, 0.05), Skin(rust, mottle=0.2, grain=0.35, gloss=0.1), lift=0.012)
    for side in (-1, 1):
        body.ball((side * 0.04, -0.18, 0.18), 0.015, Skin((0.03, 0.02, 0.02), gloss=0.9), lift=0.03)
    return body


def spot_prawn(rng: np.random.Generator) -> Body:
    """A humped red prawn with white bars, long feelers and a fan of a tail."""
    body = Body()
    red = vary(rng, (0.84, 0.25, 0.16), 0.12)
    white = (0.96, 0.86, 0.80)
    clear = Skin((red, (0.93, 0.55, 0.45)), alpha=0.8, gloss=0.1, glow=0.3)
    for side in (-1, 1):
        for at in np.linspace(-0.02, 0.22, 5):
            knee = np.array([at + 0.05, side * 0.07, 0.07])
            body.tube(
                [[at, side * 0.03, 0.11], knee, [at + rng.normal(0.02, 0.03), side * 0.1, 0.0]],
                [0.012, 0.01, 0.005],
                clear,
            )
        for at in np.linspace(-0.28, -0.08, 4):
            body.tube([[at, side * 0.03, 0.13], [at - 0.02, side * 0.05, 0.06]], [0.018, 0.008], clear)
        feeler = [
            [0.3, side * 0.03, 0.16],
            [0.48, side * 0.14, 0.24],
            [0.5, side * (0.28 + 0.1 * rng.random()), 0.16],
            [0.32, side * 0.48, 0.1],
        ]
        body.tube(smooth(feeler, 14), np.linspace(0.008, 0.004, 14), Skin(red, glow=0.4))
    path = smooth([[0.32, 0, 0.16], [0.12, 0, 0.17], [-0.08, 0, 0.21], [-0.28, 0, 0.17], [-0.4, 0, 0.09]], 18)
    tall = np.interp(np.linspace(0, 1, 18), [0, 0.15, 0.45, 0.8, 1], [0.012, 0.062, 0.072, 0.045, 0.028])
    body.tube(
        path,
        np.stack([tall * 0.8, tall], axis=1),
        Skin((red, red, white, red, red, white, red, red), belly=(0.95, 0.6, 0.5), mottle=0.12, gloss=0.3),
    )
    for angle in (-0.5, 0.0, 0.5):
        tail = np.array([-0.4, 0, 0.09])
        body.tube(
            [tail, tail + offset(-0.11, 0.09 * np.sin(angle) * 2, -0.03)],
            [0.022, 0.03],
            Skin((red, white), gloss=0.2),
            lift=0.002,
        )
    body.tube([[0.3, 0, 0.18], [0.46, 0, 0.23]], [0.012, 0.003], Skin(red))
    for side in (-1, 1):
        body.ball((0.31, side * 0.035, 0.2), 0.022, Skin((0.02, 0.02, 0.03), gloss=1.0), lift=0.03)
    return body
