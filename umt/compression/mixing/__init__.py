"""A counting coder: contexts, experts that know another text, the logistic mixture of their predictions."""
