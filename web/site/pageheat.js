// pageheat.js reports visits to pageheat: views of a page, the time it is
// visible, likes. It sets no cookie and knows nothing about the person.
//
//	<script src="https://heat.example/pageheat.js" defer></script>
//
// data-page     the page's name; default: the path of the canonical link, or of the address
// data-api      where to send; default: relative to the script
// data-key      the write key, if there is one
// data-minutes  maximum minutes of one view; default 30
// data-privacy  "ignore": also count visitors who ask not to be tracked
// data-title    the page's title; default: that of og:title, or of the page
// data-titles   "off": send no titles
// data-storage  "off": store nothing in the tab (likes and unsent behaviours)
//
// It does not disturb the page. All callbacks go through safe, so no error leaves the
// script. It takes names that a page may redefine, such as `URL`, from window. It uses
// neither JSON nor inherited properties, because a page may have changed them.
(() => {
  'use strict';
  const { URL, Map, fetch, history, navigation, navigator, performance } = window;

  const warned = [];
  const warn = (why) => {
    if (!warned.includes(why = 'pageheat: ' + why)) console.warn(why);
    warned.push(why);
  };
  const safe = (run) => (...args) => {
    try { return run(...args); } catch (e) { try { warn(e); } catch { /* there is no console */ } }
  };
  const on = (target, event, run) => target.addEventListener(event, safe(run));

  // A module has no current script.
  let script = document.currentScript;
  const set = (name) => script.getAttribute('data-' + name) || '';

  const run = safe(() => {
    script ||= document.querySelector('script[src*="pageheat.js"]');
    if (!script || !(script.src || set('api'))) return warn('counts nothing: no <script src=".../pageheat.js"> says where.');
    if (set('privacy') !== 'ignore' && (navigator.doNotTrack === '1' || navigator.globalPrivacyControl)) return;
    const url = new URL(set('api') || 'api/v1/behaviours', set('api') ? document.baseURI : script.src);
    const store = 'pageheat ' + url;
    // A second copy only hands its tag over, for where the first one's is gone.
    if (window[store]) return window[store](script);
    if (set('key')) url.searchParams.set('key', set('key'));

    let likes = new Map(); // page -> the like that was sent
    let waiting = [];      // lines to send
    let stored = set('storage') !== 'off';
    // What waits is in the tab, where other pages and frames of the site take it over:
    // it is read before each change. A line of two fields is a like.
    const recall = () => {
      if (stored) try {
        const lines = (sessionStorage.getItem(store) || '').split('\n').map((line) => line.split('|'));
        likes = new Map(lines.filter((fields) => fields.length === 2));
        waiting = lines.filter(({ 0: first, length }) => length === 4 || length < 2 && first[0] === '{').map((fields) => fields.join('|'));
      } catch { stored = false; }
    };
    // Where the tab has no room, all stays in memory. The oldest is what goes.
    const remember = () => {
      waiting = waiting.slice(-500);
      if (stored) try {
        sessionStorage.setItem(store, [...likes].slice(-500).map((fields) => fields.join('|')).concat(waiting).join('\n'));
      } catch { stored = false; }
    };

    let page;      // its name
    let title = ''; // once it has settled, until it was told
    let views = 0; // not told yet
    let time = 0;  // ms visible, not told yet
    let left;      // ms that may still count
    let from = 0;  // visible since, 0: it is not
    let like;      // as it is wanted
    let fresh;     // the view has not been seen yet
    let settling;  // timer of the page, which may still get another name
    let canonical, canonicalPath; // the last canonical link, and where it was first seen
    let flying = 0; // bytes that are under way
    let refused;   // it makes no sense to go on

    // readable undoes percent-encoding where that gives text, and the same address.
    const readable = (path) => path
      .replace(/%25(?![\da-f%])|%(?!25)([c-f][\da-f](%[89ab][\da-f])+|[\da-f]{2})/gi, (code) => {
        try {
          const text = decodeURIComponent(code);
          if (!/[\p{Cc}|/?#\\]/u.test(text)) return text;
        } catch { /* is no UTF-8 */ }
        return code.toUpperCase();
      })
      .replace(/ $/, '%20');
    const name = () => {
      let path = /^http/.test(location.protocol) ? location.pathname : '';
      const link = document.querySelector('link[rel~=canonical]');
      const href = link && link.href;
      // A page that was left may still have its link in an application of one page.
      if (href && (href !== canonical || path === canonicalPath)) {
        canonical = href;
        canonicalPath = path;
        if (href.startsWith(location.origin + '/')) path = new URL(href).pathname;
      }
      const found = (set('page').replace(/[\s\p{Cc}]+/gu, ' ').trim() || readable(path)).replace(/\|/g, '%7C');
      if (new Blob([found]).size <= 1024) return found;
      warn('skips names above 1024 bytes: set data-page.');
      return '';
    };

    const heading = () => {
      if (set('titles') === 'off') return '';
      const meta = document.querySelector('meta[property="og:title"]');
      return set('title') || meta && meta.content || document.title;
    };
    const quoted = (text) => `"${text.replace(/["\\|\p{Cc}]/gu, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, 0))}"`;

    const start = () => {
      if (from || document.hidden) return;
      from = performance.now();
      if (fresh) views++;
      fresh = false;
    };
    const stop = () => {
      if (!from) return;
      const more = Math.max(0, Math.min(left, performance.now() - from));
      time += more;
      left -= more;
      from = 0;
    };

    const fly = async (part, size) => {
      let status = 0;
      let why = 'no answer: is it up, and in connect-src?';
      const body = part.join('\n');
      flying += size;
      try {
        // Unlike sendBeacon, this sends the page's origin whatever its Referrer-Policy,
        // and gives the answer.
        const answer = await fetch(url.href, { __proto__: null, method: 'POST', body, keepalive: true });
        status = answer.status;
        why = answer.ok ? '' : ' ' + await answer.text();
      } catch { await 0; /* since send may be at work */ }
      flying -= size;
      if (why) warn(`${url.origin} ${status} ${why}`);
      refused = /40[134]/.test(status);
      if (!status || status === 429 || status > 499) {
        // It waits again, before what has come since.
        recall();
        waiting.unshift(...part);
        remember();
      } else send();
    };
    const send = () => {
      recall();
      while (waiting.length && !refused && navigator.onLine !== false) {
        let count = 0, size = 0;
        // Three bytes is the most that a character of UTF-16 takes in UTF-8.
        do size += 3 * waiting[count++].length; while (count < 50 && waiting[count] && size < 3e4);
        // Browsers allow 64 KiB at a time once a page is left.
        if (flying + size > 6e4) break;
        const part = waiting.splice(0, count);
        remember();
        fly(part, size).catch(warn);
      }
    };
    const known = () => Math.sign(likes.get(page)) || 0;
    // tell sends what there is to tell of the page up to now.
    const tell = () => {
      stop();
      recall();
      let change = like - known();
      while (views || time || change) {
        const step = Math.sign(change);
        const minutes = (time / 6e4).toFixed(6);
        if (page) waiting.push(title
          ? `{"page":${quoted(page)},"clicks":${views},"minutes":${minutes},"like":${step},"title":${quoted(title.slice(0, 400))}}`
          : `${page}|${views}|${minutes}|${step}`);
        views = time = 0;
        title = '';
        change -= step;
      }
      likes.delete(page);
      if (page && like) likes.set(page, like);
      remember();
      send();
    };
    const show = () => {
      for (const button of document.querySelectorAll('[data-pageheat-like]')) {
        button.setAttribute('aria-pressed', +button.dataset.pageheatLike === like);
      }
    };
    const call = (next) => {
      page = next;
      recall();
      like = known();
      show();
    };
    const view = () => {
      call(name());
      title = '';
      left = 6e4 * Math.min(set('minutes') || 30, 1440) || 0;
      fresh = true;
      start();
      // Until then, what makes the page gives it its address, canonical link and buttons.
      clearTimeout(settling);
      const timer = settling = setTimeout(safe(() => {
        moved(true);
        if (settling === timer) {
          settling = 0;
          title = heading();
        }
        show();
      }), 1000);
    };
    // moved looks whether this is another page now: an application of one page has
    // gone on, or it has only replaced the address at which it began.
    const moved = (replaced) => {
      const next = name();
      if (next === page) return;
      if (replaced === true && settling && (fresh || views)) call(next);
      else { tell(); view(); }
    };

    window[store] = safe((other) => {
      if (script.isConnected) return;
      script = other;
      moved();
    });
    on(document, 'click', (event) => {
      const button = event.target.closest('[data-pageheat-like]');
      const value = button && +button.dataset.pageheatLike;
      if (!button || ![1, 0, -1].includes(value)) return;
      like = value;
      show();
      setTimeout(safe(() => { tell(); start(); }), 300);
    });
    on(document, 'visibilitychange', () => { if (document.hidden) tell(); else start(); });
    on(window, 'pagehide', tell);
    on(window, 'pageshow', (event) => { if (event.persisted) { stop(); view(); } });
    on(window, 'online', send);
    on(window, 'popstate', moved);
    view();
    send();
    // Where the browser tells of each change of the address, the site's history stays
    // as it is. A frozen one does so too: that is the end of this function.
    if (navigation && navigation.currentEntry) on(navigation, 'currententrychange', (event) => moved(event.navigationType === 'replace'));
    else {
      for (const change of ['pushState', 'replaceState']) {
        const original = history[change];
        history[change] = function (...args) {
          const result = original.apply(this, args);
          safe(moved)(change === 'replaceState');
          return result;
        };
      }
    }
  });
  // What a browser only prepares has not been visited, and its tab is not its own yet.
  if (document.prerendering) on(document, 'prerenderingchange', run); else run();
})();
