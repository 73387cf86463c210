"""One script a question, each beside its baseline; run them from the repository as ``python -m benchmarks.NAME``."""
