"""`[tool.dualcell]` in pyproject.toml -> option defaults of a project."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from dualcell.errors import OptionError
from dualcell.options import options_from


def project_options(folder: Path | None = None) -> dict[str, Any]:
    """The options the nearest pyproject.toml sets, checked.

    Args:
        folder: where the search begins, upwards; the working directory if None.

    Returns:
        Option names (with `_`, as in `Options`) and values; empty if there are none.

    Raises:
        OptionError: the file is no TOML, or an option in it is unknown or has a bad value.
    """
    start = (folder or Path.cwd()).resolve()
    path = next((file for base in (start, *start.parents) if (file := base / "pyproject.toml").is_file()), None)
    if path is None:
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("dualcell", {})
        if not isinstance(table, dict):
            raise OptionError(f"it is {table!r}, expected a table of options.")
        given = {name.replace("-", "_"): value for name, value in table.items()}
        options_from(given)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, OptionError) as error:
        raise OptionError(f"pyproject.toml, [tool.dualcell]: {error}") from None
    return given
