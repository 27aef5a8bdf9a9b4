"""Initial values and parameters as users give them: checked, and brought into the form of a state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hpcphys.compiler.expressions.coordinates import Variable, declared
from hpcphys.compiler.expressions.errors import suggestion


class InitialError(ValueError):
    """Initial values or parameters cannot be used; the message says which, and what is allowed."""


def parameters_of(given: Mapping[str, Any] | None) -> tuple[tuple[Variable, ...], dict[str, Any]]:
    """Declarations and values of parameters that serve all systems.

    given: name -> number, or sequence of numbers for a vector. "m" and "m[3]" both declare a vector of three
        for the value [1, 1, 1].
    Raises InitialError for a value that is not finite, has another shape, or does not fit its declaration.
    """
    variables, values = [], {}
    for text, value in (given or {}).items():
        array = numbers(value, f"parameter {text}")
        variable = declared(text)
        if array.ndim > 1 or (array.ndim == 1 and not array.size):
            raise InitialError(
                f"parameter {text} has shape {array.shape}; allowed: one number, or a list for a vector; "
                f"values "
                "that differ from system to system go into per_system"
            )
        if array.ndim == 1 and variable.size is None:
            variable = Variable(variable.name, array.size)
        if array.shape != (() if variable.size is None else (variable.size,)):
            raise InitialError(f"parameter {variable} has {array.size} values; {variable.width} are needed")
        variables.append(variable)
        values[variable.name] = array
    return tuple(variables), values


def per_system_of(given: Mapping[str, Any] | None) -> tuple[tuple[Variable, ...], dict[str, Any]]:
    """Declarations and rows of parameters with another value for every system of a batch.

    given: name -> (systems,) numbers or (systems, size) rows of a vector
    """
    variables, values = [], {}
    for text, value in (given or {}).items():
        array = numbers(value, f"parameter {text}")
        variable = declared(text)
        if array.ndim not in (1, 2):
            raise InitialError(
                f"per_system parameter {text} has shape {array.shape}; allowed: (systems,) or (systems, size)"
            )
        if array.ndim == 2 and variable.size is None:
            variable = Variable(variable.name, array.shape[1])
        values[variable.name] = rows(variable, array)
        variables.append(variable)
    return tuple(variables), values


def arrays_of(
    variables: Iterable[Variable],
    given: Mapping[str, Any],
    per_system: Mapping[str, Any],
    defaults: Mapping[str, float],
) -> dict[str, Any]:
    """The arrays of a state: (systems,) of each scalar, (systems, size) of each vector, float64.

    given: name -> number or (systems,) for a scalar; (size,) or (systems, size) for a vector. What is given
    for
        one system serves all of a batch.
    defaults: name -> value of variables that need not be given
    Raises InitialError for a missing or unknown name, a wrong shape, a value that is not finite, and
    numbers of systems that differ.
    """
    wanted = {variable.name: variable for variable in variables}
    unknown = [name for name in given if name not in wanted]
    if unknown:
        hint = suggestion(unknown[0], wanted)
        raise InitialError(f"state names {unknown[0]!r}{hint}; the variables are {', '.join(wanted)}")
    missing = [str(v) for v in wanted.values() if v.name not in given and v.name not in defaults]
    if missing:
        raise InitialError(f"state lacks initial values of {', '.join(missing)}; give them by name")
    arrays = dict(per_system)
    for name, variable in wanted.items():
        value = given[name] if name in given else np.full(variable.width, defaults[name])
        arrays[name] = rows(variable, numbers(value, f"initial value of {variable}"))
    counts = {name: array.shape[0] for name, array in arrays.items()}
    most = max(counts.values())
    wrong = [f"{name} has {count}" for name, count in counts.items() if count not in (1, most)]
    if wrong:
        raise InitialError(f"arrays differ in the number of systems: {', '.join(wrong)}, others {most}")
    return {
        name: np.ascontiguousarray(np.broadcast_to(array, (most, *array.shape[1:]))).copy()
        for name, array in arrays.items()
    }


def numbers(value: Any, name: str) -> np.ndarray:
    """An array of finite float64.  Raises InitialError naming the first that is not."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InitialError(f"{name} is {value!r}; real numbers are needed") from None
    if np.iscomplexobj(value):
        raise InitialError(f"{name} is complex; real numbers are needed")
    if not np.all(np.isfinite(array)):
        place = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
        where = f" at {list(place)}" if place else ""
        raise InitialError(f"{name} is not finite{where}: {array[place]}")
    return array


def rows(variable: Variable, array: np.ndarray) -> np.ndarray:
    """The array with one row per system.  Raises InitialError if its shape does not fit the variable."""
    size = variable.size
    if size is None:
        # A width of one is how defaults and columns come.
        shaped: np.ndarray | None = (
            array.reshape(-1) if array.ndim == 0 or array.shape[1:] in ((), (1,)) else None
        )
        allowed = "one number, or one for each system"
    else:
        fits = array.ndim in (1, 2) and array.shape[-1] == size
        shaped = array.reshape(-1, size) if fits else None
        allowed = f"({size},), or (systems, {size})"
    if shaped is None or not shaped.size:
        raise InitialError(f"{variable} has values of shape {array.shape}; allowed: {allowed}")
    return shaped
