"""What leaves the workspace in the formats of science: labels, decisions and predictions, with where they come from."""
