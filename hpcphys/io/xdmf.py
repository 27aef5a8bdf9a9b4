"""XDMF: a few lines of XML that tell ParaView and VisIt what the arrays of an HDF5 file mean."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

import numpy as np

_NUMBER_TYPES = {"f": "Float", "i": "Int", "u": "UInt"}
# Topology and geometry of a grid with given coordinates along each axis, by the number of axes.
_GRIDS = {2: ("2DRectMesh", "VXVY"), 3: ("3DRectMesh", "VXVYVZ")}


def document(
    file: str, coordinates: Mapping[str, np.ndarray], fields: Mapping[str, np.dtype], time: float
) -> str:
    """XDMF 3 for fields at the points of a rectilinear grid.

    file: name of the HDF5 file, in the same folder;  coordinates: axis -> its points, slowest axis first
    fields: dataset -> its type, with the axes of `coordinates` in that order;  time: of the fields
    Source: XDMF Model and Format (xdmf.org): dimensions slowest first, VXVYVZ fastest axis first.
    """
    topology, geometry = _GRIDS[len(coordinates)]
    shape = [len(points) for points in coordinates.values()]
    root = ElementTree.Element("Xdmf", Version="3.0")
    grid = ElementTree.SubElement(
        ElementTree.SubElement(root, "Domain"), "Grid", Name="grid", GridType="Uniform"
    )
    ElementTree.SubElement(grid, "Time", Value=repr(float(time)))
    ElementTree.SubElement(grid, "Topology", TopologyType=topology, Dimensions=_text(shape))
    places = ElementTree.SubElement(grid, "Geometry", GeometryType=geometry)
    for name, points in reversed(list(coordinates.items())):
        _data_item(places, file, name, points.dtype, [len(points)])
    for name, kind in fields.items():
        attribute = ElementTree.SubElement(
            grid, "Attribute", Name=name, AttributeType="Scalar", Center="Node"
        )
        _data_item(attribute, file, name, kind, shape)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _data_item(parent: ElementTree.Element, file: str, name: str, kind: np.dtype, shape: list[int]) -> None:
    """A dataset of the HDF5 file."""
    item = ElementTree.SubElement(
        parent, "DataItem", Format="HDF", NumberType=_NUMBER_TYPES[kind.kind],
        Precision=str(kind.itemsize), Dimensions=_text(shape),
    )  # fmt: skip
    item.text = f"{file}:/{name}"


def _text(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))
