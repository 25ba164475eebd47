// Trinity's own client, whole: a page's event stream, a DOM morph, forms by fetch, a palette and chords.
// No string is ever code here: markup is parsed inertly through the one Trusted Types policy, and morphed.

const policy = globalThis.trustedTypes?.createPolicy("trinity", { createHTML: (text) => text });
const parse = (html) => {
  const template = document.createElement("template");
  template.innerHTML = policy ? policy.createHTML(html) : html;
  return template.content;
};

// ---- morph: make `old` look like `fresh`, keeping elements, and with them focus, typed text and scroll.

const KEPT = { DETAILS: ["open"], DIALOG: ["open"], OPTION: ["selected"], BODY: ["class"] };

function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.dataset?.keepText !== undefined) return;
  morphAttributes(old, fresh);
  morphChildren(old, fresh);
}

function morphAttributes(old, fresh) {
  const kept = KEPT[old.nodeName] ?? [];
  for (const { name, value } of fresh.attributes) {
    if (!kept.includes(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !kept.includes(name) && !(name === "disabled" && old.dataset.busy)) {
      if (name !== "data-busy") old.removeAttribute(name);
    }
  }
}

// What tells siblings apart: an id, a field's name, or the name of the only field inside (a label).
function keyOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return "";
  if (node.id) return node.id;
  if (node.name) return `${node.nodeName} ${node.name} ${node.nodeName === "BUTTON" ? node.value : ""}`;
  const field = node.nodeName === "LABEL" && node.querySelector("input, textarea, select");
  return field ? `LABEL ${field.name}` : "";
}

function morphChildren(parent, freshParent) {
  const byKey = new Map();
  for (const child of parent.children) if (keyOf(child)) byKey.set(keyOf(child), child);
  let next = parent.firstChild;
  for (const fresh of [...freshParent.childNodes]) {
    next = skipKept(next);
    const match = findMatch(fresh, next, byKey);
    if (match === null) {
      const added = document.importNode(fresh, true);
      if (added.nodeType === Node.ELEMENT_NODE) added.classList.add("is-new");
      parent.insertBefore(added, next);
      continue;
    }
    if (match === next) next = next.nextSibling;
    else move(parent, match, next);
    if (match.nodeType === Node.ELEMENT_NODE) morph(match, fresh);
    else if (match.nodeValue !== fresh.nodeValue) match.nodeValue = fresh.nodeValue;
  }
  while (next) {
    const after = next.nextSibling;
    if (next.dataset?.keep === undefined) next.remove();
    next = after;
  }
}

const skipKept = (node) => {
  while (node?.dataset?.keep !== undefined) node = node.nextSibling;
  return node;
};

function findMatch(fresh, next, byKey) {
  const key = keyOf(fresh);
  if (key) {
    const found = byKey.get(key);
    byKey.delete(key);
    return found?.nodeName === fresh.nodeName ? found : null;
  }
  const near = fresh.nodeType === Node.ELEMENT_NODE ? nextElement(next) : next;
  const isSame = near && near.nodeType === fresh.nodeType && near.nodeName === fresh.nodeName && !keyOf(near);
  return isSame ? near : null;
}

// Space between elements may differ, as where a field is left out of a stream; what was typed must not go with it.
function nextElement(node) {
  while (node && (node.nodeType !== Node.ELEMENT_NODE || node.dataset.keep !== undefined)) node = node.nextSibling;
  return node;
}

function move(parent, node, before) {
  if (parent.moveBefore) return parent.moveBefore(node, before);
  const active = node.contains(document.activeElement) ? document.activeElement : null;
  const range = active && "selectionStart" in active ? [active.selectionStart, active.selectionEnd] : null;
  parent.insertBefore(node, before);
  active?.focus({ preventScroll: true });
  if (range?.[0] != null) active.setSelectionRange(...range);
}

function apply(html) {
  for (const fresh of [...parse(html).children]) {
    const old = fresh.id && document.getElementById(fresh.id);
    if (old) morph(old, fresh);
  }
  tell();
}

// ---- times: the server writes UTC; here they become the reader's own clock, "3 min ago", a countdown.

const STEPS = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [7 * 86400, "day", 86400]];
const words = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const clock = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

function ago(seconds) {
  const step = STEPS.find(([limit]) => Math.abs(seconds) < limit);
  return step ? words.format(Math.trunc(seconds / step[2]), step[1]) : null;
}

function left(seconds) {
  if (seconds <= 0) return "now";
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h > 0 ? `in ${h} h ${two(m)} min` : `in ${m}:${two(s)}`;
}

function tell() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[datetime]")) {
    const then = Date.parse(element.dateTime);
    const seconds = (then - now) / 1000;
    const text = "until" in element.dataset ? left(seconds) : (ago(Math.min(seconds, 0)) ?? clock.format(then));
    if (element.textContent !== text) element.textContent = text;
    const title = clock.format(then);
    if (element.title !== title) element.title = title;
    element.classList.toggle("is-soon", "until" in element.dataset && seconds < 600);
  }
}

// ---- the stream: opened while the page is seen, closed while it is hidden, back by itself after a break.

const SILENCE_MS = 35000;
const DELAY_FIRST_MS = 300;
const DELAY_MAX_MS = 15000;
let source, delay = DELAY_FIRST_MS, again, silence;

function say(state, text) {
  document.documentElement.dataset.live = state;
  const sign = document.getElementById("conn");
  if (sign && sign.textContent !== text) sign.textContent = text;
}

function heard() {
  clearTimeout(silence);
  silence = setTimeout(comeBack, SILENCE_MS);
  delay = DELAY_FIRST_MS;
  say("on", "live");
}

function close() {
  clearTimeout(again);
  clearTimeout(silence);
  source?.close();
  source = undefined;
}

function comeBack() {
  close();
  say("off", "reconnecting…");
  again = setTimeout(open, delay * (0.7 + Math.random() * 0.6));
  delay = Math.min(delay * 1.7, DELAY_MAX_MS);
}

function open() {
  close();
  if (document.hidden) return;
  source = new EventSource(document.body.dataset.live);
  source.addEventListener("patch", (event) => { heard(); apply(event.data); });
  source.addEventListener("ping", heard);
  source.addEventListener("bye", (event) => {
    if (event.data === "restart" || event.data === "full") return comeBack();
    close();
    // Never a tight loop: a page that was only just loaded waits before it loads itself again.
    setTimeout(() => location.reload(), Math.max(0, 3000 - performance.now()));
  });
  source.onerror = () => { comeBack(); };
}

// ---- forms: sent by fetch, so that a refusal leaves what was typed in place and says why beside it.

const csrf = document.querySelector("meta[name=csrf-token]").content;

async function send(form, button) {
  const buttons = [...form.querySelectorAll("button")];
  const fields = new FormData(form, button);
  const body = form.enctype === "multipart/form-data" ? fields : new URLSearchParams(fields);
  for (const each of buttons) { each.disabled = true; each.dataset.busy = ""; }
  complain(form, "");
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body,
      headers: { "X-CSRF-Token": csrf, Accept: "application/problem+json" },
      redirect: "error",
    });
    if (answer.status === 204) return arrive(answer.headers.get("trinity-location"), answer.headers.get("trinity-say"));
    const problem = await answer.json().catch(() => ({ detail: `The server answered ${answer.status}.` }));
    complain(form, problem.detail ?? problem.title);
    if (answer.status === 409 || answer.status === 401) open();
  } catch {
    complain(form, "The server cannot be reached. Nothing is known to have changed; try again.");
  } finally {
    for (const each of buttons) { each.disabled = false; delete each.dataset.busy; }
  }
}

function arrive(address, text) {
  if (text) toast(decodeURIComponent(text));
  if (address && address !== location.pathname + location.search) location.assign(address);
  else { delay = DELAY_FIRST_MS; open(); }
}

function complain(form, text) {
  let note = form.querySelector(":scope > .alert[data-keep]");
  if (!text) return note?.remove();
  if (!note) {
    note = document.createElement("p");
    note.className = "alert";
    note.dataset.keep = "";
    note.setAttribute("role", "alert");
    form.prepend(note);
  }
  note.textContent = text;
}

let toastTimer;
function toast(text) {
  const place = document.getElementById("toast");
  place.textContent = text;
  place.classList.add("is-shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => place.classList.remove("is-shown"), 5000);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.id === "sign-out") return;
  event.preventDefault();
  send(form, event.submitter);
});

// ---- keys: Ctrl/Cmd-K opens the palette, "g a" goes to Approvals, j and k walk along the links of a list.

const palette = document.getElementById("palette");
const filter = document.getElementById("palette-filter");
const entries = [...palette.querySelectorAll("li")];

function openPalette() {
  filter.value = "";
  sift();
  palette.showModal();
  filter.focus();
}

function sift() {
  const wanted = filter.value.trim().toLowerCase();
  for (const entry of entries) entry.hidden = !entry.textContent.toLowerCase().includes(wanted);
  const shown = entries.filter((entry) => !entry.hidden);
  entries.forEach((entry) => entry.classList.toggle("is-picked", entry === shown[0]));
  palette.querySelector(".palette-none").hidden = shown.length > 0;
}

function pick(step) {
  const shown = entries.filter((entry) => !entry.hidden);
  const at = shown.findIndex((entry) => entry.classList.contains("is-picked"));
  entries.forEach((entry) => entry.classList.remove("is-picked"));
  shown[(at + step + shown.length) % shown.length]?.classList.add("is-picked");
}

filter.addEventListener("input", sift);
filter.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); pick(event.key === "ArrowDown" ? 1 : -1); }
  if (event.key === "Enter") { event.preventDefault(); palette.querySelector(".is-picked a")?.click(); }
});
palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
document.addEventListener("click", (event) => { if (event.target.closest("[data-open=palette]")) openPalette(); });

function walk(step) {
  const links = [...document.querySelectorAll("main a.row-link")];
  if (links.length === 0) return;
  const at = links.indexOf(document.activeElement);
  links[Math.max(0, Math.min(links.length - 1, at + step))].focus();
}

let chord = 0;
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return palette.open ? palette.close() : openPalette();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || palette.open) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  if (Date.now() - chord < 1200) {
    chord = 0;
    return document.querySelector(`[data-chord="${CSS.escape(event.key)}"]`)?.click();
  }
  if (event.key === "g") chord = Date.now();
  if (event.key === "j") walk(1);
  if (event.key === "k") walk(-1);
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) { close(); say("rest", "resting"); } else open();
});
addEventListener("pagehide", close);
addEventListener("pageshow", (event) => { if (event.persisted) open(); });

tell();
setInterval(tell, 1000);
say("off", "connecting…");
open();
