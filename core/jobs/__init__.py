"""Work that pages ask for and worker processes do: kept in the catalogue, delivered by a queue, never done twice."""
