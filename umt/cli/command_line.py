"""The argument parser that all commands share."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import NoReturn

from umt.pipeline.errors import FAILED


class Command(ArgumentParser):
    """The command line of the module ``name``; its help tells what the module says ``about`` itself."""

    def __init__(self, name: str, about: str | None) -> None:
        summary, _, rest = (about or "").partition("\n\n")
        super().__init__(
            f"python -m {name}", None, summary, rest, formatter_class=RawDescriptionHelpFormatter
        )

    def error(self, message: str) -> NoReturn:
        """One sentence, as everywhere."""
        print(f"error: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(FAILED)
