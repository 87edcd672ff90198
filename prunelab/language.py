"""A character-level decoder, small enough to see whole: training, bits per character, generation with and
without a cache.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from prunelab import arguments
from prunelab.masks import apply_masks, prunable
from prunelab.progress import progress

CONTEXT = 128
WARM_UP = 100  # steps over which the learning rate rises
VOCABULARY = 85  # distinct characters of ``load_text``


class Attention(nn.Module):
    """Causal self-attention of ``heads`` heads, each ``head_width`` numbers wide; ``(N, T, width)`` to ``(N,
    T, width)``.

    Head ``h`` owns rows ``h * head_width`` to ``(h + 1) * head_width`` of ``query``, ``key`` and ``value``
    and the same columns of ``out``. Source: Vaswani et al., arXiv 1706.03762; notebook 10.1."""

    def __init__(self, width: int, heads: int, head_width: int):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, heads * head_width)
        self.key = nn.Linear(width, heads * head_width)
        self.value = nn.Linear(width, heads * head_width)
        self.out = nn.Linear(heads * head_width, width)

    def forward(self, x: torch.Tensor, past: list[torch.Tensor] | None = None) -> torch.Tensor:
        q, k, v = (
            layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        seen = 0
        if past is not None:  # a cache of the keys and values of the characters before x
            if past:
                seen = past[0].shape[2]
                k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
            past[:] = k, v
        if x.shape[1] == 1:
            mixed = F.scaled_dot_product_attention(q, k, v)
        elif not seen:
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            mask = torch.ones(x.shape[1], k.shape[2], dtype=torch.bool).tril(seen)
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out(mixed.transpose(1, 2).flatten(2))


class DecoderBlock(nn.Module):
    """One layer of the decoder: attention, then a GELU MLP, each behind a LayerNorm and added to what came
    in.
    """

    def __init__(self, width: int, heads: int, head_width: int, hidden: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads, head_width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.gelu = nn.GELU()
        self.down = nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor, past: list[torch.Tensor] | None = None) -> torch.Tensor:
        x = x + self.attention(self.norm1(x), past)
        return x + self.down(self.gelu(self.up(self.norm2(x))))


class Decoder(nn.Module):
    """``layers`` blocks between an embedding of characters and positions and a head: ``(N, T)`` int64 to
    logits ``(N, T, 85)``.

    ``T`` is at most 128. The defaults have 831,573 parameters, 786,432 of them weights of the blocks.
    ``cache`` is a list of one empty list per block, in which a call leaves keys and values for the next.
    Source: arXiv 1706.03762; notebook 10.1."""

    def __init__(self, layers: int = 4, width: int = 128, heads: int = 4, hidden: int | None = None):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, width)
        self.position = nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList(
            DecoderBlock(width, heads, width // heads, 4 * width if hidden is None else hidden)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, numbers: torch.Tensor, cache: list[list[torch.Tensor]] | None = None) -> torch.Tensor:
        seen = cache[0][0].shape[2] if cache and cache[0] else 0
        x = self.embedding(numbers) + self.position.weight[seen : seen + numbers.shape[1]]
        for number, block in enumerate(self.blocks):
            x = block(x, None if cache is None else cache[number])
        return self.head(self.norm(x))


def _logits(model: nn.Module, numbers: torch.Tensor) -> torch.Tensor:
    """Return what ``model`` predicts at every place of ``numbers`` ``(N, T)``: logits ``(N, T, 85)``, also of
    a model that wraps them, as those of transformers do. Raises TypeError for another kind of output.
    Source: notebook 10.1."""
    found = arguments.module("model", model)(numbers)
    found = getattr(found, "logits", found)
    if not isinstance(found, torch.Tensor):
        raise TypeError(f"model must return logits, or an output that has them, got {type(found).__name__}")
    return found


def train_decoder(
    model: nn.Module,
    numbers: torch.Tensor,
    *,
    steps: int,
    lr: float = 3e-3,
    batch_size: int = 16,
    masks: dict[str, torch.Tensor] | None = None,
    teacher: nn.Module | None = None,
    seed: int = 0,
) -> list[float]:
    """Train ``model`` in place to predict the next character of ``numbers`` ``(N,)``; return the loss of each
    step, in bits.

    With a ``teacher`` it learns from that model's predictions instead of the text's characters: the loss is
    the mean ``KL(teacher || model)`` over all places (Hinton et al., arXiv 1503.02531).

    AdamW (betas 0.9 and 0.95, weight decay 0.1), gradients clipped at norm 1. The learning rate rises to
    ``lr`` over the first 100 steps, or a tenth of them if that is less, and falls along a cosine to 0. A step
    reads ``batch_size`` windows of 128 characters at random places, drawn with ``seed``. ``masks`` are
    applied before the first step and after each. Eval mode at the end.

    Raises ValueError or TypeError for a bad argument before anything is changed, FloatingPointError when the
    loss becomes NaN. Source: Loshchilov and Hutter, arXiv 1711.05101; notebook 10.1."""
    check_stream(model, numbers)
    arguments.module("teacher", model if teacher is None else teacher)
    arguments.count("steps", steps, at_least=0)
    arguments.positive("lr", lr)
    arguments.count("batch_size", batch_size)
    generator = torch.Generator().manual_seed(arguments.count("seed", seed, at_least=0))
    masks = {} if masks is None else masks
    apply_masks(model, masks)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=0.1)
    warm_up, windows, history = min(WARM_UP, steps // 10), numbers.unfold(0, CONTEXT + 1, 1), []
    model.train()
    with progress(steps, "training") as bar:
        for step in range(steps):
            batch = windows[torch.randint(len(windows), (batch_size,), generator=generator)]
            loss = _loss(model, batch, teacher)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1)
            optimizer.param_groups[0]["lr"] = lr * _schedule(step, steps, warm_up)
            optimizer.step()
            apply_masks(model, masks)
            history.append(float(loss.detach()) / math.log(2))
            bar.update()
            if math.isnan(history[-1]):
                raise FloatingPointError(
                    f"the training loss became NaN in step {step + 1}; try a smaller lr than {lr}"
                )
    model.eval()
    return history


def _schedule(step: int, steps: int, warm_up: int) -> float:
    """Return the share of the learning rate in a step: a rise, and a cosine to 0."""
    return min((step + 1) / max(warm_up, 1), 1) * (1 + math.cos(math.pi * step / steps)) / 2


def _loss(model: nn.Module, batch: torch.Tensor, teacher: nn.Module | None) -> torch.Tensor:
    """Return the mean loss, in nats, of the predictions for the windows ``batch`` ``(N, T + 1)``."""
    predicted = _logits(model, batch[:, :-1]).flatten(0, 1)
    if teacher is None:
        return F.cross_entropy(predicted, batch[:, 1:].flatten())
    with torch.no_grad():
        wanted = _logits(teacher, batch[:, :-1]).flatten(0, 1).log_softmax(1)
    return F.kl_div(predicted.log_softmax(1), wanted, reduction="batchmean", log_target=True)


@torch.inference_mode()
def bits_per_character(model: nn.Module, numbers: torch.Tensor, batch_size: int = 32) -> float:
    """Return the mean of ``-log2 p(next character)`` over ``numbers`` ``(N,)``, read in windows of 128 side
    by side.

    The first character of all is given and the last ``(N - 1) % 128`` are left out; a character is predicted
    from those of its window before it, 1 to 128 of them. The model is used in eval mode and its own mode is
    left as it was.

    Raises TypeError or ValueError for bad numbers. Source: notebook 10.1.
    """
    arguments.count("batch_size", batch_size)
    windows = check_stream(model, numbers).unfold(0, CONTEXT + 1, CONTEXT)
    with arguments.eval_mode(model):
        total = sum(
            float(
                F.cross_entropy(
                    _logits(model, batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten(), reduction="sum"
                )
            )
            for batch in windows.split(batch_size)
        )
    return total / (len(windows) * CONTEXT * math.log(2))


@torch.inference_mode()
def generate(
    model: nn.Module,
    prompt: torch.Tensor,
    length: int,
    *,
    temperature: float = 1.0,
    cached: bool = True,
    seed: int = 0,
) -> torch.Tensor:
    """Return ``length`` characters drawn one after another behind ``prompt`` ``(T,)``; int64 ``(length,)``.

    Each is drawn from the model's prediction with logits divided by ``temperature``; ``seed`` fixes the
    draws. At most the last 128 characters are read. With ``cached=True`` every block keeps its keys and
    values, so a step reads one character; when 128 places are used up, the last 64 characters are read
    afresh. With ``cached=False`` each step reads everything again.

    Raises TypeError or ValueError for a bad prompt or number. Source: notebook 10.2.
    """
    if not isinstance(model, Decoder):
        raise TypeError(f"model must be a Decoder, got {type(model).__name__}")
    if arguments.whole_below("prompt", prompt, VOCABULARY).ndim != 1:
        raise ValueError(f"prompt must have shape (T,), got {tuple(prompt.shape)}")
    arguments.count("length", length)
    arguments.positive("temperature", temperature)
    generator = torch.Generator().manual_seed(arguments.count("seed", seed, at_least=0))
    cache: list = []
    text, unread = prompt.tolist(), CONTEXT
    for _ in range(length):
        if not cached:
            logits = model(torch.tensor([text[-CONTEXT:]]))
        else:
            if not cache or cache[0][0].shape[2] == CONTEXT:
                unread = min(len(text), CONTEXT if not cache else CONTEXT // 2)
                cache = [[] for _ in model.blocks]
            logits = model(torch.tensor([text[-unread:]]), cache)
            unread = 1
        text.append(int((logits[0, -1] / temperature).softmax(0).multinomial(1, generator=generator)))
    return torch.tensor(text[len(prompt) :])


def block_names(model: nn.Module) -> list[list[str]]:
    """Return the names of the weights of each block of a transformer, front to back: six matrices a block in
    a ``Decoder``, seven in transformers' Llama and Qwen.

    The blocks are the entries of the ``ModuleList`` that holds most weights. Raises TypeError if ``model`` is
    no module and ValueError if it has no such list. Source: notebook 10.1.
    """
    weights = prunable(model)
    lists = [(name, part) for name, part in model.named_modules() if isinstance(part, nn.ModuleList)]
    found = [
        [[name for name in weights if name.startswith(f"{prefix}.{i}.")] for i in range(len(part))]
        for prefix, part in lists
    ]
    if not any(names for blocks in found for names in blocks):
        raise ValueError(f"model must have its blocks in a ModuleList, got {type(model).__name__} without")
    return max(found, key=lambda blocks: sum(weights[n].numel() for names in blocks for n in names))


def check_stream(model: nn.Module, numbers: torch.Tensor) -> torch.Tensor:
    """Return ``numbers`` if ``model`` can read a window of 128 characters and the next one from them; else
    raise.
    """
    arguments.module("model", model)
    arguments.whole_below("numbers", numbers, VOCABULARY)
    if numbers.ndim != 1 or len(numbers) <= CONTEXT:
        raise ValueError(f"numbers must have shape (N,) with N above {CONTEXT}, got {tuple(numbers.shape)}")
    return numbers
