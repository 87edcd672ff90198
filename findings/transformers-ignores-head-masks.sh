#!/usr/bin/env bash
# transformers 5: a mask of heads and a list of pruned heads are accepted and ignored
#
# Expected: a model takes head_mask and pruned_heads, as its versions up to 4 did, or refuses what it no
#   longer knows.
# Seen: with every head masked BERT and GPT-2 return the same numbers as without a mask; a BERT
#   configuration that says that two of eight heads are gone builds all eight. prune_heads no longer exists.
#   No warning, no error.
# For a pruned network: an importance of heads measured through head_mask is 0 for every head, and a
#   checkpoint of pruned heads needs version 4; mask the columns of the output projection instead.
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
import copy
import os

os.environ["HF_HUB_OFFLINE"] = "1"
import torch, transformers
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model

def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())

small = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, vocab_size=50)
tokens, no_head = torch.tensor([[1, 2, 3]]), torch.zeros(2, 4)
torch.manual_seed(0)
bert = BertModel(BertConfig(**small)).eval()
gpt2 = GPT2Model(GPT2Config(n_embd=64, n_layer=2, n_head=4, vocab_size=50)).eval()
headless = copy.deepcopy(bert)
with torch.no_grad():
    for layer in headless.encoder.layer:
        layer.attention.output.dense.weight.zero_()  # what masking every head means
    same = [torch.equal(model(tokens, head_mask=no_head)[0], model(tokens)[0]) for model in (bert, gpt2)]
    wanted = (headless(tokens)[0] - bert(tokens)[0]).abs().max().item()
whole, without_two = parameters(bert), parameters(BertModel(BertConfig(pruned_heads={0: [0, 1]}, **small)))
print("transformers", transformers.__version__, "outputs the same under a mask of all heads:", same, "should differ by", round(wanted, 2))
print("parameters", whole, "with two heads pruned", without_two, "prune_heads exists:", hasattr(bert, "prune_heads"))
assert same == [True, True] and wanted > 0.01 and whole == without_two and not hasattr(bert, "prune_heads")
EOF
