"""The collection compared with itself once: the neighbour graph, search, near-duplicates."""
