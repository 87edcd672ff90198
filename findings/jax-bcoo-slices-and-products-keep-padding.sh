#!/usr/bin/env bash
# jax: half of a BCOO matrix holds as many entries as the whole, a sparse product holds every element
#
# Expected: b[:32] stores the 203 nonzeros of its rows, b @ b the 1,950 nonzeros of the product.
# Seen: b[:32].nse is 415, 212 of them padding with indices out of bounds; (b @ b).nse is 4,096, the dense
#   count.
# For a pruned network: bytes and density read from nse are those of the parent or of the dense result; count
#   data that is not zero after sum_duplicates().
set -euo pipefail
packages=(jax==0.10.2 numpy==2.4.6 scipy==1.17.1)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=${FINDINGS_PYTHON:-} # a Python that has these packages already, to save the installation
if [ -z "$python" ]; then
    python3 -m venv "$folder/venv"
    python=$folder/venv/bin/python
    "$python" -m pip install --quiet --disable-pip-version-check "${packages[@]}"
fi
cd "$folder"
"$python" -W ignore - <<'EOF'
import jax, numpy as np
from jax.experimental import sparse

rng = np.random.default_rng(0)
weight = rng.normal(size=(64, 64)).astype(np.float32)
weight[rng.random(weight.shape) < 0.9] = 0
b = sparse.BCOO.fromdense(weight)
half, product = b[:32], b @ b
print("jax", jax.__version__, "whole", b.nse, "half", half.nse, "of which nonzero", np.count_nonzero(weight[:32]),
      "product", product.nse, "of which nonzero", np.count_nonzero(weight @ weight))
assert (b.nse, half.nse, product.nse) == (415, 415, 4096)
assert np.allclose(half.todense(), weight[:32]) and np.count_nonzero(weight[:32]) == 203
EOF
