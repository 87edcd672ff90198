#!/usr/bin/env bash
# transformers: a model saved with a live pruning hook comes back with a random layer
#
# Expected: save_pretrained stores the layer's effective weight, or from_pretrained refuses the unknown
#   names.
# Seen: the file holds weight_orig and weight_mask, from_pretrained reads neither, and the layer is newly
#   initialised: no zeros are left and the outputs differ. A report in the log lists missing and unexpected
#   keys; no exception.
# For a pruned network: call prune.remove before save_pretrained.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 transformers==5.24.0)
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
os.environ["HF_HUB_OFFLINE"] = "1"
import torch, transformers
from torch.nn.utils import prune
from transformers import BertConfig, BertModel

logging.disable(logging.CRITICAL)
torch.manual_seed(0)
config = BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, vocab_size=50)
tokens, seen = torch.arange(10)[None], {}
for kind in ("hook", "removed"):
    model = BertModel(config).eval()
    layer = model.encoder.layer[0].intermediate.dense
    prune.l1_unstructured(layer, "weight", 0.5)
    if kind == "removed":
        prune.remove(layer, "weight")
    model.save_pretrained(kind)
    back = BertModel.from_pretrained(kind).eval()
    zeros = int((back.encoder.layer[0].intermediate.dense.weight == 0).sum())
    seen[kind] = zeros, bool(torch.allclose(model(tokens)[0], back(tokens)[0], atol=1e-6))
print("transformers", transformers.__version__, "zeros of 1,024 after loading, same outputs:", seen)
assert seen == {"hook": (0, False), "removed": (1024, True)}, seen
EOF
