"""Calls compiled functions through ctypes with checked arguments, in a few microseconds.

The address, dtype and contiguity of an array are looked up once and remembered for as long as it lives.
NumPy refuses to resize an array that is weakly referenced, so a remembered address stays true.
"""

from __future__ import annotations

import ctypes
import operator
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .errors import SignatureError
from .signature import Parameter, Signature

SCALARS: dict[str, Any] = {
    "f8": ctypes.c_double,
    "f4": ctypes.c_float,
    "i8": ctypes.c_longlong,
    "u8": ctypes.c_ulonglong,
    "i4": ctypes.c_int,
    "u4": ctypes.c_uint,
    "i2": ctypes.c_short,
    "u2": ctypes.c_ushort,
    "i1": ctypes.c_byte,
    "u1": ctypes.c_ubyte,
    "b1": ctypes.c_bool,
}

# id(array) -> (weak reference, address, dtype, writeable); only contiguous arrays are ever entered.
_known: dict[int, tuple[weakref.ref[np.ndarray], int, np.dtype[Any], bool]] = {}


class NativeFunction:
    """A compiled function with its declared parameters: `function(*arguments)` checks, converts and calls."""

    def __init__(self, entry: Any, signature: Signature, codes: tuple[str, ...], leading: int = 0):
        """entry: from ctypes; codes: one per parameter ("f8", "V24", ...); leading: ints before them."""
        self.signature = signature
        entry.argtypes = [ctypes.c_longlong] * leading + [
            ctypes.c_void_p if parameter.pointer else SCALARS[code]
            for parameter, code in zip(signature.parameters, codes, strict=True)
        ]
        entry.restype = ctypes.c_longlong
        self._entry = entry
        self._leading = leading
        # Per parameter: None for a pointer, else the conversion; and the dtypes already found to fit.
        self._plan: list[tuple[Callable[[Any], Any] | None, bool, set[np.dtype[Any]], Parameter, str]] = [
            (None if parameter.pointer else _conversion(code), parameter.written, set(), parameter, code)
            for parameter, code in zip(signature.parameters, codes, strict=True)
        ]

    def __call__(self, *arguments: Any) -> int:
        """Call with the declared arguments (after `leading` plain ints).  Raises SignatureError."""
        return self._entry(*self.converted(arguments))

    def converted(self, arguments: Sequence[Any]) -> list[Any]:
        """Addresses and numbers of the declared arguments.  Raises SignatureError."""
        leading = self._leading
        if len(arguments) - leading != len(self._plan):
            raise self.signature.arity_error(len(arguments) - leading)
        values = list(arguments)
        position = leading
        known = _known
        for convert, written, fitting, parameter, code in self._plan:
            argument = values[position]
            if convert is not None:
                try:
                    values[position] = convert(argument)
                except (TypeError, ValueError):
                    raise SignatureError(
                        f"{self.signature.name}: argument '{parameter.name}' expects a number "
                        f"({parameter.ctype}), found {type(argument).__name__}"
                    ) from None
            elif argument is not None:
                entry = known.get(id(argument))
                if (
                    entry is not None
                    and entry[0]() is argument
                    and entry[2] in fitting
                    and (entry[3] or not written)
                ):
                    values[position] = entry[1]
                else:
                    values[position] = self._address(argument, parameter, code, fitting)
            position += 1
        return values

    def words(self, arguments: Sequence[Any]) -> np.ndarray:
        """The arguments as words of eight bytes, as kernels/offered.h takes them; keep arrays alive."""
        values = self.converted(arguments)
        words = np.zeros(len(values), np.int64)
        numbers = words.view(np.float64)
        for k, value in enumerate(values):
            if isinstance(value, float):
                numbers[k] = value
            elif value is not None:
                words[k] = value
        return words

    def _address(self, array: Any, parameter: Parameter, code: str, fitting: set[np.dtype[Any]]) -> int:
        where = f"{self.signature.name}: argument '{parameter.name}'"
        if not isinstance(array, np.ndarray):
            raise SignatureError(
                f"{where} expects a NumPy array ({parameter.ctype}*) or None, found {type(array).__name__}"
            )
        wrong = parameter.mismatch(array.dtype, code)
        if wrong is not None:
            raise SignatureError(f"{where} {wrong}")
        if not array.flags.c_contiguous:
            raise SignatureError(
                f"{where} must be contiguous, found strides {array.strides} for shape {array.shape}; "
                "pass numpy.ascontiguousarray(...)"
            )
        writeable = array.flags.writeable
        if parameter.written and not writeable:
            raise SignatureError(f"{where} is written by the kernel, but the array is read-only")
        fitting.add(array.dtype)
        key = id(array)
        address = array.ctypes.data
        _known[key] = (weakref.ref(array, lambda _: _known.pop(key, None)), address, array.dtype, writeable)
        return address


def _conversion(code: str) -> Callable[[Any], Any]:
    return float if code[0] == "f" else operator.index if code != "b1" else bool
