"""The pages in a real Chromium: what is drawn, what plays, what the keys do, and that nothing else is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from browser import Watched, chromium
from prosody_gate.bench import read_manifest
from prosody_gate.cli import app
from prosody_gate.recording import overlap_files, read_line

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.flac"
TRANSCRIPTS = [
    {"at": 13.9, "text": "okay", "final": False},
    {"at": 14.9, "text": "okay right </script><b>", "final": True, "start": 13.2, "end": 14.3},
]


def cli(*arguments: object) -> str:
    ran = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert ran.exit_code == 0, ran.output
    return ran.output


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Path:
    """The demonstration call as a page, its overlaps recorded, and the folder as a page."""
    folder = tmp_path_factory.mktemp("made")
    spoken = folder / "transcripts.jsonl"
    spoken.write_text("".join(json.dumps(line) + "\n" for line in TRANSCRIPTS), encoding="utf-8")
    call = ("--agent-channel", 0, "--transcripts", spoken)
    cli("run", DEMO, *call, "--json", folder / "run.json", "--record", folder / "recorded", "-q")
    cli("page", DEMO, *call, "--output", folder / "call.html")
    cli("page", folder / "recorded", "--output", folder / "folder.html")
    return folder


@pytest.fixture
def call(browser: Any, made: Path) -> Iterator[Watched]:
    watched = Watched(browser)
    watched.open(made / "call.html")
    yield watched
    assert watched.errors == []
    assert watched.network == []
    watched.context.close()


@pytest.fixture
def folder(browser: Any, made: Path) -> Iterator[Watched]:
    watched = Watched(browser)
    watched.open(made / "folder.html")
    yield watched
    assert watched.errors == []
    assert watched.network == []
    watched.context.close()


def rows(page: Any) -> list[str]:
    return [row.get_attribute("aria-label") or "" for row in page.locator(".row").all()]


def decisions(made: Path) -> list[dict[str, Any]]:
    events = json.loads((made / "run.json").read_text(encoding="utf-8"))["events"]
    decided = [event for event in events if event["kind"] != "hold"]
    return sorted(decided, key=lambda event: event["onset"])


def test_every_decision_is_listed_as_the_json_has_it(call: Watched, made: Path) -> None:
    listed = rows(call.page)
    expected = decisions(made)
    assert len(listed) == len(expected) == 7
    for row, event in zip(listed, expected, strict=True):
        state = {"confirm": "confirmed", "cancel": "cancelled"}[event["kind"]]
        assert f"at {event['onset']:.2f} s, {state}, after {event['latency']:.2f} s" in row
        assert f"P {event['probability']:.2f}" in row


def test_every_decision_is_drawn_where_the_json_has_it(call: Watched, made: Path) -> None:
    page = call.page
    page.keyboard.press("w")
    page.wait_for_timeout(200)
    duration = json.loads((made / "run.json").read_text(encoding="utf-8"))["duration"]
    reads = """([share, y]) => {
      const canvas = document.getElementById('tracks');
      const x = 44 + share * (canvas.clientWidth - 48);
      const scale = devicePixelRatio;
      const pixels = canvas.getContext('2d').getImageData(Math.round((x - 2) * scale), y * scale, 5, 1).data;
      const style = getComputedStyle(document.documentElement);
      const draws = document.createElement('canvas').getContext('2d');
      const near = {};
      for (const kind of ['confirm', 'cancel']) {
        draws.fillStyle = style.getPropertyValue('--' + kind).trim();
        draws.fillRect(0, 0, 1, 1);
        const ink = draws.getImageData(0, 0, 1, 1).data;
        near[kind] = 999;
        for (let at = 0; at < pixels.length; at += 4) {
          const far = [0, 1, 2].reduce((sum, one) => sum + Math.abs(pixels[at + one] - ink[one]), 0);
          near[kind] = Math.min(near[kind], far);
        }
      }
      return near;
    }"""
    for event in decisions(made):
        near = page.evaluate(reads, [event["time"] / duration, 112])  # between the first two tracks
        other = {"confirm": "cancel", "cancel": "confirm"}[event["kind"]]
        assert near[event["kind"]] < 60 < near[other], event


def test_it_plays_and_loops(call: Watched) -> None:
    page = call.page
    page.locator(".row").nth(5).click()
    call.until("document.getElementById('audio').readyState > 1")
    assert page.evaluate("document.getElementById('audio').duration") == pytest.approx(46.0, abs=1.0)
    start = page.evaluate("document.getElementById('audio').currentTime")
    assert start == pytest.approx(25.41 - 0.5, abs=0.05)
    page.keyboard.press("l")
    page.keyboard.press(" ")
    call.until(f"document.getElementById('audio').currentTime > {start + 0.4}")
    assert page.locator("#play").inner_text() == "⏸ pause"
    page.evaluate("document.getElementById('audio').currentTime = 45")
    call.until("document.getElementById('audio').currentTime < 30")
    page.keyboard.press(" ")
    assert page.evaluate("document.getElementById('audio').paused")


def test_the_user_alone_can_be_heard(call: Watched) -> None:
    page = call.page
    page.select_option("#voices", "user")
    page.locator("body").press(" ")
    start = page.evaluate("document.getElementById('audio').currentTime")
    call.until(f"document.getElementById('audio').currentTime > {start + 0.2}")


def test_pointing_shows_the_values(call: Watched) -> None:
    page = call.page
    page.locator(".row").nth(2).click()
    box = page.locator("#tracks").bounding_box()
    page.mouse.move(box["x"] + 44 + (box["width"] - 48) * 0.45, box["y"] + 200)
    text = page.locator("#values").inner_text()
    assert "dBFS" in text
    assert "noise floor" in text
    assert "P 0." in text
    assert "voice" in text
    assert "agent speaks" in text


def test_the_values_are_there_by_keyboard_too(call: Watched) -> None:
    page = call.page
    page.locator(".row").nth(2).click()
    page.locator("#tracks").focus()
    before = page.locator("#values").inner_text()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert page.locator("#values").inner_text() != before
    assert "level" in page.locator("#values").inner_text()


def test_filters_and_sorting(call: Watched, made: Path) -> None:
    page = call.page
    page.select_option("[name=kind]", "confirm")
    confirms = [event for event in decisions(made) if event["kind"] == "confirm"]
    assert len(rows(page)) == len(confirms)
    assert f"{len(confirms)} of 7 shown" in page.locator("#figures").inner_text()
    page.click("button[type=reset]")
    call.until("document.querySelectorAll('.row').length === 7")
    page.fill("[name=to]", "0.5")
    assert len(rows(page)) == sum(event["latency"] <= 0.5 for event in decisions(made))
    page.click("button[type=reset]")
    call.until("document.querySelectorAll('.row').length === 7")
    page.fill("[name=text]", "okay right")
    assert len(rows(page)) == 1
    page.click("button[type=reset]")
    call.until("document.querySelectorAll('.row').length === 7")
    page.select_option("[name=sort]", "latency")
    page.check("[name=down]")
    shown = [float(row.split("after ")[1].split(" s")[0]) for row in rows(page)]
    assert shown == sorted(shown, reverse=True)
    page.select_option("[name=label]", "-none")
    assert len(rows(page)) == 7


def test_near_the_threshold_means_within_a_nat(call: Watched, made: Path) -> None:
    import math

    page = call.page
    page.check("[name=near]")

    def odds(p: float) -> float:
        p = min(max(p, 1e-6), 1.0 - 1e-6)
        return math.log(p / (1.0 - p))

    near = [event for event in decisions(made) if abs(odds(event["probability"]) - odds(0.85)) <= 1.0]
    assert len(rows(page)) == len(near) > 0


def test_what_somebody_said_is_text_and_never_markup(call: Watched) -> None:
    page = call.page
    page.locator(".row").nth(2).click()
    assert "</script><b>" in page.locator("#details").inner_text()
    assert page.locator("#details b").count() == 0


def test_labels_are_put_taken_back_and_survive_a_reload(call: Watched, made: Path) -> None:
    page = call.page
    page.locator(".row").nth(0).click()
    for key in "bbn":  # each goes on to the next without a label
        page.keyboard.press(key)
    assert page.locator("#progress-text").inner_text() == "3 of 7 labelled"
    page.keyboard.press("u")
    assert page.locator("#progress-text").inner_text() == "2 of 7 labelled"
    page.keyboard.press("b")
    page.locator(".row").nth(5).click()
    page.keyboard.press("i")
    page.reload()
    call.until("document.documentElement.dataset.ready")
    assert page.locator("#progress-text").inner_text() == "4 of 7 labelled"
    labels = [row.split("label ")[1].split(",")[0] for row in rows(page) if "label " in row and "no label" not in row]
    assert labels == ["backchannel", "backchannel", "backchannel", "interruption"]
    with page.expect_download() as download:
        page.click("#export")
    target = made / "exported" / DEMO.with_suffix(".jsonl").name
    download.value.save_as(target)
    (line,) = [json.loads(text) for text in target.read_text(encoding="utf-8").splitlines()]
    onsets = [event["onset"] for event in decisions(made)]
    assert [(event["label"], event["start"]) for event in line["events"]] == [
        ("backchannel", onsets[0]), ("backchannel", onsets[1]), ("backchannel", onsets[2]), ("interruption", onsets[5]),
    ]  # fmt: skip
    beside = DEMO.parent / "page-export-test.jsonl"
    try:
        beside.write_text(target.read_text(encoding="utf-8"), encoding="utf-8")
        assert len(read_manifest(beside).items[0].events) == 4  # type: ignore[union-attr]
    finally:
        beside.unlink()


def test_a_browser_that_blocks_storage_says_so_and_the_rest_works(browser: Any, made: Path) -> None:
    blocked = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('denied'); }});"
    watched = Watched(browser, script=blocked)
    page = watched.open(made / "call.html")
    assert "keeps nothing for this page: export the labels" in page.locator("#message").inner_text()
    page.locator(".row").nth(0).click()
    page.keyboard.press("b")
    assert page.locator("#progress-text").inner_text() == "1 of 7 labelled"
    assert watched.errors == []
    watched.context.close()


def test_a_machine_without_sound_says_so_and_the_rest_works(browser: Any, made: Path) -> None:
    mute = "HTMLMediaElement.prototype.play = () => Promise.reject(new Error('no sound device'));"
    watched = Watched(browser, script=mute)
    page = watched.open(made / "call.html")
    page.keyboard.press(" ")
    watched.until("document.getElementById('message').textContent.includes('no sound device')")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("b")
    assert page.locator("#progress-text").inner_text() == "1 of 7 labelled"
    assert watched.errors == []
    watched.context.close()


def test_the_folder_plays_and_exports_what_was_pressed(folder: Watched, made: Path) -> None:
    page = folder.page
    files = overlap_files(made / "recorded")
    assert len(rows(page)) == len(files) == 7
    for row, path in zip(rows(page), files, strict=True):
        last = read_line(path)["decisions"][-1]
        assert f"after {last['latency']:.2f} s" in row
    page.locator(".row").nth(1).click()
    page.keyboard.press(" ")
    folder.until("document.getElementById('audio').currentTime > 1.8")
    page.keyboard.press(" ")
    for place, key in enumerate("bbbcnii"):
        page.locator(".row").nth(place).click()
        page.keyboard.press(key)
    assert "2 of 2 interruptions caught" in page.locator("#figures").inner_text()
    with page.expect_download() as download:
        page.click("#export")
    target = made / "recorded" / download.value.suggested_filename
    download.value.save_as(target)
    try:
        manifest = read_manifest(target)
        labels = [next(one.label for one in item.events if one.set != "neighbour") for item in manifest.items]  # type: ignore[union-attr]
        assert labels == ["backchannel"] * 3 + ["nonspeech", "noise", "interruption", "interruption"]
        assert manifest.skipped == ()
    finally:
        target.unlink()


@pytest.mark.parametrize("width", [1280, 768, 360])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_and_reads_at_any_width_in_light_and_dark(browser: Any, made: Path, width: int, dark: bool) -> None:
    watched = Watched(browser, width=width, dark=dark)
    page = watched.open(made / "folder.html")
    page.locator(".row").nth(2).click()
    page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(21, 22, 26)" if dark else "rgb(255, 255, 255)")
    shot = page.screenshot(path=made / f"folder-{width}-{'dark' if dark else 'light'}.png")
    assert len(shot) > 10_000
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('button, select, input, canvas[tabindex], progress')].filter((one) =>
          !(one.getAttribute('aria-label') || one.textContent.trim() || one.closest('label')?.textContent.trim()))
          .map((one) => one.outerHTML)"""
    )
    assert unnamed == []
    assert watched.errors == []
    watched.context.close()


def test_all_is_reached_by_keyboard_alone(call: Watched) -> None:
    page = call.page
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.className") == "row"
    page.keyboard.press("Enter")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.name || ''"))
    assert {"play", "loop", "spectrum", "tracks", "undo", "export", "position"} - reached <= {"undo", "position"}


def test_the_spectrum_is_drawn_when_it_is_asked_for(call: Watched) -> None:
    page = call.page
    before = page.locator("#tracks").bounding_box()["height"]
    page.keyboard.press("g")
    page.wait_for_timeout(600)
    assert page.locator("#tracks").bounding_box()["height"] > before + 90
    assert page.locator("#spectrum").get_attribute("aria-pressed") == "true"


def test_linked_sound_plays_and_a_missing_clip_or_a_bad_line_is_said(browser: Any, made: Path, tmp_path: Path) -> None:
    import shutil

    recorded = tmp_path / "recorded"
    shutil.copytree(made / "recorded", recorded)
    files = overlap_files(recorded)
    files[0].with_suffix(".flac").unlink()
    files[1].write_text("{", encoding="utf-8")
    fields = read_line(files[2])
    files[2].write_text(json.dumps({**fields, "recording": 2}), encoding="utf-8")
    output = cli("page", recorded, "--output", tmp_path / "page.html", "--link-audio")
    assert "5 overlaps of 1 call" in output
    watched = Watched(browser)
    page = watched.open(tmp_path / "page.html")
    message = page.locator("#message").inner_text()
    assert f"{files[0].stem}.flac: no such file" in message
    assert "not JSON" in message
    assert "was recorded in format 2; expected 1" in message
    page.locator(".row").nth(1).click()
    watched.until("document.getElementById('audio').readyState > 1")
    page.keyboard.press(" ")
    watched.until("document.getElementById('audio').currentTime > 1.7")
    assert watched.errors == []
    watched.context.close()


def test_the_page_of_a_report_shows_what_was_right_and_what_was_wrong(browser: Any, made: Path, tmp_path: Path) -> None:
    import shutil

    from prosody_gate.recording import set_label

    recorded = tmp_path / "recorded"
    shutil.copytree(made / "recorded", recorded)
    labels = ["backchannel", "interruption", "backchannel", "nonspeech", "noise", "interruption", "interruption"]
    for path, label in zip(overlap_files(recorded), labels, strict=True):
        set_label(path, label)
    cli("bench", recorded, "--json", tmp_path / "report.json", "--jobs", 1, "-q")
    assert "7 events of 7 recordings" in cli("page", tmp_path / "report.json", "--output", tmp_path / "page.html")
    outcomes = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["outcomes"]
    watched = Watched(browser)
    page = watched.open(tmp_path / "page.html")
    assert len(rows(page)) == 7
    page.select_option("[name=label]", "-wrong")
    assert len(rows(page)) == sum(not outcome["right"] for outcome in outcomes) > 0
    assert all(row.endswith("wrong") for row in rows(page))
    page.locator(".row").nth(0).click()
    page.keyboard.press(" ")
    watched.until("document.getElementById('audio').currentTime > 1.8")
    assert watched.errors == []
    assert watched.network == []
    watched.context.close()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("report.json", "{", "not JSON; expected a recording, a folder of recorded overlaps, or a report"),
        ("report.json", "{}", "has no outcomes"),
        (
            "report.json",
            '{"manifest": "gone.jsonl", "outcomes": []}',
            "was made with gone.jsonl, which is not beside it",
        ),
        ("call.wav", "no sound", "is not audio in a known format"),
    ],
)
def test_what_cannot_be_shown_is_one_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    ran = CliRunner().invoke(app, ["page", str(tmp_path / name), "--output", str(tmp_path / "page.html")])
    assert ran.exit_code == 2
    assert message in ran.output
    assert not (tmp_path / "page.html").exists()


def test_a_folder_without_recorded_overlaps_is_one_line(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["page", str(tmp_path), "--output", str(tmp_path / "page.html")])
    assert ran.exit_code == 2
    assert "has no recorded overlaps; expected a folder that a call was recorded in" in ran.output
