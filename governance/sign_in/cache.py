"""A cache of files that all processes of one machine share, and in which only one of them can add a key."""

from __future__ import annotations

import os
import random
import tempfile
from contextlib import suppress
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.filebased import FileBasedCache

SWEPT_ONCE_IN = 1 / 200


class SharedFileCache(FileBasedCache):
    """Django's asks whether a key is there and then writes it, so that two processes may both believe they added it.

    Counts of failed logins are guarded by such a key. They must not be thrown out at random either, as Django does
    when there are many files: what has expired is removed, now and then, and nothing else.
    """

    # Django's own parts, which its types leave out.
    _dir: str
    _createdir: Any
    _write_content: Any
    _key_to_file: Any
    _list_cache_files: Any
    _is_expired: Any

    def _cull(self) -> None:
        """Called by Django before each new file."""
        if random.random() < SWEPT_ONCE_IN:  # noqa: S311 - no secret
            for name in self._list_cache_files():
                with suppress(FileNotFoundError), open(name, "rb") as file:
                    self._is_expired(file)

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
