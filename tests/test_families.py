"""Model families: which judge may not decide on which debater."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import agents
import judges
from agents.debater import Debater
from agents.models import Models
from arena.families import family, refuse_family
from arena.match import participant_id
from arena.participants import SpecError
from judges.planted import Charmed, Noisy, Seated, Trusting
from judges.prompted import PromptedJudge

Record = Mapping[str, Any]


def debater(name: str, digest: str = "d1") -> Record:
    return Debater(model=f"local:{digest}", name=name, digest=digest).record


def judge(name: str, digest: str = "d2") -> Record:
    return PromptedJudge(f"local:{digest}", name, digest, kind="prompted").record


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Qwen/Qwen2.5-1.5B-Instruct", "qwen"), ("Qwen2.5-7B", "qwen"), ("nano", "nano"),
        ("nano-judge", "nano"), ("meta-llama/Llama-3.1-8B", "llama"), ("gpt-4o", "gpt"),
        ("mistralai/Mixtral-8x7B", "mixtral"), ("models/nano/", "nano"), ("7b-chat", "b"),
        ("007", "007"), ("Über-9B", "über"),
    ],
)  # fmt: skip
def test_a_family_is_what_the_models_name_begins_with(name: str, expected: str) -> None:
    assert family(debater(name)) == family(judge(name)) == expected
    assert family({"kind": "served", "name": name}) == expected


def test_who_has_no_model_has_no_family() -> None:
    for spec in ("scripted:witness,p=.5", "scripted:random"):
        assert family(agents.load(spec, Models()).record) is None
    for spec in ("scripted:literal", "scripted:coin", "planted:trust,of=(scripted:literal)",
                 "planted:seat,of=(planted:noisy,of=(scripted:first))"):  # fmt: skip
        assert family(judges.load(spec, Models()).record) is None
    assert family({"kind": "person", "name": "Ada"}) is None
    assert family({"kind": "replay", "name": "m1"}) is None
    assert family({}) is None


def test_a_wrapper_has_the_family_of_what_it_wraps() -> None:
    inner = PromptedJudge("local:d2", "Qwen2.5-7B", "d2", kind="prompted")
    for one in (Trusting(inner), Charmed(inner, "x"), Seated(Noisy(inner)), Noisy(Seated(inner))):
        assert family(one.record) == "qwen"
        assert participant_id(one) != participant_id(inner)
    best = {"kind": "best-of", "n": 4, "of": debater("nano"), "digest": "its own"}
    assert family(best) == "nano"
    assert family({"kind": "mixture", "of": [debater("scripted", ""), debater("nano")]}) is not None


def test_what_is_declared_comes_first() -> None:
    declared = {"ours": "Llama", "tuned-9": " Qwen "}
    assert family(debater("nano"), "ours", declared) == "llama"
    assert family(debater("lab/tuned-9"), "", declared) == "qwen"
    assert family(debater("nano"), "theirs", declared) == "nano"


PLAYERS = {"script": agents.load("scripted:random", Models()).record, "q": debater("Qwen2.5-7B")}


def test_a_judge_of_a_debaters_family_is_refused_in_one_line_that_says_what_to_write() -> None:
    strict = {"fair": judge("llama-3"), "j\u202e": Seated(PromptedJudge("m", "Qwen3-0.6B")).record}
    with pytest.raises(SpecError) as refused:
        refuse_family(PLAYERS, strict)
    said = str(refused.value)
    assert said == (
        "judges: 'j⟦U+202E⟧' is of the same model family as the debater 'q' (qwen), and a model "
        "prefers what its own family writes; take another judge, or write `allow_family: true` "
        "under tournament"
    )
    refuse_family(PLAYERS, strict, allowed=True)
    refuse_family(PLAYERS, {"fair": strict["fair"]})
    refuse_family({"script": PLAYERS["script"]}, strict)
    refuse_family(PLAYERS, {"bayes": judges.load("scripted:literal", Models()).record})


def test_the_same_weights_under_two_names_are_one_family_unless_both_are_declared_apart() -> None:
    players, named = {"p": debater("alpha", "same")}, {"j": judge("beta", "same")}
    with pytest.raises(SpecError, match=r"'j' is of the same model family .* 'p' \(alpha\)"):
        refuse_family(players, named)
    refuse_family(players, {"j": judge("beta", "other")})
    with pytest.raises(SpecError):
        refuse_family(players, named, declared={"j": "another"})
    refuse_family(players, named, declared={"j": "another", "p": "one"})


def test_declared_families_join_and_part() -> None:
    players, named = {"p": debater("alpha")}, {"j": judge("beta")}
    refuse_family(players, named)
    with pytest.raises(SpecError, match=r"\(greek\)"):
        refuse_family(players, named, declared={"alpha": "greek", "beta": "Greek"})
    alike = {"p": debater("qwen-a")}, {"j": judge("qwen-b")}
    with pytest.raises(SpecError):
        refuse_family(*alike)
    refuse_family(*alike, declared={"p": "distilled"})


def test_a_declared_family_counts_for_whoever_has_no_model_too() -> None:
    players = {"strong": PLAYERS["script"], "ann": {"kind": "person"}}
    named = {"literal": judges.load("scripted:literal", Models()).record, "q": judge("Qwen2.5-7B")}
    assert family(players["strong"], "strong", {"strong": " Acme "}) == "acme"
    assert family(players["strong"], "strong", {"literal": "acme"}) is None
    for player in players:
        with pytest.raises(SpecError, match=rf"'literal' is of the same .* '{player}' \(acme\)"):
            refuse_family(players, named, declared={player: "acme", "literal": "Acme"})
        with pytest.raises(SpecError, match=rf"'q' is of the same .* '{player}' \(qwen\)"):
            refuse_family(players, named, declared={player: "qwen"})
        refuse_family(players, named, declared={player: "acme", "literal": "other"})
        refuse_family(players, named, declared={player: "acme"})
        refuse_family(players, named, True, {player: "acme", "literal": "acme"})


@pytest.mark.parametrize("allowed", [False, True])
@pytest.mark.parametrize("blank", ["", " ", "\n\u00a0"])
def test_a_blank_family_is_refused_in_one_line(blank: str, allowed: bool) -> None:
    players, named = {"p": debater("alpha")}, {"j": judge("beta")}
    for name in ("p", "j", "alpha"):
        with pytest.raises(SpecError, match=f"families: expected a family for '{name}'") as refused:
            refuse_family(players, named, allowed, {name: blank})
        assert "\n" not in str(refused.value) and repr(blank) in str(refused.value)


@pytest.mark.parametrize("allowed", [False, True])
def test_a_family_declared_of_nobody_is_refused(allowed: bool) -> None:
    players, named = {"p": debater("lab/alpha")}, {"j": judge("beta")}
    for known in ("p", "j", "alpha", "lab/alpha", "beta"):
        refuse_family(players, named, allowed, {known: "greek"})
    with pytest.raises(SpecError, match=r"families: 'alfa' is no player, judge or model.*alpha"):
        refuse_family(players, named, allowed, {"alfa": "greek"})
