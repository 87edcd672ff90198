"""``nn.MultiheadAttention`` with fewer heads or inputs: it takes the sizes from its parameters."""

import torch
import torch.nn.functional as F
from torch import nn


def heads_changed(module: nn.MultiheadAttention) -> bool:
    """Tell whether the parameters have other heads than the module says, or read fewer channels."""
    queries = module.q_proj_weight if module.in_proj_weight is None else module.in_proj_weight
    widths = {module.out_proj.weight.shape[1], queries.shape[1]}
    return widths != {module.num_heads * module.head_dim}


class FewerHeads(nn.MultiheadAttention):
    """What an ``nn.MultiheadAttention`` becomes when heads are gone: the same parameters and arguments.

    torch's own forward pass insists on ``num_heads * head_dim == embed_dim`` and on queries of that width;
    this one does not."""

    @classmethod
    def of(cls, module: nn.MultiheadAttention) -> None:
        """Turn ``module``, whose parameters have lost heads, into one of this class, in place.

        Raises ValueError for one that appends to its keys (``add_bias_kv``, ``add_zero_attn``)."""
        if module.bias_k is not None or module.add_zero_attn:
            raise ValueError(
                "an nn.MultiheadAttention with add_bias_kv or add_zero_attn keeps its heads and inputs"
            )
        if not isinstance(module, cls):
            module._joined = module._qkv_same_embed_dim
        module.__class__ = cls
        module.num_heads = module.out_proj.weight.shape[1] // module.head_dim
        module._qkv_same_embed_dim = False  # keeps nn.TransformerEncoderLayer from its fused path

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        key_padding_mask: torch.Tensor | None = None,
        need_weights: bool = True,
        attn_mask: torch.Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """As ``nn.MultiheadAttention``; a mask is always used as given."""
        single = query.ndim == 2
        inputs = [x.unsqueeze(0) if single else x for x in (query, key, value)]
        if not single and not self.batch_first:
            inputs = [x.transpose(0, 1) for x in inputs]
        q, k, v = (
            F.linear(x, weight, bias).unflatten(2, (-1, self.head_dim)).transpose(1, 2)
            for x, weight, bias in zip(inputs, *self._projections(), strict=True)
        )
        scores = q @ k.transpose(2, 3) * self.head_dim**-0.5
        for mask, shape in (
            (attn_mask, self._shape(attn_mask, len(q))),
            (key_padding_mask, (len(k), 1, 1, -1)),
        ):
            if mask is not None:
                mask = mask.view(shape)
                scores = scores.masked_fill(mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
        weights = F.dropout(scores.softmax(-1), self.dropout, self.training)
        result = F.linear((weights @ v).transpose(1, 2).flatten(2), self.out_proj.weight, self.out_proj.bias)
        if not single and not self.batch_first:
            result = result.transpose(0, 1)
        result = result[0] if single else result
        if not need_weights:
            return result, None
        weights = weights.mean(1) if average_attn_weights else weights
        return result, weights[0] if single else weights

    def _reset_parameters(self) -> None:
        """As ``nn.MultiheadAttention``, which reads from this attribute which of the matrices are there."""
        self._qkv_same_embed_dim = self._joined
        super()._reset_parameters()
        self._qkv_same_embed_dim = False

    def _projections(self) -> tuple:
        """Return the weights and the biases of the query, the key and the value."""
        if self._joined:
            weights = self.in_proj_weight.chunk(3)
        else:
            weights = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        return weights, (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)

    def _shape(self, mask: torch.Tensor | None, batch: int) -> tuple[int, ...]:
        """Return the shape in which a mask meets (batch, heads, queries, keys)."""
        if mask is None or mask.ndim == 2:
            return (1, 1, *(mask.shape if mask is not None else ()))
        return (batch, -1, *mask.shape[1:])
