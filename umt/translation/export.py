"""A neural translator, one way, as a folder that other programs open: ``transformers`` and CTranslate2.

Both take plain text by the folder's own tokenizer (`umt.text.plain_text`) and decode without this program;
with greedy search they write what this program writes.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Generator
from transformers import GenerationConfig

from umt.lm.generation import Direction, Generation, Output
from umt.lm.joint_lm import JointLM
from umt.lm.t5gemma2 import T5Gemma2ForConditionalGeneration
from umt.text.plain_text import plain_text_tokenizer
from umt.text.tokenizer import MASK, Ids
from umt.translation.translator import NeuralTranslator
from umt.types import BadInput

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
_NEVER = -3e4
"""Added to the logit of a subword that is never written; representable in fp16."""
_POSITIONS = 8192
"""Subwords, padding included, that CTranslate2 reads at once."""


def export_transformers(translator: NeuralTranslator, directory: Path, beam: int) -> None:
    """Write ``translator`` for ``AutoModelForSeq2SeqLM`` and ``AutoTokenizer``.

    beam: hypotheses side by side that ``generate`` keeps unless it is asked for others.
    Raises BadInput when its network or its vocabulary has no such form.
    """
    network, tokenizer = translator.model.network, translator.tokenizer
    if not isinstance(network, T5Gemma2ForConditionalGeneration):
        raise BadInput(
            f"a {type(network).__name__} is read by this program alone: train the translator with "
            "translator.architecture=t5gemma2"
        )
    if len(tokenizer.parts) > 1:
        raise BadInput("a vocabulary in parts is read by this program alone: train with tokenizer=joint")
    network = copy.deepcopy(network).cpu()
    start = tokenizer.tag(translator.target)
    network.config.bos_token_id = cast(Any, network.config.decoder).bos_token_id = start
    never = sorted(set(range(len(tokenizer))) - set(translator.direction().allowed.tolist()))
    network.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        decoder_start_token_id=start,
        bos_token_id=start,
        eos_token_id=tokenizer.end,
        pad_token_id=tokenizer.pad,
        num_beams=beam,
        length_penalty=0.0 if beam > 1 else None,
        max_new_tokens=longest_output(translator),
        suppress_tokens=never,
    )
    network.save_pretrained(directory)
    plain_text_tokenizer(tokenizer, translator.source, translator.target).save_pretrained(directory)


def longest_output(translator: NeuralTranslator) -> int:
    """Subwords of the longest translation that is written."""
    limits = translator.generation
    return int(limits.length_ratio * translator.longest) + limits.length_offset


def export_ctranslate2(folder: Path, directory: Path, quantization: str | None) -> None:
    """Convert what `export_transformers` wrote into ``folder``.

    quantization: of the matrices, such as ``int8``; None: as they are.
    Raises BadInput when CTranslate2 is not installed.
    """
    converters = ctranslate2().converters

    class Converter(converters.TransformersConverter):  # type: ignore[misc, name-defined]
        """Subwords that are never written have a bias: CTranslate2 reads no ``suppress_tokens``."""

        def _load(self) -> Any:
            spec = super()._load()
            never = GenerationConfig.from_pretrained(folder).suppress_tokens
            bias = np.zeros(spec.decoder.projection.weight.shape[0], np.float32)
            bias[never] = _NEVER
            spec.decoder.projection.bias = bias
            spec.config.unk_token = MASK  # one is asked for, and bytes know no unknown word
            return spec

    converter = Converter(str(folder), copy_files=[*TOKENIZER_FILES])
    converter.convert(str(directory), quantization=quantization, force=True)


def ctranslate2() -> Any:
    """The package. Raises BadInput when it is not installed."""
    try:
        return import_module("ctranslate2")
    except ImportError:
        raise BadInput("CTranslate2 is not installed: pip install 'umt[export]'") from None


@dataclass(frozen=True)
class CTranslate2Generation(Generation):
    """`Generation` by CTranslate2: the same hypotheses and scores, up to rounding.

    opened: its translator. pieces: (vocabulary,) the name of each subword.
    """

    opened: Any = None
    pieces: Sequence[str] = ()

    def generate(
        self,
        model: JointLM,
        sources: Sequence[Ids],
        direction: Direction,
        generator: Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> list[list[Output]]:
        """See `Generation.generate`; ``generator`` and ``dtype`` are not used."""
        caps, numbers = self.max_lengths(sources, model.context), self._numbers
        outputs = [[Output(np.empty(0, np.int64), 0.0, True)] for _ in sources]
        lengths = sorted({len(source) for source in sources} - {0})
        for length in lengths:  # CTranslate2 4.8 attends to padding in a merged attention
            places = [place for place, source in enumerate(sources) if len(source) == length]
            results = self.opened.translate_batch(
                [[self.pieces[number] for number in (direction.source, *sources[place])] for place in places],
                beam_size=self.search.rows,
                num_hypotheses=self.search.rows,
                length_penalty=0,
                min_decoding_length=0,
                max_decoding_length=int(caps[places[0]]),
                max_batch_size=_POSITIONS,
                batch_type="tokens",
                return_scores=True,
            )
            for place, result in zip(places, results, strict=True):
                outputs[place] = [
                    Output(np.array([numbers[piece] for piece in pieces]), -score, len(pieces) < caps[place])
                    for pieces, score in zip(result.hypotheses, result.scores, strict=True)
                ]
        return outputs

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {piece: number for number, piece in enumerate(self.pieces)}


def by_ctranslate2(translator: NeuralTranslator, scratch: Path, int8: bool = False) -> NeuralTranslator:
    """``translator`` as CTranslate2 decodes for it; ``scratch``: an empty folder. int8: in short products.

    Raises BadInput where it has no such form, or CTranslate2 is not installed.
    """
    package, search = ctranslate2(), translator.generation
    export_transformers(translator, scratch / "hf", search.search.rows)
    export_ctranslate2(scratch / "hf", scratch / "converted", None)
    opened = package.Translator(
        str(scratch / "converted"),
        compute_type="int8" if int8 else "float32",
        intra_threads=torch.get_num_threads(),
    )
    part = translator.tokenizer.parts[0]
    pieces = [str(part.id_to_token(number)) for number in range(len(translator.tokenizer))]
    limits = (search.search, search.length_ratio, search.length_offset)
    return replace(translator, generation=CTranslate2Generation(*limits, opened=opened, pieces=pieces))
