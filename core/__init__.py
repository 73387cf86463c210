"""Benthoscope's core: images in, an explored run out. Never imports the dashboard or its libraries."""
