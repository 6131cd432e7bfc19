"""Two causes at once, as they come when a layer or a model is ported: the first is planted first."""

from __future__ import annotations

# (first cause, second cause, healthy tensor)
PAIRS: tuple[tuple[str, str, str], ...] = (
    ("axes-permuted", "scale", "nn.Conv2d weight"),  # kernels moved, and initialised with another gain
    ("axes-permuted", "scale", "normal (12, 20)"),
    ("axes-permuted", "scale", "normal (2, 3, 4, 5, 6)"),
    ("axes-permuted", "offset", "Conv2D output"),  # NHWC, and a bias
    ("axes-permuted", "offset", "normal (6, 8, 10) float64"),
    ("axes-permuted", "sign", "Dense kernel"),
    ("axes-permuted", "affine", "pixels (4, 9, 11, 3) uint8"),  # NHWC, and pixels normalised
    ("axes-permuted", "function", "nn.Conv2d output"),  # NHWC, and an activation
    ("axes-permuted", "function", "nn.Linear output"),
    ("axes-permuted", "softmax", "normal (6, 8, 10) float64"),  # (batch, time), and logits
    ("axes-permuted", "softmax", "Dense output"),
    ("axes-permuted", "negative-slope", "Conv2D output"),  # NHWC, and LeakyReLU
    ("axes-permuted", "activation-variant", "nn.Conv2d output"),
    ("axes-permuted", "clipped", "nn.Conv2d output"),
    ("axes-permuted", "dropout", "Conv2D output"),  # NHWC, and training mode
    ("axes-permuted", "narrower-type", "nn.Linear weight"),
    ("axes-permuted", "axis-reversed", "pixels (4, 9, 11, 3) uint8"),  # NHWC, and BGR
    ("axes-permuted", "log-softmax", "nn.Linear output"),
    ("block-order", "axes-permuted", "nn.GRU weight_ih"),  # gate order, and (out, in)
    ("block-order", "axes-permuted", "GRU kernel"),
    ("block-order", "offset", "GRU kernel"),
    ("block-order", "scale", "nn.GRU weight_ih"),
    ("flatten-order", "function", "Dense output"),
    ("flatten-order", "scale", "nn.Linear output"),
    ("flatten-order", "offset", "large (500, 300)"),
    ("flatten-order", "softmax", "normal (12, 20)"),
    ("reshaped", "scale", "MaxPooling2D output"),
    ("reshaped", "function", "nn.LSTM output"),
    ("axis-reversed", "scale", "nn.LSTM output"),  # go_backwards
    ("axis-reversed", "function", "LSTM output"),
    ("axis-rolled", "offset", "nn.Embedding weight"),
    ("axis-rolled", "scale", "nn.LSTM output"),
    ("axes-permuted", "channel-offset", "Conv2D output"),  # NHWC, and a bias
    ("axes-permuted", "standardised", "Conv2D output"),  # NHWC, and a normalisation
    ("softmax", "scale", "Dense output"),
    ("softmax", "flatten-order", "normal (6, 8, 10) float64"),
    ("log-softmax", "sign", "nn.Linear output"),  # the negative log-likelihood
    ("standardised", "function", "nn.Conv2d output"),  # a normalisation, and an activation
    ("normalised-rows", "axis-reversed", "nn.LSTM output"),
)
