"""Three books of English literature as characters, read from the files in ``data/text``; nothing is ever
downloaded.
"""

from pathlib import Path
from typing import NamedTuple

import torch

from prunelab import arguments
from prunelab.data import DATA, listed

BOOKS = ("alice29.txt", "asyoulik.txt", "plrabn12.txt")
VALID = TEST = 0.05  # of each book, at its end


class Text(NamedTuple):
    """Character numbers of the three splits, int64 ``(N,)``, and ``characters``: the one with number ``i`` is
    ``characters[i]``.
    """

    train: torch.Tensor
    valid: torch.Tensor
    test: torch.Tensor
    characters: str


def load_text(folder: Path | str = DATA / "text") -> Text:
    """Return Carroll's Alice, Shakespeare's As You Like It and Milton's Paradise Lost as one sequence of
    characters per split.

    Each book is cut by position: its first 90 % are in ``train``, the next 5 % in ``valid``, its end in
    ``test``, so that no line of one split stands in another. Line ends are made alike (``\\r\\n`` becomes
    ``\\n``); no other character is touched.

    Raises FileNotFoundError if a book or SHA256SUMS is missing and ValueError if one is truncated or altered;
    both name the file. Source: ``data/text/README.md``; notebook 10.1."""
    folder = arguments.path("folder", folder)
    books = [_read(folder / name) for name in BOOKS]
    characters = "".join(sorted(set("".join(books))))
    splits = {"train": "", "valid": "", "test": ""}
    for book in books:
        last, middle = round((1 - TEST) * len(book)), round((1 - TEST - VALID) * len(book))
        splits["train"] += book[:middle]
        splits["valid"] += book[middle:last]
        splits["test"] += book[last:]
    train, valid, test = (encode(part, characters) for part in splits.values())
    return Text(train, valid, test, characters)


def encode(string: str, characters: str) -> torch.Tensor:
    """Return the numbers of the characters of ``string``, int64 ``(len(string),)``: positions in
    ``characters``.

    Raises TypeError if either is no string and ValueError for a character that ``characters`` does not have.
    Source: notebook 10.1."""
    arguments.text("string", string)
    numbers = {character: number for number, character in enumerate(arguments.text("characters", characters))}
    for character in set(string):
        arguments.one_of("a character of string", character, numbers)
    return torch.tensor([numbers[character] for character in string], dtype=torch.int64)


def decode(numbers: torch.Tensor, characters: str) -> str:
    """Return the string whose characters have these ``numbers`` ``(N,)``: the inverse of ``encode``.

    Raises TypeError if ``numbers`` is no tensor of integers and ValueError for a number that is no position
    in ``characters``. Source: notebook 10.1."""
    arguments.text("characters", characters)
    arguments.whole_below("numbers", arguments.vector("numbers", numbers), len(characters))
    return "".join(characters[i] for i in numbers.tolist())


def _read(path: Path) -> str:
    return listed(path).decode("ascii").replace("\r\n", "\n")
