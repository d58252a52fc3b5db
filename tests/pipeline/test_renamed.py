"""Options and choices with a new name, and options that ``runtime`` sets, end in one sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from umt.pipeline.renamed import CHOICES, FROM_RUNTIME, OPTIONS, check_overrides, check_stages, new_name
from umt.types import BadInput

CONF = Path(__file__).parents[2] / "conf"


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("aligner.attempts=3", "aligner.attempts is now called aligner.max_rounds"),
        ("++aligner.attempts=3", "aligner.attempts is now called aligner.max_rounds"),
        ("control.hard=3", "control.hard is now called control.last_inverse_temperature"),
        (
            "aligner.aligner.hard=3",
            "is now called aligner.aligner.last_inverse_temperature",
        ),
        (
            "aligner.aligner.strategies.cooccurrence.hard=3",
            "is now called aligner.aligner.strategies.cooccurrence.last_inverse_temperature",
        ),
        ("aligner.game.steps=3", "aligner.game.steps is now called aligner.map_training.steps"),
        ("+evaluation.beside.theirs=DIR", "is now called evaluation.external.theirs"),
        ("lm.compiled=true", "lm.compiled is now called runtime.compile"),
        ("translator.generation.cached=1", "is now called runtime.cache_positions"),
        ("bootstrap=lexical", "bootstrap=lexical is now called bootstrap=smt"),
        ("aligner@control=gromov", "is now called aligner@control=gromov_wasserstein"),
        ("aligner.workers=2", "aligner.workers is set by runtime.workers: give runtime.workers=2"),
        ("other_domain.processes=2", "give runtime.workers=2"),
        ("elsewhere.size=2", "elsewhere.size is now called other_domain.size"),
        ("corpus=7", "there is no corpus=7"),
        ("corpus.source=", "corpus.source has no value"),
    ],
)
def test_check_overrides_says_the_new_name(override: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=re.escape(sentence)):
        check_overrides(["seed=1", override])


def test_check_overrides_accepts_present_names() -> None:
    present = {new for new in OPTIONS.values() if not new.startswith("runtime.")}
    check_overrides([f"{option}=1" for option in sorted(present)])
    check_overrides([*CHOICES.values(), "-m", "--cfg=job", "~experiment", "hydra.sweep.dir=", "seed=1,2"])


def test_old_stages_of_rebuild_have_a_new_name() -> None:
    check_stages(["align"])
    with pytest.raises(BadInput, match="the stage translate is now called train_translator"):
        check_stages(["align", "translate"])


def test_an_unknown_option_has_no_new_name() -> None:
    assert new_name("aligner.nonsense") is None
    assert new_name("seed") is None


def test_choices_exist_under_their_new_name() -> None:
    for choice in CHOICES.values():
        group, _, name = choice.partition("=")
        assert "." in group or (CONF / group / f"{name}.yaml").is_file()


def test_options_from_runtime_are_those_of_the_configuration() -> None:
    interpolations = set()
    for path in CONF.glob("*/*.yaml"):
        stack: list[tuple[int, str]] = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if match := re.match(r"( *)(\w+):(?: *\$\{(runtime\.\w+)\})?", line):
                stack = [entry for entry in stack if entry[0] < len(match[1])]
                stack.append((len(match[1]), match[2]))
                if match[3]:
                    name = ".".join([path.parent.name, *(key for _, key in stack)])
                    interpolations.add((name, match[3]))
    assert interpolations == set(FROM_RUNTIME.items())
