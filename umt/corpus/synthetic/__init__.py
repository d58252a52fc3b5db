"""``corpus=world``: English and Chinese about one generated world, with the truth known.

`umt.corpus.synthetic.source` is the way in; the rest, from the bottom: inflection, vocabulary (words), truth
(the dictionary), knowledge (what is plausible), meaning, phrases, events, sampling (documents), english and
chinese (grammars), speaking (text).
"""
