"""One-shot: fetch a model from the hub into the Hugging Face cache.

Prints JSON lines: {"event": "found"} once the hub knows the model, then {"event": "done"}, or
{"event": "failed", "message": …} and exit code 1. Ends when stdin does, so it never outlives the agent.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

# What the worker needs of a repository: weights, tokenizer, template and configuration.
PATTERNS = [
    "*.json",
    "model*.safetensors",
    "*.jinja",
    "*.model",
    "*.tiktoken",
    "*.txt",
]
LOOK_UP_SECONDS = 8
# Lies in the model's folder of the cache from the first file to the last: the agent takes a model for complete only
# without it. A download that is cut off leaves it behind, and the next one goes on.
INCOMPLETE_MARK = ".mlxfleet-incomplete"


def say(event: str, **fields: str) -> None:
    """Print one event."""
    print(json.dumps({"event": event, **fields}), flush=True)


def end_with_stdin() -> None:
    """Wait for the end of stdin, then end the process."""
    # Not sys.stdin: its lock, held by this thread, would abort the interpreter's shutdown.
    while os.read(0, 1):
        pass
    os._exit(2)


def remove_leftovers(blobs: Path) -> None:
    """Remove parts of files that are whole by now: the library begins a file anew, and never removes an old part."""
    for part in blobs.glob("*.*.incomplete"):
        name, _, _ = part.name.rsplit(".", 2)
        if (blobs / name).exists():
            part.unlink(missing_ok=True)


def main(model: str) -> int:
    """Fetch the model; the result is the exit code."""
    threading.Thread(target=end_with_stdin, daemon=True).start()
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    try:
        HfApi().model_info(model, timeout=LOOK_UP_SECONDS)
    except GatedRepoError:
        say("failed", message="the hub asks for an account that may read it (set HF_TOKEN)")
        return 1
    except RepositoryNotFoundError:
        say("failed", message="the hub does not have it either")
        return 1
    except HfHubHTTPError:
        say("failed", message="the hub answered with an error")
        return 1
    except Exception:  # whatever the network does, the answer is the same
        say("failed", message="the hub could not be reached")
        return 1
    say("found")
    mark = Path(constants.HF_HUB_CACHE, f"models--{model.replace('/', '--')}", INCOMPLETE_MARK)
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        snapshot_download(model, allow_patterns=PATTERNS)
        remove_leftovers(mark.parent / "blobs")
        mark.unlink()
    except Exception as error:  # told to the client by its kind, without paths
        say("failed", message=f"the download failed ({type(error).__name__})")
        return 1
    say("done")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
