#!/usr/bin/env bash
# Model-Optimizer: 2:4 sparsify skips a layer of 60 inputs, a multiple of 4
#
# Expected: sparsify('sparse_magnitude') gives 2:4 in every Linear whose number of inputs is a multiple of 4,
#   which is what the pattern needs.
# Seen: a 64 -> 64 layer gets 2:4; 64 -> 10, 50 -> 50 and 60 -> 64 (60 is a multiple of 4) keep every weight:
#   both sizes must be multiples of 16. A UserWarning names the skipped layer's size, and not the rule.
# For a pruned network: the last layer of a 10-class network stays dense, and a network of unusual widths
#   comes back wholly dense.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 nvidia-modelopt==0.47.0 torchvision==0.29.1)
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
import contextlib, io, logging
import modelopt, torch
import modelopt.torch.sparsity as mts
from torch import nn

logging.disable(logging.CRITICAL)
seen = {}
for inputs, outputs in ((64, 64), (64, 10), (50, 50), (60, 64)):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(inputs, outputs))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        net = mts.export(mts.sparsify(net, "sparse_magnitude"))
    seen[inputs, outputs] = float((net[0].weight == 0).float().mean())
print("modelopt", modelopt.__version__, "zeros by (inputs, outputs)", seen)
assert seen == {(64, 64): 0.5, (64, 10): 0.0, (50, 50): 0.0, (60, 64): 0.0}, seen
EOF
