"""The three MONK's problems and the small networks on which Optimal Brain Surgeon was first shown; all
enumerated, float64.

Six attributes with 3, 3, 2, 3, 4 and 2 values give 432 robots; one input for every value makes 17 inputs. A
network is one flat vector of weights: ``hidden`` rows of 17 weights and a bias, then ``hidden`` output
weights and a bias; tanh units, targets -1, 1."""

import itertools

import torch

from prunelab import arguments
from prunelab.criteria.second_order import obs_saliency, obs_update

VALUES = (3, 3, 2, 3, 4, 2)
RULES = {
    1: lambda a: a[0] == a[1] or a[4] == 1,
    2: lambda a: sum(value == 1 for value in a) == 2,
    3: lambda a: (a[4] == 3 and a[3] == 1) or (a[4] != 4 and a[1] != 3),
}
HIDDEN = {1: 3, 2: 2, 3: 2}  # 58, 39 and 39 weights, biases included
EXAMPLES = {1: 124, 2: 169, 3: 122}
DECAY = 1e-4
CRITERIA = ("OBS", "OBD", "magnitude")


def monk(problem: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all 432 robots, ``(432, 18)`` with a last column of ones for the bias, and their targets
    ``(432,)``, -1 or 1.

    Raises ValueError if ``problem`` is not 1, 2 or 3. Source: Thrun et al., "The MONK's problems" (1991);
    notebook 03.2."""
    arguments.one_of("problem", problem, RULES)
    robots = list(itertools.product(*(range(1, n + 1) for n in VALUES)))
    inputs = [
        [float(value == v) for value, n in zip(robot, VALUES, strict=True) for v in range(1, n + 1)] + [1.0]
        for robot in robots
    ]
    targets = [1.0 if RULES[problem](robot) else -1.0 for robot in robots]
    return torch.tensor(inputs, dtype=torch.float64), torch.tensor(targets, dtype=torch.float64)


def outputs(weights: torch.Tensor, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the network's outputs ``(N,)`` and their derivatives by every weight ``(N, weights)``.

    Raises TypeError or ValueError if the three parts do not fit. Source: notebook 03.2.
    """
    if arguments.tensor("inputs", inputs).ndim != 2 or inputs.dtype != torch.float64:
        raise ValueError(
            f"inputs must be float64 of shape (N, inputs), got {inputs.dtype} of shape {tuple(inputs.shape)}"
        )
    size = inputs.shape[1] + 1
    fits = (
        arguments.tensor("weights", weights).ndim == 1 and len(weights) > 1 and (len(weights) - 1) % size == 0
    )
    if not fits or weights.dtype != torch.float64:
        raise ValueError(
            f"weights must be float64, {size} per hidden unit and 1, got {weights.dtype},"
            f" {tuple(weights.shape)}"
        )
    hidden = (len(weights) - 1) // (inputs.shape[1] + 1)
    first, last = weights[: -hidden - 1].view(hidden, -1), weights[-hidden - 1 :]
    h = torch.tanh(inputs @ first.T)
    with_bias = torch.cat([h, torch.ones(len(h), 1, dtype=h.dtype)], 1)
    o = torch.tanh(with_bias @ last)
    slope = (1 - o**2)[:, None]
    by_first = (slope * last[:-1] * (1 - h**2))[:, :, None] * inputs[:, None, :]
    return o, torch.cat([by_first.flatten(1), slope * with_bias], 1)


def correct(weights: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the share of robots, in [0, 1], whose output has the sign of the target.

    Raises TypeError or ValueError as ``outputs`` does, and for other than N targets. Source: notebook 03.2.
    """
    arguments.shaped("targets", targets, arguments.tensor("inputs", inputs).shape[:1])
    return float(((outputs(weights, inputs)[0] > 0) == (targets > 0)).double().mean())


def fit(
    weights: torch.Tensor, mask: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor, steps: int
) -> torch.Tensor:
    """Return the ``weights`` after ``steps`` Levenberg-Marquardt steps on those that ``mask`` keeps.

    The loss is half the mean squared error plus half of 1e-4 times the sum of squares. A step solves ``(J^T J
    / N + (decay + mu) I) d = -gradient``; mu falls to a third when the loss falls, else the step is undone
    and mu doubles. Source: notebook 03.2."""
    outputs(weights, inputs)  # refuses what does not fit
    arguments.mask("mask", mask, weights.shape), arguments.shaped("targets", targets, (len(inputs),))
    steps = arguments.count("steps", steps, at_least=0)
    weights, mu = weights * mask, 1e-2
    identity = torch.eye(int(mask.sum()), dtype=weights.dtype)

    def loss(weights, o):
        return ((o - targets) ** 2).mean() / 2 + DECAY * (weights**2).sum() / 2

    o, jacobian = outputs(weights, inputs)
    for _ in range(steps):
        j = jacobian[:, mask]
        gradient = j.T @ (o - targets) / len(targets) + DECAY * weights[mask]
        trial = weights.clone()
        trial[mask] -= torch.linalg.solve(j.T @ j / len(targets) + (DECAY + mu) * identity, gradient)
        new, new_jacobian = outputs(trial, inputs)
        if loss(trial, new) < loss(weights, o):
            weights, o, jacobian, mu = trial, new, new_jacobian, max(mu / 3, 1e-9)
        else:
            mu = min(2 * mu, 1e6)
    return weights


def trained(problem: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return weights that are right on all of a random training set, its inputs and its targets.

    The sets have 124, 169 and 122 robots, as in the original; problem 3 is without its noisy labels. Up to 20
    starts are tried. Raises ValueError for a bad argument, RuntimeError if no start succeeds. Source:
    notebook 03.2."""
    inputs, targets = monk(problem)
    generator = torch.Generator().manual_seed(arguments.count("seed", seed, at_least=0))
    chosen = torch.randperm(len(inputs), generator=generator)[: EXAMPLES[problem]]
    inputs, targets = inputs[chosen], targets[chosen]
    size = HIDDEN[problem] * (inputs.shape[1] + 1) + 1
    for _ in range(20):
        start = torch.randn(size, generator=generator, dtype=torch.float64) / 2
        weights = fit(start, torch.ones(size, dtype=torch.bool), inputs, targets, 300)
        if correct(weights, inputs, targets) == 1:
            return weights, inputs, targets
    raise RuntimeError(f"no start learnt problem {problem} with seed {seed}")


def prune(
    weights: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor, criterion: str
) -> list[torch.Tensor]:
    """Return the weights after each removal, one more zero each time, for as long as every training example
    stays right.

    ``criterion`` chooses the next weight: ``"OBS"`` also moves the others, ``"OBD"`` and ``"magnitude"`` set
    it to zero. When an example is lost, the rest is trained for 30 steps; if that does not win it back, the
    removal is undone and pruning ends. Raises ValueError for an unknown criterion. Source: Hassibi and Stork
    (1992); notebook 03.2."""
    arguments.one_of("criterion", criterion, CRITERIA)
    correct(weights, inputs, targets)  # refuses what does not fit
    mask, path = torch.ones_like(weights, dtype=torch.bool), [weights]
    while mask.any():
        current, kept = path[-1], mask.nonzero().flatten()
        j = outputs(current, inputs)[1][:, mask]
        hessian = j.T @ j / len(j) + DECAY * torch.eye(len(kept), dtype=j.dtype)
        small, inverse = current[mask], torch.linalg.inv(hessian)
        scores = {
            "OBS": obs_saliency(small, inverse),
            "OBD": hessian.diagonal() * small**2 / 2,
            "magnitude": small.abs(),
        }
        q = int(scores[criterion].argmin())
        after = current.clone()
        after[mask] = obs_update(small, inverse, q) if criterion == "OBS" else small
        after[kept[q]] = 0
        smaller = mask.clone()
        smaller[kept[q]] = False
        if correct(after, inputs, targets) < 1:
            after = fit(after, smaller, inputs, targets, 30)
        if correct(after, inputs, targets) < 1:
            break
        path, mask = [*path, after], smaller
    return path
