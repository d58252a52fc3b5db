"""The model card of an exported translator: its use, its training text, its scores, its limits."""

from __future__ import annotations

import json
from pathlib import Path

from umt.evaluation.external_systems import TRANSLATOR
from umt.evaluation.finished_runs import FinishedRun
from umt.pipeline.saved import training_warnings
from umt.runtime.files import MANIFEST
from umt.translation.export import longest_output
from umt.translation.translator import NeuralTranslator

USAGE = {
    "hf": """from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSeq2SeqLM.from_pretrained(folder)
[output] = model.generate(**tokenizer([sentence], return_tensors="pt"))
print(tokenizer.decode(output, skip_special_tokens=True))
""",
    "ctranslate2": """import ctranslate2, transformers
tokenizer, translator = transformers.AutoTokenizer.from_pretrained(folder), ctranslate2.Translator(folder)
tokens = tokenizer.tokenize(sentence, add_special_tokens=True)
lengths = {"length_penalty": 0, "min_decoding_length": 0, "max_decoding_length": LONGEST}
[output] = translator.translate_batch([tokens], beam_size=BEAM, **lengths)
print(tokenizer.decode(tokenizer.convert_tokens_to_ids(output.hypotheses[0])))
""",
}
"""Python that translates ``sentence`` by ``folder``, for each form of export."""
_HEAD = """---
language: [{source}, {target}]
license: other
pipeline_tag: translation
library_name: {library}
tags: [unsupervised, t5gemma2]
---
# {source} to {target}

A translator (T5Gemma 2, {size:.1f} million weights) that was trained by
umt, unsupervised machine translation from two monolingual texts{pairs}.

    folder, sentence = "{source}-{target}", "..."
{usage}
## Limits

- One sentence of at most {longest} subwords at a time; longer text is to be split.
- Language tags, subwords and endings are the tokenizer's work, and so is most of punctuation. HTML is to be
  removed, and traditional Chinese to be simplified, before.
{batches}- The search is plain: the program that trained it also ranks {beam} hypotheses by the way back.
"""


_BATCHES = """- A batch is to hold sentences of one length, as with max_batch_size=1: in the decoder of this
  network CTranslate2 4.8 attends to padding.
"""


def model_card(place: Path, run: Path | None, translator: NeuralTranslator, form: str, beam: int) -> str:
    """README.md of ``translator``, exported as ``form``, one of `USAGE`.

    place: the artefact or folder that holds it. run: what it is a part of; None where that is not known.
    """
    source, target = translator.source, translator.target
    finished = FinishedRun(run) if run else None
    known = _report(place).get("parallel_pairs", 0)
    usage = USAGE[form].replace("BEAM", str(beam)).replace("LONGEST", str(longest_output(translator)))
    lines = _HEAD.format(
        source=source,
        target=target,
        library={"hf": "transformers"}.get(form, form),
        size=sum(weight.numel() for weight in translator.model.parameters()) / 1e6,
        pairs=f" and {known:,} known pairs: no unsupervised system" if known else "",
        usage="".join(f"    {line}\n" for line in usage.splitlines()),
        longest=translator.longest,
        batches=_BATCHES if form == "ctranslate2" else "",
        beam=beam,
    ).splitlines()
    lines += [f"- {warning}" for warning in training_warnings(place)]
    lines += ["", "## Training text, licence", ""]
    if finished is None:
        return "\n".join([*lines, "Not recorded: this is no part of a run.", ""])
    origin = finished.provenance
    lines += [
        f"`{finished.corpus}`: {origin.relation or 'relation of the sides not recorded'}. "
        f"Seed {origin.seed}, commit {origin.commit}, {origin.date}.",
        "The weights follow from that text, whose licence says what may be done with them; the program is "
        "under the Apache License, version 2.",
        "",
    ]
    for directory in finished.stages.values():
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        if manifest["stage"] == "prepare":
            lines.append(f"- {manifest['report']['summary']}")
            lines += [
                f"- prepared text {lang}: BLAKE2b-128 {manifest['files'][f'{lang}.txt']}"
                for lang in (source, target)
            ]
    lines += ["", "## Scores", ""]
    if not finished.is_scored:
        return "\n".join([*lines, "None: evaluate.py was not run.", ""])
    lines += [
        "Of the program's own search, with the ranking by the way back; intervals are of 95%.",
        "",
        *("| test set | metric | score | signature |", "|---|---|---|---|"),
    ]
    for row in finished.rows:
        if (row.system, row.kind, row.direction) == (TRANSLATOR, "translation", f"{source}-{target}"):
            score = row.score
            figures = f"{score.value:.1f} [{score.low:.1f}, {score.high:.1f}]"
            lines.append(f"| {row.set} | {score.name} | {figures} | {score.signature} |")
    return "\n".join([*lines, ""])


def _report(place: Path) -> dict[str, int]:
    manifest = place / MANIFEST
    report: dict[str, int] = json.loads(manifest.read_text("utf-8"))["report"] if manifest.exists() else {}
    return report
