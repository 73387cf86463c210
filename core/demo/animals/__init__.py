"""How each animal is built: one function a kind, ``build(rng) -> Body``, about one unit long, never two alike."""
