#!/usr/bin/env bash
# blosc2: ZFP with a tolerance writes twice the bytes of a lossless file, and four of five zeros are gone
#
# Expected: a codec that may be wrong by 0.01 writes less than one that may not, and what is 0 stays 0.
# Seen: at 90 % zeros ZFP with a tolerance of 0.01 writes 280,224 bytes, plain ZSTD 138,498; only the
#   zeros of blocks that are empty stay zeros, 22 % of them. On the dense matrix ZFP writes 58 % less, as
#   one expects.
# For a pruned network: a codec for smooth fields does not see scattered zeros; store them losslessly,
#   and round the values that are left.
set -euo pipefail
packages=(blosc2==4.14.1 numpy==2.4.6)
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
import blosc2, numpy as np

rng = np.random.default_rng(0)
dense = rng.normal(size=(512, 512)).astype(np.float32)
pruned = np.where(rng.random(dense.shape) < 0.9, np.float32(0), dense)
zfp = dict(codec=blosc2.Codec.ZFP_ACC, codec_meta=-2 & 0xFF, filters=[blosc2.Filter.NOFILTER], filters_meta=[0])
lossless = dict(codec=blosc2.Codec.ZSTD, filters=[blosc2.Filter.NOFILTER], filters_meta=[0])
print("blosc2", blosc2.__version__)
seen = {}
for name, weight in (("dense", dense), ("pruned", pruned)):
    lossy, exact = blosc2.asarray(weight, cparams=zfp), blosc2.asarray(weight, cparams=lossless)
    assert np.array_equal(exact[:], weight) and np.abs(lossy[:] - weight).max() < 0.01
    zeros = (lossy[:][weight == 0] == 0).mean() if (weight == 0).any() else None
    seen[name] = lossy.schunk.cbytes, exact.schunk.cbytes, zeros
    print(name, "ZFP", seen[name][0], "lossless", seen[name][1], "zeros kept", zeros)
assert seen["dense"][0] < 0.5 * seen["dense"][1] and seen["pruned"][0] > 1.8 * seen["pruned"][1], seen
assert 0.15 < seen["pruned"][2] < 0.3, seen
EOF
