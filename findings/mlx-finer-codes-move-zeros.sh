#!/usr/bin/env bash
# mlx: 2 and 3 bits keep every zero of a pruned layer, 4 to 8 bits move some of them
#
# Expected: what a coarse code keeps a finer code keeps: the quantizer lays its grid so that 0 lies on
#   it.
# Seen: with 2 and 3 bits all zeros stay; with 4, 5, 6 and 8 bits 1 to 10 % of them come back as about
#   0.0000002, so that groups of 2:4 hold three numbers that are not 0. mxfp4 and nvfp4 keep all.
# For a pruned network: count zeros with a tolerance after dequantising, or use one of the floating-
#   point modes.
set -euo pipefail
packages=(mlx[cpu]==0.32.4 numpy==2.4.6)
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
import mlx.core as mx, numpy as np

rng = np.random.default_rng(0)
weight = rng.normal(size=(64, 256)).astype(np.float32).reshape(-1, 4)
np.put_along_axis(weight, np.abs(weight).argsort(1)[:, :2], 0, 1)
weight = weight.reshape(64, 256)
zero = weight == 0

def back(**chosen):
    codes = mx.quantize(mx.array(weight), **chosen)
    return np.array(mx.dequantize(*codes, **chosen).astype(mx.float32))

kept, broken = {}, {}
for bits in (2, 3, 4, 5, 6, 8):
    values = back(group_size=64, bits=bits)
    assert np.abs(values[zero]).max() < 1e-6
    kept[bits] = round(float((values[zero] == 0).mean()), 3)
    broken[bits] = int(((values.reshape(-1, 4) != 0).sum(1) > 2).sum())
floats = [float((back(mode=mode)[zero] == 0).mean()) for mode in ("mxfp4", "nvfp4")]
print("mlx", importlib.metadata.version("mlx"), "share of zeros kept, by bits", kept, "groups of four with three or more numbers", broken, "mxfp4, nvfp4", floats)
assert kept[2] == kept[3] == 1 and all(0.8 < kept[bits] < 1 and broken[bits] > 0 for bits in (4, 5, 6, 8)), (kept, broken)
assert floats == [1, 1]
EOF
