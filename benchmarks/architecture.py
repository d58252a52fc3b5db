"""Networks beside each other, taught by the same pairs from random weights.

    python -m benchmarks.architecture [--pairs synthetic] [--steps 1000] [overrides of train.py]

The pairs are those that the bootstrap wrote (``synthetic``: no true pair is read), or true ones (``known``).
Every network sees the same batches in the same order and is moved by the same optimiser:

    llama             one network reads what is given and goes on from it; norms before each part only
    gemma             the same, as `JointLM.create` makes it: norms after each part, of queries, of keys
    encoder-decoder   `JointLM.divided`: half of it reads what is given from both sides

Prints weights, seconds, the loss of the last tenth of the steps in nats a subword (no pair comes twice where
there are enough of them), and BLEU on the held-out pairs, greedy, both ways.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import umt  # noqa: F401  (before torch: threads that sleep while they wait)

# isort: split
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Generator
from transformers import LlamaConfig, LlamaForCausalLM

import train
from umt.cli.command_line import Command
from umt.corpus.prepared_text import PreparedText
from umt.evaluation.metrics import Bleu
from umt.lm.generation import Direction, Generation
from umt.lm.joint_lm import Architecture, JointLM
from umt.lm.loading import configure_libraries
from umt.pipeline import inputs, neural_stages
from umt.pipeline.display.console import Console
from umt.pipeline.run import Run
from umt.pipeline.store import Store
from umt.text.normalisation import normaliser
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Tokenizer
from umt.training.loop import fit
from umt.training.optimiser import OptimiserConfig
from umt.translation.bitext import Bitext, encode_parallel_pairs, synthetic_pairs
from umt.translation.objectives import BitextObjective, TranslationTask
from umt.translation.quality.filters import SubwordUsage
from umt.types import Lang

ROOT = Path(__file__).parent.parent


def llama(size: Architecture, vocabulary: int, seed: int) -> JointLM:
    """As wide and deep, residual branches starting small (GPT-2)."""
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=size.width,
        intermediate_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.heads,
        max_position_embeddings=size.context,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LlamaForCausalLM(config)
        with torch.no_grad():
            for name, weight in network.named_parameters():
                if weight.ndim == 2 and "embed" not in name:
                    weight.normal_(std=weight.shape[1] ** -0.5)
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    weight.div_((2 * size.layers) ** 0.5)
    return JointLM(network)


def gemma(size: Architecture, vocabulary: int, seed: int) -> JointLM:
    """With embeddings as large as aligned ones, from which a translator begins."""
    model = JointLM.create(size, vocabulary, Generator().manual_seed(seed))
    with torch.no_grad():
        model.embeddings.div_(model.embeddings.std() * size.width**0.5)
    return model


def taught(
    config: DictConfig, store: Store, pairs: str, place: Path
) -> tuple[Run, Tokenizer, tuple[TokenShards, TokenShards], list[Bitext]]:
    """What both networks learn from."""
    run = train.build(config, store)
    tokens = store.build(neural_stages.tokenise, config.tokenizer, run.text)
    tokenizer = Tokenizer.load(tokens.path)
    first, second = run.corpus.languages
    texts = (TokenShards(tokens.path, first), TokenShards(tokens.path, second))
    if pairs == "known":
        config.translator = {"parallel_pairs": 100_000}
        true_pairs = inputs.parallel_pairs(config, run.corpus, run.held_out)
        assert true_pairs is not None
        return run, tokenizer, texts, encode_parallel_pairs(true_pairs, tokenizer, place)
    bootstrap = neural_stages.bootstrap_translators(run.translators["phrase-based"], (first, second))
    assert run.text is not None
    prepared = PreparedText(run.text.path)
    bitexts = synthetic_pairs(prepared, bootstrap, tokenizer, 60_000, place, lambda *_: None)
    return run, tokenizer, texts, bitexts


def main() -> None:
    """A line a network."""
    configure_libraries()
    parser = Command("benchmarks.architecture", __doc__)
    parser.add_argument("--pairs", choices=("synthetic", "known"), default="synthetic")
    parser.add_argument("--steps", type=int, default=1000, help="of each network")
    parser.add_argument("--tokens", type=int, default=2048, help="subwords a batch")
    parser.add_argument("overrides", nargs="*", help="as of train.py, which has built the pairs")
    asked = parser.parse_args()
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        config = compose("config", overrides=asked.overrides)
    settings: OptimiserConfig = replace(instantiate(config.translator.optimisation), steps=asked.steps)
    size: Architecture = instantiate(config.size)
    config.lm = config.translator = {}  # nothing is built that these do not need
    with tempfile.TemporaryDirectory() as folder:
        run, tokenizer, texts, bitexts = taught(
            config, Store(Path(config.store), Console(), ()), asked.pairs, Path(folder)
        )
        task = TranslationTask(tokenizer, asked.steps, asked.tokens, 250, config.seed)
        networks = {
            "llama": llama(size, len(tokenizer), config.seed),
            "gemma": gemma(size, len(tokenizer), config.seed),
            "encoder-decoder": gemma(size, len(tokenizer), config.seed).divided("t5gemma2"),
        }
        usage = SubwordUsage.count(tokenizer, texts)
        for name, model in networks.items():
            begun, place = time.perf_counter(), Path(folder) / name
            pairs = {"pairs": BitextObjective(task, bitexts)}
            records = fit(model, pairs, settings, place, config.seed, lambda *_: None)
            seconds = time.perf_counter() - begun
            last = [each["pairs/nats"] for each in records[-max(1, len(records) // 10) :]]
            bleu = " / ".join(f"{score:.1f}" for score in scores(run, tokenizer, usage, model))
            count = sum(weight.numel() for weight in model.parameters())
            nats = sum(last) / len(last)
            print(f"{name:16} {count:10,} weights {seconds:6.0f} s  {nats:.3f} nats  BLEU {bleu}", flush=True)


def scores(run: Run, tokenizer: Tokenizer, usage: SubwordUsage, model: JointLM) -> Iterable[float]:
    """BLEU on the first held-out set, both ways."""
    pairs = next(each.pairs() for each in run.held_out if each.name.startswith("test"))
    source, target = run.corpus.languages
    ways: tuple[tuple[Lang, Lang], ...] = ((source, target), (target, source))
    for here, there in ways:
        normal = normaliser(here)
        sentences = tokenizer.encode([normal(each[0]) for each in pairs.sides[here]], here)
        way = Direction.between(tokenizer, here, there, usage.allowed(there))
        written = Generation().generate(model, sentences, way)
        translations = [tokenizer.decode(each[0].ids, there).strip() for each in written]
        yield Bleu().score(translations, pairs.sides[there], there).value


if __name__ == "__main__":
    main()
