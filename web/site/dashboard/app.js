// The dashboard. It shows the newest version of a board that it is given, and says so when it
// cannot be the newest. Whatever comes from a page's name or from the server is
// set as text, never as markup. Addresses are relative, so it works under any
// path.
'use strict';

const POLL_MS = 2000;          // between two questions, where events do not work
const EVENTS_AGAIN_MS = 15000; // until events are tried again
const READY_MS = 5000;         // between two questions for readiness
const GRACE_MS = 2500;         // a shorter interruption is not spoken of
const RECENT_MS = 60000;       // how long a movement is news
const QUIET_MS = 60000;        // unchanged for longer: said to be quiet
const START_OVER_MS = 30000;   // a lower version is believed after that long without a newer one
const ANNOUNCE_MS = 15000;     // between two announcements to screen readers
const RATE_WINDOW_MS = 5000;
const SPARK_POINTS = 120;      // one a second, at most
const TREND_MS = 2000;         // one point of a page's trend
const TREND_POINTS = 30;
const SPARK_LEAST = 40;        // the line takes the whole width from this number on

const still = window.matchMedia('(prefers-reduced-motion: reduce)');

// ---- What heat is made of

let weights = null; // of clicks, minutes and one like; null until they are known

// weightsOf gives the weights of a board, which may have some of its own.
function weightsOf(of) {
  const own = of && of.definition;
  if (!own || own['weight-clicks'] === undefined) return weights;
  return { clicks: Number(own['weight-clicks']), minutes: Number(own['weight-minutes']), like: Number(own['weight-likes']) };
}

// parts gives what a page's clicks, minutes and likes contribute to its heat. All of it
// counts as one part before the weights are known, and where it is made otherwise: the
// heat of a step may have a maximum.
function parts(page, by) {
  const list = by ? [
    ['clicks', page.clicks * by.clicks],
    ['minutes', page.minutes * by.minutes],
    ['likes', page.likes * by.like],
  ] : [];
  const sum = list.reduce((all, [, value]) => all + value, 0);
  return Math.abs(sum - page.heat) <= 1e-6 * Math.max(1, Math.abs(page.heat)) ? list : [['clicks', page.heat]];
}

const sumOf = (list, sign) => list.reduce((sum, [, value]) => sum + Math.max(0, sign * value), 0);
const gained = (page, by) => sumOf(parts(page, by), 1);

// drawBar shows the parts side by side on a scale that ends at full. What is
// taken away (dislikes) is hatched over the end, so that what stays plain is
// the heat.
function drawBar(bar, page, full, by) {
  if (!bar.firstChild) {
    for (const name of ['clicks', 'minutes', 'likes', 'lost']) {
      bar.append(Object.assign(document.createElement('span'), { className: name }));
    }
  }
  const percent = (value) => `${full > 0 ? Math.min(100, Math.max(0, (100 * value) / full)) : 0}%`;
  const list = parts(page, by);
  const values = new Map(list);
  for (const span of bar.children) {
    if (span.className !== 'lost') {
      span.style.width = percent(values.get(span.className) || 0);
      continue;
    }
    const all = sumOf(list, 1);
    const lost = Math.min(all, sumOf(list, -1));
    span.style.left = percent(all - lost);
    span.style.width = percent(lost);
  }
}

// ---- The board

const rows = new Map(); // page name -> its table row
let board = null;       // what is shown
let acceptedAt = 0;     // when it came, by performance.now()
let clockAhead = 0;     // the server's clock less ours, in ms

const now = () => Date.now() + clockAhead;

// offer takes a board unless a newer one has been seen: answers can overtake
// each other, and instances differ for a moment. After a long silence a lower
// version means that the numbering has started over.
function offer(next) {
  if (!next || !Array.isArray(next.pages)) return;
  const at = performance.now();
  if (board && next.version <= board.version && (next.version === board.version || at - acceptedAt < START_OVER_MS)) return;
  const startedOver = board && next.version < board.version;
  board = next;
  acceptedAt = at;
  rate.add(at, next.counted, startedOver);
  requestDraw();
}

let drawing = false;
function requestDraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; draw(); });
}

// forget shows no board, until there is one of those that are asked for now.
function forget() {
  board = null;
  acceptedAt = 0;
  rate.forget();
  trends.pages.clear();
  for (const row of rows.values()) row.remove();
  rows.clear();
  for (const id of ['counted', 'time', 'age']) setText($(id), '–');
  $('empty').hidden = false;
  setText($('empty'), 'Waiting for the board.');
  announced = '';
  drawAbout();
}

// drawAbout says what is on the board that is shown.
function drawAbout() {
  const listed = boards.of(boards.shown);
  const about = aboutBoard(board, listed && listed.title);
  setText($('about-board'), about);
  $('about-board').hidden = !about;
  const other = boards.shown !== ALL_TIME;
  const top = board && board.pages.length > 1 ? `Top ${board.pages.length} pages` : 'Top pages';
  setText($('board-title'), other ? `${top}: ${titleOf(boards.shown)}` : top);
  drawFormula();
  $('as-json').href = boardPath(boards.shown, '');
  $('as-feed').href = boardPath(boards.shown, 'feed.atom');
}

function draw() {
  if (!board) return;
  $('empty').hidden = board.pages.length > 0;
  setText($('empty'), 'Nothing has been counted yet.');
  setText($('counted'), whole.format(board.counted));
  setText($('time'), clock(board.updated_at));
  $('time').classList.toggle('long', $('time').textContent.length > 8);
  $('time').title = `${new Date(board.updated_at).toLocaleString()}, version ${board.version}`;
  $('counted').classList.toggle('long', board.counted >= 1e12);
  drawAbout();
  drawRows();
  drawAge();
  drawStatus();
  announce();
  if (found) drawFound();
}

function drawRows() {
  const body = $('rows');
  const moves = board.pages.length !== body.children.length ||
    board.pages.some((page, i) => rows.get(page.page) !== body.children[i]);
  const before = new Map();
  if (moves && !still.matches) {
    for (const [name, row] of rows) before.set(name, row.getBoundingClientRect().top);
  }

  const by = weightsOf(board);
  const full = Math.max(0, ...board.pages.map((page) => gained(page, by)));
  const format = heatFormat(board.pages);
  const count = board.kind === 'trending' ? decimals[1] : whole; // what decays is no whole number
  const keep = new Set(board.pages.map((page) => page.page));
  for (const [name, row] of rows) {
    if (!keep.has(name)) { row.remove(); rows.delete(name); }
  }
  board.pages.forEach((page, i) => {
    let row = rows.get(page.page);
    if (!row) {
      row = $('row').content.firstElementChild.cloneNode(true);
      row.querySelector('.name').addEventListener('click', () => lookUp(page.page));
      row.querySelector('.name').title = visibleName(page.page);
      rows.set(page.page, row);
    }
    setText(row.querySelector('.name'), nameOf(page));
    row.querySelector('.open').setAttribute('aria-label', `Open ${nameOf(page)}`);
    setLink(row.querySelector('.open'), page);
    // Moving a row takes the focus away from it: only what is elsewhere moves.
    if (body.children[i] !== row) {
      const focused = row.contains(document.activeElement) ? document.activeElement : null;
      body.insertBefore(row, body.children[i] || null);
      if (focused) focused.focus({ preventScroll: true });
    }
    setText(row.querySelector('.rank'), String(page.rank));
    setText(row.querySelector('.heat'), format.format(page.heat));
    row.querySelector('.heat').title = exact.format(page.heat);
    setText(row.querySelector('.clicks-total'), count.format(page.clicks));
    setText(row.querySelector('.minutes-total'), decimals[page.minutes < 1e6 ? 1 : 0].format(page.minutes));
    setText(row.querySelector('.likes-total'), count.format(page.likes));
    drawMove(row.querySelector('.move'), page);
    drawBar(row.querySelector('.bar'), page, full, by);
  });
  if (moves && !still.matches) slide(before);
}

// slide lets rows go from where they were to where they are (first, last,
// invert, play). A row that is on its way starts from where it is seen.
function slide(before) {
  for (const [name, row] of rows) {
    for (const animation of row.getAnimations()) animation.cancel();
    const top = row.getBoundingClientRect().top;
    if (!before.has(name)) {
      row.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 400, easing: 'ease-out' });
    } else if (Math.abs(before.get(name) - top) > 1) {
      row.animate([{ transform: `translateY(${before.get(name) - top}px)` }, { transform: 'none' }],
        { duration: 450, easing: 'cubic-bezier(0.2, 0.8, 0.2, 1)' });
    }
  }
}

function drawMove(cell, page) {
  const since = Date.parse(page.rank_since);
  const held = now() - since;
  let way = 'none', arrow = '·', words = 'has not moved';
  if (page.previous_rank === 0) {
    [way, arrow, words] = held < RECENT_MS ? ['new', 'new', 'is new here'] : ['none', '·', 'came from outside'];
  } else if (page.previous_rank > page.rank) {
    [way, arrow, words] = ['up', `▲ ${page.previous_rank - page.rank}`, `rose from ${page.previous_rank}`];
  } else if (page.previous_rank < page.rank) {
    [way, arrow, words] = ['down', `▼ ${page.rank - page.previous_rank}`, `fell from ${page.previous_rank}`];
  }
  cell.dataset.way = way;
  cell.toggleAttribute('data-recent', held < RECENT_MS);
  setText(cell.firstElementChild, arrow);
  setText(cell.lastElementChild, words);
  if (Number.isFinite(since)) cell.title = `${words}, at this rank for ${duration(held)}`;
}

function drawAge() {
  if (!board) return;
  const age = now() - Date.parse(board.updated_at);
  const text = age < 1500 ? 'just now' : `${duration(age)} ago`;
  setText($('age'), text);
  $('age').title = new Date(board.updated_at).toLocaleString();
}

let announcedAt = -Infinity;
let announced = '';
function announce() {
  const at = performance.now();
  const first = board.pages[0];
  if (!first || at - announcedAt < ANNOUNCE_MS) return;
  const order = board.pages.slice(0, 3).map((page) => page.page).join('\n');
  if (order === announced) return;
  announced = order;
  announcedAt = at;
  const next = board.pages.slice(1, 3).map(nameOf).join(' and ');
  setText($('announce'), `${nameOf(first)} leads with heat ${whole.format(first.heat)}${next ? `, followed by ${next}` : ''}.`);
}

// ---- How many a second

const rate = {
  samples: [], // [when, counted], the newest last
  history: [],
  forget() {
    this.samples = [];
    this.history = [];
    for (const path of $('spark').children) path.removeAttribute('d');
  },
  add(at, counted, startedOver) {
    if (startedOver) this.samples = [];
    this.samples.push([at, counted]);
    // The newest one that is older than the window begins it.
    while (this.samples.length > 2 && this.samples[1][0] < at - RATE_WINDOW_MS) this.samples.shift();
  },
  value() {
    const at = performance.now();
    while (this.samples.length > 1 && this.samples[1][0] < at - RATE_WINDOW_MS) this.samples.shift();
    if (!this.samples.length) return NaN;
    const [from, counted] = this.samples[0];
    if (at - from < 1000) return NaN;
    return (this.samples[this.samples.length - 1][1] - counted) / ((at - from) / 1000);
  },
  draw() {
    // A board that moves with time may count less than before.
    const value = this.value() < 0 ? NaN : this.value();
    const shown = connection.state === 'live' || connection.state === 'polling';
    setText($('rate'), !shown || Number.isNaN(value) ? '–' : value >= 100 ? whole.format(value) : decimals[value >= 10 || value === 0 ? 0 : 1].format(value));
    if (!Number.isNaN(value)) this.history.push(shown ? value : 0);
    this.history = this.history.slice(-SPARK_POINTS);
    const n = this.history.length;
    if (n < 3) return;
    const top = Math.max(...this.history, 1e-9);
    const width = Math.max(n, SPARK_LEAST) - 1;
    const x = (i) => (120 * (1 - (n - 1 - i) / width)).toFixed(1);
    const line = this.history.map((v, i) => `${x(i)},${(30 - 27 * v / top).toFixed(1)}`).join(' L');
    const [area, stroke] = $('spark').children;
    stroke.setAttribute('d', `M${line}`);
    area.setAttribute('d', `M${line} L120,32 L${x(0)},32 Z`);
  },
};

// ---- How each page comes on

// A trend is the heat that a page has gained in each of the last TREND_POINTS
// stretches of TREND_MS, as far as it was watched.
const trends = {
  pages: new Map(), // page name -> [heat at the last step, gains, the newest last]
  step() {
    if (!board || document.hidden) return;
    const shown = new Set(board.pages.map((page) => page.page));
    for (const name of this.pages.keys()) if (!shown.has(name)) this.pages.delete(name);
    for (const page of board.pages) {
      const trend = this.pages.get(page.page) || [page.heat, []];
      trend[1] = [...trend[1], Math.max(0, page.heat - trend[0])].slice(-TREND_POINTS);
      trend[0] = page.heat;
      this.pages.set(page.page, trend);
    }
    this.draw();
  },
  // All rows share a scale, so that who gains most is seen.
  draw() {
    let top = 1e-9;
    for (const [, gains] of this.pages.values()) top = Math.max(top, ...gains);
    for (const [name, row] of rows) {
      const gains = this.pages.has(name) ? this.pages.get(name)[1] : [];
      const path = row.querySelector('.trend path');
      const x = (i) => (60 * (1 - (gains.length - 1 - i) / (TREND_POINTS - 1))).toFixed(1);
      path.setAttribute('d', gains.length < 2 ? '' : `M${gains.map((v, i) => `${x(i)},${(18 - 16 * v / top).toFixed(1)}`).join(' L')}`);
    }
  },
};

// ---- The connection

const connection = {
  state: 'connecting',
  events: null,
  polling: 0,        // a timer while polling
  refused: '',       // why there is no such board
  lostAt: 0,         // when the last answer failed, 0 while all is well
  unready: [],       // why the server says it is not ready
};

function listen() {
  clearInterval(connection.polling);
  connection.polling = 0;
  if (connection.events) connection.events.close();
  if (!window.EventSource) { poll(); return; }
  const mine = boards.shown;
  const events = new EventSource(boardPath(mine, 'events'));
  connection.events = events;
  events.onopen = () => {
    clearInterval(connection.polling);
    connection.polling = 0;
    well();
  };
  events.onmessage = (event) => {
    if (mine !== boards.shown) return;
    well();
    try { offer(JSON.parse(event.data)); } catch (error) { console.error('a board cannot be read', error); }
  };
  events.onerror = () => {
    ill();
    // The browser connects again by itself unless it was refused.
    if (events.readyState === EventSource.CLOSED) {
      poll();
      setTimeout(() => { if (connection.polling && !document.hidden && connection.events === events) listen(); }, EVENTS_AGAIN_MS);
    }
  };
}

function poll() {
  if (connection.polling) return;
  const mine = boards.shown;
  const ask = async () => {
    try {
      const answer = await fetch(boardPath(mine, ''), { headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(10000) });
      sync(answer);
      const body = await answer.json();
      if (mine !== boards.shown) return;
      connection.refused = answer.status === 404 && mine !== ALL_TIME ? String(body.detail) : '';
      well();
      if (answer.ok) offer(body); else if (connection.refused && board) forget();
    } catch { ill(); }
  };
  connection.polling = setInterval(ask, POLL_MS);
  ask();
}

function well() { connection.lostAt = 0; drawStatus(); }
function ill() { connection.lostAt = connection.lostAt || performance.now(); drawStatus(); }

// sync learns how far the server's clock is from ours; the header has whole
// seconds, so that small differences mean nothing.
function sync(answer) {
  const date = Date.parse(answer.headers.get('Date') || '');
  if (Number.isNaN(date)) return;
  const ahead = date + 500 - Date.now();
  clockAhead = Math.abs(ahead) > 2000 ? ahead : 0;
}

async function checkReady() {
  try {
    const answer = await fetch('readyz', { cache: 'no-store', signal: AbortSignal.timeout(4000) });
    sync(answer);
    const body = await answer.json();
    connection.unready = answer.ok ? [] : (body.reasons || [{ part: 'server', reason: body.detail || 'not ready' }]);
    if (answer.ok && !weights) await learnWeights();
    // Events that were cut off without a word are asked for again.
    const silent = connection.lostAt && performance.now() - connection.lostAt > GRACE_MS;
    const open = connection.events && connection.events.readyState === EventSource.OPEN;
    if (open && silent) listen();
    if (open || connection.polling) well(); else drawStatus();
  } catch { ill(); }
}

async function learnWeights() {
  const settings = await learnSettings();
  if (!settings) return;
  weights = settings.weights;
  drawFormula();
  requestDraw();
}

// drawFormula says how the heat of the board that is shown is made.
function drawFormula() {
  const by = weightsOf(board);
  if (!by) return;
  const term = (weight, what) => `${exact.format(weight)}\u00a0×\u00a0${what}`;
  setText($('formula'), `heat = ${term(by.clicks, 'clicks')} + ${term(by.minutes, 'minutes')} + ${term(by.like, 'likes')}`);
  setText($('summed'), `Summed per page over all behaviours${board && board.kind ? ' that count on this board' : ''}.`);
}

function drawStatus() {
  const lost = connection.lostAt && performance.now() - connection.lostAt > GRACE_MS;
  const state = lost ? 'offline'
    : connection.unready.length ? 'recovering'
    : !board ? (connection.lostAt ? 'connecting' : 'waiting')
    : connection.polling ? 'polling' : 'live';
  connection.state = state;
  const age = board ? now() - Date.parse(board.updated_at) : 0;
  const words = {
    offline: 'No connection', recovering: 'Recovering', waiting: 'Waiting', connecting: 'Connecting',
    polling: 'Live, every 2 s', live: age > QUIET_MS ? 'Live, quiet' : 'Live',
  };
  $('status').dataset.state = state === 'polling' ? 'live' : state;
  setText($('status-text'), words[state]);

  const shown = board ? ` You see the board of ${clock(board.updated_at)}.` : '';
  const banner = {
    offline: `The server does not answer; trying again.${shown}`,
    recovering: `Recovering: ${connection.unready.map((r) => `${r.part} (${r.reason})`).join('; ')}.${shown}`,
  }[state] || '';
  setText($('banner'), banner);
  $('banner').hidden = !banner;
  document.body.toggleAttribute('data-stale', state === 'offline');
  if (!board) setText($('empty'), connection.refused ? visibleName(connection.refused) : state === 'waiting' && boards.shown === ALL_TIME ? 'No board has been published yet. It appears with the first behaviour.' : 'Waiting for the first board.');
  const place = boards.shown === ALL_TIME ? '' : `${titleOf(boards.shown)} · `;
  document.title = board && board.pages.length ? `${state === 'offline' ? '⚠ ' : ''}${nameOf(board.pages[0])} · ${place}pageheat` : `${place}pageheat`;
}

// ---- Any page

let found = null;   // what is shown of the page looked up
let wanted = '';    // its name, empty for none
let lookups = 0;    // how many were begun: a late answer to an earlier one is dropped

async function lookUp(name, again) {
  const mine = ++lookups;
  if (!again) {
    $('query').value = name;
    history.replaceState(null, '', `#page=${encodeURIComponent(name)}`);
  }
  wanted = name;
  try {
    const answer = await fetch(`api/v1/page?page=${encodeURIComponent(name)}`, { cache: 'no-store', signal: AbortSignal.timeout(10000) });
    const body = await answer.json();
    if (mine !== lookups) return;
    found = answer.ok ? body : null;
    note(answer.ok ? '' : body.detail || `The server answered ${answer.status}.`, !answer.ok);
  } catch {
    if (mine !== lookups) return;
    if (again) return;
    found = null;
    note('The server does not answer. Try again.', true);
  }
  drawFound();
}

function note(text, wrong) {
  $('lookup-note').hidden = !text;
  $('lookup-note').classList.toggle('wrong', Boolean(wrong));
  setText($('lookup-note'), visibleName(text));
}

function clearLookup() {
  lookups++;
  wanted = '';
  found = null;
  $('query').value = '';
  note('Every page is counted, not only the top.', false);
  history.replaceState(null, '', location.pathname + location.search);
  drawFound();
}

function drawFound() {
  $('found').hidden = !found;
  if (!found) return;
  const ranked = board && board.pages.find((page) => page.page === found.page);
  setText($('found-name'), nameOf(found));
  setText($('found-page'), visibleName(found.page));
  $('found-page').hidden = !found.title;
  setLink($('found-link'), found);
  setText($('found-heat'), exact.format(found.heat));
  const place = boards.shown === ALL_TIME ? '' : ` of ${titleOf(boards.shown)}`;
  setText($('found-rank'), ranked ? `rank ${ranked.rank}${place}` : `not in the top${place}`);
  drawBar($('found-bar'), found, gained(found, weights), weights);
  const totals = { clicks: found.clicks, minutes: found.minutes, likes: found.likes };
  const weight = weights ? { clicks: weights.clicks, minutes: weights.minutes, likes: weights.like } : {};
  const lines = Object.keys(totals).map((name) => {
    const line = document.createElement('tr');
    const head = Object.assign(document.createElement('th'), { scope: 'row' });
    head.append(Object.assign(document.createElement('span'), { className: `swatch ${name}` }), name);
    line.append(head);
    for (const value of [totals[name], weight[name], totals[name] * weight[name]]) {
      line.append(Object.assign(document.createElement('td'), { textContent: Number.isFinite(value) ? brief.format(value) : '–', title: Number.isFinite(value) ? exact.format(value) : '' }));
    }
    return line;
  });
  $('found-sum').replaceChildren(...lines);
  setText($('found-note'), `${whole.format(found.behaviours)} behaviours counted. It can be behind the board by a commit interval.`);
}

function fromAddress() {
  const match = /^#page=(.+)$/.exec(location.hash);
  if (!match) return;
  try { lookUp(decodeURIComponent(match[1])); } catch { /* not one of ours */ }
}

$('lookup').addEventListener('submit', (event) => {
  event.preventDefault();
  const name = $('query').value.replace(/^[ \t]+|[ \t]+$/g, '');
  if (name) lookUp(name); else clearLookup();
});
$('query').addEventListener('input', () => { if (!$('query').value && wanted) clearLookup(); });
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === '/' && document.activeElement !== $('query')) {
    event.preventDefault();
    $('query').focus();
    $('query').select();
  } else if (event.key === 'Escape' && wanted) {
    clearLookup();
  }
});
window.addEventListener('hashchange', fromAddress);

// A hidden page needs no events, and a browser has few connections to a host.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    if (connection.events) connection.events.close();
    clearInterval(connection.polling);
    connection.polling = 0;
  } else {
    listen();
    checkReady();
  }
});

function drawTime() {
  drawAge();
  drawStatus();
  rate.draw();
  if (!board) return;
  for (const page of board.pages) {
    const row = rows.get(page.page);
    if (row) drawMove(row.querySelector('.move'), page);
  }
}

setInterval(drawTime, 1000);
setInterval(() => trends.step(), TREND_MS);
setInterval(() => { if (!document.hidden) checkReady(); }, READY_MS);
setInterval(() => { if (!document.hidden && wanted) lookUp(wanted, true); }, READY_MS);

boards.onLearn = drawAbout;
boards.begin(() => {
  connection.refused = '';
  forget();
  listen();
  drawStatus();
  if (found) drawFound();
});
checkReady();
learnWeights();
listen();
fromAddress();
