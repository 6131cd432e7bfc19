"""dualcell: run one Keras block and one PyTorch block, and see where they differ.

In IPython or Jupyter: `%load_ext dualcell`, then `%%dual`. In plain Python:
`compare`, `assert_close`, `tap` and the context manager `dual`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from dualcell.context import dual as dual
    from dualcell.errors import DeviceError as DeviceError
    from dualcell.errors import DualError as DualError
    from dualcell.errors import DualMismatch as DualMismatch
    from dualcell.errors import FileError as FileError
    from dualcell.errors import FrameworkError as FrameworkError
    from dualcell.errors import OptionError as OptionError
    from dualcell.errors import PlanError as PlanError
    from dualcell.origins import InitializersResult as InitializersResult
    from dualcell.origins import initializers as initializers
    from dualcell.power import parity_power as parity_power
    from dualcell.result import DualResult as DualResult
    from dualcell.result import last_result as last_result
    from dualcell.session import assert_close as assert_close
    from dualcell.session import compare as compare
    from dualcell.settings_result import SettingsResult as SettingsResult
    from dualcell.settings_result import compare_settings as compare_settings
    from dualcell.taps import tap as tap
    from dualcell.weights.comparing import compare_weights as compare_weights
    from dualcell.weights.conversion import convert as convert
    from dualcell.weights.plan import WeightPlan as WeightPlan
    from dualcell.weights.plan import load_plan as load_plan
    from dualcell.weights.plan import plan_weights as plan_weights

_PUBLIC = {
    "DeviceError": "errors",
    "DualError": "errors",
    "DualMismatch": "errors",
    "DualResult": "result",
    "FileError": "errors",
    "FrameworkError": "errors",
    "InitializersResult": "origins",
    "OptionError": "errors",
    "PlanError": "errors",
    "SettingsResult": "settings_result",
    "WeightPlan": "weights.plan",
    "assert_close": "session",
    "compare": "session",
    "compare_settings": "settings_result",
    "compare_weights": "weights.comparing",
    "convert": "weights.conversion",
    "dual": "context",
    "initializers": "origins",
    "last_result": "result",
    "load_plan": "weights.plan",
    "parity_power": "power",
    "plan_weights": "weights.plan",
    "tap": "taps",
}
__all__ = [
    "DeviceError",
    "DualError",
    "DualMismatch",
    "DualResult",
    "FileError",
    "FrameworkError",
    "InitializersResult",
    "OptionError",
    "PlanError",
    "SettingsResult",
    "WeightPlan",
    "assert_close",
    "compare",
    "compare_settings",
    "compare_weights",
    "convert",
    "dual",
    "initializers",
    "last_result",
    "load_plan",
    "parity_power",
    "plan_weights",
    "tap",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `import dualcell` costs nothing."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'dualcell' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"dualcell.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext dualcell`."""
    from dualcell.magic import load

    load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """`%unload_ext dualcell`."""
    from dualcell.magic import unload

    unload(ipython)
