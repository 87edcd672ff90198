#!/usr/bin/env bash
# ultralytics: fuse() accepts a network with pruning hooks, and the next forward pass raises
#
# Expected: fuse() folds BatchNorm into the masked weights, or refuses.
# Seen: fuse() returns; the first forward pass raises TypeError: the hook assigns a plain tensor where fuse()
#   has put a Parameter.
# For a pruned network: export and predict fuse by themselves: remove the hooks first.
set -euo pipefail
packages=(torch==2.14.1 torchvision==0.29.1 numpy==2.4.6 ultralytics==8.4.190)
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
import torch, ultralytics
from torch import nn
from torch.nn.utils import prune
from ultralytics import YOLO

logging.disable(logging.CRITICAL)
model = YOLO("yolov8n.yaml", verbose=False).model.eval()
for module in model.modules():
    if isinstance(module, nn.Conv2d) and module.weight.requires_grad:
        prune.l1_unstructured(module, "weight", 0.5)
images = torch.zeros(1, 3, 64, 64)
with torch.no_grad():
    model(images)
    fused = model.fuse(verbose=False)
    try:
        fused(images)
        seen = "runs"
    except TypeError as error:
        seen = str(error)
print("ultralytics", ultralytics.__version__, seen)
assert "cannot assign" in seen
EOF
