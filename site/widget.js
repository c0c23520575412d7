// widget.js is the hot list for a site's own pages:
//
//	<script src="https://heat.example/widget.js" defer></script>
//	<pageheat-board limit="5" link="/t/{page}" heading="Hot now"></pageheat-board>
//
// limit    how many pages, 10
// link     address of a page; {page} is its name, percent-encoded. Without it pages
//          whose names are paths of this site are linked, and others are text
// strip    a beginning of names that is not shown
// heading  a heading, none without it
// api      where pageheat is; without it where the script comes from
// board    name of the board, all-time
//
// Style it with --pageheat-accent, --pageheat-ink, --pageheat-soft, --pageheat-line,
// --pageheat-up and --pageheat-down, and with ::part(heading), list, item, rank,
// move, page, heat and note. Names are data from strangers: they are set as text, and a
// link leads nowhere but to a page of http or https, of this site or of the site
// that link names.
(() => {
  'use strict';
  if (!window.customElements || customElements.get('pageheat-board')) return;
  const home = document.currentScript ? document.currentScript.src : document.baseURI;
  const POLL_MS = 5000;          // between two questions, where events do not work
  const EVENTS_AGAIN_MS = 30000; // until events are tried again
  const RECENT_MS = 60000;       // how long a movement is news

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
    .move { font-size: .8em; white-space: nowrap; opacity: .6; }
    .move[data-recent] { opacity: 1; }
    .move[data-way=up][data-recent] { color: var(--pageheat-up, #15803d); }
    .move[data-way=down][data-recent] { color: var(--pageheat-down, #b42318); }
    .page { overflow: hidden; text-overflow: ellipsis; white-space: pre; unicode-bidi: isolate; color: inherit; }
    a.page { color: var(--pageheat-accent, #c2410c); text-underline-offset: .2em; }
    .heat { font-variant-numeric: tabular-nums; }
    .note { margin: .5em 0 0; font-size: .85em; }
    .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }`;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);

  const make = (tag, part, text) => {
    const node = document.createElement(tag);
    if (part) { node.className = part; node.setAttribute('part', part); }
    if (text) node.textContent = text;
    return node;
  };
  const set = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
  const brief = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

  // addressOf returns where a page's name leads, or null.
  const addressOf = (name, link) => {
    try {
      let base = new URL(location.origin), target;
      if (link) {
        base = new URL(link.replaceAll('{page}', ''), document.baseURI);
        target = new URL(link.replaceAll('{page}', () => encodeURIComponent(name)), document.baseURI);
      } else if (name.startsWith('/')) {
        target = new URL(name, base);
      }
      return target && /^https?:$/.test(target.protocol) && target.origin === base.origin ? target.href : null;
    } catch { return null; }
  };

  customElements.define('pageheat-board', class extends HTMLElement {
    static observedAttributes = ['limit', 'link', 'strip', 'heading', 'api', 'board'];
    #rows = new Map(); // page's name -> its item
    #board = null;
    #events = null;
    #timer = 0;
    #again = 0;
    #heading = make('h2', 'heading');
    #list = make('ol', 'list');
    #note = make('p', 'note', 'Waiting for the first board.');
    #seen = () => (document.hidden ? this.#leave() : this.#follow());

    constructor() {
      super();
      const root = this.attachShadow({ mode: 'open' });
      root.adoptedStyleSheets = [sheet];
      this.#note.setAttribute('role', 'status');
      root.append(this.#heading, this.#list, this.#note);
    }
    connectedCallback() {
      document.addEventListener('visibilitychange', this.#seen);
      this.#draw();
      this.#seen();
    }
    disconnectedCallback() {
      document.removeEventListener('visibilitychange', this.#seen);
      this.#leave();
    }
    attributeChangedCallback(name) {
      if (!this.isConnected) return;
      if (name === 'api' || name === 'board') {
        this.#leave();
        this.#board = null;
        this.#seen();
      }
      this.#draw();
    }

    get #address() {
      const api = this.getAttribute('api');
      const base = api ? new URL(api.replace(/\/?$/, '/'), document.baseURI) : home;
      return new URL(`api/v1/boards/${encodeURIComponent(this.getAttribute('board') || 'all-time')}`, base).href;
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
      if (!window.EventSource) { this.#poll(); return; }
      const events = this.#events = new EventSource(`${this.#address}/events`);
      events.onopen = () => {
        clearInterval(this.#timer);
        this.#timer = 0;
        this.#say('');
      };
      events.onmessage = (event) => { try { this.#offer(JSON.parse(event.data)); } catch { /* the next one may be good */ } };
      events.onerror = () => {
        // The browser connects again by itself unless it was refused.
        if (events.readyState === EventSource.CLOSED) {
          this.#poll();
          this.#again = setTimeout(() => this.#follow(), EVENTS_AGAIN_MS);
        } else {
          this.#poll(); // meanwhile
        }
      };
    }
    #poll() {
      if (this.#timer) return;
      const ask = async () => {
        try {
          const answer = await fetch(this.#address, { signal: AbortSignal.timeout(POLL_MS) });
          if (answer.ok) this.#offer(await answer.json());
          this.#say(answer.ok || answer.status === 404 ? '' : 'The list cannot be brought up to date now.');
        } catch { this.#say('The list cannot be brought up to date now.'); }
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
      heat.title = `heat: ${p.clicks} clicks, ${brief.format(p.minutes)} minutes, ${p.likes} likes`;
      const recent = Date.now() - Date.parse(p.rank_since) < RECENT_MS;
      let way = '', arrow = '', words = '';
      if (p.previous_rank > p.rank) [way, arrow, words] = ['up', `▲ ${p.previous_rank - p.rank}`, `rose from ${p.previous_rank}`];
      else if (p.previous_rank && p.previous_rank < p.rank) [way, arrow, words] = ['down', `▼ ${p.rank - p.previous_rank}`, `fell from ${p.previous_rank}`];
      else if (!p.previous_rank && recent) [way, arrow, words] = ['new', 'new', 'is new here'];
      move.dataset.way = way;
      move.toggleAttribute('data-recent', recent);
      set(move.firstChild, arrow);
      set(move.lastChild, words);

      const address = addressOf(p.page, this.getAttribute('link'));
      let page = item.children[2];
      if ((page.tagName === 'A') !== Boolean(address)) {
        const other = make(address ? 'a' : 'span', 'page');
        page.replaceWith(other);
        page = other;
      }
      if (address && page.href !== address) {
        page.href = address;
        page.rel = 'nofollow ugc noopener';
      }
      const strip = this.getAttribute('strip') || '';
      set(page, strip && p.page.startsWith(strip) && p.page.length > strip.length ? p.page.slice(strip.length) : p.page);
      page.title = p.page;
      page.dir = 'auto';
    }
  });
})();
