"""The catalogue: images, their metadata, regions, annotations, concepts, selections and runs, in one SQL database."""
