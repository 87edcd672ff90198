#!/usr/bin/env bash
# HQQ at any width and quanto below 8 bits leave no zero of a 2:4 matrix
#
# Expected: quanto's qint4 behaves like its qint8 (symmetric, zeros kept); HQQ with 8 bits is fine enough to
#   hit 0.
# Seen: quanto: qint8 keeps 32,768 of 32,768 zeros, qint4 and qint2 fewer than 200. HQQ keeps none with 8, 4,
#   3 or 2 bits: its zero point is a real number that is fitted.
# For a pruned network: prune, then quantise with these gives a network without zeros: no sparse kernel
#   applies, and a second look at sparsity says 0.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 hqq==0.2.8.post1 optimum-quanto==0.2.7)
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
import torch
import optimum.quanto as quanto
from hqq.core.quantize import Quantizer
from torch import nn

logging.disable(logging.CRITICAL)
torch.manual_seed(0)
weight = torch.randn(256, 64, 4)
weight[weight.abs().argsort(2).argsort(2) < 2] = 0
weight = weight.view(256, 256)
zeros, seen = weight == 0, {}
for kind in (quanto.qint8, quanto.qint4, quanto.qint2):
    net = nn.Sequential(nn.Linear(256, 256, bias=False))
    net[0].weight.data = weight.clone()
    quanto.quantize(net, weights=kind)
    quanto.freeze(net)
    seen[kind.name] = int((net[0].weight.dequantize().detach()[zeros] == 0).sum())
for bits in (8, 4, 3, 2):
    codes, meta = Quantizer.quantize(weight, nbits=bits, group_size=64, axis=1, device="cpu", compute_dtype=torch.float32)
    seen[f"hqq {bits}"] = int((Quantizer.dequantize(codes, meta).view(256, 256)[zeros] == 0).sum())
print("zeros before", int(zeros.sum()), "after", seen)
assert seen["qint8"] == 32_768 and seen["qint4"] < 200 and seen["qint2"] < 200 and not any(seen[f"hqq {b}"] for b in (8, 4, 3, 2))
EOF
