"""Finding a translator or a language model on disk: in a run of ``train.py``, or in a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from umt.evaluation.finished_runs import MEANING
from umt.lm.beam_search import Beam
from umt.lm.generation import Generation
from umt.lm.search import Greedy
from umt.pipeline.artefact import Artefact
from umt.runtime.files import MANIFEST, neighbour
from umt.smt.translator import PHRASE_BASED, PhraseBasedTranslator
from umt.translation.prompting import FEW_SHOT, PROMPTS, PromptedTranslator
from umt.translation.translator import NeuralTranslator
from umt.types import BadInput, Lang

Opened = NeuralTranslator | PhraseBasedTranslator | PromptedTranslator
"""A translator of any kind, for one direction."""


class LanguageDirection(NamedTuple):
    """From one language to another; None: the other language that the translator knows."""

    source: Lang | None
    target: Lang

    def between(self, languages: list[Lang], where: Path) -> tuple[Lang, Lang]:
        """Both ends, where a translator knows ``languages``; raises BadInput when it does not know them."""
        others = [lang for lang in languages if lang != self.target]
        source = self.source or (others[0] if len(others) == 1 else None)
        if self.target not in languages or source not in others:
            direction = f"from {self.source} to {self.target}" if self.source else f"to {self.target}"
            raise BadInput(f"{where} does not translate {direction}: it knows {' and '.join(languages)}")
        return source, self.target


def run_directory(path: Path | None) -> Path:
    """``path``, or the newest run under ``runs`` where that is None; raises BadInput where it is no run."""
    if path is None:
        return newest_run(Path("runs"))
    _check_folder(path)
    if not (path / "config.yaml").exists():
        raise BadInput(f"{path} is no run: give a directory such as runs/run-0123456789ab")
    return path


def newest_run(store: Path) -> Path:
    """The directory of the latest run; raises BadInput when there is none."""
    made = {each.parent: _json(each)["made"] for each in store.glob(f"run-*/{MANIFEST}")}
    if not made:
        raise BadInput(f"there is no run under {store}: python train.py makes one, or give --run or --model")
    return max(made, key=lambda directory: made[directory])


def open_translator(directory: Path, way: LanguageDirection, beam: int, lexical: bool = False) -> Opened:
    """The translator of a saved folder or of a run: its neural one, else its prompts, unless ``lexical``.

    Raises BadInput when ``directory`` holds neither, or does not translate that way.
    """
    directory = translator_directory(directory, lexical)
    try:
        return _opened(directory, way, beam)
    except BadInput:
        raise
    except Exception as error:  # tokenizers and safetensors raise what they like
        raise BadInput(f"{directory} is damaged: {' '.join(str(error).split())}") from None


def bootstrap_translator(
    directory: Path,
    kind: str,
    source: Lang,
    target: Lang,
    fast: bool = False,
    kernels: bool = True,
) -> PhraseBasedTranslator | PromptedTranslator:
    """What a bootstrap of that ``kind`` left in ``directory``; fast: with less search, to write much.
    kernels: of a neural one, see `umt.lm.joint_lm.JointLM`.

    Raises BadInput when the kind is not known.
    """
    if kind == FEW_SHOT:
        return PromptedTranslator.load(directory, source, target, kernels=kernels)
    if kind == PHRASE_BASED:
        translator = PhraseBasedTranslator.load(directory / f"{source}-{target}")
        return translator.with_smaller_beam() if fast else translator
    raise BadInput(
        f"{directory} holds a bootstrap of the kind {kind!r}: {PHRASE_BASED} and {FEW_SHOT} are known"
    )


def training_warnings(directory: Path, lexical: bool = False) -> list[str]:
    """Warnings of its training: a failed alignment below it, true pairs, and what the stage reported."""
    translator = translator_directory(directory, lexical)
    manifest = translator / MANIFEST
    report = _json(manifest)["report"] if manifest.exists() else {}
    pairs = report.get("parallel_pairs", 0)
    supervised = [f"it was trained on {pairs:,} true pairs"] if pairs else []
    return [*_alignment_warnings(translator), *supervised, *report.get("warnings", ())]


def _alignment_warnings(artefact: Path) -> list[str]:
    """A sentence for each alignment below ``artefact`` that failed, is doubtful or was not judged."""
    sentences: list[str] = []
    pending, visited = [artefact.resolve()], set[Path]()
    while pending:
        directory = pending.pop()
        if directory in visited or not (directory / MANIFEST).exists():
            continue
        visited.add(directory)
        manifest = _json(directory / MANIFEST)
        pending += [neighbour(directory, name) for name in manifest.get("inputs", ())]
        verdict = manifest["report"].get("verdict", {}) if manifest["stage"] == "align" else {}
        if (label := verdict.get("label")) in MEANING:
            sentences.append(f"its alignment is {label} ({verdict['reason']}): {MEANING[label]}")
    return sentences


def _opened(directory: Path, way: LanguageDirection, beam: int) -> Opened:
    """The translator in ``directory``, of whichever kind its files show, one way.

    beam: hypotheses of a neural one.  Raises `BadInput` when there is none.
    """
    if (directory / PROMPTS).exists():
        languages = [Lang(lang) for lang in _json(directory / PROMPTS)["languages"]]
        return PromptedTranslator.load(directory, *way.between(languages, directory))
    if (directory / "config.json").exists():
        about = directory / "translator.json"
        if not about.exists():
            raise BadInput(f"{directory} is a language model, not a translator: translator.json is missing")
        source, target = way.between([Lang(lang) for lang in _json(about)["languages"]], directory)
        search = Beam(beam) if beam > 1 else Greedy()
        return NeuralTranslator.load(directory, source, target, Generation(search))
    pairs = [each.parent.name.split("-") for each in sorted(directory.glob("*-*/translator.json"))]
    if not pairs:
        raise BadInput(
            f"{directory} holds no translator: give the directory of a run or of a saved translator"
        )
    source, target = way.between(sorted({Lang(lang) for pair in pairs for lang in pair}), directory)
    return PhraseBasedTranslator.load(directory / f"{source}-{target}")


def neural_translators(directory: Path, beam: int) -> list[NeuralTranslator]:
    """Both directions of the neural translator in ``directory``. Raises BadInput when there is none."""
    about = directory / "translator.json"
    if not (directory / "config.json").exists() or not about.exists():
        raise BadInput(f"{directory} holds no neural translator: give a run, or the folder of a saved one")
    first, second = (Lang(lang) for lang in _json(about)["languages"])
    ways = (LanguageDirection(first, second), LanguageDirection(second, first))
    opened = (open_translator(directory, way, beam) for way in ways)
    return [translator for translator in opened if isinstance(translator, NeuralTranslator)]


def language_model(directory: Path) -> Path:
    """Where the language model lies that a run trained; ``directory`` itself where that is no run.

    Raises BadInput when the run trained none.
    """
    return artefact_of_run(directory, ("pretrain",), "language model")


def translator_directory(directory: Path, lexical: bool = False) -> Path:
    """``directory``, or the part of it that translates where it is a run."""
    return artefact_of_run(
        directory, ("bootstrap",) if lexical else ("train_translator", "bootstrap"), "translator"
    )


def artefact_of_run(directory: Path, stages: tuple[str, ...], what: str) -> Path:
    """The artefact of the first of ``stages`` that the run consists of; ``directory`` where it is no run.

    Raises BadInput when the folder is not there, or the run has no such artefact.
    """
    _check_folder(directory)
    if not (directory / MANIFEST).exists():
        return directory
    manifest = _json(directory / MANIFEST)
    if manifest.get("stage") != "run":
        return directory
    parts = [neighbour(directory, part) for part in manifest["report"]["parts"]]
    matching = [part for stage in stages for part in parts if part.name.startswith(f"{stage}-")]
    if not matching:
        raise BadInput(
            f"the run {directory} has no {what}: {', '.join(part.name for part in parts)} is all it has"
        )
    if (matching[0] / MANIFEST).exists():
        Artefact.open(matching[0]).verify()
    return matching[0]


def _check_folder(path: Path) -> None:
    if not path.is_dir():
        raise BadInput(f"there is no folder {path}: give that of a run, or of a model")


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise BadInput(f"{path} is damaged: it is not JSON") from None
