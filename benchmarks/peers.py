"""MUSE, VecMap and coocmap beside the aligner of this project: same vectors, same dictionary, one table.

    python -m benchmarks.peers en.vec zh.vec DICTIONARY --counts en.tsv zh.tsv \
        --muse ~/MUSE --vecmap ~/vecmap --coocmap ~/coocmap

Each program runs from its own checkout, unsupervised, with the settings its authors recommend, in a process
of its own. P@1 and P@5, both ways, of the words whose translation the other file has; the vectors of all are
searched by CSLS alike. Seconds are of the processor, all threads; memory is the peak of the process.

MUSE runs without a GPU: five epochs of --muse-epoch samples each (1,000,000 by default: hours to days).
coocmap counts a text itself; here its matching reads the cosines among the first --coocmap-words of each file
in place of the counts, clipped as its authors clip them, and only those words are tested.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Generator
from torch.nn.functional import normalize

from benchmarks.word_translation import read_dictionaries
from umt.align.soft_matching import lexicon_of
from umt.cli.command_line import Command
from umt.embeddings.lexicon import Lexicon, induce
from umt.embeddings.pretrained_vectors import VectorFiles, read_vectors
from umt.embeddings.wordspace import Embeddings, WordSpace
from umt.evaluation.lexicon_precision import precision
from umt.types import BadInput, Lang

_COOCMAP = """
import sys, types
import numpy as np
import embeddings, match
one, other, words, out = sys.argv[1:]
def cosines(path):
    with open(path, encoding="utf-8") as file:
        _, rows = embeddings.read(file, threshold=int(words), dtype="float32")
    embeddings.normalize(rows, ["unit", "center", "unit"])
    matrix = rows @ rows.T
    embeddings.normalize(matrix, ["unit", "center", "unit"])
    match.clip(matrix, r1=99, r2=99)
    return matrix
settings = types.SimpleNamespace(
    stochastic_interval=5, threshold=1e-4, maxiter=100, match="vecmap", csls=True)
x, z = cosines(one), cosines(other)
_, _, scores = match.coocmapt(x, z, settings, normproc=["unit"])
np.save(out, match.most_diff_match(scores, 10))
"""


_MUSE = """
import inspect, os, runpy
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # it reads its best map, saved a moment ago
inspect.getargspec = lambda function: inspect.getfullargspec(function)[:4]  # gone since Python 3.11
runpy.run_path("unsupervised.py", run_name="__main__")
"""

Job = tuple[list[str], Path]
"""A command and the directory that it runs in."""


def jobs(arguments: Namespace, files: Sequence[Path], folder: Path) -> dict[str, Job]:
    """The programs at hand by name; they write into ``folder``."""
    python, here = sys.executable, Path(__file__).parents[1]
    first, second = arguments.languages.split(",")
    one, other = (str(path) for path in files)
    counts = [
        f"words.counts.{lang}={Path(path).resolve()}"
        for lang, path in zip((first, second), arguments.counts or (), strict=bool(arguments.counts))
    ]
    own = [python, "-m", "umt.cli.align", one, other, *counts, f"store={folder / 'store'}"]
    programs = {"umt-align": ([*own, "--languages", arguments.languages, "--out", str(folder / "own")], here)}
    if arguments.muse:
        headers = [path.open(encoding="utf-8").readline().split() for path in files]
        fewest, dim = min(75_000, *(int(words) for words, _ in headers)), headers[0][1]
        options = {
            "src_lang": first, "tgt_lang": second, "src_emb": one, "tgt_emb": other, "emb_dim": dim,
            "exp_path": folder, "exp_name": "muse", "exp_id": "run", "cuda": False,
            "n_epochs": 5, "epoch_size": arguments.muse_epoch, "seed": 1, "normalize_embeddings": "center",
            "dis_most_frequent": fewest, "dico_eval": folder / "dictionary.txt",
        }  # fmt: skip
        flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        programs["MUSE"] = ([python, "-c", _MUSE, *flags], arguments.muse)
    if arguments.vecmap:
        outputs = [str(folder / f"vecmap.{side}.vec") for side in range(2)]
        command = [python, "map_embeddings.py", "--unsupervised", "-v", one, other, *outputs]
        programs["VecMap"] = (command, arguments.vecmap)
    if arguments.coocmap:
        words = str(arguments.coocmap_words)
        command = [python, "-c", _COOCMAP, one, other, words, str(folder / "coocmap.npy")]
        programs["coocmap"] = (command, arguments.coocmap)
    return programs


def lexicons(name: str, folder: Path, sides: Sequence[WordSpace]) -> tuple[Lexicon, Lexicon]:
    """Both lexicons by CSLS, from what the program of that name wrote."""
    langs = [side.lang for side in sides]
    if name == "coocmap":
        scores = torch.from_numpy(np.load(folder / "coocmap.npy"))
        one, other = (side.words[:size] for side, size in zip(sides, scores.shape, strict=True))
        return lexicon_of(one, other, scores, 5), lexicon_of(other, one, scores.T, 5)
    paths = {
        "umt-align": [folder / "own" / f"{lang}.vec" for lang in langs],
        "MUSE": [folder / "muse" / "run" / f"vectors-{lang}.txt" for lang in langs],
        "VecMap": [folder / f"vecmap.{number}.vec" for number in range(2)],
    }[name]
    mapped = []
    for path, side in zip(paths, sides, strict=True):
        vectors = read_vectors(path, size=len(side.words))
        rows = torch.from_numpy(np.stack([*vectors.values()]))
        mapped.append(Embeddings(tuple(vectors), normalize(rows, dim=1)))
    return induce(mapped[0], mapped[1], 5)


def run(job: Job, log: Path) -> tuple[int, float, float]:
    """The exit status, the seconds of the processor and the peak memory in GiB of one program."""
    command, directory = job
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (1 << 20)


def main() -> None:
    """The command."""
    parser = Command("benchmarks.peers", __doc__)
    parser.add_argument("files", nargs=2, help="vectors of both languages, most frequent word first")
    parser.add_argument("dictionary", nargs="+", type=Path, help="true pairs, in one file or several")
    parser.add_argument("--counts", nargs=2, help='files of "word count" lines, for umt-align alone')
    parser.add_argument("--languages", default="en,zh")
    for name in ("muse", "vecmap", "coocmap"):
        parser.add_argument(f"--{name}", type=Path, help="its checkout")
    parser.add_argument("--muse-epoch", type=int, default=1_000_000, help="samples an epoch")
    parser.add_argument("--coocmap-words", type=int, default=5000, help="most frequent words of either side")
    parser.add_argument("--logs", type=Path, help="a new folder for outputs and logs (none: removed)")
    arguments = parser.parse_args()
    if arguments.logs and arguments.logs.exists():
        parser.error(f"--logs {arguments.logs} exists: name a new folder")
    first, second = (Lang(code) for code in arguments.languages.split(","))
    paths = dict(zip((first, second), arguments.files, strict=True))
    counts = dict(zip((first, second), arguments.counts or (None, None), strict=True))
    sides = [VectorFiles(paths, counts).build(lang, None, Generator()) for lang in (first, second)]
    forward = read_dictionaries(arguments.dictionary, (first, second))
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.logs or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{side.lang}.vec" for side in sides]
        for side, path in zip(sides, files, strict=True):
            side.embeddings().export(path)
        with (folder / "dictionary.txt").open("w", encoding="utf-8") as file:  # MUSE logs scores by it
            file.writelines(f"{word} {each}\n" for word, known in forward.pairs.items() for each in known)
        print("program | P@1 P@5 words | and back | seconds | GiB | verdict")
        for name, job in jobs(arguments, files, folder).items():
            status, seconds, memory = run(job, folder / f"{name}.log")
            columns = [name]
            try:
                both = lexicons(name, folder, sides)
            except (BadInput, FileNotFoundError):
                columns += [f"no vectors (status {status})", ""]
            else:
                for lexicon, truth in zip(both, (forward, forward.reversed()), strict=True):
                    scores = {score.name: score for score in precision(lexicon, truth, (1, 5))}
                    tested = scores["p@1 covered"].signature.split("|")[0].removeprefix("words:")
                    values = (f"{scores[f'p@{k} covered'].value:.3f}" for k in (1, 5))
                    columns.append(" ".join([*values, tested]))
            verdict = folder / "own" / "verdict.txt"
            own = name == "umt-align" and verdict.exists()
            columns += [f"{seconds:.0f}", f"{memory:.2f}", verdict.read_text().strip() if own else "none"]
            print(*columns, sep=" | ", flush=True)


if __name__ == "__main__":
    main()
