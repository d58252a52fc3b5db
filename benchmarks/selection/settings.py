"""The runs of the study: one usual training, and what may go wrong with it, or better."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.criterion.corpora import configuration

SMALL = (
    *("corpus.size=24000", "runtime.workers=1", "aligner=cooccurrence"),
    *("bootstrap.sentences=2000", "bootstrap.rounds=1", "runtime.threads=1"),
    *("lm.batch_tokens=1536", "lm.optimisation.steps=200"),
    *("translator.synthesis.bootstrap_sentences=8000", "translator.batching.max_tokens=120"),
)
"""What all training has in common."""

FIRST = (
    *("translator.schedules.synthetic.points=[[0,1]]", "translator.schedules.denoising.points=[[0,0.2]]"),
    *(
        "translator.schedules.back_translation=null",
        "translator.batching.tokens=1024",
        "translator.optimisation.steps=900",
    ),
    *("translator.validation.count=3", "translator.validation.sentences=20"),
)
"""The first lessons, from synthetic pairs: learned once for all runs that go on from them."""

THEN = (
    *(
        "translator.schedules.synthetic.points=[[0,0.5]]",
        "translator.schedules.denoising.points=[[0,0.3],[1,0]]",
    ),
    *("translator.schedules.back_translation.points=[[0,0.7]]", "translator.batching.tokens=1024"),
    *("translator.optimisation.steps=100", "translator.validation.count=4"),
)
"""A usual run: half a minute on one core."""


@dataclass(frozen=True)
class Setting:
    """What is different in a run.

    overrides: as of ``train.py``. wrong: share of the target words that a consistently wrong lexicon takes
    for one another. fresh: begins at the language model, without the first lessons. seeds: the runs, each of
    its own draw.
    """

    name: str
    overrides: tuple[str, ...] = ()
    wrong: float = 0.0
    fresh: bool = False
    seeds: int = 1


def course(name: str, share: float) -> str:
    """An objective that takes part evenly in a share of the steps."""
    return f"translator.schedules.{name}.points=[[0,{share}],[1,{share}]]"


def rate(factor: float) -> tuple[str, ...]:
    """The learning rates as multiples of the usual."""
    usual = configuration().translator.optimisation
    return tuple(
        f"translator.optimisation.{key}={factor * usual[key]:g}"
        for key in ("learning_rate", "adamw_learning_rate")
    )


NO_PAIRS, NO_DENOISING, NO_BACK = (
    f"translator.schedules.{name}=null" for name in ("synthetic", "denoising", "back_translation")
)
ALWAYS_BACK, ALWAYS_PAIRS = course("back_translation", 1), course("synthetic", 1)
MANY = ("translator.optimisation.steps=300", "translator.validation.count=6")
UNFILTERED = tuple(
    f"translator.synthesis.filters.{name}=null"
    for name in ("length_ratio", "wrong_language", "copied", "repeated_bigrams")
)
BACK_ALONE = (NO_PAIRS, NO_DENOISING, ALWAYS_BACK)
SETTINGS = [
    Setting("usual", seeds=3),
    *(Setting(f"rate x {factor:g}", rate(factor)) for factor in (0.1, 0.3, 3, 10)),
    Setting("back-translation alone", BACK_ALONE, seeds=2),
    Setting("synthetic pairs alone", (NO_BACK, NO_DENOISING, ALWAYS_PAIRS), seeds=2),
    Setting("no synthetic pairs", (NO_PAIRS, ALWAYS_BACK)),
    Setting("denoising alone", (NO_PAIRS, NO_BACK, course("denoising", 1))),
    Setting("no denoising", (NO_DENOISING,)),
    Setting("no back-translation", (NO_BACK, ALWAYS_PAIRS)),
    Setting("no filters", (*UNFILTERED, *BACK_ALONE)),
    Setting("no filters, rate x 10", (*UNFILTERED, *BACK_ALONE, *rate(10))),
    Setting("wrong lexicon", wrong=1.0, seeds=2),
    Setting("wrong lexicon, back-translation alone", BACK_ALONE, wrong=1.0),
    Setting("wrong lexicon, synthetic pairs alone", (NO_BACK, NO_DENOISING, ALWAYS_PAIRS), wrong=1.0),
    Setting("wrong lexicon, many steps", MANY, wrong=1.0),
    Setting("100 synthetic pairs", ("translator.synthesis.bootstrap_sentences=100", NO_BACK, ALWAYS_PAIRS)),
    Setting("1000 synthetic pairs", ("translator.synthesis.bootstrap_sentences=1000", ALWAYS_PAIRS)),
    Setting("word by word", ("bootstrap=embeddings",)),
    Setting("forgotten words", ("translator.word_dropout=0.3",)),
    Setting(
        "ruined sources",
        ("translator.source_noise={_target_:umt.translation.noise.Noise,shuffle:3,drop:0.3,mask:0.3}",),
    ),
    Setting("adversary", ("translator=adversarial",)),
    Setting("few steps", ("translator.optimisation.steps=24",)),
    Setting("many steps", MANY),
    Setting("adamw", ("translator.optimisation.method=adamw",)),
    Setting("no first lessons", fresh=True),
    Setting("no first lessons, back-translation alone", BACK_ALONE, fresh=True),
]
"""Every run, in the order in which they are made."""
