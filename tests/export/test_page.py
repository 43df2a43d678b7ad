"""The status page: what it ships as, and how it behaves in a real browser."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from agentmon.export.page import page
from agentmon.export.status import Facts, status
from tests.export import statuses
from tests.export.recording import filled
from tests.export.statuses import HOSTILE, Stage, demo, empty, many, operation, staged

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

SECONDS = 30.0  # until what must happen is taken not to happen


# ---------------------------------------------------------------------- the file


def test_the_page_is_read_once() -> None:
    """The page is a whole document, and the same bytes each time."""
    assert page().startswith(b"<!doctype html>")
    assert page().rstrip().endswith(b"</html>")
    assert page() is page()


class _Loads(HTMLParser):
    """What a document loads."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            loads = name == "src" or (name == "href" and tag != "a")
            if loads and not (value or "").startswith(("data:", "#")):
                self.loaded.append(f"{tag} {value}")


def test_the_page_loads_nothing_else() -> None:
    """No script, style, font or image comes from another file."""
    reader = _Loads()
    reader.feed(page().decode())
    assert reader.loaded == []
    assert not re.search(r"@import|url\(", page().decode())


def test_text_never_becomes_markup() -> None:
    """No way of turning text into markup or code is used at all."""
    ways = rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
    assert not re.search(ways, page())


def _shape(value: Any) -> Any:
    """The keys of a value, all the way down; of a list, those of its first member."""
    if isinstance(value, dict):
        return {key: _shape(member) for key, member in value.items()}
    return [_shape(value[0])] if isinstance(value, list) and value else None


def test_the_statuses_of_these_tests_have_the_shape_of_real_ones() -> None:
    """The status that the page is tested on has the very keys of the one that is served."""
    real = status(filled().snapshot(), Facts(begun_ns=0, epoch_offset_ns=0))
    staged_status = demo()
    for one in (real, staged_status):
        one["self"]["dropped"] = {}
    assert _shape(staged_status) == _shape(real)


# ---------------------------------------------------------------------- in the browser

browser_test = pytest.mark.browser


class View:
    """The page in a browser, on a stage whose status the test can change."""

    def __init__(self, chrome: Chrome, stage: Stage, url: str) -> None:
        self.chrome = chrome
        self.stage = stage
        self.url = url

    def until(self, condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
        """Wait until a condition holds."""
        from selenium.webdriver.support.wait import WebDriverWait

        return WebDriverWait(self.chrome, seconds, 0.05).until(lambda _: condition())

    def open(self) -> View:
        """Load the page and wait for what it shows first."""
        self.chrome.get(self.url)
        self.until(lambda: self.run("return !document.getElementById('main').hidden"))
        return self

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page."""
        return self.chrome.execute_script(script, *arguments)  # type: ignore[no-untyped-call]

    def one(self, selector: str) -> WebElement:
        """The first element that matches."""
        return self.chrome.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        """Text of the first element that matches, as it is seen."""
        return self.one(selector).text

    def names(self, kind: str = "agent") -> list[str]:
        """Names of the rows of one kind that are seen, in order."""
        names: list[str] = self.run(
            "const bodies = document.querySelectorAll(arguments[0]);"
            "return [...bodies].map((body) => body.querySelector('.name').innerText)",
            f"[data-kind={kind}] .operations > tbody:not([hidden])",
        )
        return names

    def press(self, *keys: str) -> None:
        """Type on the keyboard, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.chrome).send_keys(*keys).perform()

    def refreshed(self) -> None:
        """Wait until the page has drawn a status asked for from now on."""
        mark = f"build {len(self.stage.asked)}"
        changed = {**self.stage.status, "version": mark}
        self.stage.set(changed)
        self.until(lambda: self.text("#version") == mark)

    def errors(self) -> list[str]:
        """What the browser complained about."""
        log = self.chrome.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in log]

    def emulate(self, width: int, height: int, scheme: str = "light", motion: str = "") -> None:
        """Look through another screen."""
        self.chrome.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        features.append({"name": "prefers-reduced-motion", "value": motion})
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.fixture(scope="module")
def only_chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One browser for all: starting it takes longer than most tests."""
    from tests.servers.browser import chromium

    with chromium(tmp_path_factory.mktemp("profile")) as chrome:
        yield chrome


@pytest.fixture
def chrome(only_chrome: Chrome) -> Chrome:
    """The browser as if new: another port is another origin, so nothing remembered is left."""
    only_chrome.get("about:blank")
    only_chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    only_chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    only_chrome.get_log("browser")  # type: ignore[no-untyped-call]
    return only_chrome


@pytest.fixture
def view(chrome: Chrome) -> Iterator[View]:
    """The page, not loaded yet, on a stage that shows the support service."""
    stage = Stage(demo())
    with staged(stage) as url:
        yield View(chrome, stage, url)


@browser_test
def test_every_operation_has_a_row_under_its_kind(view: View) -> None:
    """Agents come first, and each operation is listed once, with its numbers."""
    view.open()
    kinds = view.run(
        "return [...document.querySelectorAll('[data-kind]')].map(k => k.dataset.kind)"
    )
    assert kinds == ["agent", "workflow", "step", "tool", "model_call"]
    assert sorted(view.names()) == sorted(
        each["name"] for each in demo()["operations"] if each["kind"] == "agent"
    )
    row = view.run(
        "return [...document.querySelectorAll('.row')]"
        ".find((row) => row.innerText.includes('billing')).innerText"
    )
    for seen in ("billing", "payments", "specialist", "0.68", "1.9", "12.3", "23 error"):
        assert seen in row.replace("\u00a0", " ")
    assert view.text("#service") == "support"
    assert view.errors() == []


@browser_test
def test_the_verdict_says_what_is_wrong(view: View) -> None:
    """An overdue call and failing agents are named; without them the page says so."""
    view.open()
    said = view.text("#sentence")
    assert "1 agent has a call past the timeout: billing, 47 s of 20 s." in said
    assert (
        "2 of 6 agents failed in the last 5 minutes, most often billing (29 of 205 calls)" in said
    )
    view.stage.set(demo() | {"operations": [operation("agent", ("calm", "invoke"))]})
    view.until(lambda: view.text("#sentence") == "No agent failed in the last 5 minutes.")
    view.stage.set(demo() | {"operations": [operation("agent", ("calm", "invoke"), per_minute=0)]})
    view.until(lambda: view.text("#sentence") == "Quiet: no agent call in the last 5 minutes.")


@browser_test
def test_short_timeouts_are_told_exactly(view: View) -> None:
    """A call that is late by a fraction of a second has an age and a timeout that show it."""
    late = operation("agent", ("hasty", ""), in_flight=1, timeout=0.2, oldest=0.47)
    view.stage.set(demo() | {"operations": [late]})
    view.open()
    assert "past the timeout: hasty, 470 ms of 200 ms." in view.text("#sentence").replace(
        "\u00a0", " "
    )
    assert "overdue 470 ms" in view.text(".row").replace("\u00a0", " ")


@browser_test
def test_the_window_is_chosen_and_remembered(view: View) -> None:
    """Another window shows its own counts, and is still chosen after a reload."""
    view.open()
    assert "5,892 calls" in view.text("#figures")
    view.run("document.querySelector('input[value=\"1m\"]').click()")
    assert "1,178 calls" in view.text("#figures")
    view.open()
    assert "1,178 calls" in view.text("#figures")


@browser_test
def test_rows_are_sorted_by_the_column_clicked(view: View) -> None:
    """A column sorts from high to low, again from low to high; rows without a value stay last."""
    view.open()
    assert view.names()[0] == "router"
    p50 = "[data-kind=agent] th.col-p50"
    view.one(f"{p50} button").click()
    names = view.names()
    assert names[0].startswith("compliance_review")
    assert names[-1] == "night-auditor"
    assert view.one(p50).get_attribute("aria-sort") == "descending"
    view.one(f"{p50} button").click()
    assert view.names()[0] == "router"
    assert view.names()[-1] == "night-auditor"
    assert view.one(p50).get_attribute("aria-sort") == "ascending"
    view.one("[data-kind=agent] th.col-name button").click()
    assert view.names() == sorted(view.names())


@browser_test
def test_a_row_opens_by_keyboard(view: View) -> None:
    """Enter opens the row in focus, Space closes it, and what opens has every number."""
    from selenium.webdriver.common.keys import Keys

    view.open()
    view.run("document.querySelector('[data-kind=agent] .name').focus()")
    view.press(Keys.ENTER)
    name = view.one("[data-kind=agent] .name")
    assert name.get_attribute("aria-expanded") == "true"
    detail = view.one(f"#{name.get_attribute('aria-controls')}")
    assert detail.is_displayed()
    for seen in ("Standard deviation", "Coeff. of variation", "p99.9", "Shortest", "Timeout rate"):
        assert seen in detail.text
    assert "59,220" in detail.text  # since start
    assert "4,700" in detail.text  # over 5 minutes
    view.press(Keys.SPACE)
    assert name.get_attribute("aria-expanded") == "false"
    assert not detail.is_displayed()


@browser_test
def test_focus_details_and_scroll_survive_a_refresh(view: View) -> None:
    """New numbers arrive in place: the focus, the open row, its node and the scroll stay."""
    view.stage.set(many(60))
    view.open()
    view.run(
        "const name = document.querySelectorAll('.name')[20]; name.click(); name.focus();"
        "window.kept = name; window.scrollTo(0, 700)"
    )
    before = view.names()
    changed = many(60)
    for each in changed["operations"]:
        each["windows"]["5m"]["per_second"] = 1000 - each["windows"]["5m"]["per_second"]
        each["in_flight"] = 77
    view.stage.set(changed)
    view.refreshed()
    assert view.run("return document.activeElement === window.kept && window.kept.isConnected")
    assert view.run("return window.kept.getAttribute('aria-expanded')") == "true"
    assert view.run("return window.scrollY") == 700
    assert "77" in view.run("return window.kept.closest('tr').innerText")
    assert view.names() == before, "rows moved under the hands of the reader"
    view.run("document.activeElement.blur()")
    view.until(lambda: view.names() == before[::-1])


@browser_test
def test_slash_reaches_the_filter(view: View) -> None:
    """`/` focuses the filter, words narrow the rows by name, label or error, Escape clears."""
    from selenium.webdriver.common.keys import Keys

    view.open()
    view.press("/")
    view.press("ledger")
    assert view.names() == ["billing"]
    assert view.text("#shown") == "1 of 15 shown"
    view.press(Keys.ESCAPE)
    assert len(view.names()) == 7
    view.press("/")
    view.press("no such thing")
    assert view.names() == []
    assert view.text("#shown") == "Nothing matches “no such thing”. Esc clears."


@browser_test
def test_names_are_never_markup(view: View) -> None:
    """Names, labels, tags, error types and all else that is untrusted show as they are, inert."""
    hostile = operation(
        "agent",
        (HOSTILE, HOSTILE),
        info=(HOSTILE, HOSTILE, HOSTILE),
        errors={HOSTILE: 3},
        failing=0.5,
        in_flight=1,
        oldest=9,
        timeout=1,
    )
    model = operation("model_call", (HOSTILE, HOSTILE, HOSTILE, HOSTILE))
    ended = statuses.call(
        "agent", (HOSTILE, HOSTILE), 1.0, "error", error_type=HOSTILE, trace_id=HOSTILE
    )
    bad = demo() | {
        "service": HOSTILE,
        "region": HOSTILE,
        "version": HOSTILE,
        "spans": HOSTILE,
        "operations": [hostile, model],
        "recent": {"failed": [ended], "slow": [ended]},
        "error_groups": [
            statuses.group(
                HOSTILE,
                (HOSTILE, HOSTILE, HOSTILE),
                3,
                error_type=HOSTILE,
                location=HOSTILE,
                trace_id=HOSTILE,
            )
        ],
    }
    bad["self"]["dropped"] = {HOSTILE: 1}
    view.stage.set(bad)
    view.open()
    view.run("for (const name of document.querySelectorAll('.name')) name.click()")
    view.refreshed()
    assert view.run("return window.owned") is None
    assert view.run("return document.body.querySelectorAll('img, script').length") == 1
    assert view.names() == [HOSTILE]
    assert HOSTILE in view.text("#sentence")
    assert view.errors() == []


@browser_test
def test_a_lost_connection_is_said_and_mends_itself(view: View) -> None:
    """While the process is away the last numbers stay, greyed, with their age; then it goes on."""
    stage = view.stage
    with staged(stage) as url:
        view.url = url
        view.open()
        assert view.text("#live-word") == "Live"
        assert not view.one("#banner").is_displayed()
    view.until(lambda: view.one("#banner").is_displayed())
    assert "Connection lost" in view.text("#banner")
    assert view.text("#live-word") == "Connection lost"
    assert view.text("#age").startswith("as of ")
    assert len(view.names()) == 7
    assert view.run("return getComputedStyle(document.getElementById('main')).opacity") != "1"
    stage.set(demo() | {"operations": [operation("agent", ("back", "invoke"))]})
    with staged(stage, port=int(url.rpartition(":")[2])):
        view.until(lambda: view.names() == ["back"])
        assert view.text("#live-word") == "Live"
        assert not view.one("#banner").is_displayed()


@browser_test
@pytest.mark.parametrize(
    ("answer", "body", "words"),
    [
        (503, b"{}", "The endpoint answered 503."),
        (200, b"<html>", "something that is no status"),
        (200, b"{}", "something that is no status"),
    ],
)
def test_a_wrong_answer_is_said(view: View, answer: int, body: bytes, words: str) -> None:
    """An answer that is no status is named as such, and the page mends itself after it."""
    view.open()
    good = view.stage.body
    view.stage.answer, view.stage.body = answer, body
    view.until(lambda: words in view.text("#banner"))
    view.stage.answer, view.stage.body = 200, good
    view.until(lambda: not view.one("#banner").is_displayed())


@browser_test
def test_nothing_called_yet_says_what_to_do(view: View) -> None:
    """Without any call the page shows how to mark an agent, and no table; then the agent comes."""
    view.stage.set(empty())
    view.open()
    assert '@agentmon.agent("triage")' in view.text("#empty")
    assert not view.one("#verdict").is_displayed()
    view.stage.set(demo())
    view.until(lambda: len(view.names()) == 7)
    assert not view.one("#empty").is_displayed()


@browser_test
@pytest.mark.parametrize("width", [320, 360, 768, 1024, 1280])
def test_nothing_is_cut_off(view: View, width: int) -> None:
    """At any width, with open rows and long names, nothing lies beyond the edge of the screen."""
    view.emulate(width, 800)
    view.open()
    view.run("for (const name of document.querySelectorAll('.name')) name.click()")
    beyond = view.run(
        "const edge = document.documentElement.clientWidth;"
        "return [...document.querySelectorAll('body *')].filter((element) => {"
        "  if (element.closest('.scroll, .hush, .trace, .note')) return false;"
        "  const box = element.getBoundingClientRect();"
        "  return box.width > 0 && (box.right > edge + 1 || box.left < -1);"
        "}).map((element) => element.tagName + '.' + element.className)"
    )
    assert beyond == []
    assert view.run("return document.documentElement.scrollWidth <= innerWidth")


@browser_test
def test_light_and_dark(view: View) -> None:
    """The page follows the system until the toggle says otherwise, which is remembered."""

    def ground() -> str:
        ground: str = view.run("return getComputedStyle(document.body).backgroundColor")
        return ground

    view.emulate(1280, 900, "light")
    view.open()
    light = ground()
    view.emulate(1280, 900, "dark")
    view.until(lambda: ground() != light)
    dark = ground()
    view.one("#theme").click()
    assert (view.text("#theme"), ground()) == ("Theme: light", light)
    view.open()
    assert (view.text("#theme"), ground()) == ("Theme: light", light)
    view.one("#theme").click()
    assert (view.text("#theme"), ground()) == ("Theme: dark", dark)
    view.one("#theme").click()
    assert view.text("#theme") == "Theme: auto"


_CONTRAST = """
const linear = (x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
const channel = (value) => linear(value / 255);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
function behind(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour;
  }
}
const weak = [];
const walk = document.createTreeWalker(document.getElementById('main'), NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const element = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || !element.checkVisibility()) continue;
  if (element.closest('.switch, option, .hush')) continue;
  const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) weak.push(`${walk.currentNode.data} ${ratio.toFixed(2)}`);
}
return weak;
"""


@browser_test
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(view: View, scheme: str) -> None:
    """Every text stands out from its ground by 4.5 to 1, light and dark, open rows included."""
    view.emulate(1280, 900, scheme)
    view.open()
    view.run("for (const name of document.querySelectorAll('.name')) name.click()")
    assert view.run(_CONTRAST) == []


@browser_test
def test_nothing_moves_for_those_who_asked(view: View) -> None:
    """With reduced motion nothing is animated."""
    view.emulate(1280, 900, motion="reduce")
    view.open()
    assert view.run("return document.getAnimations().length") == 0
    view.emulate(1280, 900, motion="no-preference")
    view.until(lambda: view.run("return document.getAnimations().length") > 0)


@browser_test
def test_only_its_own_origin_is_asked(view: View) -> None:
    """The page asks for nothing but the status, of nobody but who served it, and logs nothing."""
    view.open()
    view.refreshed()
    asked = view.run("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert set(asked) == {f"{view.url}/api/status"}
    assert set(view.stage.asked) == {"/", "/api/status"}
    assert view.errors() == []


@browser_test
@pytest.mark.parametrize("path", ["/ops/agents", "/ops/agents/"])
def test_the_page_works_below_a_prefix(chrome: Chrome, path: str) -> None:
    """Mounted anywhere, with or without a slash at its end, it finds its status and its links."""
    stage = Stage(demo(), prefix="/ops/agents")
    with staged(stage) as url:
        view = View(chrome, stage, url + path).open()
        assert len(view.names()) == 7
        assert view.one("footer a").get_attribute("href") == f"{url}/ops/agents/metrics"


@browser_test
def test_recent_calls_are_listed(view: View) -> None:
    """Slow calls come slowest first, failed ones newest first, a few until all are asked for."""
    view.open()
    slow, failed = view.chrome.find_elements("css selector", "#recent section")
    assert slow.find_elements("css selector", "tbody tr")[0].text.startswith("researcher")
    assert "30 m 30 s" in slow.text
    lines = failed.find_elements("css selector", "tbody tr")
    assert len(lines) == 8
    for seen in ("LedgerUnavailableError", "4bf92f3577b34da6a3ce929d0e0e4736", "310 ms"):
        assert seen in lines[0].text
    more = failed.find_element("css selector", ".more")
    assert more.text == "Show all 14"
    more.click()
    assert len(failed.find_elements("css selector", "tbody tr")) == 14
    assert more.text == "Show fewer"


def _groups(view: View) -> list[str]:
    """The error groups that are seen, in order, as text: read at once, as the page goes on."""
    lines: list[str] = view.run(
        "const lines = document.querySelectorAll('#groups-body tr');"
        "return [...lines].map((line) => line.innerText.replaceAll('\\t', '\\n'))"
    )
    return ["\n".join(filter(None, map(str.strip, text.splitlines()))) for text in lines]


@browser_test
def test_error_groups_are_listed(view: View) -> None:
    """Groups come last seen first, each once, with every operation that it failed."""
    view.open()
    assert view.text("#groups-count") == "8"
    lines = _groups(view)
    assert len(lines) == 6
    for seen in (
        "payments.errors.LedgerUnavailableError",
        "in payments.ledger.Ledger.connect",
        "group 9c1f0a7be2d4",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736",
        "refundtool · billing\n402",
        "billingagent\n310",
        "ticketworkflow\n118",
        "1 h 01 m ago",
        "3 s ago",
    ):
        assert seen in lines[0].replace("\u00a0", " ")
    assert lines[3].startswith("timeout\ngroup e4420f1d9b38\nsearch_orders")
    more = view.one("#groups-more")
    assert more.text == "Show all 8"
    more.click()
    assert (len(_groups(view)), more.text) == (8, "Show fewer")


@browser_test
def test_error_groups_come_and_grow(view: View) -> None:
    """Without failures the page says so; a new group comes on top, and counts grow in place."""
    quiet = demo() | {"error_groups": []}
    view.stage.set(quiet)
    view.open()
    assert view.text("#groups-none") == "Nothing has failed since recording began."
    assert not view.one("#groups table").is_displayed()
    first = statuses.group("a" * 12, ("tool", "t", "a"), 1, last=60)
    view.stage.set(quiet | {"error_groups": [first]})
    view.until(lambda: len(_groups(view)) == 1)
    assert not view.one("#groups-none").is_displayed()
    assert "\n1\n" in _groups(view)[0]
    view.run("document.querySelector('#groups-body tr').dataset.same = 'yes'")
    newer = statuses.group("b" * 12, ("tool", "t", "a"), 1, error_type="OSError", last=1)
    view.stage.set(quiet | {"error_groups": [newer, first | {"count": 1234}]})
    view.until(lambda: len(_groups(view)) == 2)
    lines = _groups(view)
    assert lines[0].startswith("OSError")
    assert "\n1,234\n" in lines[1]
    assert view.run("return document.querySelectorAll('#groups-body tr')[1].dataset.same") == "yes"
    view.stage.set(quiet)
    view.until(lambda: not _groups(view))


@browser_test
def test_groups_that_had_no_room_are_one_line(view: View) -> None:
    """What is beyond the bound is said to be several groups."""
    other = statuses.group(
        "other", ("other", "other", "other"), 7, error_type="other", location="other"
    )
    view.stage.set(demo() | {"error_groups": [other]})
    view.open()
    assert _groups(view)[0].startswith("other\nall further groups, counted together\nother\n7\n")


@browser_test
def test_the_exporter_tells_on_itself(view: View) -> None:
    """Series, scrapes and what was dropped, by reason, are shown."""
    view.open()
    said = view.text("#self")
    for seen in ("15", "252", "9 s ago", "3.1 ms", "3 label bound", "1 ended twice"):
        assert seen in said


@browser_test
def test_two_hundred_operations_redraw_in_place(view: View) -> None:
    """With 200 operations a refresh adds and removes no node, and rewrites only what changed."""
    view.stage.set(many(200))
    view.open()
    assert len(view.names()) == 200
    view.refreshed()
    view.run(
        "window.changes = 0; new MutationObserver((list) => { window.changes += list.length })"
        ".observe(document.getElementById('operations'),"
        " { childList: true, subtree: true, characterData: true, attributes: true })"
    )
    view.refreshed()
    assert view.run("return window.changes") == 0
    changed = copy.deepcopy(view.stage.status)
    changed["operations"][7]["in_flight"] = 4321
    view.stage.set(changed)
    view.refreshed()
    assert 0 < view.run("return window.changes") < 10


@browser_test
def test_a_vanished_operation_leaves(view: View) -> None:
    """An operation that is gone from the status is gone from the page, as after a restart."""
    view.open()
    view.stage.set(demo() | {"operations": demo()["operations"][:1]})
    view.until(lambda: view.names() == ["triage"])
    assert view.names("tool") == []


@browser_test
def test_numbers_read_well(view: View) -> None:
    """Durations, rates, counts and shares are written as people read them."""
    view.open()
    for seconds, text in statuses.DURATIONS:
        assert view.run("return duration(arguments[0])", seconds).replace("\u00a0", " ") == text
    for value, text in statuses.RATES:
        assert view.run("return rate(arguments[0])", value) == text
    for share, text in statuses.SHARES:
        assert view.run("return percent(arguments[0])", share).replace("\u00a0", " ") == text
    for count, text in statuses.COUNTS:
        assert view.run("return number(arguments[0])", count) == text
