#!/bin/sh
# Runs the serving benchmark on a GPU. Arguments: folder made by set-up.sh, size of the model, numbers of clients.
# Results are written to .gpu/results.
set -eu
target=$1
size=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(dirname "$(dirname "$here")")
. "$target/settings"
export LD_LIBRARY_PATH
model=$target/random-$size
[ -f "$model/model.safetensors" ] || "$PYTHON" "$here/make_model.py" "$checkout/.cache/models/tiny-text" "$model" "$size"
"$NODE" "$checkout/.gpu/bench/serving.mjs" "$model" "$PYTHON" "$@"
