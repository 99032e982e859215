"""Catalogs: where tables and files live, behind one port; the embedded engine is DuckDB over a folder."""
