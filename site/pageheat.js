// pageheat.js tells pageheat what a visit does: views of a page, the time it is
// visible, likes. It keeps no cookie and knows nothing of the person.
//
//	<script src="https://heat.example/pageheat.js" defer></script>
//
// data-page     the page's name; without it the path of its address
// data-api      where to send; without it where the script comes from
// data-key      the write key, where there is one
// data-minutes  the most minutes of one view, 30
// data-privacy  "ignore": count visitors too who ask not to be tracked
// data-storage  "off": remember nothing in the tab (likes, and what waits to be sent)
(() => {
  'use strict';
  const script = document.currentScript;
  const set = script && script.dataset;
  if (!set || (set.privacy !== 'ignore' && (navigator.doNotTrack === '1' || navigator.globalPrivacyControl))) return;
  const url = new URL(set.api || 'api/v1/behaviours', set.api ? document.baseURI : script.src);
  if (set.key) url.searchParams.set('key', set.key);
  const cap = 6e4 * (set.minutes > 0 ? +set.minutes : 30);

  let likes = {};  // page -> the like that was sent
  let waiting = []; // lines to send
  const store = 'pageheat';
  if (set.storage !== 'off') {
    try { [likes, waiting] = JSON.parse(sessionStorage[store]); } catch { /* the first page of the visit */ }
  }
  const remember = () => {
    if (set.storage === 'off') return;
    try { sessionStorage[store] = JSON.stringify([likes, waiting]); } catch { /* there is no room */ }
  };

  let page = '';  // its name
  let views = 0;  // not told yet
  let time = 0;   // ms visible, not told yet
  let left = 0;   // ms that may still count
  let from = 0;   // visible since, 0: it is not
  let like = 0;   // as it is wanted
  let fresh;      // the view has not been seen yet
  let soon = 0;   // timer

  const visible = () => document.visibilityState === 'visible';
  // A name holds no bar, since that ends it.
  const name = () => (set.page || location.pathname).replaceAll('|', '%7C');

  const start = () => {
    if (from || !visible()) return;
    from = performance.now();
    if (fresh) views++;
    fresh = false;
  };
  const stop = () => {
    if (!from) return;
    const more = Math.min(left, performance.now() - from);
    time += more;
    left -= more;
    from = 0;
  };

  const send = () => {
    waiting = waiting.slice(-500);
    // What is queued by the browser is its to deliver.
    if (waiting.length && navigator.onLine !== false && navigator.sendBeacon(url, waiting.join('\n'))) waiting = [];
    remember();
  };
  // tell sends what there is to tell of the page up to now.
  const tell = () => {
    clearTimeout(soon);
    stop();
    let change = like - (likes[page] || 0);
    while (views || time || change) {
      const step = Math.sign(change);
      waiting.push(`${page}|${views}|${(time / 6e4).toFixed(6)}|${step}`);
      views = time = 0;
      change -= step;
    }
    if (like) likes[page] = like; else delete likes[page];
    send();
  };
  const show = () => {
    for (const button of document.querySelectorAll('[data-pageheat-like]')) {
      button.setAttribute('aria-pressed', +button.dataset.pageheatLike === like);
    }
  };
  const view = () => {
    page = name();
    like = likes[page] || 0;
    left = cap;
    fresh = true;
    start();
    show();
  };
  // An application of one page has gone to another one.
  const moved = () => {
    if (name() === page) return;
    tell();
    view();
  };

  document.addEventListener('click', (event) => {
    const button = event.target.closest && event.target.closest('[data-pageheat-like]');
    const value = button && +button.dataset.pageheatLike;
    if (!button || ![1, 0, -1].includes(value)) return;
    like = value;
    show();
    clearTimeout(soon);
    soon = setTimeout(() => { tell(); start(); }, 300);
  });
  document.addEventListener('visibilitychange', () => { if (visible()) start(); else tell(); });
  addEventListener('pagehide', tell);
  addEventListener('pageshow', (event) => { if (event.persisted) { stop(); view(); } });
  addEventListener('online', send);
  for (const change of ['pushState', 'replaceState']) {
    const original = history[change];
    history[change] = function (...args) {
      original.apply(this, args);
      moved();
    };
  }
  addEventListener('popstate', moved);
  view();
  send();
})();
