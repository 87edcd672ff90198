"""Zeros that take no time: layers that compute with the compressed weights."""

import copy
import warnings
from collections import OrderedDict
from collections.abc import Callable
from functools import cache

import torch
from torch import nn

from prunelab import arguments
from prunelab.masks import living
from prunelab.measure import latencies
from prunelab.surgery import remove_filters

# torch says once per process that CSR is in beta; the course knows
warnings.filterwarnings("ignore", message="Sparse BSR tensor support is in beta state", category=UserWarning)
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state", category=UserWarning)

BLOCK = 4  # rows and columns of a block of ``BlockLinear``


def to_csr(weight: torch.Tensor) -> torch.Tensor:
    """Return ``weight`` ``(out, in)`` as a torch CSR tensor with int32 indices, half of torch's default.

    Raises TypeError unless it is a dense float32 or float64 tensor (torch multiplies no other in CSR on the
    CPU), ValueError unless it is a matrix of finite numbers. Source: notebook 07.2."""
    arguments.tensor("weight", weight)
    if weight.layout != torch.strided or weight.dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"weight must be a dense float32 or float64 tensor, got {weight.dtype}, {weight.layout}"
        )
    if weight.ndim != 2:
        raise ValueError(f"weight must have shape (out, in), got {tuple(weight.shape)}")
    csr = weight.detach().to_sparse_csr()
    return torch.sparse_csr_tensor(
        csr.crow_indices().int(), csr.col_indices().int(), csr.values(), csr.shape, check_invariants=True
    )


class _Fixed(nn.Module):
    """A layer whose parameters do not train, some of them in a sparse layout."""

    def __deepcopy__(self, memo: dict) -> "_Fixed":
        for parameter in self.parameters(recurse=False):
            if parameter.layout != torch.strided:  # torch copies no sparse parameter by itself
                memo[id(parameter)] = _fixed(parameter.detach().clone())
        memo[id(self)] = new = type(self).__new__(type(self))
        new.__dict__ = copy.deepcopy(self.__dict__, memo)
        return new


def _fixed(tensor: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)


def turned(x: torch.Tensor) -> torch.Tensor:
    """Return the matrix ``x`` with its rows one after the other in memory, as the sparse products read it.

    The same as ``x.contiguous()``. For images that lie the other way round (``x.t()`` is contiguous) torch's
    way to images with the channels last is faster on a CPU, half as long at best: here one image, whose
    channels are the columns. Raises TypeError for what is no dense matrix. Source: notebook 07.2."""
    if not isinstance(x, torch.Tensor) or x.layout != torch.strided or x.ndim != 2:
        raise TypeError(f"x must be a dense matrix, got {getattr(x, 'shape', type(x).__name__)}")
    if x.is_contiguous():
        return x
    rows, columns = x.shape
    image = x.t().reshape(1, columns, rows, 1).contiguous(memory_format=torch.channels_last)
    return image.view(columns, rows).t().contiguous()  # which copies nothing more


class SparseLinear(_Fixed):
    """A Linear layer that computes ``weight @ x + bias`` with the weight in CSR, for inference.

    Input ``(in_features, batch)``, output ``(out_features, batch)``: features first, because CSR times a
    dense matrix is the product that the sparse libraries are made for. ``linear`` may hold a weight in any
    state; its zeros are what is skipped. The layer does not train. Fast where torch has a sparse library for
    this processor (MKL on Linux with an Intel or AMD processor); other builds are slow, or cannot do it.

    Raises TypeError if ``linear`` is no Linear layer, RuntimeError if this build of torch cannot multiply CSR
    matrices. Source: notebook 07.2."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        _check(linear)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        bias = linear.weight.new_zeros(linear.out_features) if linear.bias is None else linear.bias
        self.weight = _fixed(to_csr(linear.weight))
        self.bias = _fixed(bias.detach().clone()[:, None])
        try:
            self(linear.weight.new_zeros(linear.in_features, 1))
        except RuntimeError as error:
            raise RuntimeError(f"this build of torch cannot multiply a CSR matrix: {error}") from error

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.addmm(self.bias, self.weight, turned(x))

    def extra_repr(self) -> str:
        nonzeros = self.weight.values().numel()
        return f"in_features={self.in_features}, out_features={self.out_features}, nonzeros={nonzeros}"


class DenseLinear(_Fixed):
    """A Linear layer in the same layout, ``(in_features, batch)`` to ``(out_features, batch)``, for weights
    too dense for CSR.

    Raises TypeError if ``linear`` is no Linear layer. Source: notebook 07.2.
    """

    def __init__(self, linear: nn.Linear):
        super().__init__()
        _check(linear)
        bias = linear.weight.new_zeros(linear.out_features) if linear.bias is None else linear.bias
        self.weight = _fixed(linear.weight.detach().clone())
        self.bias = _fixed(bias.detach().clone()[:, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.addmm(self.bias, self.weight, x)

    def extra_repr(self) -> str:
        return f"in_features={self.weight.shape[1]}, out_features={self.weight.shape[0]}"


class GatherLinear(nn.Module):
    """A Linear layer in the same layout that fetches the inputs that have a weight and leaves the others
    (columns of zeros) unread.

    ``form`` (``DenseLinear`` or ``SparseLinear``) multiplies what was fetched.

    Raises TypeError if ``linear`` is no Linear layer, ValueError for another ``form``. Source: notebook 07.2.
    """

    inputs: torch.Tensor

    def __init__(self, linear: nn.Linear, form: type = DenseLinear):
        super().__init__()
        _check(linear)
        arguments.one_of("form", form, (DenseLinear, SparseLinear))
        used = linear.weight.detach().any(dim=0)
        used[0] |= not used.any()  # a weight of zeros fetches one input: no library likes an empty matrix
        small = nn.Linear(int(used.sum()), linear.out_features, bias=linear.bias is not None)
        small.weight, small.bias = nn.Parameter(linear.weight.detach()[:, used]), linear.bias
        self.register_buffer("inputs", used.nonzero().squeeze(1))
        self.layer = form(small)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.is_contiguous():
            return self.layer(x.index_select(0, self.inputs))
        # images as they came, a row for each: what is fetched first need not be turned
        return self.layer(turned(x.t().index_select(1, self.inputs).t()))


class BlockLinear(DenseLinear):
    """The product with a weight stored as blocks of 4 x 4 (BSR); a block of zeros is skipped. Needs MKL, like
    ``SparseLinear``.

    Raises TypeError if ``linear`` is no Linear layer and ValueError unless 4 divides both dimensions of its
    weight. Source: notebook 07.2."""

    def __init__(self, linear: nn.Linear):
        super().__init__(linear)
        if any(size % BLOCK for size in self.weight.shape):
            raise ValueError(
                f"linear must have a weight whose dimensions {BLOCK} divides, got {tuple(self.weight.shape)}"
            )
        self.weight = _fixed(self.weight.detach().to_sparse_bsr((BLOCK, BLOCK)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(turned(x))


class SparseNetwork(nn.Module):
    """A chain of Linear layers and elementwise activations that keeps features x batch between its layers.

    Input ``(N, ...)``, flattened; output ``(N, classes)``: it can be used wherever the dense network was to
    infer. ``copy.deepcopy`` copies it; ``torch.optim.swa_utils.AveragedModel`` does not average it, because
    torch cannot add into a CSR tensor: average the dense network, then call ``to_sparse``, which makes it."""

    def __init__(self, layers: "OrderedDict[str, nn.Module]"):
        super().__init__()
        self.layers = nn.Sequential(layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1).t()
        for layer in self.layers:
            x = layer(x)
        return x.t()


def to_sparse(model: nn.Sequential, max_density: float = 0.2) -> SparseNetwork:
    """Return a network that computes the same as ``model``, its Linear weights in CSR; ``model`` stays as it
    is.

    ``model`` is a chain of Flatten (first), Linear, ReLU, Tanh, Sigmoid and Dropout layers, as LeNet300 is. A
    weight denser than ``max_density`` is kept dense, because CSR would be slower there.

    Raises TypeError or ValueError if ``model`` is no such chain or ``max_density`` lies outside [0, 1].
    Source: notebook 07.2.

    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> model[1].weight.data = torch.tensor([[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    >>> torch.equal(to_sparse(model)(torch.eye(4)), model(torch.eye(4)))
    True
    """
    max_density = arguments.fraction("max_density", max_density)

    def by_density(linear: nn.Linear) -> nn.Module:
        density = linear.weight.count_nonzero().item() / linear.weight.numel()
        return SparseLinear(linear) if density <= max_density else DenseLinear(linear)

    return _chain(model, by_density)


@cache
def multiplies(form: type) -> bool:
    """Return whether this build of torch multiplies a weight in ``form`` (``SparseLinear`` or
    ``BlockLinear``), by trying it once.

    Builds differ: torch for Windows has MKL and leaves out its sparse products. Raises ValueError for another
    form. Source: notebook 07.2.

    >>> multiplies(DenseLinear)
    True
    """
    arguments.one_of("form", form, (DenseLinear, SparseLinear, BlockLinear))
    try:
        form(nn.Linear(BLOCK, BLOCK))(torch.zeros(BLOCK, 1))
    except (RuntimeError, NotImplementedError):
        return False
    return True


def fastest(model: nn.Sequential, example_input: torch.Tensor) -> SparseNetwork:
    """Return a network that computes the same as ``model``, each layer in the form that is fastest here;
    ``model`` stays as it is.

    Dead neurons are removed first. Then every Linear layer is timed as a dense product, as CSR, as either
    with the used inputs only, and as blocks of 4 x 4 where they fit, with the batch size of ``example_input``
    ``(N, ...)`` and the present number of threads: about two seconds a layer. What wins depends on the
    machine: print the result.

    Raises TypeError or ValueError if ``model`` is no chain as in ``to_sparse``, or ``example_input`` does not
    fit it. Source: notebook 07.2."""
    _chain(model, DenseLinear)  # refuses what is no chain
    inputs = next(layer for layer in model.modules() if isinstance(layer, nn.Linear)).in_features
    arguments.tensor("example_input", example_input)
    if example_input.ndim < 2 or example_input[0].numel() != inputs:
        raise ValueError(
            f"example_input must be (N, ...) with {inputs} numbers each, got shape"
            f" {tuple(example_input.shape)}"
        )
    small = remove_filters(model, living(model))
    assert isinstance(small, nn.Sequential)  # a chain stays one
    first = next(layer for layer in small.modules() if isinstance(layer, nn.Linear))

    def by_time(linear: nn.Linear) -> nn.Module:
        forms = [DenseLinear] + [SparseLinear] * multiplies(SparseLinear)
        ways: dict[str, nn.Module] = {form.__name__: form(linear) for form in forms}
        if not linear.weight.any(dim=0).all():
            ways |= {f"{form.__name__} of used inputs": GatherLinear(linear, form) for form in forms}
        if multiplies(BlockLinear) and all(size % BLOCK == 0 for size in linear.weight.shape):
            ways["BlockLinear"] = BlockLinear(linear)
        # the first layer gets its input in this layout,
        x = linear.weight.new_zeros(len(example_input), linear.in_features).t()
        # the others as the product before them left it
        times = latencies(ways, x if linear is first else x.contiguous())
        return ways[min(times, key=lambda name: times[name].median)]

    return _chain(small, by_time)


def _check(linear: nn.Linear) -> None:
    if not isinstance(linear, nn.Linear):
        raise TypeError(f"linear must be a torch.nn.Linear, got {type(linear).__name__}")


def _chain(model: nn.Sequential, form: Callable[[nn.Linear], nn.Module]) -> SparseNetwork:
    """Return ``model`` with ``form(layer)`` for each Linear layer, refusing what is no chain of Linear layers
    and activations.
    """
    if not isinstance(model, nn.Sequential):
        raise TypeError(f"model must be a torch.nn.Sequential, got {type(model).__name__}")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in model.named_children():
        if isinstance(layer, nn.Linear):
            layers[name] = form(layer)
        elif isinstance(layer, nn.ReLU | nn.Tanh | nn.Sigmoid):
            layers[name] = type(layer)()
        elif not (isinstance(layer, nn.Flatten) and not layers) and not isinstance(layer, nn.Dropout):
            raise ValueError(
                f"model must be a chain of Flatten, Linear and activations, got {name}:"
                f" {type(layer).__name__}"
            )
    if not any(isinstance(layer, nn.Linear) for layer in model.modules()):
        raise ValueError("model must have a Linear layer, got none")
    return SparseNetwork(layers).eval()
