"""Adapters beside one base: every row through its own, nothing frozen, nothing mixed up."""

import json
import math
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import TEXT, tiny_model, tiny_tokenizer
from transformers import AutoConfig, AutoModelForCausalLM

import agents
import judges
from agents.adapters import CONFIG, OURS, WEIGHTS, LoraSettings, find_adapter
from agents.local import LocalEngine
from agents.lora import BASE
from agents.models import Models
from arena.flow import Message, Request
from arena.match import participant_id
from arena.participants import SpecError, describe

WORDS = TEXT.split()
LINES = ("the judge", "the judge reads", "A says", "what B says", "zebra", "")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("tiny") / "little")


def trained(engine, name, seed):
    """Attach an adapter and give it weights that change much; its model string."""
    engine.attach(name, settings=LoraSettings(rank=4, alpha=6, seed=seed))
    return moved(engine, name, seed)


def moved(engine, name, seed, by=0.1):
    """Add noise to an adapter's weights, as a step of training would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, weight in engine.network.named_parameters():
            if f".{name}." in key:
                weight.add_(by * torch.randn(weight.shape, generator=generator))
    return engine.refresh(name)


@pytest.fixture(scope="module")
def engine(folder):
    """A base with two trained adapters, alice and bob."""
    one = LocalEngine(str(folder))
    trained(one, "alice", 1)
    trained(one, "bob", 2)
    return one


@pytest.fixture(scope="module")
def saved(engine, tmp_path_factory):
    """The folders of the two."""
    place = tmp_path_factory.mktemp("adapters")
    for name in ("alice", "bob"):
        engine.save(name, place / name)
    return place


@pytest.fixture(scope="module")
def networks(folder, saved):
    """The same policies as plain transformers models: the products are added to the weights."""
    found = {}
    for name in (BASE, "alice", "bob"):
        found[name] = AutoModelForCausalLM.from_pretrained(folder).eval().double()
        if name != BASE:
            config = json.loads((saved / name / CONFIG).read_text())
            tensors = load_file(saved / name / WEIGHTS)
            for key in (key for key in tensors if "lora_A" in key):
                module = found[name].get_submodule(
                    key.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
                )
                up, down = tensors[key.replace("lora_A", "lora_B")], tensors[key]
                product = up.double() @ down.double()
                module.weight.data += config["lora_alpha"] / config["r"] * product
    return found


def request(model, n=0, **changes):
    messages = (Message("system", "You speak."), Message("user", " ".join(WORDS[: 2 + n % 9])))
    return replace(Request(model, messages, 8, seed=n), **changes)


def mixed(engine, count, **changes):
    """Requests of the base and both adapters in turn, with the policy's name."""
    strings = {BASE: engine.model, "alice": engine.model_of("alice"), "bob": engine.model_of("bob")}
    return [
        (name, request(model, n, **changes))
        for n in range(count)
        for name, model in strings.items()
    ]


def same(reply):
    return (reply.status, reply.text, reply.token_ids, reply.logprobs, reply.choice_logprobs)


class Counting:
    """How many tokens go through the network within a ``with``."""

    def __init__(self, engine):
        self.module = engine.network.get_input_embeddings()
        self.tokens = 0

    def __enter__(self):
        self.hook = self.module.register_forward_pre_hook(self.count)
        return self

    def __exit__(self, *error):
        self.hook.remove()

    def count(self, module, inputs):
        self.tokens += inputs[0].numel()


# -- rows and their adapters


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("allowed", [(), LINES])
def test_logprobs_of_a_mixed_batch_are_those_of_networks_with_the_product_added(
    engine, networks, temperature, allowed
):
    asked = mixed(engine, 8, temperature=temperature, allowed=allowed)
    for (name, _), reply in zip(asked, engine.answer([one for _, one in asked]), strict=True):
        ids = [*reply.prompt_ids, *reply.token_ids]
        with torch.inference_mode():
            table = networks[name](torch.tensor([ids])).logits[0, len(reply.prompt_ids) - 1 :]
        table = table / temperature
        paths = [(*engine.chat.encode(line), min(engine.ends)) for line in allowed]
        for at, (token, logprob) in enumerate(zip(reply.token_ids, reply.logprobs, strict=True)):
            among = sorted({p[at] for p in paths if p[:at] == reply.token_ids[:at]})
            among = among or list(range(table.shape[-1]))
            expected = table[at, among].log_softmax(-1)[among.index(token)]
            assert math.isclose(expected, logprob, abs_tol=1e-5)
        if allowed:
            assert reply.text in allowed


def test_a_mixed_batch_says_what_engines_with_one_adapter_say(engine, saved, folder):
    alone = {BASE: LocalEngine(str(folder))}
    strings = {BASE: alone[BASE].model}
    for name in ("alice", "bob"):
        alone[name] = LocalEngine(str(folder))
        strings[name] = alone[name].attach("only", saved / name)
    for temperature in (0.0, 1.0):
        asked = mixed(engine, 10, temperature=temperature)
        for (name, one), a in zip(asked, engine.answer([one for _, one in asked]), strict=True):
            assert one.model == strings[name]
            b = alone[name].answer([one])[0]
            assert (a.status, a.text, a.token_ids) == (b.status, b.text, b.token_ids)
            assert a.logprobs == pytest.approx(b.logprobs, abs=1e-5)


def test_the_base_beside_adapters_is_the_base_alone_bit_for_bit(engine, folder):
    plain = LocalEngine(str(folder))
    asked = [request(plain.model, n) for n in range(12)]
    scored = [replace(one, choices=("A", "B", "zebra")) for one in asked]
    before = [same(reply) for reply in plain.answer([*asked, *scored])]
    assert [same(reply) for reply in engine.answer([*asked, *scored])] == before
    # beside rows of adapters as well: every other of these is alice's
    model = engine.model_of("alice")
    turns = [replace(one, model=model) if n % 2 else one for n, one in enumerate(scored)]
    for n, reply in enumerate(engine.answer(turns)):
        assert (same(reply) == before[len(asked) + n]) == (n % 2 == 0)
    plain.attach("x")
    plain.detach("x")
    assert [same(reply) for reply in plain.answer([*asked, *scored])] == before


def test_a_fresh_adapter_changes_nothing_yet_and_its_seed_makes_it(folder):
    one, two = LocalEngine(str(folder)), LocalEngine(str(folder))
    torch.manual_seed(5)
    first = one.attach("a-1", settings=LoraSettings(seed=3))
    torch.manual_seed(6)
    before = torch.get_rng_state()
    assert two.attach("b_2", settings=LoraSettings(seed=3)) == first
    assert torch.equal(before, torch.get_rng_state())
    assert two.attach("c", settings=LoraSettings(seed=4)) != first
    assert two.attach("d", settings=LoraSettings(seed=3, alpha=64)) != first
    assert two.attach("e", settings=LoraSettings(seed=3, targets=("q_proj",))) != first
    asked = [request(one.model, n) for n in range(6)]
    own = [replace(reply, model=first) for reply in one.answer(asked)]
    for a, b in zip(own, one.answer([replace(r, model=first) for r in asked]), strict=True):
        assert a.token_ids == b.token_ids and a.logprobs == pytest.approx(b.logprobs, abs=1e-6)


def test_what_the_decode_loop_computes_is_what_peft_computes(engine):
    names = ["alice", "alice", BASE, "bob", "alice", "bob"]
    ids = torch.randint(4, 300, (6, 15), generator=torch.Generator().manual_seed(0))
    found = []
    for run in (engine.network, engine._adapters.run):
        engine.network.zero_grad()
        how = {"adapter_names": names} if run is engine.network else {"names": names}
        out = run(input_ids=ids, **how).logits
        out.logsumexp(-1).sum().backward()
        grads = {k: w.grad.clone() for k, w in engine.network.named_parameters() if w.requires_grad}
        found.append((out.detach(), grads))
    engine.network.zero_grad()
    (logits, grads), (own_logits, own_grads) = found
    assert torch.equal(logits, own_logits)
    assert grads.keys() == own_grads.keys() and any(".bob." in key for key in grads)
    for key, grad in grads.items():
        assert grad.norm() > 0
        assert torch.allclose(grad, own_grads[key], rtol=1e-4, atol=1e-4 * float(grad.abs().max()))


def test_layers_of_another_kind_go_the_way_of_peft(engine):
    asked = [one for _, one in mixed(engine, 6)]
    before = [same(reply) for reply in engine.answer(asked)]
    engine._adapters._even = False
    try:
        for a, b in zip(engine.answer(asked), before, strict=True):
            assert (a.status, a.text, a.token_ids) == b[:3]
            assert a.logprobs == pytest.approx(b[3], abs=1e-6)
    finally:
        engine._adapters._even = True


def test_a_bfloat16_base_keeps_its_adapters_in_float32(folder, saved):
    engine = LocalEngine(str(folder), dtype="bfloat16")
    assert engine.attach("alice", saved / "alice").endswith(read(saved / "alice" / OURS)["adapter"])
    kinds = {weight.dtype for key, weight in engine.network.named_parameters() if ".alice." in key}
    assert kinds == {torch.float32} and engine.network.dtype == torch.bfloat16
    assert engine.answer([request(engine.model_of("alice"))])[0].token_ids


SIZES = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
MORE = SIZES | {"intermediate_size": 128, "num_key_value_heads": 2}
ARCHITECTURES = {
    "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512},
    "bloom": SIZES,
    "gpt_neox": SIZES | {"intermediate_size": 128},
    "phi": SIZES | {"intermediate_size": 128},
    "llama": MORE,
    "gemma3_text": MORE | {"num_hidden_layers": 6, "head_dim": 16, "sliding_window": 8},
    "mixtral": MORE | {"num_local_experts": 4},
    "falcon_h1": MORE
    | {"mamba_d_ssm": 64, "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 16},
}


@pytest.mark.check
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_other_architectures_keep_rows_and_groups_apart(name, tmp_path):
    tokenizer = tiny_tokenizer()
    sizes = ARCHITECTURES[name] | {"vocab_size": len(tokenizer), "initializer_range": 0.2}
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    torch.manual_seed(0)
    config = AutoConfig.for_model(name, **sizes, **ends)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / name)
    tokenizer.save_pretrained(tmp_path / name)
    engine = LocalEngine(str(tmp_path / name))
    some = name in ("mixtral", "falcon_h1")  # peft has no mixed batches for their other layers
    for seed, one in enumerate(("alice", "bob")):
        targets = ("q_proj", "v_proj") if some else "all-linear"
        engine.attach(one, settings=LoraSettings(targets=targets, seed=seed))
        moved(engine, one, seed, by=0.05)
    asked = [(one, replace(r, seed=s)) for one, r in mixed(engine, 4) for s in range(3)]
    for (one, alone), reply in zip(asked, engine.answer([r for _, r in asked]), strict=True):
        assert reply.token_ids == engine.answer([alone])[0].token_ids
        ids = torch.tensor([[*reply.prompt_ids, *reply.token_ids]])
        with torch.inference_mode():
            table = engine.network(input_ids=ids, adapter_names=[one]).logits[0].double()
        expected = table[len(reply.prompt_ids) - 1 : -1].log_softmax(-1)
        found = expected[range(len(reply.token_ids)), list(reply.token_ids)].tolist()
        assert reply.logprobs == pytest.approx(found, abs=1e-5)


# -- groups


def test_the_prompt_of_a_group_is_computed_once_and_the_tokens_stay_the_same(engine):
    for model in (engine.model, engine.model_of("bob")):
        asked = [request(model, 3, seed=seed) for seed in range(8)]
        alone = [engine.answer([one])[0] for one in asked]
        with Counting(engine) as counted:
            together = engine.answer(asked)
        prompt, longest = len(alone[0].prompt_ids), max(len(reply.token_ids) for reply in alone)
        assert len({reply.token_ids for reply in together}) > 4
        assert prompt < counted.tokens <= prompt + 8 * (longest - 1)
        for a, b in zip(alone, together, strict=True):
            assert (a.status, a.text, a.token_ids) == (b.status, b.text, b.token_ids)
            assert a.logprobs == pytest.approx(b.logprobs, abs=1e-5)
        with Counting(engine) as counted:
            engine.answer([replace(one, max_tokens=1) for one in asked])
        assert counted.tokens == prompt


def test_two_policies_with_one_prompt_are_no_group(engine):
    asked = [replace(one, max_tokens=1) for _, one in mixed(engine, 1)]
    with Counting(engine) as counted:
        replies = engine.answer([*asked, *asked])
    assert counted.tokens == 3 * len(replies[0].prompt_ids)


def test_rows_of_a_group_stay_together_when_the_batch_is_small(folder):
    small, large = LocalEngine(str(folder), max_batch_tokens=150), LocalEngine(str(folder))
    asked = [request(small.model, n % 3, seed=n, max_tokens=4 + n % 5) for n in range(18)]
    with Counting(small) as counted:
        replies = small.answer(asked)
    for a, b in zip(replies, large.answer(asked), strict=True):
        assert (a.status, a.text, a.token_ids) == (b.status, b.text, b.token_ids)
    assert counted.tokens < 18 * len(replies[0].prompt_ids)


def test_a_limit_that_no_allowed_line_reaches_makes_no_batch_small(folder):
    engine = LocalEngine(str(folder), max_batch_tokens=400)
    one = request(engine.model, 3, allowed=LINES)
    with Counting(engine) as counted:
        small = engine.answer([replace(one, seed=seed) for seed in range(8)])
    with Counting(engine) as large:
        found = engine.answer([replace(one, seed=seed, max_tokens=300) for seed in range(8)])
    assert large.tokens == counted.tokens and list(map(same, found)) == list(map(same, small))


# -- which adapter it is


def test_a_model_string_never_means_two_policies(folder):
    engine = LocalEngine(str(folder))
    old = trained(engine, "alice", 1)
    frozen = engine.copy("alice", "alice_1")
    assert frozen == old == engine.model_of("alice_1")
    new = moved(engine, "alice", 7)
    assert new != old and set(engine.models) == {engine.model, old, new}
    past, now = engine.answer([request(old), request(new)])
    assert past.token_ids != now.token_ids and (past.model, now.model) == (old, new)
    engine.detach("alice_1")
    with pytest.raises(ValueError, match="asked for") as error:
        engine.submit([(0, request(old))])
    assert repr(old) in str(error.value) and "\n" not in str(error.value)
    with torch.no_grad():
        next(w for k, w in engine.network.named_parameters() if ".alice." in k).mul_(1.5)
    with pytest.raises(ValueError, match="'alice' has changed since"):
        engine.answer([request(new)])
    assert engine.answer([request(engine.refresh("alice"))])[0].token_ids
    for name in ("alice_1", "nobody"):
        for verb in (engine.detach, engine.refresh, engine.model_of):
            with pytest.raises(ValueError, match=f"no adapter {name!r} is attached"):
                verb(name)
    engine.detach("alice")
    assert engine.models == (engine.model,) and not hasattr(engine.network, "peft_config")


def test_an_adapter_is_its_tensors_wherever_they_lie(engine, saved, folder, tmp_path):
    other = LocalEngine(str(folder))
    assert other.attach("somebody", saved / "alice") == engine.model_of("alice")
    ref = other.save("somebody", tmp_path / "run" / "alice", "40")
    assert (ref.name, ref.version) == ("alice", "40")
    assert f"{other.model}#{ref.digest}" == engine.model_of("alice")
    assert sorted(one.name for one in (tmp_path / "run" / "alice").iterdir()) == ["40"]
    assert str(tmp_path) not in (tmp_path / "run" / "alice" / "40" / CONFIG).read_text()
    again = other.attach("again", ref.path)
    assert again == engine.model_of("alice")
    rounded = other.save("somebody", tmp_path / "short", dtype="bfloat16")
    assert rounded.digest != ref.digest
    assert other.attach("short", tmp_path / "short") == f"{other.model}#{rounded.digest}"


def test_peft_reads_what_was_saved(saved, folder, networks):
    from peft import PeftModel

    base = AutoModelForCausalLM.from_pretrained(folder)
    network = PeftModel.from_pretrained(base, saved / "alice").eval()
    ids = torch.randint(4, 300, (2, 12), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found, expected = network(ids).logits, networks["alice"](ids).logits
    assert torch.allclose(found.double(), expected, atol=1e-5)


def test_a_folder_is_replaced_whole_or_not_at_all(folder, tmp_path, monkeypatch):
    engine = LocalEngine(str(folder))
    trained(engine, "alice", 1)
    first = engine.save("alice", tmp_path / "alice")
    moved(engine, "alice", 2)
    with monkeypatch.context() as broken:
        broken.setattr(
            "safetensors.torch.save_file", lambda *a, **k: (_ for _ in ()).throw(OSError)
        )
        with pytest.raises(OSError):
            engine.save("alice", tmp_path / "alice")
    assert engine.attach("old", tmp_path / "alice").endswith(first.digest)
    second = engine.save("alice", tmp_path / "alice")
    assert engine.attach("new", tmp_path / "alice").endswith(second.digest)
    assert [one.name for one in tmp_path.iterdir()] == ["alice"]


# -- gradients


def gradients(engine, name):
    return {w.requires_grad for k, w in engine.network.named_parameters() if f".{name}." in k}


def test_nothing_freezes_an_adapter(folder, saved):
    engine = LocalEngine(str(folder))
    engine.attach("first")  # the one that peft has selected
    trained(engine, "alice", 1)
    trained(engine, "bob", 2)
    engine.copy("alice", "past")
    engine.attach("opponent", saved / "bob", trainable=False)
    for n in range(12):
        asked = mixed(engine, 2, seed=n, max_tokens=2)
        past = request(engine.model_of("past"), n, choices=("A", "B"))
        engine.submit(list(enumerate([*(one for _, one in asked), past])))
        engine.collect()
        moved(engine, "alice", n)
        if n == 3:
            engine.detach("first")
        if n == 6:
            engine.copy("alice", "later")
            engine.detach("past")
            engine.copy("bob", "past")
        if n == 9:
            engine.attach("third")
            engine.detach("third")
    assert gradients(engine, "alice") == gradients(engine, "bob") == {True}
    assert all(gradients(engine, name) == {False} for name in ("past", "later", "opponent"))
    assert not engine.network.training
    assert all(not w.requires_grad for k, w in engine.network.named_parameters() if "lora" not in k)
    ids = torch.randint(4, 300, (4, 10), generator=torch.Generator().manual_seed(0))
    names = ["alice", "bob", "past", BASE]
    engine.network(input_ids=ids, adapter_names=names).logits.square().sum().backward()
    for name in ("alice", "bob"):
        found = [w.grad for k, w in engine.network.named_parameters() if f".{name}." in k]
        assert all(grad is not None and grad.norm() > 0 for grad in found)


# -- what is refused


def read(file):
    return json.loads(file.read_text())


def changed(folder, **changes):
    (folder / CONFIG).write_text(json.dumps(read(folder / CONFIG) | changes))


def tensors(folder, change):
    found = load_file(folder / WEIGHTS)
    change(found, sorted(found)[0])
    save_file(found, folder / WEIGHTS)


BROKEN = {
    "of another base": (
        lambda f: (f / OURS).write_text(json.dumps({"base": "w0"})), "was made for base w0"),
    "of another shape": (
        lambda f: tensors(f, lambda t, k: t.update({k: t[k][:, 1:].contiguous()})),
        "has shape .* expected an adapter of this base"),
    "of another rank": (lambda f: changed(f, r=2), "has shape .* expected an adapter of this base"),
    "of more layers": (
        lambda f: tensors(f, lambda t, k: t.update({k.replace("s.0", "s.7"): t[k].clone()})),
        "beyond its targets"),
    "of fewer layers": (lambda f: tensors(f, lambda t, k: t.pop(k)), "lacks base_model"),
    "for layers that are not here": (lambda f: changed(f, target_modules=["c_attn"]), "c_attn"),
    "for embeddings": (
        lambda f: changed(f, target_modules=["q_proj", "embed_tokens"]), "linear layers only"),
    "with DoRA": (lambda f: changed(f, use_dora=True), "uses use_dora; expected plain LoRA"),
    "with whole modules": (
        lambda f: changed(f, modules_to_save=["lm_head"]), "uses modules_to_save"),
    "with biases": (lambda f: changed(f, bias="all"), "uses bias"),
    "that rewrote its base": (
        lambda f: changed(f, init_lora_weights="pissa"), "uses init_lora_weights"),
    "that a newer peft would let rewrite it": (
        lambda f: changed(f, kasa_config={"beta": 1.0}), "uses kasa_config; expected plain LoRA"),
    "whose start was not its base": (
        lambda f: changed(f, init_lora_weights="lora_ga"), "uses init_lora_weights"),
    "of another kind": (lambda f: changed(f, peft_type="IA3"), "is of type IA3; expected LORA"),
    "without its configuration": (lambda f: (f / CONFIG).unlink(), f"has no {CONFIG}"),
    "without its weights": (lambda f: (f / WEIGHTS).unlink(), f"has no {WEIGHTS}"),
    "cut off": (
        lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:99]), "cannot be read"),
    "with half a configuration": (lambda f: (f / CONFIG).write_text("{"), "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
def test_a_broken_adapter_is_one_clear_line_and_the_engine_is_as_before(
    first, folder, saved, tmp_path
):
    engine = LocalEngine(str(folder))
    if not first:
        engine.attach("bob", saved / "bob")
    asked = [request(model, n) for model in engine.models for n in range(3)]
    before = [same(reply) for reply in engine.answer(asked)]
    models, network = engine.models, engine.network
    for what, (breaks, line) in BROKEN.items():
        place = tmp_path / what.replace(" ", "-")
        shutil.copytree(saved / "alice", place)
        breaks(place)
        with pytest.raises(ValueError, match=line) as error:
            engine.attach("alice", place)
        assert "\n" not in str(error.value) and repr(place.name) in str(error.value), what
        assert engine.models == models and engine.network is network, what
        assert [same(reply) for reply in engine.answer(asked)] == before, what
    if not first:
        assert gradients(engine, "bob") == {True}
    assert engine.attach("alice", saved / "alice") in engine.models


@pytest.mark.parametrize(
    "name", ["", "a.b", "default", "__base__", "keys", "lora_A", "layers", "0"]
)
def test_a_name_that_would_be_mixed_up_is_refused(name, folder):
    with pytest.raises(ValueError, match="an adapter cannot be called"):
        LocalEngine(str(folder)).attach(name)


def test_a_name_is_taken_once(engine):
    for attach in (engine.attach, lambda name: engine.copy("bob", name)):
        with pytest.raises(ValueError, match="'alice' is attached already"):
            attach("alice")
    assert gradients(engine, "alice") == {True}


def test_settings_for_layers_that_are_not_here_are_one_clear_line(folder):
    engine = LocalEngine(str(folder))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"adapter 'x' cannot be put .*c_attn") as error:
            engine.attach("x", settings=LoraSettings(targets=("c_attn",)))
        assert "\n" not in str(error.value)
        engine.attach(f"y{len(engine.models)}")


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"targets": ()}, {"targets": "q_proj"}])
def test_settings_that_make_no_adapter_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        LoraSettings(**wrong)


# -- participants


@pytest.fixture(scope="module")
def house(folder, saved, tmp_path_factory):
    """A model with adapters of its own: alice, and bob in two versions."""
    home = tmp_path_factory.mktemp("house") / "nano"
    shutil.copytree(folder, home)
    shutil.copytree(saved / "alice", home / "adapters" / "alice")
    shutil.copytree(saved / "bob", home / "adapters" / "bob" / "20")
    shutil.copytree(saved / "alice", home / "adapters" / "bob" / "40")
    return home


def test_participant_strings_name_adapters(house, saved, monkeypatch):
    monkeypatch.chdir(saved)
    models = Models()
    strings = [f"local:{house}{one}" for one in ("", "#alice", "#bob@20", "#bob@40", "#./bob")]
    debaters = [agents.load(text, models) for text in strings]
    readers = [
        judges.load(text, models) for text in (strings[0], strings[1], f"prompted:{house}#bob@20")
    ]
    assert len({participant_id(one) for one in (*debaters, *readers)}) == 8
    base, alice, bob, other, elsewhere = debaters
    assert "adapter" not in base.record and "#" not in base.model
    assert bob.record["adapter"] == {
        "name": "bob", "version": "20", "digest": bob.model.partition("#")[2],
    }  # fmt: skip
    assert elsewhere.model == bob.model and other.model == alice.model  # the same tensors
    assert str(saved) not in str([one.record for one in debaters])
    assert [describe(one.record) for one in (base, alice, bob)] == [
        "local:nano", "local:nano#alice", "local:nano#bob@20",
    ]  # fmt: skip
    assert readers[2].record["adapter"] == bob.record["adapter"]
    assert agents.load(strings[2], models).model == bob.model
    assert len(models.local(str(house)).models) == 3
    engine = models.engine()
    asked = [request(one.model) for one in (*debaters, *readers)]
    engine.submit(list(enumerate(asked)))
    found = dict(engine.collect())
    assert [found[n].model for n in range(len(asked))] == [one.model for one in asked]
    assert not any(w.requires_grad for w in models.local(str(house)).network.parameters())


@pytest.mark.parametrize(
    ("adapter", "line"),
    [
        ("#carol", "there is no adapter 'carol'; adapters of this model: alice, bob"),
        ("#bob", f"'bob' has no {CONFIG}; its versions: @20, @40"),
        ("#bob@30", "'bob' has no version '30'; its versions: @20, @40"),
        ("#alice@30", "'alice' has no version '30'; its versions: none"),
        ("#", "expected #ADAPTER or #ADAPTER@VERSION, got '#'"),
        ("#@20", "expected #ADAPTER or #ADAPTER@VERSION, got '#@20'"),
        ("#bob@", "expected #ADAPTER or #ADAPTER@VERSION, got '#bob@'"),
    ],
)
def test_an_adapter_that_is_not_there_is_one_clear_line(adapter, line, house):
    for load in (agents.load, judges.load):
        with pytest.raises(SpecError, match=line) as error:
            load(f"local:{house}{adapter}", Models())
        assert "\n" not in str(error.value)


def test_a_folder_comes_before_an_adapter_of_the_models_own(house, saved, monkeypatch):
    assert find_adapter(house, "alice") == house / "adapters" / "alice"
    monkeypatch.chdir(saved)
    assert find_adapter(house, "alice").resolve() == saved / "alice"
    assert find_adapter(house, str(saved / "bob")) == saved / "bob"
