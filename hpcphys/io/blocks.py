"""Boxes of a dataset that several ranks write together, and the bytes of a file that each one covers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Block:
    """This rank's box of a dataset in its global order.

    array: the values of the box, on the host;  start: its first index along each axis;  shape: of the dataset
    The boxes of all ranks cover the dataset once; a rank may have none (an axis of length 0).
    Raises ValueError for a box that does not lie in the dataset.
    """

    array: np.ndarray
    start: tuple[int, ...]
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        if not array.flags.c_contiguous:
            array = np.ascontiguousarray(array)
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "start", tuple(int(n) for n in self.start))
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        same = self.array.ndim == len(self.start) == len(self.shape)
        if not same or any(
            s < 0 or s + n > whole
            for s, n, whole in zip(self.start, self.array.shape, self.shape, strict=True)
        ):
            raise ValueError(
                f"a box of {self.array.shape} from {self.start} does not lie in a dataset of {self.shape}"
            )

    @classmethod
    def of(cls, array: np.ndarray, layout: Any) -> Block:
        """The box that `layout` (a Pencil: substart, shape) says this rank has."""
        return cls(array, layout.substart, layout.shape)

    @classmethod
    def rows(cls, array: np.ndarray, first: int, total: int) -> Block:
        """Rows first, first + 1, … of a dataset of `total` rows."""
        return cls(array, (first, *(0,) * (array.ndim - 1)), (total, *array.shape[1:]))

    def with_array(self, array: np.ndarray) -> Block:
        """The same box with other values."""
        return Block(array, self.start, self.shape)

    def transposed(self, order: tuple[int, ...]) -> Block:
        """The same values in a dataset whose axes are in this order."""
        start, shape = (tuple(numbers[a] for a in order) for numbers in (self.start, self.shape))
        return Block(self.array.transpose(order), start, shape)

    @property
    def total_bytes(self) -> int:
        """Bytes of the whole dataset."""
        return math.prod(self.shape) * self.array.itemsize

    def runs(self) -> Iterator[tuple[int, np.ndarray]]:
        """(byte in the dataset, bytes to put there) for each run of values that follow each other in it."""
        if self.array.size == 0:
            return
        box = self.array.shape
        split = len(box) - 1  # the axes behind are whole: a run goes through them
        while split > 0 and box[split] == self.shape[split]:
            split -= 1
        split = max(split, 0)
        strides = [math.prod(self.shape[axis + 1 :]) * self.array.itemsize for axis in range(len(box))]
        base = sum(s * stride for s, stride in zip(self.start, strides, strict=True))
        raw = self.array.reshape(-1).view(np.uint8)
        length = math.prod(box[split:]) * self.array.itemsize
        for number, index in enumerate(np.ndindex(*box[:split])):
            place = base + sum(i * stride for i, stride in zip(index, strides, strict=False))
            yield place, raw[number * length : (number + 1) * length]
