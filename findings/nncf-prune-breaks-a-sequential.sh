#!/usr/bin/env bash
# NNCF: prune returns a plain Sequential that cannot run, and strip leaves the mask of another network
#
# Expected: nncf.prune works on any module; nncf.strip returns a network with zeros in its weights.
# Seen: a plain nn.Sequential comes back with NNCF's storage of hooks as its last layer, and the first forward
#   pass raises NotImplementedError. A module with its own forward runs; strip() without example_input raises,
#   with it NATIVE returns dense weights and the hooks, and only IN_PLACE writes the zeros.
# For a pruned network: wrap a Sequential in a module, strip with IN_PLACE, count the zeros.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 nncf==3.4.0)
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
import nncf, torch
from torch import nn

logging.disable(logging.CRITICAL)
x = torch.ones(1, 64)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.read = nn.Linear(64, 64), nn.Linear(64, 10)

    def forward(self, x):
        return self.read(torch.relu(self.hidden(x)))


def pruned(model):
    torch.manual_seed(0)
    return nncf.prune(model, nncf.PruneMode.UNSTRUCTURED_MAGNITUDE_LOCAL, ratio=0.9, examples_inputs=x)


try:
    pruned(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)))(x)
    seen = "runs"
except NotImplementedError as error:
    seen = str(error)
assert "HookStorage" in seen
found = {}
for form in (nncf.StripFormat.NATIVE, nncf.StripFormat.IN_PLACE):
    stripped = nncf.strip(pruned(Net()), example_input=x, strip_format=form)
    found[form.name] = int((stripped.hidden.weight == 0).sum()), len(stripped.state_dict())
print("nncf", nncf.__version__, seen, found)
assert found["NATIVE"][0] == 0 and found["IN_PLACE"][0] > 3600
EOF
