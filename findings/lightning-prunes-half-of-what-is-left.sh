#!/usr/bin/env bash
# PyTorch Lightning: ModelPruning with amount=0.5 prunes half of what is left after every epoch
#
# Expected: the network is 50 % sparse at the end, and its biases stay, as in torch.nn.utils.prune,
#   where one names the weights.
# Seen: 50 % after one epoch, 75 % after two, 97 % after five; the biases are pruned with the weights,
#   and all of those of the batch norm are 0 after the first epoch.
# For a pruned network: the sparsity depends on the number of epochs; apply_pruning=lambda epoch: epoch
#   == 0 prunes once, to 50 %, and parameters_to_prune names the weights.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 pytorch-lightning==2.6.6)
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
import torch, pytorch_lightning
from pytorch_lightning.callbacks import ModelPruning
from torch import nn

logging.disable(logging.CRITICAL)

class Classifier(pytorch_lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(32, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))

    def training_step(self, batch, place):
        return nn.functional.cross_entropy(self.network(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)

def zeros(epochs, **chosen):
    torch.manual_seed(0)
    model = Classifier()
    data = torch.utils.data.TensorDataset(torch.randn(64, 32), torch.randint(10, (64,)))
    callback = ModelPruning("l1_unstructured", amount=0.5, **chosen)
    trainer = pytorch_lightning.Trainer(max_epochs=epochs, accelerator="cpu", callbacks=[callback], **quiet)
    trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=16))
    values = nn.utils.parameters_to_vector(model.parameters())
    return (values == 0).float().mean().item(), (model.network[1].bias == 0).float().mean().item()

seen = {epochs: zeros(epochs) for epochs in (1, 2, 5)}
once = zeros(5, apply_pruning=lambda epoch: epoch == 0)
print("pytorch-lightning", pytorch_lightning.__version__, "pruned once", once, "share of zeros, of all and of the batch norm's biases, by epochs", seen)
for epochs, (share, biases) in seen.items():
    assert abs(share - (1 - 0.5**epochs)) < 0.002 and biases == 1, seen
assert 0.45 < once[0] < 0.502, once
EOF
