#!/usr/bin/env bash
# ExecuTorch: a forgotten pruning hook doubles the .pte file
#
# Expected: lowering folds the product of two constants, as onnxslim and onnxruntime do.
# Seen: 1,073,328 bytes with the hook removed, 2,142,896 with it: weight and mask are both stored, as
#   float32. The zeros themselves save nothing.
# For a pruned network: call prune.remove before torch.export; compress the file if zeros are to count
#   (deflate takes it to a sixth).
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 executorch==1.5.1)
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
import logging, zlib
from importlib.metadata import version
import torch
from executorch.exir import to_edge_transform_and_lower
from torch import nn
from torch.nn.utils import prune

logging.disable(logging.CRITICAL)

def programme(remove):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)).eval()
    for layer in (net[0], net[2]):
        prune.l1_unstructured(layer, "weight", 0.9)
        if remove:
            prune.remove(layer, "weight")
    return to_edge_transform_and_lower(torch.export.export(net, (torch.randn(1, 512),))).to_executorch().buffer

plain, hooked = programme(remove=True), programme(remove=False)
print("executorch", version("executorch"), "bytes: hook removed", len(plain), "deflated", len(zlib.compress(plain, 9)), "hook kept", len(hooked))
assert len(plain) < 1_080_000 and len(hooked) > 1.9 * len(plain)
EOF
