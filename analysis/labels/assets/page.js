// Shows one message after the other and sends each label; texts are set as text, never as markup.
const KEYS = { y: "yes", n: "no", u: "unsure" };
const at = (id) => document.getElementById(id);
const buttons = [...document.querySelectorAll("button[data-label]")];
let sheet = { items: [], question: "" };
let place = 0;
let saving = false;

function status(text, bad = false) {
  at("status").textContent = text;
  at("status").classList.toggle("bad", bad);
}

function show() {
  const item = sheet.items[place];
  const labelled = sheet.items.filter((each) => each.label).length;
  at("count").textContent = `${labelled} of ${sheet.items.length} labelled`;
  at("done").max = Math.max(1, sheet.items.length);
  at("done").value = labelled;
  at("place").textContent = item ? `${place + 1} of ${sheet.items.length}` : "";
  at("anchor").textContent = item?.anchor ?? "";
  at("message").textContent = item?.message ?? "";
  at("anchor").scrollTop = at("message").scrollTop = 0;
  for (const button of buttons) button.setAttribute("aria-pressed", String(item?.label === button.dataset.label));
  at("back").disabled = place === 0;
  at("next").disabled = place >= sheet.items.length - 1;
  at("waiting").disabled = labelled === sheet.items.length;
}

function go(to) {
  if (saving) return;
  place = Math.min(Math.max(0, to), sheet.items.length - 1);
  status("");
  show();
}

function waiting(from = 0) {
  const after = sheet.items.findIndex((each, i) => i >= from && !each.label);
  return after >= 0 ? after : sheet.items.findIndex((each) => !each.label);
}

async function label(word) {
  const item = sheet.items[place];
  if (!item || saving) return;
  saving = true;
  status("Saving …");
  try {
    const answer = await fetch("/label", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ id: item.id, label: word }),
    });
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? `the server answered ${answer.status}`);
    item.label = word;
    const next = waiting(place + 1);
    if (next >= 0) place = next;
    show();
    status(next >= 0 ? `Saved: ${word}.` : `Saved: ${word}. All ${sheet.items.length} are labelled; you can close this page.`);
  } catch (error) {
    status(`Not saved: ${error.message}`, true);
  } finally {
    saving = false;
  }
}

for (const button of buttons) button.addEventListener("click", () => label(button.dataset.label));
at("back").addEventListener("click", () => go(place - 1));
at("next").addEventListener("click", () => go(place + 1));
at("waiting").addEventListener("click", () => go(Math.max(0, waiting())));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase();
  if (KEYS[key]) label(KEYS[key]);
  else if (event.key === "ArrowLeft") go(place - 1);
  else if (event.key === "ArrowRight") go(place + 1);
  else if (key === "w") go(Math.max(0, waiting()));
  else return;
  event.preventDefault();
});

try {
  const answer = await fetch("/sheet.json");
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  sheet = told;
  const end = sheet.question.indexOf("?") + 1 || sheet.question.length;
  at("question").textContent = sheet.question.slice(0, end);
  at("rules").textContent = sheet.question.slice(end).trim();
  place = Math.max(0, waiting());
  show();
} catch (error) {
  status(`The sheet cannot be read: ${error.message}`, true);
}
