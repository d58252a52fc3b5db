"""The store of artefacts, the stages and what they are configured with: the only package that knows Hydra."""
