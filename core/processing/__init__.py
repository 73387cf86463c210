"""Preprocessing: named steps that change how a picture looks, for viewing or before it is embedded."""
