"""Other programs beside the aligner: tiny scripts in place of their checkouts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Generator

from benchmarks import peers
from umt.embeddings.wordspace import Embeddings

VECMAP = """
import shutil, sys
shutil.copy(sys.argv[-4], sys.argv[-2])
shutil.copy(sys.argv[-3], sys.argv[-1])
"""
MUSE = """
import argparse, pathlib, shutil
parser = argparse.ArgumentParser()
for name in ("src_lang", "tgt_lang", "src_emb", "tgt_emb", "exp_path", "exp_name", "exp_id", "n_epochs"):
    parser.add_argument("--" + name)
options, _ = parser.parse_known_args()
out = pathlib.Path(options.exp_path) / options.exp_name / options.exp_id
out.mkdir(parents=True)
shutil.copy(options.src_emb, out / f"vectors-{options.src_lang}.txt")
lines = open(options.tgt_emb).read().splitlines()
words = [line.split(" ", 1)[0] for line in lines[1:]]
turned = [line.split(" ", 1)[1] for line in lines[2:] + lines[1:2]]
text = [lines[0], *map(" ".join, zip(words, turned))]
(out / f"vectors-{options.tgt_lang}.txt").write_text("\\n".join(text) + "\\n")
"""


def test_table_scores_what_each_program_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A copy of the same vectors is all right, vectors of the next word all wrong, a failure is named."""
    words = [f"w{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(40)]
    vectors = torch.randn(40, 8, generator=Generator().manual_seed(0))
    for lang in ("en", "fr"):
        Embeddings(tuple(words), vectors).export(tmp_path / f"{lang}.vec")
    (tmp_path / "pairs.txt").write_text("".join(f"{word} {word}\n" for word in words))
    for name, script in (("map_embeddings.py", VECMAP), ("unsupervised.py", MUSE)):
        (tmp_path / name).write_text(script)
    (tmp_path / "match.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "embeddings.py").write_text("")
    jobs = peers.jobs
    monkeypatch.setattr(
        peers,
        "jobs",
        lambda *inputs: {name: job for name, job in jobs(*inputs).items() if name != "umt-align"},
    )
    files = [str(tmp_path / name) for name in ("en.vec", "fr.vec", "pairs.txt")]
    options = [text for name in ("muse", "vecmap", "coocmap") for text in (f"--{name}", str(tmp_path))]
    monkeypatch.setattr("sys.argv", ["peers", *files, "--languages", "en,fr", *options])
    peers.main()
    rows = {line.split(" | ")[0]: line.split(" | ")[1:] for line in capsys.readouterr().out.splitlines()}
    assert rows["VecMap"][:2] == ["1.000 1.000 40"] * 2
    assert all(float(column.split()[0]) < 0.2 for column in rows["MUSE"][:2])
    assert rows["coocmap"][0] == "no vectors (status 3)"
    assert all(float(row[3]) > 0 and row[4] == "none" for row in (rows["VecMap"], rows["MUSE"]))
