"""How strange a region is, and when that is called flagged: scores, p-values, thresholds."""
