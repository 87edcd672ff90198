#!/usr/bin/env bash
# jax: BCOO.fromdense with too small an nse drops entries without a word
#
# Expected: an error, or a warning, when a matrix with 415 nonzeros is asked to fit into nse=100.
# Seen: the first 100 nonzeros in row order are kept; the largest error is 2.56, and nothing is said. Under
#   jit an nse is obligatory.
# For a pruned network: choosing nse from a sparsity target prunes the last rows of a layer that misses the
#   target.
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
short = np.asarray(sparse.BCOO.fromdense(weight, nse=100).todense())
lost = np.flatnonzero((short == 0) & (weight != 0)) // 64
print("jax", jax.__version__, "kept", np.count_nonzero(short), "of", np.count_nonzero(weight), "largest error", round(float(abs(short - weight).max()), 2))
assert np.count_nonzero(short) == 100 and np.count_nonzero(weight) == 415 and (short[:10] == weight[:10]).all() and lost.min() > 10
EOF
