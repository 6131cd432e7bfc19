"""TensorFlow's padding, written for PyTorch as its users do."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Conv2dSame(nn.Conv2d):
    """A strided convolution that pads as TensorFlow's `same` does: the odd row and column come last."""

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = (
            (total // 2, total - total // 2)
            for total in (
                max((-(-size // stride) - 1) * stride + kernel - size, 0)
                for size, stride, kernel in zip(x.shape[2:], self.stride, self.kernel_size, strict=True)
            )
        )
        return super().forward(functional.pad(x, (left, right, top, bottom)))
