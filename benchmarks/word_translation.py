"""Word translation from two files of vectors: the unsupervised aligner beside maps fitted on known pairs.

python -m benchmarks.word_translation en.vec zh.vec DICTIONARY --counts en.tsv zh.tsv --seeds 10 --known 1000

P@1 and P@5 of the words whose translation the other file holds, both ways, without the known pairs.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from hydra.utils import instantiate
from torch import Generator

from umt.align import Aligner
from umt.align.restarts import Restarts
from umt.align.strategies.procrustes import CrossValidatedMap
from umt.align.strategies.supervised import Supervised
from umt.cli.command_line import Command
from umt.corpus.dictionary import Dictionary
from umt.embeddings.pretrained_vectors import VectorFiles
from umt.evaluation.lexicon_precision import precision
from umt.pipeline.composition import configuration
from umt.types import Lang


def split(dictionary: Dictionary, words: list[str], known: int) -> tuple[Dictionary, Dictionary, Dictionary]:
    """``known`` of the source ``words`` with their translations, and what is tested, forward and backward."""
    chosen = set(random.Random(0).sample(words, min(known, len(words) // 2)))
    training = Dictionary({word: dictionary.pairs[word] for word in sorted(chosen)})
    seen = training.reversed().pairs
    forward = {word: translations for word, translations in dictionary.pairs.items() if word not in chosen}
    backward = {word: own for word, own in dictionary.reversed().pairs.items() if word not in seen}
    return training, Dictionary(forward), Dictionary(backward)


def read_dictionaries(paths: list[Path], languages: tuple[Lang, Lang]) -> Dictionary:
    """The pairs of all files."""
    pairs: dict[str, frozenset[str]] = {}
    for path in paths:
        for word, translations in Dictionary.read(path, languages).pairs.items():
            pairs[word] = pairs.get(word, frozenset()) | translations
    return Dictionary(pairs)


def main() -> None:
    """The command."""
    parser = Command("benchmarks.word_translation", __doc__)
    parser.add_argument("files", nargs=2, help="vectors of both languages")
    parser.add_argument("dictionary", nargs="+", type=Path, help="true pairs, in one file or several")
    parser.add_argument("--counts", nargs=2, help='files of "word count" lines')
    parser.add_argument("--languages", default="en,zh")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--known", type=int, default=1000, help="pairs that maps are fitted on")
    arguments = parser.parse_args()
    first, second = (Lang(code) for code in arguments.languages.split(","))
    files = VectorFiles(
        dict(zip((first, second), arguments.files, strict=True)),
        dict(zip((first, second), arguments.counts or (None, None), strict=True)),
    )
    source, target = (files.build(lang, None, Generator()) for lang in (first, second))
    pairs = read_dictionaries(arguments.dictionary, (first, second))
    words = [word for word in source.words if pairs.pairs.get(word, frozenset()) & target.index.keys()]
    training, forward, backward = split(pairs, words, arguments.known)

    def report(name: str, aligner: Aligner, seed: int) -> None:
        start = time.process_time()
        alignment = aligner.align(source, target, Generator().manual_seed(seed))
        columns = [name, f"{time.process_time() - start:.0f} s"]
        for lexicon, truth in ((alignment.lexicon, forward), (alignment.reverse_lexicon, backward)):
            scores = {score.name: score.value for score in precision(lexicon, truth)}
            columns.append(f"{scores['p@1 covered']:.3f} {scores['p@5 covered']:.3f}")
        print(*columns, alignment.verdict.label, f"{alignment.verdict.score:.3f}", sep=" | ", flush=True)

    unsupervised: Restarts = instantiate(
        configuration(["corpus=none", "words=file", "runtime.workers=1"]).aligner
    )
    for seed in range(1, arguments.seeds + 1):
        report(f"unsupervised, seed {seed}", unsupervised, seed)
    choice: CrossValidatedMap = instantiate(configuration(["corpus=none", "words=file"]).control)
    for each in choice.maps:
        report(str(each), CrossValidatedMap([each], training), 1)
    report("the best of these by cross-validation", choice.with_seeds(training), 1)
    report("the pairs through the same refinement", Supervised(unsupervised.refinement, seeds=training), 1)


if __name__ == "__main__":
    main()
