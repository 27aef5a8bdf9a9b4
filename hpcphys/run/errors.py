"""How a run ends, in words and in exit codes."""

from __future__ import annotations

FINISHED = 0
FAILED = 1
INVALID_JOB = 2
STOPPED_EARLY = 75


class JobError(Exception):
    """The job is invalid; the message lists every problem, one per line, as `file:line: key: what is wrong`.

    Raised on all ranks together.
    """

    exit_code = INVALID_JOB

    def __init__(self, problems: list[str]):
        super().__init__("\n".join(problems))
        self.problems = problems


class RunError(Exception):
    """The physics left its limits; raised on all ranks together; the message says where and what to do."""

    exit_code = FAILED


class MachineError(Exception):
    """Something a run needs of its machine is missing or broken; may be raised on one rank alone."""

    exit_code = FAILED
