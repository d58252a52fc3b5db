"""Errors that a user can mend, as one sentence and an exit status: bad input, wrong options, interrupts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from umt.pipeline.console import Console
from umt.types import BadInput

FAILED = 2
"""The exit status of what the user can mend."""


GO_ON = "interrupted; finished stages are kept, run the same command to go on"


@contextmanager
def user_errors(console: Console, interrupted: str = GO_ON) -> Iterator[None]:
    """Turn what the user can mend into one sentence on stderr and exit status 2.

    Covers bad input, impossible options, a full disk and numbers that stopped being finite; anything else is
    our mistake and keeps its traceback. interrupted: what is said after Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt:
        _exit(console, interrupted, 130)
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, (BadInput, OSError, FloatingPointError)):
            if type(cause) in (ValueError, TypeError) and type(error).__module__.startswith("hydra"):
                break  # a dataclass refused an option
            cause = cause.__cause__
        if cause is None:
            console.stopped()
            raise
        # a value of the wrong kind: only the message around it says which option
        _exit(console, str(error if isinstance(cause, TypeError) else cause), FAILED)


@contextmanager
def option_errors() -> Iterator[None]:
    """Turn an override that does not fit the configuration into one sentence and exit status 2.

    Goes around the entry point as a whole, for options are read before any of our code runs.
    """
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # or its own report of many lines comes first
    try:
        yield
    except SweepJobFailed as error:
        _exit(Console(), f"at least one cell of the sweep failed: {error}", FAILED)
    except Exception as error:
        if not type(error).__module__.startswith("hydra"):
            raise
        _exit(Console(), _about_option(error), FAILED)


def _about_option(error: Exception) -> str:
    """What is wrong with an override, and what would be right."""
    cause = error.__cause__
    group, _, name = (getattr(error, "missing_cfg_file", None) or "").rpartition("/")
    if name:
        known = sorted(set(getattr(error, "options", None) or ()))
        said, wrong = f"there is no {group}={name}", name
    elif (parent := getattr(cause, "parent_node", None)) is not None:
        known = sorted(key for key in map(str, parent) if not key.startswith("_"))
        said, wrong = f"there is no option {getattr(cause, 'full_key', '')}", str(getattr(cause, "key", ""))
    else:
        return f"the options could not be read: {error}"
    if not known:
        return f"{said}: nothing can be set there (+{getattr(cause, 'full_key', wrong)}=... adds it)"
    near = [f", did you mean {each}" for each in get_close_matches(wrong, known, 1)]
    return f"{said}{''.join(near)}? The options are {', '.join(known)}"


class SweepJobFailed(Exception):
    """One cell of a sweep ended with an error that it has told; the others go on."""


def _exit(console: Console, sentence: str, status: int) -> None:
    console.stopped()
    print(f"error: {' '.join(sentence.split())}", file=sys.stderr)
    sys.exit(status)


@contextmanager
def sweep_job(console: Console) -> Iterator[None]:
    """`plain_errors` around a run; in a sweep they end this cell, and the others go on."""
    try:
        with user_errors(console):
            yield
    except SystemExit as left:
        if left.code != FAILED or HydraConfig.get().mode != RunMode.MULTIRUN:
            raise
        raise SweepJobFailed(str(left.__context__)) from None
