"""Prove that a change of the code moves no figure: the same small run at two revisions writes the same bytes.

    python scripts/prove_same_bytes.py REVISION [overrides of train.py]

REVISION and the working tree each train and evaluate ``experiment=smoke`` (or what the overrides say) in a
store of their own; their artefacts are compared in the order in which they were built. Files are compared by
content, not by name: text byte for byte, tensors by type, shape and bytes whatever their names, JSON by its
values whatever their keys. Left out is what tells of time or names code: manifests, the run's configuration,
TensorBoard's events, pages, seconds, rates. Ends with status 1 where anything differs.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

LEFT_OUT = {"manifest.json", "config.yaml", "report.html"}
TIMES = {"seconds", "tokens_per_second", "commit", "date"}


def leaves(value: Any) -> Iterator[str]:
    """Every number and text of a JSON value, without its keys and without times."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in TIMES:
                yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield repr(value)


def content(file: Path) -> str:
    """What has to be the same, as a hex digest."""
    if file.suffix == ".safetensors":
        parts = sorted(
            f"{tensor.dtype} {tensor.shape} {hashlib.sha256(tensor.tobytes()).hexdigest()}"
            for tensor in load_file(file).values()
        )
    elif file.suffix in (".json", ".jsonl"):
        text = file.read_text("utf-8")
        records = text.splitlines() if file.suffix == ".jsonl" else [text]
        parts = sorted(leaf for record in records for leaf in leaves(json.loads(record)))
    else:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def contents(artefact: Path) -> dict[str, str]:
    """Path within the artefact -> digest of each file that counts."""
    files = sorted(path for path in artefact.rglob("*") if path.is_file())
    return {
        str(file.relative_to(artefact)): content(file)
        for file in files
        if file.name not in LEFT_OUT and not file.name.startswith("events.out")
    }


def artefacts(store: Path) -> list[Path]:
    """The finished artefacts of a store in the order in which they were made."""
    manifests = store.glob("*/manifest.json")
    made = {path.parent: json.loads(path.read_text("utf-8"))["made"] for path in manifests}
    return sorted(made, key=made.__getitem__)


def run(tree: Path, store: Path, overrides: list[str]) -> None:
    """Train and evaluate with the code of ``tree``."""
    for program in ("train.py", "evaluate.py"):
        command = [sys.executable, program, *overrides, f"store={store}"]
        subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Run both, print one line an artefact."""
    revision, overrides = sys.argv[1], sys.argv[2:] or ["experiment=smoke"]
    here = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as place:
        other, stores = Path(place) / "tree", (Path(place) / "before", Path(place) / "after")
        worktree = ["git", "-C", str(here), "worktree"]
        subprocess.run([*worktree, "add", "--quiet", "--detach", str(other), revision], check=True)
        try:
            run(other, stores[0], overrides)
        finally:
            subprocess.run([*worktree, "remove", "--force", str(other)], check=True)
        run(here, stores[1], overrides)
        before, after = artefacts(stores[0]), artefacts(stores[1])
        same = len(before) == len(after)
        for old, new in zip(before, after, strict=False):
            was, now = contents(old), contents(new)
            gone = Counter(was.values()) - Counter(now.values())
            differing = [name for name, digest in was.items() if digest in gone]
            same &= not differing and len(was) == len(now)
            stages = f"{old.name.rpartition('-')[0]} -> {new.name.rpartition('-')[0]}"
            outcome = f"differ: {' '.join(differing)}" if differing else "same"
            print(f"{stages:<40} {len(was):>3} and {len(now):>3} files  {outcome}")
        print(f"{revision} and this tree: {'the same bytes' if same else 'NOT the same bytes'}")
    sys.exit(not same)


if __name__ == "__main__":
    main()
