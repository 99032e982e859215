"""Signing in: how people and programs prove who they are, what is kept of it, and their pages."""
