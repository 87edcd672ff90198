#!/usr/bin/env bash
# Torch-Pruning: asked for 30 % of a grouped convolution it takes half, and of one with other groups less
#
# Expected: pruning_ratio=0.3 takes about 30 % of every layer: of 64 channels 44 or 45 stay, with groups
#   or without.
# Seen: 44 of 64 stay with 1, 2, 4 and 64 groups, 40 with 8, and 32 with 16 or 32 groups: the number
#   that stays is rounded down to a multiple of the groups, except where each channel is a group. The layer
#   before, an ordinary convolution, loses as many, with no warning.
# For a pruned network: a comparison at one ratio compares different sizes as soon as a network has
#   groups (RegNet, ResNeXt); compare at measured parameters or operations.
set -euo pipefail
packages=(torch==2.14.1 torchvision==0.29.1 numpy==2.4.6 torch-pruning==1.6.1)
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
import torch, torch_pruning
from torch import nn

class Network(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.first = nn.Conv2d(3, 64, 3, padding=1)
        self.grouped = nn.Conv2d(64, 64, 3, padding=1, groups=groups)
        self.last = nn.Conv2d(64, 64, 3, padding=1)
        self.classes = nn.Linear(64, 10)

    def forward(self, x):
        return self.classes(self.last(self.grouped(self.first(x).relu()).relu()).relu().mean((2, 3)))

def widths(groups):
    torch.manual_seed(0)
    network, x = Network(groups), torch.randn(1, 3, 16, 16)
    importance = torch_pruning.importance.GroupMagnitudeImportance(p=2)
    pruner = torch_pruning.pruner.MagnitudePruner(network, x, importance=importance, pruning_ratio=0.3, ignored_layers=[network.classes])
    pruner.step()
    assert network(x).shape == (1, 10)
    return network.first.out_channels, network.grouped.out_channels, network.last.out_channels

seen = {groups: widths(groups) for groups in (1, 2, 4, 8, 16, 32, 64)}
print("torch-pruning", importlib.metadata.version("torch-pruning"), "channels left of 64, 64, 64 by groups", seen)
assert seen == {1: (44, 44, 44), 2: (44, 44, 44), 4: (44, 44, 44), 8: (40, 40, 44), 16: (32, 32, 44), 32: (32, 32, 44), 64: (44, 44, 44)}
EOF
