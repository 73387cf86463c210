"""Readers of what marine scientists bring: one module a format, one registry (`core.catalogue.formats.registry`)."""
