// Asks for the newest picture, shows it, asks again: what a slow connection cannot carry is never sent.

const ANSWER_WITHIN_MS = 6000;
const AGAIN_AFTER_MS = 1500;
const NEWLINE = 10;
const MANY_CLASSES = 12;
const RATE_OVER_MS = 3000;

const STATES = {
  waiting: "Waiting",
  live: "Live",
  stale: "Stale",
  lost: "Lost",
  ended: "Ended",
  away: "No answer",
};

const at = (id) => document.getElementById(id);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const nextPaint = () => new Promise((done) => requestAnimationFrame(done));
const score = (value) => value.toFixed(2);

const picture = at("picture");
const pen = picture.getContext("2d", { alpha: false });
const words = new TextDecoder();
const boxes = new Map(); // of each class: its checkbox, its count, its line
let about = null;
let edition = -1;
let answeredAt = performance.now();
let shownAt = [];

// ---- Settings: what is wished for is sent one at a time; the newest wish alone waits. ----

let wish = null;
let isSending = false;
let settledAt = 0; // the edition of the settings that this page has brought about

async function send(change) {
  wish = { ...wish, ...change };
  if (isSending) return;
  isSending = true;
  try {
    while (wish !== null) {
      const body = JSON.stringify(wish);
      wish = null;
      const headers = { "content-type": "application/json" };
      const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
      const answer = await fetch("settings", { method: "PUT", headers, body, signal });
      if (answer.ok) settledAt = (await answer.json()).settings_edition;
    }
  } catch {
    wish = null; // the next picture says what holds
  } finally {
    isSending = false;
  }
}

function hidden() {
  return [...boxes].filter(([, line]) => !line.input.checked).map(([name]) => name);
}

function followSettings({ threshold, hidden: names, settings_edition: knownAt }) {
  // Neither what the hand has moved since, nor an answer from before, moves it back.
  if (isSending || knownAt < settledAt) return;
  at("threshold").value = Math.round(threshold * 100);
  sayThreshold();
  const unseen = new Set(names);
  for (const [name, line] of boxes) line.input.checked = !unseen.has(name);
}

function sayThreshold() {
  const text = score(at("threshold").valueAsNumber / 100);
  at("threshold-value").textContent = text;
  at("threshold").setAttribute("aria-valuetext", text);
}

function tick(names, isShown) {
  for (const name of names) boxes.get(name).input.checked = isShown;
  send({ hidden: hidden() });
}

function found() {
  return [...boxes].filter(([, line]) => !line.item.hidden).map(([name]) => name);
}

function prepareSettings() {
  const slider = at("threshold");
  slider.min = Math.round(about.floor * 100);
  slider.disabled = false;
  slider.addEventListener("input", () => {
    sayThreshold();
    send({ threshold: slider.valueAsNumber / 100 });
  });
  at("score").hidden = about.task === "segmentation";
  at("own").textContent = about.task === "detection" ? `The robot goes by ${score(about.threshold)}` : "";
  at("classes-number").textContent = about.classes.length;
  at("classes").replaceChildren(...about.classes.map(classLine));
  at("all").addEventListener("click", () => tick(found(), true));
  at("none").addEventListener("click", () => tick(found(), false));
  at("reset").addEventListener("click", () => send({ threshold: about.threshold, hidden: [] }));
  at("search").hidden = about.classes.length <= MANY_CLASSES;
  at("search").addEventListener("input", search);
}

function search() {
  const text = at("search").value.trim().toLowerCase();
  for (const [name, line] of boxes) line.item.hidden = !name.toLowerCase().includes(text);
}

function classLine({ name, colour }) {
  const [item, label, input, swatch, text, count] =
    ["li", "label", "input", "span", "span", "span"].map((tag) => document.createElement(tag));
  input.type = "checkbox";
  input.checked = true;
  input.addEventListener("change", () => send({ hidden: hidden() }));
  swatch.className = "swatch";
  swatch.style.background = colour;
  text.className = "label";
  text.textContent = name;
  count.className = "quiet";
  label.append(input, swatch, text, count);
  item.append(label);
  boxes.set(name, { input, count, item });
  return item;
}

// ---- What is seen ----

async function show(jpeg) {
  const image = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
  if (picture.width !== image.width || picture.height !== image.height) {
    picture.width = image.width;
    picture.height = image.height;
  }
  pen.drawImage(image, 0, 0);
  image.close();
  shownAt.push(performance.now());
}

function rate() {
  const now = performance.now();
  shownAt = shownAt.filter((ms) => now - ms < RATE_OVER_MS);
  if (shownAt.length < 2) return "0";
  return ((shownAt.length - 1) * 1000 / (shownAt.at(-1) - shownAt[0])).toFixed(1);
}

function tell(seen) {
  const isLive = seen.state === "live";
  sayState(seen.state, notice(seen));
  at("fps").textContent = isLive ? `${seen.fps.toFixed(1)} / s` : "–";
  at("here").textContent = rate();
  at("dropped").textContent = seen.dropped.toLocaleString("en");
  at("latency").textContent = isLive ? `${seen.latency_ms.toFixed(0)} ms` : "–";
  at("count").textContent = isLive ? seen.count : "–";
  at("frame").textContent = seen.name ?? "no frame yet";
  sayCounts(isLive ? seen.by_class : {});
  list(isLive ? seen.objects : [], isLive ? seen.count : 0, isLive);
}

function sayCounts(byClass) {
  for (const [name, line] of boxes) line.count.textContent = byClass[name] ?? "";
  // Of many classes those that were found stand first; nothing moves under a finger.
  if (boxes.size <= MANY_CLASSES || at("classes").matches(":hover, :focus-within")) return;
  for (const name of Object.keys(byClass)) {
    const line = boxes.get(name);
    if (!line || line.item.classList.contains("found")) continue;
    line.item.classList.add("found");
    at("classes").insertBefore(line.item, at("classes").querySelector("li:not(.found)"));
  }
}

function notice({ state, since_s, why, captured_at }) {
  if (state === "waiting") return "Waiting for the first picture";
  if (state === "ended") return "The program has ended";
  const last = captured_at ? `, the last at ${new Date(captured_at * 1000).toLocaleTimeString()}` : "";
  return `No frame for ${Math.round(since_s)} s${last}${why ? ` (${why})` : ""}`;
}

function sayState(state, text) {
  const badge = at("state");
  if (badge.dataset.state !== state || badge.textContent !== STATES[state]) {
    badge.dataset.state = state;
    badge.textContent = STATES[state];
  }
  picture.parentElement.dataset.state = state;
  at("notice").textContent = text;
}

function list(objects, count, isLive) {
  const lines = objects.map((one) => {
    const [item, name, detail] = ["li", "span", "span"].map((tag) => document.createElement(tag));
    name.className = "label";
    name.textContent = one.id == null ? one.class : `${one.id}: ${one.class}`;
    detail.className = "detail";
    detail.textContent = details(one);
    item.append(name, detail);
    return item;
  });
  at("objects").replaceChildren(...lines);
  at("nothing").hidden = isLive && count === objects.length && count > 0;
  at("nothing").textContent =
    !isLive ? "Nothing is known" : count ? `and ${count - objects.length} more` : "Nothing";
}

function details(one) {
  if ("share" in one) return `${(100 * one.share).toFixed(0)} % of the picture`;
  const parts = [score(one.score)];
  const away = one.distance_m;
  if (away) parts.unshift(`${away.value.toFixed(1)} m (${away.low.toFixed(1)}–${away.high.toFixed(1)})`);
  return parts.join(" · ");
}

// ---- Question after question ----

async function ask() {
  const answer = await fetch(`newest?after=${edition}`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (answer.status === 401) throw new Error("Started anew: open the address that it printed");
  if (!answer.ok) throw new Error("The program does not answer as it should");
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const end = bytes.indexOf(NEWLINE);
  const seen = JSON.parse(words.decode(bytes.subarray(0, end)));
  if (seen.run !== about.run) location.reload();
  if (end + 1 < bytes.length) await show(bytes.subarray(end + 1));
  edition = seen.edition;
  answeredAt = performance.now();
  tell(seen);
  followSettings(seen);
  if (seen.state === "ended") await pause(AGAIN_AFTER_MS);
}

async function begin() {
  const answer = await fetch("about", { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (!answer.ok) throw new Error("The program does not answer as it should");
  about = await answer.json();
  document.title = `${about.title} · akitsu watch`;
  at("title").textContent = about.title;
  at("source").textContent = about.source;
  prepareSettings();
}

function sayAway(error) {
  const since = Math.round((performance.now() - answeredAt) / 1000);
  const why = error.name === "Error" ? `${error.message}. ` : "";
  sayState("away", `${why}No answer for ${since} s`);
  list([], 0, false);
}

async function follow() {
  for (;;) {
    try {
      await nextPaint(); // a hidden page is not painted, and so does not ask
      if (about === null) await begin();
      await ask();
    } catch (error) {
      sayAway(error);
      await pause(AGAIN_AFTER_MS);
    }
  }
}

follow();
