"""What is looked at on every page: axe, sideways scroll, and that words of documents touch nothing but themselves."""

from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.browser.house import PHONE, WIDE

LAYOUT = {"runOnly": ["wcag2a", "wcag2aa", "wcag22aa", "best-practice"], "resultTypes": ["violations"]}
COLORS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}
AXE = """async (options) => (await axe.run(options)).violations.map(
    (violation) => `${violation.id}: ${violation.nodes.slice(0, 3).map((node) => node.target).join(" ")}`)"""
WIDER = """() => { const page = document.documentElement;
    if (page.scrollWidth <= page.clientWidth) return "";
    const wide = [...document.querySelectorAll("main *")].filter(
        (element) => element.getBoundingClientRect().right > page.clientWidth + 1 && !element.closest(".scroll"));
    return wide.slice(0, 3).map((element) => element.tagName + "." + element.className).join(" ") || "the page"; }"""

LEAKS = r"""() => { const leaks = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text; (text = texts.nextNode());) {
        if (!text.data.includes("\u202e")) continue;
        if (text.parentElement.closest("bdi, [dir], option, textarea")) continue;
        let block = text.parentElement;
        while (getComputedStyle(block).display === "inline") block = block.parentElement;
        const [, ...after] = block.textContent.split(text.data);
        if (after.join("").trim()) leaks.push(block.tagName + "." + block.className);
    }
    return leaks.join(" "); }"""
"""Words that run leftwards and never say so again, with words of ours behind them that they would turn around."""

TURNED = r"""() => { const turned = [];
    for (const words of document.querySelectorAll("bdi")) {
        if (!/[\u2066-\u2068]/.test(words.textContent)) continue;
        let block = words;
        while (getComputedStyle(block).display === "inline") block = block.parentElement;
        const texts = document.createTreeWalker(block, NodeFilter.SHOW_TEXT), after = document.createRange();
        for (let text; (text = texts.nextNode());) {
            if (words.compareDocumentPosition(text) !== Node.DOCUMENT_POSITION_FOLLOWING || !text.data.trim()) continue;
            after.setStart(text, text.data.search(/\S/));
            after.setEnd(text, text.data.search(/\S/) + 1);
            const ours = after.getBoundingClientRect();
            const line = [...words.getClientRects()].filter((box) => box.top < ours.bottom && box.bottom > ours.top);
            if (line.some((box) => ours.left < box.left)) turned.push(block.tagName + "." + block.className);
            break;
        }
    }
    return turned.join(" "); }"""
"""Words that open a direction without an end, with words of ours behind them that stand before them on the line."""

Look = tuple[Literal["light", "dark"], Any, Any]
EVERY_LOOK: tuple[Look, ...] = (
    ("light", WIDE, LAYOUT),
    ("dark", WIDE, COLORS),
    ("light", PHONE, COLORS),
    ("dark", PHONE, LAYOUT),
)
"""Each width with all rules once; another theme on the same page changes nothing but its colors."""

SHORT_LOOK: tuple[Look, ...] = (("light", WIDE, None), ("dark", PHONE, LAYOUT))
"""For the same parts in another state."""


def faults(page: Page, looks: tuple[Look, ...] = EVERY_LOOK) -> list[str]:
    """Of the page that is open, in both themes, wide and on a phone, without loading it again."""
    page.evaluate(AXE_SCRIPT)
    found = []
    for scheme, size, rules in looks:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        look = f"{page.url} {scheme} {size['width']}"
        if wider := page.evaluate(WIDER):
            found.append(f"{look} scrolls sideways: {wider}")
        if rules:
            found += [f"{look} {violation}" for violation in page.evaluate(AXE, rules)]
    if leaks := page.evaluate(LEAKS):
        found.append(f"{page.url}: words of a document turn ours around in {leaks}")
    if turned := page.evaluate(TURNED):
        found.append(f"{page.url}: words of a document stand behind ours in {turned}")
    if page.evaluate("window.ran"):
        found.append(f"{page.url}: words of a document ran as a script")
    return found
