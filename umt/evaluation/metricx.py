"""MetricX, a learned metric of source, translation and reference; optional, it wants a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from umt.evaluation.sentence_mean import mean_score
from umt.runtime.validate import require
from umt.types import BadInput, Lang, Score

_WORST = 25.0  # error points; the scale of MQM
_SCORE = 250_089  # mT5's <extra_id_10>, whose logit the model was trained to make the score


@dataclass(frozen=True)
class MetricX:
    """MetricX-24 (Juraska et al. 2024): MQM error points of a sentence, 0 (none) to 25; the lower the better.

    model, revision: of the hub, a commit that has its weights as safetensors; or a folder. tokenizer: mT5's.
    batch: sentences at once. length: of source, translation and reference together, in subwords; what is
    longer is cut. resamples: bootstrap resamples behind the 95% interval.
    """

    model: str = "google/metricx-24-hybrid-large-v2p6"
    revision: str = "99050858ca93f9603fdd024fbb85dfb6d5b1bb76"
    tokenizer: str = "google/mt5-xl"
    batch: int = 8
    length: int = 1536
    resamples: int = 1000

    def __post_init__(self) -> None:
        require(self, positive="batch length resamples")

    def check(self, target: Lang) -> None:
        """Raises BadInput when tokenizer or model cannot be had, before anything is translated."""
        _opened(self.model, self.revision, self.tokenizer)

    def score(
        self,
        hypotheses: Sequence[str],
        references: Sequence[Sequence[str]],
        target: Lang,
        sources: Sequence[str] = (),
    ) -> Score:
        """The mean over sentences, each against its first reference."""
        texts = [
            f"source: {source} candidate: {hypothesis} reference: {item[0]}"
            for source, hypothesis, item in zip(sources, hypotheses, references, strict=True)
        ]
        return mean_score("metricx", self.errors(texts), self.resamples, f"{self.model}@{self.revision[:12]}")

    def errors(self, texts: Sequence[str]) -> list[float]:
        """Error points of each text, which names its parts as the model was taught."""
        import torch

        tokenizer, network = _opened(self.model, self.revision, self.tokenizer)
        longest_first = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        errors = [0.0] * len(texts)
        for start in range(0, len(texts), self.batch):
            rows = longest_first[start : start + self.batch]
            # it was taught without the end of the text
            encoded = tokenizer([texts[row] for row in rows], max_length=self.length, truncation=True)
            padded = tokenizer.pad(
                {"input_ids": [subwords[:-1] for subwords in encoded["input_ids"]]}, return_tensors="pt"
            ).to(network.device)
            with torch.inference_mode():
                begun = padded["input_ids"].new_zeros(len(rows), 1)
                logits = network(**padded, decoder_input_ids=begun).logits
            points = logits[:, 0, _SCORE].float().clamp(0, _WORST).tolist()
            for row, value in zip(rows, points, strict=True):
                errors[row] = value
        return errors


@cache
def _opened(model: str, revision: str, tokenizer_name: str) -> tuple[Any, Any]:
    """Tokenizer and network, read once for all that they are to judge."""
    import torch
    from transformers import AutoTokenizer, MT5ForConditionalGeneration

    try:
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_name, trust_remote_code=False)
        network: Any = MT5ForConditionalGeneration.from_pretrained(
            model, revision=revision, use_safetensors=True, trust_remote_code=False
        )
    except Exception as error:  # whatever the hub, the disk or the tokenizer's library say
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadInput(
            f"MetricX cannot be had: {first} (it needs {model} and {tokenizer_name}, of the hub or in "
            "folders, and sentencepiece; or leave metricx out of evaluation.metrics)"
        ) from error
    network.eval()
    return tokenizer, network.to("cuda" if torch.cuda.is_available() else "cpu")
