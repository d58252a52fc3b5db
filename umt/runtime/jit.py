"""Loops that numpy cannot vectorise, compiled by numba; typed here once, since numba itself is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba
from numba.extending import overload

Function = TypeVar("Function", bound=Callable[..., object])


def _has_cache() -> bool:
    """Whether machine code can be kept: beside the modules, or in the home of the user."""
    try:
        numba.njit(cache=True)(_has_cache)
    except RuntimeError:  # of a read-only installation without a home
        return False
    return True


_CACHE = _has_cache()


def jit(function: Function) -> Function:
    """``function`` as machine code, without Python objects, that releases the interpreter lock.

    The machine code is cached beside the module, else in the cache folder of the user, else nowhere.
    """
    return cast(Function, numba.njit(cache=_CACHE, nogil=True)(function))


def inlined(function: Function) -> Function:
    """`compiled`, and made part of whatever compiled function calls it: a call costs as much as its arguments
    have fields, which for many arrays is more than the work of a short helper.
    """
    return cast(Function, numba.njit(cache=_CACHE, nogil=True, forceinline=True)(function))


def jit_fastmath(function: Function) -> Function:
    """The same, several terms at once: sums in whatever order is fastest, and nobody looks for a zero before
    he divides.
    """
    return cast(Function, numba.njit(cache=_CACHE, nogil=True, fastmath=True, error_model="numpy")(function))


def jit_inline(function: Function) -> Function:
    """The same, for a step of a `jit_fastmath` loop, as if its lines stood in the caller.

    A call would cost attention over a cache a fifth more, and change the order of its sums.
    """
    jit = numba.njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
    return cast(Function, jit(function))


def jit_overload(function: Function) -> Callable[[Function], Function]:
    """What ``function`` is in compiled code, chosen by the types that it is given."""
    return cast(Callable[[Function], Function], overload(function, inline="always", strict=False))
