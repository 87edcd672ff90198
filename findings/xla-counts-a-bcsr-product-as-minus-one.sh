#!/usr/bin/env bash
# jax: the cost analysis counts a BCSR product as -1 operation, and takes it off the sum
#
# Expected: 415 stored entries times 32 columns are 26,560 operations; unknown ones are refused or
#   named.
# Seen: -1 for the product alone, and 262,143 for the same product followed by a dense one of 262,144:
#   the mark of an unknown number is added like a number. A BCOO product counts 56,855, twice the right
#   number. A mask counts more than no mask.
# For a pruned network: count stored entries times columns by hand; the analysis of a sparse network in
#   jax ranks layouts by what it happens to know.
set -euo pipefail
packages=(jax==0.10.2 numpy==2.4.6)
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
import jax, jax.numpy as jnp, numpy as np
from jax.experimental import sparse

jax.config.update("jax_platforms", "cpu")
rng = np.random.default_rng(0)
weight = rng.normal(size=(64, 64)).astype(np.float32)
weight[rng.random(weight.shape) < 0.9] = 0
x, after = jnp.ones((64, 32)), jnp.ones((64, 64))

def flops(function, *arguments):
    return int(jax.jit(function).lower(*arguments).cost_analysis()["flops"])

bcoo, bcsr = sparse.BCOO.fromdense(jnp.array(weight)), sparse.BCSR.fromdense(jnp.array(weight))
assert np.allclose(bcsr @ x, weight @ x, atol=1e-4)
seen = {
    "dense": flops(jnp.matmul, jnp.array(weight), x),
    "masked": flops(lambda w, m, x: (w * m) @ x, jnp.array(weight), jnp.array(weight != 0), x),
    "BCOO": flops(lambda w, x: w @ x, bcoo, x),
    "BCSR": flops(lambda w, x: w @ x, bcsr, x),
    "BCSR, then dense": flops(lambda w, after, x: after @ (w @ x), bcsr, after, x),
}
print("jax", jax.__version__, "by hand", 2 * bcoo.nse * 32, seen)
assert seen["BCSR"] == -1 and seen["BCSR, then dense"] == seen["dense"] - 1 and seen["masked"] > seen["dense"], seen
assert 1.8 < seen["BCOO"] / (2 * bcoo.nse * 32) < 2.5, seen
EOF
