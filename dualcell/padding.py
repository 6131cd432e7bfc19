"""`Padding`: where the windows of a convolution or a pooling lie, in the words of either framework.

Keras pads by a word whose meaning hangs on the size of the input, PyTorch by numbers.
Two paddings agree if their windows lie at the same places, for every size or for the
sizes that are known.
"""

from __future__ import annotations

from dataclasses import dataclass

Edges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Padding:
    """How a layer pads, and how its windows step.

    Attributes:
        windows: the length of the kernel along each axis, dilation counted.
        strides: one for each axis.
        edges: elements added before and after each axis; None for `padding='same'` of Keras.
        up: whether a last window may reach beyond the end (`ceil_mode`).
        sizes: lengths of the input along the axes, None where they are not known.
    """

    windows: tuple[int, ...]
    strides: tuple[int, ...]
    edges: Edges | None
    up: bool = False
    sizes: tuple[int | None, ...] | None = None

    def agrees(self, other: Padding) -> bool:
        """Whether the windows of both lie at the same places; of the padding alone if the windows are not alike.

        Examples:
            >>> keras, torch = Padding((3,), (2,), None), Padding((3,), (2,), ((1, 1),))
            >>> keras.agrees(torch), keras.of((9,)).agrees(torch), keras.of((8,)).agrees(torch)
            (False, True, False)
        """
        if (self.windows, self.strides) != (other.windows, other.strides):
            return (self.edges, self.up) == (other.edges, other.up)
        return all(self._agrees(other, axis) for axis in range(len(self.windows)))

    def _agrees(self, other: Padding, axis: int) -> bool:
        known = [sizes[axis] for sizes in (self.sizes, other.sizes) if sizes is not None and sizes[axis] is not None]
        window, stride = self.windows[axis], self.strides[axis]
        reach = window + stride + sum(sum(one.edges[axis]) for one in (self, other) if one.edges is not None)
        places = [
            (one, another)
            for size in known or range(1, 2 * reach + 2)  # the places repeat with the stride
            if (one := self.place(axis, size)) is not None and (another := other.place(axis, size)) is not None
        ]
        return bool(places) and all(one == another for one, another in places)

    def place(self, axis: int, size: int | None) -> tuple[int, int] | None:
        """How many elements the first window begins before the input, and how many windows there are.

        Returns:
            None if the size is not known, or no window fits. The formula of 'same' is
            TensorFlow's: `max((ceil(size / stride) - 1) * stride + window - size, 0)` in all.
        """
        window, stride = self.windows[axis], self.strides[axis]
        if size is None:
            return None
        if self.edges is None:
            count = -(-size // stride)
            return max((count - 1) * stride + window - size, 0) // 2, count
        before, after = self.edges[axis]
        room = size + before + after - window
        if room < 0:
            return None
        count = (-(-room // stride) if self.up else room // stride) + 1
        if self.up and (count - 1) * stride >= size + before:  # a window must begin inside
            count -= 1
        return before, count

    def numbers(self) -> Edges | None:
        """What is added before and after each axis; None if that hangs on a size that is not known."""
        if self.edges is not None:
            return None if self.up else self.edges
        found: list[tuple[int, int]] = []
        for axis, (window, stride) in enumerate(zip(self.windows, self.strides, strict=True)):
            size = self.sizes[axis] if self.sizes is not None else None
            if size is None and stride > 1 and window > 1:
                return None
            place = self.place(axis, stride if size is None else size)
            total = window - 1 if stride == 1 else 0
            if size is not None and place is not None:
                total = max((place[1] - 1) * stride + window - size, 0)
            found.append((total // 2, total - total // 2))
        return tuple(found)

    def of(self, sizes: tuple[int | None, ...] | None) -> Padding:
        """The same for an input of these sizes.

        Examples:
            >>> Padding((3, 3), (2, 2), None).of((32, 33)).numbers()
            ((0, 1), (1, 1))
            >>> Padding((4,), (1,), None).numbers(), Padding((3,), (2,), None).numbers()
            (((1, 2),), None)
        """
        return Padding(self.windows, self.strides, self.edges, self.up, sizes)

    def like(self, edges: Edges | None, *, up: bool = False) -> Padding:
        """Windows as these, padded otherwise."""
        return Padding(self.windows, self.strides, edges, up, self.sizes)
