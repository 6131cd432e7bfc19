"""How Keras, of version 3 and 2, names the weights of a model in its files. Imports neither."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any


def file_names(model: Any, saving: Any) -> dict[int, list[str]]:
    """Id of each variable -> its names in files: in `.weights.h5` and `.keras`, and in `.h5`.

    Args:
        model: a model or layer.
        saving: Keras' own module of that task, `saving_lib`; what it would write is noted down.
    """
    found: dict[int, list[str]] = defaultdict(list)
    for names in (_names(model, saving), _legacy_names(model)):
        for variable, name in names:
            found[id(variable)].append(name)
    return dict(found)


def _names(model: Any, saving: Any) -> Iterator[tuple[Any, str]]:
    """Keras 3 hands its store the variables themselves; Keras 2 their values, in the order of each layer."""
    store = _store(saving)
    try:
        saving._save_state(model, store, None, "", _Visits(store))  # noqa: SLF001 - the only place that knows
    except Exception:  # another version of Keras: the plan is as good, but for files
        return
    variables = {id(variable): variable for variable in model.weights}
    for path, values in store.contents.items():
        for key, value in values.items():
            if id(value) in variables:
                yield value, _joined(path, "vars", key)
    for layer in _all_layers(model):
        path, own = store.owners.get(id(layer)), _own(layer)
        values = store.contents.get(path, {})
        if len(values) == len(own) and not any(id(value) in variables for value in values.values()):
            yield from ((variable, _joined(path, "vars", str(index))) for index, variable in enumerate(own))


def _store(saving: Any) -> Any:
    class Names(saving.NpzIOStore):
        """Keras' own store, without a file."""

        def __init__(self) -> None:
            self.contents: dict[str, dict[str, Any]] = {}
            self.owners: dict[int, str] = {}
            self.last = ""

        def make(self, path: str, metadata: Any = None) -> dict[str, Any]:
            self.last = path
            return self.contents.setdefault(path, {})

    return Names()


class _Visits(set[int]):
    """The objects that Keras has saved, and under which path: it notes each one right after it."""

    def __init__(self, store: Any) -> None:
        super().__init__()
        self._store = store

    def add(self, element: int) -> None:
        self._store.owners[element] = self._store.last
        super().add(element)


def _all_layers(model: Any) -> list[Any]:
    return [*model._flatten_layers()]  # noqa: SLF001 - no public name


def _own(layer: Any) -> list[Any]:
    names = ("_trainable_weights", "_non_trainable_weights")
    return [variable for name in names for variable in getattr(layer, name, ())]


def _legacy_names(model: Any) -> Iterator[tuple[Any, str]]:
    """`.h5` files have a group for each layer of the model, whatever that holds."""
    seen: set[int] = set()
    for layer in getattr(model, "layers", ()):
        for variable in layer.weights:
            seen.add(id(variable))
            path = _path(variable)
            yield variable, _joined(layer.name, path)
            if path.startswith(f"{model.name}/"):  # Keras 2 leaves the model's own name out
                yield variable, _joined(layer.name, path.removeprefix(f"{model.name}/"))
    for variable in model.weights:
        if id(variable) not in seen:
            yield variable, _joined("top_level_model_weights", _path(variable))


def _path(variable: Any) -> str:
    return str(getattr(variable, "path", variable.name)).partition(":")[0]


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)
