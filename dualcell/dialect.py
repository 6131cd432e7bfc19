"""A fix in NumPy's words -> the same in the words of the framework whose line it changes."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class _Dialect:
    """How a framework spells what the fixes use.

    Attributes:
        methods: array methods of NumPy that it spells otherwise; `{}` is the array.
        functions: functions (`exp`, also written `np.exp`) that do not lie in `home`.
        home: where its functions lie.
    """

    methods: dict[str, str]
    functions: dict[str, str]
    home: str


_NN = {name: f"torch.nn.functional.{name}" for name in ("gelu", "silu", "softplus", "elu", "leaky_relu", "one_hot")}
_TF = {name: f"tf.nn.{name}" for name in ("softmax", "log_softmax", "relu", "gelu", "silu", "elu", "leaky_relu")}
_DIALECTS = {
    "torch": _Dialect(
        {"transpose": "{}.permute"},
        {**_NN, "hard_sigmoid": "torch.nn.functional.hardsigmoid", "log_sigmoid": "torch.nn.functional.logsigmoid",
         "concatenate": "torch.cat", "array": "torch.tensor", "split": "torch.tensor_split", "arctanh": "torch.atanh"},
        "torch",
    ),
    "keras": _Dialect({"transpose": "keras.ops.transpose", "reshape": "keras.ops.reshape",
                       "swapaxes": "keras.ops.swapaxes"}, {}, "keras.ops"),
    "tensorflow": _Dialect({"transpose": "tf.transpose", "reshape": "tf.reshape",
                            "swapaxes": "tf.experimental.numpy.swapaxes"},
                           {**_TF, "log": "tf.math.log", "log1p": "tf.math.log1p", "expm1": "tf.math.expm1",
                            "softplus": "tf.math.softplus", "arctanh": "tf.math.atanh", "concatenate": "tf.concat",
                            "flip": "tf.reverse", "array": "tf.constant", "log_sigmoid": "tf.math.log_sigmoid",
                            "diagonal": "tf.linalg.diag_part"}, "tf"),
    "jax": _Dialect({}, {**{name: f"jax.nn.{name}" for name in ("softmax", "log_softmax", "relu", "gelu", "silu",
                         "elu", "leaky_relu", "sigmoid", "softplus", "hard_sigmoid", "log_sigmoid",
                         "one_hot")}}, "jnp"),
    "numpy": _Dialect({}, {}, "np"),
}  # fmt: skip
_DIALECTS["tf_keras"] = _DIALECTS["tensorflow"]
_KNOWN = {
    "exp", "log", "log1p", "expm1", "sqrt", "square", "sigmoid", "tanh", "arctanh", "softplus", "log_sigmoid", "relu",
    "abs", "silu", "gelu", "hard_sigmoid", "floor", "round", "softmax", "log_softmax", "elu", "leaky_relu", "cumsum",
    "argmax", "clip", "diagonal", "one_hot",
}  # fmt: skip
_NOT_NUMPY = {"sigmoid", "softplus", "log_sigmoid", "relu", "silu", "gelu", "hard_sigmoid", "softmax", "log_softmax",
              "elu", "leaky_relu", "one_hot"}  # fmt: skip


def in_dialect(fix: str, framework: str) -> str:
    """The line in a framework's words; as it is if the framework or the line is not known.

    Examples:
        >>> in_dialect("y.transpose(0, 3, 1, 2)", "keras"), in_dialect("y.transpose(0, 3, 1, 2)", "torch")
        ('keras.ops.transpose(y, (0, 3, 1, 2))', 'y.permute(0, 3, 1, 2)')
        >>> in_dialect("y without softmax", "torch")
        'y without softmax'
        >>> in_dialect("(y.transpose(1, 0)) without relu", "torch")
        '(y.permute(1, 0)) without relu'
        >>> in_dialect("keras.ops.silu(x) or nn.SiLU() makes y", "torch")
        'nn.SiLU() makes y'
    """
    dialect = _DIALECTS.get(framework)
    if dialect is None:
        return fix
    fix = _own_way(fix, framework)
    try:
        tree = ast.parse(fix, mode="eval")
    except SyntaxError:
        return _around_words(fix, framework)
    spoken = ast.unparse(_Translation(dialect).visit(tree))
    return fix if spoken == ast.unparse(ast.parse(fix, mode="eval")) else spoken


_EITHER = re.compile(r"(keras\.\S.*) or (nn\.\S.*)( makes .*)")


def _own_way(fix: str, framework: str) -> str:
    """Of a line that says it for Keras and for PyTorch the half of this framework."""
    either = _EITHER.fullmatch(fix)
    if either is None or framework not in ("keras", "torch"):
        return fix
    return either[1 if framework == "keras" else 2] + either[3]


def _around_words(fix: str, framework: str) -> str:
    """A line that is no expression, with the brackets in it translated, and what is done to them."""
    group = re.search(r"(?<![\w.])\(", fix)
    end = _closing(fix, group.start()) if group else None
    if group is None or end is None:
        return fix
    start = group.start()
    inner = in_dialect(fix[start + 1 : end], framework)
    outer = fix[:start] + _HOLE + fix[end + 1 :]
    return in_dialect(outer, framework).replace(_HOLE, f"({inner})")


_HOLE = "__words__"  # stands for a bracket while what is around it is translated


def _closing(text: str, start: int) -> int | None:
    """Where the bracket that opens at `start` closes."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return None


class _Translation(ast.NodeTransformer):
    """Spells calls as a dialect does, from the inside out."""

    def __init__(self, dialect: _Dialect) -> None:
        self._dialect = dialect

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        function = node.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "np":
            node.func = self._name(function.attr)
        elif isinstance(function, ast.Name) and function.id in _KNOWN:
            numpy_lacks = self._dialect.home == "np" and function.id in _NOT_NUMPY
            node.func = function if numpy_lacks else self._name(function.id)
        elif isinstance(function, ast.Attribute) and function.attr in self._dialect.methods:
            return self._method(node, function)
        return node

    def _name(self, function: str) -> ast.expr:
        spelt = self._dialect.functions.get(function, f"{self._dialect.home}.{function}")
        return ast.parse(spelt, mode="eval").body

    def _method(self, node: ast.Call, function: ast.Attribute) -> ast.Call:
        spelt = self._dialect.methods[function.attr]
        if spelt.startswith("{}."):
            function.attr = spelt[3:]
            return node
        several = [ast.Tuple(node.args, ast.Load())] if function.attr != "swapaxes" else node.args
        single = len(node.args) == 1 and isinstance(node.args[0], ast.Tuple)
        arguments = node.args if single else several
        return ast.Call(ast.parse(spelt, mode="eval").body, [function.value, *arguments], node.keywords)
