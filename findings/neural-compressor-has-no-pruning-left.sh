#!/usr/bin/env bash
# neural-compressor: version 3 has no module that prunes weights
#
# Expected: the weight pruning that version 2 documents (neural_compressor.training.WeightPruningConfig).
# Seen: 3.10 holds no file whose name speaks of pruning or sparsity; importing the class raises.
# For a pruned network: prune elsewhere; neural-compressor quantises.
set -euo pipefail
packages=(neural-compressor==3.10)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=${FINDINGS_PYTHON:-} # a Python that has these packages already, to save the installation
if [ -z "$python" ]; then
    python3 -m venv "$folder/venv"
    python=$folder/venv/bin/python
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps "${packages[@]}"
fi
cd "$folder"
"$python" -W ignore - <<'EOF'
import importlib.metadata

package = importlib.metadata.distribution("neural-compressor")
files = [str(path) for path in package.files if str(path).endswith(".py")]
left = [path for path in files if "prun" in path.lower() or "spars" in path.lower()]
print("neural-compressor", package.version, len(files), "files,", left)
assert len(files) > 100 and not left
try:
    from neural_compressor.training import WeightPruningConfig
except ImportError as error:
    print(type(error).__name__)
else:
    raise AssertionError("the class is there")
EOF
