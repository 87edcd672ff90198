#!/usr/bin/env bash
# coremltools: the second of two compressions returns the same bytes and no warning
#
# Expected: prune_weights and then linear_quantize_weights or palettize_weights give a smaller file, or a
#   message.
# Seen: 23,124 bytes after pruning, 23,124 after quantising the pruned model, 23,124 after palettising it;
#   the quantised model alone is 69,652 and does not become sparse either. Only joint_compression=True
#   combines them.
# For a pruned network: in a pipeline of prune, then quantise, the second step can be a no-op.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 scikit-learn==1.9.1 coremltools==9.0)
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
import logging, pathlib, tempfile
import coremltools as ct, torch
import coremltools.optimize.coreml as cto
from torch import nn

logging.disable(logging.CRITICAL)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)).eval()
for layer in (net[0], net[2]):
    size = layer.weight.detach().abs()
    layer.weight.data[size <= size.flatten().kthvalue(int(0.9 * size.numel()))[0]] = 0
traced = torch.jit.trace(net, torch.randn(1, 256))
dense = ct.convert(traced, inputs=[ct.TensorType(shape=(1, 256))], convert_to="mlprogram", minimum_deployment_target=ct.target.iOS18)

def stored(model):
    folder = tempfile.mkdtemp() + "/m.mlpackage"
    model.save(folder)
    return sum(file.stat().st_size for file in pathlib.Path(folder).rglob("weight.bin"))

def config(rule):
    return cto.OptimizationConfig(global_config=rule)

quantiser = config(cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=0))
palette = config(cto.OpPalettizerConfig(nbits=4, mode="kmeans", weight_threshold=0))
pruned = cto.prune_weights(dense, config(cto.OpThresholdPrunerConfig(threshold=1e-12, weight_threshold=0)))
seen = {
    "dense": stored(dense),
    "pruned": stored(pruned),
    "int8": stored(cto.linear_quantize_weights(dense, quantiser)),
    "pruned, int8": stored(cto.linear_quantize_weights(pruned, quantiser)),
    "pruned, palette": stored(cto.palettize_weights(pruned, palette)),
    "pruned, int8, joint": stored(cto.linear_quantize_weights(pruned, quantiser, joint_compression=True)),
}
print("coremltools", ct.__version__, seen)
assert seen["pruned"] == seen["pruned, int8"] == seen["pruned, palette"] < seen["int8"] < seen["dense"]
assert seen["pruned, int8, joint"] < seen["pruned"]
EOF
