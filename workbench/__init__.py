"""Data and engines; also the Django project itself."""

from workbench.celery import app as celery_app

__all__ = ["celery_app"]
