"""A local page to try a run: type a sentence, see its translations and how the words correspond.

    umt-serve                                the newest run under runs/
    umt-serve runs/run-1b4dcebd3e1d          another
    umt-serve RUN --host 0.0.0.0 --port 80   for everybody who reaches this machine; there is no password

Needs the extra "serve": pip install 'umt[serve]'.
"""

from __future__ import annotations

import umt.runtime.interrupts  # noqa: F401  (before all that takes long to import)

# isort: split
import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from umt.cli.command_line import Command
from umt.evaluation.report.page import Section, Widget, render_page
from umt.lm.loading import configure_libraries
from umt.pipeline.display.console import Console
from umt.pipeline.display.demonstration import Demonstration
from umt.pipeline.errors import user_errors
from umt.pipeline.saved import run_directory
from umt.runtime.threads import use_threads
from umt.types import BadInput, Lang

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

LONGEST = 1000
"""Characters of a sentence."""
WAITING = 256
"""Sentences that may wait; more are refused."""
_BODY = 8 * LONGEST
_BATCH = 32
_LOCAL = ("127.0.0.1", "localhost", "::1")


class Busy(Exception):
    """So many sentences wait that another would wait too long."""


class _Waiting(NamedTuple):
    """A sentence, the language to translate it to, and who waits for what the page shows of it."""

    sentence: str
    to: Lang
    answer: asyncio.Future[dict[str, Any]]


@dataclass
class Queue:
    """Sentences of many readers, translated together: a batch costs little more than one of them."""

    demonstration: Demonstration
    waiting: list[_Waiting] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def translate(self, sentence: str, to: Lang) -> dict[str, Any]:
        """What the page shows of ``sentence``; raises Busy when too many wait."""
        if len(self.waiting) >= WAITING:
            raise Busy
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.waiting.append(_Waiting(sentence, to, answer))
        self.arrived.set()
        return await answer

    async def run(self) -> None:
        """Translate what comes, as long as the program runs."""
        while True:
            await self.arrived.wait()
            batch = self._next_batch()
            sentences = [one.sentence for one in batch]
            try:
                results = await asyncio.to_thread(self.demonstration.translate, sentences, batch[0].to)
            except Exception as error:
                for _, _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, _, answer), result in zip(batch, results, strict=True):
                if not answer.done():  # its reader may have gone
                    answer.set_result(result)

    def _next_batch(self) -> list[_Waiting]:
        """Half of those that wait for the direction of the first, within bounds: the median waits least."""
        same = [one for one in self.waiting if one.to == self.waiting[0].to]
        batch = same[: min(_BATCH, max(_BATCH // 4, -(-len(same) // 2)))]
        self.waiting = [one for one in self.waiting if one not in batch]
        if not self.waiting:
            self.arrived.clear()
        return batch


def application(demonstration: Demonstration, hosts: Sequence[str]) -> Starlette:
    """The page and what it asks for. hosts: names under which it may be called, ``*``: any."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import HTMLResponse, JSONResponse
    from starlette.routing import Route

    queue, page = Queue(demonstration), _page(demonstration)

    async def show(request: Request) -> Response:
        return HTMLResponse(page)

    async def translate(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _BODY:
                return JSONResponse({"error": f"at most {LONGEST:,} characters"}, 413)
        try:
            asked = json.loads(body)
            text, to = " ".join(asked["text"].split()), asked["to"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return JSONResponse({"error": 'give {"text": ..., "to": ...} as JSON'}, 400)
        if to not in demonstration.languages or not text or len(text) > LONGEST:
            known = " or ".join(demonstration.languages)
            sentence = f"give a text of 1 to {LONGEST:,} characters, and {known} to translate to"
            return JSONResponse({"error": sentence}, 400)
        try:
            return JSONResponse(await queue.translate(text, to))
        except Busy:
            return JSONResponse({"error": "too many sentences wait: try again in a moment"}, 503)

    async def neighbours(request: Request) -> Response:
        word, lang = request.query_params.get("word", ""), request.query_params.get("lang", "")
        if lang not in demonstration.languages or not 0 < len(word) <= LONGEST:
            return JSONResponse({"error": "give word and lang"}, 400)
        return JSONResponse(demonstration.neighbours(word, Lang(lang)))

    @asynccontextmanager
    async def running(app: Starlette) -> AsyncIterator[None]:
        worker = asyncio.create_task(queue.run())
        yield
        worker.cancel()

    return Starlette(
        routes=[
            Route("/", show),
            Route("/translate", translate, methods=["POST"]),
            Route("/neighbours", neighbours),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))],
        lifespan=running,
    )


def _page(demonstration: Demonstration) -> str:
    source, target = demonstration.languages
    data = {"languages": [source, target], "longest": LONGEST, "warnings": demonstration.warnings}
    lead = "Strong colours: words that are near in the shared space. Click a word for its translations."
    section = Section("Translate", lead, [Widget("translate", data)])
    title = f"{source} and {target}, {demonstration.run.name}"
    return render_page(title, "", [section], ["serve.js"], "'self'")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = Command("umt.cli.serve", __doc__)
    parser.add_argument("run", nargs="?", type=Path, help="of train.py; the newest under runs/ if not given")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine alone)"
    )
    parser.add_argument("--port", type=int, default=8765, help="0: any free one (8765)")
    options = parser.parse_args(arguments)
    configure_libraries()
    with user_errors(Console(), ", the page is closed"):
        if find_spec("uvicorn") is None or find_spec("starlette") is None:
            raise BadInput("umt-serve needs two more packages: pip install 'umt[serve]'")
        import uvicorn

        demonstration = Demonstration(run_directory(options.run))
        use_threads()
        for lang in demonstration.languages:
            demonstration.translate(["."], lang)  # compiles what the first reader would wait for
        try:
            listening = socket.create_server((options.host, options.port))
        except (OSError, OverflowError) as error:
            raise BadInput(f"--host {options.host} --port {options.port} cannot be used: {error}") from None
        host, port = listening.getsockname()[:2]
        for warning in demonstration.warnings:
            print(f"warning: {warning}")
        print(f"open http://{host}:{port} (Ctrl-C ends it)", flush=True)
        hosts = _LOCAL if host in _LOCAL else ("*",)
        app = application(demonstration, hosts)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main()
