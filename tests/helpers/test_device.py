"""The fast path: picked by what the processor has, and equal to float32 within the noise of its precision."""

import subprocess
import sys

import pytest
import torch
from conftest import ROOT
from torch import nn

from helpers import device


def train(fast):
    """A few steps of a small convolutional net on a fixed task; its losses, and its last output."""
    torch.manual_seed(0)
    net = fast.place(nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 3)))
    images, labels = fast.place(torch.rand(64, 1, 8, 8)), torch.arange(64).remainder(3).to(fast.name)
    optimiser, losses = torch.optim.SGD(net.parameters(), lr=0.1), []
    for _ in range(20):
        optimiser.zero_grad()
        with fast.autocast():
            logits = net(images)
        loss = nn.functional.cross_entropy(logits.float(), labels)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return torch.tensor(losses), logits.float().cpu()


def test_the_fast_path_agrees_with_float32_within_noise(monkeypatch):
    fast_losses, fast_logits = train(device.pick())
    monkeypatch.setenv("PRECISION", "float32")
    exact_losses, exact_logits = train(device.pick())
    # bfloat16 keeps eight bits: about 0.4 % a number.
    torch.testing.assert_close(fast_losses, exact_losses, rtol=0.02, atol=0)
    torch.testing.assert_close(fast_logits, exact_logits, rtol=0.05, atol=0.05)
    assert exact_losses[-1] < exact_losses[0]


@pytest.mark.slow
def test_bfloat16_is_not_emulated():
    asked = "from helpers import device; print(device.pick().precision)"
    environment = {"ONEDNN_MAX_CPU_ISA": "AVX2", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "torch.float32"


def test_float32_can_be_asked_for_and_nothing_else(monkeypatch):
    monkeypatch.setenv("PRECISION", "float32")
    assert device.pick().precision is torch.float32
    monkeypatch.setenv("PRECISION", "half")
    with pytest.raises(ValueError, match="PRECISION=half"):
        device.pick()


def test_it_says_what_it_is():
    fast = device.Device("cpu", torch.bfloat16, torch.channels_last)
    assert str(fast) == "cpu, bfloat16, channels_last"


def test_denormal_numbers_are_zero_where_that_can_be_had():
    smallest = torch.tensor([1e-39])  # float32 has no normal number below 1e-38
    product = (smallest * torch.tensor([0.5])).item()
    assert (product == 0) == device.FLUSHES_DENORMAL
