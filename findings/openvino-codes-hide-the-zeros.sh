#!/usr/bin/env bash
# NNCF and OpenVINO: int8 compression keeps the zeros of a pruned layer as values and hides them as codes
#
# Expected: the 8-bit file of a 90 % pruned layer holds about 90 % zero bytes.
# Seen: 235,930 of 262,144 weights are exactly 0 when the layer is run, and fewer than 1 % of the stored
#   codes are: each row has its own zero point, and that is the code of 0.
# For a pruned network: counting zero bytes in the file says nothing about its sparsity; run the layer on the
#   identity matrix.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 openvino==2026.4.1 nncf==3.4.0)
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
import nncf, numpy as np, openvino as ov, torch
from torch import nn

logging.disable(logging.CRITICAL)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(512, 512, bias=False)).eval()
size = net[0].weight.detach().abs()
net[0].weight.data[size <= size.flatten().kthvalue(235_930)[0]] = 0
small = nncf.compress_weights(ov.convert_model(net, example_input=torch.randn(1, 512)))
codes = next(op.data for op in small.get_ops() if op.get_type_name() == "Constant" and op.get_output_shape(0) == [512, 512])
layer = ov.Core().compile_model(small, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
values = layer(np.eye(512, dtype=np.float32))[0]
print("openvino", ov.__version__, "nncf", nncf.__version__, "zero values", int((values == 0).sum()), "zero codes", int((codes == 0).sum()))
assert int((values == 0).sum()) >= 235_930 and int((codes == 0).sum()) < 0.01 * codes.size
EOF
