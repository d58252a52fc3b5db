"""Sampled changes of the code that decides claims: do the tests of each module notice them?

    python -m tests.faults.mutants --each 10 --seed 1

For every module of `TESTED` the mutants of `NAMED` are tried, and so many are drawn: a comparison, an
arithmetic or Boolean operator, a number, a condition or a truth value is changed. Each runs the tests of its
module until one fails, in a fork of a process that has imported the libraries, on a copy of the project. A
line is printed for each that survives. What ``--record FILE`` holds is not tried again.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

TESTED = {
    "embeddings/retrieval": "embeddings/test_retrieval",
    "align/agreement": "align/test_restarts",
    "translation/quality/validation": "translation/test_validation translation/test_collapse_guard",
    "translation/quality/criteria": "translation/test_validation translation/test_collapse_guard",
    "translation/quality/filters": "translation/test_validation translation/test_collapse_guard",
    "translation/quality/collapse_guard": "translation/test_validation translation/test_collapse_guard",
    "corpus/preparation/leak_index": "corpus/preparation/test_leak_index",
    "corpus/preparation/held_out_filter": "corpus/preparation/test_leak_index corpus/test_known_pairs",
    "evaluation/metrics": "evaluation/test_metrics",
    "compression/prequential": "compression/test_prequential compression/test_mutual_information",
    "compression/archive": "compression/test_archive",
    "training/checkpoint": "training/test_loop",
    "training/loop": "training/test_loop",
    "pipeline/store": "pipeline/test_store pipeline/test_store_processes",
    "translation/back_translation": "translation/test_validation translation/test_back_translation",
    "translation/synthesis": "translation/test_validation translation/test_back_translation",
    "pipeline/inputs": "pipeline/test_checks pipeline/test_errors corpus/test_known_pairs",
    "corpus/synthetic/source": "corpus/synthetic/test_source",
    "compression/mixing/cooccurrence_expert": "compression/test_prequential compression/test_context_mixing",
    "compression/mixing/translation_expert": "compression/test_translation_expert",
    "compression/mixing/logistic_mixing": "compression/test_logistic_mixing compression/test_prequential",
    "compression/network_runs": "compression/test_mutual_information",
}
"""Module -> its tests."""
NAMED = (
    (
        "translation/quality/validation",
        "round_trip_bleu(sentences, returned)",
        "round_trip_bleu(sentences, sentences)",
    ),
    ("translation/back_translation", " if accepted[number]]", "]"),
    ("translation/synthesis", "accepted = ended & nonempty & self", "accepted = ended | nonempty | self"),
    ("translation/quality/filters", "if self.length_ratio is not None and len(passed):", "if False:"),
    ("translation/quality/filters", '            "copied": self.copied,\n', ""),
    ("translation/quality/collapse_guard", "not 1 / self.length_ratio <=", "not 0 <="),
    ("evaluation/metrics", "return _PlainBleu(", "return _PlainBleu(lowercase=True, "),
    ("pipeline/inputs", 'dictionary(config, source, "train")', 'dictionary(config, source, "test")'),
    ("corpus/synthetic/source", "if part in ", "if part not in "),
    ("corpus/preparation/held_out_filter", "if estimated_words(sentence) > split_above:", "if False:"),
    ("compression/archive", "if _digest(data) != header.content:", "if False:"),
    ("compression/prequential", "learned_from = list(past)", "learned_from = past + new"),
    (
        *("compression/prequential", "            learned_from.append(batch)\n"),
        "            coded_batches[-1] = network.score(batch)\n            learned_from.append(batch)\n",
    ),
    (
        "compression/mixing/cooccurrence_expert",
        "(x, end, y, end_y, seed)",
        "(x, len(x.ends), y, len(y.ends), seed)",
    ),
    ("compression/mixing/translation_expert", "pointers[:learned])", "pointers[:end])"),
    ("compression/mixing/translation_expert", "pointers[:learned])", "pointers)"),
    ("compression/mixing/translation_expert", "text.codes[: starts[count]]", "text.codes"),
    ("compression/mixing/cooccurrence_expert", "weights[0] = self.weight", "weights[:] = self.weight"),
    (
        "compression/mixing/logistic_mixing",
        "weights[:, own:] = _EXPERTS_WEIGHT",
        "weights[:, -1:] = _EXPERTS_WEIGHT",
    ),
    ("compression/network_runs", "content = hashlib", "content = name or hashlib"),
)
"""(module, what is there, what takes its place): faults that the tests once let pass."""
LIMIT = 300
"""Seconds of the processor after which tests count as failed: the mutant does not end."""
OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or,
    ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
}  # fmt: skip


class Mutator(ast.NodeTransformer):
    """Changes the place number ``wanted``; with -1 it counts the places only."""

    def __init__(self, wanted: int = -1) -> None:
        self.wanted, self.places, self.what = wanted, 0, ""

    def _here(self, node: ast.expr | ast.stmt, what: str) -> bool:
        self.places += 1
        if self.places - 1 == self.wanted:
            self.what = f"line {node.lineno}: {what}: {ast.unparse(node).splitlines()[0]}"
            return True
        return False

    def _operator(self, node: ast.expr, operator: ast.AST) -> ast.AST:
        other = OTHER.get(type(operator))
        return other() if other and self._here(node, f"to {other.__name__}") else operator

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        node.ops = [self._operator(node, each) for each in node.ops]  # type: ignore[misc]
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        node.op = self._operator(node, node.op)  # type: ignore[assignment]
        return self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        node.op = self._operator(node, node.op)  # type: ignore[assignment]
        return self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if isinstance(node.op, ast.Not | ast.USub) and self._here(node, "operator left out"):
            return node.operand
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if self._here(node, "condition turned"):
            node.test = ast.UnaryOp(ast.Not(), node.test)
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool | int | float) and self._here(node, "constant"):
            return ast.Constant(not node.value if isinstance(node.value, bool) else node.value + 1)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node  # messages

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return node  # types, and defaults that configurations give


def mutants(name: str, source: str, count: int, choose: random.Random) -> Iterator[tuple[str, str]]:
    """What is changed and the changed source: of the mutants that `NAMED` lists, and of ``count`` others."""
    for module, before, after in NAMED:
        if module == name:
            assert before in source, f"{name} lacks {before}"
            what = " ".join(f"{before} -> {after}".split())  # a line of the record
            yield what, source.replace(before, after)
    counter = Mutator()
    counter.visit(ast.parse(source))
    for place in sorted(choose.sample(range(counter.places), min(count, counter.places))):
        mutator = Mutator(place)
        tree = ast.fix_missing_locations(mutator.visit(ast.parse(source)))
        yield mutator.what, ast.unparse(tree)


def passes(tests: str) -> bool:
    """Whether tests pass, in a fork."""
    process = os.fork()
    if not process:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]  # of the original
        import pytest

        files = [f"tests/{name}.py" for name in tests.split()]
        os._exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *files]))
    end, status = time.monotonic() + 10 * LIMIT, None  # of a mutant that waits for ever
    while status is None and time.monotonic() < end:
        time.sleep(0.05)
        number, raw = os.waitpid(process, os.WNOHANG)
        status = os.waitstatus_to_exitcode(raw) if number else None
    if status is None:
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
    return status == 0


def main() -> None:
    """Print survivors and counts; status 1 where fewer than nine of ten die."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--each", type=int, default=10, help="mutants of a module that are drawn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", type=Path, help="a file that gets the outcome of each mutant")
    parser.add_argument(
        "modules", nargs="*", default=[*TESTED], help="such as compression/archive; all of them"
    )
    options = parser.parse_args()
    here, choose = Path(__file__).resolve().parents[2], random.Random(options.seed)
    record = (options.record or Path(os.devnull)).resolve()
    known = dict(line.rsplit("\t", 1) for line in record.read_text().splitlines()) if record.exists() else {}
    import numba  # noqa: F401
    import sacrebleu  # noqa: F401
    import transformers  # noqa: F401

    dead = total = 0
    with tempfile.TemporaryDirectory() as place:
        for name in ("umt", "tests", "conf", "scripts"):
            shutil.copytree(here / name, Path(place) / name, symlinks=True)
        for name in ("train.py", "evaluate.py", "pyproject.toml"):
            shutil.copy(here / name, place)
        os.chdir(place)
        sys.path.insert(0, place)
        for name in options.modules:
            path = Path("umt", f"{name}.py")
            source = path.read_text(encoding="utf-8")
            changes = [*mutants(name, source, options.each, choose)]
            if not all(f"{name} {what}" in known for what, _ in changes) and not passes(TESTED[name]):
                sys.exit(f"{name}: its tests fail without a mutant")
            for what, changed in changes:
                survived = known.get(f"{name} {what}") == "survived"
                if f"{name} {what}" not in known:
                    path.write_text(changed, encoding="utf-8")
                    if "jit" in source:
                        for compiled in Path("umt").rglob("*.nb[ci]"):
                            compiled.unlink()  # callers in other modules hold the unchanged code
                    survived = passes(TESTED[name])
                    with record.open("a") as file:
                        file.write(f"{name} {what}\t{'survived' if survived else 'dead'}\n")
                total, dead = total + 1, dead + (not survived)
                if survived:
                    print(f"{name} {what}", flush=True)
            path.write_text(source, encoding="utf-8")
            print(f"{name}: {dead} of {total} dead so far", flush=True)
    sys.exit(dead < 0.9 * total)


if __name__ == "__main__":
    main()
