"""Zeros that take no bytes: sparse formats, what they cost, and a pruned model on disk. Notebook 07.1 derives
all of it.

``formats`` encodes and decodes, ``coding`` counts (bytes, entropy bound, Huffman, weight sharing), ``planes``
codes the values byte by byte, ``smallest`` chooses, ``files`` saves and loads."""

from prunelab.storage.coding import (
    binary_entropy,
    bits_per_weight,
    entropy_bound,
    format_bytes,
    huffman_bits,
    huffman_lengths,
    share_weights,
)
from prunelab.storage.files import load_sparse, save_sparse
from prunelab.storage.formats import (
    FORMATS,
    Encoded,
    check_csr,
    decode,
    deflate,
    encode,
    gap_code,
    gap_decode,
    inflate,
    pack,
    unpack,
)
from prunelab.storage.planes import code_planes, decode_planes
from prunelab.storage.smallest import encode_smallest

__all__ = [
    "FORMATS",
    "Encoded",
    "binary_entropy",
    "bits_per_weight",
    "check_csr",
    "code_planes",
    "decode",
    "decode_planes",
    "deflate",
    "encode",
    "encode_smallest",
    "entropy_bound",
    "format_bytes",
    "gap_code",
    "gap_decode",
    "huffman_bits",
    "huffman_lengths",
    "inflate",
    "load_sparse",
    "pack",
    "save_sparse",
    "share_weights",
    "unpack",
]
