// Parts that every page uses: text that is never markup, estimates with their interval, and the theme, which is kept in the browser.
(() => {
  const KEY = ":solara:theme.variant";
  if (!localStorage.getItem(KEY)) localStorage.setItem(KEY, '"auto"');
  const themes = ["auto", "light", "dark"];
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
      go(url);
    },
    async copy(text) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch {
        return false;
      }
    },
  };
  const Vue = window.Vue;
  Vue.component("m-link", {
    props: { to: String, go: Function },
    template: `<a :href="to" @click="follow"><slot></slot></a>`,
    methods: { follow(event) { window.moloch.follow(event, this.go, this.to); } },
  });
  Vue.component("m-passage", {
    props: { passage: Object, more: Function },
    template: `<div class="m-passage"><template v-for="(piece, i) in passage.pieces"><mark v-if="piece[1]" :class="{ slip: (passage.slips || []).includes(i) }">{{ piece[0] }}</mark><template v-else>{{ piece[0] }}</template></template><span v-if="passage.hidden" class="m-cut">… <button type="button" class="m-more" @click="more && more()">show all ({{ passage.hidden.toLocaleString("en") }} more characters)</button></span></div>`,
  });
  Vue.component("m-estimate", {
    props: { value: String, bounds: String, n: [String, Number] },
    template: `<span class="m-estimate"><b>{{ value }}</b><i v-if="bounds">{{ bounds }}</i><small v-if="n !== undefined && n !== ''">n = {{ n }}</small></span>`,
  });
  Vue.component("m-interval", {
    // an estimate and its interval on an axis, whose middle is marked
    props: { bar: Object, label: String },
    template: `<div class="m-interval" role="img" :aria-label="label"><span class="m-half"></span><span class="m-band" :style="{ left: bar.low + '%', width: bar.width + '%' }"></span><span class="m-point" :style="{ left: bar.at + '%' }"></span></div>`,
  });
  Vue.component("m-empty", {
    props: { title: String, text: String, command: String },
    template: `<div class="m-empty" role="status"><h2>{{ title }}</h2><p v-if="text">{{ text }}</p><code v-if="command">{{ command }}</code></div>`,
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
    props: { parts: Array },
    template: `<div class="m-votes"><div class="m-bar" role="img" :aria-label="said"><span v-for="part in parts" v-if="part.share > 0" :key="part.label" :class="'hue-' + part.hue" :style="{ flexGrow: part.share }" :title="part.label + ': ' + part.count"></span></div><ul><li v-for="part in parts" :key="part.label"><span class="m-dot" :class="'hue-' + part.hue" aria-hidden="true"></span>{{ part.label }} <b>{{ part.count }}</b></li></ul></div>`,
    computed: { said() { return this.parts.map((part) => part.label + ": " + part.count).join(", "); } },
  });
  Vue.component("m-said", {
    // a sentence in pieces; those with an address lead to the rows behind them
    props: { pieces: Array, go: Function },
    template: `<span><template v-for="(piece, i) in pieces"><m-link v-if="piece[1]" class="m-number" :to="piece[1]" :go="go">{{ piece[0] }}</m-link><template v-else>{{ piece[0] }}</template></template></span>`,
  });
  Vue.component("m-forest", {
    // estimates beyond what they are compared with, a panel per outcome and levels; panels of one outcome have one axis
    props: { found: Object, go: Function },
    template: `<section aria-label="Forest plot"><div class="m-title"><h2>Beyond {{ found.beyond }}</h2><span class="soft">percentage points, 95 %</span></div><m-empty v-if="found.no_plot" title="No plot" :text="found.no_plot"></m-empty><div v-else class="m-forests" :class="{ many: found.panels.length > 4 }"><figure v-for="panel in found.panels" :key="panel.outcome + panel.title" class="m-panel m-forest"><figcaption><h3>{{ panel.title }}</h3><div class="m-scale" aria-hidden="true"><span>−{{ panel.end }}</span><span>0</span><span>+{{ panel.end }}</span></div></figcaption><ul><li v-for="(row, i) in panel.rows" :key="i" :style="{ '--light': row.light, '--dark': row.dark }"><span class="m-arm"><i class="m-dot" aria-hidden="true"></i><span>{{ row.arm }} <small v-if="row.compared" class="soft">{{ row.compared }}</small></span></span><span class="m-reach" :class="{ below: row.cut[0], above: row.cut[1] }" role="presentation"><i v-if="row.margin" class="m-within" :style="at(row.margin)"></i><i class="m-half"></i><i v-for="end in row.found" :key="end" class="m-found" :style="{ left: end + '%' }"></i><i v-if="row.line" class="m-whisker" :style="at(row.line)"></i><i v-if="row.inner" class="m-inner" :style="at(row.inner)"></i><a v-if="row.at !== null" class="m-mark" :class="{ hollow: row.verdict.tone === 'unclear' }" :style="{ left: row.at + '%' }" :href="row.url || null" tabindex="-1" :aria-label="row.said" :title="row.said" @click="row.url && follow($event, row.url)"></a></span><m-link v-if="row.url" class="m-shown m-number" :to="row.url" :go="go">{{ row.shown }}</m-link><span v-else class="m-shown">{{ row.shown }}</span><span class="m-verdict" :class="row.verdict.tone" :title="row.verdict.says">{{ row.verdict.text }}</span></li></ul></figure></div><p v-if="found.left_out" class="soft">{{ found.left_out.toLocaleString("en") }} more panels are in the table of moloch study results.</p><p v-if="found.caption" class="soft">{{ found.caption }}</p></section>`,
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
  Vue.component("m-health", {
    props: { rows: Array, go: Function },
    template: `<dl class="m-health"><div v-for="(row, i) in rows" :key="i" :class="{ bad: row.bad }"><dt>{{ row.name }}</dt><dd><b><m-link v-if="row.url" class="m-number" :to="row.url" :go="go">{{ row.value }}</m-link><template v-else>{{ row.value }}</template></b> <span class="soft">{{ row.says }}</span></dd></div></dl>`,
  });
  Vue.component("m-next", {
    // what to do next: a text, and a command to copy
    props: { steps: Array },
    template: `<ul class="m-lines m-next"><li v-for="(step, i) in steps" :key="i"><span>{{ step.text }}</span><code v-if="step.command">{{ step.command }}</code></li></ul>`,
  });
})();
