"""Score translations in a file: BLEU, chrF, TER with 95% intervals and signatures.

    umt-score out.txt ref.txt --to zh                        a line a sentence in every file
    umt-score out.txt ref.txt ref2.txt --to en               several references; an empty line is none
    umt-score out.txt ref.txt --to zh --against other.txt    and is it better than the other, or was it luck?
    umt-score out.txt ref.txt --to zh --metrics bleu chrf++ spbleu --json

The references of a set that sacreBLEU knows: sacrebleu -t wmt24 -l en-zh --echo ref > ref.txt
"""

from __future__ import annotations

import umt.runtime.interrupts  # noqa: F401  (before all that takes long to import)

# isort: split
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from umt.cli.command_line import Command
from umt.corpus.reading import lines
from umt.evaluation.metrics import SACRE_METRICS
from umt.evaluation.rows import format_score
from umt.evaluation.text_scores import DEFAULT, score_texts
from umt.pipeline.display.console import Console
from umt.pipeline.errors import user_errors
from umt.types import BadInput, Lang


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = Command("umt.cli.score", __doc__)
    parser.add_argument("hypothesis", type=Path, metavar="HYP", help="translations, a line a sentence")
    parser.add_argument("references", type=Path, metavar="REF", nargs="+", help="line-aligned with it")
    parser.add_argument(
        "--to", required=True, type=Lang, metavar="LANG", help="of the translations, such as zh"
    )
    parser.add_argument("--against", type=Path, metavar="HYP", help="another system's, for the paired test")
    parser.add_argument("--metrics", nargs="+", default=DEFAULT, choices=[*SACRE_METRICS], metavar="METRIC",
                        help=f"of {', '.join(SACRE_METRICS)} ({' '.join(DEFAULT)})")  # fmt: skip
    parser.add_argument("--resamples", type=int, default=1000, help="of the bootstrap (1000)")
    parser.add_argument("--json", action="store_true", help="all scores as one JSON list")
    options = parser.parse_args(arguments)
    with user_errors(Console(), " before all was scored"):
        streams = [_lines(path) for path in options.references]
        lengths = {path: len(stream) for path, stream in zip(options.references, streams, strict=True)}
        if len({*lengths.values()}) > 1:
            raise BadInput(
                "the references differ in length, but line i of each is of one sentence: "
                f"{', '.join(f'{path} has {count:,} lines' for path, count in lengths.items())}"
            )
        references = [[line for line in item if line] for item in zip(*streams, strict=True)]
        against = _lines(options.against) if options.against else None
        scores = score_texts(
            _lines(options.hypothesis), references, options.to, options.metrics, against, options.resamples
        )
    if options.json:
        print(json.dumps([asdict(score) for score in scores], ensure_ascii=False, indent=1))
        return
    width = max(len(score.name) for score in scores)
    for score in scores:
        value, interval = format_score(score)
        print(f"{score.name:{width}}  {value:>6}  {interval:14}  {score.signature}".rstrip())


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in lines(path)]


if __name__ == "__main__":
    main()
