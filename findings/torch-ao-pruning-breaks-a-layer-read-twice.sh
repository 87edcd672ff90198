#!/usr/bin/env bash
# torch.ao.pruning: prune() shrinks a layer that is read twice for one of its readers only
#
# Expected: prune() follows a residual connection, or refuses it, as it does when a ReLU stands between.
# Seen: of two networks with a skip connection the one with a ReLU is refused with an exception; the
#   other comes back with 8 units where the sum needs 16, and the next forward pass raises.
# For a pruned network: run one forward pass after prune(), and keep layers whose output is read twice
#   out of its configuration, or remove channels with a tool that follows the graph.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6)
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
import torch
from torch import nn
from torch.ao.pruning._experimental.pruner import SaliencyPruner

class Chain(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.classes = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 10)

    def forward(self, x):
        return self.classes(self.second(self.first(x)))

class Skip(Chain):
    def forward(self, x):
        x = self.first(x)
        return self.classes(self.second(x) + x)

class SkipWithRelu(Chain):
    def forward(self, x):
        x = self.first(x).relu()
        return self.classes(self.second(x) + x)

def outcome(network):
    torch.manual_seed(0)
    x, pruner = torch.randn(4, 8), SaliencyPruner({})
    pruner.prepare(network, [{"tensor_fqn": "first.weight", "sparsity_level": 0.5}])
    pruner.enable_mask_update = True
    pruner.step()
    try:
        pruned = pruner.prune()
    except Exception:
        return "refused by prune()"
    try:
        return pruned(x).shape
    except RuntimeError:
        return "broken", pruned.first.out_features, pruned.second.out_features

seen = {kind.__name__: outcome(kind()) for kind in (Chain, Skip, SkipWithRelu)}
print("torch", torch.__version__, seen)
assert seen == {"Chain": (4, 10), "Skip": ("broken", 8, 16), "SkipWithRelu": "refused by prune()"}, seen
EOF
