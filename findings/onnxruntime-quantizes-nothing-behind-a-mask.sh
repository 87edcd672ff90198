#!/usr/bin/env bash
# Prune with a hook, export, quantise: onnxruntime quantises nothing and reports success
#
# Expected: quantize_dynamic either quantises the pruned layers or says that it cannot.
# Seen: with live hooks of torch.nn.utils.prune the exported weight is the product of two initializers; the
#   quantised file has no MatMulInteger and keeps 550,781 of 552,006 bytes. After prune.remove the same call
#   gives 73,292 bytes.
# For a pruned network: a forgotten prune.remove costs a factor of 7.5 in bytes two tools later, where nobody
#   looks for it.
set -euo pipefail
packages=(torch==2.14.1 onnx==1.23.2 numpy==2.4.6 onnxscript==0.7.2 onnxruntime==1.32.0)
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
import logging, os
import onnx, torch
from onnxruntime import __version__ as version
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn
from torch.nn.utils import prune

logging.disable(logging.CRITICAL)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)).eval()
for layer in (net[0], net[2]):
    prune.l1_unstructured(layer, "weight", 0.9)

def quantised(name):
    torch.onnx.export(net, (torch.randn(1, 256),), f"{name}.onnx", dynamo=True, external_data=False, optimize=False, verbose=False)
    quantize_dynamic(f"{name}.onnx", f"{name}-int8.onnx", weight_type=QuantType.QInt8)
    kinds = [node.op_type for node in onnx.load(f"{name}-int8.onnx").graph.node]
    return kinds.count("MatMulInteger"), os.path.getsize(f"{name}.onnx") // 1000, os.path.getsize(f"{name}-int8.onnx") // 1000

hooked = quantised("hooked")
for layer in (net[0], net[2]):
    prune.remove(layer, "weight")
plain = quantised("plain")
print("onnxruntime", version, "integer products, kB before, kB after: hooks", hooked, "removed", plain)
assert hooked[0] == 0 and hooked[2] > 0.99 * hooked[1] and plain[0] == 2 and plain[2] < plain[1] / 3
EOF
