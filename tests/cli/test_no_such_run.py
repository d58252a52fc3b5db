"""Every command that takes a run says so when there is no such folder."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

COMMANDS = {
    "serve": ["nosuch"],
    "translate": ["--to", "zh", "--run", "nosuch", "x"],
    "export": ["nosuch", "--to", "hf", "-o", "out"],
    "archive": ["compress", __file__, "nosuch", "out.umt"],
    "report": ["nosuch"],
    "sweep": ["nosuch"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_there_is_no_such_folder(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"umt-{command}", *COMMANDS[command]])
    with pytest.raises(SystemExit) as stopped:
        import_module(f"umt.cli.{command}").main()
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: there is no folder nosuch")
    assert error.count("\n") == 1
