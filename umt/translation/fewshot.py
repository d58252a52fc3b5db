"""Bootstrap by few-shot prompting (Han et al. 2021, "Unsupervised neural machine translation with generative
language models only"): prompt the language model, keep the best translations, prompt with those, in rounds.

A language model of this size does not translate by itself, so the first examples are mined: real sentences of
both texts that are mutual nearest neighbours in the aligned space, which has seen no pair either.
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
from umt.translation.prompting import FEW_SHOT, Examples, PromptedTranslator
from umt.translation.quality.criteria import sample_sentences
from umt.translation.quality.filters import Filters, OutputStatistics, SubwordUsage
from umt.types import BadInput, Lang, ProgressCallback


class FewShotResult(NamedTuple):
    """The prompted translator and its pairs.

    prompted: from source to target, with the examples of the last round. pairs: language -> real sentences of
    it as ``target``, their translations or mined sentences as ``source``. round_log: of each round, the
    number of pairs and their mean similarity.
    """

    prompted: PromptedTranslator
    pairs: Mapping[Lang, Examples]
    round_log: tuple[dict[str, float], ...]


@dataclass(frozen=True)
class FewShot:
    """Writes synthetic pairs by few-shot prompting of a joint language model.

    mining_sentences: sentences of each text among which the first examples are mined.
    seed_pairs: mined pairs of the highest similarity that are used.
    sentences: sentences of each language that a round translates.
    rounds: every one prompts with the best pairs so far.
    kept_share: share of a round's translations that is kept, those most similar to their sentences in the
        aligned space.
    shots: examples in a prompt, at most.
    prompt_length: subwords of prompt and answer, see `PromptedTranslator`.
    candidates: translations sampled of a sentence, of which the most similar is taken.
    filters: which translations may be kept.
    generation: how translations are sampled.
    kernels: see `umt.lm.joint_lm.JointLM`.

    Raises ValueError for a filter that needs the likelihood of a translation.
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
    kernels: bool = True

    def __post_init__(self) -> None:
        require(
            self,
            positive="mining_sentences seed_pairs sentences rounds shots prompt_length candidates",
            within={"kept_share": "(0, 1]"},
        )
        for name in ("max_nll", "max_reconstruction_nll", "reconstruction_f1"):
            if getattr(self.filters, name) is not None:
                raise ValueError(f"filters.{name} is for back-translation only: give null")

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
        model = load(inputs.model, self.kernels).to(best_device()).eval()
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
        """Mine examples, then prompt in rounds.

        Raises BadInput when no two sentences of the texts are mutual nearest neighbours.
        """
        usage = SubwordUsage.count(tokenizer, texts)
        mined = self._mined_pairs(space, texts, seed)
        source, target = (text.lang for text in texts)
        allowed = {lang: usage.allowed(lang) for lang in (source, target)}
        prompted = PromptedTranslator(
            source, target, model, tokenizer, space, mined, allowed,
            self.shots, self.prompt_length, self.candidates, self.generation,
        )  # fmt: skip
        pairs = {source: mined.reversed(), target: mined}
        round_log: list[dict[str, float]] = [
            {"examples": len(mined), "similarity": float(mined.scores.mean())}
        ]
        generator = Generator().manual_seed(seed)
        for number in range(self.rounds):
            new_pairs, record = [], {}
            for side, direction in enumerate((prompted, prompted.reversed())):
                progress(f"prompts, round {number + 1}", 2 * number + side, 2 * self.rounds)
                sentences = self._sentences(texts[side], self.sentences, child_seed(seed, "round", number))
                answers = direction.translate_ids(sentences, generator)
                best_pairs = self._best_pairs(answers, direction.target, usage)
                new_pairs.append(best_pairs)
                record[f"{direction.source}-{direction.target} all"] = float(answers.scores.mean())
                record[f"{direction.source}-{direction.target} kept"] = float(best_pairs.scores.mean())
                record[f"{direction.source}-{direction.target} pairs"] = len(best_pairs)
            forward, backward = new_pairs
            pairs = {source: pairs[source] + forward.reversed(), target: pairs[target] + backward.reversed()}
            pool = prompted.examples + forward + backward.reversed()
            prompted = prompted.prompting(pool.best(max(self.seed_pairs, len(pool) // 2)))
            round_log.append(record)
        return FewShotResult(prompted, pairs, tuple(round_log))

    def _mined_pairs(
        self, space: SentenceEncoder, texts: tuple[TokenShards, TokenShards], seed: int
    ) -> Examples:
        sources, targets = (self._sentences(text, self.mining_sentences, seed) for text in texts)
        pairs, scores = mine_pairs(space, sources, targets, self.seed_pairs)
        if not len(pairs):
            raise BadInput(
                "no two sentences of the texts are mutual nearest neighbours, so there is no example to "
                "prompt with: give more text, or bootstrap=smt"
            )
        first, second = pairs.T.tolist()
        return Examples(tuple(sources[i] for i in first), tuple(targets[j] for j in second), scores)

    def _sentences(self, text: TokenShards, count: int, seed: int) -> Sequence[Ids]:
        """Random sentences, so short that a prompt has room for an example, the sentence and its answer."""
        return sample_sentences(text, count, max(4, self.prompt_length // 5), seed)

    def _best_pairs(self, answers: Examples, lang: Lang, usage: SubwordUsage) -> Examples:
        """The best of the answers in ``lang`` that pass the filters."""
        statistics = OutputStatistics.read(answers.source, answers.target, lang, usage)
        accepted = self.filters.accept(statistics) & np.array([len(ids) > 0 for ids in answers.target])
        scores = answers.scores.masked_fill(~torch.from_numpy(accepted), -torch.inf)
        count = max(1, round(self.kept_share * len(answers)))
        return Examples(answers.source, answers.target, scores).best(count)
