"""Known differences that neither tensors nor settings show, and why: the rest of the catalogue."""

from __future__ import annotations

# reason -> names of the entries in the catalogue of differences
UNSEEN: dict[str, tuple[str, ...]] = {
    "Initial weights: two draws differ in every element, whatever they were drawn from; it takes the distribution of "
    "many, and modules of PyTorch do not keep what theirs were drawn from.": (
        "init-dense-vs-linear", "init-conv", "init-conv-transpose", "init-depthwise", "init-embedding",
        "init-rnn-input-kernel", "init-rnn-recurrent", "init-lstm-forget-bias", "init-gru-bias", "init-norm-layers",
        "init-mha-qkv", "init-mha-out", "init-normal-truncation", "init-named-defaults", "init-seed-repeats",
        "init-when", "init-tf1-get-variable", "init-constant-probe", "mx-initialize",
    ),
    "Over several steps of training: one pair of tensors shows unrelated updates, or one factor (`scale`), and it is "
    "no setting of an optimizer or schedule that dualcell reads.": (
        "reduce-on-plateau", "mx-optimizers",
    ),
    "A loss or metric is one number: any two are related by some factor. Compare what goes into it, element by "
    "element.": (
        "loss-argument-order", "mse-definitions", "loss-mask", "accuracy-threshold", "running-loss-in-fit",
        "evaluate-weighted-mean", "mx-ce-logits",
    ),
    "The values depend on inputs, states or weights that are not among the two tensors; compare those.": (
        "lstm-double-bias", "lstm-tf1-joint-kernel", "gru-biases-not-summable", "rnn-return-state-order",
        "spectral-norm-state", "lrn-parameters", "mha-float-mask", "transformer-defaults", "positional-weight-copy",
        "stft-convention", "mx-batchnorm",
    ),
    "The two sides sample other points, so that no element of one appears in the other.": (
        "resize-tf1-legacy", "global-pool-mask",
    ),
    "It raises an error, or gives no tensor, in one of the frameworks: there is nothing to compare.": (
        "bn-single-value", "torch-same-needs-stride-1", "grad-of-nonscalar", "grad-unwatched-constant",
        "grad-integer", "tape-single-use", "view-needs-contiguous", "mx-attach-grad-record", "mx-backward-vector",
    ),
    "It is a matter of how the program is written or run, and shows in no tensor by itself.": (
        "batch-size-default", "shuffle-default", "validation-split-tail", "graph-vs-eager", "op-vs-layer-object",
        "model-save-format", "intermediate-outputs", "keras-backend-choice", "torch-memory-format",
        "from-numpy-aliases", "in-place-ops", "shape-size", "input-shape-excludes-batch", "torch-Tensor-constructor",
        "stop-gradient-detach", "mx-grad-overwritten", "mx-reshape-codes",
    ),
    "Random numbers of other generators, or drawn in another order: the tensors are unrelated, and `no known cause` is "
    "said.": (
        "keras-set-random-seed", "keras-stateless-seed", "dataloader-shuffle-advances", "random-defaults",
        "cudnn-nondeterminism",
    ),
    "Types only: the verdict `dtype` names them.": (
        "int-default", "index-dtype", "mixed-dtype-arithmetic", "full-fill-dtype", "mx-float32-everywhere",
    ),
    "Single elements at ties or singular points: `few-elements` says where, not why.": (
        "median-even", "unique-order", "integer-sqrt-pow", "grad-norm-at-zero", "grad-l2-normalise-at-zero",
        "svd-convention", "noise-cancellation",
    ),
    "Different sums: a missing or doubled term leaves no rule between the elements.": (
        "grad-tied-layers", "matmul-vs-dot", "batch-dot", "mx-dense-flatten", "pad-sequences-side",
    ),
    "Nothing differs: the catalogue has them so that nobody looks for a difference.": (
        "adaptive-pool-equal", "activations-equal", "w-embedding", "w-layernorm", "w-groupnorm", "w-prelu",
    ),
    "Several tensors on one side stand for one on the other; compare what they make.": ("w-separable",),
}  # fmt: skip
