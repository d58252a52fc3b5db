"""The verdict of ``aligner=restarts`` on two dozen pairs of texts: those that match, and those that do not.

python -m benchmarks.criterion verdicts [--data ../shared/data] [--manuals data] [--only bible]

Each pair is aligned once, from its 500 most frequent words to 2,000, without the counts of the last step;
what stands in runs/verdicts.jsonl is not run again. ``--manuals`` holds what scripts/software_help.py wrote:
software_help, software_guides, help_ja, help_zh_hant; pairs whose text is not there are left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hydra.utils import instantiate

from benchmarks.criterion.corpora import Builder, Corpus, Text, configuration, corpora
from benchmarks.criterion.running import chosen, read
from benchmarks.criterion.tables import table
from benchmarks.criterion.whole import run

WORDS, COMPARED = 2000, 500
"""Most frequent words of a space, and those that a run matches and is compared on: half of the default's."""
REAL = {"bible", "talks", "commonvoice", "tatoeba"}
MATCHING, OTHER = "matching", "not matching"


def pairs(data: Path, manuals: Path) -> dict[str, tuple[str, Corpus]]:
    """Name -> whether the two texts match, and what they are."""
    real = corpora(data)
    texts = {name: corpus.english for name, corpus in real.items() if name in REAL}
    texts |= {
        name: Text(("experiment=software_help", f"corpus.root={root}", f"languages=[en,{lang}]"))
        for name, lang in {
            "software_help": "zh",
            "software_guides": "zh",
            "help_ja": "ja",
            "help_zh_hant": "zh_hant",
        }.items()
        if (root := manuals / name).exists()
    }
    dials = ("domain_shift=0.5", "lexical_gap=0.3", "noise=0.3", "order_divergence=0.0", "seed=2")
    texts |= {"world": Text(()), **{f"world, {dial}": Text((f"corpus.{dial}",)) for dial in dials}}
    cipher = ("corpus=cipher", "languages=[en,xx]")
    texts["cipher"] = Text((*cipher, "corpus.size=60000"))
    for name in ("bible", "software_help"):
        if name in texts:
            path = (data if name == "bible" else manuals) / name
            file = next(path.glob("en.txt*"))
            texts[f"cipher of {name}"] = Text((*cipher, f"corpus.path={file}"))
    result: dict[str, tuple[str, Corpus]] = {
        name: (MATCHING, Corpus(text, text))
        for name, text in texts.items()
        if name not in ("commonvoice", "tatoeba")
    }
    if "commonvoice" in texts:
        result["commonvoice"] = OTHER, Corpus(texts["commonvoice"], texts["commonvoice"])
    shuffled = [name for name in ("bible", "software_help", "world") if name in texts]
    for name in shuffled:
        words = replace(texts[name], shuffled=True)
        result[f"{name} x its shuffled words"] = OTHER, Corpus(texts[name], words)
    crossed = (
        ("talks", "bible"),
        ("bible", "talks"),
        ("bible", "software_help"),
        ("software_help", "bible"),
        ("talks", "software_help"),
        ("tatoeba", "software_help"),
        ("world", "bible"),
        ("talks", "world"),
        ("software_help", "world"),
        ("bible", "cipher of software_help"),
        ("bible", "help_ja"),
        ("world", "help_zh_hant"),
        ("bible", "cipher"),
    )
    for one, other in crossed:
        if one in texts and other in texts:
            result[f"{one} x {other}"] = OTHER, Corpus(texts[one], texts[other])
    return result


def study(builder: Builder, records: Path, manuals: Path, only: Sequence[str]) -> None:
    """Add every pair that ``records`` does not hold yet."""
    known = pairs(builder.data, manuals)
    done = {record["name"] for record in read(records)}
    small = f"aligner.aligner.words={COMPARED}", f"aligner.compared_words={COMPARED}", "aligner.workers=1"
    aligner = "aligner.count_augmentation=null", "aligner.refinement.sizes=[0]", *small
    for name in chosen(list(known), only):
        if name in done:
            continue
        kind, corpus = known[name]
        source, target, _ = builder.spaces(corpus, WORDS)
        truth = builder.truth(corpus)
        result = run(instantiate(configuration(*aligner).aligner), source, target, truth, seed=1)
        with records.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"name": name, "kind": kind, "words": len(truth.pairs), **result}) + "\n")
        print(f"{name}: {result['verdict']}, {result['p@1']}", flush=True)


def verdict_table(records: Path) -> str:
    """One row a pair; P@1 of the words that both sides know, both ways, where the truth is known."""
    rows = []
    for record in sorted(read(records), key=lambda record: (record["kind"], -record["support"])):
        right = " / ".join(f"{share:.3f}" for share in record["covered"]) if record["words"] else "unknown"
        judged = record["verdict"], f"{record['support']:.3f}", f"{record['null']:.3f}"
        rows.append([record["name"], record["kind"], *judged, right, f"{record['processor']:.0f}"])
    return table(["pair", "kind", "verdict", "support", "null", "P@1", "processor seconds"], rows)
