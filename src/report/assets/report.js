// What a page can do beyond being read: walk through the witness, switch the theme, search the timeline and the events.
// The page says everything without it, except for the timeline and the table of all events.
"use strict";

const byId = (id) => document.getElementById(id);

// --- Light and dark.

const theme = byId("theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const root = document.documentElement;
  const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme || preferred) === "dark" ? "light" : "dark";
  draw();
});

// --- The command to run it again.

const copy = byId("copy");
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(byId("replay").textContent);
    copy.textContent = "copied";
    setTimeout(() => (copy.textContent = "copy"), 1500);
  });
}

// --- Walking through a witness: arrow keys, or a click on a step.

const cases = [...document.querySelectorAll(".case")].filter((one) => one.querySelector(".picture"));
let walking = cases[0];

for (const one of cases) {
  one.querySelector(".hint").hidden = false;
  const caption = document.createElement("p");
  caption.className = "caption";
  caption.setAttribute("aria-live", "polite");
  one.querySelector(".picture").after(caption);
  one.addEventListener("pointerdown", () => (walking = one));
  one.addEventListener("click", (event) => {
    const link = event.target.closest("a.mark, .steps a.badge");
    if (!link) return;
    event.preventDefault();
    show(one, Number((link.dataset.step || link.closest("li").dataset.step)));
  });
}

function steps(one) {
  return [...one.querySelectorAll(".steps li")];
}

function current(one) {
  const li = one.querySelector(".steps li.current");
  return li ? Number(li.dataset.step) : 0;
}

function show(one, number) {
  walking = one;
  for (const old of one.querySelectorAll(".current")) old.classList.remove("current");
  const li = steps(one).find((step) => Number(step.dataset.step) === number);
  if (!li) return;
  li.classList.add("current");
  for (const mark of one.querySelectorAll(`a.mark[data-step="${number}"]`)) {
    mark.classList.add("current");
    const plate = mark.querySelector(".plate").getBoundingClientRect();
    if (plate.width === 0) continue; // It lies on the axis that is not shown.
    const scroll = mark.closest(".scroll");
    const frame = scroll.getBoundingClientRect();
    scroll.scrollLeft += plate.left - frame.left - frame.width / 2;
    mark.focus({ preventScroll: true });
    const picture = one.querySelector(".picture").getBoundingClientRect();
    if (picture.bottom < 120 || picture.top > innerHeight - 120) {
      one.querySelector(".picture").scrollIntoView({ block: "center" });
    }
  }
  const text = li.querySelector(".said").firstChild.textContent.trim();
  const when = li.querySelector(".when").textContent;
  one.querySelector(".caption").textContent = `${number} of ${steps(one).length} · ${when} · ${text}`;
}

document.addEventListener("keydown", (event) => {
  if (!walking || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.target.closest("input, select, textarea, #canvas, #table, .strip")) return;
  const count = steps(walking).length;
  const at = current(walking);
  const goal = { ArrowRight: Math.min(at + 1, count), ArrowLeft: Math.max(at - 1, 1), Home: 1, End: count }[event.key];
  if (goal) {
    event.preventDefault();
    show(walking, goal);
  } else if (event.key === "Escape") {
    for (const old of walking.querySelectorAll(".current")) old.classList.remove("current");
    walking.querySelector(".caption").textContent = "";
  }
});

// --- All events: the same filter for the timeline and the table.

const data = JSON.parse(byId("data").textContent);
const [NUMBER, BEGIN, END, LANE, SIGN, ANSWER, TEXT, PARTITIONS, RAW] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const witness = new Set(data.witness);
const all = data.events;
let shown = all;
let chosen = -1;

const timed = all.filter((row) => row[BEGIN] !== null);
const first = timed.length ? timed[0][BEGIN] : 0;
const last = timed.reduce((end, row) => Math.max(end, row[BEGIN], row[END] ?? 0), first + 1);
let view = [first, last];

function readable(nanos) {
  if (nanos === null) return "at the end";
  const units = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];
  const [unit, name] = units.find(([unit]) => nanos >= unit) || units[0];
  return `${(Math.floor((nanos / unit) * 1000) / 1000).toLocaleString("en", { maximumFractionDigits: 3 })} ${name}`;
}

function fill(select, names) {
  for (const [value, name] of names) {
    const option = document.createElement("option");
    option.value = value;
    option.textContent = name;
    select.append(option);
  }
}

const used = new Set(all.map((row) => row[SIGN]));
fill(byId("lane"), data.lanes.map((name, at) => [at, name]));
fill(byId("partition"), data.partitions.map((name) => [name, name]));
fill(byId("sign"), data.signs.map((name, at) => [at, name]).filter(([at]) => used.has(at)));
document.querySelector(".filter").hidden = false;
byId("canvas").hidden = timed.length === 0;
byId("table").hidden = false;

function filter() {
  const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  const lane = byId("lane").value;
  const partition = byId("partition").value;
  const sign = byId("sign").value;
  shown = all.filter((row) => {
    if (lane !== "" && row[LANE] !== Number(lane)) return false;
    if (sign !== "" && row[SIGN] !== Number(sign)) return false;
    if (partition !== "" && !row[PARTITIONS].includes(partition)) return false;
    if (words.length === 0) return true;
    const text = `${row[NUMBER]} ${data.lanes[row[LANE]]} ${data.signs[row[SIGN]]} ${row[TEXT]} ${row[RAW] ? JSON.stringify(row[RAW]) : ""}`;
    const lower = text.toLowerCase();
    return words.every((word) => lower.includes(word));
  });
  byId("count").textContent = `${shown.length.toLocaleString("en")} of ${all.length.toLocaleString("en")} events`;
  draw();
  byId("table").scrollTop = 0;
  list();
}

for (const id of ["find", "lane", "partition", "sign"]) byId(id).addEventListener("input", filter);

// --- The timeline.

const canvas = document.querySelector("#canvas canvas");
const ROW = 22;
const NAMES = 150;
let lanesShown = [];

function draw() {
  if (byId("canvas").hidden) return;
  // A colour depends on the theme; an element that wears it knows which one it is.
  const colours = new Map();
  const colour = (name) => {
    if (!colours.has(name)) {
      canvas.style.color = `var(--${name})`;
      colours.set(name, getComputedStyle(canvas).color);
    }
    return colours.get(name);
  };
  const width = byId("canvas").clientWidth;
  lanesShown = data.lanes.map((_, at) => at).filter((at) => shown.some((row) => row[LANE] === at && row[BEGIN] !== null));
  const height = lanesShown.length * ROW + 24;
  const scale = devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.font = "12px system-ui, sans-serif";
  const names = Math.min(NAMES, width / 3);
  const x = (t) => names + ((t - view[0]) / (view[1] - view[0])) * (width - names);
  lanesShown.forEach((lane, at) => {
    if (at % 2 === 0) {
      pen.fillStyle = colour("even");
      pen.fillRect(0, 24 + at * ROW, width, ROW);
    }
  });
  const marks = Math.max(2, Math.floor((width - names) / 140));
  for (let at = 0; at <= marks; at += 1) {
    const t = view[0] + ((view[1] - view[0]) * at) / marks;
    pen.fillStyle = colour("line");
    pen.fillRect(x(t), 20, 1, height - 20);
    pen.fillStyle = colour("soft");
    pen.textAlign = at === marks ? "right" : "left";
    pen.fillText(readable(Math.round(t)), x(t) + (at === marks ? -3 : 3), 14);
  }
  pen.textAlign = "left";
  const place = new Map(lanesShown.map((lane, at) => [lane, at]));
  const paint = { ok: "ok", info: "info", fail: "fail", open: "info" };
  for (const row of shown) {
    if (row[BEGIN] === null || row[BEGIN] > view[1] || (row[END] ?? row[BEGIN]) < view[0]) continue;
    const top = 24 + place.get(row[LANE]) * ROW;
    const from = Math.max(names, x(row[BEGIN]));
    const to = Math.max(from + 2, Math.min(width, x(row[ANSWER] === "open" ? view[1] : row[END] ?? row[BEGIN])));
    const isWitness = witness.has(row[NUMBER]);
    const sign = data.signs[row[SIGN]];
    pen.fillStyle = colour(isWitness ? "cause" : paint[row[ANSWER]] || (sign === "fault" || sign === "crash" ? "fault" : "leader"));
    pen.globalAlpha = isWitness || row[NUMBER] === chosen ? 1 : 0.7;
    pen.fillRect(from, top + (isWitness ? 2 : 5), to - from, isWitness ? ROW - 4 : ROW - 10);
    pen.globalAlpha = 1;
    if (row[NUMBER] === chosen) {
      pen.strokeStyle = colour("ink");
      pen.lineWidth = 2;
      pen.strokeRect(from - 2, top + 2, to - from + 4, ROW - 4);
    }
  }
  // Names last: what scrolls to the left goes behind them.
  lanesShown.forEach((lane, at) => {
    pen.fillStyle = colour(at % 2 === 0 ? "even" : "card");
    pen.fillRect(0, 24 + at * ROW, names - 2, ROW);
    pen.fillStyle = colour("ink");
    pen.fillText(data.lanes[lane], 10, 24 + at * ROW + 15, names - 16);
  });
}

function found(event) {
  const box = canvas.getBoundingClientRect();
  const names = Math.min(NAMES, box.width / 3);
  const lane = lanesShown[Math.floor((event.clientY - box.top - 24) / ROW)];
  const scale = (view[1] - view[0]) / (box.width - names);
  const t = view[0] + (event.clientX - box.left - names) * scale;
  let best = null;
  let least = 6 * scale;
  for (const row of shown) {
    if (row[LANE] !== lane || row[BEGIN] === null) continue;
    const end = row[END] ?? row[BEGIN];
    const distance = t < row[BEGIN] ? row[BEGIN] - t : t > end ? t - end : 0;
    if (distance < least || (distance === least && best && witness.has(row[NUMBER]))) {
      best = row;
      least = distance;
    }
  }
  return best;
}

function zoom(factor, centre = (view[0] + view[1]) / 2) {
  const length = Math.min(last - first, Math.max((view[1] - view[0]) * factor, 1000));
  const share = (centre - view[0]) / (view[1] - view[0]);
  move(centre - share * length, length);
}

function move(from, length = view[1] - view[0]) {
  const begin = Math.max(first, Math.min(from, last - length));
  view = [begin, begin + length];
  draw();
}

byId("in").addEventListener("click", () => zoom(0.5));
byId("out").addEventListener("click", () => zoom(2));
byId("all").addEventListener("click", () => move(first, last - first));

canvas.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !event.metaKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
  event.preventDefault();
  const box = canvas.getBoundingClientRect();
  const names = Math.min(NAMES, box.width / 3);
  const scale = (view[1] - view[0]) / (box.width - names);
  if (event.ctrlKey || event.metaKey) zoom(event.deltaY > 0 ? 1.25 : 0.8, view[0] + (event.clientX - box.left - names) * scale);
  else move(view[0] + event.deltaX * scale);
}, { passive: false });

canvas.addEventListener("keydown", (event) => {
  const length = view[1] - view[0];
  const act = {
    ArrowLeft: () => move(view[0] - length / 5),
    ArrowRight: () => move(view[0] + length / 5),
    "+": () => zoom(0.5),
    "=": () => zoom(0.5),
    "-": () => zoom(2),
    Home: () => move(first),
    End: () => move(last - length),
  }[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

let dragging = null;
canvas.addEventListener("pointerdown", (event) => {
  dragging = { x: event.clientX, from: view[0], moved: false };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  const tip = byId("tip");
  if (dragging) {
    const box = canvas.getBoundingClientRect();
    const scale = (view[1] - view[0]) / (box.width - Math.min(NAMES, box.width / 3));
    if (Math.abs(event.clientX - dragging.x) > 3) dragging.moved = true;
    if (dragging.moved) move(dragging.from - (event.clientX - dragging.x) * scale);
    return;
  }
  const row = found(event);
  tip.hidden = !row;
  if (!row) return;
  tip.textContent = `${readable(row[BEGIN])} · ${data.lanes[row[LANE]]} ${row[TEXT]} (event ${row[NUMBER]})`;
  const box = byId("canvas").getBoundingClientRect();
  const left = event.clientX - box.left;
  tip.style.left = `${Math.min(left + 12, Math.max(8, box.width - 300))}px`;
  tip.style.top = `${event.clientY - box.top + byId("canvas").scrollTop + 14}px`;
});
canvas.addEventListener("pointerup", (event) => {
  const row = dragging && !dragging.moved ? found(event) : null;
  dragging = null;
  if (row) choose(row[NUMBER]);
});
canvas.addEventListener("pointerleave", () => (byId("tip").hidden = true));
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

// --- The table: only the rows that can be seen exist.

const HEIGHT = 26;
const table = byId("table");
const rows = byId("rows");

function list() {
  rows.style.height = `${shown.length * HEIGHT}px`;
  const from = Math.max(0, Math.floor(table.scrollTop / HEIGHT) - 5);
  const to = Math.min(shown.length, from + Math.ceil(table.clientHeight / HEIGHT) + 10);
  rows.replaceChildren(...shown.slice(from, to).map((row, at) => {
    const line = document.createElement("div");
    line.className = "row";
    line.style.top = `${(from + at) * HEIGHT}px`;
    line.classList.toggle("in-witness", witness.has(row[NUMBER]));
    line.classList.toggle("current", row[NUMBER] === chosen);
    const cells = [row[NUMBER], readable(row[BEGIN]), data.lanes[row[LANE]], data.signs[row[SIGN]], row[TEXT]];
    for (const text of cells) {
      const cell = document.createElement("span");
      cell.textContent = text;
      line.append(cell);
    }
    line.title = row[TEXT];
    line.addEventListener("click", () => choose(row[NUMBER], false));
    return line;
  }));
}

function choose(number, scroll = true) {
  const row = all.find((row) => row[NUMBER] === number);
  if (!row) return;
  chosen = number;
  if (!shown.includes(row)) {
    for (const id of ["find", "lane", "partition", "sign"]) byId(id).value = "";
    filter();
  }
  if (scroll) table.scrollTop = Math.max(0, shown.indexOf(row) * HEIGHT - table.clientHeight / 2);
  const raw = byId("raw");
  raw.hidden = false;
  raw.textContent = row[RAW] ? JSON.stringify(row[RAW], null, 1).replace(/\n */g, " ") : row[TEXT];
  list();
  draw();
}

table.addEventListener("scroll", list);
table.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || shown.length === 0) return;
  event.preventDefault();
  const at = shown.findIndex((row) => row[NUMBER] === chosen);
  const row = shown[Math.max(0, Math.min(shown.length - 1, at + step))];
  choose(row[NUMBER]);
});

// Links to events: #e12.
function follow() {
  const match = /^#e(\d+)$/.exec(location.hash);
  if (!match) return;
  choose(Number(match[1]));
  byId("events").scrollIntoView();
}

addEventListener("hashchange", follow);
filter();
follow();
