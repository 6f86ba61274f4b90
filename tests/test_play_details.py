"""What play promises in the corners: forks, second listings, candidates, three answers."""

from dataclasses import replace

from players import PROTOCOLS, QUESTION, Talker, make_match, played, read_by

from arena.flow import Flow
from arena.match import Chosen, Match, View, listing, mirror, view
from arena.play import path
from arena.protocols import JUDGE, Slot, debate, pending
from arena.questions import Question
from arena.tournament import matches
from arena.turns import Speech
from judges.scripted import Coin


def test_a_fork_shows_a_newcomer_what_its_seat_said_and_not_what_was_thought() -> None:
    match = make_match(debate(rounds=3))
    whole = played(match)
    forked = replace(match, seats=(("A", "newcomer"), ("B", "who-B")))
    place, slots = pending(forked.protocol, whole[:2], ["A", "B"])
    seen = view(forked, whole[:2], slots[0], place)
    (own,) = [turn for turn in seen.turns if turn.mine]
    assert own.text == whole[0].speech.text and whole[0].speech.thought
    assert own.thought == ""
    stayed = view(match, whole[:2], slots[0], place)
    assert [turn.thought for turn in stayed.turns if turn.mine] == [whole[0].speech.thought]


def test_a_second_listing_is_a_second_throw_of_a_judge_that_decides_by_chance() -> None:
    """One noise for both listings would make a coin take the same position twice, every time."""
    agreed = 0
    for seed in range(200):
        match = make_match(debate(rounds=1), seed=seed)
        whole = path(played(match))
        choices = [
            read_by(match, whole, Coin(), listing(match, swapped))[0].verdict.choice
            for swapped in (False, True)
        ]
        agreed += choices[0] == choices[1]
    assert 60 < agreed < 140  # a fair coin: 100, standard deviation 7


def test_a_speaker_in_a_sequential_round_draws_its_noise_after_the_turn_before_it() -> None:
    match = make_match(debate(rounds=1, simultaneous=False))
    first, second = Talker("A"), Talker("B")
    for opening in ("one", "another"):
        said = played(match, {"A": Fixed(opening)})
        played(match, {"A": first, "B": second}, said)
    assert second.views[0].seed != second.views[1].seed


class Fixed:
    """Says one thing."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.record = {"kind": "fixed", "text": text}

    def speak(self, seen: View) -> Flow[Speech]:
        yield from ()
        return Speech(self.text)


def test_the_quotes_of_a_candidate_are_verified_as_those_of_a_speech_are() -> None:
    class Chooser(Fixed):
        def speak(self, seen: View) -> Flow[Chosen]:  # type: ignore[override]
            yield from ()
            return Chosen(Speech("see [1]"), ((Speech("see [2]"), 0.5),))

    kept: list[object] = []
    match = make_match(debate(rounds=1))
    played(match, {"A": Chooser("x")}, record=kept.append)
    assert [len(turn.speech.quotes) for turn in kept] == [1, 1]  # type: ignore[attr-defined]
    assert all(turn.speech.quotes[0].span for turn in kept)  # type: ignore[attr-defined]


def test_a_forfeited_speech_stops_nothing() -> None:
    protocol = PROTOCOLS["concession"]
    slots = tuple(
        replace(slot, limits=replace(slot.limits, characters=3))
        for slot in protocol.cycle[-1].slots
    )
    strict = replace(protocol, cycle=(replace(protocol.cycle[-1], slots=slots),))

    class Conceding(Fixed):
        def speak(self, seen: View) -> Flow[Speech]:
            yield from ()
            return Speech("I concede", stop=True)

    whole = played(make_match(strict), {"A": Conceding("x"), "B": Conceding("y")})
    assert len([t for t in whole if t.speech.status == "over limit"]) == 2 * strict.cycles
    assert not any(turn.speech.stop for turn in whole)


def test_ids_do_not_depend_on_the_order_in_which_sides_and_seats_are_given() -> None:
    sides, seats = (("A", 0), ("B", 1)), (("A", "x"), ("B", "y"), (JUDGE, "z"))
    protocol = PROTOCOLS["debate with questions"]
    one = Match(QUESTION, protocol, sides, seats)
    other = Match(QUESTION, protocol, sides[::-1], seats[::-1])
    assert one == other and one.id == other.id and one.root == other.root


def test_three_answers_are_mirrored_by_exchanging_sides_and_consulted_on_one_by_one() -> None:
    three = Question("Which?", ("one", "two", "three"), "It was two.")
    (first, turned) = matches(three, 1, debate(), ("x", "y"), 0, mirrored=True)
    assert (first.sides, turned.sides) == ((("A", 1), ("B", 2)), (("A", 2), ("B", 1)))
    assert mirror(turned) == first
    alone = matches(three, 1, PROTOCOLS["consultancy"], ("x",), 0, mirrored=True)
    assert sorted(match.side("A") or 0 for match in alone) == [0, 1, 2]


def test_a_lone_consultants_reader_is_told_which_answer_it_defends() -> None:
    for option, label in ((0, "A"), (1, "B")):
        match = make_match(PROTOCOLS["consultancy"], first=option)
        whole = played(match)
        seen = view(match, whole, Slot(JUDGE, "verdict"))
        assert [turn.side for turn in seen.turns] == [label]
