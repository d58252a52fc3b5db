"""Opening and saving joint language models, and checks of networks that were pretrained elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM
from transformers.utils.logging import disable_progress_bar

from umt.lm.joint_lm import JointLM
from umt.lm.kernels import supported
from umt.lm.t5gemma2 import Division, is_divisible
from umt.runtime.files import MANIFEST
from umt.text.tokenizer import Tokenizer
from umt.types import BadInput

_LEAST_LAYER = 100
"""Bytes of a file that a layer takes, with the names of its weights."""
_LAYERS = re.compile(r'"num_hidden_layers"\s*:\s*(\d+)')
_SAFELY: dict[str, Any] = {"trust_remote_code": False, "use_safetensors": True}
"""Options of `transformers`: no code and no pickle that lies in a folder is run, and nobody is asked."""


def configure_libraries() -> None:
    """Global settings of torch and ``transformers``; every entry point calls this before it opens a model.

    ``transformers`` shows no progress bars, since a stage shows its own. cuDNN's attention is off: it plans
    anew for each shape that it meets, and batches of sentences have a new one at every step.
    """
    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.backends.cuda.enable_cudnn_sdp(False)


def best_device() -> torch.device:
    """A GPU where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load(name: str | Path, kernels: bool = True) -> JointLM:
    """Open a saved folder or a model of the hub, on the processor.

    kernels: see `JointLM`.
    Raises BadInput when there is none, or it is no causal language model.
    """
    if (Path(name) / "encoder").is_dir():
        raise BadInput(
            f"{name} was written before T5 Gemma 2 became the encoder-decoder, and cannot be read any more: "
            "train again"
        )
    try:
        kind = _configuration(name).model_type
        network = _opened(AutoModelForSeq2SeqLM if kind == "t5gemma2" else AutoModelForCausalLM, name)
    except Exception as error:  # safetensors and json raise what they like
        raise BadInput(
            f"no causal language model could be opened at {name}: {_first_line(error)} "
            "(give a folder, or a name of the hub where that can be reached)"
        ) from None
    if supported(network) is None:
        check_causal_lm(JointLM(network, kernels), name)
    return JointLM(network, kernels)


def load_with_tokenizer(directory: Path, kernels: bool = True) -> tuple[JointLM, Tokenizer]:
    """The model that was saved in ``directory``, on the processor, and its tokenizer.

    kernels: see `JointLM`. Raises BadInput when there is none, or the two do not fit together.
    """
    model, tokenizer = load(directory, kernels), Tokenizer.load(directory)
    rows = min(len(model.embeddings), len(model.head))
    if len(tokenizer) > rows:
        raise BadInput(
            f"{directory} is damaged: its tokenizer has {len(tokenizer):,} subwords, its network "
            f"{rows:,} rows"
        )
    return model, tokenizer


def _opened(kind: Any, name: str | Path) -> Any:
    """The network ``name``, on the processor. Raises ValueError where it lacks weights."""
    if Path(name).is_dir():
        _check_size(kind, Path(name))
    network, about = kind.from_pretrained(str(name), dtype=torch.float32, output_loading_info=True, **_SAFELY)
    if missing := sorted(about["missing_keys"]):
        raise ValueError(f"its weights lack {', '.join(missing[:3])}")
    return network


def _configuration(name: str | Path) -> Any:
    """The configuration of a model of the hub or in a folder.

    Raises ValueError where it describes more layers than the files of the folder can hold: `transformers`
    would take minutes to read one of a million layers.
    """
    file = Path(name) / "config.json"
    if file.is_file():
        held = _held_bytes(file.parent)
        for layers in map(int, _LAYERS.findall(file.read_text(encoding="utf-8"))):
            if layers * _LEAST_LAYER > held:
                raise ValueError(
                    f"its configuration describes {layers:,} layers, its files have {held:,} bytes"
                )
    return AutoConfig.from_pretrained(str(name), trust_remote_code=False)


def _check_size(kind: Any, directory: Path) -> None:
    """Raises ValueError where a configuration describes more weights than the files can hold, so that no
    memory is asked for them.
    """
    config, held = _configuration(directory), _held_bytes(directory)
    with torch.device("meta"):
        network = kind.from_config(config, trust_remote_code=False)
    count = sum(weight.numel() for weight in network.parameters())
    if count > held:
        raise ValueError(f"its configuration describes {count:,} weights, its files have {held:,} bytes")


def _held_bytes(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.glob("*.safetensors"))


def reload(directory: Path, model: JointLM) -> JointLM:
    """Open a saved folder where ``model`` is, with its choice of kernels."""
    return load(directory, model.kernels).to(model.device)


def save(model: JointLM, directory: Path) -> None:
    """Write ``config.json`` and ``model.safetensors``.

    Other programs open the folder with ``AutoModelForCausalLM.from_pretrained``, that of a T5 Gemma 2 with
    ``AutoModelForSeq2SeqLM``.
    """
    model.network.save_pretrained(directory)


@torch.no_grad()
def check_causal_lm(model: JointLM, name: str | Path) -> None:
    """Raises BadInput unless logits are the last hidden states by the head, of what stands before alone."""
    model.eval()
    ids = torch.arange(1, 7)[None] % len(model.head)
    other = ids.clone()
    other[0, -1] = 0
    try:
        own, hidden, changed = model.network(ids).logits, model.hidden(ids), model.hidden(other)
    except Exception as error:
        raise BadInput(f"{name} is no network that can be trained here: {error}") from None
    if not torch.allclose(hidden[:, :-1], changed[:, :-1], rtol=1e-4, atol=1e-4):
        raise BadInput(f"{name} looks at what comes after: it is no causal language model")
    if not torch.allclose(own, model.logits(hidden), rtol=1e-3, atol=1e-3):
        raise BadInput(f"{name} makes its logits in a way of its own, which is not supported")


def undivided_kind(name: str, division: Division) -> str | None:
    """The kind of a causal model, in a folder or on the hub, that `JointLM.divided` cannot divide so.

    Only its configuration is read. None where it can, or where nothing can be read: what opens the model says
    why.
    """
    for local in (True, False):  # what was fetched once asks for no connection
        try:
            config = AutoConfig.from_pretrained(name, local_files_only=local, trust_remote_code=False)
            with torch.device("meta"):
                network = AutoModelForCausalLM.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
        except Exception:  # json and the hub raise what they like
            continue
        return None if is_divisible(network, division) else type(network).__name__
    return None


def record_objectives(model: JointLM, objectives: Iterable[str]) -> None:
    """Write what ``model`` was trained on into its own configuration, which goes wherever it is copied."""
    model.network.config.objectives = list(objectives)


def is_causal(directory: Path) -> bool:
    """Whether the model in ``directory`` was trained to predict the next subword, as far as it says."""
    manifest, config = directory / MANIFEST, directory / "config.json"
    stage = json.loads(manifest.read_text("utf-8")).get("config") or {} if manifest.exists() else {}
    saved = json.loads(config.read_text("utf-8")) if config.exists() else {}
    masked = (
        saved.get("objectives") == ["masked"]
        or (stage.get("masked") and not stage.get("causal"))  # saved before objectives were recorded
        or any("MaskedLM" in each for each in saved.get("architectures") or [])
    )
    return not masked


def require_causal(directory: Path) -> None:
    """Raises BadInput when the model in ``directory`` was not trained to predict the next subword."""
    if not is_causal(directory):
        raise BadInput(
            f"the model in {directory} is a masked language model, which gives a pseudo-likelihood and no "
            "code length, since no decoder could know both sides; train with lm=causal"
        )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
