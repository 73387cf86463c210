"""Has the sea, or the camera, changed? Batches against the reference, with whole groups as the units of chance."""
