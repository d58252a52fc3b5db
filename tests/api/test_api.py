"""The interface for programs: the notebook runs, and its run, opened again, is what the functions say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import umt
from tests.finished_runs import two_runs
from tests.two_languages import accuracy, two_languages

ROOT = Path(__file__).parents[2]


def test_the_interface_is_what_its_page_says() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1].split("(")[0] for line in page.splitlines() if line.startswith("| `")}
    assert rows == set(umt.__all__)
    assert set(umt.__all__) <= set(dir(umt))
    for name in umt.__all__:
        assert getattr(umt, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        umt.nothing  # noqa: B018


def test_importing_loads_nothing() -> None:
    code = "import sys, umt; print([name for name in ('torch', 'numpy', 'hydra') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the notebook was executed, and left its run."""
    place = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(ROOT / "docs" / "api.ipynb", as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(place)}}).execute()
    nbformat.write(notebook, place / "executed.ipynb")
    return place


@pytest.mark.slow
def test_the_notebook_runs_and_shows_what_it_promises(place: Path) -> None:
    notebook = nbformat.read(place / "executed.ipynb", as_version=4)
    text = "".join(str(output) for cell in notebook.cells for output in cell.get("outputs", ()))
    assert "p bleu" in text
    assert "did you mean size?" in text
    assert "error" not in {
        output["output_type"] for cell in notebook.cells for output in cell.get("outputs", ())
    }


@pytest.mark.slow
def test_a_run_is_opened_and_translates(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    run = umt.load()
    assert run.path.parent.name == "runs"
    assert (run.languages, run.verdict) == (("en", "zh"), "not judged")
    assert "its alignment is not judged" in run.warnings()[0]
    with pytest.warns(UserWarning, match="its alignment is not judged"):
        there = run.translate(["The old teacher reads a book.", ""])
    assert [bool(line) for line in there] == [True, False]
    assert any("一" <= letter <= "鿿" for letter in there[0])
    assert run.translate(there[:1], to="en")[0].isascii()
    word = run.alignment.source.words[30]
    assert run.alignment.lexicon.translations(word)
    for call, sentence in (
        (lambda: run.translate("one text"), "give a list of sentences"),
        (lambda: run.translate(["x"], to="fr"), "does not translate to fr"),
        (lambda: run.alternatives(["x"]), "no neural translator"),
        (lambda: run.scores, "run evaluate.py"),
        (lambda: umt.load(place), "is no run"),
    ):
        with pytest.raises(umt.BadInput, match=sentence):
            call()


def test_words_are_aligned_without_a_run_on_disk() -> None:
    source, target = two_languages(300)
    alignment = umt.align_words(source, target, "aligner=cooccurrence", "aligner.words=300", seed=1)
    assert accuracy(alignment.lexicon) > 0.5
    assert alignment.lexicon.translations(source.words[0])
    lines = [f"The dog number {number} sees the {word}s." for number in range(9) for word in ("cat", "dog")]
    space = umt.word_space(lines * 9, "en", "words.dim=3", "words.minimum_count=2")
    assert {"the", "dog", "sees", "cats"} <= set(space.words)
    with pytest.raises(umt.BadInput, match=r"words\.dim must be"):
        umt.word_space(lines, "en", "words.dim=abc")


def test_what_cannot_be_used_is_one_sentence() -> None:
    for override, sentence in (
        ("corpus.sise=3", "did you mean size"),
        ("seed=one", "seed must be a whole number"),
        ("aligner=nosuch", "there is no aligner=nosuch"),
    ):
        with pytest.raises(umt.BadInput, match=sentence):
            umt.train(override)


def test_scores_and_pages(tmp_path: Path) -> None:
    good = [f"The teacher reads {number} books in the old town." for number in range(20)]
    [bleu] = umt.score(good, good, to="en", metrics=["bleu"], resamples=20)
    assert bleu.value == pytest.approx(100)
    [several] = umt.score(
        good, [["nothing", line] for line in good], to="en", metrics=["chrf"], resamples=20
    )[:1]
    assert several.value == pytest.approx(100)
    page = umt.compare([run.path for run in two_runs(tmp_path)], tmp_path / "page.html")
    assert "2 runs compared" in page.read_text(encoding="utf-8")
