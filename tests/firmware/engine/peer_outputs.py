"""What a peer computed, put in the order of an imported model's tasks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wearkit_export.import_tflite import Imported


def by_task(outputs: NDArray[np.int8], imported: Imported) -> NDArray[np.int8]:
    """outputs: (N, logits), the file's outputs side by side in the order of its list."""
    sizes = {
        imported.output_places[head.task]: imported.graph.tensor(head.tensor).shape[-1]
        for head in imported.graph.heads
    }
    ends = np.cumsum([sizes[place] for place in range(len(sizes))])
    parts = np.split(outputs, ends[:-1], axis=1)
    assert sum(part.shape[1] for part in parts) == sum(sizes.values())
    order = [imported.output_places[head.task] for head in imported.graph.heads]
    return np.concatenate([parts[place] for place in order], axis=1)
