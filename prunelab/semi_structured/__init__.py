"""N:M sparsity: at most N nonzeros in every group of M neighbours, the pattern that sparse tensor cores can
use. Notebook 06 derives all of it.

``patterns`` finds and checks masks, ``compression`` packs 2:4 as the hardware stores it, ``permutation``
looks for an order of the columns that loses less."""

from prunelab.semi_structured.compression import compress_24, decompress_24
from prunelab.semi_structured.patterns import is_nm, kept_magnitude, nm_mask
from prunelab.semi_structured.permutation import permute_columns

__all__ = ["compress_24", "decompress_24", "is_nm", "kept_magnitude", "nm_mask", "permute_columns"]
