"""The dashboard in a real browser: headless Chromium opens it from disk, filters, sorts, by mouse and by keyboard.

Skipped where Debian's ``chromium`` and ``chromium-driver`` are not installed; MEDREPRO_REQUIRE_BROWSER makes that fail.
"""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from medrepro.reproduce.report.dashboard import dashboard
from medrepro.reproduce.report.overview import compare
from tests._present import present
from tests.reproduce._runs import EVIL, make_runs

Browser = webdriver.Chrome


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        reason = "no chromium and chromedriver: apt-get install chromium chromium-driver"
        if os.environ.get("MEDREPRO_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,1000",
        "--proxy-server=127.0.0.1:9",  # whatever the page might want to load, it cannot
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    yield found
    found.quit()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    runs = make_runs(tmp_path_factory.mktemp("runs"))
    out = runs / "dashboard.html"
    out.write_text(dashboard(compare([runs], resamples=50), [runs], out, "python reproduce/dashboard.py"))
    return out.as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Browser:
    browser.get("about:blank")
    browser.get(address)
    return browser


def visible(page: Browser, *names: str) -> list[list[str]]:
    """The named data of every row that is to be seen, in the order on the page."""
    script = """
      return [...document.querySelectorAll("#numbers tbody tr")].filter((row) => row.getClientRects().length)
        .map((row) => arguments[0].map((name) => name in row.dataset ? row.dataset[name]
          : row.cells[[...document.querySelectorAll("#numbers thead th")].findIndex(
              (th) => th.querySelector(`[data-column="${name}"]`))].dataset.sort));
    """
    found: list[list[str]] = page.execute_script(script, list(names))
    return found


def heading(page: Browser, column: str) -> Any:
    return page.find_element(By.CSS_SELECTOR, f'thead button[data-column="{column}"]')


def shown(page: Browser) -> int:
    return int(page.find_element(By.ID, "shown").text)


def choose(page: Browser, name: str, value: str) -> None:
    """Choose by mouse, and wait for the browser to say so to the page."""
    control = page.find_element(By.NAME, name)
    Select(control).select_by_value(value)
    WebDriverWait(page, 60).until(lambda _: ("set" in str(control.get_attribute("class"))) == bool(value))


def search(page: Browser, words: str) -> None:
    control = page.find_element(By.NAME, "q")
    control.send_keys(words)
    WebDriverWait(page, 60).until(lambda _: control.get_attribute("value") == words)


def until_shown(page: Browser, count: int) -> None:
    WebDriverWait(page, 60).until(lambda _: shown(page) == count)


def test_it_opens_from_disk_and_loads_nothing(page: Browser) -> None:
    assert page.current_url.startswith("file://")
    assert shown(page) == len(visible(page, "paper")) > 20
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert [entry for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    assert page.find_element(By.CSS_SELECTOR, ".problems li").text.count("broken__0__0.json") == 1


def test_each_filter_leaves_what_it_says(page: Browser) -> None:
    total = shown(page)
    for name in ("paper", "table", "preset", "data", "status"):
        options = [option.get_attribute("value") for option in Select(page.find_element(By.NAME, name)).options][1:]
        assert options
        left = 0
        for value in options:
            choose(page, name, present(value))
            rows = visible(page, name)
            assert rows
            assert {found for (found,) in rows} == {value}
            assert shown(page) == len(rows)
            left += len(rows)
        assert left == total
        choose(page, name, "")
    assert shown(page) == total


def test_filters_join_and_reset(page: Browser) -> None:
    total = shown(page)
    choose(page, "paper", "egfr")
    choose(page, "preset", "paper")
    search(page, "random auc")
    rows = visible(page, "paper", "preset", "row", "quantity")
    assert rows
    for paper, preset, row, quantity in rows:
        assert (paper, preset) == ("egfr", "paper")
        assert "random" in f"{row} {quantity}".lower()
        assert "auc" in f"{row} {quantity}".lower()
    page.find_element(By.CSS_SELECTOR, "form button[type=reset]").click()
    until_shown(page, total)
    assert page.find_element(By.NAME, "q").get_attribute("value") == ""


def test_nothing_found_offers_the_way_back(page: Browser) -> None:
    total = shown(page)
    search(page, "no such row")
    assert visible(page, "row") == []
    page.find_element(By.ID, "again").click()
    until_shown(page, total)
    assert not page.find_element(By.ID, "nothing").is_displayed()


def numbers(page: Browser, column: str) -> list[float | None]:
    return [float(text) if text else None for (text,) in visible(page, column)]


@pytest.mark.parametrize("column", ["ours", "low", "high", "printed"])
def test_a_click_on_a_number_s_heading_sorts_it(page: Browser, column: str) -> None:
    before = visible(page, "row", "quantity")
    heading(page, column).click()
    falling = numbers(page, column)
    known = [value for value in falling if value is not None]
    assert len(known) > 3
    assert falling[: len(known)] == sorted(known, reverse=True)  # blanks last
    assert len(set(known)) > 3
    heading(page, column).click()
    rising = numbers(page, column)
    assert rising[: len(known)] == sorted(known)
    assert heading(page, column).find_element(By.XPATH, "..").get_attribute("aria-sort") == "ascending"
    heading(page, column).click()
    assert visible(page, "row", "quantity") == before


def test_words_sort_too_and_the_filter_stays(page: Browser) -> None:
    choose(page, "paper", "egfr")
    count = shown(page)
    heading(page, "quantity").click()
    words = [text for (text,) in visible(page, "quantity")]
    assert len(words) == count
    order = page.execute_script(
        "return [...arguments[0]].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))", words
    )
    assert words == order


def test_the_keyboard_is_enough(page: Browser) -> None:
    page.find_element(By.TAG_NAME, "body").send_keys("/")
    assert page.switch_to.active_element.get_attribute("name") == "q"
    page.switch_to.active_element.send_keys("auc")
    assert page.find_element(By.NAME, "q").get_attribute("value") == "auc"
    assert 0 < shown(page) == len(visible(page, "row"))
    for _ in range(40):
        page.switch_to.active_element.send_keys(Keys.TAB)
        if page.switch_to.active_element.get_attribute("data-column") == "ours":
            break
    page.switch_to.active_element.send_keys(Keys.ENTER)
    values = [value for value in numbers(page, "ours") if value is not None]
    assert values == sorted(values, reverse=True)
    assert page.execute_script("return getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_an_address_keeps_filters_and_order(page: Browser, address: str) -> None:
    choose(page, "preset", "quick")
    heading(page, "low").click()
    kept, rows = page.current_url, visible(page, "row", "low")
    assert kept.endswith("#preset=quick&sort=low%3Adown")
    page.get("about:blank")
    page.get(kept)
    assert visible(page, "row", "low") == rows
    page.get("about:blank")
    page.get(address + "#preset=none&sort=none%3Aup&q=%25")  # nonsense is left out
    assert Select(page.find_element(By.NAME, "preset")).first_selected_option.get_attribute("value") == ""


def test_names_are_text_never_markup(page: Browser) -> None:
    (name,) = [e.text for e in page.find_elements(By.CSS_SELECTOR, "#numbers .name") if "alert" in e.text]
    assert name == EVIL
    assert page.execute_script("return document.scripts.length") == 1


def test_a_report_is_one_click_away(page: Browser) -> None:
    link = page.find_element(By.CSS_SELECTOR, "#numbers tbody a")
    link.click()
    assert page.current_url.endswith("egfr-quick/report.html")
    assert page.find_element(By.TAG_NAME, "body").text == "a report"


def test_a_phone_needs_no_sideways_scrolling(page: Browser) -> None:
    device = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device)
    try:
        assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        assert len(visible(page, "row")) == shown(page)
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


CONTRAST = """
const parse = (text) => text.match(/[0-9.]+/g).slice(0, 3).map(Number);
const luminance = (rgb) => rgb.map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const ground = (node) => { for (; node; node = node.parentElement) {
  const colour = getComputedStyle(node).backgroundColor;
  if (!/, 0\\)$|transparent/.test(colour)) return colour; } return "rgb(255, 255, 255)"; };
return arguments[0].map((selector) => { const node = document.querySelector(selector);
  const pair = [getComputedStyle(node).color, ground(node)].map(parse).map(luminance).sort((a, b) => b - a);
  return (pair[0] + 0.05) / (pair[1] + 0.05); });
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_in_both_schemes(page: Browser, scheme: str) -> None:
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    selectors = [".name", ".number", "td.paper", ".sd", ".tag", "h1", "p.quiet", "label", "thead button", "#count"]
    ratios = dict(zip(selectors, page.execute_script(CONTRAST, selectors), strict=True))
    assert {selector: ratio for selector, ratio in ratios.items() if ratio < 4.5} == {}
