"""How it is asked: expressions made from the catalogue, and the questions that have a name."""
