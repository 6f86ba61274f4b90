"""The secondary figures of the NYU debates: what the store and the estimators make of them, beside
a recomputation from the raw files (`nyu_raw`) in plain Python or by statsmodels.

The figures are those of the part of the data that lies beside the checkout. The study's own tables
are of all rooms and are not to be expected here.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, exp, floor, log, log2, log10
from pathlib import Path
from statistics import fmean, pstdev, quantiles
from typing import Any

import numpy as np
import pytest
from nyu_raw import RawRoom, every_room, paper
from test_nyu import data, real

from arena.quotes import merge, new_characters
from arena.report import questions_of, report
from arena.sources.nyu import import_nyu
from arena.stats.accuracy import fisher
from arena.stats.agreement import alpha
from arena.stats.behaviour import length_bias, score_difference
from arena.stats.bradley_terry import ELO, fit
from arena.stats.calibration import confidence, ece, null_ece, overconfidence, temperature
from arena.stats.clusters import bootstrap
from arena.stats.comparison import compare
from arena.stats.intervals import Estimate
from arena.stats.logistic import logistic
from arena.stats.paired import paired_difference, unpaired_difference
from arena.store import Store
from arena.turns import Quote

pytestmark = real
SETTINGS = ("ai consultancy", "ai debate", "human consultancy", "human debate")


@dataclass(frozen=True)
class Given:
    """A verdict as the store has it: ``p`` of the answers, ``before`` the reports before it."""

    room: str
    setting: str
    paper: bool
    mode: str
    match: str
    judge: str
    p: tuple[float, ...]
    choice: int | None
    right: int
    honest: bool  # of a consultancy: whether its speaker defends the true answer
    question: str
    story: str
    before: tuple[tuple[float, ...], ...]

    @property
    def true(self) -> float:
        return self.p[self.right]

    @property
    def correct(self) -> float:
        """By the study's rule: a tie is not correct."""
        return float(self.choice == self.right)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store(None) as opened:
        assert import_nyu(data(), opened).failures == []
        yield opened


@pytest.fixture(scope="module")
def told(store: Store) -> dict[str, Any]:
    """The report on the published sample."""
    return report(store, "nyu")


def row_of(told: dict[str, Any], section: str, setting: str) -> dict[str, Any]:
    """The row of a setting's own judges."""
    found = [
        one for one in told[section]
        if (one["setting"], one.get("judge_id"), one.get("mode")) == (setting, None, None)
    ]  # fmt: skip
    assert len(found) == 1
    row: dict[str, Any] = found[0]
    return row


@pytest.fixture(scope="module")
def rows(store: Store) -> list[Given]:
    """Every verdict in the store."""
    truths = store.truths()
    before: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    sql = """SELECT m.match, t.elicited FROM match_turns AS m JOIN turns AS t ON t.id = m.turn
      WHERE t.kind = 'belief' AND t.mode = 'live' ORDER BY m.match, t.place"""
    for row in store.query(sql):
        before[row["match"]].append(tuple(json.loads(row["elicited"])))
    sql = """SELECT r.labels, v.mode, v.match, v.author, v.elicited, v.choice, m.question, m.sides,
      q.grp AS story FROM run_matches AS r JOIN verdicts AS v ON v.match = r.match
      JOIN matches AS m ON m.id = r.match JOIN questions AS q ON q.id = m.question
      WHERE r.run = 'nyu' ORDER BY r.position"""
    found = []
    for row in store.query(sql):
        labels, right = json.loads(row["labels"]), truths[row["question"]]
        ((_, side), *others) = json.loads(row["sides"])
        found.append(
            Given(
                labels["room"], labels["setting"], labels["sample"] == "paper", row["mode"],
                row["match"], row["author"], tuple(json.loads(row["elicited"])), row["choice"],
                right, not others and side == right, row["question"], row["story"],
                tuple(before[row["match"]]),
            )
        )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def said(store: Store) -> dict[str, dict[int, dict[str, tuple[str, tuple[Quote, ...]]]]]:
    """Speeches as they are stored: by room, place and seat; text and quotations."""
    sql = """SELECT json_extract(labels, '$.room') AS room, t.place, t.seat, s.text, s.quotes
      FROM run_matches AS r JOIN match_turns AS m ON m.match = r.match JOIN turns AS t
      ON t.id = m.turn JOIN speeches AS s ON s.id = t.speech
      WHERE r.run = 'nyu' AND t.kind = 'speech'"""
    found: dict[str, dict[int, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for row in store.query(sql):
        quotes = tuple(
            Quote(begin, end, None if span is None else tuple(span))
            for begin, end, span in json.loads(row["quotes"])
        )
        found[row["room"]][row["place"]][row["seat"]] = (row["text"], quotes)
    return found


def live(rows: Sequence[Given], setting: str) -> list[Given]:
    """The published sample's own judges of a setting."""
    return [one for one in rows if (one.paper, one.setting, one.mode) == (True, setting, "live")]


def value(one: Estimate | None) -> float:
    assert one is not None
    return one.value


def right(p: float, tie: float = 0.0) -> float:
    return tie if p == 0.5 else float(p > 0.5)


# ---------------------------------------------------------------------------------------------
# Agreement, and judges who read afterwards.


def krippendorff(units: Sequence[Sequence[float]], apart: Callable[[float, float], float]) -> float:
    """Alpha by the matrix of coincidences."""
    met: Counter[tuple[float, float]] = Counter()
    for values in units:
        for i, j in combinations(range(len(values)), 2):
            for pair in ((values[i], values[j]), (values[j], values[i])):
                met[pair] += 1 / (len(values) - 1)  # type: ignore[assignment]
    times: Counter[float] = Counter()
    for (one, _), n in met.items():
        times[one] += n
    total = sum(times.values())
    observed = sum(n * apart(*pair) for pair, n in met.items()) / total
    expected = sum(
        n * m * apart(one, other) for one, n in times.items() for other, m in times.items()
    ) / (total * (total - 1))
    return 1 - observed / expected


def test_judges_of_one_human_debate_agree_as_the_raw_rooms_say(
    rows: list[Given], store: Store
) -> None:
    units = [
        one.finals for one in every_room()
        if one.setting == "human debate" and len(one.finals) > 1
    ]  # fmt: skip
    assert (len(units), sum(map(len, units))) == (119, 244)
    here = [one for one in rows if one.setting == "human debate"]
    match, p = [one.match for one in here], [one.p[0] for one in here]
    nominal = alpha(match, [one > 0.5 for one in p])
    assert nominal is not None and nominal.n == 244
    known = krippendorff([[float(p > 0.5) for p in one] for one in units], lambda a, b: a != b)
    assert nominal.value == pytest.approx(known, abs=1e-9)
    known = krippendorff(units, lambda a, b: (a - b) ** 2)
    assert value(alpha(match, p, "interval")) == pytest.approx(known, abs=1e-9)
    (row,) = (
        one for one in report(store, "nyu", "all", sections=["agreement"])["agreement"]
        if one["setting"] == "human debate"
    )  # fmt: skip
    assert (row["units"], row["judgments"]) == (119, 244)
    assert row["alpha_interval"]["value"] == pytest.approx(known, abs=1e-9)
    choices = [[0.5 if p == 0.5 else float(p > 0.5) for p in one] for one in units]
    known = krippendorff(choices, lambda a, b: a != b)  # a tie is a choice of its own in reports
    assert row["alpha"]["value"] == pytest.approx(known, abs=1e-9)
    pairs = [a == b for one in choices for a, b in combinations(one, 2)]
    assert row["percent"] == pytest.approx(fmean(pairs), abs=1e-9)


@pytest.mark.parametrize(
    ("setting", "mode", "n"),
    [("human debate", "stepped", 123), ("human debate", "timed", 32),
     ("human consultancy", "stepped", 7), ("ai consultancy", "stepped", 2)],
)  # fmt: skip
def test_judges_who_read_afterwards_are_right_as_often_as_in_the_raw_rooms(
    setting: str, mode: str, n: int, store: Store
) -> None:
    readers = [
        row for row in report(store, "nyu", "all")["readers"]
        if (row["setting"], row.get("mode")) == (setting, mode)
    ]  # fmt: skip
    told = [
        (one.p if room.truth == 0 else 1 - one.p, one.name)
        for room in every_room() if room.setting == setting
        for one in room.readers if one.mode == mode and one.p is not None
    ]  # fmt: skip
    assert sum(row["n"] for row in readers) == len(told) == n
    assert sum(row["correct"] for row in readers) == sum(right(p, 0.5) for p, _ in told)
    assert len(readers) == len({name for _, name in told})


# ---------------------------------------------------------------------------------------------
# By setting: scores, calibration, rounds.


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_agent_score_difference_is_that_of_the_raw_rooms(
    setting: str, rows: list[Given], told: dict[str, Any]
) -> None:
    here, ours = paper(setting), live(rows, setting)
    honest = None
    if "debate" in setting:
        known = fmean(log2(one.true[-1]) - log2(1 - one.true[-1]) for one in here)
        shares = fmean(2 * one.true[-1] - 1 for one in here)
    else:
        honest = [one.honest for one in ours]
        for_it = [one.true[-1] for one in here if one.honest]
        against = [1 - one.true[-1] for one in here if not one.honest]
        known = fmean(map(log2, for_it)) - fmean(map(log2, against))
        shares = fmean(for_it) - fmean(against)
        assert len(for_it) == sum(honest)
    p, story = [one.true for one in ours], [one.story for one in ours]
    assert value(score_difference(p, honest, story)) == pytest.approx(known, abs=1e-9)
    found = score_difference(p, honest, story, "probability")
    assert value(found) == pytest.approx(shares, abs=1e-9)
    assert found is not None and found.clusters == len({one.story for one in here})
    row = row_of(told, "behaviour", setting)
    assert row["score_difference"]["value"] == pytest.approx(known, abs=1e-9)
    assert row["score_difference_probability"]["value"] == pytest.approx(shares, abs=1e-9)
    assert row["score_difference"]["clusters"] == found.clusters
    bits = sum(log2(one.true[-1] / one.true[0]) for one in here) / sum(one.turns for one in here)
    assert row["belief_moved"]["value"] == pytest.approx(bits, abs=1e-9)


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_best_multiplier_of_logits_is_that_of_the_raw_rooms(
    setting: str, rows: list[Given], told: dict[str, Any]
) -> None:
    logits = [log(p / (1 - p)) for p in (one.true[-1] for one in paper(setting))]

    def slope(m: float) -> float:
        return sum(x / (1 + exp(m * x)) for x in logits)

    low, high = 0.0, 3.0  # the slope falls
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    found = temperature([one.true for one in live(rows, setting)])
    assert found is not None
    assert found.multiplier.value == pytest.approx(low, abs=1e-7)
    before, after = (-fmean(log2(1 + exp(-m * x)) for x in logits) for m in (1.0, low))
    assert (found.before, found.after) == pytest.approx((before, after), abs=1e-9)
    row = row_of(told, "calibration", setting)["temperature"]
    assert row["value"] == pytest.approx(low, abs=1e-7)
    assert (row["before"], row["after"]) == pytest.approx((before, after), abs=1e-9)
    assert after > before


BIN: dict[str, Callable[[float], int]] = {
    "raw": lambda c: min(9, max(i for i in range(10) if i / 10 <= c)),
    "rounded": lambda c: min(9, floor(round(round(c, 6) * 1e6) / 1e5)),
    "right": lambda c: max(0, ceil(round(round(c, 6) * 1e6) / 1e5) - 1),
}


def calibration_error(pairs: Sequence[tuple[float, float]], rule: str) -> float:
    gaps: dict[int, float] = defaultdict(float)
    for c, y in pairs:
        gaps[BIN[rule](c)] += y - c
    return sum(map(abs, gaps.values())) / len(pairs)


@pytest.mark.parametrize("setting", SETTINGS)
def test_calibration_is_that_of_the_raw_rooms_by_every_rule_for_edges(
    setting: str, rows: list[Given], told: dict[str, Any]
) -> None:
    here, ours = paper(setting), live(rows, setting)
    pairs = [(max(p, 1 - p), right(p, 0.5)) for p in (one.true[-1] for one in here)]
    c, y = confidence([one.true for one in ours])
    for rule in ("raw", "rounded", "right"):
        assert ece(c, y, rule=rule) == pytest.approx(calibration_error(pairs, rule), abs=1e-9)
    row = row_of(told, "calibration", setting)
    assert (row["n"], row["rule"]) == (len(here), "raw")
    assert row["ece"] == pytest.approx(calibration_error(pairs, "raw"), abs=1e-9)
    bins: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for pair in pairs:
        bins[BIN["raw"](pair[0])].append(pair)
    for one, (_, part) in zip(row["bins"], sorted(bins.items()), strict=True):
        assert one["n"] == len(part)
        assert one["confidence"] == pytest.approx(fmean(c for c, _ in part))
        assert one["accuracy"] == pytest.approx(fmean(y for _, y in part))
    assert row_of(told, "settings", setting)["ece_final"] == pytest.approx(
        calibration_error(pairs, "raw"), abs=1e-9
    )
    gap = fmean(c for c, _ in pairs) - fmean(y for _, y in pairs)
    assert value(overconfidence(c, y)) == pytest.approx(gap, abs=1e-9) and gap > 0.05
    assert row["overconfidence"]["value"] == pytest.approx(gap, abs=1e-9)
    generator, drawn = random.Random(1), []
    for _ in range(2000):
        drawn.append(calibration_error([(c, generator.random() < c) for c, _ in pairs], "raw"))
    null = null_ece(c, y)
    assert null is not None
    assert null.mean == pytest.approx(fmean(drawn), abs=0.003)
    assert null.high == pytest.approx(quantiles(drawn, n=20)[-1], abs=0.006)
    assert null.observed > null.high  # no setting's judges are calibrated
    assert row["null_ece"]["mean"] == pytest.approx(fmean(drawn), abs=0.003)


def test_the_rule_for_edges_matters_in_this_data() -> None:
    """Which is why it is declared: in two of the four settings rules are .03 apart and more."""
    apart = 0
    for setting in SETTINGS:
        pairs = [(max(p, 1 - p), right(p, 0.5)) for p in (one.true[-1] for one in paper(setting))]
        found = [calibration_error(pairs, rule) for rule in BIN]
        apart += max(found) - min(found) > 0.03
    assert apart == 2


def test_priors_confidence_and_rounds_are_those_of_the_raw_rooms(
    rows: list[Given], told: dict[str, Any]
) -> None:
    table = {row["setting"]: row for row in told["settings"]}
    for setting in SETTINGS:
        here, ours = paper(setting), live(rows, setting)
        for low, high in ((0.45, 0.55), (0.35, 0.65)):
            known = sum(low <= one.true[0] <= high for one in here)
            assert sum(low <= one.before[0][one.right] <= high for one in ours) == known
            assert known > 0.8 * len(here)
        sure = [one.true[-1] for one in here if max(one.true[-1], 1 - one.true[-1]) >= 0.95]
        surely = [one for one in ours if max(one.p) >= 0.95]
        assert len(surely) == len(sure) > 0.3 * len(here)
        assert sum(one.correct for one in surely) == sum(p > 0.5 for p in sure)
        turns = [len(one.rounds) for one in here]
        assert turns == [one.turns for one in here] == [len(one.before) for one in ours]
        assert table[setting]["turns"] == pytest.approx(fmean(turns), abs=1e-12)
        assert table[setting]["turns_sd"] == pytest.approx(pstdev(turns), abs=1e-12)
        # By round, where a debate that has ended keeps its last report.
        for row in row_of(told, "trajectories", setting)["rounds"]:
            held = [room.true[min(row["round"], room.turns)] for room in here]
            assert row["mean"] == pytest.approx(fmean(held), abs=1e-9)
        for row in row_of(told, "rounds", setting)["rounds"]:
            held = [
                # Even odds are half right on the way, and wrong as a verdict.
                0.5 if (at := row["round"]) < room.turns and abs(room.true[at] - 0.5) < 1e-9
                else right(room.true[min(at, room.turns)])
                for room in here
            ]  # fmt: skip
            assert row["accuracy"] == pytest.approx(fmean(held), abs=1e-9)
            assert row["carried"] == sum(room.turns < row["round"] for room in here)
        early = [one for one in here if one.turns == 1]
        assert sum(not right(one.true[-1]) for one in early) == sum(
            not one.correct for one in ours if len(one.before) == 1
        )


# ---------------------------------------------------------------------------------------------
# Speeches: what was quoted, and whether length wins.


def characters(room: RawRoom, said: Any, seat: str) -> int:
    return sum(len(one[seat][0]) for one in said[room.name].values() if seat in one)


@pytest.mark.parametrize("setting", SETTINGS)
def test_quotations_are_accounted_for_as_in_the_raw_rooms(setting: str, said: Any) -> None:
    """Within half a per cent: a quotation stands in the store as the story has it, while the study
    renders its tokens by themselves."""
    here = paper(setting)
    rounds = sum(len(one.rounds) for one in here)
    fresh = everything = spoken = revealed = 0.0
    for room in here:
        before: list[tuple[int, int]] = []
        for place in sorted(said[room.name]):
            group = said[room.name][place].values()
            fresh += sum(new_characters(given, before) for _, given in group)
            everything += sum(new_characters(given, ()) for _, given in group)
            before += [quote.span for _, given in group for quote in given if quote.span]
            spoken += sum(len(text) for text, _ in group)
        revealed += sum(b - a for a, b in merge(before))
    if "consultancy" in setting:  # two speakers of one round may quote the same
        assert fresh == revealed
    assert 0.7 * fresh < revealed <= fresh
    known = sum(sum(one.new_quoted()) for one in here)
    assert fresh / rounds == pytest.approx(known / rounds, rel=0.005)
    assert 1 - fresh / everything == pytest.approx(
        1 - known / sum(one.quoted() for one in here), abs=0.005
    )
    known = sum(one.characters(side) for one in here for side in (0, 1))
    assert spoken / rounds == pytest.approx(known / rounds, rel=0.005)


def test_length_and_place_weigh_with_judges_as_statsmodels_says(
    said: Any, told: dict[str, Any]
) -> None:
    import statsmodels.api as sm

    here = [one for one in paper("human debate") if one.p[-1] != 0.5]
    chosen = np.array([float(one.p[-1] > 0.5) for one in here])
    longer = np.array([one.characters(0) - one.characters(1) for one in here]) / 1000
    honest = np.array([1.0 if one.truth == 0 else -1.0 for one in here])
    story = np.unique([one.story for one in here], return_inverse=True)[1]
    ours = np.array([characters(one, said, "A") - characters(one, said, "B") for one in here])
    assert np.abs(ours / 1000 - longer).max() < 0.05  # characters, of texts of thousands

    design = np.stack([longer, honest], axis=1)
    known = sm.Logit(chosen, design).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": story, "use_correction": False}
    )
    found = length_bias(chosen, 1000 * longer, honest > 0, story)
    assert found is not None and found.length.se is not None
    assert (found.length.value, found.honesty.value) == pytest.approx(known.params, abs=1e-6)
    count = len(set(story))
    assert found.length.se == pytest.approx(known.bse[0] * (count / (count - 1)) ** 0.5, rel=1e-4)
    stored = length_bias(chosen, ours, honest > 0, story)
    assert stored is not None
    assert stored.length.value == pytest.approx(found.length.value, abs=0.02)
    row = row_of(told, "behaviour", "human debate")["length_bias"]
    assert row["per"] == "1000 characters" and row["slope"]["n"] == len(here)
    assert row["slope"]["value"] == pytest.approx(stored.length.value, abs=1e-9)
    assert row["honesty"]["value"] == pytest.approx(stored.honesty.value, abs=1e-9)
    assert found.length.value > 0 and found.honesty.low is not None and found.honesty.low > 0

    with_place = np.stack([np.ones(len(here)), longer, honest], axis=1)
    placed = sm.Logit(chosen, with_place).fit(disp=0)
    fitted = logistic(with_place, chosen)
    assert fitted.coefficients == pytest.approx(placed.params, abs=1e-6)
    assert np.sqrt(np.diag(fitted.bread)) == pytest.approx(placed.bse, rel=1e-5)
    assert abs(placed.tvalues[0]) < 1.96  # nothing says that judges lean to a place


def test_the_honesty_advantage_in_elo_is_that_of_a_newton_by_hand() -> None:
    here = paper("human debate")
    names = sorted({who for one in here for _, who in one.debaters})
    place = {who: i for i, who in enumerate(names)}
    x = np.zeros((len(here), len(names) + 1))
    for i, one in enumerate(here):
        for sign, (_, who) in zip((1, -1), one.debaters, strict=True):
            x[i, place[who]] += sign
        x[i, -1] = 1.0 if one.truth == 0 else -1.0
    y = np.array([right(one.p[-1], 0.5) for one in here])
    prior, beta = np.append(np.ones(len(names)), 0.0), np.zeros(len(names) + 1)
    for _ in range(30):
        chance = 1 / (1 + np.exp(-x @ beta))
        information = (x.T * (chance * (1 - chance))) @ x + np.diag(prior)
        beta = beta + np.linalg.solve(information, x.T @ (y - chance) - prior * beta)
    truth = np.array([1 - one.truth for one in here])
    first, second = ([one.debaters[side][1] for one in here] for side in (0, 1))
    found = fit(
        compare(first, second, y, [one.story for one in here], honest=(truth, 1 - truth)), ridge=1.0
    )
    assert found.honesty().value == pytest.approx(beta[-1], abs=1e-6)
    assert found.skills == pytest.approx(beta[:-1], abs=1e-6)
    elo = found.contrast(effects={"honesty": 1.0}, scale=ELO)
    assert elo.value == pytest.approx(400 * log10(exp(beta[-1])), abs=1e-3)
    assert elo.low is not None and elo.low > 100


# ---------------------------------------------------------------------------------------------
# Human debate less human consultancy.


def variance(
    y: Sequence[float], arm: Sequence[int], labels: Sequence[Hashable]
) -> tuple[dict[tuple[int, int], float], int]:
    """Covariances of the two arms' means by clusters, each cluster's residuals divided by the root
    of one less its share of the arm."""
    sums: dict[Hashable, list[list[float]]] = defaultdict(lambda: [[0.0, 0.0], [0.0, 0.0]])
    n = [arm.count(0), arm.count(1)]
    mean = [fmean(v for v, a in zip(y, arm, strict=True) if a == k) for k in (0, 1)]
    for v, a, label in zip(y, arm, labels, strict=True):
        sums[label][a][0] += v - mean[a]
        sums[label][a][1] += 1 / n[a]
    out = dict.fromkeys([(0, 0), (0, 1), (1, 0), (1, 1)], 0.0)
    for cluster in sums.values():
        part = [e / (1 - w) ** 0.5 / n[a] for a, (e, w) in enumerate(cluster)]
        for key in out:
            out[key] += part[key[0]] * part[key[1]]
    return out, len(sums)


Covariance = dict[tuple[int, int], float]


def two_way(one: Covariance, other: Covariance, both: Covariance) -> Covariance:
    """The sum less that of both, or one of the two where it gives the difference more variance; no
    arm has less than by one of them."""
    sum_of = {key: one[key] + other[key] - both[key] for key in one}

    def gap(v: Covariance) -> float:
        return v[0, 0] + v[1, 1] - v[0, 1] - v[1, 0]

    taken = max((one, other, sum_of), key=gap)
    least = [max(v[k, k] for v in (one, other, taken)) for k in (0, 1)]
    more = [(least[k] / taken[k, k]) ** 0.5 for k in (0, 1)]
    return {key: taken[key] * more[key[0]] * more[key[1]] for key in taken}


def test_human_debate_less_consultancy_has_the_errors_of_every_clustering(
    rows: list[Given], told: dict[str, Any]
) -> None:
    arms = [paper("human debate"), paper("human consultancy")]
    y = [right(one.true[-1]) for part in arms for one in part]
    arm = [k for k, part in enumerate(arms) for _ in part]
    labels: dict[str, list[Any]] = {
        "room": [one.name for part in arms for one in part],
        "story": [one.story for part in arms for one in part],
        "judge": [one.judge for part in arms for one in part],
    }
    labels["both"] = list(zip(labels["story"], labels["judge"], strict=True))
    share = [fmean(v for v, a in zip(y, arm, strict=True) if a == k) for k in (0, 1)]
    plain = [p * (1 - p) / len(part) for p, part in zip(share, arms, strict=True)]
    by = {name: variance(y, arm, found)[0] for name, found in labels.items()}
    by["two"] = two_way(by["story"], by["judge"], by["both"])

    ours = [live(rows, setting) for setting in ("human debate", "human consultancy")]
    columns = [
        (one.correct, name, one.story, one.judge)
        for name, part in zip("dc", ours, strict=True) for one in part
    ]  # fmt: skip
    credit, which, story, judge = map(list, zip(*columns, strict=True))

    def difference(first: Any, second: Any = None) -> Estimate:
        found = unpaired_difference(credit, which, ("d", "c"), first, second)
        assert found is not None and found.se is not None
        assert found.value == pytest.approx(share[0] - share[1], abs=1e-12)
        assert found.low is not None and found.high is not None and found.low < 0 < found.high
        return found

    def known(name: str) -> float:
        """Never less than rooms that share nothing would have."""
        v = by[name]
        more = [max(1.0, plain[k] / v[k, k]) ** 0.5 for k in (0, 1)]
        total = sum(
            (1 if a == b else -1) * v[a, b] * more[a] * more[b] for a in (0, 1) for b in (0, 1)
        )
        return float(total**0.5)

    iid = difference(range(len(credit)))
    assert iid.se == pytest.approx(sum(plain) ** 0.5, abs=1e-9)
    assert difference(story).se == pytest.approx(known("story"), abs=1e-9)
    assert difference(judge).se == pytest.approx(known("judge"), abs=1e-9)
    assert difference(story, judge).se == pytest.approx(known("two"), abs=1e-9)
    (row,) = (
        one["unpaired"] for one in told["differences"]
        if (one["first"], one["second"], one["judge"])
        == ("human consultancy", "human debate", None)
    )  # fmt: skip
    widest = difference(story, judge)  # several people judged: what theirs share counts as well
    assert row["value"] == pytest.approx(share[1] - share[0], abs=1e-12)
    assert widest.low is not None and widest.high is not None
    assert row["interval"] == pytest.approx([-widest.high, -widest.low], abs=1e-9)
    assert (row["n"], row["by"]) == (len(y), "story x judge")
    k = [sum(v for v, a in zip(y, arm, strict=True) if a == side) for side in (0, 1)]
    from scipy.stats import fisher_exact

    tables = [(int(right), len(part)) for right, part in zip(k, arms, strict=True)]
    exact = fisher_exact([[right, n - right] for right, n in tables])
    assert fisher(*tables) == pytest.approx(exact.pvalue, rel=1e-9)


def test_the_bootstrap_of_the_difference_is_that_of_stories_drawn_by_hand(
    rows: list[Given],
) -> None:
    arms = [paper("human debate"), paper("human consultancy")]
    stories: dict[str, list[list[float]]] = defaultdict(lambda: [[], []])
    for k, part in enumerate(arms):
        for room in part:
            stories[room.story][k].append(right(room.true[-1]))
    names, generator, drawn = sorted(stories), random.Random(3), []
    for _ in range(3000):
        sample = generator.choices(names, k=len(names))
        sides = [[v for name in sample for v in stories[name][k]] for k in (0, 1)]
        drawn.append(fmean(sides[0]) - fmean(sides[1]))
    ours = [live(rows, setting) for setting in ("human debate", "human consultancy")]
    table: dict[str, list[float]] = defaultdict(lambda: [0.0] * 4)
    for k, readers in enumerate(ours):
        for one in readers:
            table[one.story][2 * k] += one.correct
            table[one.story][2 * k + 1] += 1
    assert len(table) == len(names)
    found = bootstrap(
        np.array(list(table.values())), lambda t: t[:, 0] / t[:, 1] - t[:, 2] / t[:, 3], 3000, 1
    )
    known = quantiles(drawn, n=40)
    assert np.quantile(found, [0.025, 0.975]) == pytest.approx([known[0], known[-1]], abs=0.015)
    assert found.std() == pytest.approx(np.std(drawn), rel=0.05)


def test_the_paired_difference_is_that_of_the_questions_of_both_arms(
    rows: list[Given], store: Store, told: dict[str, Any]
) -> None:
    cells: dict[tuple[str, str], list[list[float]]] = defaultdict(lambda: [[], []])
    for k, setting in enumerate(("human debate", "human consultancy")):
        for room in paper(setting):
            cells[room.story, room.question][k].append(right(room.true[-1]))
    gaps = {key: fmean(a) - fmean(b) for key, (a, b) in cells.items() if a and b}
    (row,) = (
        one for one in told["paired"]
        if (one["first"], one["second"]) == ("human debate", "human consultancy")
    )  # fmt: skip
    assert (row["questions"], row["clusters"]) == (len(gaps), len({story for story, _ in gaps}))
    assert row["difference"] == pytest.approx(fmean(gaps.values()), abs=1e-12)
    assert row["interval"][0] < 0 < row["interval"][1]
    # The same of our columns. Rooms list the answers of one question in both orders, which are two
    # ids of it and one name: by ids there would be fewer questions that both arms have.
    names = questions_of(store, "nyu")
    ours = [(one, k) for k, s in enumerate(("human debate", "human consultancy"))
            for one in live(rows, s)]  # fmt: skip
    found = paired_difference(
        [one.correct for one, _ in ours], [k for _, k in ours],
        [names[one.question][0] for one, _ in ours], (0, 1), [one.story for one, _ in ours],
    )  # fmt: skip
    assert found is not None and found.se is not None and found.n == len(gaps)
    by_id = [{one.question for one in live(rows, f"human {what}")} for what in
             ("debate", "consultancy")]  # fmt: skip
    assert len(by_id[0] & by_id[1]) < len(gaps)
    sums: dict[str, float] = defaultdict(float)
    for (story, _), gap in gaps.items():
        sums[story] += gap - fmean(gaps.values())
    plain = (sum(e * e for e in sums.values()) / len(gaps) ** 2) ** 0.5
    # Stories with several of the questions are corrected for, so ours may only be a little more.
    assert plain <= found.se < 1.25 * plain


def test_the_raw_rooms_are_those_of_the_part(store: Store) -> None:
    """What the figures above are of; else they would be figures of something else."""
    here = every_room()
    if len(here) != 417:
        pytest.skip("another part of the data set than the one the counts are of")
    assert sum(one.paper for one in here) == 268
    assert [len(paper(setting)) for setting in SETTINGS] == [53, 57, 61, 97]
    assert Path(data() / "debates-metadata.jsonl").is_file()
    played = store.one("SELECT count(*) AS n FROM run_matches WHERE run = 'nyu'")
    assert played is not None and played["n"] == 417
