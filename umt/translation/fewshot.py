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

from umt.embeddings.sentence_mining import SentenceEncoder, mine_pairs
from umt.lm.generation import Generation
from umt.lm.joint_lm import JointLM
from umt.lm.loading import best_device, load
from umt.lm.search import Sampling
from umt.runtime.seeds import child_seed
from umt.runtime.validate import require
from umt.smt.bootstrap import BootstrapInputs
from umt.text.token_shards import TokenShards
from umt.text.tokenizer import Ids, Tokenizer
from umt.training.embedding_init import subword_vectors
from umt.translation.bitext import save_bootstrap_pairs
from umt.translation.criteria import sample_sentences
from umt.translation.filters import Filters, OutputStatistics, SubwordUsage
from umt.translation.prompting import FEW_SHOT, Examples, PromptedTranslator
from umt.types import BadInput, Lang, ProgressCallback


class FewShotResult(NamedTuple):
    """What the route ends with.

    prompted: the way to prompt from source to target, with the examples of the end. pairs: language -> real
    sentences of it as ``target``, what is to become them as ``source``. round_log: of each round, how many
    were kept and how well they fit.
    """

    prompted: PromptedTranslator
    pairs: Mapping[Lang, Examples]
    round_log: tuple[dict[str, float], ...]


@dataclass(frozen=True)
class FewShot:
    """Writes pairs by prompting a joint language model.

    mined: sentences of each text among which the first examples are sought; seeds: that are kept. sentences:
    of each language that a round renders. rounds: each prompts with the best pairs so far. keep: share of a
    round's renderings that is kept, the likest to their sentences in the aligned space; filters: what they
    must be like before that. shots, window, candidates: see `PromptedTranslator`. generation: how answers
    are written.
    """

    needs_lm: ClassVar[bool] = True

    mining_sentences: int = 20_000
    seed_pairs: int = 2_000
    sentences: int = 2_000
    rounds: int = 2
    kept_share: float = 0.5
    shots: int = 4
    prompt_length: int = 64
    candidates: int = 4
    filters: Filters = field(default_factory=Filters)
    generation: Generation = field(default_factory=lambda: Generation(Sampling(0.7), length_offset=5))

    def __post_init__(self) -> None:
        require(
            self,
            positive="mining_sentences seed_pairs sentences rounds shots prompt_length candidates",
            within={"kept_share": "(0, 1]"},
        )
        for name in ("max_nll", "max_reconstruction_nll", "reconstruction_f1"):
            if getattr(self.filters, name) is not None:
                raise ValueError(
                    f"filters.{name} is for back-translation: answers to prompts are not so measured"
                )

    def write(
        self, inputs: BootstrapInputs, directory: Path, progress: ProgressCallback
    ) -> Mapping[str, Any]:
        """See `umt.smt.bootstrap.Bootstrap`."""
        if inputs.tokens is None or inputs.model is None:
            raise BadInput("bootstrap=fewshot prompts the joint language model: choose an lm other than none")
        tokenizer, (source, target) = Tokenizer.load(inputs.tokens), inputs.languages
        texts = (TokenShards(inputs.tokens, source), TokenShards(inputs.tokens, target))
        generator, width = Generator().manual_seed(inputs.seed), inputs.spaces[0].vectors.shape[1]
        space = SentenceEncoder.of(
            subword_vectors(inputs.spaces, tokenizer, width, generator),
            torch.from_numpy(sum(np.bincount(text.tokens, minlength=len(tokenizer)) for text in texts)),
        )
        model = load(inputs.model).to(best_device()).eval()
        result = self.run(model, tokenizer, space, texts, inputs.seed, progress)
        result.prompted.save(directory)
        for real, other in ((source, target), (target, source)):
            pairs = result.pairs[real]
            sources = [tokenizer.decode(ids, other) for ids in pairs.source]
            targets = [tokenizer.decode(ids, real) for ids in pairs.target]
            save_bootstrap_pairs(directory, (other, sources), (real, targets), tokenizer)
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
        space: SentenceEncoder,
        texts: tuple[TokenShards, TokenShards],
        seed: int,
        progress: ProgressCallback,
    ) -> FewShotResult:
        """Raises BadInput when the two texts have no sentences that are each other's nearest."""
        usage = SubwordUsage.count(tokenizer, texts)
        seeds = self._seeds(space, texts, seed)
        source, target = (text.lang for text in texts)
        written = {lang: usage.written(lang) for lang in (source, target)}
        prompted = PromptedTranslator(
            source, target, model, tokenizer, space, seeds, written,
            self.shots, self.prompt_length, self.candidates, self.generation,
        )  # fmt: skip
        pairs = {source: seeds.reversed(), target: seeds}
        told: list[dict[str, float]] = [{"examples": len(seeds), "similarity": float(seeds.scores.mean())}]
        generator = Generator().manual_seed(seed)
        for number in range(self.rounds):
            found, record = [], {}
            for side, way in enumerate((prompted, prompted.reversed())):
                progress(f"prompts, round {number + 1}", 2 * number + side, 2 * self.rounds)
                sentences = self._sentences(texts[side], self.sentences, child_seed(seed, "round", number))
                answers = way.translate_ids(sentences, generator)
                kept = self._kept(answers, way.target, usage)
                found.append(kept)
                record[f"{way.source}-{way.target} all"] = float(answers.scores.mean())
                record[f"{way.source}-{way.target} kept"] = float(kept.scores.mean())
                record[f"{way.source}-{way.target} pairs"] = len(kept)
            there, back = found
            pairs = {source: pairs[source] + there.reversed(), target: pairs[target] + back.reversed()}
            pool = prompted.examples + there + back.reversed()
            prompted = prompted.prompting(pool.best(max(self.seed_pairs, len(pool) // 2)))
            told.append(record)
        return FewShotResult(prompted, pairs, tuple(told))

    def _seeds(self, space: SentenceEncoder, texts: tuple[TokenShards, TokenShards], seed: int) -> Examples:
        sources, targets = (self._sentences(text, self.mining_sentences, seed) for text in texts)
        pairs, scores = mine_pairs(space, sources, targets, self.seed_pairs)
        if not len(pairs):
            raise BadInput(
                "no two sentences of the texts are each other's nearest: there is nothing to prompt with"
            )
        first, second = pairs.T.tolist()
        return Examples(tuple(sources[i] for i in first), tuple(targets[j] for j in second), scores)

    def _sentences(self, text: TokenShards, count: int, seed: int) -> Sequence[Ids]:
        """Random ones of which an example leaves room in the window for the sentence and its answer."""
        return sample_sentences(text, count, max(4, self.prompt_length // 5), seed)

    def _kept(self, answers: Examples, lang: Lang, usage: SubwordUsage) -> Examples:
        """The best of the answers in ``lang`` that are fit to learn from."""
        signs = OutputStatistics.read(answers.source, answers.target, lang, usage)
        fit = self.filters.fit(signs) & np.array([len(each) > 0 for each in answers.target])
        scores = answers.scores.masked_fill(~torch.from_numpy(fit), -torch.inf)
        count = max(1, round(self.kept_share * len(answers)))
        return Examples(answers.source, answers.target, scores).best(count)
