"""One network for both languages beside an encoder-decoder, taught by the same pairs at equal arithmetic.

    python -m benchmarks.architecture [--pairs synthetic] [--steps 1000] [overrides of train.py]

The pairs are those that the bootstrap wrote (``synthetic``: no true pair is read), or true ones (``known``).
Both networks begin at random and see the same batches in the same order, in bf16 where the processor
multiplies in it, moved by the same optimiser. The encoder-decoder is a T5Gemma (RMSNorm, rotary positions
and gated silu, as in a Llama) with as many layers on either side: each subword passes as many layers as in
the joint network, and those of the target look at the source besides. BLEU on the held-out pairs, greedy,
both ways.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import umt  # noqa: F401  (before torch: threads that sleep while they wait)

# isort: split
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console as Terminal
from rich.progress import track
from torch import Generator, Tensor, nn
from torch.optim import Optimizer
from transformers import PreTrainedModel, T5GemmaConfig, T5GemmaForConditionalGeneration, T5GemmaModuleConfig

import train
from umt import neural_stages, stages
from umt.bitexts import Bitext, known, synthetic
from umt.console import Console
from umt.corpus.normalisation import normaliser
from umt.corpus.prepared import PreparedText
from umt.evaluation import Bleu
from umt.filters import Usage
from umt.generation import Direction, Generation
from umt.joint_lm import Architecture, JointLM
from umt.optimisation import Optimisation
from umt.precision import precision
from umt.shards import Shards
from umt.store import Store
from umt.tokenizer import Ids, Tokenizer
from umt.translation_objectives import Renderings, Rows, Setting
from umt.types import Lang

ROOT = Path(__file__).parent.parent
Translate = Callable[[Sequence[Ids], Direction], list[list[int]]]


def encoder_decoder(size: Architecture, tokenizer: Tokenizer, generator: Generator) -> PreTrainedModel:
    """As wide and, on either side, as deep as the joint network."""
    side = {
        "vocab_size": len(tokenizer),
        "hidden_size": size.width,
        "intermediate_size": size.hidden,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.heads,
        "head_dim": size.width // size.heads,
        "query_pre_attn_scalar": size.width // size.heads,
        "hidden_activation": "silu",
        "layer_types": ["full_attention"] * size.layers,
        "attn_logit_softcapping": None,
        "final_logit_softcapping": None,
        "initializer_range": size.width**-0.5,
        "pad_token_id": tokenizer.pad,
        "eos_token_id": tokenizer.end,
        "bos_token_id": tokenizer.end,
    }
    config = T5GemmaConfig(  # type: ignore[call-arg]
        encoder=T5GemmaModuleConfig(**side),
        decoder=T5GemmaModuleConfig(**side),
        vocab_size=len(tokenizer),
        initializer_range=size.width**-0.5,
        attn_implementation="eager",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(1 << 62, (1,), generator=generator)))
        network = T5GemmaForConditionalGeneration(config)
    network.model.encoder.embed_tokens = network.model.decoder.embed_tokens  # one vocabulary
    return cast(PreTrainedModel, network)


def apart(batch: Rows, pad: int) -> tuple[Tensor, Tensor, Tensor]:
    """(rows, longest) each: the sentence given with its tag, the tag and what is asked for, and its labels,
    -100 where there is none.
    """
    starts, counts = batch.asked.int().argmax(1), batch.asked.sum(1)
    given = batch.ids[:, : int(starts.max())].clone()
    given[torch.arange(given.shape[1]) >= starts[:, None]] = pad
    places = torch.arange(int(counts.max()))
    inside = places < counts[:, None]
    columns = (starts[:, None] + places).clamp_max(batch.ids.shape[1] - 2)
    seen, wanted = batch.ids.gather(1, columns), batch.ids.gather(1, columns + 1)
    return given, seen.masked_fill(~inside, pad), wanted.masked_fill(~inside, -100)


def learn(
    what: str,
    network: nn.Module,
    moved: list[Optimizer],
    settings: Optimisation,
    batches: Iterable[Rows],
    nats: Callable[[Rows], Tensor],
) -> float:
    """Train; seconds that it took."""
    begun = time.perf_counter()
    network.train()
    for step, batch in enumerate(track(batches, what, settings.steps)):
        (nats(batch) / batch.asked.sum()).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        settings.schedule(moved, step)
        for each in moved:
            each.step()
            each.zero_grad()
    network.eval()
    return time.perf_counter() - begun


@torch.inference_mode()
def written_by(network: nn.Module, tokenizer: Tokenizer, rows: int = 64) -> Translate:
    """Greedy translations of an encoder-decoder."""

    def translate(sentences: Sequence[Ids], way: Direction) -> list[list[int]]:
        never = sorted({*range(len(tokenizer))} - {*way.allowed.tolist()})
        order = sorted(range(len(sentences)), key=lambda number: len(sentences[number]))
        found: list[list[int]] = [[] for _ in sentences]
        for start in range(0, len(order), rows):
            chosen = order[start : start + rows]
            longest = max(len(sentences[number]) for number in chosen)
            given = torch.full((len(chosen), longest + 1), tokenizer.pad)
            for row, number in zip(given, chosen, strict=True):
                row[: len(sentences[number]) + 1] = torch.tensor([way.source, *sentences[number].tolist()])
            told = network.generate(  # type: ignore[operator]
                input_ids=given,
                attention_mask=(given != tokenizer.pad).long(),
                decoder_start_token_id=way.target,
                max_new_tokens=int(1.5 * longest) + 10,
                suppress_tokens=never,
                do_sample=False,
                num_beams=1,
            )
            for number, row in zip(chosen, told[:, 1:].tolist(), strict=True):
                found[number] = row[: row.index(tokenizer.end)] if tokenizer.end in row else row
        return found

    return translate


def taught(
    config: DictConfig, store: Store, pairs: str, place: Path
) -> tuple[train.Run, Tokenizer, tuple[Shards, Shards], list[Bitext]]:
    """What both networks learn from."""
    run = train.build(config, store)
    tokens = store.build(neural_stages.tokenise, config.tokenizer, run.text)
    tokenizer = Tokenizer.load(tokens.path)
    first, second = run.corpus.languages
    texts = (Shards(tokens.path, first), Shards(tokens.path, second))
    if pairs == "known":
        config.translator = {"known": 100_000}
        return run, tokenizer, texts, known(stages.known(config, run.corpus)[0], tokenizer, place)
    bootstrap = {
        way: neural_stages.first_translator(run.translators["lexical"], *way, drafting=True)
        for way in ((first, second), (second, first))
    }
    prepared = PreparedText(run.text.path)
    return run, tokenizer, texts, synthetic(prepared, bootstrap, tokenizer, 60_000, place, lambda *_: None)


def main() -> None:
    """A line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", choices=("synthetic", "known"), default="synthetic")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--tokens", type=int, default=3072)
    parser.add_argument("overrides", nargs="*")
    asked = parser.parse_args()
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        config = compose("config", overrides=asked.overrides)
    settings: Optimisation = replace(instantiate(config.translator.optimisation), steps=asked.steps)
    size: Architecture = instantiate(config.size)
    config.lm = config.translator = {}  # nothing is built that these two do not need
    with tempfile.TemporaryDirectory() as folder:
        run, tokenizer, texts, bitexts = taught(
            config, Store(Path(config.store), Console(), ()), asked.pairs, Path(folder)
        )
        setting = Setting(tokenizer, asked.steps, asked.tokens, 250, config.seed)

        def batches() -> Iterable[Rows]:
            drawn, generator = Renderings(setting, bitexts), Generator().manual_seed(config.seed)
            return (drawn.draw(generator) for _ in range(asked.steps))

        model = JointLM.create(size, len(tokenizer), Generator().manual_seed(config.seed))
        nothing = Generator()

        def joint(batch: Rows) -> Tensor:
            with precision(model, exact=False):
                return setting.loss(model, batch, nothing).nats

        other = encoder_decoder(size, tokenizer, Generator().manual_seed(config.seed))

        def divided(batch: Rows) -> Tensor:
            given, seen, wanted = apart(batch, tokenizer.pad)
            with torch.autocast("cpu", torch.bfloat16):
                logits = other(
                    input_ids=given, attention_mask=given != tokenizer.pad, decoder_input_ids=seen
                ).logits
            return nn.functional.cross_entropy(
                logits.float().flatten(0, 1), wanted.flatten(), ignore_index=-100, reduction="sum"
            )

        greedy, usage = Generation(), Usage.count(tokenizer, texts)

        def written(sentences: Sequence[Ids], way: Direction) -> list[list[int]]:
            return [each[0].ids.tolist() for each in greedy.generate(model, sentences, way)]

        networks: list[tuple[str, nn.Module, list[Optimizer], Callable[[Rows], Tensor], Translate]] = [
            ("joint", model, settings.optimisers(model), joint, written),
            (
                "encoder-decoder",
                other,
                settings.optimisers(JointLM(other)),
                divided,
                written_by(other, tokenizer),
            ),
        ]
        for name, network, moved, nats, translate in networks:
            seconds = learn(name, network, moved, settings, batches(), nats)
            count = sum(weight.numel() for weight in network.parameters())
            told = [f"{score:.1f}" for score in scores(run, tokenizer, usage, translate)]
            print(f"{name:16} {count:10,} weights {seconds:6.0f} s  BLEU {' / '.join(told)}", flush=True)


def scores(run: train.Run, tokenizer: Tokenizer, usage: Usage, translate: Translate) -> Iterable[float]:
    """BLEU on the first held-out set, both ways."""
    pairs = next(each.pairs() for each in run.held_out if each.name.startswith("test"))
    source, target = run.corpus.languages
    ways: tuple[tuple[Lang, Lang], ...] = ((source, target), (target, source))
    for here, there in ways:
        normal = normaliser(here)
        sentences = tokenizer.encode([normal(each[0]) for each in pairs.sides[here]], here)
        way = Direction.between(tokenizer, here, there, usage.written(there))
        said = [tokenizer.decode(ids, there).strip() for ids in translate(sentences, way)]
        yield Bleu().score(said, pairs.sides[there], there).value


if __name__ == "__main__":
    Terminal().print("both begin at random; the same batches, the same optimiser")
    main()
