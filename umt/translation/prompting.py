"""Few-shot prompted translation: a joint language model continues a prompt of examples and a sentence.

A prompt is ``<x> x1 <y> y1 </s> ... <x> x <y>``, the format of `umt.translation.objectives`, with the
examples most similar to the sentence, the most similar last; as many as leave room for the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Generator, Tensor

from umt.embeddings.sentence_mining import SentenceEncoder
from umt.lm.generation import Direction, Generation
from umt.lm.joint_lm import JointLM
from umt.lm.loading import best_device, load_with_tokenizer, save
from umt.lm.search import Greedy, Sampling
from umt.runtime.saved_arrays import SavedArrays, SavedJson, damaged
from umt.text.normalisation import normaliser
from umt.text.tokenizer import Ids, Tokenizer
from umt.text.verbatim import translate_around
from umt.translation.translator import allowed_subwords
from umt.types import BadInput, Lang

if TYPE_CHECKING:
    import faiss

PROMPTS = "prompts.json"
"""The file of a prompted translator in its folder."""
_TENSORS = "prompts.safetensors"
_AT_ONCE = 512
_OWN = 8
"""How many examples may be the sentence itself, said again."""
FEW_SHOT = "few-shot"
"""The kind of a bootstrap whose folder holds a prompted translator."""
_NUMBERS = ("shots", "prompt_length", "candidates")


@dataclass(frozen=True)
class Examples:
    """Pairs in subwords, line i of ``target`` for line i of ``source``; scores: (pairs,) similarity."""

    source: tuple[Ids, ...]
    target: tuple[Ids, ...]
    scores: Tensor

    def __post_init__(self) -> None:
        if not len(self.source) == len(self.target) == len(self.scores):
            raise ValueError(f"{len(self.source)} sentences, {len(self.target)}, {len(self.scores)} scores")

    def __len__(self) -> int:
        return len(self.source)

    def __add__(self, other: Examples) -> Examples:
        scores = torch.cat([self.scores, other.scores])
        return Examples(self.source + other.source, self.target + other.target, scores)

    def reversed(self) -> Examples:
        """The same in the other direction."""
        return Examples(self.target, self.source, self.scores)

    def best(self, count: int) -> Examples:
        """The ``count`` pairs of the highest scores, in order; those of score -inf never."""
        order = self.scores.argsort(descending=True, stable=True)[:count]
        usable = order[self.scores[order] > -torch.inf].tolist()
        return Examples(
            tuple(self.source[place] for place in usable),
            tuple(self.target[place] for place in usable),
            self.scores[usable],
        )


def build_prompt(sentence: Ids, pairs: Sequence[tuple[Ids, Ids]], direction: Direction, room: int) -> Ids:
    """``x1 <y> y1 </s> <x> ... <x> sentence``, without the tags before and after, which `Generation` adds.

    pairs: from the least to the most important; the first ones are left out when they would make the prompt
    longer than ``room`` subwords. An empty sentence has an empty prompt.
    """
    if not len(sentence):
        return sentence
    parts = [np.asarray(sentence)]
    size = len(sentence)
    for source, target in reversed(pairs):
        size += len(source) + len(target) + 3
        if size > room:
            break
        target_tag, end = np.array([direction.target]), np.array([direction.end, direction.source])
        parts = [source, target_tag, target, end, *parts]
    joined: Ids = np.concatenate(parts).astype(sentence.dtype)
    return joined


@dataclass(frozen=True)
class PromptedTranslator:
    """Translates raw sentences by few-shot prompting; nothing is trained.

    space: similarity of sentences. examples: to choose among, from ``source`` to ``target``.
    allowed_subwords: ids that text in each language may hold. shots: examples in a prompt, at most.
    prompt_length: subwords of prompt and answer, at most, unless the sentence alone needs more: the positions
    that the language model has been trained on. candidates: answers of which the one most similar to the
    sentence is returned.
    """

    source: Lang
    target: Lang
    model: JointLM
    tokenizer: Tokenizer
    space: SentenceEncoder
    examples: Examples
    allowed_subwords: Mapping[Lang, Sequence[int]]
    shots: int = 4
    prompt_length: int = 64
    candidates: int = 4
    generation: Generation = field(default_factory=lambda: Generation(Sampling(0.7)))

    def __post_init__(self) -> None:
        if not len(self.examples):
            raise BadInput(f"there is no example of {self.source} and {self.target} to prompt with")

    def reversed(self) -> PromptedTranslator:
        """The same in the other direction."""
        examples = self.examples.reversed()
        return replace(self, source=self.target, target=self.source, examples=examples)

    def prompting(self, examples: Examples) -> PromptedTranslator:
        """The same translator with other examples."""
        return replace(self, examples=examples)

    def translate_ids(self, sentences: Sequence[Ids], generator: Generator) -> Examples:
        """Sentences, their best answers, and the similarity of both."""
        direction = Direction.between(
            self.tokenizer, self.source, self.target, self.allowed_subwords[self.target]
        )
        answers: list[Ids] = [np.empty(0, self.tokenizer.dtype) for _ in sentences]
        scores = torch.full((len(sentences),), -1.0)
        order = sorted(range(len(sentences)), key=lambda place: len(sentences[place]))
        for start in range(0, len(order), _AT_ONCE):
            places = order[start : start + _AT_ONCE]
            batch = [sentences[place] for place in places]
            cap = int(self.generation.length_ratio * len(batch[-1])) + self.generation.length_offset
            prompts = [
                build_prompt(sentence, examples, direction, self.prompt_length - cap - 2)
                for sentence, examples in zip(batch, self.nearest_examples(batch), strict=True)
            ]
            limited = replace(self.generation, length_ratio=0.0, length_offset=cap)
            many = self.candidates if self.generation.search.random else 1
            outputs = limited.generate(
                self.model, [prompt for prompt in prompts for _ in range(many)], direction, generator
            )
            translations = [hypotheses[0].ids.astype(self.tokenizer.dtype) for hypotheses in outputs]
            repeated = [sentence for sentence in batch for _ in range(many)]
            fits = self.space.similarity(repeated, translations).view(-1, many)
            best = fits.argmax(1)
            for number, place in enumerate(places):
                answers[place] = translations[number * many + int(best[number])]
            scores[places] = fits.amax(1)
        return Examples(tuple(sentences), tuple(answers), scores)

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """One translation a sentence, in order, always the same; a sentence too long for the model is cut."""
        normal = [normaliser(self.source)(sentence) for sentence in sentences]
        return translate_around(normal, self.source, self.target, self._translate)

    def _translate(self, normal: Sequence[str]) -> list[str]:
        most = self.model.context // 3
        ids = [each[:most] for each in self.tokenizer.encode(normal, self.source)]
        answers = self.translate_ids(ids, Generator().manual_seed(0)).target
        return [self.tokenizer.decode(answer, self.target).strip() for answer in answers]

    @cached_property
    def _index(self) -> faiss.IndexFlatIP:
        """Exact search among the sentence vectors of the examples' sources."""
        import faiss  # only those who prompt pay for it

        index = faiss.IndexFlatIP(self.space.vectors.shape[1])
        index.add(self.space.means(self.examples.source).cpu().numpy())
        return index

    def nearest_examples(self, sentences: Sequence[Ids]) -> list[list[tuple[Ids, Ids]]]:
        """For each sentence the ``shots`` most similar examples, the most similar last, itself left out."""
        count = min(self.shots + _OWN, len(self.examples))
        similarities, places = self._index.search(self.space.means(sentences).cpu().numpy(), count)
        others = [
            [int(place) for place, similarity in zip(row, values, strict=True) if similarity <= 1 - 1e-5]
            for row, values in zip(places, similarities, strict=True)
        ]
        source, target = self.examples.source, self.examples.target
        return [[(source[place], target[place]) for place in row[: self.shots][::-1]] for row in others]

    def save(self, directory: Path) -> None:
        """Write the network, the tokenizer, the space and the examples."""
        save(self.model, directory)
        self.tokenizer.save(directory)
        tensors = {
            "vectors": self.space.vectors,
            "weights": self.space.weights,
            "scores": self.examples.scores,
        }
        for name in ("source", "target"):
            lines = getattr(self.examples, name)
            tensors[name] = torch.from_numpy(np.concatenate(lines).astype(np.int64))
            tensors[f"{name}.lengths"] = torch.tensor([len(line) for line in lines])
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, directory / _TENSORS)
        search = self.generation.search
        sampling = asdict(search) if isinstance(search, Sampling) else {}
        settings = {
            "languages": [self.source, self.target],
            "written": {lang: list(map(int, numbers)) for lang, numbers in self.allowed_subwords.items()},
            "generation": {
                "ratio": self.generation.length_ratio,
                "extra": self.generation.length_offset,
                **sampling,
            },
            **{name: getattr(self, name) for name in _NUMBERS},
        }
        (directory / PROMPTS).write_text(json.dumps(settings), encoding="utf-8")

    @classmethod
    def load(
        cls,
        directory: Path,
        source: Lang,
        target: Lang,
        generation: Generation | None = None,
        kernels: bool = True,
    ) -> PromptedTranslator:
        """Read what `save` wrote, for one of its directions.

        generation: of answers; None for the one that was saved. kernels: see `umt.lm.joint_lm.JointLM`.
        Raises BadInput when the folder holds no prompts, or none of these languages.
        """
        if not (directory / PROMPTS).exists():
            raise BadInput(f"{directory} holds no prompts: {PROMPTS} is missing")
        settings = SavedJson.read(directory / PROMPTS)
        model, tokenizer = load_with_tokenizer(directory, kernels)
        saved = SavedArrays.read(directory / _TENSORS)
        vectors = _vectors(saved, "vectors", None, None)
        sides = [_examples(saved, name, tokenizer) for name in ("source", "target")]
        languages = settings.strings("languages")
        if len(languages) != 2 or len(sides[0]) != len(sides[1]) or len(vectors) < len(tokenizer):
            raise damaged(saved.path, "its examples are no pairs of two languages, or have no vectors")
        first, second = map(Lang, languages)
        prompted = cls(
            first,
            second,
            model.to(best_device()),
            tokenizer,
            SentenceEncoder(vectors, _vectors(saved, "weights", len(vectors))),
            Examples(sides[0], sides[1], _vectors(saved, "scores", len(sides[0]))),
            allowed_subwords(settings, tokenizer),
            **{name: settings.number(name, 0, 1 << 20) for name in _NUMBERS},
            generation=generation or _generation(settings.get("generation", dict)),
        )
        if (source, target) not in ((first, second), (second, first)):
            raise BadInput(f"{directory} prompts between {first} and {second}, not {source} and {target}")
        return prompted if source == first else prompted.reversed()


def _vectors(saved: SavedArrays, name: str, *shape: int | None) -> Tensor:
    return torch.from_numpy(saved.array(name, np.float32, shape))


def _examples(saved: SavedArrays, side: str, tokenizer: Tokenizer) -> tuple[Ids, ...]:
    """The sentences of one side. Raises BadInput when they are impossible."""
    ids = saved.array(side, np.int64, (None,), low=0, high=len(tokenizer) - 1)
    lengths = saved.array(f"{side}.lengths", np.int64, (None,), low=0, high=len(ids))
    if lengths.sum() != len(ids):
        raise damaged(saved.path, f"{side}.lengths do not sum up to {len(ids)}")
    return tuple(np.split(ids.astype(tokenizer.dtype), lengths.cumsum()[:-1]))


def _generation(settings: Mapping[str, float]) -> Generation:
    """The saved options of generation; only numbers are read."""
    draws = {name: settings[name] for name in ("temperature", "top_k", "top_p") if name in settings}
    search = (
        Sampling(float(draws["temperature"]), int(draws["top_k"]), float(draws["top_p"]))
        if draws
        else Greedy()
    )
    return Generation(search, float(settings["ratio"]), int(settings["extra"]))
