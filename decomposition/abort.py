"""One abort hook: an exception on any rank ends the whole job with one message."""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
import threading
import time
import traceback

INTERRUPTED = 130


class AbortHook:
    """Turns an uncaught exception on one rank into the end of the job, in under a second.

    Without it, MPI leaves the other ranks waiting for ever in their next collective call.
    `world` is the mpi4py communicator whose ranks end together; `node` holds the ranks of this machine.
    Both are None without MPI: then only the message and the exit code remain.

    One message: the first failing rank of a node leaves a mark in a file that all ranks of the node have
    open, and only that rank prints.  A node without rank 0 waits `patience` seconds first, so that an error
    which all ranks raise together (an invalid job) is told by rank 0's node alone.
    """

    patience = 0.3

    def __init__(self, world, node):
        self.world = world
        self.rank = 0 if world is None else world.Get_rank()
        self.size = 1 if world is None else world.Get_size()
        self._on_first_node = self.size == 1 or bool(node.bcast(self.rank == 0))
        self._file = _shared_file(node) if self.size > 1 else None

    def install(self) -> None:
        """Become `sys.excepthook` and `threading.excepthook` of this process."""
        sys.excepthook = self
        threading.excepthook = self._from_thread

    def __call__(self, kind, error, trace) -> None:
        """Print one message for the job and end every rank with the exit code of `error`.

        The exit code is `error.exit_code` where the exception carries one, 130 for an interrupt from the
        keyboard, else 1.
        """
        try:
            self._speak(error, trace)
        finally:
            # Even a message that cannot be written must not leave the others waiting.
            self._end(exit_code(error))

    def _speak(self, error, trace) -> None:
        if not self._is_first():
            # Someone else speaks for the job; this rank only has to outlive that message.
            time.sleep(4 * self.patience)
            return
        if not self._on_first_node:
            time.sleep(self.patience)
        sys.stdout.flush()
        sys.stderr.write(failure_message(error, trace, self.rank, self.size))
        sys.stderr.flush()

    def _end(self, code: int) -> None:
        if self.size > 1:
            self.world.Abort(code)
        if self.world is not None:
            from mpi4py import MPI

            MPI.Finalize()
        # Not sys.exit: this may be another thread, and nothing may follow the message.
        os._exit(code)

    def _from_thread(self, arguments) -> None:
        if arguments.exc_type is not SystemExit:
            self(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    def _is_first(self) -> bool:
        if self._file is None:
            return True
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            # The mark outlives the first rank; a lock alone would be free again when MPI has killed it.
            if os.fstat(self._file).st_size > 0:
                return False
            os.write(self._file, b"failed")
        except OSError:
            return True
        finally:
            os.close(self._file)
        return True


def exit_code(error: BaseException) -> int:
    """Exit code that ends the job: `error.exit_code` if there is one, 130 for an interrupt, else 1."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return int(getattr(error, "exit_code", 1))


def failure_message(error: BaseException, trace, rank: int, size: int) -> str:
    """Text of the job's one message: only the words for an error meant for the user (it carries an
    `exit_code`), with the traceback for anything unforeseen."""
    where = f" (rank {rank} of {size})" if size > 1 else ""
    if isinstance(error, KeyboardInterrupt):
        return f"hpcphys: interrupted{where}\n"
    if hasattr(error, "exit_code"):
        return f"hpcphys: error{where}: {error}\n"
    lines = "".join(traceback.format_exception(type(error), error, trace))
    return f"hpcphys: unexpected {type(error).__name__}{where}:\n{lines}"


def _shared_file(node):
    """Descriptor of a nameless file that all ranks of this machine have open, or None if there is none.

    The file is unlinked as soon as everyone has opened it, so that nothing is left behind however a run ends.
    """
    path = None
    if node.Get_rank() == 0:
        try:
            handle, path = tempfile.mkstemp(prefix="hpcphys-")
            os.close(handle)
        except OSError:
            path = None
    path = node.bcast(path)
    descriptor = None
    if path is not None:
        try:
            descriptor = os.open(path, os.O_RDWR)
        except OSError:
            descriptor = None
    node.Barrier()
    if node.Get_rank() == 0 and path is not None:
        os.unlink(path)
    return descriptor
