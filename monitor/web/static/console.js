// Counts, merges what the server sends into the page, and says so when nothing comes.
// Invariant: what a person typed, opened or focused is never replaced under their hands.
"use strict";

(function () {
  const LOST_AFTER = 12000; // ms without an answer: four missed refreshes
  let offset = 0; // server's clock minus this machine's, ms
  let heard = Date.now();
  let serverTime = null;

  function hear() {
    const live = document.getElementById("live");
    if (!live) return;
    serverTime = Date.parse(live.dataset.now);
    heard = Date.now();
    offset = serverTime - heard;
    document.title = live.dataset.title;
  }

  const two = (n) => String(n).padStart(2, "0");

  function span(ms) {
    const all = Math.max(0, Math.floor(ms / 1000));
    const second = all % 60, minute = Math.floor(all / 60) % 60;
    const hour = Math.floor(all / 3600) % 24, day = Math.floor(all / 86400);
    if (day) return `${day}天 ${two(hour)}:${two(minute)}:${two(second)}`;
    return hour ? `${hour}:${two(minute)}:${two(second)}` : `${two(minute)}:${two(second)}`;
  }

  const wall = new Intl.DateTimeFormat("zh-CN", {
    timeZone: "Asia/Shanghai", hourCycle: "h23", month: "2-digit", day: "2-digit",
    hour: "2-digit", minute: "2-digit", second: "2-digit",
  });

  function local(ms) {
    const part = {};
    for (const p of wall.formatToParts(new Date(ms))) part[p.type] = p.value;
    return `${part.month}月${part.day}日 ${part.hour}:${part.minute}:${part.second}`;
  }

  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  // From instants, never by subtracting one a second: right again at once after sleep.
  function tick() {
    const now = Date.now() + offset;
    for (const e of document.querySelectorAll("time[data-until]")) {
      const left = Date.parse(e.dataset.until) - now;
      say(e, span(left));
      e.closest(".figure").classList.toggle("over", left <= 0);
    }
    for (const e of document.querySelectorAll("time[data-since]")) {
      say(e, span(now - Date.parse(e.dataset.since)));
    }
    for (const e of document.querySelectorAll("time[data-wall]")) say(e, local(now));
    const lost = Date.now() - heard > LOST_AFTER;
    const bar = document.getElementById("lost");
    if (bar && bar.hidden === lost) {
      bar.hidden = !lost;
      if (lost) say(document.getElementById("lost-at"), local(serverTime));
    }
  }

  // Merge `next` into `old`: children with an id are matched by it, others by place.
  function merge(old, next, added) {
    if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName) {
      old.replaceWith(next);
      added.push(next);
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== next.data) old.data = next.data;
      return;
    }
    // A group that has just got into trouble opens; one that a person closed stays closed.
    if (next.classList.contains("trouble") && !old.classList.contains("trouble")) old.open = true;
    attributes(old, next);
    if (!/^(INPUT|TEXTAREA|SELECT)$/.test(old.nodeName)) children(old, next, added);
  }

  function attributes(old, next) {
    const kept = (name) => name === "open" || name === "value" || name === "disabled";
    for (const { name } of [...old.attributes]) {
      if (!kept(name) && !next.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (!kept(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
  }

  function children(old, next, added) {
    const wanted = [...next.childNodes];
    const ids = new Set(wanted.map((n) => n.id).filter(Boolean));
    let place = old.firstChild;
    for (const child of wanted) {
      while (place && place.id && !ids.has(place.id)) {
        const gone = place;
        place = place.nextSibling;
        gone.remove();
      }
      const known = child.id && [...old.children].find((c) => c.id === child.id);
      // Clear the way to it rather than move it: a moved field loses focus and composition.
      while (known && place && place !== known && !ids.has(place.id)) {
        const gone = place;
        place = place.nextSibling;
        gone.remove();
      }
      const match = known || (!child.id && place && !place.id ? place : null);
      if (!match) {
        old.insertBefore(child, place);
        added.push(child);
        continue;
      }
      if (match === place) place = place.nextSibling;
      else old.insertBefore(match, place);
      merge(match, child, added);
    }
    while (place) {
      const gone = place;
      place = place.nextSibling;
      gone.remove();
    }
  }

  htmx.defineExtension("calm", {
    isInlineSwap: (style) => style === "calm",
    handleSwap(style, target, fragment) {
      if (style !== "calm") return false;
      const next = fragment.querySelector("#live");
      const added = [];
      if (next) merge(target, next, added);
      hear();
      tick();
      return added.length ? added : true;
    },
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt;
    if (form.nodeName !== "FORM") return;
    if (event.detail.failed) shout("没有送到值班系统，请再按一次");
    else if (!document.querySelector("#said.bad")) {
      const name = form.querySelector("select").value;
      for (const select of document.querySelectorAll("select[name=by]")) {
        if (select !== document.activeElement) select.value = name;
      }
      for (const input of form.querySelectorAll("input")) input.value = "";
      form.closest("details")?.removeAttribute("open");
    }
  });

  function shout(text) {
    const said = document.getElementById("said");
    said.className = "said bad";
    said.hidden = false;
    said.textContent = text;
  }

  hear();
  tick();
  setInterval(tick, 250);
})();
