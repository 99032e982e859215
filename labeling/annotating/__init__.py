"""Marking what an answer means on its source: boxes and polygons on pictures, spans in texts, words on pages."""
