/* What htmx leaves to us: polls that back off and rest, a line that says how old the figures are, toasts that go,
   the drop zone, the reader's zone. Everything works without this file. */
(function () {
  "use strict";

  const FIRST_WAIT = 2000, LONGEST_WAIT = 60000, STALE_AFTER = 3, TOAST_MS = 8000, UNDO_MS = 30000;
  let failures = 0, notBefore = 0, updatedAt = new Date(), retry = 0;

  const byId = (id) => document.getElementById(id);
  /* By the address: an element that was swapped away cannot be asked any more. */
  const isPoll = (event) => Boolean(event.detail.pathInfo && event.detail.pathInfo.requestPath.startsWith("/live/"));
  const clock = (date) => date.toLocaleTimeString("en-GB");

  function say(state) {
    const line = byId("live-line");
    const region = document.querySelector("[data-live]");
    if (!line) return;
    line.hidden = !region || !region.hasAttribute("hx-get");
    line.className = "live" + (state === "live" ? "" : " " + state);
    line.textContent = state === "paused" ? "Paused while the tab is hidden"
      : state === "stale" ? "Stale since " + clock(updatedAt)
      : "Live, updated " + clock(updatedAt);
  }

  function showBanner() {
    const banner = byId("stale");
    if (!banner) return;
    banner.hidden = false;
    banner.textContent = "";
    const words = document.createElement("span");
    const strong = document.createElement("strong");
    strong.textContent = "These figures are from " + clock(updatedAt) + ". ";
    words.append(strong, failures + " updates failed, the next try is at " + clock(new Date(notBefore)) + ".");
    const space = document.createElement("span");
    space.className = "sp";
    const again = document.createElement("button");
    again.type = "button";
    again.className = "btn sm";
    again.textContent = "Try now";
    again.addEventListener("click", pollNow);
    banner.append(words, space, again);
  }

  function pollNow() {
    clearTimeout(retry);
    notBefore = 0;
    const region = document.querySelector("[data-live][hx-get]");
    if (region && window.htmx) window.htmx.ajax("GET", region.getAttribute("hx-get"), { source: region, target: region, swap: "outerHTML" });
  }

  function failed() {
    failures += 1;
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failures - 1));
    notBefore = Date.now() + wait;
    /* A page in a slow rhythm would otherwise notice only minutes later that the server is back. */
    clearTimeout(retry);
    retry = setTimeout(() => { if (!document.hidden) pollNow(); }, wait);
    if (failures >= STALE_AFTER) {
      say("stale");
      showBanner();
    }
  }

  function succeeded() {
    clearTimeout(retry);
    failures = 0;
    notBefore = 0;
    updatedAt = new Date();
    const banner = byId("stale");
    if (banner) banner.hidden = true;
    say("live");
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isPoll(event) && (document.hidden || Date.now() < notBefore)) event.preventDefault();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!isPoll(event)) return;
    if (event.detail.successful) succeeded();
    else failed();
  });
  document.addEventListener("htmx:afterSettle", () => { say(failures >= STALE_AFTER ? "stale" : "live"); ready(document); keepPlace(); });
  /* A swap may take away what had the focus; a pressed button lost it when it was disabled. */
  let hadPlace = false;
  document.addEventListener("htmx:beforeSwap", (event) => { hadPlace = !isPoll(event) || document.activeElement !== document.body; });
  document.addEventListener("htmx:sendError", (event) => { if (!isPoll(event)) toast("Not done: the server does not answer. Try it again."); });
  document.addEventListener("htmx:responseError", (event) => {
    if (!isPoll(event)) toast("Not done: the server answered " + event.detail.xhr.status + ". Reload the page and try it again.");
  });
  window.addEventListener("online", () => { if (failures) pollNow(); });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) say("paused");
    else { say("live"); pollNow(); }
  });

  function keepPlace() {
    const heading = document.querySelector("main h1");
    if (!hadPlace || document.activeElement !== document.body || !heading) return;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }

  function toast(words) {
    const note = document.createElement("div");
    note.className = "toast bad";
    note.setAttribute("role", "alert");
    note.textContent = words;
    byId("toasts").append(note);
    ready(document);
  }

  function leaves(note) {
    const isBad = note.classList.contains("bad");
    const close = document.createElement("button");
    close.type = "button";
    close.className = "close";
    close.setAttribute("aria-label", "Close");
    close.textContent = "×";
    close.addEventListener("click", () => note.remove());
    note.append(close);
    if (isBad) return;
    const go = () => { if (note.matches(":hover, :focus-within")) setTimeout(go, 1000); else note.remove(); };
    setTimeout(go, note.querySelector("[data-undo]") ? UNDO_MS : TOAST_MS);
  }

  function drops(zone) {
    const input = zone.querySelector("input[type=file]");
    const words = zone.querySelector("[data-chosen]");
    const rest = words.textContent;
    const over = (on) => (event) => { event.preventDefault(); zone.classList.toggle("over", on); };
    const told = () => { words.textContent = input.files.length ? input.files[0].name : rest; };
    zone.addEventListener("dragover", over(true));
    zone.addEventListener("dragleave", over(false));
    zone.addEventListener("drop", (event) => {
      over(false)(event);
      if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; told(); }
    });
    input.addEventListener("change", told);
    /* Said before a file of gigabytes travels for nothing; the server says the same. */
    const limit = Number(input.dataset.limit);
    input.addEventListener("change", () => {
      const file = input.files[0];
      input.setCustomValidity(file && limit && file.size > limit ? "The file is larger than the " + input.dataset.limitWords + " that are allowed." : "");
      zone.classList.toggle("bad", !input.checkValidity());
      if (!input.reportValidity()) { input.value = ""; told(); }
    });
  }

  /* Things that come with a page or a swap; each is made ready once. */
  function ready(root) {
    for (const [selector, prepare] of [[".toast", leaves], [".drop", drops], ["[data-add-row]", addsRows], ["[data-remove-row]", removesRow], ["[data-follows]", shows], ["[data-without-script]", hides], [".menu", closes], ["[data-tick-all]", ticksAll]]) {
      for (const element of root.querySelectorAll(selector + ":not([data-ready])")) {
        element.setAttribute("data-ready", "");
        prepare(element);
      }
    }
  }

  function shows(words) { words.hidden = false; }
  function hides(button) { button.hidden = true; }

  /* Without this file the same buttons ask the server for a row more or less. */
  function addsRows(button) {
    button.addEventListener("click", (event) => {
      event.preventDefault();
      const rows = byId(button.dataset.addRow);
      const row = rows.lastElementChild.cloneNode(true);
      for (const input of row.querySelectorAll("input")) input.value = "";
      for (const part of row.querySelectorAll("[data-ready]")) part.removeAttribute("data-ready");
      rows.append(row);
      ready(row);
      row.querySelector("input").focus();
    });
  }

  function removesRow(button) {
    button.addEventListener("click", (event) => {
      event.preventDefault();
      const row = button.closest("tr"), rows = row.parentElement;
      for (const input of row.querySelectorAll("input")) input.value = "";
      if (rows.children.length > 1) row.remove();
      rows.dispatchEvent(new Event("input", { bubbles: true }));
      const next = rows.querySelector("input");
      if (next) next.focus();
    });
  }

  /* The box above a column ticks them all, and the bar above says how many are ticked. */
  function ticksAll(box) {
    const form = box.closest("form");
    const words = form.querySelector("[data-ticked]");
    const rest = words.textContent;
    const boxes = () => [...form.querySelectorAll("tbody input[type=checkbox]")];
    const tell = () => {
      const ticked = boxes().filter((each) => each.checked).length;
      words.textContent = ticked ? ticked + " ticked" : rest;
      box.checked = ticked > 0 && ticked === boxes().length;
      box.indeterminate = ticked > 0 && !box.checked;
    };
    box.hidden = false;
    box.addEventListener("change", () => { for (const each of boxes()) each.checked = box.checked; tell(); });
    form.addEventListener("change", (event) => { if (event.target !== box) tell(); });
    tell();
  }

  function closes(menu) {
    const summary = menu.querySelector("summary");
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      if (menu.contains(document.activeElement)) summary.focus();
      menu.open = false;
    });
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  }

  document.addEventListener("keydown", (event) => {
    const search = byId("q");
    if (event.key === "/" && search && !event.target.closest("input, textarea, select")) { event.preventDefault(); search.focus(); }
  });

  if ("serviceWorker" in navigator && window.isSecureContext) navigator.serviceWorker.register("/sw.js").catch(() => {});

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = "nightshift_zone=" + zone + "; path=/; max-age=31536000; samesite=lax";

  const wrong = document.querySelector("[aria-invalid=true]");
  if (wrong && !wrong.autofocus) wrong.focus();
  ready(document);
  say("live");
})();
