"""The alignment strategies, one a module: two word spaces to an alignment."""
