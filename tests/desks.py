"""Stores with many debates and people, made without playing: for tests of queues and plans."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

from arena.batch import Batch
from arena.desk import identity
from arena.match import Match
from arena.play import append
from arena.protocols import Protocol, consultancy, debate
from arena.questions import Item, Question
from arena.store import Store
from arena.turns import Speech, Turn

DEBATE, ALONE = debate(rounds=1), consultancy()


def about(n: int, story: str | None) -> Question:
    """Question ``n`` of a story."""
    return Question(f"What of {n}?", (f"It sank {n}", "It was sold"), None, "test", story)


def debates(n: int, stories: int = 0, seed: int = 0, name: str = "s") -> list[Match]:
    """Matches in two settings, on sides drawn at random; each about a story of its own, or one of
    ``stories``."""
    random, found = Random(seed), []
    for i in range(n):
        asked = about(seed * 1_000_000 + i, f"{name}{random.randrange(stories) if stories else i}")
        side = random.randrange(2)
        if i % 2:
            found.append(Match(asked, ALONE, (("A", side),), (("A", "a0"),)))
        else:
            seats = (("A", "a0"), ("B", "a1"))
            found.append(Match(asked, DEBATE, (("A", side), ("B", 1 - side)), seats))
    return found


def spoken(match: Match) -> list[Turn]:
    """A path of one round, as if it had been played."""
    (one,) = match.protocol.opening
    said: tuple[Turn, ...] = ()
    for slot in one.slots:
        text = Speech(f"{slot.seat} of {match.question.text}")
        said += (append(match, said, 0, slot, text, dict(match.seats)[slot.seat]),)
    return list(said)


def keep(store: Store, matches: Sequence[Match], run: str = "trial", truth: int | None = 0) -> None:
    """A run of these matches, played."""
    store.start_run(run, "play", {}, {})
    protocols: dict[str, Protocol] = {one.protocol.id: one.protocol for one in matches}
    store.write(
        Batch(
            items=[Item(one.question, truth) for one in matches],
            protocols=list(protocols.values()),
            matches=list(matches),
            run_matches=[(run, i, one.id, {}) for i, one in enumerate(matches)],
            turns=[(one, turn) for one in matches for turn in spoken(one)],
            played=[one.id for one in matches],
        )
    )


def people(store: Store, n: int) -> list[str]:
    """People of this store."""
    return [identity.register(store, f"Judge {i:02}") for i in range(n)]


def desk(n: int, judges: int, stories: int = 0, seed: int = 0, path: Path | None = None) -> Store:
    """A store with a run of debates and people to judge them."""
    store = Store(path)
    keep(store, debates(n, stories, seed))
    people(store, judges)
    return store


def everybody(store: Store) -> tuple[str, ...]:
    """The people of the store, by name."""
    return tuple(row["id"] for row in store.query("SELECT id FROM people ORDER BY name"))


__all__ = ["about", "debates", "desk", "everybody", "keep", "people", "spoken"]
