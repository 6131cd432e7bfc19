"""The zoo: every entry, smallest first."""

from __future__ import annotations

from tests.zoo.autoencoder import AUTOENCODER
from tests.zoo.entry import Entry
from tests.zoo.recurrent import BIDIRECTIONAL, GRU, LSTM
from tests.zoo.small_cnn import SMALL_CNN
from tests.zoo.transformer import PRENORM_TRANSFORMER, TRANSFORMER
from tests.zoo.unet import UNET

ENTRIES: tuple[Entry, ...] = (
    SMALL_CNN,
    LSTM,
    GRU,
    BIDIRECTIONAL,
    TRANSFORMER,
    PRENORM_TRANSFORMER,
    AUTOENCODER,
    UNET,
)
