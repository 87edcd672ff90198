#!/usr/bin/env bash
# TensorFlow and LiteRT: a layer stored sparse and quantised is converted and cannot be run
#
# Expected: both optimizations that the converter offers may be asked for together, and the file runs.
# Seen: sparse alone and int8 alone run; together the converter writes the smallest file, 93 thousand
#   bytes for 1,050 thousand, and the interpreter, with its default XNNPack delegate, raises "failed to
#   delegate FULLY_CONNECTED". Without the delegate the same file runs and is right. Sparse with 16-bit
#   floats runs.
# For a pruned network: ask for sparse and float16, or start the interpreter with
#   BUILTIN_WITHOUT_DEFAULT_DELEGATES; open every converted file once before you report its size.
set -euo pipefail
packages=(tensorflow-cpu==2.21.0 ai-edge-litert==2.3.0 numpy==2.4.6)
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
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np, tensorflow as tf
import importlib.metadata
from ai_edge_litert.interpreter import Interpreter, OpResolverType

rng = np.random.default_rng(0)
network = tf.keras.Sequential([tf.keras.Input((512,)), tf.keras.layers.Dense(512)])
kernel, bias = network.layers[0].get_weights()
network.layers[0].set_weights([rng.normal(size=kernel.shape) * 0.05 * (rng.random(kernel.shape) < 0.1), bias])
x = rng.normal(size=(1, 512)).astype(np.float32)
wanted = network(x).numpy()

def converted(optimizations, types=()):
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = optimizations
    converter.target_spec.supported_types = list(types)
    return converter.convert()

def error(model, resolver=OpResolverType.AUTO):
    try:
        interpreter = Interpreter(model_content=model, experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        return float(np.abs(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]) - wanted).max())
    except RuntimeError as raised:
        return str(raised).split(" node")[0]

sparse, int8 = tf.lite.Optimize.EXPERIMENTAL_SPARSITY, tf.lite.Optimize.DEFAULT
models = {
    "plain": converted([]),
    "sparse": converted([sparse]),
    "int8": converted([int8]),
    "sparse float16": converted([int8, sparse], [tf.float16]),
    "sparse int8": converted([int8, sparse]),
}
seen = {name: (len(model), error(model)) for name, model in models.items()}
without = error(models["sparse int8"], OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
print("tensorflow", tf.__version__, "ai-edge-litert", importlib.metadata.version("ai-edge-litert"))
for name, (size, result) in seen.items():
    print(name, size, "bytes, largest error", result)
print("sparse int8 without the default delegates", without)
assert all(isinstance(result, float) and result < 0.05 for name, (_, result) in seen.items() if name != "sparse int8"), seen
assert seen["sparse int8"][1] == "failed to delegate FULLY_CONNECTED" and without < 0.05, (seen, without)
assert seen["sparse int8"][0] < min(size for name, (size, _) in seen.items() if name != "sparse int8"), seen
EOF
