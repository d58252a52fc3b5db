"""Commands: what they are asked for is parsed here, and done elsewhere."""
