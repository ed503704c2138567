"""The hand-written network against torch: values, gradients, Adam, and the floor under a softmax decoder."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from helpers.models import Autoencoder
from helpers.scratch import Adam, ScratchAutoencoder, SoftmaxAutoencoder, gradient_errors, initial_layers

SHAPES = [([784, 256, 32, 16, 32, 256, 784], 3), ([5, 3, 5], 1), ([7, 1, 4, 7], 1), ([6, 9, 2, 8, 3, 6], 2)]


def pair(sizes, encoder_layers, *, seed=0, dtype=torch.float64, kind=ScratchAutoencoder):
    layers = initial_layers(sizes, seed=seed, dtype=dtype)
    return kind(layers, encoder_layers=encoder_layers), Autoencoder(layers, encoder_layers=encoder_layers)


def images(n, d, dtype=torch.float64):
    return torch.rand(n, d, generator=torch.Generator().manual_seed(1), dtype=dtype)


@pytest.mark.parametrize(("sizes", "encoder_layers"), SHAPES)
def test_codes_and_reconstructions_equal_torch(sizes, encoder_layers):
    scratch, inbuilt = pair(sizes, encoder_layers)
    x = images(9, sizes[0])
    torch.testing.assert_close(scratch.encode(x), inbuilt.encode(x))
    torch.testing.assert_close(scratch.reconstruct(x), inbuilt.reconstruct(x))


@pytest.mark.parametrize(("sizes", "encoder_layers"), SHAPES)
@pytest.mark.parametrize("batch", [1, 8])
def test_loss_and_gradients_equal_autograd(sizes, encoder_layers, batch):
    scratch, inbuilt = pair(sizes, encoder_layers)
    inputs, targets = images(batch, sizes[0]), images(batch, sizes[0]).flip(1)
    loss = scratch.loss_and_gradients(inputs, targets)
    expected = F.binary_cross_entropy_with_logits(inbuilt(inputs), targets)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    flat = torch.cat([p.grad.flatten() for p in inbuilt.parameters()])
    torch.testing.assert_close(scratch.gradients, flat, rtol=1e-9, atol=1e-15)


def test_softmax_decoder_equals_autograd():
    scratch, inbuilt = pair([12, 8, 3, 8, 12], 2, kind=SoftmaxAutoencoder)
    x = images(6, 12)
    loss = scratch.loss_and_gradients(x, x)
    expected = F.binary_cross_entropy(inbuilt(x).softmax(1), x)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    flat = torch.cat([p.grad.flatten() for p in inbuilt.parameters()])
    torch.testing.assert_close(scratch.gradients, flat, rtol=1e-9, atol=1e-15)
    torch.testing.assert_close(scratch.reconstruct(x), inbuilt(x).softmax(1).detach())


@pytest.mark.parametrize("kind", [ScratchAutoencoder, SoftmaxAutoencoder])
def test_saturated_outputs_stay_finite(kind):
    scratch, _ = pair([4, 2, 4], 1, dtype=torch.float32, kind=kind)
    scratch.layers[-1][1].copy_(torch.tensor([200.0, -200.0, 90.0, -90.0]))
    x = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    loss = scratch.loss_and_gradients(x, x)
    assert loss.isfinite() and loss > 0
    assert scratch.gradients.isfinite().all()


def test_a_step_leaves_inputs_alone_and_a_smaller_last_batch_works():
    scratch, inbuilt = pair([5, 3, 5], 1)
    for n in (8, 3, 8):
        x = images(n, 5)
        before = x.clone()
        loss = scratch.loss_and_gradients(x, x)
        assert torch.equal(x, before)
        torch.testing.assert_close(loss, F.binary_cross_entropy_with_logits(inbuilt(x), x).detach())


def textbook_adam(parameters, gradients, mean, variance, step, *, learning_rate):
    """One step of Adam as the paper's algorithm 1 prints it."""
    mean.mul_(0.9).add_(gradients, alpha=0.1)
    variance.mul_(0.999).addcmul_(gradients, gradients, value=0.001)
    unbiased_mean, unbiased_variance = mean / (1 - 0.9**step), variance / (1 - 0.999**step)
    parameters.sub_(learning_rate * unbiased_mean / (unbiased_variance.sqrt() + 1e-8))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-5)])
def test_adam_equals_torch_over_many_steps(dtype, tolerance):
    generator = torch.Generator().manual_seed(0)
    mine = torch.randn(200, generator=generator, dtype=dtype)
    theirs = mine.clone().requires_grad_()
    gradients = torch.zeros_like(mine)
    adam, optimiser = Adam(mine, gradients), torch.optim.Adam([theirs], lr=0.01)
    for _ in range(50):
        gradients.copy_(torch.randn(200, generator=generator, dtype=dtype))
        adam.step(0.01)
        theirs.grad = gradients.clone()
        optimiser.step()
    torch.testing.assert_close(mine, theirs.detach(), rtol=tolerance, atol=tolerance)


def test_adam_equals_the_textbook_and_torch_on_a_network():
    scratch, inbuilt = pair([6, 4, 6], 1)
    plain = scratch.parameters.clone()
    mean, variance = torch.zeros_like(plain), torch.zeros_like(plain)
    fast = Adam(scratch.parameters, scratch.gradients)
    optimiser = torch.optim.Adam(inbuilt.parameters(), lr=0.01)
    for step in range(1, 6):
        x = images(7, 6).roll(step, 0)
        scratch.loss_and_gradients(x, x)
        textbook_adam(plain, scratch.gradients, mean, variance, step, learning_rate=0.01)
        fast.step(0.01)
        optimiser.zero_grad()
        F.binary_cross_entropy_with_logits(inbuilt(x), x).backward()
        optimiser.step()
        torch.testing.assert_close(scratch.parameters, plain, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(
            nn.utils.parameters_to_vector(inbuilt.parameters()).detach(), plain, rtol=1e-8, atol=1e-10
        )


def test_the_layers_start_from_the_seed_alone():
    torch.manual_seed(1)
    first = initial_layers([5, 4], seed=3)
    torch.manual_seed(2)
    assert torch.equal(first[0][0], initial_layers([5, 4], seed=3)[0][0])
    assert not torch.equal(first[0][0], initial_layers([5, 4], seed=4)[0][0])


@pytest.mark.parametrize("sizes", [[], [5], [5, 0], [-1, 3]])
def test_bad_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="layer sizes"):
        initial_layers(sizes, seed=0)


@pytest.mark.parametrize("encoder_layers", [0, 2, 5])
def test_an_empty_encoder_or_decoder_is_refused(encoder_layers):
    with pytest.raises(ValueError, match="encoder_layers"):
        ScratchAutoencoder(initial_layers([4, 2, 4], seed=0), encoder_layers=encoder_layers)


def test_dead_units_are_seen():
    scratch, _ = pair([6, 4, 2, 4, 6], 2)
    scratch.layers[0][0][1].zero_()
    scratch.layers[0][1][1] = -1.0
    activity = scratch.hidden_activity(images(20, 6))
    assert [len(a) for a in activity] == [4, 4]
    assert activity[0][1] == 0


def test_gradient_errors_are_small_and_both_judges_see_a_wrong_gradient(monkeypatch):
    x = images(4, 6)
    rows = gradient_errors(*pair([6, 4, 3, 4, 6], 2), x)
    assert len(rows) == 8
    assert max(row["autograd"] for row in rows) < 1e-12
    assert max(row["difference quotients"] for row in rows) < 1e-7
    right = ScratchAutoencoder.loss_and_gradients

    def wrong(self, *arguments):
        loss = right(self, *arguments)
        self.layer_gradients[1][0].mul_(1.001)
        return loss

    monkeypatch.setattr(ScratchAutoencoder, "loss_and_gradients", wrong)
    rows = gradient_errors(*pair([6, 4, 3, 4, 6], 2), x)
    assert rows[2]["autograd"] > 1e-4
    assert rows[2]["difference quotients"] > 1e-4
