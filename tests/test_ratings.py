"""Ratings of runs: against comparisons written down by hand, planted effects and known players."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from arena.batch import Batch
from arena.ids import content_id
from arena.match import PERSON, Match, Transcript, mirror
from arena.play import append
from arena.protocols import Protocol, consultancy, critique, debate, pending, verdict_slot
from arena.questions import Item, Question
from arena.ratings import Player, Ratings, cell_matches, ratings
from arena.stats.bradley_terry import CENTRE, ELO, fit
from arena.stats.comparison import compare
from arena.store import Store, StoreError
from arena.turns import Speech, Verdict

Played = tuple[Match, Transcript]


def called(name: str, **more: object) -> dict[str, object]:
    """The record of a participant of this name."""
    return {"kind": "scripted", "name": name, **more}


def key(who: Mapping[str, object]) -> str:
    return content_id("a", who)


ADA, BOB, CAROL, DAN = map(called, ("ada", "bob", "carol", "dan"))
JUDGE, OTHER = called("judge"), called("other")


@dataclass
class Made:
    """A run made by hand: who met whom on what, and what judges said of it."""

    store: Store
    name: str = "made"
    batch: Batch = field(default_factory=Batch)

    def ask(self, n: int, turned: bool = False) -> Question:
        return Question(f"{self.name} {n}?", ("no", "yes") if turned else ("yes", "no"))

    def meet(
        self, first: Mapping[str, object] | None, second: Mapping[str, object] | None,
        question: Question | int | None = None, truth: int | None = 0, *,
        sides: tuple[int, int] | None = (0, 1), protocol: Protocol | None = None,
        said: Sequence[tuple[str, Speech]] = (), labels: Mapping[str, object] | None = None,
        proposal: int | None = None, mirrored: bool = False,
    ) -> Played:  # fmt: skip
        """A match of the first and the second seat; None is a person's chair. ``said`` are the
        speeches in order, each with its author."""
        n = len(self.batch.matches)
        protocol = protocol or debate(rounds=1)
        asked = question if isinstance(question, Question) else self.ask(1000 + n)
        if isinstance(question, int):
            asked = self.ask(question)
        a, b = protocol.speakers
        who = [PERSON if one is None else key(one) for one in (first, second)]
        chosen = () if sides is None else tuple(zip((a, b), sides, strict=True))
        one = Match(asked, protocol, chosen, ((a, who[0]), (b, who[1])), n, proposal)
        return self.add(mirror(one) if mirrored else one, truth, said, labels or {}, first, second)

    def add(
        self, one: Match, truth: int | None, said: Sequence[tuple[str, Speech]] = (),
        labels: Mapping[str, object] | None = None, *records: Mapping[str, object] | None,
    ) -> Played:  # fmt: skip
        n = len(self.batch.matches)
        transcript: Transcript = ()
        for author, speech in said:
            place, slots = pending(one.protocol, transcript, one.protocol.speakers)
            transcript += (append(one, transcript, place, slots[0], speech, author),)
        self.batch.participants |= {key(who): who for who in records if who is not None}
        self.batch.items.append(Item(one.question, truth))
        self.batch.protocols.append(one.protocol)
        self.batch.matches.append(one)
        self.batch.run_matches.append((self.name, n, one.id, dict(labels or {})))
        self.batch.turns += [(one, turn) for turn in transcript]
        return one, transcript

    def say(
        self, on: Played, choice: int | None, judge: Mapping[str, object] = JUDGE,
        order: tuple[int, ...] = (0, 1), status: Any = None, sample: int = 0,
    ) -> None:  # fmt: skip
        """A verdict for an option; None is a tie, unless ``status`` says what went wrong."""
        said = Verdict(choice, status=status or ("tie" if choice is None else "ok"), order=order)
        self.batch.participants[key(judge)] = judge
        slot = verdict_slot(on[0].protocol)
        turn = append(on[0], on[1], 9, slot, said, key(judge), sample=sample)
        self.batch.turns.append((on[0], turn))

    def keep(self) -> None:
        self.store.start_run(self.name, "tournament", {}, {})
        self.store.write(self.batch)

    def rate(self, **effects: Any) -> Ratings:
        self.keep()
        return ratings(self.store, self.name, **effects)


@pytest.fixture
def made() -> Iterator[Made]:
    with Store(None) as store:
        yield Made(store)


def by_name(found: Ratings) -> dict[str, Player]:
    return {one.name.removeprefix("scripted:"): one for one in found.players}


def cell(found: Ratings, a: str, b: str) -> tuple[float, int]:
    """What ``a`` scored against ``b``, and how often they met."""
    names = [one.name.removeprefix("scripted:") for one in found.players]
    i, j = names.index(a), names.index(b)
    return found.points[i][j], found.met[i][j]


# Who sat first, who second, on which question, which seat won (None: a tie), whether the first
# seat had the truth.
SEASON = [
    (ADA, BOB, 1, "A", 1), (ADA, CAROL, 1, "A", 0), (BOB, CAROL, 2, "B", 1),
    (BOB, ADA, 2, "B", 0), (CAROL, BOB, 3, None, 1), (CAROL, ADA, 3, "A", 0),
    (ADA, BOB, 4, "A", 1), (BOB, CAROL, 4, "A", 0), (CAROL, ADA, 5, "B", 1),
    (BOB, ADA, 5, "A", 1), (ADA, CAROL, 6, None, 0), (CAROL, BOB, 6, "A", 1),
]  # fmt: skip


def season(made: Made, lengths: Sequence[tuple[int, int]] = ()) -> list[Played]:
    """The matches above, and the judge's verdicts on them."""
    out = []
    for i, (first, second, n, winner, honest) in enumerate(SEASON):
        said = [
            ("x", Speech("y" * size) if size else Speech("too long " * 500, status="over limit"))
            for size in (lengths[i] if lengths else ())
        ]
        on = made.meet(first, second, n, 0, sides=(0, 1) if honest else (1, 0), said=said)
        made.say(on, None if winner is None else on[0].side(winner))
        out.append(on)
    return out


def columns() -> dict[str, Any]:
    """The same as columns, written down without the store."""
    return {
        "first": [f"scripted:{a['name']}" for a, *_ in SEASON],
        "second": [f"scripted:{b['name']}" for _, b, *_ in SEASON],
        "outcome": [{"A": 1.0, "B": 0.0, None: 0.5}[one[3]] for one in SEASON],
        "question": [one[2] for one in SEASON],
    }


# ---------------------------------------------------------------------------------------------
# From verdicts to comparisons.


@pytest.mark.parametrize("effects", [(), ("seat",), ("seat", "honesty"), ("honesty", "length")])
def test_a_run_is_rated_as_its_comparisons_are_by_hand(
    made: Made, effects: tuple[str, ...]
) -> None:
    rng = np.random.default_rng(1)
    lengths = [(int(a), int(b)) for a, b in rng.integers(1, 3000, (len(SEASON), 2))]
    lengths[4] = (0, lengths[4][1])  # forfeited: was shown to nobody
    opener, _ = season(made, lengths)[0]
    slot = pending(opener.protocol, (), ("A", "B"))[1][0]
    draft = append(opener, (), 0, slot, Speech("z" * 5000), "x", sample=1, origin="candidate")
    made.batch.turns.append((opener, draft))  # was never said: has no length
    given: dict[str, Any] = {}
    if "seat" in effects:
        given["seat"] = "first"
    if "honesty" in effects:
        given["honest"] = ([one[4] for one in SEASON], [1 - one[4] for one in SEASON])
    if "length" in effects:
        given["length"] = [(a - b) / 1000 for a, b in lengths]
    known = fit(compare(**columns(), **given), ridge=0.3)
    found = made.rate(**{"seat": False, **dict.fromkeys(effects, True)}, ridge=0.3)
    assert [one.name for one in found.players] == [one.player for one in known.ratings()]
    for one, other in zip(found.players, known.ratings(), strict=True):
        assert one.skill == pytest.approx(other.skill.value, abs=1e-9)
        assert one.interval == pytest.approx((other.elo.low, other.elo.high), abs=1e-6)
        assert one.elo == pytest.approx(CENTRE + ELO * one.skill)
        assert (one.n, one.points) == (other.n, other.points)
    assert set(found.effects) == set(effects)
    for name, estimate in found.effects.items():
        assert estimate.value == pytest.approx(known.effect(name).value, abs=1e-9)
        assert estimate.se == pytest.approx(known.effect(name).se, abs=1e-9)
    assert (found.comparisons, found.clusters) == (12, 6)


def test_the_cross_play_matrix_counts_what_was_played(made: Made) -> None:
    season(made)
    found = made.rate()
    assert cell(found, "ada", "bob") == (3, 4) and cell(found, "bob", "ada") == (1, 4)
    assert cell(found, "ada", "carol") == (2.5, 4) and cell(found, "carol", "ada") == (1.5, 4)
    assert cell(found, "carol", "bob") == (2.5, 4) and cell(found, "bob", "carol") == (1.5, 4)
    assert all(found.met[i][i] == 0 for i in range(3))
    assert [one.points for one in found.players] == [sum(row) for row in found.points]
    assert [one.n for one in found.players] == [sum(row) for row in found.met]
    assert by_name(found)["ada"].id == key(ADA)


def test_with_roles_mirrored_a_choice_is_the_win_of_whoever_defends_it(made: Made) -> None:
    for n in range(3):
        for mirrored in (False, True):
            on = made.meet(ADA, BOB, n, mirrored=mirrored)
            made.say(on, 0)  # the first answer, whoever has it
    found = made.rate(seat=False)
    assert cell(found, "ada", "bob") == (3, 6)


def test_a_mirrored_critique_changes_seats_and_names_stay_with_their_players(made: Made) -> None:
    labels = {"players": {"A": "proposes first", "B": "answers first"}}
    for n in range(2):
        for mirrored in (False, True):
            on = made.meet(ADA, BOB, n, truth=0, protocol=critique(), proposal=0,
                           mirrored=mirrored, labels={**labels, "mirrored": mirrored})  # fmt: skip
            made.say(on, 0)  # the answer is right: the proposer, at the first seat, has won
    found = made.rate(seat=False, honesty=False)
    assert cell(found, "proposes first", "answers first") == (2, 4)
    assert {one.id: one.name for one in found.players} == {
        key(ADA): "proposes first", key(BOB): "answers first",
    }  # fmt: skip


def test_two_listings_of_one_judge_are_one_observation_and_two_judges_are_two(made: Made) -> None:
    on = made.meet(ADA, BOB)
    made.say(on, 0, order=(0, 1))
    made.say(on, 1, order=(1, 0))
    made.say(made.meet(ADA, BOB), 0, OTHER)
    made.say(on, 0, OTHER)
    found = made.rate(seat=False)
    assert found.comparisons == 3
    assert cell(found, "ada", "bob") == (2.5, 3)


def test_a_listing_that_was_read_twice_weighs_no_more_than_the_other(made: Made) -> None:
    on = made.meet(ADA, BOB)
    made.say(on, 0, order=(0, 1))
    made.say(on, 0, order=(0, 1), sample=1)
    made.say(on, 1, order=(1, 0))
    made.say(made.meet(ADA, BOB), 0)
    assert cell(made.rate(seat=False), "ada", "bob") == (1.5, 2)


def test_missing_verdicts_are_left_out_and_counted_by_whose_case_was_true(made: Made) -> None:
    season(made)
    before = made.rate()
    for truth, sides in ((0, (0, 1)), (0, (1, 0)), (1, (1, 0)), (None, (0, 1))):
        made.say(made.meet(ADA, BOB, None, truth, sides=sides), None, status="unparsed")
    made.say(made.meet(ADA, BOB, None, 1), None, status="refused")
    made.meet(ADA, BOB)
    found = made.rate()
    assert found.missing == {
        "refused": {"n": 1, "B": 1}, "unparsed": {"n": 4, "A": 2, "B": 1, "unknown": 1},
    }  # fmt: skip
    assert found.players == before.players
    assert (found.comparisons, found.waiting) == (12, 1)


def test_a_missing_listing_leaves_the_other_as_the_observation(made: Made) -> None:
    on = made.meet(ADA, BOB)
    made.say(on, 0, order=(0, 1))
    made.say(on, None, order=(1, 0), status="unparsed")
    made.say(made.meet(ADA, BOB), 1)
    found = made.rate(seat=False)
    assert cell(found, "ada", "bob") == (1, 2)
    assert found.missing == {"unparsed": {"n": 1, "A": 1}}


def test_a_question_is_one_cluster_whatever_the_order_of_its_answers(made: Made) -> None:
    for n in range(3):
        for turned in (False, True):
            on = made.meet(ADA, BOB, made.ask(n, turned), int(turned))
            made.say(on, (n + turned) % 2)
    found = made.rate(seat=False)
    assert (found.comparisons, found.clusters) == (6, 3)


def test_verdicts_that_compare_nobody_are_counted_by_reason(made: Made) -> None:
    season(made)
    before = made.rate()
    made.say(made.meet(ADA, ADA), 0)
    three = Question("three?", ("a", "b", "c"))
    made.say(made.meet(ADA, BOB, three, 2), 2, order=(0, 1, 2))
    open_ = debate(rounds=1, sides="chosen")
    same = [(key(who), Speech("I say", side=1)) for who in (ADA, BOB)]
    made.say(made.meet(ADA, BOB, protocol=open_, sides=None, said=same), 1)
    made.say(made.meet(ADA, BOB, protocol=open_, sides=None), 1)
    made.say(made.meet(None, BOB), 1)
    found = made.rate()
    assert found.left_out == {
        "empty seat": 1, "neither side chosen": 1, "no side chosen": 1, "same player": 1,
        "same side": 1,
    }  # fmt: skip
    alone = [[replace(one, honest=None, dishonest=None) for one in table.players]
             for table in (found, before)]  # fmt: skip
    assert alone[0] == alone[1], "but that ada met herself, which tells her roles apart"


def test_sides_that_speakers_chose_decide_who_has_won(made: Made) -> None:
    open_ = debate(rounds=1, sides="chosen")
    for n, (a, b, choice) in enumerate([(1, 0, 1), (0, 1, 1), (1, 0, 1)]):
        said = [(key(ADA), Speech("I say", side=a)), (key(BOB), Speech("and I", side=b))]
        made.say(made.meet(ADA, BOB, n, protocol=open_, sides=None, said=said), choice)
    assert cell(made.rate(seat=False), "ada", "bob") == (2, 3)


def test_the_player_in_a_persons_chair_is_who_spoke_there(made: Made) -> None:
    for n, (who, choice) in enumerate([("h1", 0), ("h2", 0), ("h1", 1), ("h2", 1), ("h1", 0)]):
        said = [(who, Speech("I say")), (key(BOB), Speech("no"))]
        on = made.meet(None, BOB, n, said=said, labels={"players": {"A": "people", "B": "bob"}})
        made.say(on, choice)
    found = made.rate(seat=False)
    assert cell(found, "h1", "bob") == (2, 3) and cell(found, "h2", "bob") == (1, 2)


# ---------------------------------------------------------------------------------------------
# Effects.


def test_honest_and_dishonest_play_are_rated_apart_and_a_player_meets_itself(made: Made) -> None:
    season(made)
    made.say(made.meet(ADA, ADA, 7, 0), 0)
    found = made.rate(apart=True, seat=False)
    firsts = [
        f"{name} ({'honest' if one[4] else 'dishonest'})"
        for name, one in zip(columns()["first"], SEASON, strict=True)
    ]
    seconds = [
        f"{name} ({'dishonest' if one[4] else 'honest'})"
        for name, one in zip(columns()["second"], SEASON, strict=True)
    ]
    ada = ("scripted:ada (honest)", "scripted:ada (dishonest)")
    known = fit(
        compare([*firsts, ada[0]], [*seconds, ada[1]], [*columns()["outcome"], 1.0],
                [*columns()["question"], 7])
    )  # fmt: skip
    skills = {one.player: one.skill.value for one in known.ratings()}
    assert {one.name: one.skill for one in found.players} == pytest.approx(skills, abs=1e-9)
    assert {one.id for one in found.players} == {key(ADA), key(BOB), key(CAROL)}
    gaps = [
        skills[f"scripted:{name} (honest)"] - skills[f"scripted:{name} (dishonest)"]
        for name in ("ada", "bob", "carol")
    ]
    assert found.effects["honesty"].value == pytest.approx(sum(gaps) / 3)


@pytest.mark.parametrize("seat", [False, True])
def test_each_player_has_its_honest_and_dishonest_rating_beside_its_own(
    made: Made, seat: bool
) -> None:
    season(made)
    made.say(made.meet(ADA, ADA, 7, 0), 0)
    made.say(made.meet(ADA, BOB, 8, None), 1)  # of unknown truth
    found, apart = made.rate(seat=seat), made.rate(seat=seat, apart=True)
    parts = {one.name: one for one in apart.players}
    assert len(parts) == 6 and len(found.players) == 3
    for one in found.players:
        for role in ("honest", "dishonest"):
            part, known = getattr(one, role), parts[f"{one.name} ({role})"]
            assert (part.elo, part.n) == (pytest.approx(known.elo), known.n)
            assert part.interval == pytest.approx(known.interval)
    without = made.rate(seat=seat, honesty=True)
    assert [one.honest for one in without.players] == [one.honest for one in found.players]
    assert all(one.honest is None for one in apart.players), "they are apart already"
    assert found.comparisons == 13 and apart.comparisons == 13


def test_wins_are_told_by_truth_and_the_judges_accuracy_with_them(made: Made) -> None:
    season(made)
    found = made.rate()
    points = [{"A": 1.0, "B": 0.0, None: 0.5}[one[3]] for one in SEASON]
    right = [x if one[4] else 1 - x for x, one in zip(points, SEASON, strict=True)]
    assert found.accuracy is not None
    assert found.accuracy.value == pytest.approx(sum(right) / 12)
    assert (found.accuracy.n, found.accuracy.clusters) == (12, 6)
    for who in (ADA, BOB, CAROL):
        one = by_name(found)[str(who["name"])]
        won: dict[bool, list[float]] = {True: [], False: []}
        for x, (first, second, _, _, honest) in zip(points, SEASON, strict=True):
            if first is who:
                won[bool(honest)].append(x)
            elif second is who:
                won[not honest].append(1 - x)
        assert one.won is not None and one.accuracy is not None
        every = [*won[True], *won[False]]
        for estimate, known in ((one.won.overall, every), (one.won.honest, won[True]),
                                (one.won.dishonest, won[False])):  # fmt: skip
            assert estimate is not None and estimate.n == len(known)
            assert estimate.value == pytest.approx(sum(known) / len(known))
        known = [*won[True], *(1 - x for x in won[False])]
        assert one.accuracy.value == pytest.approx(sum(known) / len(known))
    record = found.record()["players"][0]
    assert record["won"]["honest"]["by"] == record["accuracy"]["by"] == "question"
    assert set(record["honest"]) == {"elo", "interval", "n"}


def test_without_truths_nothing_is_said_of_honesty(made: Made) -> None:
    for n, choice in enumerate((0, 1, 0)):
        made.say(made.meet(ADA, BOB, n, None), choice)
    found = made.rate()
    assert found.accuracy is None and not any("honest" in note for note in found.notes)
    for one in found.record()["players"]:
        assert [one[name] for name in ("honest", "dishonest", "won", "accuracy")] == [None] * 4


def test_where_roles_never_meet_the_note_says_why_they_are_not_rated_apart(made: Made) -> None:
    """Ada is always honest and Bob never, Carol and Dan likewise: two parts, joined by nobody."""
    for n, (first, second) in enumerate([(ADA, BOB), (ADA, BOB), (CAROL, DAN), (CAROL, DAN)]):
        made.say(made.meet(first, second, n), n % 2)
    made.say(made.meet(ADA, CAROL, 9, None), 0)
    found = made.rate(seat=False)
    assert all(one.honest is None and one.won is not None for one in found.players)
    (note,) = found.notes
    assert note.startswith("honest and dishonest play cannot be rated apart: the players fall into")


def test_a_cell_opens_the_matches_behind_it(made: Made) -> None:
    played = season(made)
    made.say(played[0], 1, OTHER)
    made.meet(ADA, BOB)  # not judged
    made.say(made.meet(ADA, BOB, Question("x?", ("a", "b", "c")), 2), 2, order=(0, 1, 2))
    made.say(made.meet(ADA, ADA, 5), 0)
    made.say(made.meet(ADA, BOB, 6), None, status="unparsed")
    chair = made.meet(None, BOB, 9, said=[(key(ADA), Speech("I")), (key(BOB), Speech("no"))])
    made.say(chair, 0)
    found = made.rate(seat=False)
    behind = {}
    for a, b in combinations((ADA, BOB, CAROL), 2):
        for one, other in ((a, b), (b, a)):
            behind[a["name"], b["name"]] = cell_matches(made.store, made.name, key(one), key(other))
        wanted = [
            on[0].id for on in (*played, chair)
            if {who for _, who in on[0].seats} == {key(a), key(b)}
        ]  # fmt: skip
        wanted += [chair[0].id] * ((a, b) == (ADA, BOB))
        assert list(behind[a["name"], b["name"]]) == wanted
    twice = {("ada", "bob"): 1}  # the second judge's verdict on a match that is there already
    for (a, b), matches in behind.items():
        met = cell(found, f"{a}", f"{b}")[1]
        assert met == len(matches) + twice.get((str(a), str(b)), 0)
    assert cell_matches(made.store, made.name, key(ADA), key(DAN)) == ()
    assert cell_matches(made.store, made.name, key(ADA), key(ADA)) == ()
    with pytest.raises(StoreError, match="no run 'absent'"):
        cell_matches(made.store, "absent", key(ADA), key(BOB))


def test_where_honesty_counts_questions_of_unknown_truth_are_left_out(made: Made) -> None:
    season(made)
    known = made.rate(honesty=True)
    made.say(made.meet(ADA, BOB, 8, None), 1)
    found = made.rate(honesty=True)
    assert found.players == known.players
    assert found.left_out == {"truth not known": 1}
    assert made.rate().comparisons == 13


def test_a_critics_honesty_follows_from_the_answer_on_trial(made: Made) -> None:
    """The honest one always wins: the effect is then infinite, and only then."""
    players = [(ADA, BOB), (BOB, CAROL), (CAROL, ADA)] * 2
    for n, (first, second) in enumerate(players):
        proposal, truth = n % 2, (n // 2) % 2
        on = made.meet(first, second, n, truth, protocol=critique(), proposal=proposal)
        made.say(on, int(proposal != truth))
    made.keep()
    with pytest.raises(StoreError, match=r"\{honesty\} separates wins from losses"):
        made.rate(honesty=True, seat=False)
    found = made.rate(honesty=True, seat=False, ridge_effects=0.5)
    assert found.effects["honesty"].value > 1
    assert made.rate(seat=False).comparisons == 6


def test_a_seat_that_skill_explains_as_well_is_left_out_and_said_to_be(made: Made) -> None:
    for n, choice in enumerate((0, 0, 1)):
        made.say(made.meet(ADA, BOB, n), choice)
    found = made.rate()
    assert not found.effects
    (note,) = found.notes
    assert note == "the seat cannot be told from skill: no effect of the seat is estimated"
    assert found.players == made.rate(seat=False).players


def simulated(made: Made, rng: np.random.Generator, rows: int, bias: Mapping[str, float]) -> None:
    """Matches of four players of skill .9, .3, -.3 and -.9, judged by chance as the model says;
    ``bias`` is what the first seat is worth to each judge, in logits. The better a player, the
    more often it sits first."""
    skills = [0.9, 0.3, -0.3, -0.9]
    for _ in range(rows):
        a, b = sorted(rng.choice(4, 2, replace=False).tolist())
        if rng.random() < 0.2:
            a, b = b, a
        on = made.meet((ADA, BOB, CAROL, DAN)[a], (ADA, BOB, CAROL, DAN)[b],
                       int(rng.integers(rows // 6)), sides=(0, 1) if rng.random() < 0.5 else (1, 0),
                       )  # fmt: skip
        for name, value in bias.items():
            chance = 1 / (1 + np.exp(-(skills[a] - skills[b] + value)))
            winner = "A" if rng.random() < chance else "B"
            made.say(on, on[0].side(winner), called(name))


def test_a_biased_judges_seat_effect_is_recovered_and_removed_from_the_ratings(made: Made) -> None:
    simulated(made, np.random.default_rng(5), 1500, {"biased": 1.0})
    found, without = made.rate(ridge=1e-6), made.rate(seat=False, ridge=1e-6)
    effect = found.effects["seat"]
    assert effect.se is not None and abs(effect.value - 1.0) < 2 * effect.se < 0.4
    true = {"ada": 0.9, "bob": 0.3, "carol": -0.3, "dan": -0.9}
    off = [abs(by_name(found)[name].skill - skill) for name, skill in true.items()]
    wrong = [abs(by_name(without)[name].skill - skill) for name, skill in true.items()]
    assert max(off) < 0.2 < max(wrong)
    for name, skill in true.items():
        interval = by_name(found)[name].interval
        assert interval is not None
        assert interval[0] < CENTRE + ELO * skill < interval[1]


def test_each_judge_has_a_seat_effect_of_its_own(made: Made) -> None:
    simulated(made, np.random.default_rng(6), 700, {"fair": 0.0, "left": 0.8, "right": -0.8})
    found = made.rate(judge=True)
    assert set(found.effects) == {f"seat, scripted:{name}" for name in ("fair", "left", "right")}
    for name, planted in (("fair", 0.0), ("left", 0.8), ("right", -0.8)):
        effect = found.effects[f"seat, scripted:{name}"]
        assert effect.se is not None and abs(effect.value - planted) < 3 * effect.se < 0.5


def test_the_bootstrap_draws_questions_and_leaves_the_estimate(made: Made) -> None:
    simulated(made, np.random.default_rng(7), 300, {"biased": 0.5})
    plain, drawn = made.rate(), made.rate(bootstrap=400)
    assert [one.skill for one in plain.players] == [one.skill for one in drawn.players]
    assert drawn.method == "Student's t on 400 bootstrap draws of questions"
    for one, other in zip(plain.players, drawn.players, strict=True):
        assert one.interval is not None and other.interval is not None
        ratio = (other.interval[1] - other.interval[0]) / (one.interval[1] - one.interval[0])
        assert 0.8 < ratio < 1.25 and ratio != 1


# ---------------------------------------------------------------------------------------------
# Names, order, cost and refusals.


def test_players_of_one_name_are_told_apart_and_hidden_characters_are_shown(made: Made) -> None:
    twin = called("ada", revision=2)
    labels = {"players": {"A": "ada", "B": "ada"}}
    for n, choice in enumerate((0, 1, 0)):
        made.say(made.meet(ADA, twin, n, labels=labels), choice)
    made.say(made.meet(ADA, BOB, labels={"players": {"A": "ada", "B": "b\u202eo\nb"}}), 0)
    found = made.rate(seat=False)
    assert {one.name for one in found.players} == {
        f"ada [{key(ADA)}]", f"ada [{key(twin)}]", "b⟦U+202E⟧o b",
    }  # fmt: skip


def test_a_player_that_the_run_gives_two_names_has_both(made: Made) -> None:
    for n, name in enumerate(("x", "y", "x")):
        labels = {"players": {"A": name, "B": "bob"}}
        made.say(made.meet(ADA, BOB, n, labels=labels), n % 2)
    assert {one.name for one in made.rate(seat=False).players} == {"x = y", "bob"}


def test_the_order_in_which_verdicts_came_changes_nothing(made: Made) -> None:
    simulated(made, np.random.default_rng(8), 200, {"one": 0.3, "two": -0.3})
    for i, one in enumerate(made.batch.matches):
        slot = pending(one.protocol, (), ("A", "B"))[1][0]
        made.batch.turns.append((one, append(one, (), 0, slot, Speech("y" * (i * i % 997)), "x")))
    found = made.rate(judge=True, length=True).record()
    with Store(None) as store:
        other = Made(store, made.name, made.batch)
        turns, other.batch.turns = other.batch.turns, []
        other.keep()
        for part in (turns[::-2], turns[-2::-2]):
            store.write(Batch(turns=part))
        assert other.rate(judge=True, length=True).record() == found


def test_the_record_is_plain_values_and_of_one_question_has_no_interval(made: Made) -> None:
    for choice in (0, 1, 0):
        made.say(made.meet(ADA, BOB, 1), choice)
    made.say(made.meet(BOB, CAROL, 1), None)
    found = made.rate()
    record = found.record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert [one["interval"] for one in record["players"]] == [None] * 3
    assert record["players"][0]["name"] == found.players[0].name
    assert (record["clusters"], record["comparisons"]) == (1, 4)


def test_a_tournament_is_rated_by_the_judges_that_its_file_names(made: Made) -> None:
    """A match may be in two runs under other judges, and anybody may read it later."""
    played = season(made)
    made.store.start_run(made.name, "tournament", {"judges": {"j": key(JUDGE)}}, {})
    made.store.write(made.batch)
    alone = ratings(made.store, made.name)
    for on in played:
        made.say(on, 1, OTHER)
        made.say(on, 0, {"kind": "person", "name": "who came by"})
    made.store.write(made.batch)
    found = ratings(made.store, made.name)
    assert found.left_out == {"judge not of this tournament": 2 * len(SEASON)}
    assert replace(found, left_out={}) == alone
    pair = key(ADA), key(BOB)
    assert len(cell_matches(made.store, made.name, *pair)) == cell(found, "ada", "bob")[1] == 4


def test_a_match_that_a_run_claims_twice_and_matches_of_other_runs_change_nothing(
    made: Made,
) -> None:
    played = season(made)
    before = made.rate()
    made.batch.run_matches.append((made.name, 99, played[0][0].id, {}))
    other = Made(made.store, "other")
    other.say(other.meet(BOB, ADA), 0)
    other.keep()
    assert made.rate() == before


@pytest.mark.parametrize("effects", [{}, {"length": True, "honesty": True, "judge": True}])
def test_statements_do_not_grow_with_the_run(made: Made, effects: dict[str, Any]) -> None:
    counts = []
    for rows in (100, 300):
        simulated(made, np.random.default_rng(rows), rows, {"biased": 0.5})
        made.batch.turns += [
            (one, append(one, (), 0, pending(one.protocol, (), ("A", "B"))[1][0],
                         Speech("y" * (i % 7)), "x"))
            for i, one in enumerate(made.batch.matches)
        ]  # fmt: skip
        made.keep()
        seen: list[str] = []
        made.store.conn.set_trace_callback(seen.append)
        made.rate(ridge_effects=0.1, **effects)
        made.store.conn.set_trace_callback(None)
        counts.append(sum(one.lstrip().startswith(("SELECT", "WITH")) for one in seen))
    assert counts[0] == counts[1] < 20


def test_a_run_that_is_not_there_is_named_with_those_there_are(made: Made) -> None:
    season(made)
    made.keep()
    with pytest.raises(StoreError, match=r"^no run 'absent' in this store; its runs: made$"):
        ratings(made.store, "absent")


def test_a_run_without_two_speakers_or_without_verdicts_has_nobody_to_rate(made: Made) -> None:
    alone = Match(made.ask(1), consultancy(), (("A", 0),), (("A", key(ADA)),))
    made.say(made.add(alone, 0, (), {}, ADA), 0)
    with pytest.raises(
        StoreError, match=r"^run 'made' has no match with two speaking seats"
    ) as one:
        made.rate()
    made.say(made.meet(ADA, ADA), 0)
    made.meet(ADA, BOB)
    with pytest.raises(StoreError) as two:
        made.rate()
    assert str(two.value) == (
        "run 'made' has no verdict that chose between two players: of 2 matches with two speakers "
        "1 are judged; 1 verdicts left out (same player)"
    )
    assert "\n" not in str(one.value)


def test_players_that_never_meet_are_refused_by_name(made: Made) -> None:
    made.say(made.meet(ADA, BOB), 0)
    made.say(made.meet(CAROL, DAN), 0)
    with pytest.raises(StoreError) as refused:
        made.rate()
    said = str(refused.value)
    assert "{scripted:ada, scripted:bob}; {scripted:carol, scripted:dan}" in said
    assert said.startswith("run 'made': ") and "\n" not in said
