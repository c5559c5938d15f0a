// Parts that every page uses: text that is never markup, estimates with their interval, and the theme, which is kept in the browser.
(() => {
  const KEY = ":solara:theme.variant";
  if (!localStorage.getItem(KEY)) localStorage.setItem(KEY, '"auto"');
  const themes = ["auto", "light", "dark"];
  // the page is in English, and may be enlarged; the server underneath says neither
  document.documentElement.lang = "en";
  document.querySelector("meta[name=viewport]")?.setAttribute("content", "width=device-width, initial-scale=1");
  // said until the first page is there; a string of CSS, so that a name stays text
  const asked = new URLSearchParams(location.search), named = asked.get("run") || asked.get("study");
  const reads = named ? `Moloch is reading ${named.slice(0, 80)}` : "Moloch is looking for runs and studies";
  document.documentElement.style.setProperty("--m-loading", JSON.stringify(reads));
  // which page an address names, and which page of its list: another one begins at its top. The cells of a study come into view by themselves.
  const place = (url) => {
    const asked = new URLSearchParams(url.replace(/^[^?]*/, "")), cells = asked.get("study") && !asked.get("page");
    const names = ["run", "study", "page", "contest", "slot", "seq", ...(cells ? [] : ["page_no"])];
    return names.map((name) => asked.get(name) || "").join("\n");
  };
  window.moloch = {
    theme: () => JSON.parse(localStorage.getItem(KEY) || '"auto"'),
    nextTheme() {
      const next = themes[(themes.indexOf(this.theme()) + 1) % themes.length];
      localStorage.setItem(KEY, JSON.stringify(next));
      window.app.$vuetify.theme.dark = window.inDarkMode();
      return next;
    },
    // a link that a plain click follows within the page; with a modifier the browser does as it always does
    follow(event, go, url) {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
      event.preventDefault();
      if (place(url) !== place(location.search)) scrollTo({ top: 0, behavior: "instant" });
      go(url);
    },
    // the step that a graph on the page shows, counted from 1; 0 for none
    step() {
      const said = document.querySelector(".moloch-diffusion .md-status")?.innerText || "";
      return Number((/step (\d+)/i.exec(said) || [])[1] || 0);
    },
    async copy(text) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch {
        return false;
      }
    },
    // hand a file to the person who looks: nothing is sent anywhere
    save(name, kind, content) {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: kind }));
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    },
    // the cells of a table as they are shown
    tableCsv(table) {
      const quoted = (text) => (/[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text);
      const cell = (each) => {
        const hidden = [...each.querySelectorAll("[aria-hidden=true]")].map((mark) => mark.textContent.trim()); // arrows of the order
        const shown = hidden.reduce((text, mark) => (mark ? text.replace(mark, "") : text), each.innerText || each.textContent);
        return quoted(shown.trim().replace(/\s+/g, " "));
      };
      return [...table.rows].map((row) => [...row.cells].map(cell).join(",")).join("\r\n") + "\r\n";
    },
    // a drawing as it looks, in a file that needs no style sheet
    svgText(svg) {
      const copy = svg.cloneNode(true), from = [svg, ...svg.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
      const names = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "fill-opacity", "stroke-opacity", "font", "text-anchor", "vector-effect"];
      from.forEach((each, i) => names.forEach((name) => to[i].style.setProperty(name, getComputedStyle(each).getPropertyValue(name))));
      const { width, height } = svg.getBoundingClientRect();
      Object.entries({ xmlns: "http://www.w3.org/2000/svg", width, height }).forEach(([name, value]) => copy.setAttribute(name, value));
      copy.style.background = getComputedStyle(document.querySelector(".v-application")).getPropertyValue("--panel");
      return new XMLSerializer().serializeToString(copy);
    },
    async png(drawing) {
      const canvas = document.createElement("canvas"), { left, top, width, height } = drawing.getBoundingClientRect();
      [canvas.width, canvas.height] = [2 * width, 2 * height];
      const context = canvas.getContext("2d");
      context.scale(2, 2);
      if (drawing.tagName.toLowerCase() === "svg") {
        const image = new Image();
        image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(this.svgText(drawing));
        await image.decode();
        context.drawImage(image, 0, 0, width, height);
      }
      for (const layer of drawing.querySelectorAll("canvas")) { // one above the other, as they stand
        const box = layer.getBoundingClientRect();
        if (box.width && box.height) context.drawImage(layer, box.left - left, box.top - top, box.width, box.height);
      }
      return new Promise((done) => canvas.toBlob(done));
    },
  };
  const Vue = window.Vue;
  Vue.component("m-link", {
    props: { to: String, go: Function },
    template: `<a :href="to" @click="follow"><slot></slot></a>`,
    methods: { follow(event) { window.moloch.follow(event, this.go, this.to); } },
  });
  Vue.component("m-export", {
    // What a panel holds, to take along. csv: its text; href: where its rows are as CSV; neither: the table beside or around it, as shown.
    // json, svg, png: where those are; drawing: a selector within the panel of what is drawn there (raster: not as SVG). code: Python that gives the same.
    // An address of the server is left out where there is none, as in a file that was mailed.
    props: { name: String, csv: String, href: String, json: String, svg: String, png: String, drawing: String, raster: Boolean, code: String },
    template: `<span class="m-export" role="group" :aria-label="'Take along: ' + name"><a v-if="served(href)" class="m-take" :href="href" download>CSV</a><button v-else-if="csv || tabular" type="button" class="m-take" @click="saveCsv">CSV</button><a v-if="served(json)" class="m-take" :href="json" download>JSON</a><a v-if="served(svg)" class="m-take" :href="svg" download>SVG</a><a v-if="served(png)" class="m-take" :href="png" download>PNG</a><button v-if="drawing && !raster" type="button" class="m-take" @click="saveSvg">SVG</button><button v-if="drawing" type="button" class="m-take" @click="savePng">PNG</button><button v-if="code" type="button" class="m-take" :aria-expanded="open ? 'true' : 'false'" @click="open = !open">code</button><span v-if="open" class="m-code"><button type="button" class="m-button" @click="copy">{{ copied ? "Copied" : "Copy" }}</button><pre tabindex="0" role="region" aria-label="Python code">{{ code }}</pre></span></span>`,
    data() { return { open: false, copied: false, tabular: false }; },
    mounted() { this.tabular = !this.json && Boolean(this.table()); },
    methods: {
      table() { return this.$el.closest("table") || this.panel().querySelector("table"); },
      served(address) { return address && location.protocol !== "file:"; },
      panel() { return this.$el.closest("figure, section, .m-panel, .m-take-from, .m-scroll, main") || document.body; },
      saveCsv() { window.moloch.save(this.name + ".csv", "text/csv", this.csv || window.moloch.tableCsv(this.table())); },
      drawn() { return this.panel().querySelector(this.drawing); },
      saveSvg() { window.moloch.save(this.name + ".svg", "image/svg+xml", window.moloch.svgText(this.drawn())); },
      async savePng() { window.moloch.save(this.name + ".png", "image/png", await window.moloch.png(this.drawn())); },
      async copy() { this.copied = await window.moloch.copy(this.code); setTimeout(() => { this.copied = false; }, 1500); },
    },
  });
  Vue.component("m-command", {
    // a command to copy
    props: { text: String },
    template: `<div class="m-command"><code>{{ text }}</code><button type="button" class="m-button" :aria-label="'Copy: ' + text" @click="copy">{{ copied ? "Copied" : "Copy" }}</button></div>`,
    data() { return { copied: false }; },
    methods: { async copy() { this.copied = await window.moloch.copy(this.text); setTimeout(() => { this.copied = false; }, 1500); } },
  });
  Vue.component("m-plain", {
    // a sentence; the commands in it stand out, so that two hyphens are seen as two
    props: { text: String },
    template: `<span><template v-for="(piece, i) in pieces"><code v-if="i % 2">{{ piece }}</code><template v-else>{{ piece }}</template></template></span>`,
    computed: { pieces() { return this.text.split(/(\bmoloch [a-z]+(?: check)?(?: --[a-z-]+(?: [^\s;,]*[^\s;,.:])?| [A-Z]{3,}\b)*)/); } },
  });
  Vue.component("m-passage", {
    props: { passage: Object, more: Function },
    template: `<div class="m-passage"><template v-for="(piece, i) in passage.pieces"><mark v-if="piece[1]" :class="{ slip: (passage.slips || []).includes(i) }">{{ piece[0] }}</mark><template v-else>{{ piece[0] }}</template></template><span v-if="passage.hidden" class="m-cut">… <button type="button" class="m-more" @click="more && more()">show all ({{ passage.hidden.toLocaleString("en") }} more characters)</button></span></div>`,
  });
  Vue.component("m-estimate", {
    // to: the rows behind it
    props: { value: String, bounds: String, n: [String, Number], to: String, go: Function },
    template: `<span class="m-estimate"><b><m-link v-if="to" class="m-door" :to="to" :go="go">{{ value }}</m-link><template v-else>{{ value }}</template></b><i v-if="bounds">{{ bounds }}</i><small v-if="n !== undefined && n !== ''">n = {{ n }}</small></span>`,
  });
  Vue.component("m-number", {
    // a number, or a name, that leads to what is behind it
    props: { text: [String, Number], to: String, go: Function },
    template: `<m-link v-if="to" class="m-door" :to="to" :go="go">{{ text }}</m-link><span v-else>{{ text }}</span>`,
  });
  Vue.component("m-arm", {
    // an arm's name with its colour, which is the same on every page and in every figure
    props: { name: String, colour: String },
    template: `<span class="m-arm"><span v-if="colour" class="m-dot" :style="{ background: colour }" aria-hidden="true"></span>{{ name }}</span>`,
  });
  Vue.component("m-tree", {
    // what continues what, from left to right: each node with its figures
    props: { nodes: Array, go: Function },
    template: `<ul class="m-tree"><li v-for="node in nodes" :key="node.key" :style="node.skip ? { '--skip': 286 * node.skip + 'px' } : null"><div class="m-node"><b><m-arm :name="node.name" :colour="node.colour"></m-arm></b><span v-if="node.id" class="mono"><m-number :text="node.id" :to="node.to" :go="go"></m-number></span><span v-if="node.text" class="soft">{{ node.text }}</span><span v-for="figure in node.figures" :key="figure.name"><span class="soft">{{ figure.name }}</span> <b><m-number :text="figure.value" :to="figure.to" :go="go"></m-number></b> <span class="soft">{{ figure.bounds }}</span></span><span v-for="alarm in node.alarms" :key="alarm" class="m-error">▲ {{ alarm }}</span></div><m-tree v-if="node.children.length" :nodes="node.children" :go="go"></m-tree></li></ul>`,
  });
  Vue.component("m-interval", {
    // an estimate and its interval on an axis, whose middle is marked; to: the rows behind it, where the number beside it leads, too
    props: { bar: Object, label: String, colour: String, to: String, go: Function },
    methods: { follow(event) { if (this.to) window.moloch.follow(event, this.go, this.to); } },
    template: `<component :is="to ? 'a' : 'div'" class="m-interval" :role="to ? null : 'img'" :aria-label="label" :title="to ? label : null" :href="to || null" :tabindex="to ? -1 : null" @click="follow"><span class="m-half"></span><span class="m-band" :style="{ left: bar.low + '%', width: bar.width + '%', background: colour }"></span><span class="m-point" :style="{ left: bar.at + '%', background: colour }"></span></component>`,
  });
  Vue.component("m-wrong", {
    // what is left out here since an event contradicts those before it, and that event
    props: { wrong: Object, go: Function },
    template: `<p class="m-note" role="status">{{ wrong.text }} <m-link :to="wrong.url" :go="go">{{ wrong.event }}</m-link></p>`,
  });
  Vue.component("m-empty", {
    // first: nothing above it on the page has a heading
    props: { title: String, text: String, command: String, first: Boolean },
    template: `<div class="m-empty" role="status"><component :is="first ? 'h1' : 'h2'">{{ title }}</component><p v-if="text">{{ text }}</p><code v-if="command">{{ command }}</code><slot></slot></div>`,
  });
  Vue.component("m-state", {
    props: { state: String },
    template: `<span class="m-state" :class="'is-' + state"><span aria-hidden="true"></span>{{ state }}</span>`,
  });
  Vue.component("m-failed", {
    // what probes found in a message: each kind in its own colour
    props: { chips: Array },
    template: `<span class="m-chips"><span v-for="(chip, i) in chips" :key="i" class="m-chip" :class="chip.kind">{{ chip.text }}</span></span>`,
  });
  Vue.component("m-kinds", {
    template: `<div class="m-kinds"><span><b class="m-chip strategy">misbehaved</b>what a competitor might do to win</span><span><b class="m-chip copying">miscopied</b>a failure of skill: a fact copied wrongly, a garbled sentence</span></div>`,
  });
  Vue.component("m-votes", {
    // shares of votes as one bar; each part says in words what it is
    props: { parts: Array, go: Function },
    template: `<div class="m-votes"><div class="m-bar" :role="doors ? null : 'img'" :aria-label="doors ? null : said"><component :is="part.to ? 'a' : 'span'" v-for="part in parts" v-if="part.share > 0" :key="part.label" :style="{ flexGrow: part.share, background: part.colour }" :title="part.label + ': ' + part.count" :href="part.to || null" :tabindex="part.to ? -1 : null" :aria-label="part.to ? part.label + ': ' + part.count : null" @click="follow($event, part.to)"></component></div><ul><li v-for="part in parts" :key="part.label"><span class="m-dot" :style="{ background: part.colour }" aria-hidden="true"></span>{{ part.label }} <b><m-number :text="part.count" :to="part.to" :go="go"></m-number></b></li></ul></div>`,
    computed: {
      said() { return this.parts.map((part) => part.label + ": " + part.count).join(", "); },
      doors() { return this.parts.some((part) => part.to); },
    },
    methods: { follow(event, to) { if (to) window.moloch.follow(event, this.go, to); } },
  });
  Vue.component("m-said", {
    // a sentence in pieces; those with an address lead to the rows behind them
    props: { pieces: Array, go: Function },
    template: `<span><template v-for="(piece, i) in pieces"><m-link v-if="piece[1]" class="m-door" :to="piece[1]" :go="go">{{ piece[0] }}</m-link><template v-else>{{ piece[0] }}</template></template></span>`,
  });
  Vue.component("m-forest", {
    // estimates beyond what they are compared with, a panel per outcome and levels; panels of one outcome have one axis
    props: { found: Object, go: Function },
    template: `<section aria-label="Forest plot"><div class="m-title"><h2>Beyond {{ found.beyond }}</h2><span class="soft">percentage points{{ lined ? ", 95 %" : "" }}</span><span class="m-grow"></span><m-export v-if="found.take" v-bind="found.take"></m-export></div><m-empty v-if="found.no_plot" title="No plot" :text="found.no_plot"></m-empty><div v-else class="m-forests" :class="{ many: found.panels.length > 4 }"><figure v-for="panel in found.panels" :key="panel.outcome + panel.title" class="m-panel m-forest"><figcaption><h3>{{ panel.title }}</h3><div class="m-scale" aria-hidden="true"><span>−{{ panel.end }}</span><span>0</span><span>+{{ panel.end }}</span></div></figcaption><ul><li v-for="(row, i) in panel.rows" :key="i" :style="{ '--arm': row.colour }"><span class="m-who"><i class="m-dot" aria-hidden="true"></i><span>{{ row.arm }} <small v-if="row.compared" class="soft">{{ row.compared }}</small></span></span><span class="m-track" :class="{ below: row.cut[0], above: row.cut[1] }" role="presentation"><i v-if="row.margin" class="m-within" :style="at(row.margin)"></i><i class="m-half"></i><i v-for="end in row.found" :key="end" class="m-found" :style="{ left: end + '%' }"></i><i v-if="row.line" class="m-whisker" :style="at(row.line)"></i><i v-if="row.inner" class="m-inner" :style="at(row.inner)"></i><a v-if="row.at !== null" class="m-mark" :class="{ hollow: row.verdict.tone === 'unclear' }" :style="{ left: row.at + '%' }" :href="row.url || null" tabindex="-1" :aria-label="row.said" :title="row.said" @click="row.url && follow($event, row.url)"></a></span><m-link v-if="row.url" class="m-shown m-door" :to="row.url" :go="go">{{ row.shown }}</m-link><span v-else class="m-shown">{{ row.shown }}</span><span class="m-verdict" :class="row.verdict.tone" :title="row.verdict.says">{{ row.verdict.text }}</span></li></ul></figure></div><p v-if="found.left_out" class="soft">{{ found.left_out.toLocaleString("en") }} more panels are in the table of moloch study results.</p><p v-if="found.caption" class="soft">{{ found.caption }}</p></section>`,
    computed: { lined() { return (this.found.panels || []).some((panel) => panel.rows.some((row) => row.line)); } },
    methods: {
      at(span) { return { left: span[0] + "%", width: span[1] + "%" }; },
      follow(event, url) { window.moloch.follow(event, this.go, url); },
    },
  });
  Vue.component("m-heads", {
    // heads of columns; those with an address sort by it
    props: { head: Array, go: Function },
    template: `<thead><tr><th v-for="each in head" :key="each.label" scope="col" :class="{ num: each.number }" :title="each.title || null" :aria-sort="each.sorted && each.sorted !== 'none' ? each.sorted : null"><m-link v-if="each.url" :to="each.url" :go="go">{{ each.label }}<span aria-hidden="true">{{ { ascending: " ▲", descending: " ▼" }[each.sorted] }}</span></m-link><template v-else>{{ each.label }}</template></th></tr></thead>`,
  });
  Vue.component("m-sort", {
    // the order of a table where it has no heads: on a phone, where a row is a card
    props: { head: Array, go: Function },
    template: `<div v-if="now || orders.length" class="m-sort"><label>Sort by <select :value="now ? now.label : ''" @change="sort($event.target.value)"><option v-if="!now" value="" disabled>another order</option><option v-for="each in orders" :key="each.label" :value="each.label">{{ each.label }}</option></select></label><m-link v-if="now" class="m-button" :to="now.url" :go="go" :aria-label="'Now ' + now.sorted + '; turn it round'">{{ { ascending: "▲", descending: "▼" }[now.sorted] }}<span aria-hidden="true">{{ now.sorted }}</span></m-link></div>`,
    computed: {
      orders() { return this.head.filter((each) => each.url); },
      now() { return this.orders.find((each) => ["ascending", "descending"].includes(each.sorted)); },
    },
    methods: { sort(label) { this.go(this.orders.find((each) => each.label === label).url); } },
  });
  Vue.component("m-health", {
    props: { rows: Array, go: Function },
    template: `<dl class="m-health"><div v-for="(row, i) in rows" :key="i" :class="{ bad: row.bad }"><dt>{{ row.name }}</dt><dd><b><m-link v-if="row.url" class="m-door" :to="row.url" :go="go">{{ row.value }}</m-link><template v-else>{{ row.value }}</template></b> <span class="soft">{{ row.says }}</span></dd></div></dl>`,
  });
  Vue.component("m-next", {
    // what to do next: a text, and a command to copy
    props: { steps: Array },
    template: `<ul class="m-lines m-next"><li v-for="(step, i) in steps" :key="i"><m-plain :text="step.text"></m-plain><m-command v-if="step.command" :text="step.command"></m-command></li></ul>`,
  });
})();
