"""Imported before any test imports torch, so that what `umt` says about threads holds."""

import umt  # noqa: F401
