// widget.js shows the hottest pages on a site's own pages:
//
//	<script src="https://heat.example/widget.js" defer></script>
//	<pageheat-board limit="5" link="/t/{page}" heading="Hot now"></pageheat-board>
//
// limit    number of pages; default 10
// link     address of a page; {page} is its name, percent-encoded; a name that is an
//          address in the same place links to itself. Where the name makes none in
//          that place, the url of behaviours counts, if it is there. Without link,
//          pages lead to the url of their behaviours; else those whose names are
//          paths of this site do, and others are text
// titles   address of a JSON object with the title of each page, for people
// strip    prefix of names that is not shown
// heading  a heading; default none
// api      address of pageheat; default: relative to the script
// board    name of the board; default all-time. Of a group, or of a closed period, its
//          name, a slash and that: today/sport, day/2026-01-02
//
// Style it with --pageheat-accent, --pageheat-ink, --pageheat-soft, --pageheat-line,
// --pageheat-up and --pageheat-down, and with ::part(heading), list, item, rank,
// move, page, heat and note. Names are untrusted data: they are set as text, and links
// only lead to http or https pages: of the site in link, else of this site, or to the
// url of a behaviour, of which visitors can only choose the path.
//
// Like pageheat.js it does not disturb the page: no error leaves the script.
(() => {
  'use strict';
  const { URL, Map, Set, Intl, CSSStyleSheet, EventSource, customElements, fetch } = window;
  if (!customElements || customElements.get('pageheat-board')) return;
  const warned = [];
  const warn = (why) => {
    try {
      if (!warned.includes(why = `pageheat: ${why}`)) console.warn(why);
      warned.push(why);
    } catch { /* there is no console */ }
  };
  const safe = (run) => (...args) => { try { return run(...args); } catch (e) { warn(e); } };
  // A module has no current script.
  const script = document.currentScript || document.querySelector('script[src*="widget.js"]');
  const home = script && script.src;
  const POLL_MS = 5000;          // between two questions, where events do not work
  const EVENTS_AGAIN_MS = 30000; // until events are tried again
  const RECENT_MS = 60000;       // how long a movement is news
  const TROUBLE = 'The list cannot be brought up to date now.';

  const css = `
    :host { display: block; color: var(--pageheat-ink, inherit); }
    :host([hidden]) { display: none; }
    h2 { margin: 0 0 .5em; font-size: 1.1em; }
    ol { margin: 0; padding: 0; list-style: none; }
    li { display: grid; grid-template-columns: 1.6em 2.4em minmax(0, 1fr) auto; gap: .4em; align-items: baseline;
      padding: .35em 0; border-top: 1px solid var(--pageheat-line, color-mix(in srgb, currentColor 15%, transparent)); }
    li:first-child { border-top: 0; }
    .rank, .heat, .note { color: var(--pageheat-soft, color-mix(in srgb, currentColor 65%, transparent)); }
    .rank { text-align: end; font-weight: 700; }
    li:first-child .rank { color: var(--pageheat-accent, #c2410c); }
    .move { font-size: .8em; white-space: nowrap; opacity: .75; }
    .move[data-recent] { opacity: 1; }
    .move[data-way=up][data-recent] { color: var(--pageheat-up, #15803d); }
    .move[data-way=down][data-recent] { color: var(--pageheat-down, #b42318); }
    .page { overflow: hidden; text-overflow: ellipsis; white-space: pre; color: inherit; }
    a.page { color: var(--pageheat-accent, #c2410c); text-underline-offset: .2em; }
    .heat { font-variant-numeric: tabular-nums; }
    .note { margin: .5em 0 0; font-size: .85em; }
    .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }`;
  // A browser without such sheets shows the list in the page's own style, unless its
  // policy allows this one.
  const style = (root) => {
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      root.adoptedStyleSheets = [sheet];
    } catch { root.append(make('style', '', css)); }
  };

  const make = (tag, part, text) => {
    const node = document.createElement(tag);
    if (part) { node.className = part; node.setAttribute('part', part); }
    if (text) node.textContent = text;
    return node;
  };
  const set = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
  const few = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
  const brief = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

  // encoded is a name for use in an address. What is percent-encoded in it stays so.
  const encoded = (name, encode) => name.split(/(%[\da-f]{2})/i).map((part, i) => (i % 2 ? part : encode(part))).join('');
  const segments = (path) => encodeURIComponent(path).replaceAll('%2F', '/');

  // said is the address that a behaviour gave, as a link may have it, or nothing.
  const said = (url, base) => {
    try {
      const to = url ? new URL(url, base) : '';
      return to && /^https?:$/.test(to.protocol) && !to.username && !to.password && to;
    } catch { return ''; }
  };

  // addressOf returns where a page leads, by its name or by the url of its behaviours, or
  // null: to a page of http or https, and with a template on no other site than that of the
  // template, and in no other place.
  const addressOf = (name, link, url) => {
    try {
      const path = /^\/(?![/\\])/.test(name) && encoded(name, encodeURI);
      if (!link) return (said(url, location.origin) || (path && new URL(path, location.origin))).href || null;
      const at = link.indexOf('{page}');
      const place = new URL((at < 0 ? link : link.slice(0, at)) || (path ? '/' : '.'), document.baseURI);
      const within = (url) => /^https?:$/.test(url.protocol) && url.origin === place.origin && url.pathname.startsWith(place.pathname) && url.href;
      // For "/t/{page}" the page "/t/42" is in its place already.
      const itself = path && link.endsWith('{page}') && !place.search && !place.hash && within(new URL(path, place));
      if (itself) return itself;
      const rest = path && link[at - 1] === '/' ? name.slice(1) : name;
      const made = within(new URL(link.replaceAll('{page}', () => encoded(rest, path ? segments : encodeURIComponent)), document.baseURI));
      const given = !made && said(url, place);
      return made || (given && within(given)) || null;
    } catch { return null; }
  };

  customElements.define('pageheat-board', class extends HTMLElement {
    static addressOf = addressOf; // for the dashboard
    static observedAttributes = ['limit', 'link', 'strip', 'titles', 'heading', 'api', 'board'];
    #rows = new Map(); // page's name -> its item
    #board = null;
    #titles = new Map(); // page's name -> its title
    #events = null;
    #timer = 0;
    #again = 0;
    #heading = make('h2', 'heading');
    #list = make('ol', 'list');
    #note = make('p', 'note', 'Waiting for the first board.');
    #seen = safe(() => (document.hidden ? this.#leave() : this.#follow()));

    constructor() {
      super();
      safe(() => {
        const root = this.attachShadow({ mode: 'open' });
        style(root);
        this.#note.setAttribute('role', 'status');
        root.append(this.#heading, this.#list, this.#note);
      })();
    }
    connectedCallback() {
      safe(() => {
        document.addEventListener('visibilitychange', this.#seen);
        this.#name();
        this.#draw();
        this.#seen();
      })();
    }
    disconnectedCallback() {
      safe(() => {
        document.removeEventListener('visibilitychange', this.#seen);
        this.#leave();
      })();
    }
    attributeChangedCallback(name) {
      if (!this.isConnected) return;
      safe(() => {
        if (name === 'titles') this.#name();
        if (name === 'api' || name === 'board') {
          this.#leave();
          this.#board = null;
          this.#rows.clear();
          this.#list.replaceChildren();
          this.#seen();
        }
        this.#draw();
      })();
    }

    // #name asks for the titles of pages.
    async #name() {
      const titles = this.getAttribute('titles');
      this.#titles = new Map();
      if (!titles) return;
      try {
        const answer = await fetch(new URL(titles, document.baseURI).href, { __proto__: null, signal: AbortSignal.timeout(POLL_MS) });
        const known = new Map(Object.entries(await answer.json()).filter(([, title]) => title && typeof title === 'string'));
        if (titles !== this.getAttribute('titles')) return;
        this.#titles = known;
        this.#draw();
      } catch (e) { warn(`no titles from ${titles}: ${e}`); }
    }

    // #address is that of the board, or of its events. A group is a parameter, because it
    // may have the name of what a path ends with.
    #address(form = '') {
      const api = this.getAttribute('api');
      const base = api ? new URL(api.replace(/\/?$/, '/'), document.baseURI) : home;
      if (!base) throw new Error('the list cannot find its own address: load it by <script src=".../widget.js">, or give it the attribute api.');
      const [name, ...part] = (this.getAttribute('board') || 'all-time').split('/');
      const query = part.length ? `?part=${encodeURIComponent(part.join('/'))}` : '';
      return new URL(`api/v1/boards/${encodeURIComponent(name)}${form}${query}`, base).href;
    }

    // A page that nobody sees needs no events, and a browser has few connections.
    #leave() {
      if (this.#events) this.#events.close();
      this.#events = null;
      clearInterval(this.#timer);
      clearTimeout(this.#again);
      this.#timer = this.#again = 0;
    }
    #follow() {
      this.#leave();
      this.#say(TROUBLE); // until it is known where to ask
      const address = this.#address('/events');
      this.#say('');
      if (!EventSource) { this.#poll(); return; }
      const events = this.#events = new EventSource(address);
      events.onopen = safe(() => {
        clearInterval(this.#timer);
        this.#timer = 0;
        this.#say('');
      });
      events.onmessage = (event) => { try { this.#offer(JSON.parse(event.data)); } catch { /* the next one may be good */ } };
      events.onerror = safe(() => {
        // The browser connects again by itself unless it was refused.
        if (events.readyState === EventSource.CLOSED) {
          this.#poll();
          clearTimeout(this.#again);
          this.#again = setTimeout(this.#seen, EVENTS_AGAIN_MS);
        } else {
          this.#poll(); // meanwhile
        }
      });
    }
    #poll() {
      if (this.#timer) return;
      const ask = async () => {
        try {
          const address = this.#address();
          const answer = await fetch(address, { __proto__: null, signal: AbortSignal.timeout(POLL_MS) });
          const { ok, status } = answer;
          const board = ok && await answer.json();
          if (address !== this.#address()) return; // another board is asked for meanwhile
          if (ok) this.#offer(board);
          this.#say(ok || status === 404 ? '' : TROUBLE);
          if (status === 401 || status === 403 || status === 404 && this.hasAttribute('board')) warn(`${address} answers ${status}: ${await answer.text()}`);
        } catch { this.#say(TROUBLE); }
      };
      this.#timer = setInterval(ask, POLL_MS);
      ask();
    }
    #say(trouble) {
      set(this.#note, trouble || (this.#board ? '' : 'Waiting for the first board.'));
      this.#note.hidden = !this.#note.textContent;
    }

    #offer(next) {
      if (!next || !Array.isArray(next.pages)) return;
      if (this.#board && next.version <= this.#board.version) return;
      this.#board = next;
      this.#say('');
      this.#draw();
    }
    #draw() {
      const heading = this.getAttribute('heading') || '';
      set(this.#heading, heading);
      this.#heading.hidden = !heading;
      this.#list.setAttribute('aria-label', heading || 'Hottest pages');
      if (!this.#board) return;
      const limit = Math.max(1, parseInt(this.getAttribute('limit'), 10) || 10);
      const pages = this.#board.pages.slice(0, limit);
      const keep = new Set(pages.map((p) => p.page));
      for (const [name, item] of this.#rows) {
        if (!keep.has(name)) { item.remove(); this.#rows.delete(name); }
      }
      pages.forEach((p, i) => {
        let item = this.#rows.get(p.page);
        if (!item) {
          item = make('li', 'item');
          item.append(make('span', 'rank'), make('span', 'move'), make('span', 'page'), make('span', 'heat'));
          item.children[2].append(make('bdi')); // whatever direction a name has, it is its own
          item.children[1].append(make('span'), make('span'));
          item.children[1].firstChild.setAttribute('aria-hidden', 'true');
          item.children[1].lastChild.className = 'unseen';
          this.#rows.set(p.page, item);
        }
        // Moving an item takes the focus away from it: only what is elsewhere moves.
        if (this.#list.children[i] !== item) {
          const focused = item.contains(this.shadowRoot.activeElement) && this.shadowRoot.activeElement;
          this.#list.insertBefore(item, this.#list.children[i] || null);
          if (focused) focused.focus({ preventScroll: true });
        }
        this.#fill(item, p);
      });
    }
    #fill(item, p) {
      const [rank, move, , heat] = item.children;
      set(rank, String(p.rank));
      set(heat, (Math.abs(p.heat) < 1000 ? brief : whole).format(p.heat));
      heat.title = `heat: ${few.format(p.clicks)} clicks, ${brief.format(p.minutes)} minutes, ${few.format(p.likes)} likes`;
      const recent = Date.now() - Date.parse(p.rank_since) < RECENT_MS;
      let way = '', arrow = '', words = '';
      if (p.previous_rank > p.rank) [way, arrow, words] = ['up', `▲ ${p.previous_rank - p.rank}`, `rose from ${p.previous_rank}`];
      else if (p.previous_rank && p.previous_rank < p.rank) [way, arrow, words] = ['down', `▼ ${p.rank - p.previous_rank}`, `fell from ${p.previous_rank}`];
      else if (!p.previous_rank && recent) [way, arrow, words] = ['new', 'new', 'is new here'];
      move.dataset.way = way;
      move.toggleAttribute('data-recent', recent);
      set(move.firstChild, arrow);
      set(move.lastChild, words);

      const address = addressOf(p.page, this.getAttribute('link'), p.url);
      let page = item.children[2];
      if ((page.tagName === 'A') !== Boolean(address)) {
        const other = make(address ? 'a' : 'span', 'page');
        other.append(make('bdi'));
        page.replaceWith(other);
        page = other;
      }
      if (address && page.href !== address) {
        page.href = address;
        page.rel = 'nofollow ugc noopener';
      }
      const strip = this.getAttribute('strip') || '';
      const short = strip && p.page.startsWith(strip) && p.page.length > strip.length ? p.page.slice(strip.length) : p.page;
      set(page.firstChild, this.#titles.get(p.page) || p.title || short);
      page.title = p.page;
    }
  });
})();
