"""The command `dualcell`: what is asked for in a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dualcell.errors import DualError
from dualcell.reference import causes_page, explain_cause, list_causes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after `dualcell`; those of the process if None.

    Returns:
        0, or 2 after a message that says what was wrong.
    """
    parsed = _parser().parse_args(arguments)
    try:
        sys.stdout.write(parsed.run(parsed) + "\n")
    except DualError as error:
        sys.stderr.write(f"dualcell: {error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dualcell", description="Compare Keras and PyTorch tensors.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    explain = commands.add_parser("explain", help="print what is known of a cause, or the list of causes")
    explain.add_argument("cause", nargs="?", metavar="CAUSE", help="as the table names it, such as axes-permuted")
    explain.add_argument("--page", action="store_true", help="the whole catalogue as Markdown")
    explain.set_defaults(run=_explain)
    return parser


def _explain(parsed: argparse.Namespace) -> str:
    if parsed.page:
        return causes_page().rstrip("\n")
    return explain_cause(parsed.cause) if parsed.cause else list_causes()
