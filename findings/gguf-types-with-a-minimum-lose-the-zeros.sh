#!/usr/bin/env bash
# GGUF: Q4_0 keeps every pruned zero, Q4_1 loses nearly all
#
# Expected: a better type of the same width (Q4_1 stores a scale and a minimum for each block) changes zeros
#   less.
# Seen: of the 32,768 zeros of a 2:4 matrix Q4_0, Q5_0 and Q8_0 keep all; Q4_1 and Q5_1 keep fewer than 300:
#   a grid that starts at the block's minimum has no point at 0.
# For a pruned network: choose a type without a minimum when the zeros matter later (sparse kernels,
#   compression, another round of pruning).
set -euo pipefail
packages=(gguf==0.19.0 numpy==2.4.6)
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
from importlib.metadata import version
import gguf, numpy as np

rng = np.random.default_rng(0)
weight = rng.normal(size=(256, 64, 4)).astype(np.float32)
weight[np.argsort(np.argsort(abs(weight), axis=2), axis=2) < 2] = 0 # 2:4
weight = weight.reshape(256, 256)
seen = {}
for name in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"):
    kind = gguf.GGMLQuantizationType[name]
    back = gguf.quants.dequantize(gguf.quants.quantize(weight, kind), kind)
    seen[name] = int((back[weight == 0] == 0).sum())
print("gguf", version("gguf"), "zeros before", int((weight == 0).sum()), "after", seen)
assert seen["Q4_0"] == seen["Q5_0"] == seen["Q8_0"] == 32_768 and seen["Q4_1"] < 300 and seen["Q5_1"] < 300
EOF
