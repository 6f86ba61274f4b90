"""The witness world: its text, its shape, and nothing visible that tells the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.sources.witness import Dials, World, items, world
from arena.sources.witness_odds import literal_posterior
from arena.sources.witness_text import (
    GRADES,
    KINDS,
    VOCABULARIES,
    WITHDRAWALS,
    Ask,
    Statement,
    Withdrawal,
    parse,
    parse_passage,
    parse_question,
    render,
)

# --------------------------------------------------------------------------------------------
# Text.

words = {split: (v.names, v.adjectives, v.nouns) for split, v in VOCABULARIES.items()}
facts = st.builds(
    lambda split, a, n, kind: Ask(f"{words[split][1][a % 30]} {words[split][2][n % 30]}", kind),
    st.sampled_from(["train", "test"]),
    st.integers(0, 29),
    st.integers(0, 29),
    st.sampled_from(sorted(KINDS)),
)
names = st.sampled_from(words["train"][0] + words["test"][0])
statement_lines = facts.flatmap(
    lambda ask: st.builds(
        lambda who, grade, value: Statement(who, grade, ask.object, ask.kind, value),
        names,
        st.sampled_from(GRADES),
        st.sampled_from(KINDS[ask.kind].values),
    )
)
withdrawal_lines = st.builds(
    Withdrawal,
    names,
    st.sampled_from(words["train"][2] + words["test"][2]),
    st.integers(0, len(WITHDRAWALS) - 1),
)


@given(st.one_of(statement_lines, withdrawal_lines))
def test_a_rendered_line_parses_back_to_itself(line: Statement | Withdrawal) -> None:
    assert parse(render(line)) == line
    assert parse(f" {render(line).removesuffix('.')} ") == line


@given(facts)
def test_a_question_parses_back_to_its_fact(ask: Ask) -> None:
    assert parse_question(ask.text) == ask


@given(st.text())
def test_other_text_is_no_line_and_no_question(text: str) -> None:
    assert parse(text) is None
    assert parse_question(text) is None


def test_every_line_of_a_passage_parses_back_to_the_world() -> None:
    for faces in ("equal", "free"):
        for i in range(200):
            one = world(3, i, faces=faces)
            assert parse_passage(one.passage) == one.lines
            assert parse_question(one.question.text) == one.ask


def test_the_splits_share_no_name_adjective_or_noun() -> None:
    for train, test in zip(words["train"], words["test"], strict=True):
        assert len(set(train)) == len(train) and len(set(test)) == len(test)
        assert not set(train) & set(test)
    seen: dict[str, set[str]] = {"train": set(), "test": set()}
    for split in ("train", "test"):
        for i in range(300):
            for line in world(0, i, split).lines:
                seen[split].add(line.witness)
                if isinstance(line, Statement):
                    seen[split] |= set(line.object.split())
    assert not seen["train"] & seen["test"]


# --------------------------------------------------------------------------------------------
# Worlds.


@pytest.mark.parametrize("faces", ["equal", "free"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_world_is_a_function_of_its_place_alone(faces: str, split: str) -> None:
    listed = list(items(5, 12, split, faces))  # type: ignore[arg-type]
    later = list(items(5, 4, split, faces, start=8))  # type: ignore[arg-type]
    assert listed[8:] == later
    assert len({item.question.id for item in listed}) == 12
    assert world(5, 9, split, faces).question == listed[9].question  # type: ignore[arg-type]
    assert listed[0] != next(items(6, 1, split, faces))  # type: ignore[arg-type]


def test_every_world_keeps_its_shape() -> None:
    for i in range(2000):
        one = world(1, i)
        assert 8 <= len(one.lines) <= 30
        said = [line for line in one.lines if isinstance(line, Statement)]
        assert len({line.witness for line in said}) == len(said)
        faces = [sorted(line.grade for line in one.evidence(answer)) for answer in (0, 1)]
        assert faces[0] == faces[1] and 1 <= len(faces[0]) <= 3
        for line in one.lines:
            if isinstance(line, Withdrawal):
                about = next(other for other in said if other.witness == line.witness)
                assert about.object.endswith(" " + line.noun)
        assert any(one.supports(line) is None for line in said)


def test_some_withdrawals_are_of_statements_about_other_facts() -> None:
    about = [0, 0]
    for i in range(300):
        one = world(1, i)
        for line in one.lines:
            if isinstance(line, Statement) and one.withdrawn_by(line) is not None:
                about[one.supports(line) is None] += 1
    assert min(about) > 100


def test_impossible_dials_and_names_are_refused_with_what_was_expected() -> None:
    with pytest.raises(ValueError, match="lines must be a range"):
        Dials(lines=(9, 8))
    with pytest.raises(ValueError, match="at most 40"):
        Dials(lines=(8, 90))
    with pytest.raises(ValueError, match="faces must be"):
        world(0, 0, faces="round")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="split must be"):
        world(0, 0, split="dev")  # type: ignore[arg-type]


def test_dials_change_the_world_and_the_judge_alike() -> None:
    dials = Dials(
        lines=(12, 14), support=(2, 2), reliability=(0.99, 0.8, 0.55), withdrawn=(0.2, 0.7)
    )
    for i in range(100):
        one = world(0, i, dials=dials)
        assert 12 <= len(one.lines) <= 14 and len(one.evidence(0)) == 2
        said = [line for line in one.lines if isinstance(line, Statement)]
        gone = [line for line in one.lines if isinstance(line, Withdrawal)]
        posterior = literal_posterior(one.ask.text, one.answers, said, gone, dials)
        assert posterior[one.truth] > 0.9


# --------------------------------------------------------------------------------------------
# Leaks. Every feature is computed from what is visible and is no evidence, oriented from answer 0
# to answer 1; its sign must not tell the truth.


def _surface(one: World) -> list[float]:
    first, second = one.answers
    lines = list(one.lines)
    said = [line for line in lines if isinstance(line, Statement)]
    others = [line for line in said if one.supports(line) is None]
    places = [[i for i, line in enumerate(lines) if one.supports(line) == a] for a in (0, 1)]
    who = [[line.witness for line in one.evidence(a)] for a in (0, 1)]
    shared = [sum(line.value == a for line in others) for a in one.answers]
    kind = sorted(KINDS).index(one.ask.kind)
    question = one.question
    return [
        1.0,
        len(lines),
        len(question.passage or ""),
        len(said),
        len(others),
        len({line.object for line in said}),
        kind,
        len(first) - len(second),
        float(first < second),
        KINDS[one.ask.kind].values.index(first) - KINDS[one.ask.kind].values.index(second),
        np.mean(places[0]) - np.mean(places[1]),
        places[0][0] - places[1][0],
        places[0][-1] - places[1][-1],
        float(places[0][0] < places[1][0]),
        len("".join(who[0])) - len("".join(who[1])),
        float(min(who[0]) < min(who[1])),
        shared[0] - shared[1],
        float(lines[0] in one.evidence(0)) - float(lines[0] in one.evidence(1)),
        sum(map(len, map(render, one.evidence(0)))) - sum(map(len, map(render, one.evidence(1)))),
        int(question.id[1:9], 16) / 2**32,
        float(others[0].value == first) - float(others[0].value == second),
        sum(line.grade == "saw" and line.value == first for line in others)
        - sum(line.grade == "saw" and line.value == second for line in others),
    ]


def _auc(scores: np.ndarray, labels: np.ndarray) -> float:
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    for value in np.unique(scores):  # midranks
        at = scores == value
        ranks[at] = np.flatnonzero(scores[order] == value).mean() + 1
    positive = labels.sum()
    return (ranks[labels].sum() - positive * (positive + 1) / 2) / (
        positive * (len(labels) - positive)
    )


def test_nothing_visible_but_the_evidence_tells_the_truth() -> None:
    n = 4000
    worlds = [world(17, i) for i in range(n)]
    features = np.array([_surface(one) for one in worlds], dtype=float)
    truth = np.array([one.truth == 1 for one in worlds])
    assert abs(truth.mean() - 0.5) < 4 * 0.5 / math.sqrt(n)
    features = (features - features.mean(0)) / (features.std(0) + 1e-9)
    # Singly: Gaussian z of the difference of means (22 features, |z| < 4).
    gap = features[truth].mean(0) - features[~truth].mean(0)
    assert np.abs(gap).max() < 4 * 2 / math.sqrt(n)
    # Together, and in pairs: a least-squares reader fitted on half, tested on the other half.
    pairs = np.column_stack([features[:, i] * features[:, j] for i in range(12) for j in range(i)])
    readable = np.column_stack([features, pairs])
    half = n // 2
    gram = readable[:half].T @ readable[:half] + 50 * np.eye(readable.shape[1])
    weights = np.linalg.solve(gram, readable[:half].T @ (truth[:half] - 0.5))
    auc = _auc(readable[half:] @ weights, truth[half:])
    assert abs(auc - 0.5) < 4 * math.sqrt((half + 1) / 12) / (half / 2)  # of ranks by chance


def test_a_citation_number_does_not_tell_a_withdrawn_line() -> None:
    places: dict[bool, list[float]] = {True: [], False: []}
    for i in range(4000):
        one = world(23, i)
        for answer in (0, 1):
            for line in one.evidence(answer):
                gone = one.withdrawn_by(line) is not None
                places[gone].append(one.lines.index(line) / (len(one.lines) - 1))
    gap = np.mean(places[True]) - np.mean(places[False])
    assert abs(gap) < 4 * 0.29 * math.sqrt(1 / len(places[True]) + 1 / len(places[False]))


def test_free_faces_leak_nothing_but_how_many_and_how_strong_the_lines_are() -> None:
    n = 4000
    sums = np.zeros(4)
    for i in range(n):
        one = world(29, i, faces="free")
        sign = 1 if one.truth == 0 else -1
        others = [x for x in one.lines if isinstance(x, Statement) and one.supports(x) is None]
        mentions = [sum(x.value == a for x in others) for a in one.answers]
        heads = [
            line.value == one.answers[0] for line in one.lines if one.supports(line) is not None
        ]
        sums += [
            sign,
            sign * np.sign(mentions[0] - mentions[1]),
            sign * np.sign(len(one.answers[0]) - len(one.answers[1])),
            sign * (1 if one.answers[0] < one.answers[1] else -1),
        ]
        assert 4 <= len(heads) <= 7
    assert np.abs(sums).max() < 4 * math.sqrt(n)
