"""The page in Chromium, by keyboard, on a phone, in the dark, with a lost camera."""

from __future__ import annotations

import shutil
import threading

import pytest

from akitsu.runtime.page.address import Address
from akitsu.runtime.page.server import Page

from .scenes import ABOUT, ANYWHERE, seen, unseen

NAMES = ("chromium", "chromium-browser", "google-chrome")
pytestmark = pytest.mark.slow
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
if CHROMIUM is None:
    pytest.skip("no Chromium to look at the page with", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="no playwright to drive Chromium")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000

CONTRASTS = """() => {
  const light = (colour) => {
    const parts = colour.match(/[0-9.]+/g).map(Number).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)") return colour;
    }
  };
  const hasText = (element) => [...element.childNodes].some(
    (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== "");
  return [...document.querySelectorAll("body *")].filter(hasText)
    .filter((element) => element.checkVisibility() && !element.matches("noscript, noscript *"))
    .map((element) => {
      const pair = [light(getComputedStyle(element).color), light(ground(element))];
      return [element.textContent.trim(), (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05)];
    });
}"""
"""The contrast of every text with its ground (WCAG 2.2, relative luminance)."""


HELD = """() => {
  const ask = window.fetch;
  const held = { answers: 0, granted: 0, release: null };
  const released = new Promise((done) => { held.release = done; });
  window.held = held;
  window.fetch = async (address, ...options) => {
    const answer = await ask(address, ...options);
    if (String(address).startsWith("newest")) {
      held.answers += 1;
      if (held.answers === 1) await released;
    }
    if (address === "settings") setTimeout(() => { held.granted += 1; }, 200);
    return answer;
  };
}"""
"""The next answer with a picture is kept back until it is released."""

RELEASED = """async () => {
  const said = [];
  const noted = () => said.push(document.getElementById("threshold-value").textContent);
  const asked = window.held.answers;
  noted();
  new MutationObserver(noted).observe(document.getElementById("threshold-value"),
    { childList: true, characterData: true, subtree: true });
  window.held.release();
  while (window.held.answers < asked + 2) await new Promise((done) => setTimeout(done, 10));
  return said;
}"""
"""What the slider says from then until two more answers have come."""


class Robot:
    """A page, and a loop that sees something ten times a second until it is told to stop."""

    def __init__(self, address=ANYWHERE):
        self.page = Page(address, ABOUT)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._see)
        self._thread.start()

    def _see(self):
        index = 0
        while not self._is_over.wait(0.1):
            self.page.show(seen(index))
            index += 1

    def stop(self):
        self._is_over.set()
        self._thread.join()

    def close(self):
        self.stop()
        self.page.close()


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def robot():
    robot = Robot()
    yield robot
    robot.close()


@pytest.fixture
def visit(chromium):
    """Opens an address; afterwards nothing may have gone wrong, and nothing left the host."""
    contexts, faults, addresses, hosts = [], [], [], []

    def visited(url, **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        context.on("request", lambda request: addresses.append(request.url))
        tab = context.new_page()
        tab.set_default_timeout(PATIENCE_MS)
        tab.on("pageerror", lambda fault: faults.append(fault))
        hosts.append("/".join(url.split("/")[:3]) + "/")
        tab.goto(url)
        playwright.expect(tab.locator("#state")).to_have_text("Live", timeout=PATIENCE_MS)
        return tab

    yield visited
    for context in contexts:
        context.close()
    assert faults == []
    assert addresses
    assert [one for one in addresses if not one.startswith(tuple(hosts))] == []


def says(tab, selector, text):
    playwright.expect(tab.locator(selector)).to_have_text(text, timeout=PATIENCE_MS)


def test_the_threshold_is_moved_by_keyboard_and_boxes_vanish(robot, visit):
    tab = visit(robot.page.url)
    says(tab, "#count", "3")

    tab.keyboard.press("Tab")  # the way past the picture
    tab.keyboard.press("Tab")
    for _ in range(15):
        tab.keyboard.press("ArrowRight")

    says(tab, "#threshold-value", "0.65")
    says(tab, "#count", "2")
    assert robot.page.screen.settings.threshold == 0.65

    for _ in range(60):
        tab.keyboard.press("ArrowLeft")

    says(tab, "#threshold-value", "0.05")
    says(tab, "#count", "4")


def test_an_answer_from_before_a_setting_does_not_move_the_slider_back(robot, visit):
    """The page asks, the slider is moved and the wish granted; then the old answer arrives."""
    tab = visit(robot.page.url, bypass_csp=True)  # Playwright waits for conditions with eval
    tab.evaluate(HELD)
    tab.wait_for_function("window.held.answers === 1")
    tab.locator("#threshold").focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_function("window.held.granted === 1")

    said = tab.evaluate(RELEASED)

    assert set(said) == {"0.51"}


def test_a_class_is_unticked_by_keyboard_and_the_other_viewer_follows(robot, visit):
    tab, other = visit(robot.page.url), visit(robot.page.url)

    tab.get_by_role("checkbox", name="person").focus()
    tab.keyboard.press("Space")

    says(tab, "#count", "1")
    says(other, "#count", "1")
    follower = other.get_by_role("checkbox", name="person")
    playwright.expect(follower).not_to_be_checked(timeout=PATIENCE_MS)

    other.get_by_role("button", name="As the robot").press("Enter")

    says(tab, "#count", "3")
    playwright.expect(tab.get_by_role("checkbox", name="person")).to_be_checked()


def test_the_picture_is_drawn_anew_with_other_settings(robot, visit):
    """The pixel at the left edge of the best box: its colour, or that of the frame."""
    tab = visit(robot.page.url)
    pixel = "e => e.getContext('2d').getImageData(11, 120, 1, 1).data[2]"
    says(tab, "#count", "3")
    before = tab.locator("#picture").evaluate(pixel)

    tab.get_by_role("button", name="None").click()

    says(tab, "#count", "0")
    assert tab.locator("#picture").evaluate(pixel) == pytest.approx(90, abs=3)
    assert before > 120


@pytest.mark.parametrize("width", [320, 360])
def test_on_a_phone_nothing_lies_beside_the_screen(robot, visit, width):
    tab = visit(robot.page.url, viewport={"width": width, "height": 740}, has_touch=True)

    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    targets = tab.locator("button, #threshold, #classes label")
    heights = [one.bounding_box()["height"] for one in targets.all() if one.is_visible()]
    assert len(heights) >= 6
    assert min(heights) >= 44, "a finger finds it"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(robot, visit, scheme):
    tab = visit(robot.page.url, color_scheme=scheme)
    says(tab, "#count", "3")

    contrasts = dict(tab.evaluate(CONTRASTS))

    assert {"Live", "Latency", "Settings", "person"} <= contrasts.keys()
    assert {text: ratio for text, ratio in contrasts.items() if ratio < 4.5} == {}


def test_an_old_picture_is_dark_and_says_its_age(robot, visit):
    tab = visit(robot.page.url)

    robot.stop()
    robot.page.show(unseen("lost", 12.0))

    says(tab, "#state", "Lost")
    notice = tab.locator("#notice").inner_text()
    assert notice.startswith("No frame for 1")
    assert "only black frames come" in notice
    assert "brightness(0.35)" in tab.locator("#picture").evaluate("e => getComputedStyle(e).filter")
    says(tab, "#count", "–")


def test_the_end_of_the_program_is_said(robot, visit):
    tab = visit(robot.page.url)

    robot.close()

    says(tab, "#state", "No answer")
    assert "brightness(0.35)" in tab.locator("#picture").evaluate("e => getComputedStyle(e).filter")


def test_the_token_does_not_stay_in_the_address(visit):
    robot = Robot(Address("0.0.0.0", 0))
    try:
        port, query = robot.page.url.split("/")[2].split(":")[1], robot.page.url.partition("?")[2]
        tab = visit(f"http://127.0.0.1:{port}/?{query}")

        assert query.startswith("token=")
        assert tab.url == f"http://127.0.0.1:{port}/"
    finally:
        robot.close()
