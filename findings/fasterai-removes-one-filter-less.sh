#!/usr/bin/env bash
# fasterai: 50 % of 8 filters are 3, and 100 % leaves one
#
# Expected: Sparsifier with granularity 'filter' and sparsity 50 zeroes 4 of 8 and 8 of 16 filters.
# Seen: 3 of 8 and 7 of 16: the threshold is the k-th value and what equals it stays; of 700 weights 50 % are
#   349, 100 % are 699.
# For a pruned network: for wide layers nobody notices; for the narrow layers of small networks the asked
#   ratio is missed by up to 12.5 points.
set -euo pipefail
packages=(torch==2.14.1 torchvision==0.29.1 numpy==2.4.6 fasterai==0.4.1)
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
import fasterai, torch
from fasterai.core.all import large_final
from fasterai.sparse.sparsifier import Sparsifier
from torch import nn

logging.disable(logging.CRITICAL)

def zero_filters(sparsity):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3))
    Sparsifier(net, "filter", "local", large_final, layer_type=nn.Conv2d).sparsify_model(sparsity)
    return [int((layer.weight.flatten(1) == 0).all(1).sum()) for layer in (net[0], net[2])]

seen = {sparsity: zero_filters(sparsity) for sparsity in (50, 100)}
print("fasterai", fasterai.__version__, "zero filters of 8 and of 16", seen)
assert seen == {50: [3, 7], 100: [7, 15]}, seen
EOF
