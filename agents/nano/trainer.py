"""Masters: float32 weights behind a network in another precision, with their optimisers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def schedule(share: float, flat: float, warm: float = 0.0) -> float:
    """The learning rate's factor at a share of the training: up, constant, then linearly to 0."""
    if share < warm:
        return share / warm + 1e-3
    return 1.0 if share < flat else max(0.0, (1 - share) / (1 - flat))


class Masters:
    """A network that computes in ``dtype`` and is trained in float32.

    Two-dimensional weights but the embedding are stepped with Muon (Jordan et al. 2024, as in
    torch.optim), everything else with AdamW. Gradients are clipped to norm 1 together.
    """

    def __init__(self, network: Any, dtype: Any, clip: float = 1.0) -> None:
        import torch

        named = list(network.named_parameters())
        self._clip = clip
        self.masters = [p.detach().clone().float() for _, p in named]
        self.network = network.to(dtype)
        self._live = [p for _, p in self.network.named_parameters()]
        matrix = [p.ndim == 2 and "embed" not in name for name, p in named]
        split: tuple[list[Any], list[Any]] = ([], [])
        for master, is_matrix in zip(self.masters, matrix, strict=True):
            split[not is_matrix].append(master)
        self._muon: Any = torch.optim.Muon(split[0], lr=1.0, weight_decay=0.0, momentum=0.95)
        self._adamw = torch.optim.AdamW(split[1], lr=1.0, weight_decay=0.0, betas=(0.9, 0.98))

    def step(self, muon: float, adamw: float) -> float:
        """Step on the live network's gradients with these learning rates; their norm before."""
        import torch

        for master, live in zip(self.masters, self._live, strict=True):
            master.grad = None if live.grad is None else live.grad.float()
            live.grad = None
        norm = torch.nn.utils.clip_grad_norm_(self.masters, self._clip)
        for optimiser, rate in ((self._muon, muon), (self._adamw, adamw)):
            for group in optimiser.param_groups:
                group["lr"] = rate
            if torch.isfinite(norm):
                optimiser.step()
        self._publish()
        return float(norm)

    def _publish(self) -> None:
        import torch

        with torch.no_grad():
            for master, live in zip(self.masters, self._live, strict=True):
                live.copy_(master)

    def state(self) -> dict[str, Any]:
        """Weights and optimisers, for a checkpoint."""
        return {
            "masters": self.masters,
            "muon": self._muon.state_dict(),
            "adamw": self._adamw.state_dict(),
        }

    def take(self, weights: Sequence[Any]) -> None:
        """Begin from these weights, in the order of the network's parameters."""
        for master, kept in zip(self.masters, weights, strict=True):
            master.data.copy_(kept)
        self._publish()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.take(state["masters"])
        self._muon.load_state_dict(state["muon"])
        self._adamw.load_state_dict(state["adamw"])
