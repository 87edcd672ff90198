#!/usr/bin/env bash
# torchinfo counts a mask of torch.nn.utils.prune as weights that are gone, in its multiplications too
#
# Expected: 238,510 parameters and about as many multiplications, with hooks as without: the masked layer
#   multiplies its dense matrix.
# Seen: 24,130 parameters and 24,130 multiplications after pruning 90 % with hooks; 238,510 and 238,510 once
#   prune.remove has run on the same zeros.
# For a pruned network: the summary reports the speed-up that did not happen, and takes it back when the mask
#   becomes permanent.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 torchinfo==1.8.0)
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
import torch, torchinfo
from torch import nn
from torch.nn.utils import prune

torch.manual_seed(0)
net = nn.Sequential(nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 10))
for layer in (net[1], net[3]):
    prune.l1_unstructured(layer, "weight", 0.9)

def counts():
    summary = torchinfo.summary(net, (1, 1, 28, 28), verbose=0)
    return summary.total_params, summary.total_mult_adds

hooked = counts()
for layer in (net[1], net[3]):
    prune.remove(layer, "weight")
plain = counts()
print("torchinfo", torchinfo.__version__, "parameters and multiplications: hooks", hooked, "removed", plain)
assert hooked == (24_130, 24_130) and plain == (238_510, 238_510)
EOF
