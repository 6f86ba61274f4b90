"""A whole report by hand: every section of what `arena.report.report` returns, for what renders it.

The figures are made up and agree with each other only where that matters here: matrices with their
players, counts with their rows. `whole` has two settings under two judges and a tournament of three
players; `wide` has as many as a page must bear; `with_names` puts other names in the place of all.
"""

from __future__ import annotations

import copy
from typing import Any

SETTINGS = ("consultancy", "debate")
JUDGES = (("literal", "j-aaa"), ("prompted:some/model", "j-bbb"))
PLAYERS = ("strong", "middling", "weak")


def estimate(
    value: float, low: float | None, high: float | None, n: int, clusters: int = 40,
    by: str = "question", **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """An estimate as the reports give them."""
    interval = None if low is None or high is None else [low, high]
    return {"value": value, "interval": interval, "n": n, "clusters": clusters, "by": by,
            "method": "linearised", **more}  # fmt: skip


def _setting(i: int, setting: str, judge: tuple[str, str]) -> dict[str, Any]:
    right = 0.611 + i % 20 / 100
    row: dict[str, Any] = {
        "setting": setting, "judge": judge[0], "judge_id": judge[1], "n": 80 + i,
        "correct": 50, "accuracy": right, "wilson": [right - 0.08, right + 0.07],
        "clustered": {
            "question": {"interval": [right - 0.1, right + 0.09], "clusters": 40 + i},
            "story": {"interval": [right - 0.12, right + 0.11], "clusters": 20 + i},
        },
        "widest": "story", "ties": "half", "verdicts": 80 + i, "scored": 80,
        "quantity": "elicited", "log2_score": -0.842 + i / 100, "judge_score": -0.992,
        "brier": 0.231, "turns": 3.25, "ece": 0.068,
        "missing": {"unparsed": {"n": 3, "A": 2, "B": 1}} if i == 0 else {},
        "without_truth": 0, "position_bias": 0.041,
        "bootstrap": [right - 0.115, right + 0.105],
        "two_way": {"interval": [right - 0.13, right + 0.12], "by": "question x judge",
                    "method": "two-way sandwich"},
        "pigeonhole": [right - 0.14, right + 0.125],
        "bounds": [right - 0.02, right + 0.02], "missing_side": {"p": 0.437, "test": "Fisher"},
        "balanced": estimate(0.655 + i / 100, 0.552, 0.753, 80 + i),
        "youden": estimate(0.31 + i / 50, 0.104, 0.506, 80 + i),
    }  # fmt: skip
    if setting == "consultancy":
        row |= {
            "honest": {"n": 40, "correct": 31}, "dishonest": {"n": 40, "correct": 18},
            "stratified": {
                "accuracy": 0.6125,
                "clustered": {"question": {"interval": [0.501, 0.712], "clusters": 40}},
                "widest": "question",
            },
        }  # fmt: skip
    return row


def _judged(settings: tuple[str, ...], judges: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Every section that has a row for each setting and judge."""
    heads = [
        {"setting": setting, "judge": judge, "judge_id": who}
        for setting in settings
        for judge, who in judges
    ]
    pairs = [(one, other) for i, one in enumerate(settings) for other in settings[i + 1 :]]
    return {
        "settings": [
            _setting(i, head["setting"], (head["judge"], head["judge_id"]))
            for i, head in enumerate(heads)
        ],
        "differences": [
            {
                "first": other, "second": one, "judge": judge, "judge_id": who,
                "paired": estimate(0.123 + i / 100, 0.021, 0.224, 38, p=0.018, holm=0.036)
                | {"questions": 38},
                "unpaired": estimate(0.119, -0.012, 0.247, 160, p=0.072),
                "mcnemar": {"p": 0.0215, "b": 14, "c": 4} if i == 0 else None,
            }
            for one, other in pairs
            for i, (judge, who) in enumerate(judges)
        ],
        "calibration": [
            head | {
                "n": 80, "overconfidence": estimate(0.0815, 0.0112, 0.1518, 80),
                "brier": {"brier": 0.2314, "reliability": 0.0176, "resolution": 0.0287,
                          "uncertainty": 0.2419, "within": 0.0006,
                          "event": "the first option is true"},
                "temperature": {"value": 0.527, "interval": [0.381, 0.689]} if i else None,
                "ece": 0.0687, "rule": "raw", "by": "question",
                "null_ece": {"mean": 0.0543, "high": 0.0871, "p": 0.214},
                "bins": [
                    {"low": 0.5 + k / 10, "high": 0.6 + k / 10, "n": 7 + 5 * k,
                     "confidence": 0.55 + k / 10, "accuracy": 0.5 + 0.07 * k,
                     "interval": [0.35 + 0.07 * k, 0.65 + 0.07 * k]}
                    for k in range(5)
                ],
            }
            for i, head in enumerate(heads)
        ],
        "rounds": [
            head | {"by": "question", "rounds": [
                {"round": k, "n": 80 - k, "carried": 7 * k, "accuracy": 0.5 + 0.06 * k,
                 "interval": [0.42 + 0.06 * k, 0.58 + 0.06 * k]}
                for k in range(4)
            ]}
            for head in heads
        ],
        "trajectories": [
            head | {
                "by": "question",
                "rounds": [
                    {"round": k, "n": 80, "carried": 7 * k, "mean": 0.5 + 0.05 * k,
                     "interval": [0.45 + 0.05 * k, 0.55 + 0.05 * k]}
                    for k in range(4)
                ],
                "lines": [[0.5, 0.5 + (-1) ** line * 0.1, 0.5 + line / 100, 0.4 + line / 50]
                          for line in range(20)],
            }
            for head in heads
        ],
        "behaviour": [
            head | {
                "score_difference": estimate(1.892, 1.204, 2.591, 80),
                "score_difference_probability": estimate(0.272, 0.171, 0.374, 80),
                "win_rate_honest": estimate(0.667, 0.561, 0.762, 80) if i else None,
                "position_bias": estimate(0.0411, -0.0123, 0.0945, 160),
                "length_bias": {"slope": estimate(0.883, 0.112, 1.654, 80),
                                "honesty": estimate(0.417, 0.148, 0.686, 80)},
                "flip_rate": estimate(0.125, 0.069, 0.214, 80),
                "belief_moved": estimate(0.0553, 0.0102, 0.1004, 240),
            }
            for i, head in enumerate(heads)
        ],
        "agreement": [
            {"setting": setting, "judges": [judge for judge, _ in judges],
             "judge_ids": [who for _, who in judges], "units": 38, "judgments": 76,
             "percent": 0.789, "percent_interval": [0.632, 0.895],
             "alpha": estimate(0.571, 0.312, 0.801, 76, 38),
             "alpha_interval": estimate(0.604, 0.344, 0.822, 76, 38),
             "kappa": estimate(0.573, 0.309, 0.806, 76, 38) if len(judges) == 2 else None}
            for setting in settings
        ],
        "cards": [
            {"judge": judge, "judge_id": who, "n": 160,
             "accuracy": estimate(0.694, 0.617, 0.762, 160),
             "shrunk": estimate(0.688, 0.621, 0.749, 160),
             "position_bias": estimate(0.0411, -0.0123, 0.0945, 160),
             "length_bias": {"slope": estimate(0.883, 0.112, 1.654, 160)},
             "overconfidence": estimate(0.0815, 0.0112, 0.1518, 160), "missing": 3}
            for judge, who in judges
        ],
        "recovered": [
            {"judge": judge, "floor": "naive", "ceiling": "expert", "setting": setting,
             "value": None if i else estimate(0.438, 0.214, 0.662, 240),
             "undefined": "the ceiling (0.52) does not exceed the floor (0.52)" if i else None,
             "gain": estimate(0.162, 0.079, 0.246, 240), "gap": estimate(0.371, 0.287, 0.455, 240)}
            for i, (judge, _) in enumerate(judges)
            for setting in settings
        ],
        "costs": [
            {"setting": setting, "role": role, "player": player, "turns": 320, "calls": 340,
             "prompt_tokens": 123456, "sampled_tokens": 23456, "characters": 98765,
             "seconds": 512.25, "money": 1.375 if role == "judge" else None}
            for setting in settings
            for role, player in (("debater", "strong"), ("judge", judges[0][0]))
        ],
        "visible": {
            setting: {"tokens": 812.5, "verdicts": 400, "prompt_tokens": 1650.25}
            for setting in settings
        },
    }  # fmt: skip


def _ratings(players: tuple[str, ...]) -> dict[str, Any]:
    k = len(players)
    met = [[0 if i == j else 40 for j in range(k)] for i in range(k)]
    points = [
        [0.0 if i == j else min(39.5, max(0.5, 20.5 + 6 * (j - i) - (i > j))) for j in range(k)]
        for i in range(k)
    ]
    return {
        "run": "cup",
        "players": [
            {"name": one, "id": f"p-{i}", "skill": 0.5 - i / 2, "elo": 1087.0 - 87 * i,
             "interval": [1041.0 - 87 * i, 1133.0 - 87 * i], "n": 40 * (k - 1),
             "points": sum(points[i]),
             "honest": {"elo": 1153.0 - 87 * i, "interval": None, "n": 20 * (k - 1)},
             "dishonest": {"elo": 1021.0 - 87 * i, "interval": [951.0 - 87 * i, 1091.0 - 87 * i],
                           "n": 20 * (k - 1)},
             "won": {"overall": estimate(0.7375 - i / 100, 0.641, 0.816, 80),
                     "honest": estimate(0.8125 - i / 100, 0.669, 0.903, 40),
                     "dishonest": None},
             "accuracy": estimate(0.643 - i / 100, 0.561, 0.718, 80),
             "note": "never won: its rating rests on the prior" if i == k - 1 else None}
            for i, one in enumerate(players)
        ],
        "effects": {
            "seat": {"value": 0.212, "se": 0.101, "n": 120, "interval": [0.014, 0.41]},
            "honesty": {"value": 1.91, "se": 0.26, "n": 120, "interval": [1.4, 2.42]},
        },
        "points": points, "met": met, "comparisons": 20 * k * (k - 1), "clusters": 40,
        "method": "sandwich", "missing": {"unparsed": {"n": 2, "A": 2}},
        "left_out": {"same player": 4}, "waiting": 1,
        "notes": ["the seat cannot be told from skill: no effect of the seat is estimated"],
        "accuracy": estimate(0.6334, 0.5713, 0.6914, 20 * k * (k - 1)),
        "panel": {"rule": "majority", "judges": [judge for judge, _ in JUDGES], "decisions": 117,
                  "undecided": 3, "incomplete": 9, "missing": {"unparsed": 11}},
    }  # fmt: skip


def _study() -> dict[str, Any]:
    contrast = {
        "first": "debate", "second": "consultancy", "judge": "small", "judge_id": "j-aaa",
        "figure": "accuracy", "expect": None, "sd": 0.0, "exploratory": False, "older": 5,
        "holm": 0.0361, "matched": True,
        "missing": {"debate": {"n": 23, "of": 160}, "consultancy": {"n": 0, "of": 160}},
        "paired": estimate(0.1271, 0.0213, 0.2329, 37, 37, p=0.0181) | {"questions": 37},
        "unpaired": estimate(0.1191, -0.0122, 0.2474, 160),
    }  # fmt: skip
    stop = {"questions": 40, "verdicts": None, "minutes": 90.0, "budget": None}
    return {
        "lock": {"hash": "s0123456789abcdef", "at": 1767225600.0,
                 "changed": ["seed: 1 was locked, 2 is in the store"]},
        "primary": contrast,
        "contrasts": [{**contrast, "judge_id": "j-bbb", "judge": "large", "figure": "log2_score",
                       "exploratory": True, "paired": None, "holm": None, "matched": False}],
        "matched": {"on": "visible tokens", "within": 0.1, "matched": True, "overridden": False,
                    "arms": {"debate": 812.5, "consultancy": 790.25}},
        "exploratory": [
            {"what": "judge", "name": "large (debate)", "why": "added after the lock"},
            {"what": "contrasts", "name": "every comparison but those that the lock declares",
             "why": "not declared"},
        ],
        "excluded": {"debate": {"known": 13, "forfeited": 2}, "consultancy": {}},
        "rules": {"splits": [], "stories": ["the bell"], "forfeited": True, "truncated": False,
                  "known": 0.95},
        "stopping": {"rule": stop, "questions": 40, "planned": {"debate": 160, "consultancy": 161},
                     "judged": {"debate": 83, "consultancy": 161}, "ended": None, "interim": True},
        "older": 17,
    }  # fmt: skip


def whole() -> dict[str, Any]:
    """Every section of a run that is no import, small."""
    judged = _judged(SETTINGS, JUDGES)
    judged["settings"][3]["exploratory"] = True
    return {
        "run": "cup", "labels": ["has learnt from 2 verdicts that were taken back"],
        **judged, "pooled": [{**_setting(9, "all of them", JUDGES[0]), "n": 321}],
        "unjudged": [{"setting": "expert", "matches": 23}],
        "notes": ["7 settings were not compared"],
        "leaks": {
            "auc": estimate(0.637, 0.541, 0.733, 160), "n": 160, "matches": 80, "folds": 5,
            "features": ["characters", "quotes"], "warning": True, "leaking": ["all together"],
            "each": {"characters": estimate(0.5713, 0.4987, 0.6439, 160),
                     "quotes": estimate(0.5214, 0.4412, 0.6016, 160)},
        },
        "ratings": _ratings(PLAYERS), "study": _study(),
    }  # fmt: skip


def imported() -> dict[str, Any]:
    """What an import has besides: its own judges, and who read its debates again."""
    own = [
        {key: value for key, value in row.items() if not key.startswith("judge")}
        | {"ece_final": 0.1717, "ece_turn": 0.0723, "bits_per_round": 0.0553, "turns_sd": 3.66,
           "story_bootstrap": [0.6511, 0.8711]}
        for row in _judged(SETTINGS, JUDGES[:1])["settings"]
    ]  # fmt: skip
    readers = _judged(SETTINGS, JUDGES)["settings"]
    return {
        "run": "rooms", "sample": "paper", "settings": own,
        "paired": [{"first": "debate", "second": "consultancy", "questions": 29,
                    "difference": -0.0862, "interval": [-0.2901, 0.1263], "clusters": 25,
                    "by": "story", "p": 0.4194, "holm": None}],
        "readers": [{**row, "mode": "stepped" if i else "whole"} for i, row in enumerate(readers)],
        "differences": _judged(SETTINGS, JUDGES)["differences"],
    }  # fmt: skip


def wide() -> dict[str, Any]:
    """Twenty settings under five judges, and fourteen players."""
    settings = tuple(f"protocol number {i} with a name of some length" for i in range(20))
    judges = tuple((f"scripted:judge-{i},p=.5", f"j-{i}") for i in range(5))
    players = tuple(f"served:model-{i}@somewhere#adapter@{i}" for i in range(14))
    return {**whole(), "ratings": _ratings(players), **_judged(settings, judges)}


def with_names(found: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The same report with other names, wherever they stand: as values and as keys."""

    def turned(value: Any) -> Any:
        if isinstance(value, str):
            return names.get(value, value)
        if isinstance(value, dict):
            return {names.get(key, key): turned(one) for key, one in value.items()}
        return [turned(one) for one in value] if isinstance(value, list) else value

    return {key: turned(value) for key, value in copy.deepcopy(found).items()}


PLACE = "http://beacon.invalid"
HOSTILE = {
    "cup": "</title></h1><script>window.__pwn=1</script>",
    "debate": f"<script src={PLACE}/a.js></script>|`x`|[a]({PLACE}/b) <{PLACE}/c>"
    " www.beacon.invalid",
    "consultancy": "\x1b[31mred\x1b[0m\x07 \u202edlrow\u202c z\u200bw \\| \\\\| a\\",
    "literal": "very long " * 500,
    "prompted:some/model": f'"><img src="{PLACE}/d.png" onerror="window.__pwn=2">'
    "<svg onload=x> & &lt;b&gt;",
    "strong": "**b** _i_ ~~s~~ # h\n| a | b |\n|---|---|\n$x$ {{ x }} ![i](j) `` ` ``",
    "middling": "\u05e9\u05dc\u05d5\u05dd \u2067x\u2069 </text></svg><image href=x />",
    "weak": "datum.x + '' ; {expr: alert(1)} \u0000",
    "debater": "</style><style>body{display:none}</style>",
    "naive": "<!-- -->]]>",
}  # fmt: skip
"""Names that try to be more than names, for `with_names`."""


def hostile() -> dict[str, Any]:
    """`whole` under hostile names."""
    return with_names(whole(), HOSTILE)


def estimates(found: Any) -> list[dict[str, Any]]:
    """Every estimate in a report, however deep: what has a value, an interval, n and clusters."""
    if isinstance(found, list):
        return [one for part in found for one in estimates(part)]
    if not isinstance(found, dict):
        return []
    if {"value", "interval", "n", "clusters"} <= found.keys():
        return [found]
    return [one for part in found.values() for one in estimates(part)]
