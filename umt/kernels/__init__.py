"""Hand-written code for the networks that `transformers` computes, for training and for decoding."""
