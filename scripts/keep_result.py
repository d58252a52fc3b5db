"""Keep the scores of a finished run among the results of the project.

    python scripts/keep_result.py RUN_DIR NAME --command "python train.py seed=2"

Copies scores.json (translations, code lengths and the whole dictionary; not its subsets by part of speech)
and config.yaml to docs/results/runs/NAME and writes about.json: command, commit, date, machine, seed, data,
relation of the two sides, vocabularies, number of references. Then write the tables:
python scripts/write_results.py
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.stored_results import RELATIONS, ROOT, RUNS


def corpus_of(config: dict[str, Any]) -> str:
    """The folder of the text, or the kind of the corpus."""
    corpus = config["corpus"]
    place = corpus.get("root") or corpus.get("source")
    if place:
        return Path(str(place)).name
    if corpus.get("dataset"):
        return str(corpus["dataset"]).rpartition("/")[2]
    kind = str(corpus["_target_"]).rpartition(".")[2].lower()
    return {"syntheticworld": "world"}.get(kind, kind)


def data_of(config: dict[str, Any]) -> str:
    """The corpus and, where it is generated, its dials that are not at rest."""
    corpus = config["corpus"]
    name = corpus_of(config)
    if name != "world":
        return name
    dials = ("size", "domain_shift", "lexical_gap", "order_divergence", "noise", "grading", "seed")
    return f"{name} ({', '.join(f'{dial}={corpus[dial]}' for dial in dials if dial in corpus)})"


def relation_of(config: dict[str, Any]) -> str | None:
    """What the two sides are to each other, where that is known; a generated corpus says it by its dials."""
    corpus = config["corpus"]
    relation = RELATIONS.get(corpus_of(config)) or corpus.get("relation")
    turned = [dial for dial in ("domain_shift", "lexical_gap", "noise") if corpus.get(dial)]
    if relation and turned:
        relation += ", but for " + ", ".join(f"{dial}={corpus[dial]}" for dial in turned)
    return relation


def machine_of() -> str:
    """Processor, cores and accelerator of this machine, in one line."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", info.read_text(encoding="utf-8")) if info.exists() else None
    name = model.group(1).strip() if model else platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores of {name}"


def references_of(rows: Sequence[dict[str, Any]]) -> str:
    """How many references a sentence has, by the rows or by sacreBLEU's signature."""
    counts = {row["references"] for row in rows if row.get("references") and row.get("name") == "bleu"}
    if counts:
        return ", ".join(f"up to {count}" if count > 1 else "1" for count in sorted(counts))
    signatures = {row["signature"].partition("|")[0] for row in rows if row["name"] == "bleu"}
    return ", ".join(sorted(signatures)).replace("nrefs:", "") or "none"


def vocabulary_of(run: Path, manifest: dict[str, Any]) -> str:
    """What the stage ``words`` says of both vocabularies, where its artefact lies beside the run."""
    for path in (run.parent / name / "manifest.json" for name in manifest.get("inputs", {})):
        if path.parent.name.startswith("words-") and path.exists():
            return str(json.loads(path.read_text(encoding="utf-8"))["report"]["summary"])
    return ""


def git(*words: str) -> str:
    """The output of a git command in the project."""
    return subprocess.run(
        ["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def keep(run: Path, name: str, target: Path, **about: str | None) -> Path:
    """Copy one run; raises SystemExit with a sentence where it is not one that was evaluated."""
    for file in ("manifest.json", "scores.json", "config.yaml"):
        if not (run / file).exists():
            sys.exit(f"{run} holds no {file}: give the folder of a run that evaluate.py has scored")
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    rows = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    config = manifest["config"]
    corpus = corpus_of(config)
    relation = about["relation"] or relation_of(config)
    if not relation:
        sys.exit(f"what are the two sides of {corpus} to each other? --relation 'one domain, ...'")
    folder = target / name
    folder.mkdir(parents=True, exist_ok=True)
    whole = [row for row in rows if not row["set"].startswith("dictionary ")]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in whole)
    (folder / "scores.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    shutil.copyfile(run / "config.yaml", folder / "config.yaml")
    facts = {
        "command": about["command"],
        "commit": about["commit"] or git("rev-parse", "--short=7", "HEAD"),
        "date": str(manifest["made"])[:10],
        "machine": about["machine"] or machine_of(),
        "seed": config["seed"],
        "data": data_of(config),
        "relation": relation,
        "references": about["references"] or references_of(rows),
        "vocabulary": vocabulary_of(run, manifest),
        "versions": {key: manifest[key] for key in ("umt", "torch") if key in manifest},
    }
    (folder / "about.json").write_text(
        json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return folder


def main() -> None:
    """Parse, copy, say where."""
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run that evaluate.py has scored")
    parser.add_argument("name", help="for example world-seed2")
    parser.add_argument("--command", required=True, help="of train.py, as it was typed")
    parser.add_argument("--commit", help="of the code that ran; default: the commit that is checked out")
    parser.add_argument("--machine", help="default: processor and cores of this one")
    parser.add_argument("--relation", help="of the two sides; known for " + ", ".join(RELATIONS))
    parser.add_argument("--references", help="a sentence; default: what the scores say")
    parser.add_argument("--to", type=Path, default=RUNS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    words = ("command", "commit", "machine", "relation", "references")
    facts = {word: getattr(options, word) for word in words}
    print(keep(options.run, options.name, options.to, **facts))


if __name__ == "__main__":
    main()
