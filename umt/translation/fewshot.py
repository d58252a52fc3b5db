"""The few-shot route to a first set of pairs (Han et al. 2021, "Unsupervised neural machine translation with
generative language models only"): prompt, keep the best, prompt with those, hand the pairs on.

A language model of this size does not translate by itself, so the first examples are not its own: they are
real sentences of both texts that are each other's nearest in the aligned space, which sees no pair either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Generator

from umt.embeddings.sentence_mining import Space, mine
from umt.lm.generation import Generation
from umt.lm.joint_lm import JointLM
from umt.lm.loading import best_device, load
from umt.lm.search import Sampling
from umt.runtime.seeds import child_seed
from umt.runtime.validate import require
from umt.smt.bootstrap import BootstrapInputs
from umt.text.token_shards import Shards
from umt.text.tokenizer import Ids, Tokenizer
from umt.training.embedding_init import token_vectors
from umt.translation.bitext import hand_on
from umt.translation.criteria import sample
from umt.translation.filters import Filters, Signs, Usage
from umt.translation.prompting import FEW_SHOT, Examples, Prompted
from umt.types import BadInput, Lang, Progress


class Handed(NamedTuple):
    """What the route ends with.

    prompted: the way to prompt from source to target, with the examples of the end. pairs: language -> real
    sentences of it as ``target``, what is to become them as ``source``. round_log: of each round, how many
    were kept and how well they fit.
    """

    prompted: Prompted
    pairs: Mapping[Lang, Examples]
    round_log: tuple[dict[str, float], ...]


@dataclass(frozen=True)
class FewShot:
    """Writes pairs by prompting a joint language model.

    mined: sentences of each text among which the first examples are sought; seeds: that are kept. sentences:
    of each language that a round renders. rounds: each prompts with the best pairs so far. keep: share of a
    round's renderings that is kept, the likest to their sentences in the aligned space; filters: what they
    must be like before that. shots, window, candidates: see `Prompted`. generation: how answers are written.
    """

    needs_lm: ClassVar[bool] = True

    mined: int = 20_000
    seeds: int = 2_000
    sentences: int = 2_000
    rounds: int = 2
    keep: float = 0.5
    shots: int = 4
    window: int = 64
    candidates: int = 4
    filters: Filters = field(default_factory=Filters)
    generation: Generation = field(default_factory=lambda: Generation(Sampling(0.7), extra=5))

    def __post_init__(self) -> None:
        require(
            self, positive="mined seeds sentences rounds shots window candidates", within={"keep": "(0, 1]"}
        )
        for name in ("nats", "back", "returned"):
            if getattr(self.filters, name) is not None:
                raise ValueError(
                    f"filters.{name} is for back-translation: answers to prompts are not so measured"
                )

    def write(self, inputs: BootstrapInputs, directory: Path, progress: Progress) -> Mapping[str, Any]:
        """See `umt.smt.bootstrap.Bootstrap`."""
        if inputs.tokens is None or inputs.model is None:
            raise BadInput("bootstrap=fewshot prompts the joint language model: choose an lm other than none")
        tokenizer, (source, target) = Tokenizer.load(inputs.tokens), inputs.languages
        texts = (Shards(inputs.tokens, source), Shards(inputs.tokens, target))
        generator, width = Generator().manual_seed(inputs.seed), inputs.spaces[0].vectors.shape[1]
        space = Space.of(
            token_vectors(inputs.spaces, tokenizer, width, generator),
            torch.from_numpy(sum(np.bincount(text.tokens, minlength=len(tokenizer)) for text in texts)),
        )
        model = load(inputs.model).to(best_device()).eval()
        result = self.run(model, tokenizer, space, texts, inputs.seed, progress)
        result.prompted.save(directory)
        for real, other in ((source, target), (target, source)):
            pairs = result.pairs[real]
            sources = [tokenizer.decode(ids, other) for ids in pairs.source]
            targets = [tokenizer.decode(ids, real) for ids in pairs.target]
            hand_on(directory, (other, sources), (real, targets), tokenizer)
        sizes = ", ".join(f"{len(pairs):,} for {lang}" for lang, pairs in result.pairs.items())
        return {
            "kind": FEW_SHOT,
            "rounds": result.round_log,
            "summary": f"pairs: {sizes}; {result.round_log[0]['examples']:,} of them mined",
        }

    def run(
        self,
        model: JointLM,
        tokenizer: Tokenizer,
        space: Space,
        texts: tuple[Shards, Shards],
        seed: int,
        progress: Progress,
    ) -> Handed:
        """Raises BadInput when the two texts have no sentences that are each other's nearest."""
        usage = Usage.count(tokenizer, texts)
        seeds = self._seeds(space, texts, seed)
        source, target = (text.lang for text in texts)
        written = {lang: usage.written(lang) for lang in (source, target)}
        prompted = Prompted(
            source, target, model, tokenizer, space, seeds, written,
            self.shots, self.window, self.candidates, self.generation,
        )  # fmt: skip
        pairs = {source: seeds.turned(), target: seeds}
        told: list[dict[str, float]] = [{"examples": len(seeds), "similarity": float(seeds.scores.mean())}]
        generator = Generator().manual_seed(seed)
        for number in range(self.rounds):
            found, record = [], {}
            for side, way in enumerate((prompted, prompted.turned())):
                progress(f"prompts, round {number + 1}", 2 * number + side, 2 * self.rounds)
                sentences = self._sentences(texts[side], self.sentences, child_seed(seed, "round", number))
                answers = way.render(sentences, generator)
                kept = self._kept(answers, way.target, usage)
                found.append(kept)
                record[f"{way.source}-{way.target} all"] = float(answers.scores.mean())
                record[f"{way.source}-{way.target} kept"] = float(kept.scores.mean())
                record[f"{way.source}-{way.target} pairs"] = len(kept)
            there, back = found
            pairs = {source: pairs[source] + there.turned(), target: pairs[target] + back.turned()}
            pool = prompted.examples + there + back.turned()
            prompted = prompted.prompting(pool.best(max(self.seeds, len(pool) // 2)))
            told.append(record)
        return Handed(prompted, pairs, tuple(told))

    def _seeds(self, space: Space, texts: tuple[Shards, Shards], seed: int) -> Examples:
        sources, targets = (self._sentences(text, self.mined, seed) for text in texts)
        pairs, scores = mine(space, sources, targets, self.seeds)
        if not len(pairs):
            raise BadInput(
                "no two sentences of the texts are each other's nearest: there is nothing to prompt with"
            )
        first, second = pairs.T.tolist()
        return Examples(tuple(sources[i] for i in first), tuple(targets[j] for j in second), scores)

    def _sentences(self, text: Shards, count: int, seed: int) -> Sequence[Ids]:
        """Random ones of which an example leaves room in the window for the sentence and its answer."""
        return sample(text, count, max(4, self.window // 5), seed)

    def _kept(self, answers: Examples, lang: Lang, usage: Usage) -> Examples:
        """The best of the answers in ``lang`` that are fit to learn from."""
        signs = Signs.read(answers.source, answers.target, lang, usage)
        fit = self.filters.fit(signs) & np.array([len(each) > 0 for each in answers.target])
        scores = answers.scores.masked_fill(~torch.from_numpy(fit), -torch.inf)
        count = max(1, round(self.keep * len(answers)))
        return Examples(answers.source, answers.target, scores).best(count)
