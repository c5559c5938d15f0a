// What all pages of a site share: light or dark, and tables that can be filtered. Loaded before the page is drawn.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const kept = { get() { try { return localStorage.getItem("moloch-theme"); } catch { return null; } }, set(value) { try { localStorage.setItem("moloch-theme", value); } catch { /* not kept */ } } };
  let theme = ["auto", "light", "dark"].includes(kept.get()) ? kept.get() : "auto";
  const dress = () => document.body.classList.toggle("theme--dark", theme === "dark" || (theme === "auto" && dark.matches));
  dark.addEventListener("change", dress);
  dress();

  function themes() {
    const button = document.getElementById("theme");
    const say = () => { button.textContent = { auto: "◐ auto", light: "○ light", dark: "● dark" }[theme]; button.setAttribute("aria-label", "Theme: " + theme + "; click for the next"); };
    button.addEventListener("click", () => { theme = { auto: "light", light: "dark", dark: "auto" }[theme]; kept.set(theme); dress(); say(); });
    button.hidden = false;
    say();
  }

  // A form over a table: what it says is in the address, so that links lead to it.
  function filtered(form) {
    const name = form.dataset.filter, rows = [...document.querySelectorAll("#" + name + " tbody tr")], said = document.getElementById(name + "-count");
    const texts = rows.map((row) => row.textContent.toLowerCase()), noun = said.textContent.replace(/^[\d,]+ /, "");
    const passes = (row, i, asked) => asked.every(([key, values]) => key === "find" ? values.every((word) => texts[i].includes(word)) : values.some((value) => (row.dataset[key] ?? "").split("|").includes(value)));
    const shown = () => {
      const asked = [...form.elements].filter((each) => each.name && each.value).map((each) => [each.name, each.name === "find" ? each.value.toLowerCase().split(/\s+/).filter(Boolean) : each.value.split("|")]);
      let number = 0;
      rows.forEach((row, i) => { row.hidden = !passes(row, i, asked); number += !row.hidden; });
      said.textContent = (asked.length ? number.toLocaleString("en") + " of " : "") + rows.length.toLocaleString("en") + " " + noun;
    };
    const read = () => {
      const asked = new URLSearchParams(location.hash.slice(1));
      for (const each of form.elements) {
        if (!each.name) continue;
        const value = asked.get(each.name) ?? "";
        if (each.options && value && ![...each.options].some((option) => option.value === value)) each.add(new Option(value.split("|").join(" or "), value)); // several at once
        each.value = value;
      }
      shown();
    };
    const write = () => {
      const given = [...form.elements].filter((each) => each.name && each.value).map((each) => [each.name, each.value]);
      history.replaceState(null, "", location.pathname + (given.length ? "#" + new URLSearchParams(given) : ""));
      shown();
    };
    form.addEventListener("input", write);
    form.addEventListener("reset", () => setTimeout(write));
    form.addEventListener("submit", (event) => event.preventDefault());
    window.addEventListener("hashchange", read);
    form.hidden = false;
    read();
  }

  // on a narrow screen the tab of this page is scrolled into view
  function tabs() {
    const tab = document.querySelector("nav a.on");
    if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - (tab.parentElement.clientWidth - tab.offsetWidth) / 2;
  }

  document.addEventListener("DOMContentLoaded", () => { themes(); tabs(); document.querySelectorAll("form[data-filter]").forEach(filtered); });
})();
