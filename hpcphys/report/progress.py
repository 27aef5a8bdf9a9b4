"""How far the run is: a bar on a terminal, one line per interval in a batch log."""

from __future__ import annotations

import sys
import time

from hpcphys.report.log import Log, on_terminal

BAR_WIDTH = 30
BAR_INTERVAL = 0.2


class Progress:
    """Shows the share done, the step rate and the time left.

    log: where lines go;  interval: seconds between lines in a batch log (0: a line for every call);
    start: share done already when the run begins (above 0 for a resumed one).
    """

    def __init__(self, log: Log, interval: float, start: float = 0.0) -> None:
        self.log = log
        self.bar = log.speaks and on_terminal()
        self.interval = BAR_INTERVAL if self.bar else interval
        self.start = start
        self.began = self._shown = time.perf_counter()
        self._first: int | None = None

    def update(self, done: float, step: int, now: float, note: str = "") -> None:
        """Called after every step.  done: share of the run in 0..1; now: the simulation's time; note: a few
        words."""
        clock = time.perf_counter()
        if self._first is None:
            self._first = step - 1  # a first call of one step; a native call may do many later
        if not self.log.speaks or clock - self._shown < self.interval:
            return
        self._shown = clock
        elapsed = clock - self.began
        rate = (step - self._first) / elapsed
        gained = done - self.start
        left = elapsed * (1.0 - done) / gained if gained > 0 else float("inf")
        words = f"step {step}  t = {now:.4g}  {rate:.3g} steps/s  {duration(left)} left"
        words = f"{words}  {note}" if note else words
        if self.bar:
            filled = int(BAR_WIDTH * min(done, 1.0))
            bar = "█" * filled + "░" * (BAR_WIDTH - filled)
            sys.stdout.write(f"\r\033[K{100 * done:3.0f}% {bar} {words}")
            sys.stdout.flush()
        else:
            self.log.line(f"{100 * done:5.1f} %  {words}")

    def clear(self) -> None:
        """Take the bar off the line, before other text is printed."""
        if self.bar:
            sys.stdout.write("\r\033[K")
            sys.stdout.flush()


def duration(seconds: float) -> str:
    """A time span in words: 45 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    if seconds == float("inf") or seconds != seconds:
        return "? s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    for large, small, long_name, short_name in (
        (86400, 3600, "d", "h"),
        (3600, 60, "h", "min"),
        (60, 1, "min", "s"),
    ):
        if whole >= large:
            return f"{whole // large} {long_name} {whole % large // small} {short_name}"
    return f"{whole} s"


def amount(size: float) -> str:
    """Bytes in words: 12 MB, 3.4 GB."""
    units = ("B", "kB", "MB", "GB", "TB")
    power = 0
    while size >= 1000 and power < len(units) - 1:
        size, power = size / 1000, power + 1
    return f"{size:.3g} {units[power]}"
