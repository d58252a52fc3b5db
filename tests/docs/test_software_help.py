"""The help of LibreOffice as a corpus: pairs by page and id, none of a test page among the training text."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from scripts import software_help


def package(pages: dict[str, str]) -> bytes:
    """A Debian package: an archive of ``ar`` with the files below ``text/`` in a tar."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:xz") as archive:
        for name, body in pages.items():
            content, entry = body.encode(), tarfile.TarInfo(f"./usr/share/help/en-US/text/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    members = {"debian-binary": b"2.0", "control.tar.xz": b"xx", "data.tar.xz": tar.getvalue()}
    return b"!<arch>\n" + b"".join(
        f"{name:<48}{len(content):<10}`\n".encode() + content + b"\n" * (len(content) % 2)
        for name, content in members.items()
    )


def page(number: int, lang: str) -> str:
    texts = {"en": f"This is paragraph number {number}.", "zh": f"这是第{number}段。"}
    english = "" if number % 3 else f'<p id="par_id9{number}">Only in English {number}</p>'
    return (
        f'<body><p>no id</p><h1 id="hd_id{number}"><a></a>Title</h1><p id="par_id{number}" class="x">'
        f"{texts[lang].replace('i', '<b>i</b>')}</p>{english}<script>x</script></body>"
    )


def test_pairs_have_one_id_and_no_test_page_is_learned_from(tmp_path: Path) -> None:
    both = {
        lang: software_help.pages(package({f"a/{n}.html": page(n, lang) for n in range(200)}))
        for lang in ("en", "zh")
    }
    assert both["en"]["a/3.html"] == {
        "hd_id3": "Title",
        "par_id3": "This is paragraph number 3.",
        "par_id93": "Only in English 3",
    }
    software_help.lay_out(both["en"], both["zh"], "zh", tmp_path, apart=False)
    lines = {file.name: file.read_text("utf-8").splitlines() for file in tmp_path.iterdir()}
    for part in ("test", "dev"):
        pairs = [*zip(lines[f"{part}.en"], lines[f"{part}.zh"], strict=True)]
        assert len(pairs) in range(3, 25)
        assert all(en == f"This is paragraph number {zh[3:-2]}." for en, zh in pairs)
        assert not {text for pair in pairs for text in pair} & {*lines["en.txt"], *lines["zh.txt"]}
    assert "Title" in lines["en.txt"]
    assert all("段" in line for line in lines["zh.txt"]), "what is not translated is no Chinese text"
    assert lines["zh.txt"] != sorted(lines["zh.txt"])
    assert "Mozilla Public License" in lines["LICENCE.txt"][1]


def test_apart_no_paragraph_is_in_both_texts(tmp_path: Path) -> None:
    names = [(folder, number) for folder in ("swriter", "scalc", "shared") for number in range(40)]
    english, chinese = (
        {f"{folder}/{n}": {"par_id1": f"{text} {folder} {n // 2}"} for folder, n in names}
        for text in ("page", "页")
    )
    software_help.lay_out(english, chinese, "zh", tmp_path, apart=True)
    sides = [
        {line.partition(" ")[2] for line in (tmp_path / name).read_text("utf-8").splitlines()}
        for name in ("en.txt", "zh.txt")
    ]
    assert not sides[0] & sides[1], "two pages of one paragraph each are in both texts"
    assert [{line.partition(" ")[0] for line in side} for side in sides] == [
        {"swriter", "shared"},
        {"scalc", "shared"},
    ]


def test_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.deb").write_bytes(package({}))
    with pytest.raises(SystemExit, match="no file is libreoffice-help-en-us"):
        software_help.packages([tmp_path / "a.deb"], ("en", "ja"))
