"""Learning concepts from annotations, predicting them with probabilities that can be trusted, and keeping both."""
