"""Every test that docs/promises.md names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "promises.md"


def test_every_promise_names_tests_that_exist() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith("| promise")]
    assert len(promises) > 20
    for promise in promises:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", promise)
        assert named, f"no test holds: {promise}"
        for file, name in named:
            functions = ast.walk(ast.parse((TESTS / file).read_text(encoding="utf-8")))
            assert name in {node.name for node in functions if isinstance(node, ast.FunctionDef)}, promise
