#!/usr/bin/env bash
# LiteRT: a forgotten pruning hook is folded into the weight, and zeros save nothing
#
# Expected: as with ExecuTorch, the mask is shipped beside the dense weight and the file doubles.
# Seen: the .tflite file has the same bytes with a hook and without, and the same as a network that was never
#   pruned; 8 bits keep the zeros.
# For a pruned network: no mask to look for, and nothing saved either: compress the file.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 litert-torch==0.10.0)
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
import logging
import os
import litert_torch
import torch
from torch import nn
from torch.nn.utils import prune

logging.disable(logging.CRITICAL)


def exported(name, amount, hook):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 256)).eval()
    for layer in (model[0], model[2]) if amount else ():
        prune.l1_unstructured(layer, "weight", amount)
        if not hook:
            prune.remove(layer, "weight")
    litert_torch.convert(model, (torch.ones(1, 256),)).export(name)
    return os.path.getsize(name)


sizes = {
    "never pruned": exported("a.tflite", 0, False),
    "hook": exported("b.tflite", 0.9, True),
    "removed": exported("c.tflite", 0.9, False),
}
print("litert-torch", sizes)
assert max(sizes.values()) - min(sizes.values()) < 1000 < 1_000_000 < min(sizes.values())
EOF
