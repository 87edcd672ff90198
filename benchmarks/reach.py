"""From which networks of timm, Hugging Face and torchvision can channels be removed, beside Torch-Pruning?

    python benchmarks/reach.py          the stored run beside its aims, at once
    python benchmarks/reach.py NAME     both tools on one family of timm, now

``python -m experiments reach`` makes the stored run, 15 minutes on one core. Checked: exact on 70 of 73
families of timm and refused with a reason on the others, all eight of Hugging Face, all detectors and
segmentation networks, no more than 5 % more parameters left (or equality forbids it, or Torch-Pruning took
more channels than it was asked for), no more time, and no more memory than Torch-Pruning."""

import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
if find_spec("experiments") is None:  # it is no part of the installed package
    sys.path.insert(0, str(ROOT))

from experiments.reach import SPARSITY, TOOLS, Reach  # noqa: E402
from prunelab import sweep  # noqa: E402

OURS, THEIRS = TOOLS


def aims(stored: dict) -> list[tuple[str, str, bool]]:
    """Return each figure, what was measured, and whether the aim is met."""
    counts = {
        part: Counter(r["status"] for r in sweep.select(stored[part], tool=OURS))
        for part in stored_parts(stored)
    }
    both = {part: pairs(stored[part]) for part in counts}
    timm = both["timm"].values()
    more = [p[OURS]["network"] for p in timm if more_left(p)]
    seconds = [sum(p[tool]["seconds"] for p in timm) for tool in TOOLS]
    memory = {
        tool: median(row["memory"] for row in sweep.select(stored["large"], tool=tool)) for tool in TOOLS
    }
    unexplained = [p[OURS]["network"] for p in timm if more_left(p) and not explained(p)]
    found = []
    for part, least in (
        ("timm", 70),
        ("hugging_face", 8),
        ("torchvision", len(sweep.select(stored["torchvision"], tool=OURS))),
    ):
        only = set(counts[part]) <= {"exact", "refused"}
        found.append((f"{part}: exact", str(dict(counts[part])), counts[part]["exact"] >= least and only))
    found.append(
        (
            f"over 5 % more parameters left, of {len(timm)}",
            f"{len(more)}, of these without a reason that exactness or Torch-Pruning gives:"
            f" {' '.join(unexplained) or 'none'}",
            not unexplained,
        )
    )
    found.append(
        (
            f"seconds over these, {OURS} and {THEIRS}",
            f"{seconds[0]:.0f} and {seconds[1]:.0f}",
            seconds[0] <= seconds[1],
        )
    )
    found.append(("peak memory, MiB", f"{memory[OURS]} and {memory[THEIRS]}", memory[OURS] <= memory[THEIRS]))
    return found


def more_left(pair: dict[str, dict]) -> bool:
    return pair[OURS]["left"] > 1.05 * pair[THEIRS]["left"]


def took_more(pair: dict[str, dict]) -> bool:
    """Tell whether Torch-Pruning left fewer channels than it was asked to."""
    return pair[THEIRS]["channels"] < 1 - SPARSITY - 0.02


def explained(pair: dict[str, dict]) -> bool:
    """Tell whether equality forbids it (a norm over all channels is why most of them stay), or Torch-Pruning
    took more channels.
    """
    commonest = next(iter(pair[OURS]["stays"]), "")
    return took_more(pair) or "divides by the spread" in commonest


def stored_parts(stored: dict) -> list[str]:
    return [part for part in stored if part not in ("provenance", "large", "matched")]


def pairs(rows: list[dict]) -> dict[str, dict[str, dict]]:
    """Return the rows of both tools for each network on which both work."""
    found: dict[str, dict[str, dict]] = {}
    for row in rows:
        if row["status"] in ("exact", "runs"):
            found.setdefault(row["network"], {})[row["tool"]] = row
    return {network: pair for network, pair in found.items() if len(pair) == len(TOOLS)}


def main() -> int:
    for network in sys.argv[1:]:
        for tool in TOOLS:
            print(network, tool, Reach("timm", network, tool).measure())
    if sys.argv[1:]:
        return 0
    stored = sweep.load("reach")
    for part in stored_parts(stored):
        for row in stored[part]:
            done = (
                f"{row['left'] / row['parameters']:.0%} left, {row['seconds']:.1f} s" if "left" in row else ""
            )
            name, said = (
                f"{part:13}{row['network']:38}{row['tool']:15}{row['status']:12}",
                row.get("reason", ""),
            )
            print(name + done, said[:90])
    for network, pair in pairs(stored["timm"]).items():
        if more_left(pair):
            reasons = [f"{why} ({count:,} channels)" for why, count in pair[OURS]["stays"].items()]
            if took_more(pair):
                left = pair[THEIRS]["channels"]
                reasons = [
                    f"{THEIRS} leaves {left:.0%} of the channels where {1 - SPARSITY:.0%} were asked for"
                ]
            print(f"{network} keeps more than with {THEIRS}: {'; '.join(reasons)}")
    for row in stored["matched"]:
        ours, theirs = row["left"]
        print(
            f"{row['network']} with {row['channels'][1]:.0%} of the channels: {ours / theirs:.2f} times the"
            f" parameters that {THEIRS} leaves"
        )
    missed = 0
    for figure, measured, met in aims(stored):
        print(f"{'yes' if met else 'NO':4}{figure}: {measured}")
        missed += not met
    return missed


if __name__ == "__main__":
    sys.exit(main())
