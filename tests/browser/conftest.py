import pathlib
import shutil

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = next((path for path in map(shutil.which, ("chromium", "chromium-browser")) if path), None)


def usable(path):
    """A snap's launcher cannot be driven; only a browser in the usual place can."""
    return path is not None and "/snap/" not in str(pathlib.Path(path).resolve())


@pytest.fixture(scope="session")
def browser():
    if not usable(CHROMIUM):
        pytest.skip("no Chromium from the distribution's packages on this machine")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A page that fails the test when a script of it fails."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.errors = errors
    yield page
    context.close()
