"""umt: unsupervised machine translation between two languages from two piles of text."""

__version__ = "0.1.0"
