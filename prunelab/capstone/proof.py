"""What was won, and against what: baselines from scratch, the goals, and the files that are handed over."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from prunelab import arguments, deploy
from prunelab.capstone.task import Task, checked
from prunelab.measure import Report, report
from prunelab.progress import progress
from prunelab.surgery import resize

SEEDS = (0, 1, 2)


def fresh(model: nn.Module, seed: int) -> tuple[nn.Module, list[str]]:
    """Return a copy of ``model`` with new random parameters, all that train, and the names of those that had
    to be shuffled.

    A module's own ``reset_parameters`` draws anew; what no module resets, a bare parameter, gets its own
    values in random order: their size is kept, what they had learned is not. Frozen parameters stay.

    Raises TypeError if ``model`` is no module and ValueError for a bad seed. Source: notebook capstone."""
    model = copy.deepcopy(arguments.module("model", model))
    state = torch.random.get_rng_state()
    torch.manual_seed(arguments.count("seed", seed, at_least=0))
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    with torch.no_grad():
        for module in model.modules():
            for reset in ("reset_parameters", "_reset_parameters"):
                if callable(getattr(module, reset, None)):
                    getattr(module, reset)()
                    break
        shuffled = []
        for name, parameter in model.named_parameters():
            if name in frozen:
                parameter.copy_(before[name])
            elif torch.equal(parameter, before[name]) and parameter.numel() > 1:
                parameter.copy_(parameter.flatten()[torch.randperm(parameter.numel())].view_as(parameter))
                if not torch.equal(parameter, before[name]):  # a bias that starts at 0 is as new
                    shuffled.append(name)
    torch.random.set_rng_state(state)
    return model, shuffled


def trained_anew(
    task: Task, shape: nn.Module, passes: Sequence[int], seeds: Sequence[int] = SEEDS, stored: Sequence = ()
) -> list[dict]:
    """Return how good a network of the same ``shape`` becomes from scratch: one dict per seed and number of
    ``passes``, with ``seed``, ``passes``, ``valid``, ``test`` and ``shuffled``.

    Rows in ``stored`` for the same shape (``parameters``), seed and passes are not computed again.

    Raises TypeError or ValueError for bad arguments. Source: Liu et al., "Rethinking the Value of Network
    Pruning" (arXiv 1810.05270); notebook capstone."""
    checked(task)
    for name, value in (("passes", passes), ("seeds", seeds)):
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise TypeError(f"{name} must be a sequence of counts, got {value!r:.80}")
    sizes = [list(p.shape) for p in arguments.module("shape", shape).parameters()]
    rows = []
    with progress(len(seeds) * len(passes), "from scratch") as bar:
        for seed in seeds:
            for number in passes:
                known = [r for r in stored if (r["shapes"], r["seed"], r["passes"]) == (sizes, seed, number)]
                if known:
                    rows.append({"shuffled": [], **known[0]})
                else:
                    new, shuffled = fresh(shape, seed)
                    task.trained(new, number)
                    row = {
                        "seed": seed,
                        "passes": number,
                        "valid": task.quality(new),
                        "test": task.tested(new),
                    }
                    rows.append(row | {"shuffled": shuffled, "shapes": sizes})
                bar.update()
    return rows


def page(task: Task, small: nn.Module, tested: Mapping[str, float]) -> Report:
    """Return the ``measure.report`` on ``small`` against the network of ``task``, with the number that counts
    on test data, ``tested["dense"]`` and ``tested["pruned"]``, as its quality.

    On that page larger is better: a number of which smaller is better stands there with its sign changed.

    Raises TypeError or ValueError for bad arguments. Source: notebook capstone."""
    known = _both(checked(task), tested)
    sign = 1 if task.better == "larger" else -1
    return report(
        task.model,
        arguments.module("small", small),
        task.example,
        lambda model: sign * known["pruned" if model is small else "dense"],
    )


def verdict(task: Task, page: Report, tested: Mapping[str, float], anew: Sequence[Mapping]) -> list[str]:
    """Return one sentence for each thing that was wanted, "met" or "missed", with the numbers of the test
    data: speed, size, price, and whether a network of the same shape does as well from scratch.

    ``tested`` holds the number that counts on test data of ``"dense"`` and ``"pruned"``; ``anew`` are the
    rows of ``trained_anew``. A speed is met when its whole interval is. Raises TypeError or ValueError for
    bad
    arguments. Source: notebook capstone."""
    checked(task)
    if not isinstance(page, Report):
        raise TypeError(f"page must be a Report of prunelab.measure, got {type(page).__name__}")
    _both(task, tested)
    dense, pruned = page.rows
    size, cost = dense["bytes"] / pruned["bytes"], task.lost(tested["dense"], tested["pruned"])
    low, high = pruned["speedup_low"], pruned["speedup_high"]
    goals = [
        (
            low >= task.faster,
            f"{task.faster:g} x faster: ~{pruned['speedup']:.2f} x (~{low:.2f} to ~{high:.2f})",
        ),
        (size >= task.smaller, f"{task.smaller:g} x fewer bytes: ~{size:.2f} x"),
        (cost <= task.price, f"a price of at most {task.price:g}: ~{cost:.4g} on test data"),
    ]
    budgets = sorted({row["passes"] for row in anew})
    for passes in budgets:
        losses = [task.lost(row["test"], tested["pruned"]) for row in anew if row["passes"] == passes]
        goals.append(
            (
                max(losses) < 0,
                f"better than the same shape from scratch, passes: {passes}, seeds: {len(losses)}: by"
                f" ~{-max(losses):.4g} to ~{-min(losses):.4g}",
            )
        )
    return [f"{'met' if met else 'missed'}: {text}" for met, text in goals]


def handed_over(task: Task, small: nn.Module, folder: Path | str) -> dict[str, str]:
    """Write ``small`` into ``folder`` as ``pruned.safetensors`` and ``pruned.onnx``, read both again, and
    return what is to be said of each file: its bytes, or why it was not written.

    A tensor with two names (an embedding that is the output layer, too) is written once, and the other name
    said. The weights are put into a copy of the dense network that takes their sizes; what sizes do not tell,
    such as how many groups a GroupNorm has left, is set there and named. The ONNX file (for any batch, if the
    network can be exported so) is run by ONNX Runtime: both must answer to the example as ``small`` does.

    Raises TypeError, ValueError or FileNotFoundError for bad arguments, and ValueError if a file does not
    compute what the network does. Source: notebook capstone."""
    checked(task), arguments.module("small", small)
    folder = arguments.path("folder", folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"folder must exist, got {folder}")
    wanted = task.answers(small)
    weights = folder / "pruned.safetensors"
    state, tied = _apart(small)
    save_file(state, weights)
    stored = load_file(weights)
    stored |= {name: stored[first] for name, first in tied.items()}
    again = resize(copy.deepcopy(task.model), stored).eval()
    untold = _set_untold(again, small)
    _same("pruned.safetensors", task.answers(again), wanted)
    said = {weights.name: f"{weights.stat().st_size:,} bytes"}
    if tied:
        said[weights.name] += f"; {', '.join(f'{name} is {first}' for name, first in tied.items())}"
    if untold:
        said[weights.name] += f"; after surgery.resize set {', '.join(untold)}"
    for any_batch in (True, False):
        try:
            raw = deploy.export_onnx(small, task.example, any_batch)
            answers = deploy.run_onnx(raw, task.example)
        except ValueError as reason:
            said["pruned.onnx"] = f"not written: {reason}"
            continue
        _same("pruned.onnx", list(answers) if isinstance(answers, tuple) else [answers], wanted)
        (folder / "pruned.onnx").write_bytes(raw)
        said["pruned.onnx"] = f"{len(raw):,} bytes, " + ("any batch" if any_batch else "this batch only")
        break
    return said


def _apart(model: nn.Module) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Return the state of ``model``, a tensor that has two names under the first, and the other names with
    it.
    """
    state: dict[str, torch.Tensor] = {}
    tied: dict[str, str] = {}
    first: dict[tuple, str] = {}
    for name, value in model.state_dict().items():
        place = (value.data_ptr(), value.shape, value.stride(), value.dtype)
        known = first.setdefault(place, name) if value.numel() else name
        if known != name:
            tied[name] = known
        else:
            state[name] = value.detach().clone(memory_format=torch.contiguous_format)
    return state, tied


def _set_untold(again: nn.Module, small: nn.Module) -> list[str]:
    """Give the modules of ``again`` the whole numbers that those of ``small`` have, and name the changes."""
    changed = []
    for (name, module), other in zip(again.named_modules(), small.modules(), strict=True):
        for key, value in vars(other).items():
            if type(value) is int and vars(module).get(key) != value:
                setattr(module, key, value)
                changed.append(f"{name}.{key} = {value}".lstrip("."))
    return changed


def _both(task: Task, tested: Mapping[str, float]) -> Mapping[str, float]:
    """Return ``tested`` if it holds a finite number for the dense and for the pruned network, else raise."""
    for name in ("dense", "pruned"):
        arguments.one_of("a name that tested must hold", name, arguments.mapping("tested", tested))
    task.lost(tested["dense"], tested["pruned"])
    return tested


def _same(name: str, found: list[torch.Tensor], wanted: list[torch.Tensor]) -> None:
    if len(found) != len(wanted) or not all(
        torch.allclose(a.to(b.dtype), b, atol=1e-3, rtol=1e-3) for a, b in zip(found, wanted, strict=True)
    ):
        raise ValueError(f"{name} must compute what the network does, but its outputs differ")
