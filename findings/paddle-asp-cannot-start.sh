#!/usr/bin/env bash
# Paddle 3: the documented first step of its 2:4 pruning raises an AttributeError
#
# Expected: asp.decorate(optimizer) prepares masks for a network with a Linear layer, as the documentation of
#   paddle.incubate.asp shows.
# Seen: AttributeError: the new program representation has no create_parameter, on a CPU, in dynamic mode,
#   for any network with a supported layer.
# For a pruned network: automatic sparsity is still listed in the API and cannot be used in this version.
set -euo pipefail
packages=(paddlepaddle==3.3.1 numpy==2.4.6)
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
import paddle
from paddle.incubate import asp

net = paddle.nn.Sequential(paddle.nn.Linear(64, 32))
optimizer = paddle.optimizer.SGD(0.1, parameters=net.parameters())
try:
    asp.decorate(optimizer)
    seen = "runs"
except AttributeError as error:
    seen = f"AttributeError: {error}"
print("paddle", paddle.__version__, seen)
assert "create_parameter" in seen
EOF
