"""Distributed Fourier transforms against mpi4py-fft and pyFFTW: times as ratios, bytes against the model.

python scaling/pencils.py [--shapes 512x512 …] [--ranks 1 2] [--repeats K] [--quick]

pyFFTW is measured on one rank where Python finds it.  It is no requirement of hpcphys; to have it beside the
environment:  pip install --target /some/folder --no-deps pyfftw  and PYTHONPATH=/some/folder.
A time is that of one forward and one backward transform, one of them normalised, one thread per rank.
--quick: 64x64 and 16x16x16.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scaling.launching import launched
from scaling.limits import machine
from scaling.printed import Table
from scaling.timing import alone
from scaling.verdict import Verdict

PROBE = Path(__file__).resolve().with_name("pencil_probe.py")
SHAPES = ("512x512", "1024x1024", "128x128x128", "256x256x256")
QUICK = ("64x64", "16x16x16")


def measured(ranks: int, shapes: list[str], repeats: int) -> list[dict]:
    """The probe's records; launched by mpirun on one rank too, for mpi4py-fft needs MPI."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "found.json"
        launched(ranks, [str(PROBE), str(target), str(repeats), *shapes])
        return json.loads(target.read_text(encoding="utf-8"))


def key(record: dict) -> tuple:
    """What a record is of."""
    return tuple(record["shape"]), record["kind"], record["precision"]


def speed_table(ranks: int, records: list[dict], alone_times: dict[tuple, float], verdict: Verdict) -> None:
    """Milliseconds, ratios to the peers (above 1: hpcphys is faster), and the gain over one rank."""
    table = Table(
        f"forward + backward on {ranks} rank(s)", "field", "ms", "overwriting ms",
        "mpi4py-fft/hpcphys", "pyFFTW/hpcphys", "gain over one rank", "overwriting",
    )  # fmt: skip
    for record in records:
        seconds = record["seconds"]
        plain, over = seconds["hpcphys"], seconds["hpcphys, overwriting"]
        peer = seconds.get("pyFFTW")
        first = alone_times.get((key(record), "hpcphys")) if ranks > 1 else None
        first_over = alone_times.get((key(record), "hpcphys, overwriting")) if ranks > 1 else None
        name = f"{'x'.join(map(str, record['shape']))} {record['kind']} {record['precision']}"
        table.add(
            name, 1e3 * plain, 1e3 * over, seconds["mpi4py-fft"] / plain, peer and peer / over,
            first and first / plain, first_over and first_over / over,
        )  # fmt: skip
        if peer:
            verdict.at_most(f"{name}, 1 rank: time over pyFFTW's", over / peer, 1.3)
        verdict.at_most(
            f"{name}, {ranks} rank(s): time over mpi4py-fft's", plain / seconds["mpi4py-fft"], 1.0
        )
    table.show()


def bytes_table(ranks: int, records: list[dict], verdict: Verdict) -> None:
    """Bytes of one forward transform on each rank, counted by the communicator, and the model."""
    table = Table(
        f"bytes sent by a rank in one forward, {ranks} ranks", "field", "counted mean", "largest", "model"
    )
    for record in records:
        counted = [sent for sent, _ in record["bytes"]]
        mean = sum(counted) / len(counted)
        name = f"{'x'.join(map(str, record['shape']))} {record['kind']} {record['precision']}"
        table.add(name, round(mean), max(counted), round(record["model"]))
        verdict.at_most(
            f"{name}, {ranks} ranks: mean bytes over the model", mean / record["model"], 1.0 + 1e-9
        )
    table.show()


def main(arguments: list[str] | None = None) -> int:
    """Print all tables."""
    parser = argparse.ArgumentParser(description="distributed Fourier transforms")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES))
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="64x64 and 16x16x16")
    given = parser.parse_args(arguments)
    shapes = list(QUICK) if given.quick else given.shapes
    verdict = Verdict()
    print(f"{machine()}\n")
    alone_times: dict[tuple, float] = {}
    with alone():
        for ranks in given.ranks:
            records = measured(ranks, shapes, given.repeats)
            if ranks == 1:
                alone_times = {(key(r), name): s for r in records for name, s in r["seconds"].items()}
            speed_table(ranks, records, alone_times, verdict)
            if ranks > 1:
                bytes_table(ranks, records, verdict)
    verdict.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
