"""The arguments of the command line."""

import argparse
from collections.abc import Sequence

from ..version import __version__
from .bench import bench
from .check import check
from .info import info
from .tune import tune

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and gives its exit code: 0, 1 where a check failed, 2 for bad input.

    Example:
        >>> from tritorch.cli.main import main
        >>> main(["tune", "pin", "no such choice"])
        2
    """
    parser = argparse.ArgumentParser(prog="tritorch", description="Tools for authors of operators and kernels.")
    parser.add_argument("--version", action="version", version=f"tritorch {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, text):
        made = commands.add_parser(name, help=text, description=text)
        made.add_argument("--json", action="store_true", help="print JSON")
        return made

    command("info", "What is installed, the devices, the caches.")
    one = command(
        "check", "Runs an operator four ways, with its generic tests, and shows the differences in one table."
    )
    one.add_argument("target", metavar="FILE[:OP]", help="a file that ends in .py, or a module; one of its operators")
    one.add_argument("--arch", default="80,90", help="compute capabilities to compile for (default: 80,90)")
    one = command("bench", "Times an operator against its eager lines, NumPy and torch, in turn.")
    one.add_argument("target", metavar="FILE[:OP]")
    one.add_argument("--rounds", type=int, default=9, help="samples of each lane (default: 9)")
    one.add_argument("--threads", type=int, default=1, help="threads of each lane (default: 1)")
    one = command("tune", "Lists and pins what autotuning chose.")
    one.add_argument("action", choices=["list", "pin", "unpin"])
    one.add_argument("id", nargs="?", default="", help="the first letters of a choice's id")
    one.add_argument("changes", nargs="*", metavar="NAME=VALUE", help="what to change in a pinned configuration")
    given = parser.parse_args(arguments)
    if given.command == "info":
        return info(given.json)
    if given.command == "check":
        return check(given.target, arch=[int(x) for x in given.arch.split(",")], as_json=given.json)
    if given.command == "bench":
        return bench(given.target, rounds=given.rounds, threads=given.threads, as_json=given.json)
    if given.action != "list" and not given.id:
        parser.error(f"tune {given.action}: expected the id of a choice (tritorch tune list)")
    return tune(given.action, given.id, given.changes, given.json)
