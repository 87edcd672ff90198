#!/usr/bin/env bash
# torchao: sparsify_ takes a 2:4 network on a CPU and raises an error about devices
#
# Expected: without a GPU sparsify_(model, semi_sparse_weight()) refuses before it starts, or stores the
#   compressed weights; and torchao.sparsity is gone, as the development branch has it.
# Seen: 0.18.0 still ships torchao.sparsity; the conversion raises RuntimeError from inside torch.
# For a pruned network: 2:4 by torchao is for CUDA; its Wanda runs on a CPU and leaves plain zeros.
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
from torchao.sparsity import WandaSparsifier, semi_sparse_weight, sparsify_

logging.disable(logging.CRITICAL)
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 64)).half()
with torch.no_grad():
    model[0].weight.view(-1, 4)[:, :2] = 0
try:
    sparsify_(model, semi_sparse_weight())
    seen = "runs"
except RuntimeError as error:
    seen = str(error)
print("torchao", torchao.__version__, seen)
assert "CUDA" in seen
layer = nn.Sequential(nn.Linear(8, 8))
wanda = WandaSparsifier(sparsity_level=0.5)
wanda.prepare(layer, [{"tensor_fqn": "0.weight"}])
layer(torch.randn(4, 8))
wanda.step()
wanda.squash_mask()
assert int((layer[0].weight == 0).sum()) == 32
EOF
