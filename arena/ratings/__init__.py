"""Ratings of a run's players: its verdicts as comparisons, for Bradley and Terry's model.

A match with two speaking seats and one judge's verdicts on it are one comparison: the seat whose
side the judge chose has won, a tie is one half, and the listings of the options in which a judge
decided are one observation, their mean. A panel decides as one judge would. Questions are the
clusters, whatever the order of their answers. Truth comes in here, from `Store.truths`: for honest
and dishonest play, and to say whose case was the true one where a verdict is missing.

``meetings`` reads who met whom, ``outcomes`` what was decided; ``rating`` fits, ``table`` is what
it finds, and ``cells`` has the matches behind a cell of the cross-play matrix.
"""

from arena.ratings.cells import cell_matches
from arena.ratings.rating import ratings
from arena.ratings.table import Part, Player, Ratings

__all__ = ["Part", "Player", "Ratings", "cell_matches", "ratings"]
