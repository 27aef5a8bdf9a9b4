"""GADGET-4 HDF5 snapshots: written by all ranks into one file, read from one file or several.

Files are in kpc, 10^10 solar masses and km/s (h = 1, a = 1), which yt and pynbody assume or read from the
`Parameters` group.  Inside, the units are the job's: a length, a mass and G make them.
Format: Springel, Pakmor, Zier & Reinecke (2021), MNRAS 506, 2871, and the user guide of GADGET-4.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hpcphys.io.gadget4_reader import PARTICLE_TYPES, Snapshot, read_headers, read_snapshot
from hpcphys.io.galaxy_units import GYR_PER_KPC_PER_KM_S, KPC_IN_CM, SOLAR_1E10_IN_G, GalaxyUnits
from hpcphys.io.rows import write_rows

__all__ = ["GalaxyUnits", "Snapshot", "read_headers", "read_snapshot", "write_snapshot"]

DEFAULT_TYPE = 1  # halo: collisionless


def write_snapshot(
    path: str | Path, communicator, state, units: GalaxyUnits, time: float, job: str | None = None
) -> int:
    """Write all particles of all ranks as one GADGET-4 HDF5 file; collective.

    path: final name, by custom snapshot_000.hdf5;  time: of the job [job's time]
    state: position, velocity (n, 3), mass (n,), id (n,); type (n,) int8 where there is one, else all are
      type 1; potential (n,), valid at these positions, is written where the state has it
    job: text of the effective job, kept as the file's attribute `job`
    Coordinates, velocities and masses keep float64, so that a file read again is the state to one rounding.
    Returns bytes written.  Raises DataFileError on all ranks when one cannot write.
    """
    kinds = state["type"] if "type" in state else np.full(len(state["mass"]), DEFAULT_TYPE, dtype=np.int8)
    counts = communicator.allreduce(np.bincount(kinds, minlength=PARTICLE_TYPES).astype(np.int64), "sum")
    velocity = units.velocity_km_s
    columns = {
        "Coordinates": ("position", units.length_kpc, np.float64, (1.0, 0.0, 0.0)),
        "Velocities": ("velocity", velocity, np.float64, (0.0, 0.0, 1.0)),
        "Masses": ("mass", units.mass_1e10_msun, np.float64, (0.0, 1.0, 0.0)),
        "ParticleIDs": ("id", None, np.uint64, (0.0, 0.0, 0.0)),
        "Potential": ("potential", velocity**2, np.float32, (0.0, 0.0, 2.0)),
    }
    datasets, attributes = {}, header_attributes(counts, time * units.time_kpc_per_km_s)
    if job is not None:
        attributes["/"] = {"job": job}
    for kind in np.flatnonzero(counts):
        chosen = slice(None) if counts[kind] == counts.sum() else kinds == kind
        for name, (array, factor, dtype, scaling) in columns.items():
            if array in state:
                rows = state[array][chosen]
                rows = rows.astype(dtype) if factor is None else (rows * factor).astype(dtype, copy=False)
                datasets[f"PartType{kind}/{name}"] = rows
                attributes[f"PartType{kind}/{name}"] = dataset_attributes(*scaling)
    return write_rows(path, communicator, datasets, attributes)


def header_attributes(counts: np.ndarray, time: float) -> dict[str, dict[str, object]]:
    """The groups Header, Parameters and Units of a snapshot in one file.

    counts: (6,) particles of each type;  time [kpc/(km/s)]
    """
    unit_attributes: dict[str, object] = {
        "UnitLength_in_cm": KPC_IN_CM,
        "UnitMass_in_g": SOLAR_1E10_IN_G,
        "UnitVelocity_in_cm_per_s": 1e5,
    }
    cosmology = {"HubbleParam": 1.0, "Omega0": 0.0, "OmegaLambda": 0.0, "OmegaBaryon": 0.0, "Hubble": 0.0}
    return {
        "Header": {
            "NumPart_ThisFile": counts.astype(np.uint64),
            "NumPart_Total": counts.astype(np.uint64),
            "MassTable": np.zeros(PARTICLE_TYPES),  # masses are in the datasets
            "Time": time,
            "Redshift": 0.0,
            "BoxSize": 0.0,  # not periodic
            "NumFilesPerSnapshot": np.int32(1),
            "HubbleParam": 1.0,
            "Omega0": 0.0,
            "OmegaLambda": 0.0,
        },
        # Time_GYR is what pynbody looks for; without it, it computes the age of an empty universe.
        "Parameters": {
            **unit_attributes,
            **cosmology,
            "ComovingIntegrationOn": np.int32(0),
            "Time_GYR": time * GYR_PER_KPC_PER_KM_S,
        },
        "Units": unit_attributes,
    }


def dataset_attributes(length: float, mass: float, velocity: float) -> dict[str, object]:
    """GADGET-4's attributes of a dataset with the unit kpc^length (10^10 M_sun)^mass (km/s)^velocity."""
    return {
        "a_scaling": 0.0,
        "h_scaling": 0.0,
        "length_scaling": length,
        "mass_scaling": mass,
        "velocity_scaling": velocity,
        "to_cgs": KPC_IN_CM**length * SOLAR_1E10_IN_G**mass * 1e5**velocity,
    }
