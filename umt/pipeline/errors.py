"""Errors that a user can mend, as one sentence and an exit status: bad input, wrong options, interrupts."""

from __future__ import annotations

import errno
import os
import re
import shlex
import sys
import threading
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException, OverrideParseException
from hydra.types import RunMode
from omegaconf.errors import InterpolationResolutionError, MissingMandatoryValue, OmegaConfBaseException

from umt.pipeline import CONF
from umt.pipeline.display.console import Console, printable
from umt.pipeline.renamed import check_overrides, new_name
from umt.runtime.interrupts import INTERRUPTED, TERMINATED, Terminated, stop_workers
from umt.types import BadInput

FAILED = 2
"""The exit status of what the user can mend."""

ALIGNMENT_FAILED = 3
"""The exit status of a run that ends before its networks because the alignment failed."""

GO_ON = "; finished stages are stored, run the same command to go on"


class AlignmentFailed(BadInput):
    """No alignment was found, so that whatever is trained on it would learn nothing."""


@contextmanager
def user_errors(console: Console, interrupted: str = GO_ON) -> Iterator[None]:
    """Turn what the user can mend into one sentence on stderr and exit status 2.

    Covers bad input, impossible options, a full disk and numbers that stopped being finite; anything else is
    our mistake and keeps its traceback. interrupted: what follows "interrupted" or
    "terminated" after Ctrl-C or SIGTERM.
    """
    before, threading.excepthook = threading.excepthook, _thread_failed
    try:
        yield
    except Terminated:
        stop_workers()
        _exit(console, f"terminated{interrupted}", TERMINATED)
    except KeyboardInterrupt:
        stop_workers()
        _exit(console, f"interrupted{interrupted}", INTERRUPTED)
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None:
            console.stopped()
            raise
        _exit(console, sentence, ALIGNMENT_FAILED if isinstance(error, AlignmentFailed) else FAILED)
    finally:
        threading.excepthook = before


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    """What a user can mend is said once, by whoever waits for the thread."""
    if failure.exc_value is None or sentence_of(failure.exc_value) is None:
        threading.__excepthook__(failure)


def sentence_of(error: BaseException) -> str | None:
    """What a user can do about ``error``; None where it is our mistake."""
    if isinstance(error, OmegaConfBaseException):
        return _about_value(error)
    if isinstance(error, InstantiationException):
        return about_strategy(error)
    if isinstance(error, BrokenProcessPool):
        return (
            "a worker process was killed, perhaps for want of memory: run the same command again, "
            "with runtime.workers=1 if it happens again"
        )
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, (BadInput, OSError, FloatingPointError)):
        cause = cause.__cause__
    if isinstance(cause, OSError):
        return _about_file(cause)
    return None if cause is None else str(cause)


def _about_file(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = f" of {error.filename}" if error.filename else ""
        return f"no space is left on the disk{place}: free some and run the same command again"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM) and error.filename:
        return f"{error.filename} cannot be opened: {error.strerror}; for another place give store=DIR"
    return str(error)


def about_strategy(error: InstantiationException) -> str | None:
    """Why a strategy of the configuration refuses its options, with the full name of the option.

    None where the strategy itself failed.
    """
    cause = error.__cause__
    while isinstance(cause, InstantiationException):
        error, cause = cause, cause.__cause__
    place = re.search(r"full_key: (\S+)", str(error))
    option = place[1] if place else ""
    if isinstance(cause, OmegaConfBaseException):
        return _about_value(cause)
    if str(error).startswith("Error locating target"):
        return f"{option}: {str(error).partition(',')[0]}: give the full name of a class"
    if isinstance(cause, (BadInput, OSError)):
        return str(cause)
    if cause is None:
        return " ".join(str(error).split())
    if type(cause) not in (ValueError, TypeError, AttributeError):
        return None
    message = " ".join(str(cause).split())
    field = re.match(r"(?!there )[a-z_][a-z0-9_]* (?=must|has|needs|and|is|cannot)", message)
    if isinstance(cause, (TypeError, AttributeError)) and not field:
        return f"{option} has a value of the wrong kind ({message}): see python train.py --cfg job"
    return f"{option}.{message}" if option and field else f"{option}: {message}".removeprefix(": ")


def _about_value(error: OmegaConfBaseException) -> str:
    option = getattr(error, "full_key", None) or "an option"
    if isinstance(error, MissingMandatoryValue):
        return f"{option} has no value (???): give it one"
    if isinstance(error, InterpolationResolutionError):
        reason = str(error).splitlines()[0].rstrip(".")
        return f"{option} refers to something that has no value: {reason}"
    return f"{option}: {str(error).splitlines()[0]}"


@contextmanager
def option_errors() -> Iterator[None]:
    """Turn an override that does not fit the configuration into one sentence and exit status 2.

    Goes around the entry point as a whole, for options are read before any of our code runs.
    """
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # or its own report of many lines comes first
    try:
        check_overrides()
        yield
    except SweepJobFailed as error:
        _exit(Console(), f"at least one run of the sweep failed: {error}", FAILED)
    except Exception as error:
        sentence = option_sentence(error)
        if sentence is None:
            raise
        _exit(Console(), sentence, FAILED)


def option_sentence(error: Exception) -> str | None:
    """What a user can do about ``error``, be it of an override; None where it is our mistake."""
    if isinstance(error, ValueError) and str(error).startswith("Config group override"):
        return "a group takes the name of one of its choices, which --help lists, none for nothing: lm=none"
    of_hydra = type(error).__module__.startswith("hydra") and not isinstance(error, InstantiationException)
    return _about_option(error) if of_hydra else sentence_of(error)


def _about_option(error: Exception) -> str:
    """What is wrong with an override, and what would be right."""
    cause = error.__cause__
    if isinstance(error, OverrideParseException):
        return _about_grammar(error.override or "")
    if isinstance(cause, (InterpolationResolutionError, MissingMandatoryValue)):
        return _about_value(cause)
    if several := re.search(r"[Aa]mbiguous value for argument '(.*)'", str(error)):
        return f"{_about_grammar(several[1])}; several runs, one a value, need -m"
    group, name = _missing_choice(error)
    if name:
        known = sorted(set(getattr(error, "options", None) or ()))
        problem, wrong = f"there is no {group}={name}", name
        if group in ("corpus", "other_domain") and "/" in name:
            return f"{problem}: a folder of text is given by corpus=files corpus.root={name}"
    elif (parent := getattr(cause, "parent_node", None)) is not None:
        option = str(getattr(cause, "full_key", ""))
        if new := new_name(option):
            return f"{option} is now called {new}"
        known = sorted(key for key in map(str, parent) if not key.startswith("_"))
        problem, wrong = f"there is no option {option}", str(getattr(cause, "key", ""))
    else:
        return f"the options could not be read: {error}"
    if not known:
        option = getattr(cause, "full_key", wrong)
        return f"{problem}: +{option}=... adds one; python train.py --cfg job shows what there is"
    near = [f", did you mean {name}" for name in get_close_matches(wrong, known, 1)]
    more = "; others are packages of their own: pip install 'umt[sweep]'" if group.startswith("hydra") else ""
    return f"{problem}{''.join(near)}? The options are {', '.join(known)}{more}"


def _missing_choice(error: Exception) -> tuple[str, str]:
    """(group, choice) of a choice that does not exist, which may be a path; empty for another error."""
    parts = (getattr(error, "missing_cfg_file", None) or "").split("/")
    for count in range(len(parts) - 1, 0, -1):
        if all(parts[:count]) and (parts[0] == "hydra" or Path(CONF, *parts[:count]).is_dir()):
            return "/".join(parts[:count]), "/".join(parts[count:])
    return "", ""


def _about_grammar(override: str) -> str:
    """How to write a value with characters that Hydra reads as its own."""
    name, equals, value = override.partition("=")
    if not equals or name.startswith("-") or name != name.strip():
        return f"{override!r} is no option: options are written name=value, such as seed=2"
    bare = value.strip("\"'").replace("\\", "\\\\").replace('"', '\\"')
    quoted = shlex.quote(f'{name}="{bare}"')
    return (
        f"{name} has a value with characters that need quotes (a space, a comma, =, brackets, ~, letters "
        f"that are not ASCII): write {quoted}, both kinds of quotes included"
    )


class SweepJobFailed(Exception):
    """One run of a sweep ended with an error that it has reported; the others go on."""


def _exit(console: Console, sentence: str, status: int) -> None:
    console.stopped()
    print(f"error: {printable(' '.join(sentence.split()))}", file=sys.stderr)
    sys.exit(status)


@contextmanager
def sweep_job(console: Console) -> Iterator[None]:
    """`user_errors` around a run; in a sweep they end this run, and the others go on."""
    try:
        with user_errors(console):
            yield
    except SystemExit as end:
        if end.code not in (FAILED, ALIGNMENT_FAILED) or not _in_sweep():
            raise
        raise SweepJobFailed(str(end.__context__)) from None


def sweep_cell() -> tuple[int, str]:
    """Number and overrides of this run of a sweep; 0 and nothing outside one."""
    if not _in_sweep():
        return 0, ""
    job = HydraConfig.get()
    return int(job.job.num), " ".join(job.overrides.task)


def _in_sweep() -> bool:
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
