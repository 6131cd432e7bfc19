"""Text models with recurrent layers."""

from __future__ import annotations

import keras
from keras import layers
from torch import Tensor, nn

from tests.zoo.by_hand import dense, embedding, gru, lstm
from tests.zoo.entry import Entry, fresh, long, same, tokens

WORDS = 40


@fresh
def keras_lstm() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((12,), dtype="int32"),
            layers.Embedding(WORDS, 16),
            layers.LSTM(24),
            layers.Dropout(0.5),
            layers.Dense(4),
        ]
    )


@fresh
def keras_gru() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((12,), dtype="int32"),
            layers.Embedding(WORDS, 16),
            layers.GRU(16, reset_after=True),  # as wide as its input: both kernels have one shape
            layers.Dense(4),
        ]
    )


@fresh
def keras_bidirectional() -> keras.Model:
    ids = keras.Input((12,), dtype="int32")
    x = layers.Embedding(WORDS, 16)(ids)
    x = layers.Bidirectional(layers.LSTM(10, return_sequences=True))(x)
    x = layers.Bidirectional(layers.LSTM(10, return_sequences=True))(x)
    return keras.Model(ids, layers.Dense(6)(x))


class LSTMClassifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 16)
        self.lstm = nn.LSTM(16, 24, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(24, 4)

    def forward(self, ids: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(self.embedding(ids))
        return self.fc(self.dropout(hidden[-1]))


class GRUClassifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 16)
        self.gru = nn.GRU(16, 16, batch_first=True)
        self.fc = nn.Linear(16, 4)

    def forward(self, ids: Tensor) -> Tensor:
        _, hidden = self.gru(self.embedding(ids))
        return self.fc(hidden[-1])


class BidirectionalTagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 16)
        self.encoder = nn.LSTM(16, 10, num_layers=2, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(20, 6)

    def forward(self, ids: Tensor) -> Tensor:
        outputs, _ = self.encoder(self.embedding(ids))
        return self.fc(outputs)


LSTM = Entry(
    name="LSTM classifier",
    keras=keras_lstm,
    torch=LSTMClassifier,
    input=tokens(3, 12, WORDS),
    copies=(
        *embedding("sequential/embedding", "embedding"),
        *lstm("sequential/lstm/lstm_cell", "lstm"),
        *dense("sequential/dense", "fc"),
    ),
    to_torch=long,
    to_keras=same,
)

GRU = Entry(
    name="GRU classifier",
    keras=keras_gru,
    torch=GRUClassifier,
    input=tokens(3, 12, WORDS),
    copies=(
        *embedding("sequential/embedding", "embedding"),
        *gru("sequential/gru/gru_cell", "gru"),
        *dense("sequential/dense", "fc"),
    ),
    to_torch=long,
    to_keras=same,
)

BIDIRECTIONAL = Entry(
    name="bidirectional tagger",
    keras=keras_bidirectional,
    torch=BidirectionalTagger,
    input=tokens(3, 12, WORDS),
    copies=(
        *embedding("embedding", "embedding"),
        *lstm("bidirectional/forward_lstm/lstm_cell", "encoder", "l0"),
        *lstm("bidirectional/backward_lstm/lstm_cell", "encoder", "l0_reverse"),
        *lstm("bidirectional_1/forward_lstm_1/lstm_cell", "encoder", "l1"),
        *lstm("bidirectional_1/backward_lstm_1/lstm_cell", "encoder", "l1_reverse"),
        *dense("dense", "fc"),
    ),
    to_torch=long,
    to_keras=same,
)
