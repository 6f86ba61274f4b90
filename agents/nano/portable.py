"""A trained network in the form in which a folder of it is loaded with its own tokenizer."""

from __future__ import annotations

from typing import Any

_KEPT = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
    "max_position_embeddings", "rope_parameters", "tie_word_embeddings", "initializer_range",
    "pad_token_id", "bos_token_id", "eos_token_id", "rms_norm_eps", "hidden_act",
)  # fmt: skip


def portable(network: Any) -> Any:
    """A Qwen2 as the Llama that computes the same: one with attention biases (that of the output
    projection is 0). Any other network as it is.

    transformers (5.23) gives every folder of a Qwen2 the tokenizer of Qwen2, whatever tokenizer is
    in it (`MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS`); a Llama's folder keeps its own. A Llama's
    width is a multiple of its heads: where it is not, heads that write 0 are added.
    """
    from transformers import AutoModelForCausalLM, LlamaConfig

    had = network.config
    if had.model_type != "qwen2":
        return network
    if had.num_key_value_heads != had.num_attention_heads:
        raise ValueError("expected as many key and value heads as heads")
    heads = had.num_attention_heads
    while had.hidden_size % heads:
        heads += 1
    size = network.model.layers[0].self_attn.head_dim
    kind: Any = LlamaConfig
    config = kind(
        **{name: getattr(had, name) for name in _KEPT},
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=size,
        attention_bias=True,
    )
    loader: Any = AutoModelForCausalLM
    made = loader.from_config(config, attn_implementation=had._attn_implementation)
    made.load_state_dict(_weights(network, heads * size))
    return made.to(network.device, network.dtype)


def _weights(network: Any, inner: int) -> dict[str, Any]:
    """A Qwen2's weights by their names in a Llama, its heads filled up with 0 to ``inner``."""
    from torch.nn.functional import pad

    found = dict(network.state_dict())
    for i, layer in enumerate(network.model.layers):
        at, out = f"model.layers.{i}.self_attn", layer.self_attn.o_proj.weight
        more = inner - out.shape[1]
        for name in ("q_proj", "k_proj", "v_proj"):
            weight, bias = f"{at}.{name}.weight", f"{at}.{name}.bias"
            found[weight] = pad(found[weight], (0, 0, 0, more))
            found[bias] = pad(found[bias], (0, more))
        found[f"{at}.o_proj.weight"] = pad(out, (0, more))
        found[f"{at}.o_proj.bias"] = out.new_zeros(out.shape[0])
    return found
