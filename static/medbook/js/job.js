"use strict";

// Keeps the page of an unfinished job up to date while somebody looks at it.
(() => {
  const page = () => document.getElementById("job");
  const progress = (root) => root.querySelector("[data-percent]");
  const quarter = (root) => Math.floor(progress(root).dataset.percent / 25);
  let told = quarter(page()), pause = 1000, timer = 0;

  const show = (fresh) => {
    const isOver = !fresh.matches("[data-live]");
    if (isOver || quarter(fresh) > told) {
      document.getElementById("job-said").textContent =
        `${fresh.querySelector("h2").textContent}, ${progress(fresh).dataset.percent} %`;
    }
    told = quarter(fresh);
    const hadFocus = page().contains(document.activeElement);
    if (isOver) page().replaceWith(fresh);
    else progress(page()).replaceWith(progress(fresh));
    if (isOver && hadFocus) fresh.querySelector("h2").focus();
  };

  const lookSoon = () => {
    if (!page().matches("[data-live]") || timer) return;
    timer = window.setTimeout(look, pause);
    pause = Math.min(5000, pause * 1.2);
  };

  const look = async () => {
    timer = 0;
    if (document.hidden) return;
    const answer = await fetch(window.location.href).catch(() => null);
    if (answer && (answer.redirected || answer.status === 404)) return;
    if (answer && answer.ok) {
      const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
      show(parsed.getElementById("job"));
    }
    lookSoon();
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) lookSoon(); });
  lookSoon();
})();
