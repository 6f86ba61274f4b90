"""Bradley and Terry's model on a run: skills, what besides skill decided, honest play apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from arena.ratings.meetings import Meeting, meetings, printed
from arena.ratings.outcomes import Panel, outcomes
from arena.ratings.table import Part, Player, Ratings
from arena.stats.behaviour import win_rates
from arena.stats.bradley_terry import RIDGE, Fit, Rating, bootstrapped, fit
from arena.stats.clusters import Floats
from arena.stats.comparison import Comparisons, added, compare
from arena.stats.intervals import Estimate
from arena.stats.means import share
from arena.stats.newton import Curve, unidentified
from arena.store import Store, StoreError

HONEST, DISHONEST = " (honest)", " (dishonest)"
"""What `compare` adds to the names of players whose roles are rated apart."""


def ratings(
    store: Store,
    run: str,
    *,
    panel: Panel = "declared",
    seat: bool = True,
    honesty: bool = False,
    judge: bool = False,
    length: bool = False,
    apart: bool = False,
    ridge: float = RIDGE,
    ridge_effects: float = 0.0,
    bootstrap: int = 0,
) -> Ratings:
    """Rate the players of ``run`` by the verdicts on its matches of two speakers: of a tournament,
    those of the judges that its file names.

    A player is a participant, by the name that the run gives it; in a chair of people, it is who
    spoke first there. ``panel`` makes one comparison of a match, by what its judges decide
    together, instead of one for each judge; "declared" is what the run's file says. ``seat``
    estimates what the first speaking seat is worth, ``judge`` the same for each judge alone,
    ``honesty`` what arguing for the truth is worth, ``length`` a thousand characters more;
    ``apart`` rates each player's honest and dishonest play as two players, and where truths are
    known each player has both ratings beside its own anyhow. Verdicts on questions whose truth is
    not known are left out where honesty counts. Where every player keeps to one seat in a way that
    skill explains as well, the seat's effect is left out, and ``notes`` says so. ``ridge`` and
    ``ridge_effects`` are the priors' precisions, ``bootstrap`` the number of samples of questions
    that make the intervals instead of the sandwich.

    Raises StoreError, in one line, where there is no such run, nothing in it to compare, the
    players fall into parts that never meet, or an effect cannot be estimated.
    """
    told = meetings(store, run, length=length)
    found = told.of
    if not found:
        raise StoreError(
            f"run {run!r} has no match with two speaking seats, so nobody meets; "
            "rate a run of debates or critiques"
        )
    seen = outcomes(store, run, found, panel)
    if judge and seen.panel is not None:
        raise StoreError(
            f"run {run!r}: a panel decides as one, so no judge has an effect of its own; leave "
            "out judge, or rate without the panel"
        )
    keys, left_out = seen.kept(found, honesty or apart, apart)
    if not keys:
        raise StoreError(
            f"run {run!r} has no verdict that chose between two players: of "
            f"{len(found)} matches with two speakers {len(seen.judged)} are judged"
            + "".join(f"; {n} verdicts left out ({why})" for why, n in sorted(left_out.items()))
        )
    both = [] if apart else seen.kept(found, True, True)[0]
    players = {who for key in (*keys, *both) for who in found[key[0]].players if who}
    names = printed(store, players, told.named)
    judges = printed(store, {who for _, who in keys}, {}) if judge else {}
    how = _How(seat, honesty, length, ridge, ridge_effects, bootstrap)
    score = {key: seen.score(key) for key in dict.fromkeys((*keys, *both))}
    rows, y = [found[match] for match, _ in keys], [score[key] for key in keys]
    notes: list[str] = []
    try:
        by = [judges[who] for _, who in keys] if judge else None
        fitted, left = how.fitted(rows, y, names, apart, by)
        if left:
            notes.append(left)
    except ValueError as error:
        raise StoreError(f"run {run!r}: {error}") from error
    effects = {name: fitted.effect(name) for name in fitted.data.effects}
    if apart:
        with suppress(ValueError):  # nobody argued for both
            effects["honesty"] = fitted.honesty()
    roles = (HONEST, DISHONEST) if apart else ("",)
    ids = {name + role: who for who, name in names.items() for role in roles}
    table = [_player(one, ids[one.player]) for one in fitted.ratings()]
    accuracy = None
    if not apart:
        table, accuracy = _against_truth(table, rows, y)
        parts, why = _parts(score, found, both, names, replace(how, honesty=False))
        table = [
            replace(one, honest=parts.get(one.name + HONEST),
                    dishonest=parts.get(one.name + DISHONEST))
            for one in table
        ]  # fmt: skip
        notes += why
    points, met = _cross(fitted.data, [one.name for one in table])
    return Ratings(
        run, tuple(table), effects, points, met, fitted.data.rows, fitted.clusters,
        fitted.contrast({table[0].name: 1.0}).method, seen.missing, dict(sorted(left_out.items())),
        len(found) - len(seen.judged), tuple(notes), accuracy, seen.panel, fit=fitted,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _How:
    """What is fitted besides skill, and how."""

    seat: bool
    honesty: bool
    length: bool
    ridge: float
    ridge_effects: float
    bootstrap: int

    def fitted(
        self, rows: Sequence[Meeting], y: Sequence[float], names: Mapping[str, str], apart: bool,
        judges: Sequence[str] | None,
    ) -> tuple[Fit, str | None]:  # fmt: skip
        """The fit, and what is left out of it. Raises ValueError where there is none."""
        flags = [one.honest or (0, 0) for one in rows] if self.honesty or apart else []
        note = None

        def compared(seated: bool) -> Comparisons:
            return compare(
                [names[one.players[0] or ""] for one in rows],
                [names[one.players[1] or ""] for one in rows], y,
                [one.question for one in rows], seat="first" if seated else None, judge=judges,
                honest=([a for a, _ in flags], [b for _, b in flags]) if flags else None,
                apart=apart, length=[one.length for one in rows] if self.length else None,
            )  # fmt: skip

        data = compared(self.seat)
        curve = Curve(data, self.ridge, self.ridge_effects)
        if self.seat and judges is None and unidentified(curve) == ("seat",):
            data = compared(False)
            note = "the seat cannot be told from skill: no effect of the seat is estimated"
        fitted = fit(data, ridge=self.ridge, ridge_effects=self.ridge_effects)
        return bootstrapped(fitted, self.bootstrap) if self.bootstrap else fitted, note


def _player(one: Rating, who: str) -> Player:
    return Player(
        one.player, who, one.skill.value, one.elo.value, _interval(one.elo), one.n, one.points,
        one.note,
    )  # fmt: skip


def _interval(one: Estimate) -> tuple[float, float] | None:
    return None if one.low is None or one.high is None else (one.low, one.high)


def _parts(
    score: Mapping[tuple[str, str], float], found: Mapping[str, Meeting],
    keys: Sequence[tuple[str, str]], names: Mapping[str, str], how: _How,
) -> tuple[dict[str, Part], list[str]]:  # fmt: skip
    """Honest and dishonest play rated apart, by name and role; the reason where that cannot be."""
    if not keys:
        return {}, []
    rows = [found[match] for match, _ in keys]
    try:
        fitted, _ = how.fitted(rows, [score[key] for key in keys], names, True, None)
    except ValueError as error:
        return {}, [f"honest and dishonest play cannot be rated apart: {error}"]
    return {
        one.player: Part(one.elo.value, _interval(one.elo), one.n) for one in fitted.ratings()
    }, []


def _against_truth(
    table: Sequence[Player], rows: Sequence[Meeting], y: Sequence[float]
) -> tuple[list[Player], Estimate | None]:
    """The players with what they won for the truth and against it, and how often truth won."""
    import numpy as np

    from arena.stats.clusters import codes

    known = [i for i, one in enumerate(rows) if one.honest in ((0, 1), (1, 0))]
    if not known:
        return list(table), None
    label, _ = codes([rows[i].question for i in known])
    first, second = (np.array([rows[i].players[seat] for i in known]) for seat in (0, 1))
    honest = np.array([rows[i].sides[0] == rows[i].right for i in known])
    points = np.array([y[i] for i in known])
    right = np.where(honest, points, 1 - points)
    done = []
    for one in table:
        at = [np.flatnonzero(seat == one.id) for seat in (first, second)]
        won = np.concatenate([points[at[0]], 1 - points[at[1]]])
        told = np.concatenate([honest[at[0]], ~honest[at[1]]])
        where = np.concatenate(at)
        if not where.size:
            done.append(one)
            continue
        rates = win_rates(won, told, label[where])
        done.append(replace(one, won=rates, accuracy=share(right[where], label[where])))
    return done, share(right, label)


def _cross(
    data: Comparisons, order: Sequence[str]
) -> tuple[tuple[tuple[float, ...], ...], tuple[tuple[int, ...], ...]]:
    """Points and comparisons by pair, in an order of players."""
    k, size = len(data.players), len(data.first)
    counts = added(data.first * k + data.second, added(data.cell, data.n, size), k * k)
    met = counts.reshape(k, k)
    place = [data.players.index(name) for name in order]

    def ordered(values: Floats) -> list[list[float]]:
        rows: list[list[float]] = values[place][:, place].tolist()
        return rows

    return (
        tuple(map(tuple, ordered(data.points()))),
        tuple(tuple(map(round, row)) for row in ordered(met + met.T)),
    )
