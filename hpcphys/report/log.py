"""run.log and the terminal: rank 0 alone speaks."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


class Log:
    """Lines for the user: to standard output at once, and with a time stamp to run.log.

    rank: only rank 0 writes anything.  path: run.log, opened for appending; None before the folder is known.
    """

    def __init__(self, rank: int, path: Path | None = None) -> None:
        self.speaks = rank == 0
        self._file = path.open("a", encoding="utf-8") if path is not None and self.speaks else None

    def line(self, text: str = "") -> None:
        """One or more lines of information."""
        if not self.speaks:
            return
        print(text, flush=True)
        self.note(text)

    def warning(self, text: str) -> None:
        """Something the user should look at, though the run goes on."""
        self.line(f"warning: {text}")

    def note(self, text: str) -> None:
        """To run.log only."""
        if self._file is not None:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            self._file.writelines(f"{stamp} {part}\n" for part in text.splitlines() or [""])
            self._file.flush()

    def close(self) -> None:
        """Close run.log; the terminal stays."""
        if self._file is not None:
            self._file.close()
            self._file = None


def on_terminal() -> bool:
    """Whether standard output is a terminal on which a bar can move.

    mpirun gives its ranks a pseudo-terminal whatever its own output is, so its own is looked at.
    """
    if not sys.stdout.isatty():
        return False
    if "OMPI_COMM_WORLD_SIZE" not in os.environ:
        return True
    try:
        return os.readlink(f"/proc/{os.getppid()}/fd/1").startswith(("/dev/pts/", "/dev/tty"))
    except OSError:
        return False
