"""Clusters as the unit of work: people's edits, names of their own, portraits, kinds within, and what they sort by."""
