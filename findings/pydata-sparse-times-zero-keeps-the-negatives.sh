#!/usr/bin/env bash
# pydata/sparse: an array times 0 keeps an entry for every negative number
#
# Expected: multiplying by 0 leaves no stored entry, as subtracting an array from itself leaves none.
# Seen: of 415 entries 214 stay: those that were negative became -0.0, and -0.0 is not taken for the fill
#   value 0.0. nnz and density count them; numpy's count of nonzeros is 0.
# For a pruned network: a layer zeroed by a mask of 0.0 and 1.0 in this format keeps about half of its
#   entries; multiply by a bool mask of the same format or rebuild with prune() in mind.
set -euo pipefail
packages=(sparse==0.19.3 numpy==2.4.6)
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
import numpy as np, sparse

rng = np.random.default_rng(0)
weight = rng.normal(size=(64, 64)).astype(np.float32)
weight[rng.random(weight.shape) < 0.9] = 0
array = sparse.COO.from_numpy(weight)
product, difference = array * np.float32(0), array - array
print("sparse", sparse.__version__, "entries", array.nnz, "times 0:", product.nnz, "minus itself:", difference.nnz)
assert product.nnz == (weight < 0).sum() == 214 and np.count_nonzero(product.todense()) == 0 and difference.nnz == 0
EOF
