"""The autoencoder written by hand: forward pass, backward pass and Adam on plain tensors.

No autograd, no ``torch.nn`` and no ``torch.optim``. Chapter 1 writes the same method in its cells, in the
symbols of its equations. Two habits make it fast here:

* all parameters are views of one flat tensor, and so are all gradients, so that Adam is one update, not twelve;
* every activation is allocated once per batch size and written in place (``out=``) at every step.

:class:`ScratchAutoencoder` is the method; :class:`SoftmaxAutoencoder` changes its output layer to Report A's.

Shapes below use B images a batch, D pixels an image, and layer sizes n_0 = D, n_1, ..., n_L = D.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

Layer = tuple[Tensor, Tensor]  # weight [out, in], bias [out]


def initial_layers(sizes: Sequence[int], *, seed: int, dtype: torch.dtype = torch.float32) -> list[Layer]:
    """Random layers for ``sizes``: weights uniform in +-sqrt(6 / (fan in + fan out)), biases zero.

    Glorot & Bengio 2010, equation 16. Both networks of chapter 1 start from these, not from the smaller weights that
    ``torch.nn.Linear`` draws.

    Returns one (weight [out, in], bias [out]) per pair of neighbouring sizes.
    Raises ValueError for fewer than two sizes or a size below one.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"layer sizes must be two or more positive numbers, not {list(sizes)}")
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        bound = math.sqrt(6 / (fan_in + fan_out))
        weight = torch.empty(fan_out, fan_in, dtype=dtype).uniform_(-bound, bound, generator=generator)
        layers.append((weight, torch.zeros(fan_out, dtype=dtype)))
    return layers


class _Workspace:
    """The tensors that one batch size needs, allocated once."""

    def __init__(self, sizes: Sequence[int], batch: int, dtype: torch.dtype):
        self.outputs = [torch.empty(batch, n, dtype=dtype) for n in sizes[1:]]
        self.deltas = [torch.empty(batch, n, dtype=dtype) for n in sizes[1:]]  # d loss / d outputs
        self.probabilities = torch.empty(batch, sizes[-1], dtype=dtype)
        self.logarithms = torch.empty(batch, sizes[-1], dtype=dtype)


class ScratchAutoencoder:
    """A fully connected autoencoder: ReLU between its layers, a linear code, a sigmoid output.

    ``layers`` are copied in; the first ``encoder_layers`` of them are the encoder.
    ``parameters`` and ``gradients`` are flat [P]; ``layers`` and ``layer_gradients`` are views of them.
    Raises ValueError when the encoder or the decoder would be empty.
    """

    def __init__(self, layers: Sequence[Layer], *, encoder_layers: int):
        if not 0 < encoder_layers < len(layers):
            raise ValueError(f"encoder_layers must lie between 1 and {len(layers) - 1}, not {encoder_layers}")
        self.encoder_layers = encoder_layers
        self.sizes = [layers[0][0].shape[1], *(len(bias) for _, bias in layers)]
        self.parameters = torch.cat([part.flatten() for layer in layers for part in layer])
        self.gradients = torch.zeros_like(self.parameters)
        self.layers = self._views(self.parameters)
        self.layer_gradients = self._views(self.gradients)
        self._workspaces: dict[int, _Workspace] = {}

    def _views(self, flat: Tensor) -> list[Layer]:
        views, start = [], 0
        for fan_in, fan_out in zip(self.sizes, self.sizes[1:], strict=False):
            middle, end = start + fan_out * fan_in, start + fan_out * fan_in + fan_out
            views.append((flat[start:middle].view(fan_out, fan_in), flat[middle:end]))
            start = end
        return views

    def state_dict(self) -> dict[str, Tensor]:
        """All parameters, flat [P], and not a copy."""
        return {"parameters": self.parameters}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take the parameters of another network of these layers."""
        self.parameters.copy_(state["parameters"])

    def _has_relu(self, k: int) -> bool:
        """ReLU follows every layer but the code and the logits."""
        return k not in (self.encoder_layers - 1, len(self.layers) - 1)

    def _run(self, x: Tensor, first: int, last: int) -> Tensor:
        for k in range(first, last):
            weight, bias = self.layers[k]
            x = torch.addmm(bias, x, weight.t())
            if self._has_relu(k):
                x = x.relu_()
        return x

    def encode(self, images: Tensor) -> Tensor:
        """Images [N, D] in [0, 1] -> codes [N, n_code]."""
        return self._run(images, 0, self.encoder_layers)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [N, n_code] -> reconstructions [N, D] in [0, 1]."""
        return self._output(self._run(codes, self.encoder_layers, len(self.layers)))

    def reconstruct(self, images: Tensor) -> Tensor:
        """Images [N, D] -> reconstructions [N, D]."""
        return self.decode(self.encode(images))

    def hidden_activity(self, images: Tensor) -> list[Tensor]:
        """The largest output of every ReLU unit over ``images`` [N, D]: one [n_k] a hidden layer; 0 is a dead unit."""
        return [self._run(images, 0, k + 1).amax(0) for k in range(len(self.layers)) if self._has_relu(k)]

    def loss_and_gradients(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """One batch, forward and backward: inputs and targets [B, D] in [0, 1] -> mean binary cross entropy, scalar.

        Leaves its gradient in ``gradients``.
        """
        work = self._workspaces.get(len(inputs))
        if work is None:
            work = self._workspaces[len(inputs)] = _Workspace(self.sizes, len(inputs), self.parameters.dtype)

        # Forward: y_k = x_k W_k^T + b_k, then x_{k+1} = max(y_k, 0), in the same memory.
        activations = [inputs, *work.outputs]
        for k, (weight, bias) in enumerate(self.layers):
            torch.addmm(bias, activations[k], weight.t(), out=work.outputs[k])
            if self._has_relu(k):
                work.outputs[k].relu_()

        # Backward: delta_k = d loss / d y_k gives d W_k = delta_k^T x_k, d b_k = sum of delta_k, d x_k = delta_k W_k.
        loss = self._loss_and_delta(work.outputs[-1], targets, work)
        for k in reversed(range(len(self.layers))):
            delta = work.deltas[k]
            weight_gradient, bias_gradient = self.layer_gradients[k]
            torch.mm(delta.t(), activations[k], out=weight_gradient)
            torch.sum(delta, 0, out=bias_gradient)
            if k > 0:
                torch.mm(delta, self.layers[k][0], out=work.deltas[k - 1])
                if self._has_relu(k - 1):
                    # A ReLU output is never negative, so its sign is its derivative: 1 where it passed, else 0.
                    work.deltas[k - 1].mul_(activations[k].sign_())
        return loss

    def _output(self, logits: Tensor) -> Tensor:
        return logits.sigmoid_()

    def _loss_and_delta(self, logits: Tensor, targets: Tensor, work: _Workspace) -> Tensor:
        """Loss from ``logits`` (overwritten) [B, D]; its gradient goes to ``work.deltas[-1]``.

        With p = sigmoid(z): d loss / d z = (p - t) / (B D), and since log(1 - p) = log p - z the loss
        -t log p - (1 - t) log(1 - p) is (1 - t) z - log p: one logarithm where the textbook has two.
        """
        logits.clamp_(min=-80)  # below, float32 has no normal p > 0 to take the logarithm of
        probabilities, delta = torch.sigmoid(logits, out=work.probabilities), work.deltas[-1]
        torch.sub(probabilities, targets, out=delta).div_(delta.numel())
        log_p = torch.log(probabilities, out=work.logarithms)
        return logits.sub_(torch.mul(logits, targets, out=probabilities)).sub_(log_p).mean()


class SoftmaxAutoencoder(ScratchAutoencoder):
    """Report A's decoder: a softmax over all D pixels, under the same binary cross entropy.

    The outputs of an image sum to one, whatever the image; chapter 1 shows what that costs.
    """

    def _output(self, logits: Tensor) -> Tensor:
        return logits.softmax(1)

    def _loss_and_delta(self, logits: Tensor, targets: Tensor, work: _Workspace) -> Tensor:
        """With p = softmax(z) and g = d loss / d p: d loss / d z = p * (g - <g, p>), per image."""
        probabilities, delta = torch.softmax(logits, 1, out=work.probabilities), work.deltas[-1]
        probabilities.clamp_(1e-30, 1 - 1e-6)  # both logarithms must stay finite
        log_p = torch.log(probabilities, out=work.logarithms)
        log_q = torch.log1p(torch.neg(probabilities, out=delta), out=logits)
        loss = -torch.lerp(log_q, log_p, targets).mean()
        # p * g = (p - t) / (1 - p) / (B D); its sum over an image is <g, p>.
        torch.sub(probabilities, targets, out=delta).div_(1 - probabilities).div_(delta.numel())
        delta.sub_(probabilities.mul_(delta.sum(1, keepdim=True)))
        return loss


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) for one flat parameter tensor [P], in place.

    With bias-corrected moments m / (1 - beta1^t) and v / (1 - beta2^t), the step
    theta <- theta - rate * m_hat / (sqrt(v_hat) + epsilon) is computed as
    theta <- theta - rate * c / (1 - beta1^t) * m / (sqrt(v) + epsilon * c), c = sqrt(1 - beta2^t):
    the corrections are two numbers, not two more passes over memory (the end of the paper's section 2).
    """

    def __init__(
        self,
        parameters: Tensor,
        gradients: Tensor,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        self.parameters, self.gradients = parameters, gradients
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.mean, self.variance = torch.zeros_like(parameters), torch.zeros_like(parameters)
        self.steps = 0
        self._root = torch.empty_like(parameters)

    def step(self, learning_rate: float) -> None:
        """Move the parameters by their current gradients."""
        self.steps += 1
        correction = math.sqrt(1 - self.beta2**self.steps)
        rate, epsilon = learning_rate * correction / (1 - self.beta1**self.steps), self.epsilon * correction
        self.mean.lerp_(self.gradients, 1 - self.beta1)
        self.variance.mul_(self.beta2).addcmul_(self.gradients, self.gradients, value=1 - self.beta2)
        torch.sqrt(self.variance, out=self._root).add_(epsilon)
        self.parameters.addcdiv_(self.mean, self._root, value=-rate)


def gradient_errors(network: ScratchAutoencoder, twin: nn.Module, images: Tensor) -> list[dict[str, str | float]]:
    """The gradients of ``network`` on one batch ``images`` [B, D], in float64, against two judges.

    ``twin`` is the same network with gradients by autograd. One row a weight matrix or bias: its name; against
    ``autograd`` the largest difference; against ``difference quotients`` (L(w + h) - L(w - h)) / 2h that of its five
    largest gradients. Both are relative to the largest gradient of the tensor.
    """
    network.loss_and_gradients(images, images)
    functional.binary_cross_entropy_with_logits(twin(images), images).backward()
    weights = [part.flatten() for layer in network.layers for part in layer]
    gradients = [part.flatten().clone() for layer in network.layer_gradients for part in layer]
    rows = []
    for weight, mine, (name, parameter) in zip(weights, gradients, twin.named_parameters(), strict=True):
        largest = mine.abs().topk(min(5, len(mine))).indices
        quotients = torch.stack([_difference_quotient(network, images, weight, int(i)) for i in largest])
        scale = parameter.grad.abs().max()
        rows.append(
            {
                "parameter": name,
                "autograd": ((mine - parameter.grad.flatten()).abs().max() / scale).item(),
                "difference quotients": ((mine[largest] - quotients).abs().max() / scale).item(),
            }
        )
    return rows


def _difference_quotient(
    network: ScratchAutoencoder, images: Tensor, weight: Tensor, i: int, h: float = 1e-5
) -> Tensor:
    """The central difference quotient of the loss in ``weight[i]``, a view of the network's parameters."""
    value = weight[i].item()
    losses = []
    for moved in (value + h, value - h):
        weight[i] = moved
        losses.append(network.loss_and_gradients(images, images))
    weight[i] = value
    return (losses[0] - losses[1]) / (2 * h)
