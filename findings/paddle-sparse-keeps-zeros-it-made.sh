#!/usr/bin/env bash
# Paddle: ReLU of a CSR tensor and x - x keep every stored entry
#
# Expected: sparse.nn.ReLU drops the negatives (201 positive numbers are left), sparse.subtract(x, x) has no
#   entry.
# Seen: nnz stays 415 in both cases, stored zeros; the same product with a dense matrix is not implemented on
#   a CPU.
# For a pruned network: nnz of a Paddle tensor says what is stored, and not what is not zero; count values
#   that are not 0.
set -euo pipefail
packages=(paddlepaddle==3.3.1 numpy==2.4.6)
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
import numpy as np, paddle
import paddle.sparse

rng = np.random.default_rng(0)
weight = rng.normal(size=(64, 64)).astype("float32")
weight[rng.random(weight.shape) < 0.9] = 0
tensor = paddle.to_tensor(weight)
csr, coo = tensor.to_sparse_csr(), tensor.to_sparse_coo(2)
relu, difference = paddle.sparse.nn.ReLU()(csr), paddle.sparse.subtract(coo, coo)
try:
    paddle.sparse.matmul(csr, tensor)
    product = "runs"
except NotImplementedError:
    product = "not implemented"
print("paddle", paddle.__version__, "entries", csr.nnz(), "ReLU", relu.nnz(), "of which positive", int((weight > 0).sum()), "x - x", difference.nnz(), "CSR times dense:", product)
assert csr.nnz() == relu.nnz() == difference.nnz() == 415 and (weight > 0).sum() == 201 and product == "not implemented"
EOF
