"""Learning to translate: which objectives pull at the joint model, how hard, and when.

One class serves every `translator=...`: an objective without a course is left out, so back-translation alone,
with an adversary, with rewarded round trips, with some known pairs, or known pairs and nothing else differ in
their configuration only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from umt.lm.generation import Direction, Generation
from umt.lm.joint_lm import JointLM
from umt.lm.scoring import Judge
from umt.runtime.seeds import child_seed
from umt.runtime.validate import require
from umt.text.token_shards import Shards
from umt.text.tokenizer import Tokenizer
from umt.training.loop import fit
from umt.training.objective import Objective
from umt.training.optimiser import Optimisation
from umt.training.schedule import Course
from umt.translation.back_translation import BackTranslation, Rounds
from umt.translation.bitext import Bitext, Renders
from umt.translation.collapse_guard import Guard
from umt.translation.criteria import Criterion, check, sample
from umt.translation.dual_learning import Cycle, RoundTrips
from umt.translation.filters import Filters, Usage
from umt.translation.language_adversary import Adversary
from umt.translation.noise import Noise
from umt.translation.objectives import Denoising, Setting, Supervised, Synthetic
from umt.translation.synthesis import Renderer
from umt.translation.validation import Checkups, Sample
from umt.types import BadInput, Lang, Progress


@dataclass(frozen=True)
class Learned:
    """The chosen model; ``history``: what each check-up saw; ``step``: of the chosen one; ``complaint``: why
    training was stopped early, or empty."""

    model: JointLM
    history: tuple[dict[str, float], ...]
    step: int
    complaint: str


class Duel(NamedTuple):
    """Bits per byte of a sentence by way of its translation: what the translator's cost, what the
    bootstrap's.
    """

    translator: float
    bootstrap: float

    @property
    def won(self) -> bool:
        """Whether the translator's is the shorter message."""
        return self.translator < self.bootstrap


@dataclass(frozen=True)
class Translation:
    """Continues a joint language model into a translator.

    synthetic, denoising, back_translation, adversary, supervised: the course of each objective, null to leave
        it out (see `Course`: a share of s means that the objective takes part in that share of the steps).
        cycle: the same, and how it draws.
    architecture: ``joint``: one network reads what is given, from the left, and goes on from it;
        ``encoder_decoder``: a copy of it becomes an encoder, see `JointLM.divided`.
    written: sentences of each language that the bootstrap translates for ``synthetic``; known: pairs for
    ``supervised``. noise: on what denoising gives; ruined: on the sources of the translation objectives, null
    for none. forgotten: word dropout on what is asked for. tokens: subwords a batch of each objective,
    padding included. longest: subwords of a sequence. ahead: batches that back-translation writes at once;
    rounds: 0 for writing with the weights of the moment, else how often the weights that write are renewed.
    checks: check-ups over the training; looked: sentences a language at each. criterion: by which the best
        check-up is chosen.
    """

    optimisation: Optimisation
    synthetic: Course | None = None
    denoising: Course | None = None
    back_translation: Course | None = None
    cycle: RoundTrips | None = None
    adversary: Course | None = None
    supervised: Course | None = None
    architecture: Literal["joint", "encoder_decoder"] = "encoder_decoder"
    written: int = 35_000
    known: int = 0
    noise: Noise = field(default_factory=Noise)
    ruined: Noise | None = None
    forgotten: float = 0.0
    tokens: int = 2048
    longest: int = 250
    ahead: int = 3
    rounds: int = 0
    filters: Filters = field(default_factory=Filters)
    generation: Generation = field(default_factory=Generation)
    guard: Guard = field(default_factory=Guard)
    criterion: Criterion = "round_trip"
    checks: int = 6
    looked: int = 100

    def __post_init__(self) -> None:
        check(self.criterion)
        require(self, positive="written tokens longest ahead checks looked", at_least_zero="known rounds")
        if (self.supervised is None) != (self.known == 0):
            raise ValueError(f"supervised learning and known={self.known} pairs go together")
        taught = (self.synthetic, self.denoising, self.back_translation, self.cycle, self.supervised)
        if all(each is None for each in taught):
            raise ValueError(
                "nothing to learn: synthetic, denoising, back_translation, cycle and supervised are null"
            )

    @property
    def sentence_length(self) -> int:
        """Subwords of a sentence beside which its translation and three tags fit into ``longest``."""
        return max(1, (self.longest - 3) // 2)

    def learn(
        self,
        model: JointLM,
        tokenizer: Tokenizer,
        texts: tuple[Shards, Shards],
        synthetic: Sequence[Bitext],
        known: Sequence[Bitext],
        scratch: Path,
        seed: int,
        progress: Progress,
    ) -> Learned:
        """Train in ``scratch``, where a killed call is taken up again, and choose the best check-up.

        synthetic: real sentences asked for, a bootstrap's renderings given, both ways; known: true pairs,
        both ways. Raises BadInput when an objective lacks what it learns from.
        """
        steps = self.optimisation.steps
        if self.architecture == "encoder_decoder" and model.encoder is None:
            model = model.divided()
        usage = Usage.count(tokenizer, texts)
        setting = Setting(tokenizer, steps, self.tokens, self.longest, seed, self.forgotten)
        looked = {text.lang: sample(text, self.looked, self.longest // 3, setting.seed) for text in texts}
        checkups = Checkups(
            Sample(looked, usage),
            tokenizer,
            self.generation,
            self.guard,
            self.criterion,
            every=max(1, steps // self.checks),
            last=steps,
            directory=scratch,
            progress=progress,
        )
        objectives = self._objectives(setting, model, texts, synthetic, known, usage, scratch)
        fit(model, objectives, self.optimisation, scratch, seed, progress, [checkups])
        step, chosen = checkups.chosen(model)
        return Learned(chosen, tuple(checkups.history), step, checkups.complaint)

    def duel(
        self,
        model: JointLM,
        tokenizer: Tokenizer,
        texts: tuple[Shards, Shards],
        bootstrap: Mapping[tuple[Lang, Lang], Renders],
        seed: int,
    ) -> dict[str, Duel]:
        """By the code length of a round trip: does ``model`` translate better than the bootstrap it came
        from?

        The judge is ``model`` itself, so a narrow victory means little; a defeat means much.
        """
        judge, usage = Judge(model, tokenizer), Usage.count(tokenizer, texts)
        found = {}
        for text in texts:
            here = text.lang
            there = next(each.lang for each in texts if each.lang != here)
            sentences = sample(text, self.looked, self.longest // 3, seed)
            direction = Direction.between(tokenizer, here, there, usage.written(there))
            draws = torch.Generator().manual_seed(seed)
            outputs = self.generation.generate(model, sentences, direction, draws)
            ours = [each[0].ids.astype(tokenizer.dtype) for each in outputs]
            raw = bootstrap[here, there].translate([tokenizer.decode(ids, here) for ids in sentences])
            theirs = tokenizer.encode(raw, there)
            scores = [-judge.criteria(sentences, each, here, there)["code"] for each in (ours, theirs)]
            found[f"{here}-{there}"] = Duel(*scores)
        return found

    def _objectives(
        self,
        setting: Setting,
        model: JointLM,
        texts: tuple[Shards, Shards],
        synthetic: Sequence[Bitext],
        known: Sequence[Bitext],
        usage: Usage,
        scratch: Path,
    ) -> dict[str, Objective]:
        languages = (texts[0].lang, texts[1].lang)
        renderer = partial(Renderer, setting.tokenizer, languages, self.generation, self.filters, usage)
        made: dict[str, Objective] = {}
        if self.supervised is not None:
            if not known:
                raise BadInput("supervised learning needs pairs: give them with corpus.pairs=FILE")
            made["supervised"] = Supervised(setting, known, self.supervised, self.ruined)
        if self.synthetic is not None:
            if not synthetic:
                raise BadInput("translator.synthetic needs a bootstrap=lexical that writes pairs, or be null")
            made["synthetic"] = Synthetic(setting, synthetic, self.synthetic, self.ruined)
        if self.denoising is not None:
            doubled = [Bitext(text, text) for text in texts]
            made["denoising"] = Denoising(setting, doubled, self.denoising, self.noise)
        if self.back_translation is not None:
            rounds = Rounds(self.rounds, scratch) if self.rounds else None
            made["back_translation"] = BackTranslation(
                setting, texts, renderer(), self.back_translation, self.ruined, self.ahead, rounds
            )
        if self.cycle is not None:
            made["cycle"] = Cycle(setting, texts, renderer(), model, self.cycle)
        if self.adversary is not None:
            width, generator = (
                model.embeddings.shape[1],
                torch.Generator().manual_seed(child_seed(setting.seed, "adversary")),
            )
            made["adversary"] = Adversary(setting, texts, self.adversary, width, generator)
        return made
