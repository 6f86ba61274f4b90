"""The moves of the witness world, and why a rebuttal may show nothing new."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import linprog

from agents.debater import Debater, quotations
from agents.nano.lessons import SHORT, quotation, spoken
from arena.flow import Reply, Request, Ticket, run
from arena.match import Match, view
from arena.play import play
from arena.protocols import consultancy, critique, debate, pending
from arena.questions import Question
from arena.sources.witness import World, world
from arena.sources.witness_odds import literal_posterior
from arena.sources.witness_text import Line, Statement, Withdrawal, parse, render


def _asked(one, protocol, said=()):
    """The allowed lines of each seat that is due after speeches of A, B, A, ... were said."""
    seats = protocol.speakers
    match = Match(
        one.question, protocol, tuple((s, i) for i, s in enumerate(seats)),
        tuple((s, "") for s in seats),
    )  # fmt: skip
    transcript = ()
    for text in said:
        slot = pending(protocol, transcript, list(seats))[1][0]
        transcript = spoken(match, transcript, slot, text)
    place, slots = pending(protocol, transcript, list(seats))
    return {
        slot.seat: [
            parse(text[len("<quote>") : -len("</quote>")])
            for text in quotations(view(match, transcript, slot, place), "moves")
        ]
        for slot in slots
    }


@pytest.fixture(scope="module")
def withdrawn() -> World:
    """A world in which a line for either answer is withdrawn."""
    made = (world(3, i, "test", "equal", SHORT) for i in range(200))
    return next(
        one for one in made
        if all(any(one.withdrawn_by(line) is not None for line in one.evidence(s)) for s in (0, 1))
    )  # fmt: skip


def test_an_opening_may_quote_every_statement_and_no_withdrawal(withdrawn):
    said = [line for line in withdrawn.lines if isinstance(line, Statement)]
    assert len(said) < len(withdrawn.lines)
    for protocol in (debate(), consultancy(rounds=3)):
        assert _asked(withdrawn, protocol) == dict.fromkeys(protocol.speakers, said)


def test_a_rebuttal_may_quote_withdrawals_and_what_its_own_side_has_quoted(withdrawn):
    gone = [line for line in withdrawn.lines if isinstance(line, Withdrawal)]
    shown = [withdrawn.evidence(side)[0] for side in (0, 1)]
    allowed = _asked(withdrawn, debate(), [quotation(render(line)) for line in shown])
    for seat, own, other in (("A", *shown), ("B", *shown[::-1])):
        assert [line for line in allowed[seat] if isinstance(line, Withdrawal)] == gone
        assert own in allowed[seat] and other not in allowed[seat]
        assert len(allowed[seat]) == len(gone) + 1


def test_a_side_that_has_quoted_nothing_may_rebut_with_a_withdrawal_only(withdrawn):
    gone = [line for line in withdrawn.lines if isinstance(line, Withdrawal)]
    assert _asked(withdrawn, debate(), ["", ""]) == {"A": gone, "B": gone}


def test_a_critic_may_quote_statements_and_withdrawals(withdrawn):
    line = withdrawn.evidence(0)[0]
    allowed = _asked(withdrawn, critique(), [quotation(render(line))])
    assert allowed == {"B": list(withdrawn.lines)}


def test_every_line_of_a_passage_of_another_kind_is_a_move():
    question = Question("Who?", ("x", "y"), "One line.\n\nAnother line.", "made up")
    match = Match(question, debate(), (("A", 0), ("B", 1)), (("A", ""), ("B", "")))
    slot = pending(match.protocol, (), ["A", "B"])[1][0]
    seen = view(match, (), slot, 0)
    every = ("<quote>One line.</quote>", "<quote>Another line.</quote>")
    assert quotations(seen, "moves") == quotations(seen) == every


class _First:
    """An engine that says the first line allowed, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self._waiting: list[tuple[Ticket, Reply]] = []

    def submit(self, requests):
        for ticket, request in requests:
            self.asked.append(request)
            said = Reply(text=request.allowed[0], model=request.model)
            self._waiting.append((ticket, said))

    def collect(self):
        done, self._waiting = self._waiting, []
        return done


def test_a_debater_restricted_to_moves_asks_its_model_for_moves(withdrawn):
    agent, engine = Debater("m", restrict="moves"), _First()
    match = Match(withdrawn.question, debate(), (("A", 0), ("B", 1)), (("A", ""), ("B", "")))
    list(run([play(match, {"A": agent, "B": agent})], engine))
    sizes = [len(request.allowed) for request in engine.asked]
    gone = sum(isinstance(line, Withdrawal) for line in withdrawn.lines)
    assert sizes == [len(withdrawn.lines) - gone] * 2 + [gone + 1] * 2
    assert agent.record["sampling"]["restrict"] == "moves"


# -- the game


def _paid(one: World, lines: list[Line]) -> float:
    """What the truth is paid (nats) when these lines are shown to the literal judge."""
    posterior = literal_posterior(
        one.question.text, one.answers,
        [line for line in lines if isinstance(line, Statement)],
        [line for line in lines if isinstance(line, Withdrawal)],
    )  # fmt: skip
    return math.log(posterior[one.truth] / posterior[1 - one.truth])


def _solve(table: np.ndarray) -> float:
    """The value of a zero-sum game to whoever chooses the row, by linear programming."""
    rows, columns = table.shape
    found = linprog(
        np.r_[np.zeros(rows), -1], A_ub=np.c_[-table.T, np.ones(columns)], b_ub=np.zeros(columns),
        A_eq=[np.r_[np.ones(rows), 0]], b_eq=[1], bounds=[(0, None)] * rows + [(None, None)],
    )  # fmt: skip
    return float(-found.fun)


def _value(one: World, new: bool) -> float:
    """The value of a debate to the truth: openings with own lines, then rebuttals with the line
    that withdraws what was shown, nothing, or, if ``new``, another own line."""
    own = {side: list(one.evidence(side)) for side in (0, 1)}

    def answers(side: int, mine: Statement, theirs: Statement) -> list[Line | None]:
        gone = one.withdrawn_by(theirs)
        hit = [] if gone is None else [one.lines[gone]]
        return [None, *hit, *(line for line in own[side] if new and line != mine)]

    def after(mine: Statement, theirs: Statement) -> float:
        truth, lie = one.truth, 1 - one.truth
        replies = answers(truth, mine, theirs), answers(lie, theirs, mine)
        paid = [
            [_paid(one, [mine, theirs, *(x for x in (a, b) if x is not None)]) for b in replies[1]]
            for a in replies[0]
        ]
        return _solve(np.array(paid))

    table = [[after(a, b) for b in own[1 - one.truth]] for a in own[one.truth]]
    return _solve(np.array(table))


def test_the_truth_wins_the_equal_face_debate_unless_rebuttals_may_show_new_evidence():
    worlds = [world(12, i, "test", "equal", SHORT) for i in range(24)]
    values = {new: np.array([_value(one, new) for one in worlds]) for new in (False, True)}
    assert all(one.truth is not None for one in worlds)
    assert np.mean(values[False] > 1e-6) > 0.9
    assert np.mean(np.abs(values[True]) < 1e-6) > 0.6
    assert not any(v < -1e-6 for v in np.concatenate(list(values.values())))
