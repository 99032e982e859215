"""Prompt Templates as text: what may be written in them, which columns they read, how they are filled in."""
