"""Antennas: waves and laser pulses sent from a plane by a current on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .geometry import AXES, ELECTRIC

Waveform = Callable[..., Any]
"""w(t, u, v): the complex field divided by the amplitude, at distances u and v from the beam's axis."""


def plane_wave(frequency: float, *, rise: float = 0.0, phase: float = 0.0) -> Waveform:
    """exp(-i(ω t + phase)), switched on at t = 0 as sin²(π t/(2 rise)) over the time `rise`."""

    def wave(t: float, *distances: Any) -> Any:
        if t <= 0:
            return 0.0
        envelope = math.sin(0.5 * math.pi * min(t / rise, 1.0)) ** 2 if rise > 0 else 1.0
        return envelope * np.exp(-1j * (frequency * t + phase))

    return wave


def gaussian_pulse(
    frequency: float,
    *,
    waist: float,
    duration: float,
    centre: float,
    focus: float = 0.0,
    transverse_axes: int = 2,
    light_speed: float = 1.0,
    phase: float = 0.0,
) -> Waveform:
    """A Gaussian pulse on the plane of the antenna, paraxial.

        E = exp(-(t - centre)²/duration²) (1/Q)^(d/2) exp(-r²/(waist² Q)) exp(-i ω(t - centre) + i phase),
        Q = 1 - i focus/z_R,  z_R = ω waist²/(2c)

    waist: radius at the focus where the field is 1/e; duration: half width of the field at 1/e
    centre: when the pulse's maximum leaves the antenna;  focus: how far in front of it the focus lies
    transverse_axes: d, axes of the grid across the beam (0, 1 or 2)
    Source: Siegman (1986), Lasers, §16.4 (a complex source point); d = 1 for a sheet.
    Raises ValueError for a waist or duration that is not positive.
    """
    if not (waist > 0 and duration > 0):
        raise ValueError(f"waist {waist}, duration {duration}: both must be positive")
    rayleigh = 0.5 * frequency * waist**2 / light_speed
    spread = 1 - 1j * focus / rayleigh if transverse_axes else 1.0

    def wave(t: float, *distances: Any) -> Any:
        tau = t - centre
        square = sum(distance**2 for distance in distances)
        beam = np.exp(-square / (waist**2 * spread)) / spread ** (0.5 * transverse_axes)
        return math.exp(-((tau / duration) ** 2)) * np.exp(-1j * (frequency * tau - phase)) * beam

    return wave


def peak_field(
    a0: float, frequency: float, *, mass_per_charge: float = 1.0, light_speed: float = 1.0
) -> float:
    """E0 = a0 m c ω/e of a laser's normalised amplitude a0."""
    return a0 * mass_per_charge * light_speed * frequency


class Antenna:
    """A current on a plane that sends a wave both ways along an axis.

        J = -2 ε0 c E0 cos(k dx/2)/dx · Re[p w(t, …)]   on the nodes of one plane

    so that waves of E0 Re[p w] leave it; the cosine (k: the grid's own wavenumber at ω) makes the amplitude
    on Yee's grid exact for a plane wave.
    fields: Maxwell;  axis: along which it sends;  position: node of the plane along it [cells]
    amplitude: E0;  frequency: ω, of the correction
    waveform: w, e.g. `plane_wave` or `gaussian_pulse`
    polarisation: p, two complex numbers for the next two axes in turn (y, z for x): (1, 0), (1, 1j)/√2, …
    centre: where the beam's axis crosses the plane along the grid's other axes [cells]; their middle if None
    Raises ValueError for a plane outside the grid or an unresolved frequency.
    """

    def __init__(
        self,
        fields: Any,
        *,
        axis: int,
        position: int,
        amplitude: float,
        frequency: float,
        waveform: Waveform,
        dt: float,
        polarisation: Sequence[complex] = (1.0, 0.0),
        centre: Sequence[float] | None = None,
    ):
        geometry, blocks = fields.geometry, fields.blocks
        shape = blocks.shape
        if not (0 <= axis < geometry.axes and 0 < position < shape[axis]):
            raise ValueError(
                f"an antenna on plane {position} along axis {axis}: the grid has {shape} cells; choose an "
                "inner plane of one of its axes"
            )
        self._fields, self._waveform = fields, waveform
        dx, c = geometry.spacing[axis], fields.light_speed
        self._strength = -2 * fields.permittivity * c * amplitude * self._correction(axis, frequency, dt) / dx
        place = blocks.guards + position - blocks.start[axis]
        self._here = 0 <= position - blocks.start[axis] < blocks.count[axis]
        others = [a for a in range(geometry.axes) if a != axis]
        if centre is None:
            centre = [0.5 * shape[a] for a in others]
        self._parts = []
        for turn, factor in zip((1, 2), polarisation, strict=True):
            component = (axis + turn) % 3
            if factor == 0 or not self._here:
                continue
            slices: list[Any] = list(blocks.owned)
            slices[axis] = place
            distances = []
            for number, a in enumerate(others):
                cells = blocks.start[a] + np.arange(blocks.count[a]) + 0.5 * ELECTRIC[component][a]
                form = [1] * len(others)
                form[number] = -1
                distances.append(((cells - centre[number]) * geometry.spacing[a]).reshape(form))
            self._parts.append((complex(factor), component, tuple(slices), distances))

    def _correction(self, axis: int, frequency: float, dt: float) -> float:
        """cos(k dx/2) with sin(k dx/2) = sin(ω dt/2) dx/(c dt)."""
        fields = self._fields
        if fields.solver == "psatd":
            return 1.0
        sine = math.sin(0.5 * frequency * dt) * fields.geometry.spacing[axis] / (fields.light_speed * dt)
        if not sine < 1:
            raise ValueError(
                f"frequency {frequency:g} is not resolved along {AXES[axis]}: a wavelength needs more than "
                "two cells; take a smaller spacing"
            )
        return math.sqrt(1 - sine**2)

    def drive(self, time: float) -> None:
        """Add the antenna's current at a time (the middle of the step) to J, after `finish_currents`."""
        backend = self._fields.backend
        for factor, component, place, distances in self._parts:
            values = self._strength * np.real(factor * self._waveform(time, *distances))
            target = self._fields.J[component]
            line = backend.array(np.asarray(values, dtype=self._fields.geometry.dtype))
            target[place] += line.reshape(target[place].shape)
