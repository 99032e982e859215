"""Labels from and for other tools: one module for each format, one way in and one way out."""
