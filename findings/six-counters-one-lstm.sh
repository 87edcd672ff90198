#!/usr/bin/env bash
# Six counters, one LSTM, five answers, three of them 0
#
# Expected: 5 steps x 4 gates x 20 units x (16 inputs + 20 units) = 14,400 products from all, with small
#   differences for biases.
# Seen: torchinfo 15,200, thop 16,000, ptflops 16,200 with one backend and 0 with the other, calflops 0,
#   fvcore 0. Of the zeros only fvcore's comes with a line in the log that names the operator.
# For a pruned network: a table that compares an LSTM before and after pruning can come out as 0 against 0,
#   depending on the counter's backend.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 thop==0.1.1.post2209072238 torchinfo==1.8.0 ptflops==0.7.5 calflops==0.3.2 transformers==5.24.0 fvcore==0.1.5.post20221221)
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
import contextlib, io, logging, os
import torch, thop, torchinfo, ptflops
from torch import nn

os.environ["HF_HUB_OFFLINE"] = "1"
logging.disable(logging.CRITICAL)
from calflops import calculate_flops
from fvcore.nn import FlopCountAnalysis

class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(16, 20, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0]

def flops(backend):
    return ptflops.get_model_complexity_info(Tagger(), (5, 16), as_strings=False, print_per_layer_stat=False, backend=backend)[0]

with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    x = torch.randn(1, 5, 16)
    seen = {
        "torchinfo": torchinfo.summary(Tagger(), (1, 5, 16), verbose=0).total_mult_adds,
        "thop": int(thop.profile(Tagger(), (x,), verbose=False)[0]),
        "ptflops, pytorch": flops("pytorch"),
        "ptflops, aten": flops("aten"),
        "calflops": calculate_flops(Tagger(), input_shape=(1, 5, 16), print_results=False, output_as_string=False)[1],
        "fvcore": FlopCountAnalysis(Tagger(), x).total(),
    }
print("by hand", 5 * 4 * 20 * (16 + 20), seen)
assert list(seen.values()) == [15_200, 16_000, 16_200, 0, 0, 0], seen
EOF
