"""Text from the Hugging Face hub, streamed: nothing is downloaded but the rows that are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from umt.corpus import HeldOut
from umt.corpus.files import language_pair
from umt.corpus.reading import file_digest, files_under
from umt.runtime.validate import require
from umt.types import BadInput, Lang

_PATIENCE = 10.0
_INSTEAD = "use your own text with corpus=files corpus.source=PATH corpus.target=PATH"


@dataclass(frozen=True)
class HubDataset:
    """A `Source` from a dataset on the Hugging Face hub, or from a local folder laid out like one.

    dataset: its name on the hub, or a folder with parquet or JSON files
    revision: the commit (or branch) that is read, so that a run can be repeated
    licence: what its terms are; stands in the configuration that every run keeps
    config: the dataset's configuration; ``{lang}`` stands for the language code
    files: instead of a configuration, a pattern of data files; ``{lang}`` likewise
    split: for example train
    column: the name of the text column, one for both languages or one for each; a column that holds
        ``{"en": ..., "zh": ...}`` is one for both
    alternate_rows: the rows hold both languages side by side: the source gets the even ones, the target the
        odd ones, so that no row is read for both
    limit: at most so many rows a language; None: all
    relation: what the two sides are to each other, in a sentence; None: not stated
    """

    languages: tuple[Lang, Lang]
    dataset: str
    revision: str | None
    licence: str
    config: str | None = None
    files: str | None = None
    split: str = "train"
    column: str | Mapping[str, str] = "text"
    alternate_rows: bool = False
    limit: int | None = None
    relation: str | None = field(kw_only=True)

    def __post_init__(self) -> None:
        if not self.dataset.strip():
            raise ValueError("dataset must be a name or a folder, got an empty value")
        object.__setattr__(self, "languages", language_pair(self.languages))
        if not isinstance(self.column, str):
            object.__setattr__(self, "column", {str(lang): str(name) for lang, name in self.column.items()})
        require(self, positive="limit")

    def sentences(self, lang: Lang) -> Iterator[str]:
        """The lines of each row's text; raises `BadInput` when the rows cannot be had."""
        yield from (line for text in self.texts(lang) for line in text.split("\n") if line.strip())

    def texts(self, lang: Lang) -> Iterator[str]:
        """The text of each row as it is, empty where there is none; raises `BadInput` like `sentences`."""
        if isinstance(self.column, str):
            column = self.column
        elif lang in self.column:
            column = self.column[lang]
        else:
            raise BadInput(f"corpus.column says nothing of {lang}: it holds {self.column} for {self.dataset}")
        rows = self.rows(lang)
        if self.alternate_rows:
            rows = islice(rows, self.languages.index(lang), None, 2)
        for row in islice(rows, self.limit):
            if column not in row:
                raise BadInput(
                    f"{self.dataset} has no column {column!r}: set corpus.column to one of {sorted(row)}"
                )
            yield self._text(row[column], column, lang)

    def _text(self, value: object, column: str, lang: Lang) -> str:
        """The text in a column: the value itself, or that of the language where it holds one a language."""
        if isinstance(value, Mapping):
            if lang not in value:
                raise BadInput(
                    f"column {column!r} of {self.dataset} holds {', '.join(map(str, sorted(value)))} but no "
                    f"{lang}: set corpus.column to a column of text"
                )
            value = value[lang]
        if value is None:
            return ""
        if not isinstance(value, str):
            raise BadInput(
                f"column {column!r} of {self.dataset} holds a {type(value).__name__}, no text: "
                f"set corpus.column to a column of text"
            )
        return value

    def digest(self) -> str:
        """Of the parameters, for a pinned revision does not change; of a local folder's files too."""
        fields = {name: value for name, value in asdict(self).items() if name != "relation" or value}
        parameters = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
        local = Path(self.dataset)
        return parameters + (file_digest(files_under(local, "corpus.dataset")) if local.is_dir() else "")

    def held_out(self) -> tuple[HeldOut, ...]:
        return ()

    def rows(self, lang: Lang) -> Iterator[Mapping[str, Any]]:
        """The rows of the dataset for ``lang``, streamed; whatever the hub raises becomes `BadInput`."""
        import datasets  # two seconds, which other corpora need not wait for

        config, files = (text and text.format(lang=lang) for text in (self.config, self.files))
        local = Path(self.dataset).is_dir()
        try:
            if not local:
                _check_reachable(self.dataset, self.revision)
            rows = datasets.load_dataset(
                self.dataset,
                config,
                data_files=files,
                split=self.split,
                streaming=True,
                revision=None if local else self.revision,
            )
            yield from rows
        except BadInput:
            raise
        except datasets.exceptions.DatasetGenerationError as error:
            raise BadInput(
                f"{self.dataset} cannot be read: {_first_line(error.__cause__ or error)}; {_INSTEAD}"
            ) from error
        except (ValueError, FileNotFoundError, datasets.exceptions.DatasetsError) as error:
            raise BadInput(
                f"{self.dataset} has no {config or files or 'data'} with split {self.split} "
                f"at revision {self.revision}: {_first_line(error)}"
            ) from error
        except Exception as error:
            # Whatever transport fails midway: fsspec, aiohttp, httpx and pyarrow each have their own errors.
            raise BadInput(
                f"reading {self.dataset} broke off ({_first_line(error)}); try again, or {_INSTEAD}"
            ) from error


def _check_reachable(dataset: str, revision: str | None) -> None:
    """Ask the hub once whether it has the dataset; the library itself would retry for half a minute."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().dataset_info(dataset, revision=revision, timeout=_PATIENCE)
    except HfHubHTTPError as error:
        raise BadInput(
            f"the Hugging Face hub refuses {dataset} at revision {revision} "
            f"({_first_line(error)}); {_INSTEAD}"
        ) from error
    except Exception as error:
        raise BadInput(
            f"the Hugging Face hub cannot be reached for {dataset} ({_first_line(error)}): {_INSTEAD}"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
