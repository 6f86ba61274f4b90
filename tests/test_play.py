"""Play, under every protocol: it ends, it resumes, it hides what it must, and it mirrors."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from players import (
    FLOWERS,
    LINES,
    PASSAGE,
    PROTOCOLS,
    QUESTION,
    Counting,
    Scripted,
    Talker,
    cast_of,
    expansion,
    finish,
    instant,
    make_match,
    played,
    read_by,
    shuffled,
    text_of,
)

from agents.debater import Debater
from agents.scripted import RandomAgent
from agents.witness import WitnessDebater
from arena.batch import Batch
from arena.flow import Flow, Message, Request, ask
from arena.ids import canonical, derive_seed
from arena.match import (
    PERSON,
    Agent,
    Chosen,
    Judge,
    Match,
    Transcript,
    View,
    listing,
    mirror,
    participant_id,
    view,
)
from arena.play import append, canonical_verdict, path, play, read, waiting_for
from arena.protocols import (
    BUILT_IN,
    JUDGE,
    Limits,
    Protocol,
    Round,
    Seat,
    Slot,
    consultancy,
    critique,
    debate,
    verdict_slot,
)
from arena.questions import Item, Question
from arena.rewards import reward_rows, stake
from arena.runner import Planned, enrol, execute, plan
from arena.sources.jsonl import read_lines
from arena.sources.witness import items
from arena.store import Store
from arena.tournament import matches, schedule
from arena.turns import Quote, Speech, Turn, Verdict
from judges.bayes import LiteralJudge, StrategicJudge
from judges.scripted import Coin, Oracle, PositionBiased

ALL = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
MARK = re.compile("«(SAID|THOUGHT|REASON) (\\w+) (-?\\d+) (\\w+)»")
TWO_DEBATERS = (Seat("A", "debater"), Seat("B", "debater"), Seat(JUDGE, "judge"))


def one_round(*slots: Slot, **rules: Any) -> Protocol:
    """Two debaters in one round, and a verdict."""
    closing = (Round((Slot(JUDGE, "verdict", seen_by=(JUDGE,)),)),)
    return Protocol(
        "one round", TWO_DEBATERS, (Round(slots),), closing=closing,
        passage_to=("A", "B"), **rules,
    )  # fmt: skip


# It ends, and goes on from anywhere.


@ALL
def test_every_engine_order_gives_the_same_transcript(protocol: Protocol, engine: Counting) -> None:
    match = make_match(protocol)
    found = played(match, cast_of(match), engine=engine)
    assert found == played(match, cast_of(match), engine=instant())
    assert waiting_for(match, found) == ()
    assert not protocol.asks or found[-1].kind == "verdict"


@ALL
def test_play_goes_on_from_every_prefix_of_a_transcript(protocol: Protocol) -> None:
    match = make_match(protocol)
    whole = played(match)
    for end in range(len(whole) + 1):
        assert played(match, transcript=whole[:end], engine=shuffled(end)) == whole


@ALL
def test_a_finished_match_asks_nobody_anything(protocol: Protocol) -> None:
    match = make_match(protocol)
    whole = played(match)
    cast = cast_of(match)
    assert played(match, cast, whole) == whole
    assert not any(one.views for one in cast.values())  # type: ignore[union-attr]


@ALL
def test_turns_are_chained_in_seat_order_and_leaves_have_no_children(protocol: Protocol) -> None:
    match = make_match(protocol)
    node = match.root
    for turn in played(match):
        assert turn.parent == node
        if not turn.is_leaf:
            node = turn.id
    whole = played(match)
    assert [t.place for t in whole] == sorted(t.place for t in whole)


@ALL
def test_every_turn_is_recorded_once_in_order_with_its_calls(protocol: Protocol) -> None:
    match = make_match(protocol)
    recorded: list[Turn] = []
    engine = instant()
    whole = played(match, engine=engine, record=recorded.append)
    assert tuple(recorded) == whole
    calls = [key for turn in whole for key in turn.calls]
    assert sorted(calls) == sorted(request.key for request in engine.asked)


def test_a_cast_for_an_unknown_seat_is_refused() -> None:
    match = make_match(debate())
    for cast in ({"C": Talker()}, {"A": Talker(), JUDGE: Talker()}):
        with pytest.raises(ValueError, match=r"cast: .* have no seat in this match"):
            played(match, cast)


def test_a_match_for_unknown_seats_sides_and_options_is_refused() -> None:
    protocol, both = debate(), (("A", 0), ("B", 1))
    Match(QUESTION, protocol, both, (("A", "x"),))
    for sides, seats, message in (
        (both, (("C", "x"),), "seats: .*'C'"),
        ((*both, ("C", 0)), (), "sides: .*'C'"),
        ((("A", 0),), (), r"sides: seats \['B'\] .* have no side"),
        ((("A", 0), ("B", 2)), (), "options are 0 to 1"),
        ((("A", -1), ("B", 1)), (), "options are 0 to 1"),
    ):
        with pytest.raises(ValueError, match=message):
            Match(QUESTION, protocol, sides, seats)
    for proposal in (-1, 2):
        with pytest.raises(ValueError, match="proposal: answers are 0 to 1"):
            Match(QUESTION, critique(), both, (), 0, proposal)


# Who sees what. The oracle is written from the protocol's value, not from the code of `view`.


def allowed(protocol: Protocol, seen: View, turn: Turn, reader: bool) -> bool:
    """Whether a view of this seat at this place may hold what this turn said."""
    if turn.is_leaf:
        return False  # reasons are for the record; only the choice of a belief is ever shown
    rounds = list(expansion(protocol))
    one = rounds[turn.place]
    slot = next(s for s in one.slots if (s.seat, s.kind) == (turn.seat, turn.kind))
    if not reader and turn.place > seen.place:
        return False
    if not reader and turn.place == seen.place:
        if one.simultaneous:
            return False
        seats = [s.seat for s in one.slots]
        if seats.index(turn.seat) >= seats.index(seen.seat):
            return False
    return turn.seat == seen.seat or "all" in slot.seen_by or seen.seat in slot.seen_by


def marks(seen: View) -> Counter[tuple[str, ...]]:
    return Counter(found.groups() for found in MARK.finditer(text_of(seen)))


def expected_marks(
    protocol: Protocol, seen: View, whole: Transcript, reader: bool
) -> Counter[tuple[str, ...]]:
    out: Counter[tuple[str, ...]] = Counter()
    for turn in whole:
        if allowed(protocol, seen, turn, reader):
            where = (turn.seat, str(turn.place), turn.kind)
            out["SAID", *where] += 1
            if turn.seat == seen.seat and not reader:
                out["THOUGHT", *where] += 1
    return out


@ALL
@pytest.mark.parametrize("selfplay", [False, True], ids=["two players", "self-play"])
def test_a_view_holds_what_its_seat_may_know_and_nothing_else(
    protocol: Protocol, selfplay: bool
) -> None:
    who = dict.fromkeys(("A", "B", JUDGE), "same") if selfplay else None
    match = make_match(protocol, who)
    cast = cast_of(match, Talker() if selfplay else None)
    whole = played(match, cast)
    views = [seen for one in set(map(id, cast.values())) for seen in _views(cast, one)]
    assert len(views) == len(whole)
    for seen in views:
        assert marks(seen) == expected_marks(protocol, seen, whole, False), seen
        seated = seen.seat in protocol.passage_to
        assert seen.passage == (PASSAGE if seated else None)
        for flower in FLOWERS:
            held = flower in text_of(replace(seen, passage=None))
            assert held == (flower == FLOWERS[1] and _quoted(protocol, seen, whole))


def _views(cast: Mapping[str, Any], one: int) -> list[View]:
    return next(player.views for player in cast.values() if id(player) == one)


def _quoted(protocol: Protocol, seen: View, whole: Transcript, reader: bool = False) -> bool:
    """Whether a turn that this view may hold quotes line 2."""
    turns = [turn for turn in whole if allowed(protocol, seen, turn, reader)]
    return any("[2]" in turn.speech.text for turn in turns)


@ALL
@pytest.mark.parametrize("mode", ["whole", "stepped"])
def test_a_reader_sees_what_was_public_and_its_own_beliefs(protocol: Protocol, mode: str) -> None:
    match = make_match(protocol)
    whole = played(match)
    other = read_by(match, whole, Talker("other"), mode=mode)
    reader = Talker("reader")
    leaves = read_by(match, (*whole, *other), reader, mode=mode)
    assert len(leaves) == len(reader.views)
    for i, seen in enumerate(reader.views):
        before = whole if mode == "whole" else tuple(t for t in whole if t.place < seen.place)
        assert marks(seen) == expected_marks(protocol, seen, before, True)
        assert [t.kind for t in seen.turns if t.mine and t.kind == "belief"] == ["belief"] * i
        assert not any(t.kind == "verdict" for t in seen.turns)
        assert seen.passage == (PASSAGE if JUDGE in protocol.passage_to else None)
        assert "ORCHID" not in text_of(replace(seen, passage=None))
        assert ("PRIMROSE" in text_of(replace(seen, passage=None))) == _quoted(
            protocol, seen, before, True
        )
    assert [leaf.kind for leaf in leaves] == ["belief"] * (len(leaves) - 1) + ["verdict"]
    if mode == "stepped" and path(whole):
        assert len(leaves) == 1 + len({turn.place for turn in path(whole)})


@ALL
def test_simultaneous_speeches_stay_hidden_until_all_are_in(protocol: Protocol) -> None:
    match = make_match(protocol)
    whole = played(match)
    rounds = list(expansion(protocol))
    for turn in whole:
        if turn.is_leaf or not rounds[turn.place].simultaneous:
            continue
        group = [t for t in whole if t.place == turn.place and not t.is_leaf]
        for end in range(len(group)):
            part = (*(t for t in whole if t.place < turn.place), *group[:end])
            for seat in (seat.name for seat in protocol.seats):
                if seat == turn.seat:
                    continue
                slot = Slot(seat, "verdict" if seat == JUDGE else "speech")
                for place in (turn.place, turn.place + 1, None):
                    seen = view(match, part, slot, place)
                    assert turn.speech.text not in [t.text for t in seen.turns]


def test_the_beliefs_of_a_seated_judge_are_shown_only_where_the_protocol_says() -> None:
    match = make_match(PROTOCOLS["private notes"])
    cast = cast_of(match)
    whole = played(match, cast)
    belief = next(turn for turn in whole if turn.kind == "belief")
    for seat, shown in (("A", False), ("B", True)):
        last: View = cast[seat].views[-1]  # type: ignore[union-attr]
        found = [t for t in last.turns if t.kind == "belief"]
        assert bool(found) == shown
        if shown:
            assert found[0].text == match.labels[belief.verdict.choice or 0]
            assert "REASON" not in text_of(last)


def test_a_private_turn_is_seen_by_the_seats_that_its_slot_names() -> None:
    match = make_match(PROTOCOLS["private notes"])
    cast = cast_of(match)
    played(match, cast)
    held = {
        seat: {(t.seat, t.place) for t in cast[seat].views[-1].turns}  # type: ignore[union-attr]
        for seat in cast
    }
    assert held["A"] == {("A", 0), ("A", 1), ("B", 1)}
    assert held["B"] == {("B", 0), ("A", 1), ("B", 1), (JUDGE, 2)}
    assert held[JUDGE] == {("B", 0), ("A", 1), (JUDGE, 2), ("A", 3), ("B", 3)}


def test_the_noise_of_a_view_is_not_part_of_what_was_seen() -> None:
    match = make_match(debate())
    slot = debate().opening[0].slots[0]
    first, second = (view(match, (), slot, 0, seed=seed) for seed in (1, 2))
    assert first.digest == second.digest
    assert first != second


@ALL
def test_what_a_seat_is_shown_only_grows_at_its_end(protocol: Protocol) -> None:
    match = make_match(protocol)
    for swapped in (False, True):
        cast = cast_of(match)
        finish(play(match, cast, order=listing(match, swapped)))
        for one in cast.values():
            shown = [seen.turns for seen in one.views]  # type: ignore[union-attr]
            for before, after in itertools.pairwise(shown):
                assert after[: len(before)] == before


# Truth-flip invariance: everything but the table of truths is the same when the truth is turned.

POEM = json.dumps(
    {"question": "What was the bell made of?", "answers": ["tin", "iron"], "passage": PASSAGE}
)
SOURCES: dict[str, Callable[[], list[Question]]] = {
    "witness equal": lambda: [item.question for item in items(3, 2, "test", "equal")],
    "witness free": lambda: [item.question for item in items(3, 2, "test", "free")],
    "jsonl": lambda: [item.question for item in read_lines([POEM], "jsonl:poem")[0]],
}
JUDGES: tuple[Judge, ...] = (
    LiteralJudge(),
    StrategicJudge(0.9, 0.8, 0.9),
    Coin(),
    PositionBiased(),
)
TABLES = (
    "runs", "run_matches", "participants", "protocols", "questions", "matches", "speeches",
    "turns", "match_turns", "calls", "replies", "events", "people", "invites", "sessions",
    "assignments", "drafts", "rewards", "metrics", "artifacts", "spent", "passcodes",
    "logins", "desks", "activity",
)  # fmt: skip


class Asking:
    """Shows an engine all that it sees, then does what another participant does."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.record = inner, {"asking": dict(inner.record)}

    def _show(self, seen: View) -> Flow[None]:
        yield from ask(Request("m", (Message("user", text_of(seen)),), 1, seen.seed))

    def speak(self, seen: View) -> Flow[Speech]:
        yield from self._show(seen)
        return (yield from self.inner.speak(seen))

    def decide(self, seen: View) -> Flow[Verdict]:
        yield from self._show(seen)
        return (yield from self.inner.decide(seen))


def everything(
    source: str, protocol: Protocol, truth: int
) -> tuple[dict[str, list[tuple[Any, ...]]], list[Request]]:
    """All rows of a run but the truths, and every request, with this answer recorded as true."""
    given = [Item(question, truth) for question in SOURCES[source]()]
    agents: dict[str, Agent | Judge] = {
        participant_id(one): one  # type: ignore[arg-type]
        for one in (Asking(WitnessDebater(0.9, 0.8, 0.9)), Asking(RandomAgent()))
    }
    judges: dict[str, Judge] = {participant_id(Asking(one)): Asking(one) for one in JUDGES}
    engine = instant()
    planned = [
        Planned(match, {"i": i}, tuple(judges) if judge is None else ())
        for i, item in enumerate(given)
        for judge in (list(judges) if protocol.asks else [None])
        for match in matches(
            item.question, i, protocol, tuple(agents)[: len(protocol.speakers)], 5, 0, judge, True
        )
    ]
    with Store(None) as store:
        enrol(store, (*agents.values(), *judges.values()))
        plan(store, "run", given, planned)
        execute(store, planned, agents, judges, engine, listings="both", mode="stepped")
        assert store.truths() == {item.question.id: truth for item in given}
        known = [
            row["name"]
            for row in store.query("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        ours = {name for name in known if not name.startswith(("sqlite_", "_"))}
        assert ours == {*TABLES, "truths"}, "a new table: may it depend on the truth?"
        rows = {table: store.conn.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
    for name in ("questions", "matches", "turns", "speeches", "replies", "rewards"):
        assert rows[name] or not protocol.speakers
    return rows, engine.asked


@ALL
@pytest.mark.parametrize("source", SOURCES)
def test_inverting_the_truth_changes_no_row_and_no_request(source: str, protocol: Protocol) -> None:
    rows, asked = everything(source, protocol, 0)
    turned_rows, turned_asked = everything(source, protocol, 1)
    assert [one.record() for one in asked] == [one.record() for one in turned_asked]
    assert rows == turned_rows


def test_the_oracle_is_caught_by_the_same_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    for truth in (0, 1):
        judge = Oracle({QUESTION.id: truth})
        match = make_match(debate())
        (leaf,) = read_by(match, played(match), judge)
        assert leaf.verdict.choice == truth


# Mirrors.


@ALL
def test_a_mirrored_match_mirrors(protocol: Protocol) -> None:
    match = make_match(protocol, {"A": "x", "B": "y", JUDGE: "j"})
    turned = mirror(match)
    assert mirror(turned) == match
    assert mirror(turned).id == match.id
    roles = {protocol.role(seat) for seat in protocol.speakers}
    seats, other = dict(match.seats), dict(turned.seats)
    assert other.get(JUDGE) == seats.get(JUDGE)
    if len(roles) > 1 or (protocol.sides == "chosen" and len(protocol.speakers) == 2):
        assert (other["A"], other["B"]) == ("y", "x")
        assert turned.sides == match.sides
    elif protocol.sides == "assigned":
        assert turned.seats == match.seats
        assert dict(turned.sides) == {seat: 1 - option for seat, option in match.sides}
    if protocol.speakers and protocol.sides == "assigned":
        assert turned.id != match.id


def test_a_lone_participant_of_a_role_asymmetric_match_changes_seats() -> None:
    match = make_match(critique(), {"A": "x"})
    turned = mirror(match)
    assert dict(turned.seats) == {"B": "x"}
    assert mirror(turned) == match


def test_a_match_that_is_its_own_mirror_is_scheduled_once() -> None:
    for protocol, pair, count in (
        (critique(), ("x", "x"), 1),
        (critique(), ("x", "y"), 2),
        (consultancy(sides="chosen"), ("x",), 1),
        (debate(sides="chosen"), ("x", "x"), 1),
        (debate(sides="chosen"), ("x", "y"), 2),
        (debate(), ("x", "x"), 2),
        (consultancy(), ("x",), 2),
    ):
        found = matches(QUESTION, 0, protocol, pair, 1, mirrored=True)
        assert len({one.id for one in found}) == len(found) == count


def _by_side(seen: View) -> Speech:
    """A speech that depends on the answer that it defends alone."""
    answer = next(option.text for option in seen.answers if option.label == seen.side)
    line = next(i for i, line in enumerate(LINES, 1) if f"of {answer};" in line)
    return Speech(f"It was {answer}, I say, because of [{line}].")


def _by_words(seen: View) -> Verdict:
    """A verdict that depends on what was said for each option's text alone."""
    said = " ".join(turn.text for turn in seen.turns)
    weights = [1 + said.count(f"was {option.text},") * len(option.text) for option in seen.options]
    p = tuple(weight / sum(weights) for weight in weights)
    return Verdict(p.index(max(p)), p)


@pytest.mark.parametrize("name", ["debate", "debate sequential", "consultancy", "debate sequential with questions"])  # fmt: skip  # noqa: E501
def test_symmetric_players_get_mirrored_verdicts(name: str) -> None:
    protocol = BUILT_IN[name]
    if protocol.asks:
        protocol = debate(simultaneous=False, judge_questions=True)
    match = make_match(protocol)
    speaker, judge = Scripted(_by_side), Scripted(decide=_by_words)
    choices, rewards = [], []
    for one in (match, mirror(match)):
        whole = played(one, {seat: speaker if seat != JUDGE else judge for seat, _ in one.seats})
        for order in (listing(one), listing(one, swapped=True)):
            (leaf,) = read_by(one, whole, judge, order)
            choices.append(leaf.verdict.choice)
            rows = reward_rows(one, leaf, whole, ("log-odds",))
            rewards.append({row.seat: row.value for row in rows})
    first, first_swapped, second, second_swapped = rewards
    assert first == pytest.approx(first_swapped)
    assert second == pytest.approx(second_swapped)
    if len(protocol.speakers) == 2:
        assert choices == [1] * 4  # "iron" has more letters, whoever says it
        assert first == pytest.approx({"A": second["B"], "B": second["A"]})
        assert first["A"] < 0 < first["B"]
    else:
        assert choices == [0, 0, 1, 1]


@ALL
def test_the_listing_changes_what_a_reader_is_shown_first_and_no_label(protocol: Protocol) -> None:
    match = make_match(protocol)
    whole = played(match)
    reader = Talker("reader")
    for swapped in (False, True):
        read_by(match, whole, reader, listing(match, swapped))
    listed, turned = reader.views
    assert turned.options == listed.options[::-1]
    assert turned.order == listed.order[::-1]
    assert sorted(turned.turns, key=lambda t: (t.place, t.seat)) == sorted(
        listed.turns, key=lambda t: (t.place, t.seat)
    )
    both = [one for one in expansion(protocol) if one.simultaneous and len(one.slots) > 1]
    sides = {stake(match, seat, whole) for seat in protocol.speakers}
    if both and len(sides) > 1 and protocol is not PROTOCOLS["private notes"]:
        assert turned.turns != listed.turns
        groups = [[t.seat for t in seen.turns if t.place == 0] for seen in reader.views]
        assert groups[0] == groups[1][::-1]


@pytest.mark.parametrize(("order", "choice"), [((0, 1), 1), ((1, 0), 0)])
def test_a_verdict_is_kept_in_canonical_order(order: tuple[int, ...], choice: int) -> None:
    shown = Verdict(1, (0.2, 0.8), (-2.0, -0.5), "why")
    kept = canonical_verdict(shown, order, "whole")
    assert (kept.choice, kept.order, kept.mode, kept.reason) == (choice, order, "whole", "why")
    assert kept.elicited == tuple((0.2, 0.8)[order.index(i)] for i in (0, 1))
    assert kept.choice_logprobs == tuple((-2.0, -0.5)[order.index(i)] for i in (0, 1))


def test_three_options_are_translated_back_as_a_permutation() -> None:
    kept = canonical_verdict(Verdict(0, (0.5, 0.3, 0.2)), (2, 0, 1), "whole")
    assert kept.choice == 2
    assert kept.elicited == (0.3, 0.2, 0.5)


@pytest.mark.parametrize("numbers", [(1.0,), (0.2, 0.3, 0.5)])
def test_a_verdict_over_another_number_of_options_is_an_error(numbers: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="one number per option"):
        canonical_verdict(Verdict(0, numbers), (0, 1), "whole")


@pytest.mark.parametrize("choice", [-1, 2])
def test_a_verdict_for_an_option_that_does_not_exist_is_an_error(choice: int) -> None:
    with pytest.raises((ValueError, IndexError)):
        canonical_verdict(Verdict(choice), (0, 1), "whole")


# Empty chairs.


@pytest.mark.parametrize("chair", ["A", "B", JUDGE])
@pytest.mark.parametrize(
    "name",
    ["debate until the judge decides", "debate sequential with questions", "debate with questions"],
)
def test_an_empty_chair_pauses_play_and_the_missing_turn_continues_it(
    chair: str, name: str
) -> None:
    match = make_match(PROTOCOLS[name])
    whole = played(match)
    cast = {seat: one for seat, one in cast_of(match).items() if seat != chair}
    transcript: Transcript = ()
    pauses = 0
    while True:
        transcript = played(match, cast, transcript)
        assert transcript == whole[: len(transcript)]
        if len(transcript) == len(whole):
            break
        assert waiting_for(match, transcript)[0] == chair
        assert played(match, cast, transcript) == transcript, "it waits, and changes nothing"
        transcript += (whole[len(transcript)],)  # what the person does
        pauses += 1
    assert pauses == sum(turn.seat == chair for turn in whole)
    assert transcript == whole


def test_a_person_in_a_seat_is_an_empty_chair_for_the_runner(store: Store) -> None:
    talker = Talker()
    who = participant_id(talker)
    match = make_match(debate(judge_questions=True), {"A": who, "B": who, JUDGE: PERSON})
    planned = [Planned(match)]
    plan(store, "run", [Item(QUESTION)], planned)
    outcome = execute(store, planned, {who: talker}, {}, instant())
    assert outcome.waiting == [(match.id, JUDGE)]
    assert outcome.done == 0
    transcript = store.transcript(match)
    slot = Slot(JUDGE, "question", seen_by=("all",))
    asked = append(match, transcript, 1, slot, Speech("why?"), "ada", origin="person")
    store.write(Batch(turns=[(match, asked)]))
    outcome = execute(store, planned, {who: talker}, {}, instant())
    assert outcome.waiting == [(match.id, JUDGE)]
    assert [t.seat for t in store.transcript(match)] == ["A", "B", JUDGE, "A", "B"]
    final = append(match, store.transcript(match), 3, verdict_slot(match.protocol),
                   Verdict(0, mode="live"), "ada", origin="person")  # fmt: skip
    store.write(Batch(turns=[(match, final)]))
    assert execute(store, planned, {who: talker}, {}, instant()).done == 1
    assert store.transcript(match)[-1].id == final.id


# Forks and second readings.


@ALL
def test_a_fork_shares_its_first_turns_and_plays_on_with_others(protocol: Protocol) -> None:
    match = make_match(protocol)
    whole = played(match)
    spoken = path(whole)
    for cut in range(len(spoken)):
        shared = spoken[:cut]
        fork = replace(match, seats=tuple((seat, f"new {who}") for seat, who in match.seats))
        assert fork.root == match.root
        assert fork.id != match.id
        cast = {seat: Talker("new") for seat, _ in fork.seats}
        other = played(fork, cast, shared)
        assert other[:cut] == shared
        assert waiting_for(fork, other) == ()
        assert all(turn.author.startswith("new") for turn in other[cut:])
        assert not {turn.id for turn in other[cut:]} & {turn.id for turn in whole}
        if cut < len(spoken):
            first = next(turn for turn in other[cut:] if not turn.is_leaf)
            assert first.parent == spoken[cut].parent


@ALL
def test_a_second_judge_hangs_its_leaves_on_the_same_path(protocol: Protocol, store: Store) -> None:
    talker = Talker()
    who = participant_id(talker)
    seats = dict.fromkeys([*protocol.speakers, *([JUDGE] if protocol.asks else [])], who)
    match = make_match(protocol, seats)
    readers: dict[str, Judge] = {participant_id(one): one for one in (LiteralJudge(), Coin())}
    planned = [Planned(match, judges=tuple(readers))]
    plan(store, "run", [Item(QUESTION)], planned)
    agents: dict[str, Agent | Judge] = {who: talker}
    execute(store, [Planned(match)], agents, {who: talker}, instant())
    before = store.transcript(match)
    spoken = path(before)
    rounds = len({turn.place for turn in spoken})
    for mode, beliefs in (("whole", 0), ("stepped", rounds)):
        known = {turn.id for turn in store.turns(match.id)}
        execute(store, planned, agents, readers, instant(), listings="both", mode=mode)  # type: ignore[arg-type]
        leaves = [turn for turn in store.turns(match.id) if turn.id not in known]
        assert len(leaves) == 2 * 2 * (1 + beliefs)
        assert all(turn.is_leaf for turn in leaves)
        assert {(turn.author, turn.verdict.order, turn.verdict.mode) for turn in leaves} == {
            (reader, order, mode) for reader in readers for order in ((0, 1), (1, 0))
        }
        nodes = {match.root, *(turn.id for turn in spoken)}
        assert {turn.parent for turn in leaves} <= nodes
        tip = spoken[-1].id if spoken else match.root
        assert {turn.parent for turn in leaves if turn.kind == "verdict"} == {tip}
        again = execute(store, planned, agents, readers, instant(), listings="both", mode=mode)  # type: ignore[arg-type]
        assert again.done == 1
        assert len(store.turns(match.id)) == len(known) + len(leaves), "nothing is read twice"
    assert store.transcript(match) == before, "a reader's leaves are not of the transcript"


def test_cross_play_shares_speeches_and_calls(store: Store) -> None:
    protocol = debate()
    mine = Talker("B")
    others = [Talker(f"opponent {i}") for i in range(5)]
    agents: dict[str, Agent | Judge] = {participant_id(one): one for one in (mine, *others)}
    planned = [
        Planned(make_match(protocol, {"A": participant_id(one), "B": participant_id(mine)}))
        for one in others
    ]
    plan(store, "run", [Item(QUESTION)], planned)
    engine = instant()
    execute(store, planned, agents, {}, engine)
    openings = [store.transcript(one.match)[1] for one in planned]
    assert {turn.seat for turn in openings} == {"B"}
    assert len({turn.id for turn in openings}) == 5, "a turn belongs to its place in the tree"
    assert len({turn.speech.id for turn in openings}) == 1
    assert len({turn.calls for turn in openings}) == 1
    rows = list(store.query("SELECT id FROM speeches WHERE id = ?", openings[0].speech.id))
    assert len(rows) == 1
    keys = Counter(request.key for request in engine.asked)
    assert set(keys.values()) == {1}
    rebuttals = [store.transcript(one.match)[3] for one in planned]
    assert len({turn.speech.id for turn in rebuttals}) == 5


def test_a_budget_counts_the_tokens_that_were_sampled_and_no_kept_reply(store: Store) -> None:
    who = participant_id(Talker())
    planned = [Planned(make_match(debate(), {"A": who, "B": who}, seed=seed)) for seed in range(6)]
    plan(store, "run", [Item(QUESTION)], planned)
    engine = instant()
    counts: list[int] = []

    def run(some: list[Planned]) -> list[int]:
        counts.clear()

        def enough(tokens: int) -> bool:
            counts.append(tokens)
            return False

        execute(store, some, {who: Talker()}, {}, engine, width=1, enough=enough)
        return counts

    run(planned)
    assert counts[0] == 0
    assert counts == sorted(set(counts))
    assert counts[-1] < 4 * len(engine.asked)  # echo counts four tokens a reply
    store.conn.execute("DELETE FROM match_turns")  # as if killed before its turns were kept
    asked = len(engine.asked)
    assert run(planned) == [0] * 6
    assert len(engine.asked) == asked


def test_sides_and_seeds_divide_what_cross_play_shares() -> None:
    base = make_match(debate())
    for other in (make_match(debate(), first=1), make_match(debate(), seed=8)):
        one, two = played(base)[1].speech, played(other)[1].speech
        assert one.id != two.id


# Limits.


def said(*texts: str, stop: bool = False) -> Scripted:
    """Says one text after another, the last for ever; keeps its views."""
    views: list[View] = []

    def say(seen: View) -> Speech:
        views.append(seen)
        return Speech(texts[min(len(views), len(texts)) - 1], stop=stop)

    one = Scripted(say)
    one.views = views  # type: ignore[attr-defined]
    return one


class Words:
    """Asks for its speech, one request for each attempt."""

    def __init__(self, *texts: str) -> None:
        self.texts, self.views, self.record = texts, [], {"kind": "words"}  # type: ignore[var-annotated]

    def speak(self, seen: View) -> Flow[Speech]:
        self.views.append(seen)
        attempt = sum(one.place == seen.place for one in self.views) - 1
        yield from ask(Request("m", (Message("user", seen.notice),), 5, seen.seed))
        return Speech(self.texts[attempt])


def test_a_speech_over_its_limit_is_asked_for_once_more_and_both_calls_are_kept() -> None:
    protocol = one_round(Slot("A", limits=Limits(characters=10)))
    match, engine = make_match(protocol, {"A": "x"}), instant()
    words = Words("far too long a speech", "short")
    (turn,) = played(match, {"A": words}, engine=engine)
    assert (turn.speech.text, turn.speech.status) == ("short", "ok")
    assert turn.calls == tuple(request.key for request in engine.asked)
    assert len(set(turn.calls)) == 2
    first, second = words.views
    assert first.notice == ""
    assert "21 characters where 10 are allowed" in second.notice
    assert first.seed != second.seed
    assert turn.seen == second.digest != first.digest  # what was said answers the second


@pytest.mark.parametrize(("rule", "calls"), [("retry", 2), ("forfeit", 1)])
def test_a_speech_that_stays_over_its_limit_is_forfeited_and_never_shortened(
    rule: str, calls: int
) -> None:
    protocol = one_round(Slot("A", limits=Limits(characters=10)), Slot("B"), over_limit=rule)
    protocol = replace(protocol, opening=(*protocol.opening, Round((Slot("B"),))))
    match = make_match(protocol)
    long = "far too long a speech [2]"
    b = Talker("B")
    whole = played(match, {"A": Words(long, long), "B": b})
    turn = whole[0]
    assert (turn.speech.text, turn.speech.status) == (long, "over limit")
    assert len(turn.calls) == calls
    for seen in (b.views[-1], view(match, whole, verdict_slot(protocol))):
        (shown,) = (t for t in seen.turns if t.seat == "A")
        assert (shown.text, shown.quotes, shown.status) == ("", (), "over limit")
        assert "far too long" not in text_of(seen)
        assert (
            "PRIMROSE" not in text_of(replace(seen, passage=None)) or "[2]" in whole[1].speech.text
        )


@pytest.mark.parametrize("size", [9, 10, 11])
def test_a_limit_is_the_most_that_is_allowed(size: int) -> None:
    protocol = one_round(Slot("A", limits=Limits(characters=10)), over_limit="forfeit")
    (turn,) = played(make_match(protocol, {"A": "x"}), {"A": said("x" * size)})
    assert turn.speech.status == ("over limit" if size > 10 else "ok")


def test_nothing_at_all_fits_a_limit_of_nothing() -> None:
    protocol = one_round(Slot("A", limits=Limits(characters=0, quoted=0)), over_limit="forfeit")
    (turn,) = played(make_match(protocol, {"A": "x"}), {"A": said("")})
    assert turn.speech.status == "ok"


def test_a_turn_may_quote_as_much_as_its_slot_says() -> None:
    for left, status in ((len(LINES[0]), "ok"), (len(LINES[0]) - 1, "over limit")):
        protocol = one_round(Slot("A", limits=Limits(quoted=left)), over_limit="forfeit")
        (turn,) = played(make_match(protocol, {"A": "x"}), {"A": said("See [1].")})
        assert turn.speech.status == status


def test_quoting_again_what_anybody_has_quoted_is_free() -> None:
    limits = Limits(quoted=len(LINES[0]))
    rounds = tuple(Round((Slot("A", limits=limits), Slot("B", limits=limits))) for _ in range(3))
    protocol = Protocol("x", TWO_DEBATERS, rounds, passage_to=("A", "B"), over_limit="forfeit")
    a = said("[1]", "[1] and once more [1]", f"[1] <quote>{LINES[0]}</quote>")
    b = said("none", "yours was [1]", "[1] [2]")
    whole = played(make_match(protocol), {"A": a, "B": b})
    assert [turn.speech.status for turn in whole] == ["ok"] * 5 + ["over limit"]


def test_a_simultaneous_speech_of_the_other_makes_no_quotation_free() -> None:
    limits = Limits(quoted=len(LINES[0]) - 1)
    protocol = one_round(Slot("A", limits=Limits()), Slot("B", limits=limits), over_limit="forfeit")
    whole = played(make_match(protocol), {"A": said("[1]"), "B": said("[1]")})
    assert [turn.speech.status for turn in whole] == ["ok", "over limit"]


def test_a_speaker_that_goes_on_in_half_a_round_pays_what_it_would_have_paid() -> None:
    limits = Limits(quoted=len(LINES[0]) - 1)
    protocol = one_round(Slot("A"), Slot("B", limits=limits), over_limit="forfeit")
    match = make_match(protocol)
    whole = played(match, {"A": said("[1]"), "B": said("[1]")})
    assert played(match, {"B": said("[1]")}, whole[:1]) == whole
    assert whole[1].speech.status == "over limit"


def test_both_pay_for_what_both_quote_in_one_round() -> None:
    rounds = tuple(Round((Slot("A"), Slot("B"))) for _ in range(2))
    protocol = Protocol("x", TWO_DEBATERS, rounds, passage_to=("A", "B"), quoted_total=100)
    a, b = said("[1]"), said("[1]")
    played(make_match(protocol), {"A": a, "B": b})
    left = [[seen.quoted_left for seen in one.views] for one in (a, b)]  # type: ignore[attr-defined]
    assert left == [[100, 100 - len(LINES[0])]] * 2


def test_a_match_may_quote_as_much_as_its_protocol_says() -> None:
    total = len(LINES[0]) + len(LINES[1])
    rounds = tuple(Round((Slot("A"), Slot("B"))) for _ in range(3))
    protocol = Protocol(
        "x", TWO_DEBATERS, rounds, passage_to=("A", "B"), quoted_total=total, over_limit="forfeit"
    )
    a, b = said("[1]", "[2]", "[3]"), said("", "[4]", "[1] [2] [4]")
    whole = played(make_match(protocol), {"A": a, "B": b})
    left = [[seen.quoted_left for seen in one.views] for one in (a, b)]  # type: ignore[attr-defined]
    assert left == [
        [total, total - len(LINES[0]), 0],
        [total, total, total - len(LINES[3])],
    ]
    assert [turn.speech.status for turn in whole] == ["ok"] * 4 + ["over limit", "ok"]


def test_the_smaller_of_both_budgets_holds() -> None:
    for total, of_turn, left in ((50, 20, 20), (10, 20, 10), (None, 20, 20), (30, None, 30)):
        slot = Slot("A", limits=Limits(quoted=of_turn))
        match = make_match(one_round(slot, quoted_total=total), {"A": "x"})
        assert view(match, (), slot, 0).quoted_left == left


def test_an_invented_quotation_costs_its_length() -> None:
    text = "<quote>never said</quote>"
    for left, status in ((10, "ok"), (9, "over limit")):
        protocol = one_round(Slot("A", limits=Limits(quoted=left)), over_limit="forfeit")
        (turn,) = played(make_match(protocol, {"A": "x"}), {"A": said(text)})
        assert turn.speech.status == status
        assert [quote.span for quote in turn.speech.quotes] == [None]


def test_quotes_are_the_platforms_not_the_speakers() -> None:
    forged = Scripted(lambda seen: Speech("nothing quoted", quotes=(Quote(0, 3, (0, 10)),)))
    (turn,) = played(make_match(one_round(Slot("A")), {"A": "x"}), {"A": forged})
    assert turn.speech.quotes == ()


def test_a_speaker_without_the_passage_can_verify_nothing() -> None:
    protocol = replace(one_round(Slot("A"), Slot("B")), passage_to=("A",))
    whole = played(
        make_match(protocol), {"A": said("[1]"), "B": said(f"<quote>{LINES[0]}</quote>")}
    )
    assert [q.span for q in whole[0].speech.quotes] == [(0, len(LINES[0]))]
    assert whole[1].speech.quotes == ()


def test_the_limit_of_tokens_reaches_the_request() -> None:
    protocol = one_round(Slot("A", limits=Limits(tokens=17), scratchpad=5))
    engine = instant()
    played(make_match(protocol, {"A": "x"}), {"A": Debater("m")}, engine=engine)
    assert [request.max_tokens for request in engine.asked] == [5, 17]
    assert {seen.max_tokens for seen in engine.asked} == {5, 17}


# Ends.


def test_a_judge_that_decides_ends_the_match_with_a_verdict() -> None:
    protocol = BUILT_IN["debate until the judge decides"]
    for stops in (1, 2, 3):
        match = make_match(protocol)
        whole = played(match, {**cast_of(match), JUDGE: Talker(stops=stops)})
        beliefs = [turn for turn in whole if turn.kind == "belief"]
        assert len(beliefs) == stops - 1
        assert (whole[-1].kind, whole[-1].seat) == ("verdict", JUDGE)
        assert len([t for t in whole if t.seat == "A"]) == stops


def test_a_judge_that_never_decides_gives_its_verdict_at_the_end() -> None:
    match = make_match(BUILT_IN["debate until the judge decides"])
    whole = played(match, {**cast_of(match), JUDGE: Talker(stops=99)})
    assert [t.kind for t in whole if t.is_leaf] == ["belief"] * 3 + ["verdict"]


def test_a_judge_cannot_stop_where_its_slot_does_not_let_it() -> None:
    protocol = replace(
        one_round(Slot("A"), Slot("B")),
        opening=(Round((Slot(JUDGE, "belief", seen_by=(JUDGE,)),)), Round((Slot("A"),))),
    )
    match = make_match(protocol)
    judge = Scripted(decide=lambda seen: Verdict(0, stop=True))
    whole = played(match, {"A": said("x"), "B": said("x"), JUDGE: judge})
    assert [turn.kind for turn in whole] == ["belief", "speech", "verdict"]


@pytest.mark.parametrize("name", ["concession", "negotiated end"])
def test_speakers_end_as_the_stop_rule_says(name: str) -> None:
    protocol = PROTOCOLS[name]
    match = make_match(protocol)

    def turns(a: int, b: int) -> int:
        cast = {"A": Talker(stops=a), "B": Talker(stops=b), JUDGE: Talker()}
        whole = played(match, {seat: cast[seat] for seat, _ in match.seats})
        return sum(turn.seat == "A" for turn in whole)

    both, one, none = turns(1, 1), turns(1, 99), turns(99, 99)
    assert (both, none) == (2, 4)
    assert one == (2 if name == "concession" else 4)
    assert turns(2, 1) == (2 if name == "concession" else 3)


@pytest.mark.parametrize("name", ["concession", "negotiated end", "debate"])
def test_speakers_cannot_stop_where_their_slot_does_not_let_them(name: str) -> None:
    match = make_match(PROTOCOLS[name])
    eager = Scripted(lambda seen: Speech("stop!", stop=not seen.slot.may_stop))
    cast = {seat: eager if seat != JUDGE else Talker() for seat, _ in match.seats}
    whole = played(match, cast)
    speeches = [turn for turn in whole if turn.seat in "AB"]
    assert len(speeches) == (4 if name == "debate" else 8)
    assert not any(turn.speech.stop for turn in speeches)


# Candidates, replies, noise, open sides.


class Chooser:
    """Draws three speeches, keeps the one that is its best."""

    record: Mapping[str, object] = {"kind": "chooser"}

    def speak(self, seen: View) -> Flow[Chosen]:
        yield from ()
        rest = tuple((Speech(f"{seen.seat} {i}", "hm", side=i % 2), i / 10) for i in range(2))
        return Chosen(Speech(f"best of {seen.seat}", side=0), rest)


def test_candidates_are_kept_as_childless_siblings_with_their_scores(store: Store) -> None:
    who = participant_id(Chooser())  # type: ignore[arg-type]
    match = make_match(debate(), {"A": who, "B": who})
    planned = [Planned(match)]
    plan(store, "run", [Item(QUESTION)], planned)
    execute(store, planned, {who: Chooser()}, {}, instant())
    tree = store.tree(match.root)
    whole = store.transcript(match)
    assert len(whole) == 4
    assert len(tree) == 12
    for turn in whole:
        siblings = [t for t in tree.children(turn.parent) if t.id != turn.id]
        assert [(t.origin, t.score, t.sample) for t in siblings] == [
            ("candidate", 0.0, 1), ("candidate", 0.1, 2),
        ]  # fmt: skip
        assert (turn.origin, turn.sample) == ("sampled", 0)
        assert not any(tree.children(t.id) for t in siblings)
        assert {t.seen for t in siblings} == {turn.seen}
        assert turn.speech.text.startswith("best")


def test_the_side_of_a_candidate_is_not_the_side_of_its_seat() -> None:
    match = make_match(debate(sides="chosen"))
    recorded: list[Turn] = []

    class Other(Chooser):
        def speak(self, seen: View) -> Flow[Chosen]:
            yield from ()
            return Chosen(Speech("kept", side=0), ((Speech("not kept", side=1), 0.1),))

    whole = played(match, {"A": Other(), "B": Other()}, record=recorded.append)
    assert [t.origin for t in recorded[:2]] == ["candidate", "sampled"]
    assert stake(match, "A", whole) == stake(match, "A", tuple(recorded)) == 0


@ALL
def test_every_turn_replies_to_what_its_slot_says(protocol: Protocol) -> None:
    whole = played(make_match(protocol))
    rounds = list(expansion(protocol))
    for i, turn in enumerate(whole):
        if turn.is_leaf:
            assert turn.replies_to == ()
            continue
        spoken = [t for t in whole[:i] if not t.is_leaf]
        slot = next(s for s in rounds[turn.place].slots if s.seat == turn.seat)
        if slot.replies_to == "nothing":
            expected = []
        elif slot.replies_to == "last":
            expected = spoken[-1:]
        else:
            if rounds[turn.place].simultaneous:
                spoken = [t for t in spoken if t.place < turn.place]
            expected = [t for t in spoken if t.seat in "AB" and t.seat != turn.seat][-1:]
            assert expected
        assert turn.replies_to == tuple(t.id for t in expected)


def test_the_edges_of_reply_are_the_ones_that_a_reader_would_draw() -> None:
    def edges(name: str) -> list[tuple[str, str]]:
        whole = played(make_match(PROTOCOLS[name]))
        called = {turn.id: f"{turn.seat}{turn.place}" for turn in whole}
        return [(called[t.id], called[target]) for t in whole for target in t.replies_to]

    assert edges("debate") == [("A1", "B0"), ("B1", "A0")]
    assert edges("debate sequential") == [("A1", "B0"), ("B1", "A1")]
    assert edges("debate with questions") == [("A2", "B0"), ("B2", "A0")]
    assert edges("critique with reply") == [("B1", "A0"), ("A2", "B1")]
    assert edges("cross-critique") == [("A1", "B0"), ("B1", "A0")]
    assert edges("consultancy with questions") == []


@ALL
def test_the_same_speaker_at_the_same_node_draws_the_same_noise(protocol: Protocol) -> None:
    """Whoever sits in the other seats; at another node, or in another slot, other noise."""
    nodes: dict[int, tuple[str, str, str]] = {}  # seed -> the node, seat and kind it is drawn for
    drawn: dict[tuple[str, str, str], set[int]] = {}
    for arm in ("x", "y"):
        match = make_match(protocol, {"A": "a", "B": arm, JUDGE: "j"})
        cast = {**cast_of(match), "B": Talker(arm)}
        whole = played(match, {seat: cast[seat] for seat, _ in match.seats})
        for one in cast.values():
            for seen in one.views:  # type: ignore[union-attr]
                before = [t.id for t in path(whole) if t.place < seen.place]
                node = (before[-1] if before else match.root, seen.seat, seen.slot.kind)
                assert nodes.setdefault(seen.seed, node) == node
                drawn.setdefault(node, set()).add(seen.seed)
    assert all(len(seeds) == 1 for seeds in drawn.values())


def test_noise_differs_between_seats_places_replicates_seeds_and_sides() -> None:
    def noise(match: Match) -> set[int]:
        cast = cast_of(match)
        played(match, cast)
        return {seen.seed for one in cast.values() for seen in one.views}  # type: ignore[union-attr]

    arms = [
        make_match(debate()),
        make_match(debate(), seed=8),
        make_match(debate(), first=1),
        make_match(debate(rounds=3)),
        *matches(QUESTION, 0, debate(), ("a", "b"), 1, 0),
        *matches(QUESTION, 0, debate(), ("a", "b"), 1, 1),
    ]
    found = [noise(match) for match in arms]
    assert sum(map(len, found)) == len(set().union(*found))
    assert derive_seed(1, 0) != derive_seed(1, 1) != derive_seed(10)


def test_in_an_open_debate_sides_are_what_the_first_speeches_say() -> None:
    match = make_match(debate(sides="chosen"))
    picks = {"A": 1, "B": 1}
    cast = {
        seat: Scripted(lambda seen, side=side: Speech("x", side=None if seen.turns else side))
        for seat, side in picks.items()
    }
    whole = played(match, cast)
    assert {seat: stake(match, seat, whole) for seat in picks} == picks
    seen = view(match, whole, verdict_slot(match.protocol))
    assert [t.side for t in seen.turns] == ["B", "B", None, None]
    (leaf,) = read_by(match, whole, Scripted(decide=lambda seen: Verdict(1, (0.1, 0.9))))
    assert {row.seat: row.value for row in reward_rows(match, leaf, whole, ("win",))} == {
        "A": 1.0, "B": 1.0,
    }  # fmt: skip


def test_a_speaker_with_an_assigned_side_cannot_choose_another() -> None:
    match = make_match(debate())
    turncoat = Scripted(lambda seen: Speech("x", side=1))
    whole = played(match, {"A": turncoat, "B": turncoat})
    assert [turn.speech.side for turn in whole] == [None] * 4
    told = make_match(critique(), first=0)
    whole = played(told, {"A": turncoat, "B": turncoat})
    assert [turn.speech.side for turn in whole] == [0, None]


def test_a_side_that_does_not_exist_is_an_error() -> None:
    match = make_match(debate(sides="chosen"))
    with pytest.raises(ValueError, match="chose answer 2 of 2"):
        played(match, {"A": Scripted(lambda seen: Speech("x", side=2)), "B": said("x")})


# Schedules.


def test_over_a_run_each_seat_defends_each_answer_equally_often() -> None:
    questions = [replace(QUESTION, text=f"{i}?") for i in range(6)]
    for protocol, pair in ((debate(), ("x", "y")), (consultancy(), ("x",))):
        found = [matches(q, i, protocol, pair, 1)[0] for i, q in enumerate(questions)]
        for seat in protocol.speakers:
            assert Counter(one.side(seat) for one in found) == {0: 3, 1: 3}
    found = [matches(q, i, critique(), ("x", "y"), 1)[0] for i, q in enumerate(questions)]
    assert Counter(one.proposal for one in found) == {0: 3, 1: 3}
    assert {one.sides for one in found} == {(("A", 0), ("B", 1))}
    three = [replace(q, answers=("tin", "iron", "oak")) for q in questions]
    found = [matches(q, i, debate(), ("x", "y"), 1)[0] for i, q in enumerate(three)]
    assert [one.side("A") for one in found] == [0, 1, 2, 0, 1, 2]
    assert all(one.side("A") != one.side("B") for one in found)


def test_a_schedule_is_every_pair_on_every_question_in_both_roles_with_every_judge() -> None:
    questions = [replace(QUESTION, text=f"{i}?") for i in range(2)]
    protocols = {
        "debate": debate(),
        "asks": debate(judge_questions=True),
        "naive": BUILT_IN["naive"],
    }
    players, judges = {name: f"id {name}" for name in "xyz"}, {"j": "id j", "k": "id k"}
    planned = list(schedule(questions, protocols, players, judges, 1, replicates=2))
    assert len({one.match.id for one in planned}) == len(planned)
    by_setting = Counter(one.labels["protocol"] for one in planned)
    pairs, roles, replicates = 3, 2, 2
    assert by_setting == {
        "debate": pairs * 2 * roles * replicates,
        "asks": pairs * 2 * roles * replicates * len(judges),  # a seated judge: a match each
        "naive": 2 * replicates,
    }
    for one in planned:
        seats = dict(one.match.seats)
        assert (JUDGE in seats) == (one.labels["protocol"] == "asks") == (not one.judges)
        named = one.labels["players"]
        assert {seat: players[who] for seat, who in named.items()} == {  # type: ignore[attr-defined]
            seat: who for seat, who in seats.items() if seat != JUDGE
        }
    sides = Counter((one.match.seats, one.match.sides) for one in planned if one.match.sides)
    assert len(set(sides.values())) == 1, "every pair in both roles equally often"


# Labels.


def test_an_option_carries_the_letter_of_the_seat_that_defends_it() -> None:
    assert make_match(debate(), first=0).labels == ("A", "B")
    assert make_match(debate(), first=1).labels == ("B", "A")
    assert make_match(consultancy(), first=1).labels == ("A", "B")
    assert make_match(critique()).labels == ("A", "B")
    three = replace(QUESTION, answers=("tin", "iron", "oak"))
    assert make_match(debate(), question=three, first=1).labels == ("C", "A", "B")
    assert make_match(debate(), question=three, first=2).labels == ("B", "C", "A")


def test_the_goal_of_a_seat_is_the_label_that_it_is_paid_for() -> None:
    for first in (0, 1):
        match = make_match(debate(), first=first)
        for seat, option in match.sides:
            seen = view(match, (), Slot(seat), 0)
            assert seen.side == seen.goal == match.labels[option] == seat
    for first in (0, 1):
        match = make_match(critique(), first=first)
        proposer, critic = (view(match, (), Slot(seat), 0) for seat in "AB")
        assert (proposer.side, proposer.goal) == (str(first + 1), "A")
        assert (critic.side, critic.goal) == (None, "B")
        assert [option.text for option in critic.options] == [
            "the answer is right", "the answer is wrong",
        ]  # fmt: skip


def test_the_root_is_shared_by_matches_that_differ_in_seats_and_seed_alone() -> None:
    base = make_match(debate())
    assert replace(base, seed=1).root == replace(base, seats=()).root == base.root
    assert len({replace(base, seed=1).id, replace(base, seats=()).id, base.id}) == 3
    for other in (
        make_match(debate(), first=1),
        make_match(debate(rounds=3)),
        make_match(debate(), question=replace(QUESTION, text="What?")),
    ):
        assert other.root != base.root
    assert make_match(critique(), first=0).root != make_match(critique(), first=1).root


def test_reading_in_another_listing_says_so() -> None:
    match = make_match(debate())
    whole = played(match)
    (leaf,) = finish(read(match, Coin(), whole, "coin", (1, 0)))
    assert leaf.verdict.order == (1, 0)
    assert canonical(leaf.verdict.order) == "[1,0]"
