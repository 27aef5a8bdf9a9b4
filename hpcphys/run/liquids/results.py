"""What the observables of a run come to: numbers for summary.json and curves for observables.h5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.run.liquids.averages import finite
from hpcphys.run.liquids.job import LiquidJob
from hpcphys.run.liquids.observing import Observing

FILE = "observables.h5"

Curves = dict[str, dict[str, np.ndarray]]


def curves(job: LiquidJob, observing: Observing, boltzmann: float) -> Curves:
    """Group -> name -> values of every curve that has been measured; the same on all ranks.  Collective.

    rdf_<a>_<b>: radius, value, error, coordination        structure_factor: wavenumber, value, error, vectors
    msd: time, msd, error, axes, non_gaussian               vacf: time, value, error, normalised, diffusion, …
    viscosity: time, correlation, error, viscosity, viscosity_error
    """
    found: Curves = {}
    for name, seen in observing.watched.items():
        watched = seen.observable
        if name == "rdf" and watched.segments.samples:
            for a, b in watched.pairs:
                found[f"rdf_{a}_{b}"] = _named(
                    watched.result(a, b), "radius", "value", "error", "coordination"
                )
        elif name == "structure_factor" and watched.segments.samples:
            found[name] = _named(watched.result(), "wavenumber", "value", "error", "vectors")
        elif name == "msd" and watched.origins.samples:
            found[name] = _named(watched.result(), "time", "msd", "error", "axes", "non_gaussian")
        elif name == "vacf" and watched.origins.samples:
            found[name] = _named(
                watched.result(), "time", "value", "error", "normalised", "diffusion", "diffusion_error"
            )
        elif name == "viscosity" and len(watched.times) > 1:
            curve = _named(watched.result(), "time", "correlation", "error", "viscosity", "viscosity_error")
            scale = _viscosity_scale(observing, boltzmann)
            curve["viscosity"] = curve["viscosity"] * scale
            curve["viscosity_error"] = curve["viscosity_error"] * scale
            found[name] = curve
    return found


def numbers(job: LiquidJob, observing: Observing, boltzmann: float) -> dict[str, Any]:
    """Block averages with errors, and diffusion, viscosity, heat capacity with theirs; collective.

    diffusion_corrected: with Yeh and Hummer's correction for the periodic box, where the viscosity is known
    """
    found = observing.averages.metrics()
    given, seen = job.observables, observing.watched
    if "msd" in seen:
        longest = _longest(seen["msd"].observable.origins)
        first = given.msd.fit_from or 0.25 * longest
        last = given.msd.fit_to or 0.5 * longest
        found |= _measured("diffusion", lambda: seen["msd"].observable.diffusion(first, last))
    if "vacf" in seen:
        last = given.vacf.integrate_to or float("inf")
        found |= _measured("diffusion_green_kubo", lambda: seen["vacf"].observable.diffusion(last))
    if "viscosity" in seen and len(seen["viscosity"].observable.times) > 1:
        found |= _viscosity(job, observing, boltzmann)
    if "heat_capacity" in seen and seen["heat_capacity"].observable.segments.samples:
        found |= _measured("heat_capacity", seen["heat_capacity"].observable.result)
        for name in ("heat_capacity", "heat_capacity_error"):
            if found.get(name) is not None:
                found[name] /= observing.averages.atoms
    found |= _corrected(found, boltzmann)
    if "rdf" in seen and seen["rdf"].observable.segments.samples:
        found |= _first_peak(seen["rdf"].observable.result(0, 0))
    return found


def write_curves(path: Path, found: Curves, attributes: dict[str, Any]) -> None:
    """observables.h5, by one rank.  Raises OSError."""
    import os

    import h5py

    partial = path.with_name(f".{path.name}.partial")
    with h5py.File(partial, "w") as file:
        file.attrs.update(attributes)
        for group, values in found.items():
            for name, array in values.items():
                file[f"{group}/{name}"] = array
    os.replace(partial, path)


def _named(result: Any, *names: str) -> dict[str, np.ndarray]:
    return {name: np.asarray(getattr(result, name)) for name in names}


def _measured(name: str, measure: Any) -> dict[str, Any]:
    """A number with its error; nothing where the run was too short for it."""
    try:
        result = measure()
    except ValueError:
        return {}
    return {name: finite(result.value), f"{name}_error": finite(result.error)}


def _longest(origins: Any) -> float:
    there = origins.segments.totals()["origins"] > 0
    return float(origins.times[there].max(initial=0.0))


def _viscosity_scale(observing: Observing, boltzmann: float) -> float:
    """V/(k_B T) of the averages."""
    mean = observing.averages.blocks.estimate
    return mean("volume").value / (boltzmann * mean("temperature").value)


def _viscosity(job: LiquidJob, observing: Observing, boltzmann: float) -> dict[str, Any]:
    observable = observing.watched["viscosity"].observable
    last = job.observables.viscosity.integrate_to or _noise_begins(observable)
    found = _measured("viscosity", lambda: observable.green_kubo(last))
    scale = _viscosity_scale(observing, boltzmann)
    return {name: None if value is None else value * scale for name, value in found.items()} | (
        {"viscosity_integrated_to": last} if found else {}
    )


def _noise_begins(observable: Any) -> float:
    """Five times the lag at which the correlation has first fallen to a twentieth; the longest if it has
    not."""
    result = observable.result()
    small = np.flatnonzero(result.correlation < 0.05 * result.correlation[0])
    longest = float(result.time[-1])
    return min(longest, 5.0 * float(result.time[small[0]])) if len(small) else longest


def _corrected(found: dict[str, Any], boltzmann: float) -> dict[str, Any]:
    """D with the correction for the periodic box (Yeh & Hummer 2004), where η has been measured."""
    from hpcphys.physics.observables import yeh_hummer

    if not (found.get("diffusion") and (found.get("viscosity") or 0.0) > 0.0 and found.get("volume")):
        return {}
    extra = yeh_hummer(found["temperature"], found["viscosity"], found["volume"] ** (1.0 / 3.0), boltzmann)
    return {"diffusion_box_correction": extra, "diffusion_corrected": found["diffusion"] + extra}


def _first_peak(result: Any) -> dict[str, Any]:
    """Place and height of the largest g(r), by a parabola through three bins."""
    k = int(np.argmax(result.value))
    if not 0 < k < len(result.value) - 1:
        return {}
    left, top, right = (float(result.value[k + step]) for step in (-1, 0, 1))
    bend = left - 2.0 * top + right
    shift = 0.5 * (left - right) / bend if bend < 0.0 else 0.0
    width = float(result.radius[1] - result.radius[0])
    return {
        "rdf_peak_radius": float(result.radius[k]) + shift * width,
        "rdf_peak_height": top - 0.25 * (left - right) * shift,
    }
