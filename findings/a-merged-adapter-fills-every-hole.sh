#!/usr/bin/env bash
# peft: merging a LoRA adapter into a pruned layer leaves no zero
#
# Expected: merge_and_unload asks for, or keeps, the zeros of the base weight (an option, a warning).
# Seen: 2,048 zeros before, 0 after, no warning: the low-rank product is dense.
# For a pruned network: mask again after the merge and measure what that costs, or train the adapter with the
#   mask applied to the sum.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 transformers==5.24.0 peft==0.21.2)
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
import peft, torch
from transformers import GPT2Config, GPT2LMHeadModel

logging.disable(logging.CRITICAL)
torch.manual_seed(0)
model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_head=2, n_embd=32, vocab_size=64, n_positions=16))
weight = model.transformer.h[0].mlp.c_fc.weight
with torch.no_grad():
    weight[weight.abs() <= weight.abs().median()] = 0
before = int((weight == 0).sum())
adapted = peft.get_peft_model(model, peft.LoraConfig(target_modules=["c_fc"], init_lora_weights=False, fan_in_fan_out=True))
merged = adapted.merge_and_unload().transformer.h[0].mlp.c_fc.weight
print("peft", peft.__version__, "zeros before", before, "after the merge", int((merged == 0).sum()))
assert before == 2048 and int((merged == 0).sum()) == 0
EOF
