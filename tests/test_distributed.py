"""Two processes are one: shares of the samples, through accelerate on gloo."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from learning import base, random_samples, tensors, with_adapters

from agents.learner import Learner, LearnerError, Loss, Sample

LOSS = Loss(kl=0.2, entropy=0.01, normalise="samples")
LAST = Sample("alice", (1, 2, 3), (4, 5), (-2.0, -3.0), 1.0)


def train(learner, samples, rank=0, many=1):
    """Three steps, of which some have no samples for one process, or none of one debater."""
    records = []
    bobs = [s for s in samples if s.adapter == "bob"]
    for part in (samples, samples, bobs, [LAST]):
        stats = learner.forward_backward(part[rank::many], LOSS)
        norms = learner.optim_step(1e-2)
        records.append([norms, {name: repr(one) for name, one in stats.items()}])
        records[-1][1] = {name: [one.loss, one.kl, one.entropy, one.ratio_max, one.tokens,
                                 one.samples] for name, one in stats.items()}  # fmt: skip
    spoilt = Sample("alice", (1, 2), (3,), (-1.0,), float("nan"))
    try:  # one process alone has the bad sample: both must say so, and neither may hang
        learner.forward_backward([spoilt] if rank == many - 1 else samples[:2], LOSS)
        records.append("nothing was said")
    except LearnerError as error:
        records.append(str(error))
    return records


def made():
    network = with_adapters(base())
    return network, random_samples(network=network)


def worker(rank, folder):
    """One of two processes; `accelerate launch` would set the same variables."""
    from accelerate import Accelerator

    torch.set_num_threads(1)
    accelerator = Accelerator(cpu=True)
    assert accelerator.num_processes == 2 and accelerator.process_index == rank
    network, samples = made()
    if rank == 1:  # everybody starts from the first one's adapters
        tensors(network, "alice").popitem()[1].data += 1
    learner = Learner(network, ["alice", "bob"], accelerator=accelerator)
    records = train(learner, samples, rank, 2)
    torch.save(learner.snapshot(), folder / f"{rank}.pt")
    (folder / f"{rank}.json").write_text(json.dumps(records))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The records and the snapshots of two processes."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    here = Path(__file__).parent
    both = [
        subprocess.Popen(
            [sys.executable, __file__, str(rank), str(folder)],
            env=os.environ | {
                "PYTHONPATH": f"{here.parent}{os.pathsep}{here}", "RANK": str(rank),
                "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true",
            },
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        for one in both:
            said, _ = one.communicate(timeout=120)
            assert one.returncode == 0, said
    finally:
        for one in both:
            one.kill()
    return [
        (json.loads((folder / f"{rank}.json").read_text()), torch.load(folder / f"{rank}.pt"))
        for rank in range(2)
    ]


def test_two_processes_with_half_of_the_samples_each_are_equal_to_one(two):
    network, samples = made()
    learner = Learner(network, ["alice", "bob"])
    alone, state = train(learner, samples), learner.snapshot()
    (first, kept), (second, other) = two
    assert first == second
    for mine, theirs in zip(alone, first, strict=True):
        if isinstance(mine, str):
            assert mine == theirs and "the loss of alice is nan" in mine
            continue
        for a, b in zip(mine, theirs, strict=True):
            assert a.keys() == b.keys()
            for name in a:
                assert b[name] == pytest.approx(a[name], rel=1e-6, abs=1e-6)
    assert first[2][0]["alice"] == 0 < first[2][0]["bob"]
    for name in ("alice", "bob"):
        for key, one in state[name]["weights"].items():
            assert (kept[name]["weights"][key] - one).abs().max() < 1e-6
            assert torch.equal(kept[name]["weights"][key], other[name]["weights"][key])


if __name__ == "__main__":
    worker(int(sys.argv[1]), Path(sys.argv[2]))
