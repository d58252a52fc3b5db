"""``corpus=world``: English and Chinese about one generated world, with the truth known."""

from umt.corpus.world.source import World, WorldPairs

__all__ = ["World", "WorldPairs"]
