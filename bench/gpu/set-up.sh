#!/bin/sh
# Makes an environment for MLX on CUDA on a machine without a package index, and unpacks Node.
# Arguments: folder with what was carried (cuda.part.*, node.xz, *.whl), folder to make.
# Needs a Python that has torch with its nvidia packages and transformers. Writes the file `settings` into the folder.
set -eu
carried=$1
target=$2
python=$(command -v python3)
site=$("$python" -c 'import os, torch; print(os.path.dirname(os.path.dirname(torch.__file__)))')
mkdir -p "$target/site" "$target/bin"
cat "$carried"/cuda.part.* | "$python" -c '
import sys, tarfile
tarfile.open(fileobj=sys.stdin.buffer, mode="r|xz").extractall(sys.argv[1], filter="data")' "$target/site"
for wheel in "$carried"/*.whl; do "$python" -m zipfile -e "$wheel" "$target/site"; done
"$python" -c '
import lzma, shutil, sys
with lzma.open(sys.argv[1]) as source, open(sys.argv[2], "wb") as target: shutil.copyfileobj(source, target)' \
  "$carried/node.xz" "$target/bin/node"
chmod 755 "$target/bin/node"
"$python" -m venv --without-pip "$target/env"
# The worker is started with a PYTHONPATH of its own, so the folders are named inside of the environment.
own=$("$target/env/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
printf '%s\n%s\n' "$target/site" "$site" > "$own/carried.pth"
{
  echo "PYTHON=$target/env/bin/python"
  echo "NODE=$target/bin/node"
  echo "LD_LIBRARY_PATH=$(find "$site/nvidia" -type d -name lib | paste -sd: -)"
} > "$target/settings"
