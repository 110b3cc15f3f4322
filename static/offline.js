/* The page that stands in for a server that is away: asks every few seconds, and goes on when it is back. */
(function () {
  "use strict";

  const FIRST_WAIT = 2000, LONGEST_WAIT = 30000;
  let wait = FIRST_WAIT;

  async function look() {
    try {
      const answer = await fetch("/healthz/web", { cache: "no-store" });
      if (answer.ok) { location.reload(); return; }
    } catch {
      /* Still away. */
    }
    document.getElementById("tried").textContent = "Tried at " + new Date().toLocaleTimeString("en-GB") + ".";
    wait = Math.min(LONGEST_WAIT, wait * 2);
    setTimeout(look, wait);
  }

  document.getElementById("again").href = location.href;
  window.addEventListener("online", look);
  setTimeout(look, wait);
})();
