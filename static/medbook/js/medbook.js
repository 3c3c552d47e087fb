"use strict";

// Everything here is comfort: each page works without it.
(() => {
  const texts = document.body.dataset;

  // Live regions are in the page from the start; only text is put into them.
  const say = (text, region = "polite") => {
    const place = document.getElementById(region);
    if (!place) return;
    place.textContent = "";
    window.setTimeout(() => { place.textContent = text; }, 50);
  };

  const clock = (seconds) =>
    `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

  // <count-down now until>: counts on the server's clock, whatever the phone's clock says.
  class CountDown extends HTMLElement {
    connectedCallback() {
      const until = Date.parse(this.getAttribute("until"));
      const now = Date.parse(this.getAttribute("now"));
      if (Number.isNaN(until) || Number.isNaN(now)) return;
      this.end = performance.now() + until - now;
      this.milestones = [300, 120, 60, 30].filter((at) => at < (until - now) / 1000);
      this.digits = document.createElement("span");
      this.digits.className = "countdown";
      this.digits.setAttribute("aria-hidden", "true");
      this.append(" ", this.digits);
      this.timer = window.setInterval(() => this.tick(), 1000);
      this.tick();
    }

    disconnectedCallback() {
      window.clearInterval(this.timer);
    }

    tick() {
      const left = Math.max(0, Math.ceil((this.end - performance.now()) / 1000));
      this.digits.textContent = this.dataset.left.replace("{time}", clock(left));
      if (left <= this.milestones[0]) {
        while (left <= this.milestones[0]) this.milestones.shift();
        say(this.dataset.left.replace("{time}", clock(left)));
      }
      if (left === 0) {
        window.clearInterval(this.timer);
        this.digits.remove();
        this.textContent = this.dataset.over;
        say(this.dataset.over, "urgent");
      }
    }
  }
  window.customElements.define("count-down", CountDown);

  // A visitor whose own clock differs from the clinic's is told the time at home too.
  const tellLocalTime = (root) => {
    for (const note of root.querySelectorAll("[data-instant]")) {
      const instant = new Date(note.dataset.instant);
      const away = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
      const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
      const here = new Intl.DateTimeFormat(language, away).format(instant);
      const there = new Intl.DateTimeFormat(language, { ...away, timeZone: note.dataset.zone }).format(instant);
      if (here !== there) {
        note.textContent = note.dataset.text.replace("{time}", here);
        note.hidden = false;
      }
    }
  };

  // After a swap, reading goes on where the new content starts.
  const moveFocus = (root) => {
    const form = document.activeElement && document.activeElement.closest("form");
    const target = root.querySelector("[data-focus]");
    if (root.dataset.say) say(root.dataset.say);
    if (target && !form) target.focus({ preventScroll: true });
  };

  // Nothing for 150 ms, then a bar, then words.
  const bar = document.querySelector(".busy-bar");
  let waits = [];
  const calm = () => {
    waits.forEach(window.clearTimeout);
    waits = [];
    if (bar) bar.hidden = true;
  };
  const busy = () => {
    calm();
    waits = [
      window.setTimeout(() => { if (bar) bar.hidden = false; }, 150),
      window.setTimeout(() => say(texts.busy), 1000),
      window.setTimeout(() => say(texts.stillBusy, "urgent"), 8000),
    ];
  };

  document.addEventListener("htmx:beforeRequest", busy);
  document.addEventListener("htmx:afterRequest", calm);
  document.addEventListener("htmx:afterSettle", (event) => {
    document.getElementById("urgent").textContent = "";
    tellLocalTime(event.target);
    moveFocus(event.target);
  });
  for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, () => say(texts.lost, "urgent"));
  }

  // The second press of a button is dropped here; on the server the idempotency key stops it.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    if (event.submitter) event.submitter.setAttribute("aria-disabled", "true");
    busy();
  });
  window.addEventListener("pageshow", () => {
    calm();
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const button of document.querySelectorAll("button[aria-disabled]")) button.removeAttribute("aria-disabled");
  });

  // The account sheet closes on Escape and on a click elsewhere.
  const sheet = document.querySelector("details.me");
  if (sheet) {
    document.addEventListener("click", (event) => { if (!sheet.contains(event.target)) sheet.open = false; });
    sheet.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !sheet.open) return;
      sheet.open = false;
      sheet.querySelector("summary").focus();
    });
  }

  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }

  tellLocalTime(document);
  const arrival = document.querySelector("main [data-focus].error-summary");
  if (arrival) arrival.focus();
})();
