#!/usr/bin/env bash
# compressed-tensors still has the sparse configurations and no compressor for them
#
# Expected: the formats 'sparse-bitmask' and 'sparse-24-bitmask' can be written, or their configurations are
#   gone with them.
# Seen: BitmaskConfig and Sparse24BitMaskConfig can be made; the registry of compressors holds dense and
#   quantised formats only.
# For a pruned network: a checkpoint of a 2:4 language model in these formats needs an older version to be
#   read.
set -euo pipefail
packages=(torch==2.14.1 numpy==2.4.6 transformers==5.24.0 compressed-tensors==0.20.0)
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
logging.disable(logging.CRITICAL)
from importlib.metadata import version
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.config import SparsityCompressionConfig

configurations = {config().format for config in SparsityCompressionConfig.__subclasses__()}
compressors = set(BaseCompressor.registered_names())
print("compressed-tensors", version("compressed-tensors"), "configurations", sorted(configurations), "of which without a compressor", sorted(configurations - compressors))
assert configurations - compressors == {"sparse-24-bitmask", "sparse-bitmask"}
EOF
