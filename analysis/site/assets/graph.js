// Mounts the audience graph from files of the site: a society, what colours its members, and one message's reach.
const decoded = (text) => { const raw = atob(text), out = new Uint8Array(raw.length); for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i); return new DataView(out.buffer); };

class Model {
  constructor(state) { this.state = state; this.heard = new Map(); }
  get(name) { return this.state[name]; }
  set(name, value) { if (this.state[name] === value) return; this.state[name] = value; this.emit("change:" + name); }
  save_changes() {}
  send() {}
  on(event, callback) { if (!this.heard.has(event)) this.heard.set(event, new Set()); this.heard.get(event).add(callback); }
  off(event, callback) { if (callback) this.heard.get(event)?.delete(callback); else this.heard.delete(event); }
  emit(event) { for (const callback of [...(this.heard.get(event) ?? [])]) callback(); }
  // several at once: the view looks when all of them are there
  update(state) { Object.assign(this.state, state); for (const name of Object.keys(state)) this.emit("change:" + name); }
}

const form = document.getElementById("graph-choices"), host = document.getElementById("graph"), said = document.getElementById("graph-said");
const { society, view, message } = form.elements, card = document.getElementById("graph-member"), nobody = card.textContent;
const REACH = "reach";
let held = null, model = null, close = () => {};

const painted = () => Number(host.querySelector("[data-frame]")?.dataset.frame ?? model.get("t")); // the model hears of it when the slider rests
const options = (select, pairs, value) => { select.replaceChildren(...pairs.map(([value, label]) => new Option(label, value))); if (pairs.some(([each]) => each === value)) select.value = value; };
const buffer = (text) => (text ? decoded(text) : new DataView(new ArrayBuffer(0)));

// what the widget takes for a choice
function picture() {
  const way = view.value === REACH ? held.messages.find((each) => each.value === message.value) ?? held.messages[0] : null;
  const shown = way ?? held.views.find((each) => each.value === view.value) ?? held.views[0];
  const rings = way ? way.outlines : shown.ringed ? held.views.find((each) => each.value.startsWith("exposure")).fills : "";
  const frames = way ? way.frames : held.frames;
  return {
    fills: buffer(shown.fills), outlines: buffer(rings), arrows: buffer(way?.arrows), frames, marks: way ? [] : held.marks, total: frames.length,
    palette: shown.palette, ramp: shown.ramp, fills_title: shown.fills_title, outline_labels: shown.outline_labels,
    outlines_title: way?.outlines_title ?? "Exposure",
  };
}

function start() {
  close();
  const height = Math.max(300, Math.min(900, innerHeight - 440));
  const shown = picture(), names = { community_names: [], lazy_names: false, names: held.names, title: held.title, note: held.note };
  const shared = { places: buffer(held.places), ties: buffer(held.ties), sizes: buffer(held.sizes), communities: buffer(held.communities) };
  model = new Model({ ...shared, ...names, ...shown, t: shown.total - 1, playing: false, speed: 4, selected: -1, live: false, theme: "auto", renderer: "canvas", height });
  model.on("change:selected", member);
  model.on("change:t", member);
  close = widget.render({ model, el: host });
}

function member() {
  const row = model.get("selected"), n = held.names.length;
  if (row < 0) { card.textContent = nobody; return; }
  const code = new Uint8Array(model.get("fills").buffer)[painted() * n + row];
  const name = document.createElement("b"), doing = document.createElement("span");
  name.textContent = held.names[row];
  doing.textContent = model.get("fills_title") + ": " + (model.get("palette")[code]?.label ?? "–");
  card.replaceChildren(name, doing);
}

function choose(asked) {
  const views = held.views.map((each) => [each.value, each.label]);
  if (held.messages.length) views.push([REACH, "reach of a message"]);
  options(view, views, asked.get("message") ? REACH : view.value);
  options(message, held.messages.map((each) => [each.value, each.label]), asked.get("message") ?? message.value);
  told();
}

function told() {
  message.parentElement.hidden = view.value !== REACH;
  const n = held.names.length, of = view.value === REACH ? message.selectedOptions[0]?.label ?? "" : held.frames.length.toLocaleString("en") + (held.frames.length === 1 ? " frame" : " frames");
  said.textContent = n.toLocaleString("en") + (n === 1 ? " member; " : " members; ") + of;
}

function load(asked) {
  const file = society.selectedOptions[0].dataset.file, script = document.createElement("script");
  said.textContent = "Reading …";
  window.moloch_society = (given) => { held = given; choose(asked); start(); };
  script.src = file;
  script.onload = () => script.remove();
  script.onerror = () => { script.remove(); said.textContent = file + " is not in the folder of this site: was it moved, or opened without unpacking?"; };
  document.head.append(script);
}

function read() {
  const asked = new URLSearchParams(location.hash.slice(1));
  if (asked.get("society")) society.value = asked.get("society");
  if (society.selectedIndex < 0) society.selectedIndex = 0;
  load(asked);
}

form.addEventListener("change", (event) => {
  const given = view.value === REACH && event.target !== society ? { society: society.value, message: message.value } : { society: society.value };
  history.replaceState(null, "", location.pathname + "#" + new URLSearchParams(given));
  if (event.target === society) return load(new URLSearchParams());
  told();
  const shown = picture();
  model.update({ ...shown, t: view.value === REACH || model.get("total") !== shown.total ? shown.total - 1 : painted() });
  member();
});
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", read);
form.hidden = false;
read();
