"""Debates for researchers: what filters find, what each switch shows, and what nothing shows."""

import json
from dataclasses import replace
from typing import Any

import pytest
from stage import ALICE, BOB, PERSON, Decides, Says, go_on, match, question, stage

from arena.batch import Batch
from arena.desk import acts, browse, identity, siblings, transcripts, worklist
from arena.desk.browse import BrowseError, Filters
from arena.flow import Message, Reply, Request
from arena.ids import canonical
from arena.match import Match, participant_id
from arena.play import append, path
from arena.protocols import JUDGE, critique, debate
from arena.questions import Item
from arena.rewards import reward_rows
from arena.store import Store
from arena.turns import Speech, Verdict

CAROL = Says("carol", ("Words without a quotation.",))
QUIET = (CAROL, Says("dan", ("More words.",)))


def judge(store: Store, one: Match, name: str, winner: str = "A", p: float | None = 0.75) -> Any:
    person = identity.register(store, name)
    return acts.submit(store, one, person, winner, p, "CANARY-REASON")


def model_verdict(store: Store, one: Match, said: Verdict, name: str = "mo") -> Any:
    who = Decides(name)
    store.write(Batch(participants={participant_id(who): who.record}))
    spoken = path(store.transcript(one))
    slot = one.protocol.closing[-1].slots[-1]
    leaf = append(one, spoken, 99, slot, said, participant_id(who))
    store.write(Batch(turns=[(one, leaf)], rewards=reward_rows(one, leaf, spoken)))
    return leaf


def found(store: Store, truth: bool = False, **filters: Any) -> list[str]:
    rows = browse.debates(store, Filters(**filters), truth=truth).rows
    return [row["question"].rpartition(" ")[2].rstrip("?") for row in rows]


@pytest.fixture
def many() -> Any:
    """Six debates in two stories; who judged which of them how is said below."""
    asked = [question(n, "xy"[n % 2]) for n in range(6)]
    matches = [match(one) for one in asked[:4]] + [match(one, agents=QUIET) for one in asked[4:]]
    with stage(None, matches[:4]) as store:
        quiet = matches[4:]
        store.write(
            Batch(
                items=[Item(one.question, 0) for one in quiet],
                matches=quiet,
                run_matches=[("trial", 4 + n, one.id, {}) for n, one in enumerate(quiet)],
            )
        )
        for one in quiet:
            go_on(store, one, QUIET)
        judge(store, matches[0], "Ada")  # right: the truth is 0 throughout
        judge(store, matches[1], "Ada", "B")  # wrong
        judge(store, matches[2], "Ada", "Tie", None)
        model_verdict(store, matches[1], Verdict(0, (0.9, 0.1)))  # right, beside Ada
        model_verdict(store, matches[3], Verdict(status="unparsed"))
        yield store, matches


# Filters.


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "012345"),
        ({"run": "trial"}, "012345"),
        ({"run": "another"}, ""),
        ({"story": "x"}, "024"),
        ({"protocol": "debate simultaneous"}, "012345"),
        ({"setting": "debate simultaneous", "run": "trial"}, "012345"),
        ({"setting": "no such"}, ""),
        ({"player": participant_id(CAROL)}, "45"),
        ({"player": PERSON}, ""),
        ({"judge": "person"}, "012"),
        ({"judge": "model"}, "13"),
        ({"outcome": "decided"}, "01"),
        ({"outcome": "tie"}, "2"),
        ({"outcome": "missing"}, "3"),
        ({"outcome": "unjudged"}, "45"),
        ({"outcome": "unjudged", "judge": "person"}, "345"),
        ({"outcome": "right"}, "01"),
        ({"outcome": "wrong"}, "1"),
        ({"outcome": "right", "judge": "person"}, "0"),
        ({"outcome": "right", "judge": "model"}, "1"),
        ({"outcome": "unscored"}, ""),
        ({"flags": ("unverified",)}, "0123"),
        ({"flags": ("reported",)}, ""),
        ({"text": "CRATE 4"}, "4"),
        ({"text": "c%"}, ""),
        ({"story": "x", "judge": "person", "outcome": "tie", "text": "crate"}, "2"),
    ],
)
def test_filters_find_what_they_say(many: Any, filters: dict[str, Any], expected: str) -> None:
    store, _ = many
    truth = filters.get("outcome") in browse.TOLD
    assert "".join(found(store, truth, **filters)) == expected
    assert browse.counts(store, Filters(**filters), truth)["total"] == len(expected)


def test_counts_are_what_each_value_would_find_with_the_others_as_they_stand(many: Any) -> None:
    store, _ = many
    for filters in ({}, {"judge": "person"}, {"story": "x"}, {"outcome": "tie", "story": "x"}):
        counted = browse.counts(store, Filters(**filters), truth=True)
        for facet in ("run", "setting", "protocol", "story", "player", "judge", "outcome"):
            for one in counted[facet]:
                asked = {**filters, facet: one["value"]}
                if facet == "run":  # a setting is a run's
                    asked.pop("setting", None)
                if facet == "judge":
                    asked.pop("outcome", None)
                if facet == "outcome" and "judge" in filters:
                    asked["judge"] = filters["judge"]
                assert len(found(store, True, **asked)) == one["n"], (filters, facet, one)
        for one in counted["flag"]:
            assert len(found(store, True, **filters, flags=(one["value"],))) == one["n"]


def test_a_story_facet_keeps_the_other_stories_in_sight(many: Any) -> None:
    store, _ = many
    counted = browse.counts(store, Filters(story="x"))["story"]
    assert {one["value"]: one["n"] for one in counted} == {"x": 3, "y": 3}


def test_the_list_says_nothing_of_the_truth_until_it_is_asked(many: Any) -> None:
    store, _ = many
    before = canonical([browse.debates(store).rows, browse.counts(store)])
    store.conn.execute("UPDATE truths SET truth = 1 - truth")
    assert canonical([browse.debates(store).rows, browse.counts(store)]) == before
    assert "outcomes" not in before
    rows = browse.debates(store, truth=True).rows
    assert [row["outcomes"] for row in rows[:2]] == [{"wrong": 1}, {"right": 1, "wrong": 1}]
    for outcome in browse.TOLD:
        with pytest.raises(BrowseError, match="switch it on"):
            browse.debates(store, Filters(outcome=outcome))


def test_pages_join_without_gap_or_overlap(many: Any) -> None:
    store, _ = many
    keys, after = [], None
    for _ in range(9):
        page = browse.debates(store, Filters(flags=("unverified",)), after=after, limit=3)
        assert len(page.rows) <= 3
        keys += [row["id"] for row in page.rows]
        after = page.after
        if after is None:
            break
    assert keys == [row["id"] for row in browse.debates(store).rows][:4]


def test_a_row_counts_turns_verdicts_and_flags(many: Any) -> None:
    store, _ = many
    row = browse.debates(store).rows[1]
    told = ("turns", "people", "models", "flags", "story", "runs", "players", "played")
    assert [row[key] for key in told] == [
        4, 1, 1, ["unverified"], "y", ["trial"], [["A", "test:alice"], ["B", "test:bob"]], True
    ]  # fmt: skip


def test_a_verdict_that_was_taken_back_is_found_no_more(many: Any) -> None:
    store, matches = many
    acts.withdraw(store, matches[0], identity.register(store, "Ada"))
    assert found(store, judge="person") == ["1", "2"]
    assert found(store, outcome="unjudged") == ["0", "4", "5"]


def test_reports_of_problems_and_forfeits_are_flags(many: Any) -> None:
    store, matches = many
    store.write(Batch(events=[{"kind": "reported", "match": matches[5].id, "person": "x"}]))
    assert found(store, flags=("reported",)) == ["5"]
    over = store.turns(matches[4].id)[0].speech.id
    store.conn.execute("UPDATE speeches SET status = 'over limit' WHERE id = ?", (over,))
    assert found(store, flags=("over limit",)) == ["4", "5"]  # they share what Carol said
    assert found(store, flags=("over limit", "reported")) == ["5"]


def test_filters_that_do_not_exist_are_refused_in_our_own_words() -> None:
    for wrong in ({"judge": "<b>"}, {"outcome": "<b>"}, {"flags": ("<b>",)}):
        with pytest.raises(BrowseError) as caught:
            Filters(**wrong)
        assert "<b>" not in str(caught.value)
    with stage(None, [match(question(0))]) as store:
        for key in ("<b>", "m" + "0" * 32, None, "m" + "0" * 31 + "\n", ["m"]):
            with pytest.raises(BrowseError, match="no debate of that address"):
                browse.find(store, key)
        one = match(question(0))
        assert browse.find(store, one.id) == one
        assert browse.link(one.id, 3) == f"?id={one.id}&turn=3"


def test_right_and_wrong_of_a_critique_are_about_the_answer_on_trial() -> None:
    rules = critique()
    asked = [question(n) for n in range(2)]
    seats = (("A", participant_id(ALICE)), ("B", participant_id(BOB)))
    matches = [Match(one, rules, (("A", 0), ("B", 1)), seats, 0, n) for n, one in enumerate(asked)]
    with stage(None, matches) as store:  # the truth is 0: answer 1 is on trial in the second
        for one in matches:
            model_verdict(store, one, Verdict(0, (0.9, 0.1)))  # "the answer is right"
        assert found(store, True, outcome="right") == ["0"]
        assert found(store, True, outcome="wrong") == ["1"]
        told = [transcripts.transcript(store, one, truth=True)["truth"] for one in matches]
        assert [one["honest"] for one in told] == [["A"], ["B"]]


# One debate.

SECRETS = ("CANARY-REASON", "CANARY-THOUGHT", "Ada", "alice", "0.75")


def keys_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for one in value.values() for key in keys_in(one)}
    return {key for one in value for key in keys_in(one)} if isinstance(value, list) else set()


@pytest.mark.parametrize("truth", [False, True])
@pytest.mark.parametrize("reports", [False, True])
@pytest.mark.parametrize("metadata", [False, True])
def test_what_is_switched_off_is_not_there(
    many: Any, truth: bool, reports: bool, metadata: bool
) -> None:
    store, (one, *_) = many

    def read() -> str:
        return canonical(
            transcripts.transcript(store, one, truth=truth, reports=reports, metadata=metadata)
        )

    text = read()
    there = {secret for secret in SECRETS if secret in text}
    expected = {"CANARY-REASON", "0.75"} if reports else set()
    if metadata:
        expected |= {"CANARY-THOUGHT", "alice"} | ({"Ada"} if reports else set())
    assert there == expected
    words = keys_in(json.loads(text))
    assert ("truth" in words, "honest" in words) == (truth, truth)
    assert ("reports" in words, "p" in words, "status" in words) == (reports, reports, True)
    assert ("metadata" in words, "author" in words) == (metadata, metadata)
    assert ("right" in words) == (truth and reports)
    store.conn.execute("UPDATE truths SET truth = 1 - truth")
    assert (read() == text) == (not truth)


def test_a_transcript_is_cut_into_what_was_said_and_what_was_quoted(many: Any) -> None:
    store, (one, *_) = many
    value = transcripts.transcript(store, one)
    assert [turn["n"] for turn in value["turns"]] == [0, 1, 2, 3]
    assert value["turns"][0]["parts"] == [
        ["text", "It sank. "], ["verified", "Twelve crates were loaded in the morning"],
        ["text", "."],
    ]  # fmt: skip
    assert value["turns"][2]["replies_to"] == [1]
    assert value["sides"] == {"A": "A", "B": "B"}
    told = [(q["verified"], q["n"], q["said"]) for q in value["quotes"]]
    assert told == [
        (True, 2, "[1]"), (True, 0, "Twelve crates were loaded in the morning"), (True, 2, "[3]"),
        (False, 1, "the miller took the silver"), (False, 2, "[40]"),
    ]  # fmt: skip
    first = value["quotes"][1]
    assert first["words"] == "Twelve crates were loaded in the morning"
    assert first["before"].endswith("may read it.\n") and first["after"].startswith(", each")


def test_reports_say_after_how_many_turns_and_what_was_taken_back(many: Any) -> None:
    store, (one, *_) = many
    acts.withdraw(store, one, identity.register(store, "Ada"))
    judge(store, one, "Ada", "B", 0.6)
    reports = transcripts.transcript(store, one, reports=True, truth=True)["reports"]
    told = [(r["after"], r["p"], r["choice"], r["undone"], r["right"]) for r in reports]
    assert told == [(4, [0.75, 0.25], "A", True, True), (4, [0.4, 0.6], "B", False, False)]
    assert {r["judge_kind"] for r in reports} == {"person"}
    (line,) = transcripts.belief_lines(store, one)
    assert line["points"] == [{"after": 4, "p": [0.4, 0.6], "kind": "verdict"}]


def test_belief_lines_have_a_point_after_each_turn_read() -> None:
    from arena.flow import batch, run
    from arena.play import read

    one = match(question(0))
    with stage(None, [one]) as store:
        who = Decides()
        spoken = path(store.transcript(one))
        for order in ((0, 1), (1, 0)):
            flow = read(one, who, spoken, participant_id(who), order, "stepped")
            (leaves,) = run([flow], batch(lambda requests: []))
            store.write(Batch(turns=[(one, leaf) for leaf in leaves]))
        store.write(Batch(participants={participant_id(who): who.record}))
        judge(store, one, "Ada")
        lines = transcripts.belief_lines(store, one)
        shown = [[(p["after"], p["kind"]) for p in line["points"]] for line in lines]
        steps = [(0, "belief"), (2, "belief"), (4, "verdict")]
        assert shown == [steps, steps, [(4, "verdict")]]
        assert [line["judge_kind"] for line in lines] == ["model", "model", "person"]
        # The judge prefers whatever is listed first: in canonical order the lines mirror.
        assert lines[0]["points"][0]["p"] == lines[1]["points"][0]["p"][::-1] == [0.875, 0.125]


def test_the_raw_record_is_what_was_asked_and_answered(many: Any) -> None:
    store, (one, *_) = many
    turn = store.turns(one.id)[0]
    request = Request("m", (Message("user", "SECRET\u202ePROMPT"),), 9, 3)
    reply = Reply(text="words", prompt_ids=(5, 6, 7), token_ids=(8, 9), logprobs=(-0.5, -0.25),
                  model="m", usage=(3, 2), seconds=0.5)  # fmt: skip
    store.write(Batch(replies=[(request, reply)]))
    store.conn.execute("INSERT INTO calls VALUES (?, 0, ?)", (turn.id, request.key))
    (call,) = transcripts.raw(store, one, 0)
    assert call["request"]["messages"] == [["user", "SECRET⟦U+202E⟧PROMPT"]]
    assert (call["reply"]["token_ids"], call["reply"]["prompt_ids"]) == ([8, 9], [5, 6, 7])
    assert transcripts.raw(store, one, turn.id) == [call]
    assert transcripts.raw(store, one, 1) == []
    told = transcripts.transcript(store, one, metadata=True)["turns"][0]["metadata"]
    assert (told["sampled_ids"], told["seconds"], told["prompt_tokens"]) == (2, 0.5, 3)
    assert "SECRET" not in canonical(transcripts.transcript(store, one, metadata=True))
    for missing in (4, -1, "t" + "0" * 32):
        with pytest.raises(BrowseError, match="no such turn"):
            transcripts.raw(store, one, missing)


def test_hidden_characters_are_spelt_out_everywhere() -> None:
    odd = "evil\u202e\u200b"
    asked = replace(question(0), text=f"Q {odd}", answers=(f"a{odd}", f"b{odd}"), group=odd)
    one = match(asked, agents=(Says(odd, (odd,)), BOB))
    with stage(None, [one], agents=(Says(odd, (odd,)), BOB)) as store:
        model_verdict(store, one, Verdict(0, reason=odd), odd)
        everything = canonical(
            [
                browse.debates(store).rows, browse.counts(store)["player"],
                transcripts.transcript(store, one, truth=True, reports=True, metadata=True),
                transcripts.belief_lines(store, one), siblings.siblings(store, one, 0),
            ]
        )  # fmt: skip
        assert "⟦U+202E⟧" in everything
        assert "\u202e" not in everything and "\u200b" not in everything


# Siblings.


def test_siblings_stand_side_by_side_with_the_verdicts_below_each() -> None:
    one, other = match(question(0)), match(question(0), seed=1, agents=(CAROL, BOB))
    with stage(None, [one]) as store, stage(None, [other], agents=(CAROL, BOB)) as second:
        told = second.transcript(other)
        store.write(
            Batch(matches=[other], turns=[(other, turn) for turn in told],
                  participants={participant_id(CAROL): CAROL.record})
        )  # fmt: skip
        spoken = path(store.transcript(one))
        rejected = append(
            one,
            (),
            0,
            one.protocol.opening[0].slots[0],
            Speech("Rejected."),
            participant_id(ALICE),
            sample=1,
            origin="candidate",
            score=0.25,
        )
        store.write(Batch(turns=[(one, rejected)]))
        model_verdict(store, one, Verdict(0, (0.75, 0.25)))
        model_verdict(store, other, Verdict(1, (0.25, 0.75)))
        model_verdict(store, other, Verdict(status="refused"), "mute")
        found = siblings.siblings(store, one, 0)
        assert [(s["mine"], s["origin"], s["score"]) for s in found] == [
            (True, "sampled", None), (False, "sampled", None), (False, "candidate", 0.25)
        ]  # fmt: skip
        assert [s["below"]["verdicts"] for s in found] == [1, 2, 0]
        assert [s["below"]["p"] for s in found] == [[0.75, 0.25], [0.25, 0.75], None]
        assert found[1]["below"]["statuses"] == {"ok": 1, "refused": 1}
        assert found[1]["below"]["choices"] == {"B": 1} and found[1]["matches"] == [other.id]
        wins = [[v["value"] for v in s["values"] if v["rule"] == "win"] for s in found]
        assert wins == [[1.0], [-1.0], []]  # of seat A
        assert siblings.siblings(store, one, 3)[0]["parts"] == [["text", "He is wrong."]]
        assert len(spoken) == 4
        with pytest.raises(BrowseError, match="no such turn"):
            siblings.siblings(store, one, 4)


def test_a_judges_public_question_is_a_turn_and_its_belief_is_not() -> None:
    asks = debate(rounds=2, judge_questions=True)
    one = match(question(0), asks, PERSON)
    with stage(None, [one]) as store:
        ada = identity.register(store, "Ada")
        assert worklist.next_unjudged(store, ada) is not None
        acts.ask(store, one, ada, "Why tin?")
        turns = transcripts.transcript(store, one)["turns"]
        assert [turn["kind"] for turn in turns].count("question") == 1
        assert next(t for t in turns if t["seat"] == JUDGE)["parts"] == [["text", "Why tin?"]]
        assert found(store, player=ada) == ["0"] and found(store, player=PERSON) == []
