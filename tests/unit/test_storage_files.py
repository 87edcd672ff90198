"""A sparse model on disk: exact round trips, and every way in which a file can be wrong."""

import io
import json
import os
import subprocess
import sys
import zipfile

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from stored import pruned, refused, same, state
from torch import nn

from prunelab import storage
from prunelab.masks import prunable
from prunelab.measure import bytes_on_disk
from prunelab.models import MODELS
from prunelab.storage import files


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.98, 1.0])
def test_the_round_trip_is_exact(name, sparsity, tmp_path):
    model, other = pruned(name, sparsity), MODELS[name]()
    size = storage.save_sparse(model, tmp_path / "m.safetensors")
    assert size == (tmp_path / "m.safetensors").stat().st_size
    storage.load_sparse(tmp_path / "m.safetensors", other)
    assert same(state(other), state(model))
    assert os.listdir(tmp_path) == ["m.safetensors"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_dtypes_come_back_too(dtype, tmp_path):
    model, other = pruned("lenet300").to(dtype), MODELS["lenet300"]().to(dtype)
    storage.save_sparse(model, tmp_path / "m")
    storage.load_sparse(tmp_path / "m", other)
    assert same(state(other), state(model))


def test_the_file_is_smaller_than_zip_and_near_the_bound(tmp_path):
    model = pruned("lenet300", 0.95)
    size = storage.save_sparse(model, tmp_path / "m")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m", save(model.state_dict()))
    nonzeros = sum(int(w.count_nonzero()) for w in prunable(model).values())
    index = (
        sum(storage.entropy_bound(w.numel(), int(w.count_nonzero())) for w in prunable(model).values()) / 8
    )
    biases = 4 * 410
    assert size < len(packed.getvalue()) < bytes_on_disk(model) / 5
    assert size < 1.05 * (4 * nonzeros + index + biases)


def test_shared_weights_are_stored_as_a_code_book(tmp_path):
    model = pruned("lenet300", 0.92)
    for weight in prunable(model).values():
        kept = weight.data != 0
        centroids, codes = storage.share_weights(weight.data[kept], 64)
        weight.data[kept] = centroids[codes]
    other = MODELS["lenet300"]()
    size = storage.save_sparse(model, tmp_path / "m")
    storage.load_sparse(tmp_path / "m", other)
    assert same(state(other), state(model))
    nonzeros = sum(int(w.count_nonzero()) for w in prunable(model).values())
    assert size < nonzeros * (6 + 5.5) / 8 + 4 * 410 + 3000


@pytest.mark.parametrize(
    "values", [torch.zeros(5, 5), torch.ones(6), torch.tensor([[float("nan"), 0.0, 2.0]]), torch.empty(0, 3)]
)
def test_odd_parameters(values, tmp_path):
    model, other = nn.ParameterDict({"w": values}), nn.ParameterDict({"w": torch.full_like(values, 9)})
    storage.save_sparse(model, tmp_path / "m")
    storage.load_sparse(tmp_path / "m", other)
    assert torch.equal(other["w"].nan_to_num(7), values.nan_to_num(7))


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "m.safetensors"
    storage.save_sparse(pruned("lenet300"), path)
    return path


def test_a_file_of_another_model_is_refused(saved):
    refused(saved, MODELS["lenet5"](), "is from another model: it lacks")
    wider = nn.Sequential()
    for name, layer in MODELS["lenet300"]().named_children():
        wider.add_module(name, nn.Linear(784, 301) if name == "fc1" else layer)
    refused(saved, wider, r"fc1.weight is \(\(300, 784\), 'float32'\) in the file")
    refused(saved, MODELS["lenet300"]().double(), "'float64'")


@pytest.mark.parametrize("length", [0, 5, 100, 2000, -1])
def test_a_truncated_file_is_refused(saved, length):
    saved.write_bytes(saved.read_bytes()[:length])
    refused(saved, MODELS["lenet300"](), "truncated or altered")


def test_every_altered_byte_is_noticed(saved):
    raw, model = saved.read_bytes(), MODELS["lenet300"]()
    header = 8 + int.from_bytes(raw[:8], "little")
    for position in [3, 8, 60, header - 40, header, header + 1000, len(raw) // 2, len(raw) - 1]:
        saved.write_bytes(raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :])
        refused(saved, model, "altered|was not written by|save_sparse")


def test_a_file_of_another_program_is_refused(tmp_path):
    (tmp_path / "m").write_bytes(save(MODELS["lenet300"]().state_dict()))
    refused(tmp_path / "m", MODELS["lenet300"](), "was not written by save_sparse")
    with pytest.raises(FileNotFoundError, match="is missing"):
        storage.load_sparse(tmp_path / "none", MODELS["lenet300"]())
    with pytest.raises(TypeError, match="model must be"):
        storage.save_sparse({}, tmp_path / "m")
    with pytest.raises(TypeError, match="model must be"):
        storage.load_sparse(tmp_path / "m", {})


def forge(path, change):
    """Rewrite the file with changed arrays or cards and a checksum that is right: the indices must be checked
    all the same.
    """
    raw = path.read_bytes()
    arrays = load(raw)
    metadata = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
    cards = json.loads(metadata["tensors"])
    change(arrays, cards)
    metadata = {"prunelab": metadata["prunelab"], "tensors": json.dumps(cards)}
    path.write_bytes(save(arrays, metadata | {"sha256": files._digest(arrays, metadata)}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda arrays, cards: arrays.update(
                {"fc1.weight:stream": storage.deflate(torch.full((50_000,), 254, dtype=torch.uint8))}
            ),
            "fc1.weight cannot be decoded.*must lie in",
        ),
        (
            lambda arrays, cards: (
                arrays.update({"fc1.weight:planes": torch.zeros(12, dtype=torch.uint8)})
                or cards["fc1.weight"].update(planes=[0] * 4, values=3)
            ),
            "names .* positions, but data holds 3 values",
        ),
        (
            lambda arrays, cards: cards["fc1.weight"].update(planes=[0, 0, 5]),
            "planes must be 4, and .* bytes together",
        ),
        (
            lambda arrays, cards: arrays["fc1.weight:planes"][-400:].fill_(255),
            "a plane of the values",
        ),
        (
            lambda arrays, cards: arrays.update({"fc1.weight:data": torch.ones(3)}),
            "values must stand there once",
        ),
        (
            lambda arrays, cards: cards.update({"fc1.bias": cards["fc1.bias"] | {"same_as": "fc2.weight"}}),
            "fc1.bias cannot be decoded",
        ),
        (lambda arrays, cards: arrays.pop("fc1.weight:stream"), "fc1.weight cannot be decoded"),
        (lambda arrays, cards: cards["fc1.weight"].update(format="rar"), "format must be one of"),
        (lambda arrays, cards: cards["fc1.bias"].update(format="csr"), "fc1.bias cannot be decoded"),
        (lambda arrays, cards: cards["fc1.weight"].pop("values"), "cannot be decoded"),
        (
            lambda arrays, cards: arrays.update(
                {"fc1.weight:data": arrays.pop("fc1.weight:planes").double()}
            ),
            "must be torch.float32",
        ),
    ],
)
def test_indices_out_of_range_are_refused_even_under_a_right_checksum(saved, change, message):
    forge(saved, change)
    refused(saved, MODELS["lenet300"](), message)


def test_the_old_file_survives_a_save_that_fails(saved, monkeypatch):
    before = saved.read_bytes()

    def half(arrays, path, metadata):
        path.write_bytes(b"half of it")
        raise SafetensorError("no space left on device")

    def full(*args):
        raise OSError("no space left on device")

    for target, name, fault in ((files, "save_file", half), (files.os, "replace", full)):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, fault)
            with pytest.raises(OSError, match="no space"):
                storage.save_sparse(pruned("lenet300", 0.5), saved)
        assert saved.read_bytes() == before
        assert os.listdir(saved.parent) == [saved.name]


NO_ROOM = """
import resource, signal, sys
from prunelab.models import LeNet300
from prunelab.storage import save_sparse
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    save_sparse(LeNet300(), sys.argv[1])
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the size of files")
def test_a_disk_without_room_is_told(saved):
    before = saved.read_bytes()
    done = subprocess.run([sys.executable, "-c", NO_ROOM, saved], capture_output=True, text=True, check=True)
    assert "m.safetensors could not be written" in done.stdout
    assert saved.read_bytes() == before and os.listdir(saved.parent) == [saved.name]
