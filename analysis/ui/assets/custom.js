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
  Vue.component("m-arm", {
    // an arm's name with its colour, which is the same on every page and in every figure
    props: { name: String, colour: String },
    template: `<span class="m-arm"><span v-if="colour" class="m-dot" :style="{ background: colour }" aria-hidden="true"></span>{{ name }}</span>`,
  });
  Vue.component("m-interval", {
    // an estimate and its interval on an axis, whose middle is marked
    props: { bar: Object, label: String, colour: String },
    template: `<div class="m-interval" role="img" :aria-label="label"><span class="m-half"></span><span class="m-band" :style="{ left: bar.low + '%', width: bar.width + '%', background: colour }"></span><span class="m-point" :style="{ left: bar.at + '%', background: colour }"></span></div>`,
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
    template: `<div class="m-votes"><div class="m-bar" role="img" :aria-label="said"><span v-for="part in parts" v-if="part.share > 0" :key="part.label" :style="{ flexGrow: part.share, background: part.colour }" :title="part.label + ': ' + part.count"></span></div><ul><li v-for="part in parts" :key="part.label"><span class="m-dot" :style="{ background: part.colour }" aria-hidden="true"></span>{{ part.label }} <b>{{ part.count }}</b></li></ul></div>`,
    computed: { said() { return this.parts.map((part) => part.label + ": " + part.count).join(", "); } },
  });
})();
