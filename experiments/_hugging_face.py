"""Tiny networks of Hugging Face transformers, from a configuration: random weights, nothing is downloaded."""

from collections.abc import Callable

import torch
import transformers as hf
from torch import nn

CLASSES = 10
IDS = {"input_ids": torch.arange(10).view(2, 5)}
IMAGES = {"pixel_values": torch.zeros(1, 3, 32, 32)}
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_labels": CLASSES}
TEXT = SMALL | {"vocab_size": 64, "intermediate_size": 48, "max_position_embeddings": 32}
VISION = SMALL | {"intermediate_size": 48, "image_size": 32, "patch_size": 8}


def bert() -> nn.Module:
    return hf.BertForSequenceClassification(hf.BertConfig(**TEXT))


def gpt2() -> nn.Module:
    return hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=32))


def llama() -> nn.Module:
    return hf.LlamaForCausalLM(hf.LlamaConfig(**TEXT, num_key_value_heads=2))


def qwen3() -> nn.Module:
    return hf.Qwen3ForCausalLM(hf.Qwen3Config(**TEXT, num_key_value_heads=2, head_dim=8))


def vit() -> nn.Module:
    return hf.ViTForImageClassification(hf.ViTConfig(**VISION))


def resnet() -> nn.Module:
    config = hf.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 16],
        depths=[1, 1],
        layer_type="bottleneck",
        num_labels=CLASSES,
    )
    return hf.ResNetForImageClassification(config)


def wav2vec2() -> nn.Module:
    convolutions = {"conv_dim": (16, 16), "conv_kernel": (5, 3), "conv_stride": (4, 2)}
    places = {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    return hf.Wav2Vec2ForCTC(
        hf.Wav2Vec2Config(**SMALL, **convolutions, **places, intermediate_size=48, vocab_size=16)
    )


def segformer() -> nn.Module:
    config = hf.SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[16, 32],
        patch_sizes=[7, 3],
        strides=[4, 2],
        num_attention_heads=[2, 4],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        num_labels=CLASSES,
    )
    return hf.SegformerForSemanticSegmentation(config)


# network -> its inputs by name, the layers that must lose channels, and the one that makes the answers
HUGGING_FACE: dict[str, tuple[Callable, dict, list[str], str]] = {
    "bert": (bert, IDS, ["attention.self.query", "intermediate.dense"], "classifier"),
    "gpt2": (gpt2, IDS, ["attn.c_attn", "mlp.c_fc"], "lm_head"),
    "llama": (
        llama,
        IDS,
        ["self_attn.q_proj", "self_attn.k_proj", "mlp.gate_proj", "mlp.up_proj"],
        "lm_head",
    ),
    "qwen3": (qwen3, IDS, ["self_attn.q_proj", "self_attn.v_proj", "mlp.gate_proj"], "lm_head"),
    "vit": (vit, IMAGES, ["attention.q_proj", "mlp.fc1"], "classifier"),
    "resnet": (resnet, IMAGES, ["embedder.convolution", "layer.0.convolution"], "classifier.1"),
    "wav2vec2": (
        wav2vec2,
        {"input_values": torch.zeros(1, 400)},
        ["attention.q_proj", "intermediate_dense"],
        "lm_head",
    ),
    "segformer": (segformer, IMAGES, ["attention.q_proj", "mlp.fc1"], "decode_head.classifier"),
}
