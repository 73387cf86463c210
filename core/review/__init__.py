"""Decisions of reviewers: taken, undone, kept for good; queues that say what to look at next; how far people agree."""
