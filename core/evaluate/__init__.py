"""Figures of merit, each with an interval that knows which images belong together."""
