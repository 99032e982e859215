"""Make .venv and install the locked dependencies, with nothing but Python's standard library.

Kept readable by any Python 3.8+, so that an old `python3` can still find a newer one, or say what is missing.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed-lock"
UNFINISHED = VENV / "install-unfinished"
MINIMUM = (3, 11)
NEWER_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")
REQUIREMENTS = {"run": "requirements.txt", "dev": "requirements-dev.txt"}


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also install what tests and checks need")
    level = "dev" if parser.parse_args().dev else "run"
    try:
        if not is_installed(level):
            install_once(level)
    except (SetupError, OSError) as error:
        say(f"{error}")
        return 1
    except KeyboardInterrupt:
        say("Interrupted. The same command picks up again.")
        return 130
    return 0


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def lock_digest(level: str) -> str:
    """Of everything that decides what gets installed at this level."""
    digest = hashlib.sha256()
    for name in ("uv.lock", REQUIREMENTS[level]):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_installed(level: str) -> bool:
    """What `dev` installs includes `run`, so either stamp will do for `run`."""
    if not (STAMP.is_file() and PYTHON.exists()) or UNFINISHED.exists():
        return False
    wanted = {f"{each} {lock_digest(each)}" for each in ({level, "dev"})}
    return STAMP.read_text(encoding="ascii").strip() in wanted


def install_once(level: str) -> None:
    """Two commands started together must not fill one folder: the second waits for the first."""
    with open(ROOT / "uv.lock", "rb") as lock_file:
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another command is installing into .venv; waiting for it.")
            fcntl.flock(lock_file, fcntl.LOCK_EX)
        if not is_installed(level):
            install(level)


def install(level: str) -> None:
    if level == "run" and STAMP.is_file() and STAMP.read_text(encoding="ascii").startswith("dev "):
        level = "dev"  # a refresh for `make run` keeps the tools that were there
    if UNFINISHED.exists() or (VENV.exists() and not venv_is_usable()):
        say("Removing a half-made .venv; downloads are kept.")
        shutil.rmtree(VENV)
    uv = shutil.which("uv")
    say(f"Installing dependencies into .venv with {'uv' if uv else 'pip'}; a minute or two at first.")
    try:
        if uv:
            install_with_uv(uv, level)
        else:
            install_with_pip(level)
    except SetupError:
        UNFINISHED.unlink(missing_ok=True)  # the installer stopped in good order; what it did can stay
        raise
    STAMP.write_text(f"{level} {lock_digest(level)}\n", encoding="ascii")
    UNFINISHED.unlink()


def venv_is_usable() -> bool:
    is_old = f"import sys; sys.exit(sys.version_info < {MINIMUM})"
    return PYTHON.exists() and succeeds([str(PYTHON), "-c", is_old])


def install_with_uv(uv: str, level: str) -> None:
    if not VENV.exists():
        base = find_python() or ">={}.{}".format(*MINIMUM)  # without one at hand, uv brings its own
        run([uv, "venv", "--quiet", "--python", base, str(VENV)])
    UNFINISHED.touch()
    group = ["--all-groups", "--all-extras"] if level == "dev" else ["--no-dev"]
    # --inexact leaves alone what somebody added by hand, a database driver for instance.
    certificates = os.environ.get("UV_SYSTEM_CERTS", "1")  # those this machine trusts, as pip does
    run(
        [uv, "sync", "--frozen", "--inexact", "--quiet", *group],
        UV_PROJECT_ENVIRONMENT=str(VENV),
        UV_SYSTEM_CERTS=certificates,
    )


def install_with_pip(level: str) -> None:
    if not VENV.exists():
        make_venv()
    UNFINISHED.touch()
    if not succeeds([str(PYTHON), "-m", "pip", "--version"]):
        run([str(PYTHON), "-m", "ensurepip", "--upgrade"])
    # Most modules are never imported: Python keeps bytecode of the others when it first reads them.
    run([
        str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--no-compile", "--require-hashes", "--no-deps", "-r", REQUIREMENTS[level],
    ])  # fmt: skip


def make_venv() -> None:
    base = find_python()
    if base is None:
        raise SetupError(
            f"Python {MINIMUM[0]}.{MINIMUM[1]} or newer is needed, and none is on PATH "
            f"({sys.executable} is {sys.version.split()[0]}). Install one (Debian and Ubuntu: apt install "
            "python3 python3-venv; macOS: brew install python; others: https://www.python.org/downloads/), "
            "or install uv (https://docs.astral.sh/uv/), which brings its own. Then run this command again."
        )
    if not succeeds([base, "-c", "import venv, ensurepip"]):
        raise SetupError(
            f"{base} comes without its venv module. Install it (Debian and Ubuntu: apt install python3-venv; "
            "Fedora: dnf install python3), then run the same command again."
        )
    VENV.mkdir()
    UNFINISHED.touch()  # from here on, an interrupted run starts over
    run([base, "-m", "venv", str(VENV)])


def find_python() -> str | None:
    """This interpreter when it is new enough, else a newer one on PATH."""
    if sys.version_info >= MINIMUM:
        return sys.executable
    for name in NEWER_NAMES:
        path = shutil.which(name)
        if path and succeeds([path, "-c", "import sys"]):
            return path
    return None


def succeeds(command: list[str]) -> bool:
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def run(command: list[str], **environment: str) -> None:
    result = subprocess.run(command, cwd=str(ROOT), env={**os.environ, **environment})
    if result.returncode != 0:
        raise SetupError(
            f"A step of the installation failed with exit status {result.returncode}: {' '.join(command)}\n"
            "The reason stands above (often no network, or no space left). The same command picks up again."
        )


if __name__ == "__main__":
    sys.exit(main())
