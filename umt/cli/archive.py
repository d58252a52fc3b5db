"""Files into real bytes and back with a language model: a code length that can be weighed.

    python -m umt.cli.archive compress in.txt runs/run-1b4dcebd3e1d in.umt      by the model of the run
    python -m umt.cli.archive decompress in.umt runs/run-1b4dcebd3e1d out.txt   out.txt is in.txt, bit for bit
    python -m umt.cli.archive compress in.txt MODEL in.umt --given other.txt    K(in | other) in real bytes

Any bytes come back as they were, on the machine and with the versions that compressed them.
"""

from __future__ import annotations

import umt.runtime.interrupts  # noqa: F401  (before all that takes long to import)

# isort: split
import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from umt.cli.command_line import Command
from umt.compression.archive import Archiver, Header
from umt.lm.loading import configure_libraries
from umt.pipeline.display.console import Console
from umt.pipeline.errors import user_errors
from umt.pipeline.saved import language_model
from umt.runtime.files import atomic_bytes
from umt.types import BadInput


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    configure_libraries()
    parser = Command("umt.cli.archive", __doc__)
    parser.add_argument("action", choices=("compress", "decompress"))
    parser.add_argument("file", type=Path, help="what to compress, or an archive")
    parser.add_argument("model", type=Path, help="folder of a causal model with its tokenizer, or of a run")
    parser.add_argument("out", type=Path, help="where to write; in a folder that exists")
    condition_help = "text that the model learns from first; decompress needs the same"
    parser.add_argument("--given", type=Path, metavar="CORPUS", help=condition_help)
    options = parser.parse_args(arguments)
    console = Console()
    with user_errors(console, f", {options.out} was not written"):
        data, header = _read(options.file), None
        if options.out.is_dir() or not options.out.parent.is_dir():
            raise BadInput(
                f"{options.out} cannot be written: give the name of a file in a folder that exists"
            )
        if options.action == "decompress":
            header, _ = Header.read(data, options.file)  # complain before anything takes long
            torch.set_num_threads(header.threads)  # what it learned from --given depends on them
        console.started(options.action)
        archiver = Archiver.open(language_model(options.model), options.given, console.progress, header)
        start = time.perf_counter()
        if options.action == "compress":
            archive, bits = archiver.compress(data, console.progress)
            with atomic_bytes(options.out) as file:
                file.write(archive)
            size = len(data)
            summary = (
                f"{size:,} bytes to {len(archive):,}: {8 * len(archive) / max(size, 1):.4f} bits a byte; "
                f"the model asks for {math.ceil(bits / 8):,} bytes"
            )
        else:
            content = archiver.decompress(data, options.file, console.progress)
            with atomic_bytes(options.out) as file:
                file.write(content)
            size, summary = len(content), f"{len(data):,} bytes to {len(content):,}"
        console.stopped()
        seconds = time.perf_counter() - start
        print(f"{summary}; {seconds:.1f} s, {size / 1000 / max(seconds, 1e-9):,.1f} kB/s")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None


if __name__ == "__main__":
    main()
