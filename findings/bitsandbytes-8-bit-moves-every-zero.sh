#!/usr/bin/env bash
# bitsandbytes on a CPU: 8 bits turn every zero into 0.00002, 4 bits keep them
#
# Expected: the 8-bit code has a zero (it has: create_dynamic_map holds 0.0), so zeros stay zeros, as with
#   NF4 and FP4.
# Seen: quantize_blockwise maps 0.0 to code 131 and dequantises it to 0.00002125 times the block's largest
#   value: none of 4,095 zeros survives. NF4 and FP4 keep all.
# For a pruned network: a pruned layer stored in 8 bits is dense again; the same code is used for optimizer
#   states, which then are never 0 for a masked weight.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 bitsandbytes==0.50.2)
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
import bitsandbytes as bnb, torch
import bitsandbytes.functional as bf

weight = torch.zeros(4096)
weight[5] = 1
codes, state = bf.quantize_blockwise(weight)
back = bf.dequantize_blockwise(codes, state)
four = {kind: int((bf.dequantize_4bit(*bf.quantize_4bit(weight, quant_type=kind)) == 0).sum()) for kind in ("nf4", "fp4")}
has_zero = bool((bf.create_dynamic_map() == 0).any())
print("bitsandbytes", bnb.__version__, "code has 0:", has_zero, "zeros left in 8 bits:", int((back == 0).sum()), "instead:", float(back[0]), "zeros left in 4 bits:", four)
assert has_zero and int((back == 0).sum()) == 0 and 2e-5 < float(back[0]) < 2.2e-5 and set(four.values()) == {4095}
EOF
