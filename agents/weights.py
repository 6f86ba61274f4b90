"""Where a local model is, and what it is: its folder, and the digest of what decides its replies.

Nothing here asks the network: a model is a folder, one that this package ships, or one that is in
the Hugging Face cache.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from arena.ids import content_id

_WEIGHTS = (".safetensors", ".bin")
_SHAPE = (  # files that decide, beside the weights, what the model replies
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt",
    "tokenizer.model", "chat_template.jinja", "chat_template.json",
)  # fmt: skip
SHIPPED = ("nano", "nano-judge", "nano-judge-2")
"""The models that this package ships, by name."""
_MODELS = Path(__file__).parent / "nano" / "models"


def find_model(where: str) -> Path:
    """The folder of a model: ``where`` itself, a shipped model of that name, or the newest cached
    copy of that hub id.

    Folders come first. What is none of these raises ValueError with one line that says what to do;
    it never becomes a download.
    """
    folder = Path(where).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ValueError(f"{where!r} is a folder without a config.json: not a model")
        return folder
    if folder.exists():
        raise ValueError(f"{where!r} is a file: a local model is the folder that holds config.json")
    if where in SHIPPED:
        if not (_MODELS / where / "config.json").is_file():
            raise ValueError(
                f"the shipped model {where!r} is not in this installation: install the package "
                "again, or make it with: arena nano train"
            )
        return _MODELS / where
    if where.startswith((".", "/", "~")) or where.count("/") > 1 or "\\" in where:
        raise ValueError(f"there is no folder {where!r} for a local model")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(where, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        raise ValueError(
            f"{where!r} is neither a folder here nor a model in the Hugging Face cache: "
            f"check the path, or fetch the model first with: hf download {where}"
        ) from None


def model_digest(folder: Path) -> str:
    """The content id of a model's files: weights, configuration, tokenizer and chat template.

    Where the folder lies, device and precision do not enter. A file is hashed once per process,
    and again when its size or time of change differs.
    """
    files = sorted(
        file
        for file in folder.iterdir()
        if file.is_file() and (file.suffix in _WEIGHTS or file.name in _SHAPE)
    )
    if any(file.suffix == ".safetensors" for file in files):
        files = [file for file in files if file.suffix != ".bin"]
    value = []
    for file in files:
        stat = file.stat()
        value.append([file.name, _file_digest(str(file.resolve()), stat.st_size, stat.st_mtime_ns)])
    if not any(Path(name).suffix in _WEIGHTS for name, _ in value):
        raise ValueError(f"{str(folder)!r} has no weights (*.safetensors): not a complete model")
    return content_id("w", value)


@lru_cache(maxsize=4096)
def _file_digest(path: str, size: int, changed: int) -> str:
    """SHA-256 of a file; ``size`` and ``changed`` (ns) are there to notice another content."""
    digest = sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
