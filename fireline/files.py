"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fireline.errors import FirelineError


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file beside its place and move it there, so that a reader sees the old file or the new one.

    Raises:
        FirelineError: the folder cannot be written to, or the disk is full.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise FirelineError(f"cannot be written: {error.strerror}", node=str(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise FirelineError(f"cannot be written: {error.strerror}", node=str(path)) from None
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A temporary folder beside `path` that becomes `path` when the block ends without an error.

    Raises:
        FirelineError: `path` exists and `replace` is false, or it cannot be written.
    """
    if path.exists() and not path.is_dir():
        raise FirelineError("this is a file, a folder expected", node=str(path), hint="choose another place")
    if path.exists() and not replace:
        raise FirelineError(
            "this output folder exists", node=str(path), hint="choose another, or pass --force"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as error:
        raise FirelineError(f"cannot be written: {error.strerror}", node=str(path)) from None
    try:
        yield temporary
        temporary.chmod(0o755)
        _exchange(temporary, path)
    except OSError as error:
        raise FirelineError(f"cannot be written: {error.strerror or error}", node=str(path)) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _exchange(new: Path, path: Path) -> None:
    """Move `new` to `path`, and what was there to `new`: in one step where the system can, so that a folder is always
    whole at `path`, whenever the process ends.
    """
    if not path.exists():
        os.replace(new, path)
        return
    if _swapped(new, path):
        return
    aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
    os.replace(path, aside / path.name)
    try:
        os.replace(new, path)
    except BaseException:
        os.replace(aside / path.name, path)
        raise
    finally:
        if path.exists():
            shutil.rmtree(aside, ignore_errors=True)


def _swapped(a: Path, b: Path) -> bool:
    """Whether Linux has exchanged two paths (renameat2); other systems and some file systems cannot."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    exchange, here = 2, -100  # RENAME_EXCHANGE, AT_FDCWD
    return rename is not None and not rename(here, os.fsencode(a), here, os.fsencode(b), exchange)
