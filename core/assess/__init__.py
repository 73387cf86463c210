"""Models held against what people said: fair regions, predictions, strain, and evaluations kept in the workspace."""
