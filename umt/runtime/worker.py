"""Imported by the server of `umt.runtime.processes.forkserver_context` alone: it dies with the program that
started it, and the workers that it forks die with it.
"""

from __future__ import annotations

from umt.runtime.interrupts import die_with_parent, tie_workers

die_with_parent()
tie_workers()
