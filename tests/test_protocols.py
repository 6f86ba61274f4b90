"""Protocols as values: their ids, what YAML may say, which slots wait, and when it ends."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from players import PROTOCOLS, cast_of, expansion, make_match, played

from arena.config import ConfigError, find_protocol, read_protocol
from arena.play import append
from arena.protocols import (
    BUILT_IN,
    JUDGE,
    Limits,
    Protocol,
    Round,
    Seat,
    Slot,
    debate,
    pending,
    round_at,
    verdict_slot,
)
from arena.turns import Speech, Turn, Verdict

ALL = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))


# Values and YAML.


@ALL
def test_a_protocol_survives_json_and_yaml(protocol: Protocol) -> None:
    for value in (
        protocol.record(),
        json.loads(json.dumps(protocol.record())),
        yaml.safe_load(yaml.safe_dump(json.loads(json.dumps(protocol.record())))),
    ):
        back = read_protocol(value)
        assert back == protocol
        assert back.id == protocol.id


def test_built_in_protocols_differ_in_their_rules() -> None:
    assert len({protocol.id for protocol in PROTOCOLS.values()}) == len(PROTOCOLS)


@ALL
def test_the_id_of_a_protocol_ignores_its_name_alone(protocol: Protocol) -> None:
    assert replace(protocol, name="something else").id == protocol.id
    changed = [
        replace(protocol, quotes="none"),
        replace(protocol, quoted_total=77),
        replace(protocol, over_limit="forfeit"),
        replace(protocol, sides="assigned" if protocol.sides == "chosen" else "chosen"),
        replace(protocol, closing=(*protocol.closing, *protocol.closing)),
        replace(protocol, passage_to=() if protocol.passage_to else (JUDGE,)),
        replace(protocol, beliefs_to=(JUDGE,)),
    ]
    assert len({one.id for one in (protocol, *changed)}) == 1 + len(changed)


@pytest.mark.parametrize(
    "change",
    [
        {"limits": Limits(tokens=1)},
        {"limits": Limits(characters=1)},
        {"limits": Limits(quoted=1)},
        {"seen_by": ("A",)},
        {"replies_to": "last"},
        {"scratchpad": 5},
        {"may_stop": True},
        {"kind": "answer"},
        {"seat": "B"},
    ],
    ids=str,
)
def test_the_id_of_a_protocol_covers_every_field_of_a_slot(change: dict[str, Any]) -> None:
    def with_slot(slot: Slot) -> Protocol:
        seats = (Seat("A", "debater"), Seat("B", "debater"), Seat(JUDGE, "judge"))
        return Protocol("x", seats, (Round((slot,)),))

    assert with_slot(replace(Slot("A"), **change)).id != with_slot(Slot("A")).id


def _at(*path: str | int) -> Callable[[Any, Any], None]:
    def put(value: Any, new: Any) -> None:
        for part in path[:-1]:
            value = value[part]
        if new is KeyError:
            del value[path[-1]]
        else:
            value[path[-1]] = new

    return put


BAD = [
    (("nmae",), "x", r"nmae: no such field; the fields are beliefs_to"),
    (("id",), "p0", r"\bid: no such field"),
    (("name",), KeyError, r"\bname: .*required"),
    (("name",), 3, r"\bname: .*string.*got 3"),
    (("seats",), KeyError, r"\bseats: .*required"),
    (("seats",), "A", r"\bseats: .*tuple"),
    (("seats", 0), "A", r"\bseats\.0"),
    (("seats", 0, "role"), "hero", r"\bseats\.0\.role: .*'debater'.*got 'hero'"),
    (("seats", 0, "rolle"), "debater", r"\bseats\.0\.rolle: no such field"),
    (("seats", 1, "name"), "A", r"seats: names must differ"),
    (("opening",), 3, r"\bopening: "),
    (("opening", 0), "speech", r"\bopening\.0"),
    (("opening", 0, "slots"), [], r"opening\.0: a round needs at least one slot"),
    (("opening", 0, "simultanous"), True, r"\bopening\.0\.simultanous: no such field"),
    (("opening", 0, "simultaneous"), "perhaps", r"\bopening\.0\.simultaneous: .*got 'perhaps'"),
    (("opening", 0, "slots", 1, "seat"), "Q", r"opening\[0\]: seat 'Q' is not one of"),
    (("opening", 0, "slots", 1, "seat"), "A", r"opening\.0: a seat has two slots of one kind"),
    (("opening", 0, "slots", 1, "kind"), "song", r"\bopening\.0\.slots\.1\.kind: .*got 'song'"),
    (("opening", 0, "slots", 1, "limit"), {}, r"\bopening\.0\.slots\.1\.limit: no such field"),
    (
        ("opening", 0, "slots", 1, "limits", "words"),
        9,
        r"\bopening\.0\.slots\.1\.limits\.words: no such field; .*characters, quoted, tokens",
    ),
    (
        ("opening", 0, "slots", 1, "limits", "tokens"),
        -1,
        r"opening\.0\.slots\.1\.limits\.tokens must be 0 or more, got -1",
    ),
    (
        ("opening", 0, "slots", 1, "limits", "quoted"),
        "many",
        r"\bopening\.0\.slots\.1\.limits\.quoted: .*integer.*got 'many'",
    ),
    (("opening", 0, "slots", 0, "seen_by"), ["C"], r"opening\[0\]: seen_by 'C' is not a seat"),
    (("opening", 0, "slots", 0, "seen_by"), "all", r"\bopening\.0\.slots\.0\.seen_by: .*tuple"),
    (("opening", 0, "slots", 0, "scratchpad"), -5, r"scratchpad must be 0 or more, got -5"),
    (("cycle", 0, "slots", 0, "replies_to"), "all", r"\bcycle\.0\.slots\.0\.replies_to: "),
    (("cycles",), -1, r"cycles must be 0 or more, got -1"),
    (("cycles",), 1.5, r"\bcycles: .*integer"),
    (("cycle",), [], r"cycles: 1 cycles need a cycle to repeat"),
    (("passage_to",), ["C"], r"passage_to: 'C' is not one of"),
    (("beliefs_to",), ["C"], r"beliefs_to: 'C' is not one of"),
    (("stop",), "never", r"\bstop: .*'rounds'.*got 'never'"),
    (("options",), "both", r"\boptions: "),
    (("sides",), "free", r"\bsides: "),
    (("quotes",), "some", r"\bquotes: "),
    (("over_limit",), "cut", r"\bover_limit: "),
    (("quoted_total",), -3, r"quoted_total must be 0 or more, got -3"),
    (("closing", 0, "slots", 0, "may_stop"), [], r"\bclosing\.0\.slots\.0\.may_stop: "),
    # Nothing is coerced.
    (("opening", 0, "slots", 0, "limits", "characters"), True, r"limits\.characters: .*got True"),
    (("opening", 0, "slots", 0, "limits", "characters"), "12", r"limits\.characters: .*got '12'"),
    (("opening", 0, "slots", 0, "limits", "characters"), 1.0, r"limits\.characters: .*got 1\.0"),
    (("opening", 0, "simultaneous"), "no", r"opening\.0\.simultaneous: .*got 'no'"),
    (("opening", 0, "simultaneous"), 1, r"opening\.0\.simultaneous: .*got 1"),
    (("cycles",), "2", r"\bcycles: .*got '2'"),
    (("cycles",), True, r"\bcycles: .*got True"),
    (("quoted_total",), True, r"\bquoted_total: .*got True"),
    # Nor is a number taken that no match can have.
    (("opening", 0, "slots", 0, "scratchpad"), 10**20, r"scratchpad must be 1000000 or less"),
    (("opening", 0, "slots", 0, "limits", "tokens"), 10**20, r"tokens must be 1000000 or less"),
    (("cycles",), 10**20, r"cycles must be 1000000 or less"),
    # What nobody could play.
    (
        ("seats", 2),
        KeyError,
        r"seats: the judge's seat, and no other, .*\['A', 'B'\]",
    ),
    (("seats", 0, "name"), "all", r"seats: names must differ, none of them 'all'"),
    (("opening", 0, "slots", 0, "kind"), "verdict", r"opening\[0\]: a verdict is the judge's.*'A'"),
    (("opening", 0, "slots", 0, "kind"), "belief", r"opening\[0\]: a belief is the judge's.*'A'"),
    (("opening", 0, "slots", 0, "kind"), "question", r"opening\[0\]: a question is the judge's"),
    (
        ("closing", 0, "slots", 0, "kind"),
        "speech",
        r"closing\[0\]: a speech is a speaker's",
    ),
    (("closing", 0, "slots", 0, "kind"), "question", r"closing: the judge .* never decides"),
    (("options",), "right or wrong", r"options: right or wrong .* got no proposer"),
]


@pytest.mark.parametrize(("path", "new", "message"), BAD, ids=lambda x: str(x)[:40])
def test_a_value_that_does_not_fit_is_refused_and_its_field_named(
    path: tuple[str | int, ...], new: Any, message: str
) -> None:
    value = json.loads(json.dumps(debate().record()))
    read_protocol(copy.deepcopy(value))  # it fits as it is
    _at(*path)(value, new)
    with pytest.raises(ConfigError, match=message) as raised:
        read_protocol(value, "here.yaml")
    assert str(raised.value).startswith("here.yaml: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", [None, 3, "debate", [], [1], {"name": "x"}])
def test_what_is_no_protocol_at_all_is_refused(value: object) -> None:
    with pytest.raises(ConfigError):
        read_protocol(value)


def test_a_protocol_is_found_by_name_by_path_and_as_a_value(tmp_path: Path) -> None:
    record = json.loads(json.dumps(replace(debate(), name="mine", quoted_total=9).record()))
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(record))
    assert find_protocol("debate") == BUILT_IN["debate"]
    assert find_protocol("mine.yaml", tmp_path) == find_protocol(record)
    with pytest.raises(ConfigError, match=r"'duel' is not built in; .*one of: .*consultancy"):
        find_protocol("duel")
    with pytest.raises(ConfigError, match=r"yours\.yaml: cannot be read"):
        find_protocol("yours.yaml", tmp_path)
    (tmp_path / "bad.yaml").write_text("a: [1")
    with pytest.raises(ConfigError, match=r"bad\.yaml: not YAML"):
        find_protocol("bad.yaml", tmp_path)
    (tmp_path / "odd.yaml").write_text(yaml.safe_dump({**record, "cycles": -1}))
    with pytest.raises(ConfigError, match=r"odd.yaml: .*cycles"):
        find_protocol("odd.yaml", tmp_path)


def test_a_small_protocol_in_yaml_is_the_value_that_it_says() -> None:
    text = """
    name: haiku duel
    seats: [{name: A, role: debater}, {name: B, role: debater}, {name: judge, role: judge}]
    opening:
      - slots: [{seat: A, limits: {characters: 60}}, {seat: B, limits: {characters: 60}}]
        simultaneous: false
    closing:
      - slots: [{seat: judge, kind: verdict, seen_by: [judge]}]
    passage_to: [A]
    """
    short = Limits(characters=60)
    assert read_protocol(yaml.safe_load(text)) == Protocol(
        "haiku duel",
        (Seat("A", "debater"), Seat("B", "debater"), Seat("judge", "judge")),
        (Round((Slot("A", limits=short), Slot("B", limits=short)), False),),
        closing=(Round((Slot("judge", "verdict", seen_by=("judge",)),)),),
        passage_to=("A",),
    )


def test_the_seat_of_a_judge_is_called_judge() -> None:
    with pytest.raises(ValueError, match="'judge'"):
        Protocol("x", (Seat("A", "debater"), Seat("J", "judge")))
    with pytest.raises(ValueError, match="'judge'"):
        Protocol("x", (Seat("A", "debater"), Seat("judge", "debater")))


# Pending.


def _steps(protocol: Protocol, stops: Callable[[Slot, int], bool]) -> Iterator[tuple[int, Slot]]:
    """Fill slots one at a time, a simultaneous group in seat order; yield each place and slot."""
    match = make_match(protocol)
    names = [seat for seat, _ in match.seats]
    transcript: tuple[Turn, ...] = ()
    for _ in range(100):
        place, slots = pending(protocol, transcript, names)
        assert (place, slots) == pending(protocol, transcript, names)
        if not slots:
            return
        slot = slots[0]
        yield place, slot
        stop = slots[0].may_stop and stops(slot, place)
        leaf = slot.kind in ("belief", "verdict")
        said = Verdict(0, stop=stop) if leaf else Speech("x", stop=stop)
        transcript += (append(match, transcript, place, slot, said, "who"),)
    raise AssertionError("a protocol that does not end")


@ALL
def test_without_a_stop_every_slot_of_a_seated_participant_is_filled_in_order(
    protocol: Protocol,
) -> None:
    seated = {*protocol.speakers, *([JUDGE] if protocol.asks else [])}
    expected = [
        (place, slot)
        for place, one in enumerate(expansion(protocol))
        for slot in one.slots
        if slot.seat in seated
    ]
    assert list(_steps(protocol, lambda slot, place: False)) == expected


def test_all_of_a_simultaneous_round_is_pending_and_one_of_a_sequential_one() -> None:
    for protocol, count in ((debate(), 2), (debate(simultaneous=False), 1)):
        match = make_match(protocol)
        place, slots = pending(protocol, (), ["A", "B"])
        assert (place, len(slots)) == (0, count)
        first = append(match, (), 0, slots[0], Speech("x"), "who")
        place, slots = pending(protocol, (first,), ["A", "B"])
        assert (place, [slot.seat for slot in slots]) == (0, ["B"])


def test_a_judge_that_only_reads_has_no_slot() -> None:
    assert pending(BUILT_IN["expert"], (), []) == (-1, ())
    assert pending(BUILT_IN["expert"], (), [JUDGE])[1][0].kind == "verdict"


def test_agreement_needs_both_and_leads_to_the_closing() -> None:
    protocol = PROTOCOLS["negotiated end"]  # three cycles of question and rebuttal

    def places(stops: Callable[[Slot, int], bool]) -> list[tuple[int, str]]:
        return [(place, slot.kind) for place, slot in _steps(protocol, stops)]

    assert places(lambda slot, place: slot.seat == "A") == places(lambda slot, place: False)
    assert places(lambda slot, place: place == 2) == [
        (0, "speech"), (0, "speech"), (1, "question"), (2, "speech"), (2, "speech"), (3, "verdict"),
    ]  # fmt: skip


def test_one_concession_ends_the_match_after_its_round() -> None:
    protocol = PROTOCOLS["concession"]
    steps = list(_steps(protocol, lambda slot, place: place == 2 and slot.seat == "A"))
    assert [(place, slot.seat) for place, slot in steps] == [
        (0, "A"), (0, "B"), (1, "A"), (1, "B"), (2, "A"), (2, "B"),
    ]  # fmt: skip


def test_a_judge_that_decides_ends_the_match_there() -> None:
    protocol = BUILT_IN["debate until the judge decides"]
    steps = [(place, slot.kind) for place, slot in _steps(protocol, lambda slot, place: place == 4)]
    assert steps[-1] == (4, "belief")
    assert len(steps) == 2 + 1 + 1 + 2 + 1


@ALL
def test_rounds_are_found_by_their_place(protocol: Protocol) -> None:
    rounds = list(expansion(protocol))
    assert [round_at(protocol, (), place) for place in range(len(rounds))] == rounds
    assert round_at(protocol, (), len(rounds)) is None
    assert round_at(protocol, (), -1) is None


@ALL
def test_pending_changes_nothing_and_is_the_same_for_any_sequence(protocol: Protocol) -> None:
    match = make_match(protocol)
    transcript = played(match, cast_of(match))
    names = [seat for seat, _ in match.seats]
    for end in range(len(transcript) + 1):
        part = list(transcript[:end])
        found = pending(protocol, part, names)
        assert part == list(transcript[:end])
        assert found == pending(protocol, tuple(part), tuple(names))


def test_a_protocol_without_a_verdict_still_has_a_slot_for_a_reader() -> None:
    protocol = Protocol(
        "chat", (Seat("A", "debater"), Seat(JUDGE, "judge")), (Round((Slot("A"),)),)
    )
    assert verdict_slot(protocol) == Slot(JUDGE, "verdict", seen_by=(JUDGE,))


@given(st.integers(1, 6), st.integers(0, 20))
def test_cycles_repeat_as_often_as_the_value_says(cycles: int, noise: int) -> None:
    protocol = replace(debate(), cycles=cycles)
    assert len(list(protocol.rounds())) == 2 + cycles
    assert replace(protocol, name=str(noise)).id == protocol.id
