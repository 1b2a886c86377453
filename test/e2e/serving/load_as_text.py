"""Print the `model_type` of each of the given model folders that mlx-lm loads and runs as a text model, one a line."""

import sys
from pathlib import Path

import mlx.core as mx
from mlx_lm.utils import load_model

for folder in sys.argv[1:]:
    try:
        model, config = load_model(Path(folder))
        mx.eval(model(mx.array([[1, 2, 3]])))
    except Exception as error:
        print(f"{folder}: {error}", file=sys.stderr)
    else:
        print(config["model_type"])
