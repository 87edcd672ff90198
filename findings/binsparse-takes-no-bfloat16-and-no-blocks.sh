#!/usr/bin/env bash
# binsparse: a CSR tensor of bfloat16 and any BSR tensor are refused
#
# Expected: from_torch takes what torch's sparse layouts hold.
# Seen: float16, float64 and int8 come back as they were; bfloat16 and the BSR layout raise TypeError. A file
#   of 410 stored values is larger than its arrays.
# For a pruned network: store bfloat16 as its 16 bits, or with safetensors in parts; expect no compression.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 scipy==1.17.1 sparse==0.19.3 binsparse==0.1.4)
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
import importlib.metadata
import os
import torch
from binsparse import save_binsparse
from binsparse.conversions import from_torch, to_torch

torch.manual_seed(0)
weight = torch.randn(64, 64) * (torch.rand(64, 64) < 0.1)
for kind in (torch.float16, torch.float64, torch.int8):
    csr = (weight * 20).to(kind).to_sparse_csr()
    back = to_torch(from_torch(csr))
    assert back.dtype == kind and back.layout == csr.layout and torch.equal(back.to_dense(), csr.to_dense())
refused = []
for tensor in (weight.bfloat16().to_sparse_csr(), weight.to_sparse_bsr((8, 8))):
    try:
        from_torch(tensor)
    except TypeError as error:
        refused.append(str(error))
csr = weight.to_sparse_csr()
save_binsparse(from_torch(csr), "weight.npz")
parts = (csr.values(), csr.col_indices(), csr.crow_indices())
held, written = sum(part.numel() * part.element_size() for part in parts), os.path.getsize("weight.npz")
print("binsparse", importlib.metadata.version("binsparse"), refused, held, "bytes of arrays,", written, "written")
assert len(refused) == 2 and written > held
EOF
