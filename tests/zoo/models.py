"""The zoo: every entry, smallest first."""

from __future__ import annotations

from tests.zoo.autoencoder import AUTOENCODER
from tests.zoo.convnext import CONVNEXT_TINY
from tests.zoo.densenet import DENSENET121
from tests.zoo.efficientnet import EFFICIENTNET_B0
from tests.zoo.entry import Entry
from tests.zoo.gated_mlp import GATED_MLP
from tests.zoo.generator import GENERATOR
from tests.zoo.mobilenet import MOBILENET_V2
from tests.zoo.nested import NESTED, SUBCLASSED, TWINS
from tests.zoo.odd_convolutions import CAUSAL, GROUPED, POINTWISE, SEPARABLE, VOLUMES
from tests.zoo.recurrent import BIDIRECTIONAL, GRU, LSTM, RECURRENT_STACK
from tests.zoo.resnet import RESNET50
from tests.zoo.shared import SIAMESE, TIED
from tests.zoo.small_cnn import SMALL_CNN
from tests.zoo.transformer import PRENORM_TRANSFORMER, TRANSFORMER
from tests.zoo.unet import UNET
from tests.zoo.vgg import VGG_16
from tests.zoo.vit import VISION_TRANSFORMER

ENTRIES: tuple[Entry, ...] = (
    SMALL_CNN,
    LSTM,
    GRU,
    BIDIRECTIONAL,
    RECURRENT_STACK,
    TRANSFORMER,
    PRENORM_TRANSFORMER,
    VISION_TRANSFORMER,
    AUTOENCODER,
    UNET,
    GENERATOR,
    SEPARABLE,
    GROUPED,
    POINTWISE,
    CAUSAL,
    VOLUMES,
    GATED_MLP,
    SIAMESE,
    TIED,
    NESTED,
    SUBCLASSED,
    TWINS,
    MOBILENET_V2,
    RESNET50,
    VGG_16,
    DENSENET121,
    EFFICIENTNET_B0,
    CONVNEXT_TINY,
)
