"""The on-disk cache of compiled modules: written once, checked when read, shared by any number of processes.

An entry is a file and beside it `<file>.sha256`.  Both are written under a temporary name and renamed, the
checksum last, so that a reader sees a whole entry or none; a damaged one fails its checksum and is rebuilt.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from .errors import CacheUnusable

# What a folder that cannot be written answers; anything else is a defect and is raised as it is.
UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.ENOENT, errno.ENOTDIR,
              errno.EEXIST, errno.EIO, errno.ENAMETOOLONG, errno.EFBIG}  # fmt: skip


def folders() -> list[Path]:
    """Where entries may live, first choice first.

    $HPCPHYS_CACHE, $XDG_CACHE_HOME/hpcphys, ~/.cache/hpcphys, or this user's folder in the temporary one.
    """
    found = []
    if os.environ.get("HPCPHYS_CACHE"):
        found.append(Path(os.environ["HPCPHYS_CACHE"]))
    if os.environ.get("XDG_CACHE_HOME"):
        found.append(Path(os.environ["XDG_CACHE_HOME"]) / "hpcphys")
    with contextlib.suppress(RuntimeError):
        found.append(Path.home() / ".cache" / "hpcphys")
    found.append(_temporary_folder())
    return found


def cached(file: str, build: Callable[[Path], None]) -> Path:
    """The path of the entry `file`, built if it is absent or damaged.

    build(target) writes the entry to `target`; its OSErrors about space or permission send the search on to
    the next folder, its other errors are passed on.  Of the processes that ask at once, one builds, the rest
    wait.
    Raises CacheUnusable when no folder could be used.
    """
    refused = []
    for folder in folders():
        try:
            return _entry(folder / "kernels" / file, build)
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            refused.append(f"  {folder}: {error.strerror or error}")
    raise _unusable(f"the compiled kernel {file}", refused)


def kept(file: str) -> tuple[Path | None, list[str]]:
    """The intact entry `file` of the first folder that has one, or None; and a line on each damaged one."""
    damaged: list[str] = []
    for folder in folders():
        path = folder / "kernels" / file
        try:
            if not path.exists():
                continue
            if folder == _temporary_folder():
                _made(path.parent)
        except OSError:
            continue
        if intact(path):
            return path, damaged
        damaged.append(f"{path}: does not have the checksum that was recorded beside it")
    return None, damaged


def replace(file: str, build: Callable[[Path | None, Path], None]) -> Path:
    """Write the entry `file` anew while no other process writes it.

    build(old, target) writes `target`; old is the intact entry that it replaces, or None.  Errors are treated
    as in `cached`.  Raises CacheUnusable when no folder took it.
    """
    refused = []
    for folder in folders():
        path = folder / "kernels" / file
        try:
            _made(path.parent)
            with _lock(path.with_name(path.name + ".lock")):
                _write(path, functools.partial(build, path if intact(path) else None))
            return path
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            refused.append(f"  {folder}: {error.strerror or error}")
    raise _unusable(file, refused)


def writable_folder() -> Path:
    """The first folder that takes a new entry.  Raises CacheUnusable when there is none."""
    refused = []
    for folder in folders():
        try:
            with tempfile.NamedTemporaryFile(dir=_made(folder / "kernels")) as file:
                file.write(b"\0" * 4096)
            return folder / "kernels"
        except OSError as error:
            refused.append(f"  {folder}: {error.strerror or error}")
    raise _unusable("a compiled kernel", refused)


def intact(path: Path) -> bool:
    """Whether the entry exists and has the checksum recorded beside it."""
    try:
        recorded = _checksum_file(path).read_text(encoding="ascii").strip()
        return recorded == hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, UnicodeDecodeError):
        return False


def _entry(path: Path, build: Callable[[Path], None]) -> Path:
    if path.parent.parent == _temporary_folder():
        _made(path.parent)
    if intact(path):
        return path
    _made(path.parent)
    with _lock(path.with_name(path.name + ".lock")):
        if not intact(path):
            _write(path, build)
    return path


def _write(path: Path, build: Callable[[Path], None]) -> None:
    workplace = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", dir=path.parent))
    try:
        made = workplace / path.name
        build(made)
        recorded = workplace / "sha256"
        recorded.write_text(hashlib.sha256(made.read_bytes()).hexdigest() + "\n", encoding="ascii")
        os.replace(made, path)
        os.replace(recorded, _checksum_file(path))
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; a file system without locks may build a module twice, but never a torn one."""
    with open(path, "w", encoding="ascii") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _checksum_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _temporary_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"hpcphys-{os.getuid()}"


def _made(folder: Path) -> Path:
    """Make `folder`; where anybody may write, see that it is ours: what it holds is run as machine code."""
    if folder.parent == _temporary_folder():
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        found = folder.parent.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        if not ours or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            reason = "belongs to another user, or others may write to it"
            raise PermissionError(errno.EPERM, reason, str(folder.parent))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _unusable(what: str, refused: list[str]) -> CacheUnusable:
    return CacheUnusable(
        f"no folder can hold {what}:\n"
        + "\n".join(refused)
        + "\nSet HPCPHYS_CACHE to a folder that can be written and has some megabytes free."
    )
