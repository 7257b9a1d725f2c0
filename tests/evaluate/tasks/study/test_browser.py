"""Study pages in a real browser: pairs and rankings judged, saved, and their answers scored; also on a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smartmask.cli import main as cli

pytest.importorskip("fcntl", reason="the browser is driven through pipes as only Unix has them")
from browser import Browser, find_browser

PROGRAM = find_browser()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")]
NAMES = ("bird", "cat")
COLOURS = {"ours": (220, 20, 20), "theirs": (20, 200, 20), "third": (20, 20, 220), "photos": (90, 90, 90)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Studies of three systems on two items, one a design, with photos, a label and a check."""
    folder = tmp_path_factory.mktemp("study")
    for system, colour in COLOURS.items():
        (folder / system).mkdir()
        for name in NAMES:
            Image.fromarray(np.full((90, 120, 3), colour, np.uint8)).save(folder / system / f"{name}.png")
    (folder / "labels.json").write_text(json.dumps({"bird": "a <b>bird</b> & more"}))
    line = ["eval", "study", "make", *(str(folder / name) for name in ("ours", "theirs", "third"))]
    line += ["--photos", str(folder / "photos"), "--labels", str(folder / "labels.json"), "--checks", "1"]
    for design in ("pairs", "ranking"):
        assert cli.main([*line, "--design", design, "--seed", "4", "--out", str(folder / design)]) == 0
    return folder


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(str(PROGRAM), tmp_path) as browser:
        yield browser


# Which system's colour each shown picture has, as the browser drew it; a spoilt one is noise. "" until all are there.
COLOUR = """(() => {
  const images = Array.from(document.querySelectorAll("#shown img"));
  if (!images.length || images.some((image) => !image.complete || image.naturalWidth !== 120)) return "";
  return JSON.stringify(images.map((image) => {
    const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
    canvas.width = 120; canvas.height = 90;
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, 120, 90).data, mean = [0, 0, 0];
    let spread = 0;
    for (let i = 0; i < data.length; i += 4) {
      for (let c = 0; c < 3; c++) mean[c] += data[i + c] / (data.length / 4);
      spread += Math.abs(data[i] - data[0]) / (data.length / 4);
    }
    return spread > 8 ? "spoilt" : ["ours", "theirs", "third"][mean.indexOf(Math.max(...mean))];
  }));
})()"""
PREFERENCE = ["ours", "theirs", "third", "spoilt"]


def shown(browser: Browser) -> list[str]:
    """The systems of the pictures on the page, by their colours."""
    browser.wait(f"{COLOUR} !== ''")
    return [str(name) for name in json.loads(browser.value(COLOUR))]


def place(browser: Browser) -> str:
    return str(browser.value("document.getElementById('place').textContent"))


def saved(browser: Browser, folder: Path) -> Path:
    key = json.loads((folder / "key.json").read_text("utf-8"))
    judge = browser.value(f"JSON.parse(localStorage.getItem('smartmask-study-{key['study']}')).judge")
    browser.click("#save")
    return browser.downloaded(f"answers_{key['study']}_{judge}.json")


def test_pairs_become_scores(browser: Browser, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    browser.open(made / "pairs" / "page.html")
    assert browser.value("document.getElementById('question').textContent") == "Which picture looks better?"
    assert browser.value("document.getElementById('original').hidden") is False
    assert place(browser) == "question 1 of 7, 0 answered"
    for number in range(7):
        seen = shown(browser)
        best = min(range(2), key=lambda slot: PREFERENCE.index(seen[slot]))
        if number == 3:
            browser.reload()
            assert place(browser) == "question 4 of 7, 3 answered", "answers outlive the page"
            assert shown(browser) == seen, "and so does the judge's order of questions"
        if number % 2:
            browser.press(str(best + 1))
        else:
            browser.click(f'button[data-slot="{best}"]')
    assert place(browser).endswith("7 answered")
    assert browser.value("document.getElementById('done').hidden") is False
    file = saved(browser, made / "pairs")
    assert browser.errors == []
    capsys.readouterr()
    assert cli.main(["eval", "study", "score", str(file), "--key", str(made / "pairs" / "key.json"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [report["systems"][name]["share"][0] for name in PREFERENCE[:3]] == [1.0, 0.5, 0.0]
    assert list(report["checks"].values()) == [[1, 1]]


def test_an_answer_can_be_changed_and_called_equal(browser: Browser, made: Path) -> None:
    browser.open(made / "pairs" / "page.html")
    browser.press("1")
    browser.press("ArrowLeft")
    assert browser.value("document.querySelector('#shown .chosen').dataset.slot") == "0"
    browser.press("0")
    browser.click("#back")
    assert browser.value("document.querySelectorAll('#shown .chosen').length") == 0
    assert browser.value("document.getElementById('same').className") == "chosen"
    assert place(browser) == "question 1 of 7, 1 answered"
    labels = set()
    for _ in range(7):
        labels.add(browser.value("document.getElementById('label').textContent"))
        browser.press("ArrowRight")
    assert labels == {"", "a <b>bird</b> & more"}, "markup in a label is shown, not obeyed"
    content = json.loads(saved(browser, made / "pairs").read_text("utf-8"))
    assert [answer["ranks"] for answer in content["answers"]] == [[0, 0]]
    assert browser.errors == []


def test_rankings_on_a_phone(browser: Browser, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    browser.open(made / "ranking" / "page.html")
    browser.call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
    for number in range(3):
        seen = shown(browser)
        assert browser.value("document.documentElement.scrollWidth") <= 390, "nothing is cut off at the side"
        assert browser.value("Math.min(...Array.from(document.querySelectorAll('nav button:not([hidden])'),"
                             " (button) => button.getBoundingClientRect().height))") >= 44  # fmt: skip
        order = sorted(range(3), key=lambda slot: PREFERENCE.index(seen[slot]))
        browser.click(f'button[data-slot="{order[1]}"]')
        browser.click("#undo")
        browser.click(f'button[data-slot="{order[0]}"]')
        browser.click(f'button[data-slot="{order[1]}"]')  # the last one needs no click
        ranks = "Array.from(document.querySelectorAll('.rank'), (rank) => Number(rank.textContent))"
        assert browser.value(ranks) == [order.index(slot) + 1 for slot in range(3)]
        assert place(browser) == f"question {number + 1} of 3, {number + 1} answered"
        browser.click("#forward")
    file = saved(browser, made / "ranking")
    assert browser.errors == []
    capsys.readouterr()
    assert cli.main(["eval", "study", "score", str(file), "--key", str(made / "ranking" / "key.json"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [report["systems"][name]["share"][0] for name in PREFERENCE[:3]] == [1.0, 0.5, 0.0]
    assert report["systems"]["ours"]["comparisons"] == 4


def test_nothing_is_asked_of_a_network(browser: Browser, made: Path) -> None:
    browser.open(made / "pairs" / "page.html")
    shown(browser)
    names = browser.value("performance.getEntriesByType('resource').map((entry) => entry.name.slice(0, 5))")
    assert set(names) <= {"data:"}
