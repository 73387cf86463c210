"""A run as one HTML file, for people without the server: figures, tables, pictures, method in words, versions."""
