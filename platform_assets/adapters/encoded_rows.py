"""Rows of bytes, put together from columns: a fixed part in a matrix, and variable parts behind it.

Of the fixed parts, what is the same in all rows is laid down once, and copied with the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Matrix = npt.NDArray[np.uint8]
#: The variable part of each row: as many bytes in every row, or not.
Variable: TypeAlias = Matrix | pa.LargeBinaryArray


class EncodedRows:
    """Rows that are being encoded: what goes where in their fixed parts, and their variable parts."""

    def __init__(self, rows: int, width: int) -> None:
        self._variable: list[Variable] = []
        self._rows = rows
        self._width = width
        self._same = bytearray(width)
        self._each: list[tuple[int, np.dtype[Any], npt.NDArray[Any]]] = []

    def put(self, at: int, kind: np.dtype[Any], values: int | npt.NDArray[Any]) -> None:
        """Put a number into the fixed part, from byte ``at`` on: one for all rows, or one for each."""
        if isinstance(values, int):
            self._same[at : at + kind.itemsize] = values.to_bytes(kind.itemsize, "big")
        else:
            self._each.append((at, kind, values))

    def put_behind(self, variable: Variable) -> None:
        """Put a variable part behind the fixed parts and the variable parts before it."""
        self._variable.append(variable)

    def joined(self) -> pa.LargeBinaryArray:
        """Join the fixed parts with the variable ones; matrices beside each other go first."""
        pieces: list[pa.Array] = []
        fixed, beside = self._width, list[Matrix]()
        for each in self._variable:
            if isinstance(each, np.ndarray):
                beside += [each] if each.size else []
            else:
                pieces += [*self._side_by_side(fixed, beside), each]
                fixed, beside = 0, []
        return join_each(*pieces, *self._side_by_side(fixed, beside))

    def _side_by_side(self, fixed: int, beside: Sequence[Matrix]) -> Iterator[pa.LargeBinaryArray]:
        """Yield one array of the rows' fixed parts, where these are wanted, and of matrices, if any."""
        width = fixed + sum(matrix.shape[1] for matrix in beside)
        if not width:
            return
        whole = np.empty((self._rows, width), np.uint8)
        if fixed:
            self._fill(whole)
        at = fixed
        for matrix in beside:
            # one number of so many bytes: NumPy moves it at once, and bytes one by one
            kind = np.dtype((np.void, matrix.shape[1]))
            window(whole, at, kind)[:] = matrix.view(kind)[:, 0]
            at += matrix.shape[1]
        yield as_binary(whole)

    def _fill(self, whole: Matrix) -> None:
        kind = np.dtype((np.void, self._width))
        window(whole, 0, kind)[:] = np.frombuffer(self._same, kind)
        for at, kind, values in self._each:
            window(whole, at, kind)[:] = values


def join_each(*pieces: pa.Array) -> pa.Array:
    """Return for each row the bytes of all pieces, one after the other; a null has none."""
    if len(pieces) == 1:
        return pieces[0]
    nothing = pa.scalar(b"", pa.large_binary())
    return pc.binary_join_element_wise(
        *pieces, nothing, null_handling="replace", null_replacement=b""
    )


def as_binary(matrix: Matrix) -> pa.LargeBinaryArray:
    """Return the rows of a matrix, whose memory this is."""
    rows, width = matrix.shape
    return binary_array(np.arange(rows + 1, dtype=np.int64) * width, pa.py_buffer(matrix))


def binary_array(offsets: npt.NDArray[np.int64], data: Any) -> pa.LargeBinaryArray:
    """Return an array of what stands between the offsets in a buffer."""
    buffers = [None, pa.py_buffer(offsets), data]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def window(fixed: Matrix, at: int, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return a view of the bytes from ``at`` on in each row as numbers of that kind."""
    return fixed[:, at : at + kind.itemsize].view(kind)[:, 0]
