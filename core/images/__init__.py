"""Image files: safe opening, EXIF, statistics, thumbnails, and the import's reading of a hundred thousand of them."""
