"""Caches that all processes share: files for one machine, Redis for several. What they keep is JSON: whoever can
write a file or a key there must not be able to have it run."""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
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
    _delete: Any
    _key_to_file: Any
    _list_cache_files: Any

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        with suppress(FileNotFoundError), open(self._key_to_file(key, version), "rb") as file:
            if not self._is_expired(file):
                return json.loads(file.read())
        return default

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        missing = object()
        value = self.get(key, missing, version)
        if value is missing:
            return False
        self.set(key, value, timeout, version)
        return True

    def _write_content(self, file: Any, timeout: Any, value: Any) -> None:
        """When it expires on the first line, then the value."""
        file.write(f"{json.dumps(self.get_backend_timeout(timeout))}\n{json.dumps(value)}".encode())

    def _is_expired(self, file: Any) -> bool:
        """What cannot be read counts as expired, files of earlier versions among it."""
        try:
            expires = json.loads(file.readline())
        except ValueError:
            expires = 0
        if expires is not None and expires < time.time():
            self._delete(file.name)
            return True
        return False

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


class JSONSerializer:
    """How the Redis cache keeps values."""

    def dumps(self, value: Any) -> Any:
        return value if type(value) is int else json.dumps(value)  # whole numbers as Redis counts them

    def loads(self, data: Any) -> Any:
        return json.loads(data)
