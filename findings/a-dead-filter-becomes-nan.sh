#!/usr/bin/env bash
# quanto and brevitas: a filter of zeros becomes NaN
#
# Expected: a row of zeros, what structured pruning with a mask leaves, is quantised to zeros; int8 does
#   so in both libraries.
# Seen: quanto's 8-bit floats divide by a scale of 0, and every output of that row is NaN; so do two of
#   brevitas' per-channel int8 quantizers, while its others keep zeros. No warning, no error.
# For a pruned network: remove dead filters instead of masking them, or look for NaN after quantising;
#   one NaN spreads to every output of the next layer.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 optimum-quanto==0.2.7 brevitas==0.13.4)
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
import copy
import importlib.metadata
import brevitas.nn, brevitas.quant as quant, torch
from optimum import quanto
from torch import nn

torch.manual_seed(0)
layer = nn.Linear(64, 8, bias=False)
with torch.no_grad():
    layer.weight[3] = 0
x = torch.randn(5, 64)
nans = {}
for kind in (quanto.qint8, quanto.qfloat8):
    network = nn.Sequential(copy.deepcopy(layer))
    quanto.quantize(network, weights=kind)
    quanto.freeze(network)
    nans["quanto " + kind.name] = network(x).isnan().any(0).tolist()
for name in ("Int8WeightPerChannelFloat", "Int8WeightPerChannelFloatDecoupled", "Int8WeightNormL2PerChannelFixedPoint"):
    quantized = brevitas.nn.QuantLinear(64, 8, bias=False, weight_quant=getattr(quant, name)).eval()
    with torch.no_grad():
        quantized.weight[3] = 0
    nans["brevitas " + name] = quantized(x).isnan().any(0).tolist()
print("quanto", importlib.metadata.version("optimum-quanto"), "brevitas", importlib.metadata.version("brevitas"))
for name, outputs in nans.items():
    print(name, "NaN in output", [place for place, is_nan in enumerate(outputs) if is_nan])
only_the_dead = [place == 3 for place in range(8)]
clean, broken = [False] * 8, only_the_dead
assert list(nans.values()) == [clean, broken, clean, broken, broken], nans
EOF
