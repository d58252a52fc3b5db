"""The translator of a run as folders that other programs open, one for each direction, with a model card.

    python -m umt.cli.export runs/run-0123456789ab --to hf -o translator
    python -m umt.cli.export runs/run-0123456789ab --to ctranslate2 --quantization int8 -o small

``transformers`` or CTranslate2 translates with translator/en-zh in three lines, which stand in its README.md:
plain text in, plain text out, without this program. One of translator.architecture=joint has no such form.
"""

from __future__ import annotations

import umt.runtime.interrupts  # noqa: F401  (before all that takes long to import)

# isort: split
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from umt.cli.command_line import Command
from umt.lm.loading import configure_libraries
from umt.pipeline.display.console import Console, printable
from umt.pipeline.display.model_card import model_card
from umt.pipeline.errors import user_errors
from umt.pipeline.saved import neural_translators, training_warnings, translator_directory
from umt.runtime.files import atomic_directory
from umt.translation.export import export_ctranslate2, export_transformers
from umt.types import BadInput

_QUANTIZATIONS = ("int8", "int16", "float16", "bfloat16")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    configure_libraries()
    parser = Command("umt.cli.export", __doc__)
    parser.add_argument("place", type=Path, help="of a run of train.py, or a saved translator")
    parser.add_argument("--to", required=True, choices=("hf", "ctranslate2", "onnx"), help="who opens it")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a folder that does not exist yet")
    parser.add_argument("--quantization", choices=_QUANTIZATIONS, help="of the matrices, for ctranslate2")
    parser.add_argument("--beam", type=int, default=4, metavar="N", help="hypotheses side by side (4)")
    options = parser.parse_args(arguments)
    with user_errors(Console(), f", {options.output} was not written"):
        if options.to == "onnx":
            raise BadInput(
                "no exporter to ONNX knows T5Gemma 2 (optimum-onnx 0.1.0 does not): choose --to hf or "
                "--to ctranslate2"
            )
        if options.quantization and options.to != "ctranslate2":
            raise BadInput("--quantization is for --to ctranslate2: leave it out")
        if options.output.exists():
            raise BadInput(f"--output {options.output} exists: name a new folder")
        place = translator_directory(options.place)
        run = None if place == options.place else options.place
        with atomic_directory(options.output) as output, TemporaryDirectory() as scratch:
            for translator in neural_translators(place, options.beam):
                way = f"{translator.source}-{translator.target}"
                folder = output / way if options.to == "hf" else Path(scratch) / way
                export_transformers(translator, folder, options.beam)
                if options.to == "ctranslate2":
                    export_ctranslate2(folder, output / way, options.quantization)
                card = model_card(place, run, translator, options.to, options.beam)
                (output / way / "README.md").write_text(card, encoding="utf-8")
        for warning in training_warnings(place):
            print(printable(f"warning: {options.place}: {warning}"), file=sys.stderr)
        for folder in sorted(options.output.iterdir()):
            print(f"{folder.name}: {folder}, see README.md in it")


if __name__ == "__main__":
    main()
