"""The page of umt-serve: in a browser, under many requests at once, and asked for what it refuses."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import create_server
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.evaluation.report.test_browser import CHROMIUM, SCRIPT, Browser, playwright
from umt.cli import serve
from umt.pipeline.display.demonstration import Demonstration
from umt.types import Lang

uvicorn = pytest.importorskip("uvicorn")


class Reversal(Demonstration):
    """Two systems that turn a sentence round, and count the batches in which they were asked."""

    languages = (Lang("en"), Lang("zh"))
    warnings = [f"it is doubtful {SCRIPT}"]  # noqa: RUF012
    batches: list[int] = []  # noqa: RUF012

    def translate(self, sentences: Sequence[str], to: Lang) -> list[dict[str, Any]]:
        self.batches.append(len(sentences))
        time.sleep(0.05)
        if "fail" in sentences:
            raise RuntimeError("as told")
        return [self._result(sentence.split()) for sentence in sentences]

    def _result(self, words: list[str]) -> dict[str, Any]:
        other = words[::-1]
        cosines = [[1.0 if a == b else None for b in other] for a in words]
        alternatives = [{"text": " ".join(other), "score": -1.5}, {"text": SCRIPT, "score": -9.0}]
        systems = [
            {"kind": "neural", "alternatives": alternatives, "words": other, "cosines": cosines},
            {
                "kind": "phrase-based",
                "alternatives": [{"text": " ".join(other), "score": None}],
                "words": other,
                "cosines": cosines,
            },
        ]
        return {"words": words, "systems": systems}

    def neighbours(self, word: str, lang: Lang) -> list[tuple[str, float]]:
        return [(f"{word}书", 0.5)] if word != "unknown" else []


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    listening = create_server(("127.0.0.1", 0))
    app = serve.application(Reversal(Path("run-1")), ("127.0.0.1", "localhost"))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def ask(address: str, body: bytes, host: str = "localhost") -> tuple[int, Any]:
    request = Request(f"{address}/translate", body, {"Host": host})
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        text = error.read().decode()
        return error.code, json.loads(text) if text.startswith("{") else text


def sentence(text: str, to: str = "zh") -> bytes:
    return json.dumps({"text": text, "to": to}).encode()


def test_fifty_at_once_and_each_gets_its_own(address: str) -> None:
    Reversal.batches.clear()
    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(
                lambda number: ask(address, sentence(f"{number} is", "en" if number % 2 else "zh")), range(50)
            )
        )
    for number, (status, answer) in enumerate(answers):
        assert status == 200
        assert answer["systems"][0]["alternatives"][0]["text"] == f"is {number}"
    assert sum(Reversal.batches) == 50
    assert len(Reversal.batches) < 40, "translated together"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"nonsense", 400, "as JSON"),
        (b'{"text": 3, "to": "zh"}', 400, "as JSON"),
        (sentence("x", "fr"), 400, "en or zh to translate to"),
        (sentence("  "), 400, "1 to 1,000 characters"),
        (sentence("x" * 1001), 400, "1 to 1,000 characters"),
        (sentence("x" * 100_000), 413, "at most 1,000 characters"),
    ],
)
def test_what_cannot_be_translated_is_refused(address: str, body: bytes, status: int, message: str) -> None:
    code, answer = ask(address, body)
    assert (code, message in answer["error"]) == (status, True)


def test_another_host_is_refused_and_a_fault_harms_nobody_else(address: str) -> None:
    assert ask(address, sentence("x"), "evil.example")[0] == 400
    assert ask(address, sentence("fail"))[0] == 500
    assert ask(address, sentence("one two"))[0] == 200


def test_too_many_at_once_are_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_BATCH", 1)
    monkeypatch.setattr(serve, "WAITING", 20)
    with ThreadPoolExecutor(100) as pool:
        codes = [code for code, _ in pool.map(lambda _: ask(address, sentence("x")), range(100))]
    assert set(codes) == {200, 503}
    assert codes.count(200) >= 20


def test_half_of_those_that_wait_for_one_direction_are_translated_together() -> None:
    async def batches() -> list[tuple[set[Lang], int]]:
        queue, future = serve.Queue(Reversal(Path("run-1"))), asyncio.get_running_loop().create_future
        for number in range(150):
            queue.waiting.append(serve._Waiting(str(number), Lang("en" if number % 3 else "zh"), future()))
        taken = []
        while queue.waiting:
            batch = queue._next_batch()
            taken.append(({one.to for one in batch}, len(batch)))
        return taken

    taken = asyncio.run(batches())
    assert all(len(languages) == 1 for languages, _ in taken)
    sizes = {lang: [size for languages, size in taken if lang in languages] for lang in ("en", "zh")}
    assert sizes == {"en": [32, 32, 18, 9, 8, 1], "zh": [25, 13, 8, 4]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["nosuch"], "there is no folder nosuch"), (["--port", "x"], "invalid int value"), (["."], "is no run")],
)
def test_a_run_that_is_none_is_one_sentence(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        serve.main(arguments)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="there is no chromium on this machine")
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_in_a_browser(address: str, width: int, tmp_path: Path) -> None:
    with playwright.sync_playwright() as driver:
        browser = Browser(driver, tmp_path)
        page = browser.open(f"{address}/", width)
        assert page.locator(".bad").first.inner_text() == f"warning: it is doubtful {SCRIPT}"
        page.get_by_label("sentence to translate").fill(f"she reads {'very ' * 30} {SCRIPT.split()[0]}")
        page.get_by_role("button", name="translate").click()
        page.locator(".system").nth(1).wait_for()
        assert page.locator(".best").first.inner_text().endswith("reads she")
        assert page.locator(".heat").count() == 2
        page.locator("summary").click()
        assert page.locator(".system details td").nth(3).inner_text() == SCRIPT
        page.locator(".word").first.click()
        page.get_by_text("书 0.50").wait_for()
        page.get_by_label("direction").select_option("zh to en")
        assert page.get_by_label("sentence to translate").get_attribute("lang") == "zh"
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.title() == "en and zh, run-1"
        page.get_by_label("sentence to translate").fill("fail")
        page.keyboard.press("Enter")
        page.get_by_text("error 500").wait_for()
        assert [line for line in browser.complaints if "500" not in line] == []
