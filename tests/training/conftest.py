"""The texts that the tests of training share."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.resume import EN, ZH, texts
from umt.text.token_shards import TokenShards, write_shards
from umt.text.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, dict[Any, TokenShards]]:
    place = tmp_path_factory.mktemp("data")
    tokenizer = Tokenizer.train(texts(), 280)
    for lang, lines in texts().items():
        write_shards(lines, lang, tokenizer, place)
    return tokenizer, {lang: TokenShards(place, lang) for lang in (EN, ZH)}
