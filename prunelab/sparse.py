"""Zeros that take no time: layers that compute with the compressed weights."""

import warnings
from collections import OrderedDict

import torch
from torch import nn

from prunelab import arguments

# torch says once per process that CSR is in beta; the course knows
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state", category=UserWarning)


def to_csr(weight: torch.Tensor) -> torch.Tensor:
    """Return ``weight`` ``(out, in)`` as a torch CSR tensor with int32 indices, half of torch's default.

    Raises TypeError unless it is a dense float32 or float64 tensor (torch multiplies no other in CSR on the CPU), ValueError unless
    it is a matrix of finite numbers. Source: notebook 07.2.
    """
    arguments.tensor("weight", weight)
    if weight.layout != torch.strided or weight.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"weight must be a dense float32 or float64 tensor, got {weight.dtype}, {weight.layout}")
    if weight.ndim != 2:
        raise ValueError(f"weight must have shape (out, in), got {tuple(weight.shape)}")
    csr = weight.detach().to_sparse_csr()
    return torch.sparse_csr_tensor(
        csr.crow_indices().int(), csr.col_indices().int(), csr.values(), csr.shape, check_invariants=True
    )


class SparseLinear(nn.Module):
    """A Linear layer that computes ``weight @ x + bias`` with the weight in CSR, for inference.

    Input ``(in_features, batch)``, output ``(out_features, batch)``: features first, because CSR times a dense matrix is the
    product that the sparse libraries are made for. ``linear`` may hold a weight in any state; its zeros are what is skipped. The
    layer does not train. Fast where torch has MKL (``torch.backends.mkl.is_available()``); other builds are correct, but slow.

    Raises TypeError if ``linear`` is no Linear layer, RuntimeError if this build of torch cannot multiply CSR matrices.
    Source: notebook 07.2.
    """

    def __init__(self, linear: nn.Linear):
        super().__init__()
        if not isinstance(linear, nn.Linear):
            raise TypeError(f"linear must be a torch.nn.Linear, got {type(linear).__name__}")
        self.in_features, self.out_features = linear.in_features, linear.out_features
        bias = linear.weight.new_zeros(linear.out_features) if linear.bias is None else linear.bias
        self.register_buffer("weight", to_csr(linear.weight))
        self.register_buffer("bias", bias.detach().clone()[:, None])
        try:
            self(linear.weight.new_zeros(linear.in_features, 1))
        except RuntimeError as error:
            raise RuntimeError(f"this build of torch cannot multiply a CSR matrix: {error}") from error

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.addmm(self.bias, self.weight, x)

    def extra_repr(self) -> str:
        nonzeros = self.weight.values().numel()
        return f"in_features={self.in_features}, out_features={self.out_features}, nonzeros={nonzeros}"


class DenseLinear(nn.Module):
    """A Linear layer in the same layout, ``(in_features, batch)`` to ``(out_features, batch)``, for weights too dense for CSR."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        bias = linear.weight.new_zeros(linear.out_features) if linear.bias is None else linear.bias
        self.register_buffer("weight", linear.weight.detach().clone())
        self.register_buffer("bias", bias.detach().clone()[:, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.addmm(self.bias, self.weight, x)

    def extra_repr(self) -> str:
        return f"in_features={self.weight.shape[1]}, out_features={self.weight.shape[0]}"


class SparseNetwork(nn.Module):
    """A chain of Linear layers and elementwise activations that keeps features x batch between its layers.

    Input ``(N, ...)``, flattened; output ``(N, classes)``: it can be used wherever the dense network was. Made by ``to_sparse``.
    """

    def __init__(self, layers: "OrderedDict[str, nn.Module]"):
        super().__init__()
        self.layers = nn.Sequential(layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x.flatten(1).t()).t()


def to_sparse(model: nn.Sequential, max_density: float = 0.2) -> SparseNetwork:
    """Return a network that computes the same as ``model``, its Linear weights in CSR; ``model`` stays as it is.

    ``model`` is a chain of Flatten (first), Linear, ReLU, Tanh, Sigmoid and Dropout layers, as LeNet300 is. A weight denser than
    ``max_density`` is kept dense, because CSR would be slower there.

    Raises TypeError or ValueError if ``model`` is no such chain or ``max_density`` lies outside [0, 1]. Source: notebook 07.2.
    """
    max_density = arguments.fraction("max_density", max_density)
    if not isinstance(model, nn.Sequential):
        raise TypeError(f"model must be a torch.nn.Sequential, got {type(model).__name__}")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in model.named_children():
        if isinstance(layer, nn.Linear):
            density = layer.weight.count_nonzero().item() / layer.weight.numel()
            layers[name] = SparseLinear(layer) if density <= max_density else DenseLinear(layer)
        elif isinstance(layer, nn.ReLU | nn.Tanh | nn.Sigmoid):
            layers[name] = type(layer)()
        elif not (isinstance(layer, nn.Flatten) and not layers) and not isinstance(layer, nn.Dropout):
            raise ValueError(f"model must be a chain of Flatten, Linear and activations, got {name}: {type(layer).__name__}")
    if not any(isinstance(layer, SparseLinear | DenseLinear) for layer in layers.values()):
        raise ValueError("model must have a Linear layer, got none")
    return SparseNetwork(layers).eval()
