"""Embedders: networks that turn regions of images into vectors, and the store that keeps them."""
