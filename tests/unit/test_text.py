"""The books: checksums, splits by position, characters and numbers."""

import shutil

import pytest
import torch

from prunelab.data import DATA
from prunelab.text import BOOKS, decode, encode, load_text


def test_the_splits_are_the_books_cut_by_position():
    text = load_text()
    whole = [(DATA / "text" / name).read_bytes().decode("ascii").replace("\r\n", "\n") for name in BOOKS]
    assert sum(map(len, whole)) == sum(len(part) for part in text[:3])
    alice = decode(text.train[:130_000], text.characters)
    assert whole[0].startswith(alice) and "Down the Rabbit-Hole" in alice
    assert decode(text.test, text.characters).endswith("[The End]\x1a\x1a\n")
    rest = len(whole[0]) - round(0.95 * len(whole[0]))
    assert whole[0].endswith(decode(text.test[:rest], text.characters))
    assert (len(text.train), len(text.valid), len(text.test)) == (670_340, 37_241, 37_241) and len(
        text.characters
    ) == 85
    assert "\r" not in text.characters and text.train.dtype == torch.int64


def test_no_line_of_training_text_is_in_the_test_text():
    text = load_text()
    lines = {line for line in decode(text.train, text.characters).splitlines() if len(line.strip()) > 40}
    held = [line for line in decode(text.test, text.characters).splitlines() if len(line.strip()) > 40]
    assert len(held) > 300 and sum(line in lines for line in held) <= 0.01 * len(held)


def test_encode_and_decode_are_inverses():
    assert encode("cab", "abc").tolist() == [2, 0, 1]
    assert decode(torch.tensor([2, 0, 1]), "abc") == "cab"


def test_a_damaged_missing_or_unlisted_book_is_named(tmp_path):
    shutil.copytree(DATA / "text", tmp_path / "text")
    book = tmp_path / "text" / BOOKS[1]
    book.write_bytes(book.read_bytes()[:-1])
    with pytest.raises(ValueError, match=rf"{BOOKS[1]} is truncated or altered.*sha256"):
        load_text(tmp_path / "text")
    book.unlink()
    with pytest.raises(FileNotFoundError, match=BOOKS[1]):
        load_text(tmp_path / "text")
    sums = tmp_path / "text" / "SHA256SUMS"
    sums.write_text(
        "".join(line for line in sums.read_text(encoding="utf-8").splitlines(True) if BOOKS[2] not in line)
    )
    shutil.copy(DATA / "text" / BOOKS[1], book)
    with pytest.raises(ValueError, match=f"does not list {BOOKS[2]}"):
        load_text(tmp_path / "text")
    sums.unlink()
    with pytest.raises(FileNotFoundError, match="SHA256SUMS"):
        load_text(tmp_path / "text")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: encode("x", "abc"), ValueError, "a character of string"),
        (lambda: encode(b"a", "abc"), TypeError, "string must be a string"),
        (lambda: decode(torch.tensor([3]), "abc"), ValueError, "0 to 2"),
        (lambda: decode(torch.tensor([0.5]), "abc"), TypeError, "int64"),
        (lambda: decode(torch.tensor([0]), 3), TypeError, "characters"),
    ],
)
def test_bad_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
