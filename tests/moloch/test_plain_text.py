"""Text from outside becomes plain text, the same on every version of Python."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moloch.plain_text import near_paths, one_line, visible

ROOT = Path(__file__).parents[2]


class TestOneLine:
    """What a person's cell becomes."""

    @pytest.mark.parametrize(
        ("text", "plain"),
        [
            ("I farm.\n\x1b[31mI vote.\x1b[0m", "I farm. I vote."),
            ("a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c", "abc"),
            ("a\x00b\u202ec\u2066d\ufeffe\u200bf", "a b c d e f"),
            ("می\u200cخواهم", "می\u200cخواهم"),
            ("👩\u200d🌾 \u2764\ufe0f", "👩\u200d🌾 \u2764\ufe0f"),
            ("\U0001fae8 \U0001fac6 \U000105c0", "\U0001fae8 \U0001fac6 \U000105c0"),
            ("\u200d \u200c", ""),
            ("\ud800x\ue000\uffff", "x"),
            ("a\u00a0\u2003b\x85c\x1cd\u2028e", "a b c d e"),
        ],
        ids=[
            "colour",
            "titles",
            "formats",
            "persian",
            "emoji",
            "newer than unicode 14",
            "joiners alone",
            "surrogates",
            "space",
        ],
    )
    def test_keeps_what_is_text(self, text, plain):
        """Joiners and characters of any Unicode version stay; controls, escapes and hidden formats go."""
        assert one_line(text) == plain

    @given(st.text())
    def test_settles(self, text):
        """What is plain stays as it is; nothing that a terminal obeys is left."""
        plain = one_line(text)
        assert one_line(plain) == plain and visible(plain) == plain and not set(plain) & set("\x00\x1b\n\x9b\u202e")


def pythons(minor: int) -> list[str]:
    """Return the interpreters of a version that are installed here."""
    own = Path.home() / ".pyenv" / "versions"
    known = shutil.which(f"python3.{minor}")
    return [*map(str, sorted(own.glob(f"3.{minor}.*/bin/python"))), *([known] if known else [])]


@pytest.mark.system
@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_every_python_sees_the_same(minor):
    """Each character between two letters gives one text, on Pythons whose own tables of characters differ."""
    code = (
        "import hashlib; from moloch.plain_text import one_line; "
        "print(hashlib.sha256(''.join(one_line(f'a{chr(i)}b') for i in range(0x110000)).encode()).hexdigest())"
    )
    for python in pythons(minor):
        run = subprocess.run([python, "-c", code], cwd=ROOT, capture_output=True, text=True)
        if not run.returncode:
            assert run.stdout == "059f1f5c92e3e92657b45f16638cd0b6e75a64ab9157aa4b0bace535eb1eb232\n"
            return
    pytest.skip(f"no Python 3.{minor} runs here")


class TestNearPaths:
    """Paths of messages are as short as they can be, and still lead there."""

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("moloch: {here}/a b/x.csv:2:3: no", "moloch: a b/x.csv:2:3: no"),
            ("{home}/x.csv and '{here}/y.csv'", "~/x.csv and 'y.csv'"),
            ("{home}y/x, /data{here}/x, {home} and /x", "{home}y/x, /data{here}/x, {home} and /x"),
        ],
    )
    def test_what_is_near_is_named_from_here(self, tmp_path, monkeypatch, text, said):
        """From the working folder, else from home; a folder whose name only begins alike is another one."""
        places = {"here": str(tmp_path / "home" / "here"), "home": str(tmp_path / "home")}
        Path(places["here"]).mkdir(parents=True)
        monkeypatch.chdir(places["here"])
        monkeypatch.setenv("HOME", places["home"])
        assert near_paths(text.format(**places)) == said.format(**places)
