"""The demonstration collection: a rendered deep-sea survey with its ground truth, and the small network trained for it.

Nothing here is a photograph. Dives, places, vehicle and cameras are invented; the concepts carry real names, but their
depths and numbers are the story's, not nature's.
"""
