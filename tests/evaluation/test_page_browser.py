"""The HTML pages in a real Chromium, at desktop and phone width: read, filter, compare, review, save."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from browser import DESKTOP, PHONE, browser, errors, open_page, overflows
from report_runs import evaluation_run, generation_run, tasks, tool, write_run

from toolalpaca.evaluation.page import write_page
from toolalpaca.evaluation.report import write_report
from toolalpaca.evaluation.review import draw_sample, load_reviews, review_page
from toolalpaca.evaluation.scored import load_evaluations
from toolalpaca.schema import Episode, Finding, GoldStep, Instance, Outcome, Step, Verdict, to_row

__all__ = ["browser"]  # a fixture of this file
ROOT = Path(__file__).parents[2]
SEEDS = itertools.count()
DEEP = '{"a":' * 1000 + "1" + "}" * 1000
HOSTILE = [
    "</script><script>window.hacked = 1</script>",
    '<img src=x onerror="window.hacked = 1"><b>bold</b>',
    "bell \x07, escape \x1b[31m, null \x00, override \u202e, return \r",
    "多言語 テスト עברית العربية 🙂 e\u0301",
    "word " * 20_000,
    "x" * 100_000,
    DEEP,
    "@@DATA@@ ${secret} {{ 7 * 7 }}",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two models on 24 tasks of three tools."""
    folder = tmp_path_factory.mktemp("page")
    evaluation_run(folder / "good", "openai/good", right=0.8, n=24, tools=3)
    evaluation_run(folder / "poor", "hf/poor", right=0.4, n=24, tools=3)
    evaluations = load_evaluations([str(folder / "good"), str(folder / "poor")])
    tables = write_report(folder / "report", evaluations)
    write_page(folder / "index.html", evaluations, tables)
    return folder / "index.html"


def select(browser, name: str, label: str) -> None:
    from selenium.webdriver.support.ui import Select

    Select(browser.find_element("id", name)).select_by_visible_text(label)


def items(browser) -> list[str]:
    return [item.text for item in browser.find_elements("css selector", ".item")]


def keys(browser, text: str) -> None:
    browser.switch_to.active_element.send_keys(text)


def attempts(browser) -> list:
    return browser.find_elements("css selector", ".attempt")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_fits_and_complains_of_nothing(browser, page, size):
    open_page(browser, page, size)
    assert "48 of 48 episodes" in browser.find_element("id", "count").text
    assert not overflows(browser)
    browser.find_element("id", "show-tables").click()
    assert not browser.find_element("id", "episodes").is_displayed() and not overflows(browser)
    heads = browser.find_elements("css selector", "#tables th")
    assert any(head.text == "this corpus" for head in heads)
    assert max(head.rect["height"] for head in heads) < 100  # no heading falls apart into letters
    assert errors(browser) == []


def test_a_table_wider_than_the_screen_says_so(browser, page):
    for size, wide in ((DESKTOP, False), (PHONE, True)):
        open_page(browser, page, size)
        browser.find_element("id", "show-tables").click()
        cues = browser.find_elements("css selector", "#tables .cue")
        time.sleep(0.3)
        assert any(cue.is_displayed() for cue in cues) == wide


def test_filters_narrow_the_list_by_model_tool_and_error(browser, page):
    open_page(browser, page)
    verdicts = [json.loads(line) for line in (page.parent / "poor" / "verdicts.jsonl").open()]
    wrong = [v for v in verdicts if v["findings"]]
    select(browser, "model", "hf/poor")
    assert len(items(browser)) == 24 and all(text.startswith("hf/poor") for text in items(browser))
    select(browser, "error", "illusory input")
    assert len(items(browser)) == len(wrong) and all("illusory input" in text for text in items(browser))
    select(browser, "tool", "Bread Index")
    of_tool = [v for v in wrong if v["task_id"].startswith("tool-1/")]
    assert 0 < len(items(browser)) == len(of_tool) < len(wrong)
    select(browser, "error", "no error")
    assert not any("illusory" in text for text in items(browser))
    select(browser, "error", "All")
    browser.find_element("id", "search").send_keys("number 13")
    assert len(items(browser)) == 1 and "number 13" in browser.find_element("css selector", ".ask").text
    browser.find_element("id", "search").send_keys(" and no such words")
    assert "No episode passes" in browser.find_element("id", "detail").text


def test_an_error_is_marked_at_its_step_with_the_gold_beside_it(browser, page):
    open_page(browser, page)
    select(browser, "error", "illusory input")
    browser.find_element("css selector", ".item").click()
    first, second, answer = browser.find_elements("css selector", ".attempt > div")
    assert "wrong" not in first.get_attribute("class")
    assert "wrong" in second.get_attribute("class")
    assert "illusory input: id: z9 appears nowhere before this call" in second.text
    assert "wrong answer: the answer lacks" in answer.text and "wrong" in answer.get_attribute("class")
    gold = first.find_element("css selector", ".gold")
    assert "GOLD STEP 1" in gold.text and "entry " in gold.text
    did = first.find_element("css selector", ".did").rect
    assert gold.rect["x"] >= did["x"] + did["width"] and abs(gold.rect["y"] - did["y"]) < 2
    assert "${id from find" in second.find_element("css selector", ".gold").text


def test_two_models_stand_side_by_side_on_one_task(browser, page):
    open_page(browser, page)
    select(browser, "model", "hf/poor")
    offered = browser.find_elements("css selector", "#compare option:not([hidden])")
    assert [option.get_attribute("textContent") for option in offered] == ["None", "openai/good"]
    select(browser, "compare", "openai/good")
    left, right = attempts(browser)
    assert left.text.startswith("hf/poor") and right.text.startswith("openai/good")
    assert left.rect["y"] == right.rect["y"] and right.rect["x"] > left.rect["x"] + left.rect["width"]
    before = browser.find_element("css selector", ".ask").text
    browser.find_element("id", "next").click()
    assert browser.find_element("css selector", ".ask").text != before and len(attempts(browser)) == 2
    open_page(browser, page, PHONE, "#model=hf%2Fpoor&task=tool-2%2F5&sample=0&compare=openai%2Fgood")
    upper, lower = attempts(browser)
    assert upper.rect["x"] == lower.rect["x"] and lower.rect["y"] > upper.rect["y"]
    assert not overflows(browser)


def test_a_reader_needs_only_the_keyboard(browser, page):
    open_page(browser, page)
    asked = [browser.find_element("css selector", ".ask").text]
    keys(browser, "jj")
    asked.append(browser.find_element("css selector", ".ask").text)
    keys(browser, "kk")
    assert browser.find_element("css selector", ".ask").text == asked[0] != asked[1]
    browser.find_element("css selector", ".item").click()
    browser.execute_script("document.querySelector('.item').focus()")
    keys(browser, "\ue015")  # arrow down
    focused = browser.switch_to.active_element
    assert focused.get_attribute("aria-current") == "true" and focused.text.startswith("hf/poor")
    keys(browser, "c")
    assert len(attempts(browser)) == 2
    keys(browser, "/")
    keys(browser, "number 7")
    assert "2 of 48" in browser.find_element("id", "count").text  # typed, not taken as commands
    keys(browser, "\ue00c")
    keys(browser, "?")
    assert browser.find_element("id", "keys").is_displayed()


def test_a_link_opens_the_episode_it_names(browser, page):
    open_page(browser, page, fragment="#model=hf%2Fpoor&task=tool-1%2F4&sample=0")
    assert "number 4" in browser.find_element("css selector", ".ask").text
    assert attempts(browser)[0].text.startswith("hf/poor")


def test_on_a_phone_the_list_and_the_episode_take_turns(browser, page):
    open_page(browser, page, PHONE)
    detail, listed = browser.find_element("id", "detail"), browser.find_element("id", "list")
    assert listed.is_displayed() and not detail.is_displayed()
    browser.find_elements("css selector", ".item")[3].click()
    assert detail.is_displayed() and not listed.is_displayed() and not overflows(browser)
    did, gold = (browser.find_element("css selector", s).rect for s in (".did", ".gold"))
    assert gold["y"] >= did["y"] + did["height"]
    browser.find_element("id", "back").click()
    assert listed.is_displayed() and not detail.is_displayed()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_samples_are_told_apart_and_gold_names_stay_whole(browser, tmp_path, size):
    (task,) = tasks(1)
    task.gold = [GoldStep("find", json.dumps({"organizationIdentifier": "a" * 90, "x" * 60: "far"}))]
    episodes = [
        Episode(task.task_id, task.tool_id, task.instruction, "m", sample=i, steps=[Step("", "", "", "")])
        for i in range(2)
    ]
    verdicts = [Verdict(task.task_id, "m", i, procedure=False, overall=False) for i in range(2)]
    write_run(tmp_path / "run", [task], [tool(0)], episodes, verdicts)
    write_page(tmp_path / "index.html", load_evaluations([str(tmp_path / "run")]), [])
    open_page(browser, tmp_path / "index.html", size)
    browser.execute_script("document.querySelectorAll('.item')[1].click()")
    (attempt,) = attempts(browser)
    assert attempt.text.startswith("m #1") and "This step calls no function." in attempt.text
    name = browser.find_element("css selector", ".gold td:first-child")
    lines = "const r = new Range(); r.selectNodeContents(arguments[0]); return r.getClientRects().length"
    assert name.text == "organizationIdentifier" and browser.execute_script(lines, name) == 1
    assert not overflows(browser)


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every text of an episode is hostile in turn; so are names, reasons and the tool's."""
    folder = tmp_path_factory.mktemp("hostile")
    all_tasks, episodes, verdicts = tasks(len(HOSTILE)), [], []
    bad_tool = tool(0)
    bad_tool.name = HOSTILE[0]
    model = HOSTILE[1]
    for task, text in zip(all_tasks, HOSTILE, strict=True):
        task.instruction = f"{text[:50_000]} {task.task_id}"
        episodes.append(
            Episode(
                task_id=task.task_id,
                tool_id=task.tool_id,
                instruction=task.instruction,
                model=model,
                steps=[Step(text, text[:300], text, text, error="parse_error"), Step("", "", "", "")],
                final_thought=text,
                final_output=text,
                outcome=Outcome.PARSE_ERROR,
                detail=text,
                texts=[text],
            )
        )
        findings = [
            Finding("parse_error", 0, text),
            Finding("wrong_answer", -1, text),
            Finding("new_type", 9, text),
        ]
        verdicts.append(Verdict(task.task_id, model, findings=findings, procedure=False, overall=False))
    write_run(folder / "run", all_tasks, [bad_tool, tool(1)], episodes, verdicts)
    write_page(folder / "index.html", load_evaluations([str(folder / "run")]), [])
    return folder / "index.html"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_hostile_output_is_shown_as_text(browser, hostile_page, size):
    open_page(browser, hostile_page, size)
    buttons = browser.find_elements("css selector", ".item")
    assert len(buttons) == len(HOSTILE)
    for number, text in enumerate(HOSTILE):
        browser.execute_script("document.querySelectorAll('.item')[arguments[0]].click()", number)
        final = browser.find_element("css selector", ".final").get_attribute("textContent")
        if text.isprintable() and len(text) < 1000:
            assert final == text
        assert not overflows(browser), f"text {number} is wider than the screen"
    assert browser.execute_script("return window.hacked") is None
    assert browser.find_elements("css selector", "#detail img, #detail b b, #items img, #items script") == []
    assert errors(browser) == []


def test_long_text_is_unrolled_on_demand_and_control_characters_are_visible(browser, hostile_page):
    open_page(browser, hostile_page)
    browser.find_elements("css selector", ".item")[2].click()
    final = browser.find_element("css selector", ".final")
    assert r"bell \x07, escape \x1b[31m, null \x00, override \u202e" in final.text
    browser.find_elements("css selector", ".item")[5].click()
    final = browser.find_element("css selector", ".final")
    button = final.find_element("css selector", ".unroll")
    assert len(final.text) < 3000 and "100,000 characters" in button.text
    browser.execute_script("arguments[0].click()", button)
    assert final.get_attribute("textContent").count("x") >= 100_000
    assert not overflows(browser)


@pytest.fixture
def review(tmp_path: Path) -> Path:
    """A review page of 12 instances; its sample differs from test to test, so no answers are shared."""
    corpus = generation_run(tmp_path / "corpus", n=30)
    path = tmp_path / "review.html"
    path.write_text(review_page(draw_sample(corpus, 12, next(SEEDS)), "corpus", 0))
    return path


def saved_file(browser, known: set[Path]) -> Path:
    for _ in range(100):
        new = {p for p in browser.downloads.glob("*.json")} - known
        if new:
            return new.pop()
        time.sleep(0.1)
    raise AssertionError("no file was saved")


def test_a_review_by_keyboard_survives_a_reload_and_is_scored(browser, review):
    open_page(browser, review)
    browser.find_element("id", "reviewer").send_keys("Ada L.")
    keys(browser, "\ue00c")
    for number in range(12):
        keys(browser, "yny" if number % 2 else "yyn")
        if number == 6:
            browser.refresh()
            assert browser.find_element("id", "reviewer").get_attribute("value") == "Ada L."
            assert "7 of 12" in browser.find_element("id", "status").text
        keys(browser, "u")
    assert "All 12 instances are answered" in browser.find_element("id", "status").text
    known = set(browser.downloads.glob("*.json"))
    keys(browser, "s")
    path = saved_file(browser, known)
    assert path.name.endswith("-ada-l.json")
    (loaded,) = load_reviews([path])
    assert [sum(loaded.answered(q).values()) for q in ("instruction", "response", "solution")] == [12, 6, 6]
    command = [sys.executable, ROOT / "eval" / "review.py", "score", path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "12/12 [76-100]" in done.stdout and "6/12 [25-75]" in done.stdout
    assert errors(browser) == []


def test_a_review_by_mouse_can_be_taken_back_and_carried_on_from_a_file(browser, review):
    open_page(browser, review)
    buttons = browser.find_elements("css selector", ".yesno button")
    buttons[0].click()
    browser.find_elements("css selector", ".yesno button")[3].click()
    pressed = [
        b.get_attribute("aria-pressed") for b in browser.find_elements("css selector", ".yesno button")
    ]
    assert pressed == ["true", "false", "false", "true", "false", "false"]
    browser.find_elements("css selector", ".yesno button")[0].click()  # a second click takes it back
    browser.find_element("id", "note").send_keys("unclear y n 1")
    known = set(browser.downloads.glob("*.json"))
    browser.find_element("id", "save").click()
    path = saved_file(browser, known)
    (answers,) = json.loads(path.read_text())["answers"].values()
    assert answers == {"response": False, "note": "unclear y n 1"}
    browser.execute_script("localStorage.clear()")
    open_page(browser, review)
    assert browser.find_element("id", "note").get_attribute("value") == ""
    browser.find_element("id", "load").send_keys(str(path))
    for _ in range(50):
        if browser.find_element("id", "note").get_attribute("value"):
            break
        time.sleep(0.1)
    assert browser.find_elements("css selector", ".yesno button")[3].get_attribute("aria-pressed") == "true"


def test_an_instance_that_was_cut_short_says_why(browser, tmp_path):
    cut = Instance("t/0", "t", "Ask.", outcome="step_limit", provenance={"detail": "too long"})
    path = tmp_path / "review.html"
    path.write_text(review_page([{"instance": to_row(cut), "tool": None}], "corpus", 0))
    open_page(browser, path)
    assert "There is none. It ended as step limit: too long." in browser.find_element("id", "instance").text


def test_the_review_page_shows_an_instance_readably_on_a_phone(browser, review):
    open_page(browser, review, PHONE)
    text = browser.find_element("id", "instance").text
    assert "Find entry number" in text and "FINAL OUTPUT" in text and "TOOL RESPONSE" in text
    assert not overflows(browser)
    browser.find_element("id", "next").click()
    assert browser.find_element("id", "instance").text.startswith("2 of 12")
    assert errors(browser) == []
