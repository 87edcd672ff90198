#!/usr/bin/env bash
# onnx: saving with external data moves dense weights out and leaves sparse ones in the model file
#
# Expected: save_as_external_data with size_threshold=0 puts every weight into the external file; that is how
#   a model over 2 GB is stored.
# Seen: the dense bias is moved, the sparse weight stays inside the protobuf: the limit of 2 GB holds for the
#   sparse weights of a large pruned model.
# For a pruned network: a model that needs external data because of its size cannot be stored with sparse
#   initializers this way.
set -euo pipefail
packages=(onnx==1.23.2 numpy==2.4.6)
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
import numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(0)
weight = rng.normal(size=(64, 64)).astype(np.float32)
weight[rng.random(weight.shape) < 0.9] = 0
places = np.flatnonzero(weight).astype(np.int64)
kept = helper.make_sparse_tensor(numpy_helper.from_array(weight.ravel()[places], "W"), numpy_helper.from_array(places, "W_places"), [64, 64])
x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64]) for name in "xy")
graph = helper.make_graph([helper.make_node("MatMul", ["x", "W"], ["y"])], "one_layer", [x], [y], sparse_initializer=[kept])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
onnx.checker.check_model(model)

import os

bias = numpy_helper.from_array(rng.normal(size=(1, 64)).astype(np.float32), "b")
model.graph.initializer.append(bias)
model.graph.node[0].output[0] = "product"
model.graph.node.append(helper.make_node("Add", ["product", "b"], ["y"]))
onnx.checker.check_model(model)
onnx.save(model, "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
inside, outside = os.path.getsize("model.onnx"), os.path.getsize("weights.bin")
print("onnx", onnx.__version__, "sparse entries", len(places), "model.onnx", inside, "bytes, weights.bin", outside, "bytes")
assert outside == 64 * 4 and inside > len(places) * 12
EOF
