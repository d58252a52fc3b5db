"""An experiment in two halves: what processors do here, and what one with a GPU does, perhaps for minutes.

    python -m scripts.offline_gpu pack OUT experiment=bible_gpu corpus.root=../shared/data/bible
    python -m scripts.offline_gpu train OUT experiment=bible_gpu [store=DIR] [overrides]

The first builds what comes before the networks (what `train.py` with the same overrides has built is found)
and packs numbers: subwords of both texts, the bootstrap's renderings, vectors to begin with, held-out pairs.
The second needs nothing else, and no aligner, segmenter or n-gram model: it trains the language model and the
translator, goes on where a killed call stopped, and scores. `--lines` keeps fewer sentences where OUT grows
too large to carry.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import umt  # noqa: F401  (before torch: threads that sleep while they wait)

# isort: split
import numpy as np
import numpy.typing as npt
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console as Terminal
from rich.table import Table
from torch import Generator

from umt.align import Alignment
from umt.cli.command_line import Command
from umt.corpus import ParallelSet
from umt.corpus.prepared_text import PreparedText
from umt.embeddings.wordspace import Embeddings
from umt.evaluation.metrics import Bleu, ChrF
from umt.lm.joint_lm import JointLM
from umt.pipeline.display.console import Console
from umt.pipeline.errors import user_errors
from umt.pipeline.store import Store
from umt.runtime.files import write_json
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Tokenizer
from umt.training.embedding_init import subword_vectors
from umt.training.pretraining import Pretraining
from umt.translation.bitext import Bitext, synthetic_pairs
from umt.translation.quality.filters import SubwordUsage
from umt.translation.training import TranslationData, TranslatorTraining
from umt.translation.translator import NeuralTranslator
from umt.types import BadInput, Lang, ProgressCallback

ROOT = Path(__file__).parent.parent
ABOUT = "about.json"
PAIRS = "pairs.json"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "languages.json", "endings.json")
NUMBERS = [{"id": lzma.FILTER_LZMA2, "preset": 9, "lc": 0, "lp": 1, "pb": 1, "dict_size": 96 << 20}]
"""For numbers of two bytes each."""


def configured(overrides: Sequence[str]) -> DictConfig:
    """The configuration of an experiment."""
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        return compose("config", overrides=list(overrides))


def put(path: Path, numbers: npt.NDArray[Any]) -> None:
    """Write an array of numbers, packed."""
    entry = {"dtype": numbers.dtype.str, "shape": numbers.shape}
    packed = lzma.compress(np.ascontiguousarray(numbers).tobytes(), filters=NUMBERS)
    path.write_bytes(json.dumps(entry).encode() + b"\n" + packed)


def got(path: Path) -> npt.NDArray[Any]:
    """What `put` wrote."""
    entry, packed = path.read_bytes().split(b"\n", 1)
    about = json.loads(entry)
    return np.frombuffer(lzma.decompress(packed), about["dtype"]).reshape(about["shape"])


def put_shards(directory: Path, name: str, shards: TokenShards, lines: npt.NDArray[np.int64]) -> None:
    """The sentences ``lines`` of ``shards``."""
    chosen = np.zeros(len(shards), dtype=bool)
    chosen[lines] = True
    lengths = shards.lengths()
    put(directory / f"{name}.lengths", lengths[chosen].astype(np.uint16))
    put(directory / f"{name}.tokens", np.asarray(shards.tokens[np.repeat(chosen, lengths)]))


def unpacked(source: Path, name: str, lang: Lang, directory: Path, lines: Any = slice(None)) -> TokenShards:
    """What `put_shards` wrote, or ``lines`` of it, in ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    lengths, tokens = got(source / f"{name}.lengths").astype(np.int64), got(source / f"{name}.tokens")
    chosen = np.zeros(len(lengths), dtype=bool)
    chosen[lines] = True
    (directory / f"{lang}.bin").write_bytes(tokens[np.repeat(chosen, lengths)].tobytes())
    (directory / f"{lang}.offsets").write_bytes(np.cumsum([0, *lengths[chosen]], dtype=np.int64).tobytes())
    return TokenShards(directory, lang)


def pack(out: Path, config: DictConfig, lines: int) -> None:
    """Everything up to the networks, into ``out``."""
    # with these come libraries that the other half does without
    from umt.pipeline import inputs, stages
    from umt.pipeline.neural_stages import bootstrap_translators, languages_of, tokenise

    console = Console()
    store = Store(Path(config.store), console)
    corpus = inputs.corpus(config)
    held_out = inputs.held_out(config, corpus)
    text = store.build(stages.prepare, config.preparation, corpus, *held_out)
    words = store.build(stages.words, config.words, text, seed=config.seed)
    aligned = store.build(stages.align, config.aligner, words, seed=config.seed)
    first = store.build(stages.bootstrap, config.bootstrap, text, aligned, seed=config.seed)
    tokens = store.build(tokenise, config.tokenizer, text)
    languages, tokenizer = languages_of(text), Tokenizer.load(tokens.path)
    bootstrap = bootstrap_translators(first, languages)
    count = config.translator.synthesis.bootstrap_sentences
    place = Path(config.store) / f"synthetic-{first.path.name}-{tokens.path.name}-{count}"
    bitexts = synthetic_pairs(PreparedText(text.path), bootstrap, tokenizer, count, place, console.progress)
    out.mkdir(parents=True, exist_ok=True)
    for file in TOKENIZER:
        if (tokens.path / file).exists():
            (out / f"{file}.xz").write_bytes(lzma.compress((tokens.path / file).read_bytes()))
    for number, bitext in enumerate(bitexts):
        console.progress("packing", number, len(bitexts))
        real = bitext.target.lang
        whole = TokenShards(tokens.path, real)
        rendered = np.arange(0, len(whole), max(1, -(-len(whole) // count)))
        retained = np.union1d(rendered, np.arange(0, len(whole), max(1, -(-len(whole) // lines))))
        put_shards(out, real, whole, retained)
        put_shards(out, f"{real}.renderings", bitext.source, np.arange(len(bitext.source)))
        put(out / f"{real}.rendered", np.searchsorted(retained, rendered).astype(np.uint32))
    width = int(config.size.width)
    alignment, generator = Alignment.load(aligned.path), Generator().manual_seed(config.seed)
    vectors = subword_vectors((alignment.source, alignment.target), tokenizer, width, generator)
    scales = vectors.abs().amax(1, keepdim=True).clamp(min=1e-9) / 127
    put(out / "vectors", (vectors / scales).round().to(torch.int8).numpy())
    put(out / "scales", scales.numpy())
    write_json(out / ABOUT, {"languages": list(languages)})
    known = [each.pairs() for each in held_out if each.name not in config.evaluation.left_out]
    entry = [{"name": each.name, "direction": each.direction, "sides": each.sides} for each in known]
    (out / f"{PAIRS}.xz").write_bytes(lzma.compress(json.dumps(entry, ensure_ascii=False).encode()))
    size = sum(file.stat().st_size for file in out.iterdir())
    print(f"{out}: {size / 2**20:.1f} MiB")


@dataclass(frozen=True)
class Carried(Pretraining):
    """Begins with embeddings that were made elsewhere."""

    vectors: torch.Tensor | None = None

    @classmethod
    def of(cls, pretraining: Pretraining, vectors: torch.Tensor) -> Carried:
        """The same, with these."""
        entry = {each.name: getattr(pretraining, each.name) for each in fields(Pretraining)}
        return cls(**(entry | {"embeddings": "random"}), vectors=vectors)

    def initial_model(
        self, tokenizer: Tokenizer, spaces: tuple[Embeddings, Embeddings], generator: Generator
    ) -> JointLM:
        model = super().initial_model(tokenizer, spaces, generator)
        assert self.vectors is not None
        if (width := model.embeddings.shape[1]) != self.vectors.shape[1]:
            raise BadInput(
                f"packed for a network of width {self.vectors.shape[1]}, not {width}; "
                "pack again with the same size="
            )
        model.embeddings.data.copy_(self.vectors * self.vectors.shape[1] ** -0.5)
        return model


def learned(
    out: Path, config: DictConfig, place: Path, progress: ProgressCallback
) -> dict[Lang, NeuralTranslator]:
    """The translators from each language; ``place`` keeps what a killed call goes on from."""
    if not (out / ABOUT).exists():
        raise BadInput(f"{out} holds no packed experiment: python -m scripts.offline_gpu pack writes one")
    first, second = (Lang(lang) for lang in json.loads((out / ABOUT).read_text("utf-8"))["languages"])
    (place / "tokens").mkdir(parents=True, exist_ok=True)
    for file in out.glob("*.json.xz"):
        (place / "tokens" / file.stem).write_bytes(lzma.decompress(file.read_bytes()))
    tokenizer = Tokenizer.load(place / "tokens")
    texts = tuple(unpacked(out, lang, lang, place / "tokens") for lang in (first, second))
    written = []
    for real, other in ((first, second), (second, first)):
        beside, rendered = place / f"rendered-{real}", got(out / f"{real}.rendered")
        arguments = unpacked(out, f"{real}.renderings", other, beside)
        written.append(Bitext(arguments, unpacked(out, real, real, beside, rendered)))
    vectors = torch.from_numpy(got(out / "vectors") * got(out / "scales"))
    pretraining = Carried.of(instantiate(config.lm), vectors)
    generator = Generator().manual_seed(config.seed)
    nothing: Any = None  # no alignment is looked at
    model, _ = pretraining.train(
        tokenizer, {text.lang: text for text in texts}, nothing, place / "lm", generator, progress
    )
    strategy: TranslatorTraining = instantiate(config.translator)
    data = TranslationData(tokenizer, (texts[0], texts[1]), written)
    trained = strategy.learn(model, data, place / "translator", config.seed, progress)
    print(f"best: step {trained.step} of {list(trained.history)} {trained.stop_reason}")
    usage = SubwordUsage.count(tokenizer, texts)
    allowed = {lang: usage.allowed(lang) for lang in (first, second)}
    longest = strategy.batching.sentence_length
    generation, both = instantiate(config.evaluation.generation), config.evaluation.noisy_channel
    return {
        here: NeuralTranslator(here, there, trained.model, tokenizer, allowed, longest, generation, both)
        for here, there in ((first, second), (second, first))
    }


def train(out: Path, config: DictConfig, clock: int) -> None:
    """The networks, and a table of scores; translations lie in the store, beside what training keeps."""
    console, place = Console(), Path(config.store) / f"carried-{out.name}"
    translators = learned(out, config, place, console.progress)
    table = Table("set", "direction", "BLEU", "chrF", "signature")
    for entry in json.loads(lzma.decompress((out / f"{PAIRS}.xz").read_bytes())):
        sides = {Lang(lang): tuple(map(tuple, side)) for lang, side in entry["sides"].items()}
        for here, translator in translators.items():
            if entry["direction"] not in (None, [here, translator.target]):
                continue
            scored(ParallelSet(entry["name"], sides), translator, place, table)
    Terminal(width=200).print(table)
    if clock:
        from benchmarks.back_translation import steps_of

        translator = next(iter(translators.values()))
        texts = (
            TokenShards(place / "tokens", translator.source),
            TokenShards(place / "tokens", translator.target),
        )
        strategy: TranslatorTraining = instantiate(config.translator)
        entry = steps_of(strategy, translator.model, translator.tokenizer, texts, clock)
        print(f"a step of back-translation takes {entry.seconds:.3f} s, {entry.share:.0%} of it generation; "
              f"{entry.words:,.0f} words a second")  # fmt: skip


def scored(pairs: ParallelSet, translator: NeuralTranslator, place: Path, table: Table) -> None:
    """A line of the table."""
    here, there = translator.source, translator.target
    translations = translator.translate([each[0] for each in pairs.sides[here]])
    (place / f"{pairs.name}.{here}-{there}").write_text("\n".join(translations) + "\n", encoding="utf-8")
    scores = [metric.score(translations, pairs.sides[there], there) for metric in (Bleu(), ChrF())]
    entry = [f"{score.value:.2f} [{score.low:.1f}, {score.high:.1f}]" for score in scores]
    table.add_row(pairs.name, f"{here}-{there}", *entry, scores[0].signature)


def main() -> None:
    """Pack or train."""
    parser = Command("scripts.offline_gpu", __doc__)
    parser.add_argument("half", choices=("pack", "train"))
    parser.add_argument("out", type=Path, help="the folder that travels")
    parser.add_argument("--lines", type=int, default=10_000_000, help="sentences of each language, at most")
    parser.add_argument("--clock", type=int, default=0, help="then time so many steps of back-translation")
    parser.add_argument("overrides", nargs="*", help="as of train.py")
    asked = parser.parse_intermixed_args()
    overrides: list[str] = asked.overrides
    with user_errors(Console()):
        if asked.half == "pack":
            pack(asked.out, configured(overrides), asked.lines)
        else:
            train(asked.out, configured([*overrides, "corpus.root=nowhere"]), asked.clock)


if __name__ == "__main__":
    main()
