"""Cleaning in parallel processes: chunks go out, and come back in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice

from umt.corpus import Source
from umt.corpus.preparation.cleaning import CleanedChunk, Cleaner
from umt.runtime.processes import forkserver_context
from umt.types import Lang

LINES, CHARACTERS = 10_000, 2_000_000
_ALONE = 2

Job = tuple[Lang, Sequence[str], int]

_cleaners: Mapping[Lang, Cleaner] = {}


def clean_in_parallel(
    source: Source, make_cleaners: Callable[[], Mapping[Lang, Cleaner]], workers: int
) -> Iterator[CleanedChunk]:
    """The chunks of both languages by turns, cleaned; the same whatever the number of processes.

    Only a few chunks exist at a time, so memory stays flat.  A small corpus is cleaned right here. The
    cleaners are made while a source that generates its text in processes of its own goes on.
    """
    jobs = _jobs(source)
    small = list(islice(jobs, _ALONE + 1))
    cleaners = make_cleaners()
    if workers == 1 or len(small) <= _ALONE:
        for lang, lines, first in chain(small, jobs):
            yield cleaners[lang].clean(lines, first)
        return
    with ProcessPoolExecutor(workers, forkserver_context(), _start, (dict(cleaners),)) as pool:
        waiting: deque[Future[CleanedChunk]] = deque()
        try:
            for job in chain(small, jobs):
                waiting.append(pool.submit(_clean, job))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _start(cleaners: Mapping[Lang, Cleaner]) -> None:
    global _cleaners
    _cleaners = cleaners


def _clean(job: Job) -> CleanedChunk:
    lang, lines, first = job
    return _cleaners[lang].clean(lines, first)


def _jobs(source: Source) -> Iterator[Job]:
    sides = [_chunks(lang, source.sentences(lang)) for lang in source.languages]
    while sides:
        for side in tuple(sides):
            job = next(side, None)
            if job is None:
                sides.remove(side)
            else:
                yield job


def _chunks(lang: Lang, lines: Iterable[str]) -> Iterator[Job]:
    chunk: list[str] = []
    characters = first = 0
    for line in lines:
        chunk.append(line)
        characters += len(line)
        if len(chunk) == LINES or characters >= CHARACTERS:
            yield lang, chunk, first
            first += len(chunk)
            chunk, characters = [], 0
    if chunk:
        yield lang, chunk, first
