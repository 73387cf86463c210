"""The collection as a map: projection to two dimensions, its quality, and clusters on it."""
