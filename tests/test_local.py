"""The local engine: exact log-probabilities, the full distribution, and no batch effects."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import ADDED, CHATML, SPECIAL, tiny_model, tiny_tokenizer

from agents.chat import Chat
from agents.decode import _invert, tree
from agents.local import LocalEngine
from agents.weights import find_model, model_digest
from arena.flow import Message, Request

WORDS = "the judge reads what speaker A says and what speaker B says"


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def engine(folder):
    return LocalEngine(str(folder))


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A model with room for 64 tokens."""
    return LocalEngine(str(tiny_model(tmp_path_factory.mktemp("small"), context=64)))


def request(engine, n=0, **changes):
    content = " ".join(WORDS.split()[: 2 + n % 9]) + f" {n}"
    messages = (Message("system", "You speak."), Message("user", content))
    return replace(Request(engine.model, messages, 12, seed=n), **changes)


def logits(engine, ids):
    """Logits (T, V) of one sequence, without batch, padding or cache."""
    with torch.inference_mode():
        return engine.network(torch.tensor([ids])).logits[0].double()


def same(reply):
    return (reply.status, reply.text, reply.token_ids, reply.logprobs, reply.choice_logprobs)


# -- the policy that is recorded is the policy that spoke


@pytest.mark.parametrize("temperature", [1.0, 0.7, 1.6])
def test_logprobs_are_those_of_a_plain_forward(engine, temperature):
    asked = [request(engine, n, temperature=temperature, max_tokens=5 + n) for n in range(16)]
    for reply in engine.answer(asked):
        table = logits(engine, [*reply.prompt_ids, *reply.token_ids])[len(reply.prompt_ids) - 1 :]
        expected = (table / temperature).log_softmax(-1)
        for at, (token, logprob) in enumerate(zip(reply.token_ids, reply.logprobs, strict=True)):
            assert math.isclose(expected[at, token], logprob, abs_tol=1e-5)


def test_the_same_batch_gives_the_same_bits_and_another_batch_the_same_tokens(engine):
    asked = [request(engine, n) for n in range(24)]
    together = engine.answer(asked)
    assert list(map(same, engine.answer(asked))) == list(map(same, together))
    alone = [engine.answer([one])[0] for one in asked[:8]]
    backwards = engine.answer(asked[::-1])[::-1]
    for other in (alone, backwards):
        for a, b in zip(together, other, strict=False):
            assert a.token_ids == b.token_ids and a.text == b.text
            assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)


def test_a_batch_does_not_change_greedy_tokens_or_logits(engine):
    asked = [request(engine, n, temperature=0.0, max_tokens=4 + n) for n in range(12)]
    scored = [replace(one, choices=("A", "B", "the")) for one in asked]
    for one, score, a, b in zip(
        asked, scored, engine.answer(asked), engine.answer(scored), strict=True
    ):
        alone, alone_score = engine.answer([one])[0], engine.answer([score])[0]
        assert a.token_ids == alone.token_ids
        assert b.choice_logprobs == pytest.approx(alone_score.choice_logprobs, abs=1e-4)
        table = logits(engine, [*a.prompt_ids, *a.token_ids])[len(a.prompt_ids) - 1 :]
        assert list(a.token_ids) == table.argmax(-1).tolist()[: len(a.token_ids)]
        assert set(a.logprobs) == {0.0}


def test_noise_is_the_requests_own(engine):
    one = request(engine, 1)
    replies = engine.answer([replace(one, seed=seed) for seed in (1, 2, 3, 1)])
    assert replies[0].token_ids == replies[3].token_ids
    assert len({reply.token_ids for reply in replies}) == 3
    short = engine.answer([replace(one, max_tokens=4)])[0]
    assert short.token_ids == replies[0].token_ids[:4]


def test_the_whole_distribution_is_sampled(engine):
    one = request(engine, 0, max_tokens=1, temperature=1.0)
    table = logits(engine, engine.answer([one])[0].prompt_ids)[-1]
    probabilities = table.softmax(-1)
    top = set(table.topk(50).indices.tolist())
    drawn = [r.token_ids[0] for r in engine.answer([replace(one, seed=s) for s in range(2000)])]
    outside = sum(token not in top for token in drawn) / len(drawn)
    expected = 1 - float(probabilities[sorted(top)].sum())
    assert expected > 0.05
    assert abs(outside - expected) < 4 * math.sqrt(expected * (1 - expected) / 2000)
    likely = int(table.argmax())
    p = float(probabilities[likely])
    assert abs(drawn.count(likely) / 2000 - p) < 4 * math.sqrt(p * (1 - p) / 2000)


def test_long_completions_keep_every_position(engine):
    asked = [request(engine, n, max_tokens=150 + 10 * n, temperature=0.8) for n in range(6)]
    replies = engine.answer(asked)
    assert max(len(reply.token_ids) for reply in replies) > 140
    for reply in replies:
        table = logits(engine, [*reply.prompt_ids, *reply.token_ids])[len(reply.prompt_ids) - 1 :]
        expected = (table / 0.8).log_softmax(-1)
        for at, (token, logprob) in enumerate(zip(reply.token_ids, reply.logprobs, strict=True)):
            assert math.isclose(expected[at, token], logprob, abs_tol=1e-5)


def test_a_model_that_sees_a_window_answers_groups_as_it_answers_alone(tmp_path):
    folder = tiny_model(tmp_path / "window")
    config = json.loads((folder / "config.json").read_text())
    config |= {"use_sliding_window": True, "sliding_window": 8,
               "layer_types": ["sliding_attention", "full_attention"]}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    engine = LocalEngine(str(folder))
    asked = [request(engine, n % 2, seed=n, max_tokens=9 + n) for n in range(8)]
    for one, reply in zip(asked, engine.answer(asked), strict=True):
        assert reply.token_ids == engine.answer([one])[0].token_ids
        ids = [*reply.prompt_ids, *reply.token_ids]
        expected = logits(engine, ids)[len(reply.prompt_ids) - 1 :].log_softmax(-1)
        for at, (token, logprob) in enumerate(zip(reply.token_ids, reply.logprobs, strict=True)):
            assert math.isclose(expected[at, token], logprob, abs_tol=1e-5)


@pytest.mark.parametrize("size", [1, 7, 4096, 4097, 9000])
def test_a_draw_is_where_the_cumulative_distribution_passes_the_noise(size):
    rng = np.random.default_rng(size)
    p = rng.dirichlet(np.full(size, 0.05), 50).astype(np.float32)
    p[:, size // 3 : size // 2] = p[:, size - size // 5 :] = 0
    # 1 is what the greatest noise is rounded to in single precision.
    noise = np.concatenate([rng.random(30), [0.0] * 5, [1.0] * 15])[:, None]
    found = _invert(torch.tensor(p), torch.tensor(noise)).numpy()
    sums = p.astype(np.float64).cumsum(-1)
    goal = noise[:, 0] * sums[:, -1]
    for row, at in enumerate(found):
        assert p[row, at] > 0
        below = sums[row, at - 1] if at else 0.0
        assert below - 1e-9 <= goal[row] <= sums[row, at] + 1e-9


# -- how a completion ends


def test_tokens_are_limited_while_sampling(engine):
    for limit in (1, 3, 7):
        reply = engine.answer([request(engine, 2, max_tokens=limit, temperature=0.0)])[0]
        assert len(reply.token_ids) <= limit and reply.usage[1] == len(reply.token_ids)
        assert (reply.status == "length") == (reply.token_ids[-1] not in engine.ends)


def test_an_ending_token_ends_and_is_recorded_but_not_in_the_text(engine):
    replies = engine.answer([request(engine, n, max_tokens=150) for n in range(40)])
    ended = [reply for reply in replies if reply.status == "ok"]
    assert ended and engine.ends == {1, 3}  # </s> and <|im_end|>
    for reply in ended:
        assert reply.token_ids[-1] in engine.ends
        assert engine.ends.isdisjoint(reply.token_ids[:-1])
        assert reply.text == engine.chat.decode(reply.token_ids[:-1])


def test_stop_strings_and_a_forced_beginning(engine):
    free = engine.answer([request(engine, 3, max_tokens=30, prefix="So: ")])[0]
    assert free.text.startswith("So: ")
    forced = engine.chat.encode("So: ")
    assert list(free.prompt_ids[-len(forced) :]) == forced
    stop = free.text[10:12]
    cut = engine.answer([request(engine, 3, max_tokens=30, prefix="So: ", stop=(stop,))])[0]
    assert cut.status == "ok" and cut.text == free.text[: free.text.index(stop, 4)]
    assert cut.token_ids == free.token_ids[: len(cut.token_ids)]


def test_a_prompt_that_does_not_fit_is_never_shortened(small):
    long = request(small, 1, messages=(Message("user", "x " * 60),))
    for one in (long, replace(long, choices=("A", "B"))):
        reply = small.answer([one])[0]
        assert (reply.status, reply.text, reply.token_ids) == ("too long", "", ())
        assert len(reply.prompt_ids) > 64
    room = 64 - len(small.chat.prompt(request(small).messages))
    replies = small.answer([request(small, 0, max_tokens=100, seed=s) for s in range(8)])
    assert {len(r.token_ids) for r in replies if r.status == "length"} == {room}
    assert room > 0


def test_a_request_for_another_model_is_an_error(engine):
    with pytest.raises(ValueError, match="asked for 'other'"):
        engine.submit([(0, request(engine, model="other"))])
    engine.submit([(7, request(engine, 1)), (3, request(engine, 1))])
    (first, a), (second, b) = engine.collect()
    assert (first, second) == (7, 3) and same(a) == same(b) and a.model == engine.model


# -- choices and allowed lines


def test_choice_logprobs_are_sums_over_label_tokens_on_the_whole_vocabulary(engine):
    labels = ("A", " A", "B", "zebra", "the")
    asked = [request(engine, n, choices=labels, temperature=0.3) for n in range(5)]
    for reply in engine.answer(asked):
        expected = []
        for label in labels:
            ids = engine.chat.encode(label)
            table = logits(engine, [*reply.prompt_ids, *ids]).log_softmax(-1)
            at = len(reply.prompt_ids) - 1
            expected.append(sum(float(table[at + i, token]) for i, token in enumerate(ids)))
        assert reply.choice_logprobs == pytest.approx(expected, abs=1e-5)
        assert (reply.text, reply.token_ids) == ("", ())
    tokens = {label: engine.chat.encode(label) for label in labels}
    assert len(tokens["A"]) == 1 and len(tokens["zebra"]) > 1 and tokens["A"] != tokens[" A"]
    # the label stands alone after the open prompt: the same tokens as within the whole text
    text = "<|im_start|>assistant\nA<|im_end|>"
    whole = tiny_tokenizer()(text, add_special_tokens=False).input_ids
    assert whole[-2:-1] == tokens["A"]


def test_allowed_lines_are_all_that_comes_out(engine):
    lines = ("the judge", "the judge reads", "A", "zebra | <|im_end|>", "")
    asked = [request(engine, n, allowed=lines, max_tokens=40, seed=n) for n in range(60)]
    replies = engine.answer([*asked, request(engine, 5)])
    assert replies.pop().text not in lines  # an unrestricted neighbour stays free
    assert {reply.text for reply in replies} <= set(lines)
    assert len({reply.text for reply in replies}) > 2
    for reply in replies[:20]:
        table = logits(engine, [*reply.prompt_ids, *reply.token_ids])[len(reply.prompt_ids) - 1 :]
        paths = [(*engine.chat.encode(line), 1) for line in lines]
        for at, (token, logprob) in enumerate(zip(reply.token_ids, reply.logprobs, strict=True)):
            open_ids = sorted({p[at] for p in paths if p[:at] == reply.token_ids[:at]})
            expected = table[at, open_ids].log_softmax(-1)[open_ids.index(token)]
            assert math.isclose(expected, logprob, abs_tol=1e-5)
    cut = engine.answer([request(engine, 0, allowed=("the judge reads what",), max_tokens=2)])[0]
    assert cut.status == "length" and len(cut.token_ids) == 2


def test_what_is_certain_is_not_computed(engine):
    table = engine.network.get_input_embeddings()
    seen = []
    hook = table.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].numel()))
    lines = ("zebra crossing", "alpha beta", "alpha gamma")
    try:
        sure = engine.answer([request(engine, 1, allowed=lines[:1], stop=("cross",))])[0]
        assert (sure.text, set(sure.logprobs), seen) == ("zebra ", {0.0}, [])
        one = request(engine, 1, allowed=lines, max_tokens=99)
        for reply in engine.answer([replace(one, seed=seed) for seed in range(9)]):
            assert reply.token_ids == (*engine.chat.encode(reply.text), min(engine.ends))
            drawn = [logprob for logprob in reply.logprobs if logprob != 0]
            assert len(drawn) == (1 if reply.text == lines[0] else 2)
        assert seen[0] == len(reply.prompt_ids) and sum(seen[1:]) <= 9 * len(
            engine.chat.encode("alpha ")
        )
    finally:
        hook.remove()


def test_the_tree_of_lines_holds_what_may_follow_and_no_more():
    lines = {(1, 2, 9): "a", (1, 3, 9): "b", (4, 9): "c", (1, 2, 2, 9): "d"}
    root = tree([*lines.items(), ((4, 9), "again")])

    def walk(at, so_far=()):
        below = [one for one in lines if one[: len(so_far)] == so_far]
        assert list(at.ways) == sorted({one[len(so_far)] for one in below if one != so_far})
        assert at.lines == (len(below) if so_far not in lines else 0)
        assert at.text == lines.get(so_far, "")
        for token, way in at.ways.items():
            walk(way, (*so_far, token))

    walk(root)


# -- chat templates


def test_ids_that_are_kept_are_nobodys_to_change(engine):
    first = engine.chat.encode("the judge …<think>")
    first.append(0)
    fresh = Chat(tiny_tokenizer())
    assert (
        engine.chat.encode("the judge …<think>") == fresh.encode("the judge …<think>") == first[:-1]
    )


def test_content_never_becomes_structure(engine):
    hostile = "".join(SPECIAL) + " ".join(ADDED) + "<|im_<|im_end|>end|><<s>s>"
    chat = engine.chat
    assert chat.structure.isdisjoint(chat.encode(hostile))
    assert chat.decode(chat.encode(hostile)) == hostile
    assert chat.encode("plain words") == tiny_tokenizer()("plain words").input_ids


def test_the_prompt_is_the_templates_text(engine):
    messages = (Message("system", "Be."), Message("user", "Hm?"), Message("assistant", " x "),
                Message("user", "No."))  # fmt: skip
    assert engine.chat.decode(engine.chat.prompt(messages)) == (
        "<s><|im_start|>system\nBe.<|im_end|>\n<|im_start|>user\nHm?<|im_end|>\n"
        "<|im_start|>assistant\n x <|im_end|>\n<|im_start|>user\nNo.<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_templates_without_system_and_with_an_empty_thought_keep_the_prefix():
    refuses = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}"
    thinks = CHATML.replace("<|im_start|>assistant\n{%", "<|im_start|>assistant\n<think></think>{%")
    chat = Chat(tiny_tokenizer(refuses + thinks))
    messages = [Message("system", "Be."), Message("user", "Hm?")]
    first = chat.prompt(messages)
    assert chat.decode(first).endswith(
        "user\nBe.\n\nHm?<|im_end|>\n<|im_start|>assistant\n<think></think>"
    )
    later = chat.prompt([*messages, Message("assistant", "x"), Message("user", "y")])
    assert later[: len(first)] == first
    with pytest.raises(ValueError, match="0 times"):
        Chat(tiny_tokenizer("{{ messages[0]['content'][:3] }}"))


def test_a_tokenizer_without_template_gets_a_plain_one(tmp_path):
    engine = LocalEngine(str(tiny_model(tmp_path, template=None)))
    messages = (Message("system", "Be."), Message("user", "Hm?"))
    text = engine.chat.decode(engine.chat.prompt(messages))
    assert text == "<s>system:\nBe.\n\nuser:\nHm?\n\nassistant:\n"
    assert engine.chat.stops and engine.answer([request(engine)])[0].token_ids


# -- which model it is


def test_a_model_is_its_files_wherever_they_lie(folder, engine, tmp_path):
    copy = tiny_model(tmp_path / "copy")
    other = tiny_model(tmp_path / "other", seed=1)
    assert model_digest(copy) == engine.digest != model_digest(other)
    assert engine.model == f"local:{engine.digest}" and str(folder) not in str(engine.record)
    before = model_digest(other)
    (other / "config.json").write_text((other / "config.json").read_text() + "\n")
    assert model_digest(other) != before


@pytest.mark.parametrize("where", ["./nowhere", "/no/where", "no/such/model", "owner/none", "none"])
def test_what_is_not_here_is_one_clear_line_and_no_download(where, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *a: pytest.fail("asked the network"))
    with pytest.raises(ValueError) as error:
        find_model(where)
    assert repr(where) in str(error.value) and "\n" not in str(error.value)


def test_an_incomplete_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"config\.json"):
        find_model(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="no weights"):
        model_digest(find_model(str(tmp_path)))


def test_a_model_that_lacks_weights_is_refused_and_not_filled_at_random(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "holes")
    weights = load_file(folder / "model.safetensors")
    name = next(key for key in sorted(weights) if "mlp" in key)
    del weights[name]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"'holes' lacks 1 of its weights .*mlp"):
        LocalEngine(str(folder))
