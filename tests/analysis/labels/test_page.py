"""What the page to label on promises: one sheet, one person with the key, and every label in the sheet before it is acknowledged."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from analysis.labels import import_labels
from analysis.labels.page import LabelDesk, label_server, serve_sheet
from analysis.ui.server import bound
from moloch.errors import InputError
from tests.analysis.labels.world import HOSTILE, drawn, table, write, write_run

TOKEN = "a-token-of-our-own"


@pytest.fixture(scope="module")
def sheet(tmp_path_factory) -> Path:
    """A sheet without labels, with a message that would like to be more than text."""
    folder = tmp_path_factory.mktemp("page")
    out = drawn(folder / "out", write_run(folder / "run", anchors=12), size=12)
    rows = table(out / "sheet.csv")
    rows[1][2] = f"'{HOSTILE}"
    write(out / "sheet.csv", rows)
    return out / "sheet.csv"


@contextmanager
def serving(sheet: Path) -> Iterator[int]:
    with bound(0) as listening, label_server(LabelDesk(sheet), listening, TOKEN) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def port(sheet) -> Iterator[int]:
    with serving(sheet) as number:
        yield number


def ask(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """Ask as the page's own browser does, unless headers say otherwise."""
    own = {"Cookie": f"moloch-{port}={TOKEN}", "Content-Type": "application/json"} | headers
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, data, {name.replace("_", "-"): value for name, value in own.items() if value})
    answer = connection.getresponse()
    told = answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return told


class TestSheet:
    """What is shown, and kept."""

    def test_texts_are_data(self, port, sheet):
        """A message comes as it was written; nothing of it is in the page, which takes scripts from nowhere else."""
        status, body, headers = ask(port, "GET", "/sheet.json")
        told = json.loads(body)
        assert status == 200 and told["items"][0]["message"] == HOSTILE and told["question"] == "Does it lie?"
        assert headers["content-type"].startswith("application/json") and headers["x-content-type-options"] == "nosniff"
        status, page, headers = ask(port, "GET", "/")
        assert status == 200 and b"evil.example" not in page and b"<script>" not in page
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        assert set(told["items"][0]) == {"id", "anchor", "message", "label"}

    def test_a_label_is_in_the_sheet_at_once(self, port, sheet):
        """Before it is acknowledged; all else in the sheet stays as it was."""
        before = table(sheet)
        for word in ("yes", "unsure", "no"):
            assert ask(port, "POST", "/label", {"id": before[3][0], "label": word})[0] == 200
            after = table(sheet)
            assert after[3][4] == word and [r[:4] for r in after] == [r[:4] for r in before]
        assert json.loads(ask(port, "GET", "/sheet.json")[1])["items"][2]["label"] == "no"
        assert import_labels(sheet, partial=True).by_label["no"] == 1

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"id": "0" * 10, "label": "yes"}, 409),
            ({"id": "x", "label": "maybe"}, 409),
            ({"id": "x"}, 409),
            (b"{", 409),
            (b"[" * 4000, 409),
            (b"x" * 5000, 413),
        ],
    )
    def test_what_is_no_label(self, port, sheet, body, status):
        """Is refused with the reason, and nothing is written."""
        before = sheet.read_bytes()
        told = ask(port, "POST", "/label", body)
        assert told[0] == status and sheet.read_bytes() == before

    def test_what_another_program_saved_is_kept(self, port, sheet):
        """A note in a column of its own, semicolons, a label given in the spreadsheet meanwhile."""
        rows = table(sheet)
        rows[5][4] = "yes"
        write(sheet, [[*row, "note"] for row in rows], ";")
        assert ask(port, "POST", "/label", {"id": rows[6][0], "label": "no"})[0] == 200
        text = sheet.read_text("utf-8-sig")
        assert (
            text.startswith("id;anchor;message;question;label;note")
            and json.loads(ask(port, "GET", "/sheet.json")[1])["items"][4]["label"] == "yes"
        )
        write(sheet, table_of(text))


def table_of(text: str) -> list[list[str]]:
    import csv
    import io

    return [row[:5] for row in csv.reader(io.StringIO(text, newline=""), delimiter=";")]


class TestWho:
    """Who is answered."""

    def test_without_the_key(self, port):
        """Nobody: neither the page nor the sheet, nor to write."""
        for method, path in (("GET", "/"), ("GET", "/sheet.json"), ("POST", "/label")):
            assert ask(port, method, path, {"id": "x", "label": "yes"}, Cookie="")[0] == 403
        assert ask(port, "POST", f"/label?token={TOKEN}", {"id": "x", "label": "yes"}, Cookie="")[0] == 403

    def test_the_printed_address_leads_in(self, port):
        """The token is traded for a cookie and is in no address after that."""
        status, _, headers = ask(port, "GET", f"/?token={TOKEN}", Cookie="")
        assert status == 303 and headers["location"] == "/"
        assert "HttpOnly" in headers["set-cookie"] and "SameSite=Strict" in headers["set-cookie"]

    @pytest.mark.parametrize(
        "other", [{"Host": "evil.example:{port}"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
    )
    def test_other_sites(self, port, sheet, other):
        """With the cookie, too: a name that resolves to this machine, and a page of another site."""
        before = sheet.read_bytes()
        other = {name: value.format(port=port) for name, value in other.items()}
        assert ask(port, "GET", "/sheet.json", **other)[0] == 403
        assert ask(port, "POST", "/label", {"id": table(sheet)[1][0], "label": "yes"}, **other)[0] == 403
        assert sheet.read_bytes() == before

    def test_a_form_of_another_site_is_no_label(self, port):
        """Only JSON is, which no form can send."""
        assert ask(port, "POST", "/label", b"{}", Content_Type="text/plain")[0] == 404
        assert ask(port, "GET", "/key.json")[0] == ask(port, "GET", "/../key.json")[0] == 404


class TestServing:
    """Beginning to serve."""

    def test_several_sheets(self, tmp_path):
        """One has to be named: nobody labels for somebody else."""
        out = drawn(tmp_path / "out", write_run(tmp_path / "run", anchors=12), size=12, labellers=("ann", "bob"))
        with pytest.raises(InputError, match="several sheets"):
            serve_sheet(out, port=0, token=TOKEN, ready=lambda url: None)

    def test_a_broken_sheet(self, tmp_path):
        """Is told before anything is served."""
        out = drawn(tmp_path / "out", write_run(tmp_path / "run", anchors=12), size=12)
        (out / "sheet.csv").write_text("nothing")
        with pytest.raises(InputError, match="one column 'id'"):
            serve_sheet(out, port=0, token=TOKEN, ready=lambda url: None)


@pytest.mark.browser
class TestBrowser:
    """The page in Chromium."""

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_by_keyboard(self, browser, tmp_path, scheme):
        """Each key is a label in the sheet; a message is shown letter by letter; nobody else is asked for anything."""
        out = drawn(tmp_path / "out", write_run(tmp_path / "run", anchors=12), size=12)
        rows = table(out / "sheet.csv")
        rows[1][2] = f"'{HOSTILE}<img src=x onerror=alert(1)>"
        write(out / "sheet.csv", rows)
        with serving(out / "sheet.csv") as port:
            page, asked, said = browser.new_context(color_scheme=scheme).new_page(), [], []
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: said.append(message.text))
            page.on("dialog", lambda dialog: said.append(dialog.message))
            page.goto(f"http://127.0.0.1:{port}/?token={TOKEN}")
            page.locator("#message", has_text="onerror").wait_for()
            assert page.text_content("#message") == f"{HOSTILE}<img src=x onerror=alert(1)>"
            assert page.locator("#message *").count() == 0 and "token" not in page.url
            for place, key in enumerate("ynu", 1):
                page.keyboard.press(key)
                page.locator("#count", has_text=f"{place} of 12 labelled").wait_for()
            page.keyboard.press("ArrowLeft")
            page.locator("button[data-label=unsure][aria-pressed=true]").wait_for()
            page.reload()
            page.locator("#place", has_text="4 of 12").wait_for()
            page.context.close()
        assert [row[4] for row in table(out / "sheet.csv")[1:5]] == ["yes", "no", "unsure", ""]
        assert said == [] and all(url.startswith(f"http://127.0.0.1:{port}/") for url in asked)

    def test_what_is_not_saved_is_said(self, browser, tmp_path):
        """The message stays, and so does its place."""
        out = drawn(tmp_path / "out", write_run(tmp_path / "run", anchors=12), size=12)
        with serving(out / "sheet.csv") as port:
            page = browser.new_context().new_page()
            page.goto(f"http://127.0.0.1:{port}/?token={TOKEN}")
            page.locator("#place", has_text="1 of 12").wait_for()
            (out / "sheet.csv").unlink()
            page.keyboard.press("y")
            page.locator("#status.bad", has_text="Not saved").wait_for()
            assert page.text_content("#place") == "1 of 12" and page.text_content("#count") == "0 of 12 labelled"
            page.context.close()
