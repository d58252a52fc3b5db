"""The store of artefacts, the stages and what they are configured with: the only package that knows Hydra."""

from pathlib import Path

CONF = str(Path(__file__).parents[1] / "conf")
"""The folder of the configuration, a part of the package."""
