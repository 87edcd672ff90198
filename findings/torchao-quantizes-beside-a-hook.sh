#!/usr/bin/env bash
# torchao: quantize_ accepts a network with pruning hooks, and the next forward pass raises
#
# Expected: quantize_ quantises the masked weight, or refuses.
# Seen: it quantises the attribute `weight` that the hook had computed and returns; state_dict() holds
#   weight, weight_orig and weight_mask; the first forward pass raises TypeError.
# For a pruned network: prune.remove first; then all zeros are zeros in 8 bits, too.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 torchao==0.18.0)
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
import torch, torchao
from torch import nn
from torch.nn.utils import prune
from torchao.quantization import Int8WeightOnlyConfig, quantize_

logging.disable(logging.CRITICAL)


def pruned():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(256, 256, bias=False))
    prune.l1_unstructured(model[0], "weight", 0.9)
    return model


hooked = pruned()
quantize_(hooked, Int8WeightOnlyConfig())
try:
    hooked(torch.ones(1, 256))
    seen = "runs"
except TypeError as error:
    seen = str(error)
print("torchao", torchao.__version__, sorted(hooked.state_dict()), seen)
assert sorted(hooked.state_dict()) == ["0.weight", "0.weight_mask", "0.weight_orig"] and "cannot assign" in seen
clean = pruned()
prune.remove(clean[0], "weight")
zeros = clean[0].weight == 0
quantize_(clean, Int8WeightOnlyConfig())
assert (clean[0].weight.dequantize()[zeros] == 0).all() and clean(torch.ones(1, 256)).shape == (1, 256)
EOF
