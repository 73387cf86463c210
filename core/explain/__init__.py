"""Why: maps that show what makes a region strange, what a class or an embedding rests on, and what two regions share.

Begin with `core.explain.regions.explain_regions`; the mathematics is in `exact`, `features`, `match` and `gradient`.
"""
