"""What a model's state may hold, and what a file makes of it: types of numbers, tied tensors, versions."""

import json
import lzma
import os

import pytest
import torch
from safetensors.torch import save
from stored import pruned, refused, same, state
from torch import nn

from prunelab import storage
from prunelab.storage import files


class Holder(nn.Module):
    def __init__(self, **tensors):
        super().__init__()
        for name, value in tensors.items():
            self.register_buffer(name, value)


class Marked(torch.Tensor):
    pass


DTYPES = [
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int64, torch.uint16, torch.uint32, torch.uint64,
    torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn, torch.float8_e5m2,
    torch.float8_e4m3fnuz, torch.float8_e8m0fnu, torch.complex64, torch.complex128,
]  # fmt: skip


def bits(tensor: torch.Tensor) -> list[int]:
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return real.contiguous().view(-1).view(torch.uint8).tolist()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("density", [0.0, 0.03, 0.5, 1.0])
def test_every_type_of_number_comes_back_bit_by_bit(dtype, density, tmp_path):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(40, 50, generator=generator) * 20
    values = torch.where(torch.rand(40, 50, generator=generator) < density, values, 0.0)
    if not dtype.is_floating_point and not dtype.is_complex:
        values = values.abs()
    if dtype.is_complex:
        values = torch.complex(values, values.flip(0) + 0)
    w = values.to(dtype)
    model = Holder(w=w, scalar=w[0, 0].clone(), empty=w[:0], one=w[:1, :1].clone())
    other = Holder(**{name: torch.zeros_like(value) for name, value in model.state_dict().items()})
    storage.save_sparse(model, tmp_path / "m")
    storage.load_sparse(tmp_path / "m", other)
    for name, value in model.state_dict().items():
        assert bits(other.state_dict()[name]) == bits(value), name
        assert other.state_dict()[name].shape == value.shape


def test_all_bytes_of_float8_come_back_but_the_negative_zero(tmp_path):
    for dtype in (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e8m0fnu):
        every = torch.arange(256, dtype=torch.uint8)
        sparse = torch.cat([every, torch.zeros(5000, dtype=torch.uint8)]).view(dtype)
        other = Holder(w=torch.zeros_like(sparse))
        storage.save_sparse(Holder(w=sparse), tmp_path / "m")
        storage.load_sparse(tmp_path / "m", other)
        wrong = (other.w.view(torch.uint8)[:256] != every).nonzero().flatten().tolist()
        assert wrong in ([], [128]) and (not wrong or float(sparse[128].float()) == 0)


def test_tied_tensors_are_stored_once_and_views_of_one_memory_are_no_tie(tmp_path):
    tied = nn.ModuleDict({"embedding": nn.Embedding(300, 64), "head": nn.Linear(64, 300, bias=False)})
    apart = storage.save_sparse(tied, tmp_path / "apart")
    tied["head"].weight = tied["embedding"].weight
    assert storage.save_sparse(tied, tmp_path / "tied") < 0.55 * apart
    for target in (
        nn.ModuleDict({"embedding": nn.Embedding(300, 64), "head": nn.Linear(64, 300, bias=False)}),
    ):
        storage.load_sparse(tmp_path / "tied", target)
        assert torch.equal(target["head"].weight, tied["embedding"].weight)
        assert torch.equal(target["embedding"].weight, tied["embedding"].weight)
    flat = torch.randn(600)
    views = Holder(
        all=flat, turned=flat.view(20, 30), part=flat[:300], later=flat[300:], t=flat.view(30, 20).t()
    )
    copy = Holder(**{name: torch.zeros_like(value) for name, value in views.state_dict().items()})
    storage.save_sparse(views, tmp_path / "views")
    storage.load_sparse(tmp_path / "views", copy)
    assert same(state(copy), state(views))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"w": torch.empty(3, device="meta")}, "'w' a tensor on the meta device"),
        ({"w": torch.eye(3).to_sparse()}, "to_dense"),
        ({"w": torch.zeros(3).as_subclass(Marked)}, "a Marked of torch.float32"),
    ],
)
def test_what_cannot_be_stored_is_named(tensors, message, tmp_path):
    (tmp_path / "m").write_bytes(b"old")
    with pytest.raises(TypeError, match=message):
        storage.save_sparse(Holder(**tensors), tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == b"old" and os.listdir(tmp_path) == ["m"]


def test_extra_state_and_meta_models_are_refused(tmp_path):
    class Extra(nn.Linear):
        def get_extra_state(self):
            return {"step": 3}

    with pytest.raises(TypeError, match="'_extra_state' dict"):
        storage.save_sparse(Extra(2, 2), tmp_path / "m")
    storage.save_sparse(nn.Linear(2, 2), tmp_path / "m")
    with pytest.raises(ValueError, match="'weight' on the meta device: to_empty"):
        storage.load_sparse(tmp_path / "m", nn.Linear(2, 2, device="meta"))


def test_files_of_version_1_are_read_and_of_version_3_refused(tmp_path):
    """The records in data/ were written by version 1; what follows is such a file, written by hand."""
    arrays = {
        "w:data": torch.tensor([5.0, 7.0]),
        "w:stream": storage.deflate(torch.tensor([2, 0], dtype=torch.uint8)),
    }
    card = {"format": "huffman", "shape": [2, 3], "dtype": "float32", "index_bits": 0, "values": 2}
    for version in ("1", "2", "3"):
        metadata = {"prunelab": version, "tensors": json.dumps({"w": card})}
        (tmp_path / "m").write_bytes(save(arrays, metadata | {"sha256": files._digest(arrays, metadata)}))
        model = Holder(w=torch.zeros(2, 3))
        if version == "3":
            refused(tmp_path / "m", model, "unknown version")
        else:
            storage.load_sparse(tmp_path / "m", model)
            assert model.w.tolist() == [[0, 0, 5], [7, 0, 0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_byte_planes_come_back_and_are_smaller_where_the_first_bytes_are_few(dtype, scale):
    values = (torch.randn(5000, generator=torch.Generator().manual_seed(0)).abs() * 1000 + 500) * scale
    values = values.to(dtype)
    coded, lengths = storage.code_planes(values)
    assert coded.numel() < 0.9 * values.nbytes
    assert torch.equal(storage.decode_planes(coded, lengths, 5000, dtype), values)
    assert storage.code_planes(torch.randint(-(2**63), 2**63 - 1, (5000,))) is None, "noise stays as it is"
    with pytest.raises(ValueError, match="planes must be"):
        storage.decode_planes(coded[:-1], lengths, 5000, dtype)


def test_the_pruned_network_is_smaller_than_xz_makes_it(tmp_path):
    model = pruned("lenet300", 0.9)
    size = storage.save_sparse(model, tmp_path / "m")
    assert size < 0.93 * len(lzma.compress(save(model.state_dict()), preset=9 | lzma.PRESET_EXTREME))


def test_what_torch_cannot_copy_is_refused_before_a_file_is_there(tmp_path):
    four = torch.zeros(6, 6, dtype=torch.uint8).view(torch.int4)
    for model, words in [
        (Holder(a=torch.ones(2), b=four), r"for 'b' a tensor of torch\.int4, which torch cannot copy"),
        (nn.LazyLinear(3), "for 'weight' a tensor without a shape: the model must have seen an input once"),
    ]:
        with pytest.raises(TypeError, match=words):
            storage.save_sparse(model, tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_tensor_that_was_expanded_is_stored_and_refused_for_loading(tmp_path):
    model = Holder(a=torch.ones(2), b=torch.arange(3.0).expand(4, 3))
    storage.save_sparse(model, path := tmp_path / "model.safetensors")
    wide = Holder(a=torch.zeros(2), b=torch.zeros(1, 3).expand(4, 3))
    with pytest.raises(ValueError, match="got 'b', which was expanded"):
        storage.load_sparse(path, wide)
    assert wide.a.sum() == 0, "nothing was half loaded"
    own = Holder(a=torch.zeros(2), b=torch.zeros(4, 3))
    storage.load_sparse(path, own)
    assert torch.equal(own.b, model.b) and torch.equal(own.a, model.a)
