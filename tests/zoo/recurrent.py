"""Text models with recurrent layers."""

from __future__ import annotations

import keras
import torch
from keras import layers
from torch import Tensor, nn

from tests.zoo.by_hand import dense, embedding, gru, lstm
from tests.zoo.entry import Entry, fresh, images, long, same, tokens

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


@fresh
def keras_cells() -> keras.Model:
    frames = keras.Input((9, 8))
    x = layers.RNN([layers.LSTMCell(8), layers.LSTMCell(8)], return_sequences=True)(frames)
    x = layers.Bidirectional(layers.GRU(8, return_sequences=True), merge_mode="concat")(x)
    x = layers.SimpleRNN(8)(x)
    return keras.Model(frames, layers.Dense(2)(x))


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


class RecurrentStack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 8, num_layers=2, batch_first=True)
        self.gru = nn.GRU(8, 8, bidirectional=True, batch_first=True)
        self.rnn = nn.RNN(16, 8, batch_first=True)
        self.fc = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.lstm(x)
        x, _ = self.gru(x)
        _, hidden = self.rnn(x)
        return self.fc(hidden[-1])


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

RECURRENT_STACK = Entry(
    name="recurrent stack",
    keras=keras_cells,
    torch=RecurrentStack,
    input=images(2, 9, 8),
    copies=(
        *lstm("rnn/stacked_rnn_cells/lstm_cell", "lstm", "l0"),
        *lstm("rnn/stacked_rnn_cells/lstm_cell_1", "lstm", "l1"),
        *gru("bidirectional/forward_gru/gru_cell", "gru", "l0"),
        *gru("bidirectional/backward_gru/gru_cell", "gru", "l0_reverse"),
        *lstm("simple_rnn/simple_rnn_cell", "rnn"),
        *dense("dense", "fc"),
    ),
    to_torch=torch.from_numpy,
    to_keras=same,
)
