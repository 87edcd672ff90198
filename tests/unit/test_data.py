"""MNIST as the course reads it, beside torchvision; and files that are not what they should be."""

import gzip
import shutil

import pytest
import torch
from torchvision.datasets import MNIST

from prunelab.data import DATA, MEAN, STD, load_mnist

FILES = sorted(path.name for path in (DATA / "mnist").glob("*.gz"))
FIRST_TRAIN = [7, 4, 6, 2, 3, 3, 2, 3, 5, 4, 7, 3, 8, 4, 2, 8, 8, 4, 8, 9]
FIRST_VALID = [8, 1, 3, 0, 8, 0, 1, 6, 6, 0, 4, 2, 2, 9, 1, 4, 8, 1, 7, 8]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Return torchvision's (train, test), read from the same files unpacked."""
    root = tmp_path_factory.mktemp("torchvision")
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in FILES:
        (raw / name.removesuffix(".gz")).write_bytes(gzip.decompress((DATA / "mnist" / name).read_bytes()))
    return MNIST(root, train=True), MNIST(root, train=False)


@pytest.fixture
def folder(tmp_path):
    """Return a copy of the folder that a test may damage."""
    return shutil.copytree(DATA / "mnist", tmp_path / "mnist")


def normalised(images):
    return (images[:, None].float() / 255 - MEAN) / STD


def test_shapes_and_types(mnist):
    assert [len(split) for split in mnist] == [55_000, 5_000, 10_000]
    for split in mnist:
        images, labels = split.tensors
        assert images.shape[1:] == (1, 28, 28) and images.dtype == torch.float32
        assert labels.shape == (len(images),) and labels.dtype == torch.int64


def test_test_split_is_torchvisions(mnist, reference):
    images, labels = mnist.test.tensors
    assert torch.equal(labels, reference[1].targets)
    torch.testing.assert_close(images, normalised(reference[1].data))


def test_train_and_valid_are_torchvisions_training_images(mnist, reference):
    """Every image is there once, with its label: compared as sorted sets of (fingerprint, label)."""
    weights = torch.randint(
        1, 2**30, (784,), generator=torch.Generator().manual_seed(0)
    ).double()  # sums stay exact

    def fingerprints(images, labels):
        return ((images.reshape(-1, 784).double() @ weights) * 10 + labels).sort().values

    parts = [split.tensors for split in (mnist.train, mnist.valid)]
    images = torch.cat([((x * STD + MEAN) * 255).round() for x, _ in parts])
    assert torch.equal(
        fingerprints(images, torch.cat([y for _, y in parts])),
        fingerprints(reference[0].data, reference[0].targets),
    )


def test_normalised(mnist):
    images = torch.cat([mnist.train.tensors[0], mnist.valid.tensors[0]])
    assert abs(float(images.mean())) < 1e-3 and abs(float(images.std()) - 1) < 1e-3


def test_split_is_fixed(mnist):
    """The labels of the first images: another split would make every stored result worthless."""
    assert mnist.train.tensors[1][:20].tolist() == FIRST_TRAIN
    assert mnist.valid.tensors[1][:20].tolist() == FIRST_VALID


def test_valid_holds_every_digit(mnist):
    assert mnist.valid.tensors[1].bincount(minlength=10).min() > 400


def test_a_missing_file_is_named_with_its_checksum(folder):
    (folder / FILES[3]).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{FILES[3]} is missing.*expected sha256 81a978ae"):
        load_mnist(folder)


DAMAGES = {
    "truncated": lambda raw: raw[:-1],
    "altered": lambda raw: raw[:2000] + bytes([raw[2000] ^ 1]) + raw[2001:],
    "empty": lambda raw: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_with_its_checksum(folder, damage):
    path = folder / FILES[1]
    broken = DAMAGES[damage](path.read_bytes())
    path.write_bytes(broken)
    with pytest.raises(ValueError, match=rf"{FILES[1]} is truncated or altered.*expected b91679a0"):
        load_mnist(folder)
    assert path.read_bytes() == broken, "the file must be left alone"


def test_missing_or_incomplete_checksums(folder):
    (folder / "SHA256SUMS").write_text("")
    with pytest.raises(ValueError, match="does not list train-images"):
        load_mnist(folder)
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(FileNotFoundError, match="SHA256SUMS is missing"):
        load_mnist(folder)
