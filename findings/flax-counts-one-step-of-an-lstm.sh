#!/usr/bin/env bash
# flax and jax: an LSTM over 500 steps costs as many operations as over one
#
# Expected: 500 times the operations of one step, about 2.9 million by hand, from flax's
#   tabulate(compute_flops=True) and from the cost analysis of jax that it reads.
# Seen: 6,182 for 1, 5 and 500 steps: the body of the loop that nn.RNN makes is counted once, whatever
#   its length. No warning.
# For a pruned network: a network of convolutions and an LSTM looks as if the LSTM cost nothing, so
#   pruning it gains nothing; multiply by the steps by hand, or count an unrolled model.
set -euo pipefail
packages=(jax==0.10.2 flax==0.12.8 numpy==2.4.6)
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
import re
import flax, jax, jax.numpy as jnp
from flax import linen as nn

jax.config.update("jax_platforms", "cpu")

def tabulated(model, x):
    text = nn.tabulate(model, jax.random.key(0), compute_flops=True, console_kwargs={"force_terminal": False, "width": 200})(x)
    return int(re.search(r"RNN[^\n]*?\s(\d[\d,]*)\s", text.split("params", 1)[1])[1].replace(",", ""))

seen = {}
for steps in (1, 5, 500):
    model, x = nn.RNN(nn.OptimizedLSTMCell(20)), jnp.ones((1, steps, 16))
    variables = model.init(jax.random.key(0), x)
    analysed = jax.jit(model.apply).lower(variables, x).cost_analysis()["flops"]
    unrolled = nn.RNN(nn.OptimizedLSTMCell(20), unroll=steps) if steps < 10 else None
    by_unrolling = unrolled and jax.jit(unrolled.apply).lower(variables, x).cost_analysis()["flops"]
    seen[steps] = (2 * steps * 4 * 20 * (16 + 20), int(analysed), by_unrolling)
    print(steps, "steps: by hand", seen[steps][0], "jax", seen[steps][1], "unrolled", by_unrolling, "flax", tabulated(model, x))
    assert tabulated(model, x) == seen[steps][1]
print("flax", flax.__version__, "jax", jax.__version__)
assert len({analysed for _, analysed, _ in seen.values()}) == 1 and seen[500][0] > 400 * seen[500][1], seen
assert seen[5][2] > 4.9 * seen[5][1], seen
EOF
