"""One thin module a page: read what is open, ask for summaries, draw."""
