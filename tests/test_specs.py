"""How a participant string, a model's folder and a run file say how one is spoken to and asked."""

import json

import pytest
from test_participants import NoModels, refused
from tiny import tiny_model

import agents
import judges
from agents import weights
from agents.debater import quotations
from agents.manner import Manner, read_manner, write_manner
from agents.models import Models
from agents.templates import BRIEF, STANDARD, TERSE
from agents.weights import find_model, model_digest
from agents.witness import WitnessDebater
from arena.flow import batch, run
from arena.match import Match, participant_id, view
from arena.play import play
from arena.protocols import consultancy, debate, pending
from arena.runfile import items_of, read_run_file
from arena.sources.witness import items
from arena.store import Store
from judges.bayes import LiteralJudge


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("spoken") / "little")


@pytest.fixture(scope="module")
def models():
    return Models()


@pytest.fixture
def says(folder):
    """Write a folder's arena.json; it is gone after the test."""
    file = folder / "arena.json"
    yield lambda value: file.write_text(value if isinstance(value, str) else json.dumps(value))
    file.unlink(missing_ok=True)


# -- the words, and the restriction


@pytest.mark.parametrize(
    "name, words", [("standard", STANDARD), ("brief", BRIEF), ("terse", TERSE)]
)
def test_the_prompt_that_a_string_names_is_the_one_that_is_used(name, words, folder, models):
    player = agents.load(f"local:{folder},prompt={name}", models)
    judge = judges.load(f"prompted:{folder},prompt={name}", models)
    assert player.templates is words and judge.templates is words
    assert player.record["prompt"] == judge.record["prompt"] == words.digest


def test_a_string_that_says_nothing_means_the_standard_prompt_and_no_restriction(folder, models):
    player = agents.load(f"local:{folder}", models)
    assert player.templates is STANDARD and player.restrict == ""
    same = agents.load(f"local:{folder},prompt=standard,restrict=none", models)
    assert participant_id(player) == participant_id(same)


def test_the_folder_says_what_the_string_leaves_open(folder, models, says):
    says({"prompt": "terse", "restrict": "lines"})
    player = agents.load(f"local:{folder}", models)
    assert player.templates is TERSE and player.restrict == "lines"
    free = agents.load(f"local:{folder},restrict=none", models)
    assert free.templates is TERSE and free.restrict == ""
    brief = agents.load(f"local:{folder},prompt=brief", models)
    assert brief.templates is BRIEF and brief.restrict == "lines"
    assert judges.load(f"prompted:{folder}", models).templates is TERSE
    assert judges.load(f"local:{folder},prompt=brief", models).templates is BRIEF


def test_the_folders_advice_is_in_the_record_and_in_no_digest(folder, models, says):
    before, plain = model_digest(folder), agents.load(f"local:{folder}", models)
    says({"prompt": "brief"})
    advised = agents.load(f"local:{folder}", models)
    assert model_digest(folder) == before == advised.record["digest"]
    assert participant_id(advised) != participant_id(plain)
    said = agents.load(f"local:{folder},prompt=brief", models)
    assert participant_id(advised) == participant_id(said)


@pytest.mark.parametrize(
    "text, line",
    [
        ("local:x,prompt=odd", "prompt must be standard, brief or terse, got 'odd'"),
        ("local:x,prompt=", "prompt must be standard, brief or terse, got ''"),
        ("local:x,restrict=words", "restrict must be lines, moves or none, got 'words'"),
        ("local:x,restrict=", "restrict must be lines, moves or none, got ''"),
    ],
)
def test_a_manner_that_there_is_not_is_refused_before_anything_is_looked_up(text, line):
    assert line in refused(text, models=NoModels())


def test_a_judge_has_a_prompt_and_no_restriction():
    assert "got 'odd'" in refused("prompted:x,prompt=odd", judges.load)
    assert "no setting 'restrict'" in refused("prompted:x,restrict=lines", judges.load)


@pytest.mark.parametrize(
    "value, what",
    [
        ("{", "not JSON"),
        (b"\xff".decode("latin-1") + "\x00", "not JSON"),
        ("[]", "expected a mapping"),
        ({"prompt": "odd"}, "prompt"),
        ({"restrict": True}, "restrict"),
        ({"temperature": 1}, "temperature: no such field"),
    ],
)
def test_advice_that_does_not_fit_is_one_line_that_names_the_file(value, what, folder, says):
    says(value)
    for load, kind in ((agents.load, "local"), (judges.load, "prompted")):
        line = refused(f"{kind}:{folder}", load, Models())
        assert "model 'little': arena.json" in line and what in line


def test_advice_is_read_as_it_was_written(tmp_path):
    for how in (Manner(), Manner("terse", "moves"), Manner("brief")):
        write_manner(tmp_path, how)
        assert read_manner(tmp_path) == how
    (tmp_path / "arena.json").unlink()
    assert read_manner(tmp_path) == Manner()


def test_speeches_under_a_restriction_are_lines_of_the_passage(folder, models):
    item = next(items(0, 1, "test"))
    player = agents.load(f"local:{folder},prompt=terse,restrict=lines", models)
    who = participant_id(player)
    match = Match(item.question, debate(), (("A", 0), ("B", 1)), (("A", who), ("B", who)))
    (said,) = run([play(match, {"A": player, "B": player})], models.engine())
    lines = item.question.passage.split("\n")
    assert len(said) == 4
    for turn in said:
        assert turn.speech.text in {f"<quote>{line}</quote>" for line in lines}
        assert all(quote.span is not None for quote in turn.speech.quotes)


# -- the models that the package ships


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A package that ships a tiny model under the name of the debater base."""
    tiny_model(tmp_path / "models" / "nano", seed=3)
    monkeypatch.setattr(weights, "_MODELS", tmp_path / "models")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "models" / "nano"


def test_a_shipped_model_is_found_by_its_name(shipped):
    assert find_model("nano") == shipped
    player = agents.load("local:nano", Models())
    assert player.record["name"] == "nano" and player.digest == model_digest(shipped)


def test_a_folder_of_that_name_comes_first(shipped):
    own = tiny_model(shipped.parents[1] / "elsewhere" / "nano", seed=4)
    assert model_digest(find_model("nano")) == model_digest(own) != model_digest(shipped)


def test_a_shipped_model_that_is_not_there_is_one_line(shipped):
    for text, load in (("local:nano-judge", agents.load), ("prompted:nano-judge-2", judges.load)):
        line = refused(text, load, Models())
        assert "is not in this installation" in line and "arena nano train" in line


# -- scripted debaters who quote


def said_by(player, protocol, n=40, seed=0):
    """Every speech of a scripted player against itself: its text, and the lines it shows."""
    out = []
    for i, item in enumerate(items(seed, n, "test")):
        who = participant_id(player)
        seats = protocol.speakers
        sides = tuple((seat, (i + k) % 2) for k, seat in enumerate(seats))
        match = Match(item.question, protocol, sides, tuple((seat, who) for seat in seats), seed)
        cast = dict.fromkeys(seats, player)
        (turns,) = run([play(match, cast)], batch(lambda requests: []))
        passage = item.question.passage
        out.append([(t.seat, t.speech.text, [passage[slice(*q.span)] for q in t.speech.quotes])
                    for t in turns])  # fmt: skip
    return out


@pytest.mark.parametrize("protocol", [debate(), consultancy()], ids=lambda one: one.name)
def test_a_debater_who_quotes_shows_the_lines_that_one_who_cites_shows(protocol):
    skill = (0.7, 0.5, 1.0)  # noise hangs on the words before: at b=1 a rebuttal needs none
    cited = said_by(WitnessDebater(*skill), protocol)
    quoted = said_by(WitnessDebater(*skill, style="quote"), protocol)
    rebutted = 0
    for plain, bare in zip(cited, quoted, strict=True):
        opened = {}
        for (seat, _, lines), (_, text, shown) in zip(plain, bare, strict=True):
            assert shown == (lines or opened[seat])  # nothing to say: the opening once more
            assert text == "".join(f"<quote>{line}</quote>" for line in shown)
            rebutted += seat in opened and shown != opened[seat]
            opened.setdefault(seat, shown)
    assert rebutted or protocol.name == "consultancy"


def test_a_speech_that_quotes_is_one_that_a_restricted_debater_could_make():
    item = next(items(5, 1, "test"))
    match = Match(item.question, debate(), (("A", 0), ("B", 1)), (("A", "x"), ("B", "y")))
    place, slots = pending(match.protocol, (), ["A", "B"])
    seen = view(match, (), slots[0], place)
    (speech,) = run([WitnessDebater(style="quote").speak(seen)], batch(lambda requests: []))
    assert speech.text in quotations(seen)


def test_the_style_is_in_the_record_only_where_it_is_not_the_usual_one():
    usual = agents.load("scripted:witness,p=.9,s=.8,b=.9", NoModels())
    assert "style" not in usual.record["settings"]
    assert participant_id(usual) == participant_id(
        agents.load("scripted:witness,p=.9,s=.8,b=.9,style=cite", NoModels())
    )
    quoting = agents.load("scripted:witness,p=.9,s=.8,b=.9,style=quote", NoModels())
    assert quoting.record["settings"]["style"] == "quote"
    assert "style must be cite or quote, got 'sing'" in refused("scripted:witness,style=sing")


# -- the length of passages in a run file


def read(tmp_path, questions):
    file = tmp_path / "run.yaml"
    file.write_text(f"questions: {questions}\njudges: {{c: scripted:coin}}\n")
    return read_run_file(file)


@pytest.mark.parametrize("faces", ["equal", "free"])
def test_passages_are_as_long_as_the_run_file_says(faces, tmp_path):
    asked = read(tmp_path, f"{{n: 60, faces: {faces}, lines: [8, 14]}}")
    usual = read(tmp_path, f"{{n: 60, faces: {faces}}}")
    lengths = [
        [len(item.question.passage.split("\n")) for item in items_of(one, tmp_path, Store(None))]
        for one in (asked, usual)
    ]
    # Longer only where the evidence alone takes more (equal faces: 3 + 3 statements, withdrawn).
    assert min(lengths[0]) >= 8 and max(lengths[0]) <= 14
    assert max(lengths[1]) > 14


@pytest.mark.parametrize(
    "lines, what",
    [("[9, 3]", "must be a range from 1 up"), ("[0, 3]", "must be a range from 1 up"),
     ("[8, 60]", "at most 40"), ("[8]", "lines"), ("8", "expected a list"),
     ("[a, 3]", "lines"), ("[8, 9, 10]", "lines")],
)  # fmt: skip
def test_a_length_that_is_none_is_refused_in_one_line(lines, what, tmp_path):
    with pytest.raises(ValueError, match=r"questions[.:]") as error:
        read(tmp_path, f"{{lines: {lines}}}")
    assert what in str(error.value) and "\n" not in str(error.value)


def test_a_length_of_passages_that_are_not_made_here_is_refused(tmp_path):
    with pytest.raises(ValueError, match="lines is for the witness world alone, got 'jsonl'"):
        read(tmp_path, "{source: jsonl, path: q.jsonl, lines: [8, 14]}")


def test_a_judge_reads_quoted_lines_as_it_reads_cited_ones():
    """The same lines shown in either style give the literal judge the same posterior."""
    from arena.play import read as judged

    odds = []
    for style in ("cite", "quote"):
        player = WitnessDebater(0.9, 0.8, 1.0, style)
        who = participant_id(player)
        found = []
        for item in items(7, 20, "test"):
            sides, seats = (("A", 0), ("B", 1)), (("A", who), ("B", who))
            match = Match(item.question, debate(), sides, seats)
            (turns,) = run([play(match, {"A": player, "B": player})], batch(lambda asked: []))
            (leaves,) = run([judged(match, LiteralJudge(), turns, "j")], batch(lambda asked: []))
            found.append(leaves[-1].verdict.elicited)
        odds.append(found)
    assert odds[0] == odds[1]
