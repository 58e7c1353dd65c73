"""Headless Chromium for the tests of the HTML pages; they skip where it is not installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

DESKTOP, PHONE = (1280, 900), (390, 844)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """A Selenium driver of the installed Chromium, with a profile and download folder of its own."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed (apt-get install chromium chromium-driver)")
    from selenium import webdriver

    home = tmp_path_factory.mktemp("chromium")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        f"--user-data-dir={home / 'profile'}",
    ):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(home / "downloads")})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    session = webdriver.Chrome(options=options, service=service)
    session.downloads = home / "downloads"
    yield session
    session.quit()


def open_page(browser, path: Path, size: tuple[int, int] = DESKTOP, fragment: str = "") -> None:
    """Show a page of the file system in a viewport of `size` CSS pixels; the console log starts empty."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 600},
    )
    browser.get("about:blank")  # so that a new fragment on the same page is a new page
    browser.get_log("browser")
    browser.get(path.resolve().as_uri() + fragment)


def errors(browser) -> list[str]:
    """What the console complained of since the page was opened."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def overflows(browser) -> bool:
    """Whether the page is wider than its viewport, so that a reader would have to scroll sideways."""
    return browser.execute_script(
        "return document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"
    )
