#!/usr/bin/env bash
# thop and torchinfo count a transposed convolution by the size of its output
#
# Expected: 13,824: each of the 8 x 8 inputs of 4 channels is multiplied by 6 kernels of 3 x 3 (torch's
#   FlopCounterMode and fvcore say so).
# Seen: 62,424 from thop, 64,158 from torchinfo (with the bias): 17 x 17 outputs were taken for the number of
#   kernel positions, 4.5 times too many.
# For a pruned network: in a U-Net or a generator the decoder's share, and so what pruning it saves, is
#   overstated by the square of the stride.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 thop==0.1.1.post2209072238 torchinfo==1.8.0 fvcore==0.1.5.post20221221)
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
import torch, thop, torchinfo
from fvcore.nn import FlopCountAnalysis
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

logging.disable(logging.CRITICAL)
net, x = nn.Sequential(nn.ConvTranspose2d(4, 6, 3, stride=2)), torch.randn(1, 4, 8, 8)
with torch.no_grad(), FlopCounterMode(display=False) as counter:
    assert net(x).shape[2:] == (17, 17)
by_hand = 8 * 8 * 4 * 6 * 3 * 3
seen = {
    "by hand": by_hand,
    "torch": counter.get_total_flops() // 2,
    "fvcore": FlopCountAnalysis(net, x).total(),
    "thop": int(thop.profile(net, (x,), verbose=False)[0]),
    "torchinfo": torchinfo.summary(nn.Sequential(nn.ConvTranspose2d(4, 6, 3, stride=2)), (1, 4, 8, 8), verbose=0).total_mult_adds,
}
print(seen)
assert seen == {"by hand": 13_824, "torch": 13_824, "fvcore": 13_824, "thop": 62_424, "torchinfo": 64_158}
EOF
