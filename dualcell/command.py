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
        0; 2 after a message that says what was wrong; 130 after Ctrl-C, as shells have it.
    """
    parsed = _parser().parse_args(arguments)
    try:
        sys.stdout.write(parsed.run(parsed) + "\n")
    except DualError as error:
        sys.stderr.write(f"dualcell: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("dualcell: interrupted.\n")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dualcell", description="Compare Keras and PyTorch, and convert weights.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    explain = commands.add_parser("explain", help="print what is known of a cause, or the list of causes")
    explain.add_argument("cause", nargs="?", metavar="CAUSE", help="as the table names it, such as axes-permuted")
    explain.add_argument("--page", action="store_true", help="the whole catalogue as Markdown")
    explain.set_defaults(run=_explain)
    convert = commands.add_parser("convert", help="bring a file of weights into the other framework's layout and names")
    convert.add_argument(
        "source", metavar="FILE", help="of the plan's source: .weights.h5, .keras, .h5, .safetensors, .pt"
    )
    convert.add_argument("--to", required=True, metavar="FILE", help="what to write: .safetensors or .weights.h5")
    convert.add_argument("--plan", metavar="FILE", help="a plan that was saved: dualcell.plan_weights(...).save(FILE)")
    convert.add_argument("--force", action="store_true", help="replace a file that is there already")
    convert.add_argument("--partial", action="store_true", help="also by a plan that is not complete")
    convert.set_defaults(run=_convert)
    return parser


def _convert(parsed: argparse.Namespace) -> str:
    from dualcell.weights.conversion import convert

    return str(convert(parsed.source, parsed.to, parsed.plan, force=parsed.force, partial=parsed.partial))


def _explain(parsed: argparse.Namespace) -> str:
    if parsed.page:
        return causes_page().rstrip("\n")
    return explain_cause(parsed.cause) if parsed.cause else list_causes()
