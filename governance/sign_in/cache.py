"""A cache of files that all processes of one machine share, and in which only one of them can add a key."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.filebased import FileBasedCache


class SharedFileCache(FileBasedCache):
    """Django's asks whether a key is there and then writes it, so that two processes may both believe they added it.

    Counts of failed logins are guarded by such a key.
    """

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        if self.has_key(key, version):  # which removes it once it has expired
            return False
        self._createdir()
        handle, made = tempfile.mkstemp(dir=self._dir)
        try:
            with os.fdopen(handle, "wb") as file:
                self._write_content(file, timeout, value)
            os.link(made, self._key_to_file(key, version))
        except FileExistsError:
            return False
        finally:
            os.unlink(made)
        return True
