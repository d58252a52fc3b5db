"""Random damage to everything that is read ends in one sentence or a result, soon, in bounded memory.

    python -m tests.faults.fuzz READER --inputs 100000 --seed 1

`tests.faults.readers` lists the readers. An input is a valid file with random edits, or one that was taken
before with further edits, or random bytes; for ``options``, a random value of a random option. A traceback, a
signal, ten seconds of the processor or 4 GiB is a failure: the status is not 0, and the input stays in
``--keep``, in memory by default, since a disk takes longer to replace a file than a reader to read it.
"""

from __future__ import annotations

import argparse
import copy
import faulthandler
import logging
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, base, grammar_parser

from tests.faults.readers import READERS
from tests.small_texts import EN, ZH
from umt.lm.loading import configure_libraries
from umt.pipeline import checks, inputs
from umt.pipeline.checks import check_options, validate
from umt.pipeline.errors import sentence_of
from umt.types import BadInput

SECONDS, MEMORY = 10, 4 << 30
_POOL = 50
"""How many of the last inputs that were taken get further edits."""
PARTS = (
    *(b"\0", b"\n", b"\r", b"\r\n", b"\t", b" ", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc2\x85"),
    *(b"\xe2\x80\xa8", b"1e999", b"nan", b"-1", b"9" * 30, b"[", b"{", b'"', b",", b"null", b"true", b"0.5"),
    *(
        b"\x1f\x8b\x08",
        b"\xfd7zXZ\x00",
        b"\x28\xb5\x2f\xfd",
        b"PK\x03\x04",
        b"..",
        b"/etc/passwd",
        b"\\ud800",
    ),
)
"""Bytes that readers stumble over, which random bytes rarely hold."""


OPTIONS = "options"


def damaged(content: bytes, choose: random.Random) -> bytes:
    """``content`` with one to six edits; now and then nothing but random bytes."""
    if choose.random() < 0.05:
        return choose.randbytes(choose.randrange(300))
    changed = bytearray(content)
    for _ in range(choose.choice((1, 1, 2, 3, 6))):
        at, kind = choose.randint(0, len(changed)), choose.random()
        if kind < 0.05:
            del changed[at:]
        else:
            new = choose.choice(PARTS) if kind < 0.5 else choose.randbytes(choose.randrange(9))
            changed[at : at + choose.choice((0, 1, len(new), choose.randrange(13)))] = new
    return bytes(changed)


STRANGE = (
    "null ??? '' [] {} [1,2] {a:1} true nan inf -inf 1e400 -0 0 ${corpus.nope} ${seed} ${oc.env:NO_SUCH} "
    "[[[]]] [null] {a:{b:null}} / . .. \\ 'a b' 0x10 1_000 {_target_:int} ${ }"
)
LETTERS = "aZ09 .,:;=+-*/%$~^!?@#&|<>()[]{}\"'`_\\\t\n\0é数ｱ\u202e\ud800😀"


def random_value(choose: random.Random) -> str:
    """What somebody might type after the equals sign, or would not."""
    kind = choose.randrange(4)
    if kind == 0:
        return choose.choice(STRANGE.split())
    if kind == 1:
        return str(choose.choice((choose.randint(-9, 9), choose.randint(-(2**70), 2**70))))
    if kind == 2:
        return str(choose.choice((choose.random(), choose.uniform(-9, 9), choose.uniform(-1e308, 1e308))))
    return "".join(choose.choices(LETTERS, k=choose.randrange(9)))


def options_of(node: Any, above: str = "") -> Iterator[str]:
    """Every dotted option of a configuration, but for the class of a strategy."""
    for key in node:
        if key == "_target_" or above + str(key) in ("hydra", "lm.name"):
            continue
        yield above + str(key)
        if not OmegaConf.is_missing(node, key) and isinstance(inner := node._get_node(key), DictConfig):
            yield from options_of(inner, f"{above}{key}.")


_MADE: dict[str, Any] = {}


def instantiate_once(node: Any, **more: Any) -> Any:
    """`hydra.utils.instantiate`, where nothing was made of the same settings before."""
    try:
        settings = repr((OmegaConf.to_container(node, resolve=True), more))
    except Exception:  # of a reference to nothing
        return instantiate(node, **more)
    if settings not in _MADE:
        _MADE.clear() if len(_MADE) > 1000 else None
        _MADE[settings] = instantiate(node, **more)
    return _MADE[settings]


def use_option(config: DictConfig, option: str, value: str) -> None:
    """What a program does with ``option=value`` before it builds anything; ``config`` stays as it is.

    config: one that `inputs.drop_unselected` leaves as it is. Raises BadInput with a sentence where the value
    is refused.
    """
    from hydra.errors import HydraException

    try:
        [override] = OverridesParser.create().parse_overrides([f"{option}={value}"])
    except HydraException as error:
        raise BadInput("the grammar refuses it") from error
    above, _, key = option.rpartition(".")
    parent = OmegaConf.select(config, above) if above else config
    children = parent.__dict__["_content"]
    before, children[key] = children[key], copy.deepcopy(children[key])
    try:
        OmegaConf.update(config, option, override.value(), merge=True)
        check_options(config)
        if not above:  # what stands deeper selects no group
            config = inputs.drop_unselected(config)
        source = inputs.corpus(config)
        validate(config, (EN, ZH), inputs.held_out(config, source))
    except Exception as error:
        if sentence_of(error) is None:
            raise
        raise BadInput(str(sentence_of(error))) from error
    finally:
        children[key] = before


@contextmanager
def bounded(seconds: int) -> Iterator[None]:
    """Raises TimeoutError in the block after ``seconds`` of the processor."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {seconds} seconds of the processor")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def attempt(use: Callable[[], object]) -> bool:
    """Whether an input is taken; raises what is neither that nor a sentence."""
    with bounded(SECONDS), np.errstate(all="ignore"):
        try:
            use()
        except (BadInput, FloatingPointError):
            return False
    return True


def fuzz(name: str, count: int, seed: int, place: Path) -> int:
    """Try ``count`` inputs; how many were taken. Raises at a failure.

    place: a folder; the input in question lies there.
    """
    choose, taken = random.Random(seed), 0
    if name == OPTIONS:
        with initialize_config_dir(str(Path(__file__).parents[2] / "conf"), version_base=None):
            config = inputs.drop_unselected(compose("config", overrides=["bits=prequential"]))
        checks.instantiate = inputs.instantiate = instantiate_once
        base.parse = lru_cache(10_000)(grammar_parser.parse)  # of references, most of the time
        options = sorted(options_of(config))
        for _ in range(count):
            option, value = choose.choice(options), random_value(choose)
            (place / "input").write_text(f"{option}={value}", errors="replace")
            taken += attempt(partial(use_option, config, option, value))
        return taken
    reader = READERS[name]
    reader.save(place)
    attempt(partial(reader.use, place))
    files = [place / name for name in reader.files.split()]
    valid = {file: file.read_bytes() for file in files}
    pool = {file: [content] for file, content in valid.items()}  # what was taken gets further edits
    for _ in range(count):
        file = choose.choice(files) if len(files) > 1 else files[0]
        case = damaged(choose.choice((valid[file], choose.choice(pool[file]))), choose)
        file.write_bytes(case)
        if attempt(partial(reader.use, place)):
            taken += 1
            if len(case) < 2 * len(valid[file]) + 100:
                pool[file] = [*pool[file][-_POOL:], case]
        file.write_bytes(valid[file])
    return taken


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reader", choices=[*READERS, OPTIONS])
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("/dev/shm/umt-fuzz"), help="a folder, made anew")
    arguments = parser.parse_args()
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    configure_libraries()
    logging.disable()
    place, start = arguments.keep / arguments.reader, time.perf_counter()
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    taken = fuzz(arguments.reader, arguments.inputs, arguments.seed, place)
    shutil.rmtree(place)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    seconds = time.perf_counter() - start
    print(f"{arguments.reader}: {arguments.inputs:,} inputs, {taken:,} taken, the others refused in one "
          f"sentence; {seconds:.0f} s, {peak:,} MiB at most")  # fmt: skip


if __name__ == "__main__":
    main()
