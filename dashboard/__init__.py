"""The dashboard: pages over finished runs. It imports `core`; `core` never imports it."""
