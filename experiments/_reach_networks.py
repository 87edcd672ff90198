"""The networks of ``experiments.reach``: random weights from a configuration, nothing is downloaded.

Each builder returns ``(model, example, outputs)``: a model in eval mode, what it is called with, and the
names of the layers that make its answers. timm and transformers come with the extra for testing, so they are
imported where they are used."""

from collections.abc import Callable
from typing import Any

import torch
import torchvision
from torch import nn

Built = tuple[nn.Module, Any, list[str]]
CLASSES, SIDE = 10, 96

# one of each family; a name stands for the smallest network that timm has of it
FAMILIES = """
    resnet18 resnext26ts seresnet18 ecaresnet26t skresnet18 res2net50_14w_8s resnest14d densenet121 dla34
    dpn48b hrnet_w18_small vovnet39a vgg11_bn inception_v3 xception41 mobilenetv2_050 mobilenetv3_small_050
    mobilenetv4_conv_small efficientnet_b0 efficientnet_lite0 tf_efficientnetv2_b0 mixnet_s mnasnet_small
    ghostnet_050 fbnetc_100 lcnet_050 regnetx_002 regnety_002 repvgg_a0 mobileone_s0 convnext_atto
    convnextv2_atto inception_next_tiny fastvit_t8 nfnet_l0 dm_nfnet_f0 cspresnet50 cspdarknet53 darknet53
    rexnetr_100 starnet_s1 vit_tiny_patch16_224 swin_tiny_patch4_window7_224 levit_128s mobilevit_xxs
    efficientformer_l1 efficientvit_b0 poolformer_s12 mixer_s32_224 gmixer_12_224 maxvit_tiny_rw_224
    mvitv2_tiny tiny_vit_5m_224 inception_resnet_v2 inception_v4 ese_vovnet19b_dw semnasnet_050
    tinynet_e hardcorenas_a spnasnet_100 resnetv2_18 gernet_s resmlp_12_224 convmixer_768_32
    deit_tiny_patch16_224 cait_xxs24_224 pvt_v2_b0 edgenext_xx_small coatnet_nano_rw_224 repvit_m0_9
    efficientvit_m0 hgnet_tiny mobilevitv2_050
""".split()
# tried once, when the tool was finished: nothing was changed for them
BLIND = """
    visformer_tiny nest_tiny twins_svt_small sequencer2d_s volo_d1_224 hiera_tiny_224 rdnet_tiny
    mambaout_femto pit_s_224 convit_tiny fasternet_t0 regnetz_005 lambda_resnet26t swinv2_tiny_window8_256
""".split()


def of_timm(name: str) -> Built:
    """Return a classifier of timm; images of 96 pixels, or of the only size that the family takes."""
    import timm

    model = timm.create_model(name, pretrained=False, num_classes=CLASSES)
    config = model.pretrained_cfg
    side = config["input_size"][1:] if config.get("fixed_input_size") else (SIDE, SIDE)
    wide = [n for n, m in model.named_modules() if getattr(m, "out_features", None) == CLASSES]
    wide += [n for n, m in model.named_modules() if getattr(m, "out_channels", None) == CLASSES]
    return model.eval(), torch.randn(1, 3, *side), wide


def of_hugging_face(name: str) -> Built:
    from experiments._hugging_face import HUGGING_FACE

    build, example, _, output = HUGGING_FACE[name]
    return build().eval(), {key: torch.clone(value) for key, value in example.items()}, [output]


# ---- torchvision; a list of images is one input

NONE = {"weights": None, "weights_backbone": None}
TORCHVISION = {
    "fcn_resnet50": 64,
    "deeplabv3_mobilenet_v3_large": 64,
    "lraspp_mobilenet_v3_large": 64,
    "fasterrcnn_resnet50_fpn backbone": 64,
    "maskrcnn_resnet50_fpn_v2 backbone": 64,
    "retinanet_resnet50_fpn backbone": 64,
    "ssd300_vgg16 backbone": 300,
    "ssdlite320_mobilenet_v3_large backbone": 320,
    "fasterrcnn_mobilenet_v3_large_320_fpn": 64,
    "maskrcnn_resnet50_fpn": 64,
    "keypointrcnn_resnet50_fpn": 64,
    "retinanet_resnet50_fpn": 64,
    "fcos_resnet50_fpn": 64,
    "ssd300_vgg16": 96,
}


def of_torchvision(name: str) -> Built:
    """Return a segmentation network, a detector or its backbone."""
    kind, _, part = name.partition(" ")
    side, segments = TORCHVISION[name], kind.startswith(("fcn_", "deeplab", "lraspp"))
    options: dict[str, Any] = {"num_classes": CLASSES} if segments else {}
    if not part and not segments and not kind.startswith("ssd"):
        options = {"min_size": side, "max_size": side}
        if "rcnn" in kind:
            options["box_score_thresh"] = 0.0  # random weights are sure of nothing
    model = torchvision.models.get_model(kind, **NONE, **options).eval()
    if part:
        return model.backbone, torch.randn(1, 3, side, side), []
    image = torch.rand(3, side, side)
    example = torch.randn(1, 3, side, side) if segments else ([image],)
    return model, example, [n for n, m in model.named_modules() if _answers(n, m)]


def _answers(name: str, module: nn.Module) -> bool:
    """Tell whether a layer makes the answers of a detector or a segmentation network."""
    last = ("cls_logits", "bbox_pred", "bbox_reg", "bbox_ctrness", "cls_score", "logits", "kps_score")
    classes = CLASSES in (getattr(module, "out_channels", 0), getattr(module, "out_features", 0))
    return classes or name.split(".")[-1].startswith(last)


BUILDERS: dict[str, Callable[[str], Built]] = {
    "timm": of_timm,
    "blind": of_timm,
    "hugging_face": of_hugging_face,
    "torchvision": of_torchvision,
}
NETWORKS: dict[str, list[str]] = {
    "timm": FAMILIES,
    "blind": BLIND,
    "hugging_face": "bert gpt2 llama qwen3 vit resnet wav2vec2 segformer".split(),
    "torchvision": list(TORCHVISION),
}
