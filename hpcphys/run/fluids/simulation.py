"""A run of a two-dimensional flow, as the driver sees it: what both truncations have in common."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hpcphys.compiler import State
from hpcphys.compiler.program import OperationError
from hpcphys.decomposition.pencils.sizes import slow_size
from hpcphys.physics.vorticity.budget import QUANTITIES, Budget
from hpcphys.physics.vorticity.diagnostics import QuadraticSums, moments
from hpcphys.physics.vorticity.spectra import Shells, fluxes
from hpcphys.run.errors import RunError
from hpcphys.run.fluids.job import FluidJob
from hpcphys.run.kind import Simulation


class FlowSimulation(Simulation):
    """Amplitudes of the vorticity, their diagnostics and budgets.

    grid, engine: of the amplitudes and of what is drawn;  program: what moves them
    memory: of the checkpoint that is being resumed, or {}
    """

    snapshot_pattern: ClassVar[str] = "snapshot_{index:03d}.h5"

    def __init__(
        self,
        job: FluidJob,
        grid: Any,
        engine: Any,
        program: Any,
        timers: Any,
        log: Any,
        memory: dict[str, Any],
    ) -> None:
        self.job, self.grid, self.engine, self.program = job, grid, engine, program
        self.backend, self.communicator = engine.backend, engine.communicator
        self.timers, self.log = timers, log
        same = job.run.reproducible
        self.sums = QuadraticSums(grid, engine.damping, self.communicator, same)
        self.shells = Shells(grid, self.communicator, same)
        self.budget = Budget(memory.get("budget"))
        self._largest: dict[str, float] = memory.get("largest", {})
        self._now: dict[str, float] = {}

    @abstractmethod
    def modes(self) -> Any:
        """ω̂ of this rank's columns, on the device; collective."""

    @abstractmethod
    def tendency(self) -> Any:
        """FT(-u·∇ω) of this rank's columns, on the device; collective."""

    @property
    def state(self) -> State:
        """The state that the program moves."""
        return self.program.state

    @property
    def memory(self) -> dict[str, Any]:
        """The integrals of the budget, and the largest errors."""
        return {"budget": self.budget.memory, "largest": self._largest}

    def start(self, resumed: bool) -> None:
        """See that the first state is one; the budget begins."""
        if warning := slow_size(self.grid.n):
            self.log.warning(warning)
        if resumed:
            return
        if self.communicator.agree(not self.is_finite()):
            self.raise_not_finite()
        self.budget.start(self.quadratic())

    def advance(self, steps: int, diagnosed: bool) -> None:
        """The steps, and what each adds to the budget."""
        for _ in range(steps):
            try:
                dt = self.program.step()
            except OperationError as error:
                self._explain(error)
                raise
            self._now = {}
            self.account(dt)

    def account(self, dt: float) -> None:
        """What a step that is done adds to the budget; nothing without damping and forcing."""

    def is_finite(self) -> bool:
        """Whether this rank's modes are numbers: one that is not shows in their sum."""
        xp = self.backend.xp
        return bool(xp.isfinite(xp.sum(self.state["vorticity"])))

    def _explain(self, error: OperationError) -> None:
        """Raise RunError for an operation that failed by the physics: what it says is meant for the user."""
        cause = error.__cause__
        if isinstance(cause, FloatingPointError):
            self.raise_not_finite()
        if isinstance(cause, ValueError | ArithmeticError):
            raise RunError(f"{error}.  No checkpoint of this state is written") from error

    def raise_not_finite(self) -> None:
        """Raise RunError on all ranks that names the first bad amplitude, and its rank."""
        array, state = self.backend.host(self.state["vorticity"]), self.state
        bad = np.argwhere(~np.isfinite(array))
        mine = (self.place(*bad[0]), str(array[tuple(bad[0])])) if len(bad) else None
        for rank, found in enumerate(self.communicator.allgather(mine)):
            if found is not None:
                pieces = " or ".join(piece.name for piece in self.program.system.pieces)
                raise RunError(
                    f"the vorticity of {found[0]} on rank {rank} is {found[1]} after step {state.step} at "
                    f"time {state.time:g}; it was written by {pieces}.  No checkpoint of this state is "
                    "written.  Use a shorter step (or adaptive = true), or more viscosity"
                )
        raise RunError(f"the vorticity overflows after step {state.step} at time {state.time:g}")

    def place(self, row: int, column: int) -> str:
        """What an element of the state's array is, in words."""
        return f"mode k = ({self.grid.kx[row]}, {self.grid.ky[column]})"

    def row(self) -> dict[str, Any]:
        """Quadratic quantities, their dissipation and budgets, extremes, moments."""
        now = self.quadratic()
        rows = self.field_rows()
        powers, vorticity = moments(
            rows, self.job.diagnostics.moments, self.grid.n**2, self.communicator, self.job.run.reproducible
        )
        speed = self.largest_speed()
        row: dict[str, Any] = {**now, "largest_vorticity": vorticity, "largest_speed": speed}
        row |= {f"moment_{order}": value for order, value in enumerate(powers.tolist(), 2)}
        row |= self.budget.row(now)
        for name in QUANTITIES:
            error = abs(row[f"{name}_error"])
            self._largest[name] = max(self._largest.get(name, 0.0), error)
        return row

    def further_series(self) -> dict[str, dict[str, Any]]:
        """Spectra and fluxes, with the wavenumbers of their shells."""
        if not self.job.diagnostics.spectra_every:
            return {}
        return {"spectra": {"wavenumber": self.shells.wavenumber, "resolved": self.shells.resolved}}

    def further_rows(self) -> dict[str, dict[str, Any]]:
        """E(k), Π_E(k) and Π_Z(k), where they are due."""
        every = self.job.diagnostics.spectra_every
        if not every or self.state.step % every:
            return {}
        with self.timers.measure("spectra"):
            names = ("spectrum", "energy_flux", "enstrophy_flux")
            return {"spectra": dict(zip(names, self.spectra(), strict=True))}

    def spectra(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """E(k), Π_E(k) and Π_Z(k) of the present state, for the shells; collective."""
        modes = self._on_host()
        energy, enstrophy = self.shells.transfers(modes, self.backend.host(self.tendency()))
        return self.shells.spectrum(modes), fluxes(energy), fluxes(enstrophy)

    def check(self, row: dict[str, Any]) -> None:
        """Raise RunError beyond [limits]."""
        state, limits = self.state, self.job.limits
        for name in QUANTITIES:
            limit, error = getattr(limits, f"{name}_error"), row[f"{name}_error"]
            if np.isnan(error) or (limit is not None and abs(error) > limit):
                raise RunError(
                    f"the error {error:.3e} of the budget of {name} after step {state.step} at time "
                    f"{state.time:g} is beyond [limits] {name}_error = {limit}; use a shorter step.  No "
                    "checkpoint of this state is written"
                )

    def note(self, row: dict[str, Any]) -> str:
        """Energy and the error of its budget."""
        return f"E {row['energy']:.4g}, dE {row['energy_error']:+.1e}" if row else ""

    def write_snapshot(self, path: Path, job_text: str) -> None:
        """The vorticity on the grid: HDF5 for xarray, XDMF beside it for ParaView."""
        from hpcphys.io.blocks import Block
        from hpcphys.io.grids import write_grid

        grid, state = self.grid, self.state
        rows = Block.rows(self.field_rows(), grid.rows[0], grid.n)
        write_grid(
            path, self.communicator, {"vorticity": rows}, axes=("y", "x"), lower=(0.0, 0.0),
            upper=(grid.length, grid.length), time=state.time, step=state.step, job=job_text,
            attributes={"vorticity": {"long_name": "vorticity", "units": "1/time"}},
        )  # fmt: skip

    def finish(self) -> None:
        """Nothing: a flow is always ready to be looked at."""

    def metrics(self, row: dict[str, Any], steps: int, seconds: float) -> dict[str, Any]:
        """Errors of the budgets, energies, rate."""
        found = {f"{name}_error": row.get(f"{name}_error") for name in QUANTITIES}
        found |= {f"{name}_error_max": self._largest.get(name) for name in QUANTITIES}
        found |= {name: row.get(name) for name in ("energy", "enstrophy", "palinstrophy")}
        found |= {name: value for name, value in row.items() if "_injected" in name or "_dissipated_" in name}
        rate = steps / seconds if seconds > 0.0 else None
        return {**found, "points": self.grid.n, "steps_per_second": rate}

    def closing_lines(self, metrics: dict[str, Any]) -> list[str]:
        """Budgets, and what the cascade's window shows."""
        lines = [
            f"{name}: {metrics[name]:.8g}, budget error {metrics[f'{name}_error']:+.2e}, largest "
            f"{metrics[f'{name}_error_max']:.2e}"
            for name in QUANTITIES
        ]
        if "spectral_slope" in metrics:
            low, high = metrics["fit_window"]
            lines.append(
                f"slope of E(k) for {low:g} <= k <= {high:g}: {metrics['spectral_slope']:.3f} ± "
                f"{metrics['spectral_slope_error']:.3f}; energy flux {metrics['energy_flux']:.3g} ± "
                f"{100 * metrics['energy_flux_variation']:.0f} %"
            )
        return lines

    def quadratic(self) -> dict[str, float]:
        """Energy, enstrophy, palinstrophy and rates of dissipation of the present state; collective."""
        if not self._now:
            self._now = self.sums(self._on_host())
        return self._now

    def field_rows(self) -> np.ndarray:
        """ω on this rank's rows of the grid, in host memory; collective."""
        return self.backend.host(self.engine.physical(self.modes()))

    def largest_speed(self) -> float:
        """Largest |u| on the grid; collective."""
        return self.engine.largest_speed(State({"vorticity": self.modes()}))

    def _on_host(self) -> np.ndarray:
        return self.backend.host(self.modes())
