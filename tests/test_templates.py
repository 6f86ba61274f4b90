"""Chat templates and tokenizers as they are found: what is odd is worked around or refused."""

from datetime import date
from itertools import pairwise

import pytest
from tiny import CHATML, tiny_model, tiny_tokenizer
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from agents.chat import Chat
from agents.debater import Debater
from agents.local import LocalEngine
from arena.flow import Message, Request, run
from arena.match import Match, participant_id
from arena.play import play
from arena.protocols import Limits, debate
from arena.questions import Question

TALK = (
    Message("system", "Be."), Message("user", "Hm?"), Message("assistant", "x"),
    Message("user", "y"), Message("assistant", "z"), Message("user", "w"),
)  # fmt: skip

# As Mistral 7B v0.3 and Nemo have it: the system's words go to the last message.
MISTRAL = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if (message["role"] == "user") != (loop.index0 % 2 == 0) %}
        {{- raise_exception("roles must alternate") }}
    {%- endif %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- else %}
        {{- " " + message["content"] | trim + eos_token }}
    {%- endif %}
{%- endfor %}
"""


def text(template, messages=TALK):
    chat = Chat(tiny_tokenizer(template))
    return chat.decode(chat.prompt(messages))


# -- dates


@pytest.mark.parametrize(
    ("how", "written"),
    [
        ("%d %b %Y", "01 Jan 2025"),
        ("%Y-%m-%d", "2025-01-01"),
        ("%A, %B %-d", "Wednesday, January 1"),
    ],
)
def test_a_template_that_asks_the_clock_is_told_a_fixed_date(how, written):
    template = "Today: {{ strftime_now('" + how + "') }}\n" + CHATML
    assert text(template).startswith(f"Today: {written}\n<s><|im_start|>system\nBe.<|im_end|>\n")


def test_a_date_that_a_template_sets_or_joins_is_a_string():
    llama = (
        "{%- if strftime_now is defined %}{%- set day = strftime_now('%d %b %Y') %}{%- endif %}\n"
        "{{- 'Day: ' + day.upper() + '\\n\\n' }}"
    )
    found = text(llama + CHATML)
    assert found.startswith("Day: 01 JAN 2025\n\n<s>") and str(date.today().year) not in found


@pytest.mark.parametrize("start", ["", "\n", "\n\n", "   ", "  {% if true %}x{% endif %}\n"])
def test_a_fixed_date_changes_nothing_else_in_a_template(start):
    calls = start + CHATML + "{% if false %}{{ strftime_now('%Y') }}{% endif %}"
    assert text(calls) == text(start + CHATML)


# -- where the system's words go


def test_a_template_that_moves_the_system_prompt_has_it_in_the_first_message_instead():
    chat = Chat(tiny_tokenizer(MISTRAL))
    prompts = [chat.prompt(TALK[:n]) for n in (2, 4, 6)]
    assert chat.decode(prompts[0]) == "<s>[INST] Be.\n\nHm?[/INST]"
    assert chat.decode(prompts[1]) == "<s>[INST] Be.\n\nHm?[/INST]x</s>[INST] y[/INST]"
    for shorter, longer in pairwise(prompts):
        assert longer[: len(shorter)] == shorter


def test_a_model_that_moves_the_system_prompt_plays_a_debate_of_several_rounds(tmp_path):
    engine = LocalEngine(str(tiny_model(tmp_path, template=MISTRAL)))
    question = Question("Where was the lamp?", ("in the cellar", "in the attic"), passage="There.")
    protocol = debate(rounds=3, limits=Limits(tokens=8))
    cast = {seat: Debater(engine.model, digest=engine.digest) for seat in protocol.speakers}
    seats = tuple((seat, participant_id(who)) for seat, who in cast.items())
    match = Match(question, protocol, (("A", 0), ("B", 1)), seats, 1)
    (transcript,) = run([play(match, cast)], engine)
    assert [turn.speech.status for turn in transcript].count("error") == 0
    assert len(transcript) == 6


def test_a_template_that_keeps_the_system_prompt_in_place_is_left_alone():
    assert "<|im_start|>system\nBe.<|im_end|>" in text(CHATML)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{% for m in messages %}{{ m['content'] }", "TemplateSyntaxError"),
        ("{{ raise_exception('never') }}", "TemplateError: never"),
        ("{{ messages[0]['content'] + 1 }}", "TypeError"),
        ("{{ nothing.at.all }}", "UndefinedError"),
        (
            "{% if messages | length > 1 %}{{ messages[9].content }}{% endif %}" + CHATML,
            "Undefined",
        ),
        ("{{ messages[-1]['content'] }}", "0 times; expected each once"),
        ({"rag": CHATML, "tools": CHATML}, "no default"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_at_once_as_a_value_error(template, why):
    with pytest.raises(ValueError, match=why):
        Chat(tiny_tokenizer(template))


def test_the_default_of_several_templates_is_taken():
    assert text({"default": CHATML, "tool_use": "{{ 1 }}"}) == text(CHATML)


# -- tokenizers without byte fallback


def spelling(characters, unknown="<unk>", eos="</s>", extra=()):
    """A tokenizer that spells words with these characters and has one token for all others."""
    vocabulary = {token: i for i, token in enumerate(("<unk>", "<s>", "</s>", *characters))}
    spell = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=unknown))
    spell.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    spell.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=spell, bos_token="<s>", eos_token=eos, unk_token=unknown,
        extra_special_tokens=list(extra),
    )  # fmt: skip


ASCII = [*map(chr, range(32, 127)), "\n"]


def test_a_character_that_a_tokenizer_does_not_know_is_one_unknown_token():
    chat = Chat(spelling(ASCII))
    assert 0 not in chat.structure and {1, 2} <= chat.structure
    assert chat.encode("a語b") == [*chat.encode("a"), 0, *chat.encode("b")]
    prompt = chat.prompt((Message("user", "Was ist 語?"),))
    assert prompt.count(0) == 1 and chat.ends == {2}


def test_the_word_for_an_unknown_token_is_spelt_and_not_unknown():
    chat = Chat(spelling(ASCII))
    assert chat.encode("<unk>") == [*chat.encode("<"), *chat.encode("unk>")]
    assert 0 not in chat.encode("<unk></s><s>") and 2 not in chat.encode("</s>")


def test_an_unknown_token_that_also_ends_speeches_is_never_in_somebodys_words():
    chat = Chat(spelling(ASCII, unknown="</s>"))
    assert 2 in chat.structure and chat.encode("a語") == chat.encode("aU+8A9E")


def test_a_tokenizer_that_cannot_tell_the_labels_apart_is_refused():
    with pytest.raises(ValueError, match="labels A and B"):
        Chat(spelling([c for c in ASCII if not c.isupper()]))


def test_a_tokenizer_that_makes_special_tokens_of_plain_letters_is_refused():
    with pytest.raises(ValueError, match=r"special tokens \[\d+\] of the words 'q'"):
        Chat(spelling(ASCII, extra=["q"]))


# -- half characters


def test_half_a_character_is_a_replacement_character_in_prompts():
    chat = Chat(tiny_tokenizer())
    assert chat.encode("a\ud83db") == chat.encode("a\ufffdb")
    assert chat.decode(chat.encode("\U0001f600 \ufeff\n")) == "\U0001f600 \ufeff\n"


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return LocalEngine(str(tiny_model(tmp_path_factory.mktemp("tiny"))))


def test_no_reply_holds_half_a_character(engine, monkeypatch):
    class Halves:
        def __init__(self, tokenizer):
            self._tokenizer = tokenizer

        def __call__(self, *args, **how):
            return self._tokenizer(*args, **how)

        def decode(self, ids, **how):
            return self._tokenizer.decode(ids, **how) + "\ud83d"

    monkeypatch.setattr(engine.chat, "_tokenizer", Halves(engine.chat._tokenizer))
    words = (Message("user", "Hm?"),)
    asked = [Request(engine.model, words, 9, seed, stop=("q",) * (seed % 2)) for seed in range(8)]
    for reply in engine.answer(asked):
        assert reply.text.endswith("\ufffd") and reply.text.encode()


def test_bytes_that_are_no_character_come_out_as_replacement_characters(engine):
    words = (Message("user", "Hm?"),)
    replies = engine.answer([Request(engine.model, words, 40, seed) for seed in range(30)])
    assert any("\ufffd" in reply.text for reply in replies)
    assert all(reply.text.encode().decode() == reply.text for reply in replies)
