// Two boards side by side: where each page stands on the one and on the other. The
// address has both (?left=all-time&right=today), so that it can be linked to.
'use strict';

{
  const LIST_MS = 10000;  // between two questions for the list of boards
  const AGAIN_MS = 5000;  // until events are tried again after they were refused
  const GRACE_MS = 2500;  // a shorter interruption is not spoken of

  // side is one of the two: the board that it shows, and how it gets it.
  const side = (id) => ({ id, key: '', board: null, refused: '', events: null, again: 0, lostAt: 0 });
  const left = side('left'), right = side('right');
  const sides = [left, right];
  let list = [];

  function fromAddress() {
    const query = new URLSearchParams(location.search);
    show(left, query.get('left') || ALL_TIME);
    show(right, query.get('right') || (list.find((board) => board.name !== left.key) || { name: ALL_TIME }).name);
    draw();
  }

  const address = () => `?left=${encodeURIComponent(left.key)}&right=${encodeURIComponent(right.key)}`;

  function show(of, key) {
    if (of.key === key) return;
    leave(of);
    of.key = key;
    of.board = null;
    of.refused = '';
    follow(of);
  }

  function leave(of) {
    if (of.events) of.events.close();
    clearTimeout(of.again);
    of.events = null;
    of.again = 0;
    of.lostAt = 0;
  }

  function follow(of) {
    const events = of.events = new EventSource(boardPath(of.key, 'events'));
    events.onopen = () => { of.lostAt = 0; drawStatus(); };
    events.onmessage = (event) => {
      of.lostAt = 0;
      of.refused = '';
      let next;
      try { next = JSON.parse(event.data); } catch (error) { console.error('a board cannot be read', error); return; }
      if (!next || !Array.isArray(next.pages) || of.board && next.version <= of.board.version) return;
      of.board = next;
      requestDraw();
    };
    events.onerror = () => {
      of.lostAt = of.lostAt || performance.now();
      // The browser connects again by itself unless it was refused.
      if (events.readyState !== EventSource.CLOSED) return;
      of.again = setTimeout(() => { if (of.events === events) { leave(of); follow(of); } }, AGAIN_MS);
      ask(of, events);
    };
  }

  // ask learns why events were refused, or gets the board without them.
  async function ask(of, events) {
    try {
      const answer = await fetch(boardPath(of.key, ''), { signal: AbortSignal.timeout(4000) });
      const body = await answer.json();
      if (of.events !== events) return;
      of.refused = answer.ok ? '' : String(body.detail);
      if (answer.ok) of.board = body; else if (answer.status === 404) of.board = null;
      of.lostAt = 0;
    } catch { /* it is said to be lost */ }
    requestDraw();
    drawStatus();
  }

  let drawing = false;
  function requestDraw() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => { drawing = false; draw(); });
  }

  const titled = (of) => list.find((board) => board.name === splitKey(of.key)[0]);

  // merged are the pages of both boards: as on the left one, then those that only the
  // right one has.
  function merged() {
    const pages = new Map();
    for (const of of sides) {
      for (const page of of.board ? of.board.pages : []) pages.set(page.page, { ...pages.get(page.page), [of.id]: page });
    }
    const order = ({ left: l, right: r }) => (l ? l.rank : 1e6 + r.rank);
    return [...pages].sort(([, a], [, b]) => order(a) - order(b));
  }

  function difference(l, r) {
    if (!l) return ['out', 'right only', 'only on the right board'];
    if (!r) return ['out', 'left only', 'only on the left board'];
    const places = Math.abs(l.rank - r.rank);
    const words = `${places} ${places === 1 ? 'place' : 'places'}`;
    if (l.rank > r.rank) return ['up', `▲ ${places}`, `${words} higher on the right board`];
    if (l.rank < r.rank) return ['down', `▼ ${places}`, `${words} lower on the right board`];
    return ['none', 'same', 'at the same place'];
  }

  const rows = new Map(); // page name -> its table row

  function newRow(name) {
    const row = document.createElement('tr');
    const head = Object.assign(document.createElement('th'), { className: 'page', scope: 'row', title: visibleName(name) });
    head.append(document.createElement('a'));
    row.append(head, ...['rank', 'rank', 'heat', 'heat', 'difference'].map((className) => Object.assign(document.createElement('td'), { className })));
    const [arrow, words] = [document.createElement('span'), document.createElement('span')];
    arrow.setAttribute('aria-hidden', 'true');
    words.className = 'unseen';
    row.lastChild.append(arrow, words);
    return row;
  }

  function draw() {
    const names = sides.map((of) => titleOf(of.key));
    sides.forEach((of, i) => {
      const listed = titled(of);
      setText($(`${of.id}-title`), names[i]);
      const about = of.refused || (of.board && !of.board.kind ? 'All behaviours count.' : aboutBoard(of.board, listed && listed.title));
      setText($(`${of.id}-about`), visibleName(about));
      $(`${of.id}-about`).classList.toggle('wrong', Boolean(of.refused));
    });
    document.title = `${names.join(' and ')} · pageheat`;

    const pages = merged();
    const shown = new Set(pages.map(([name]) => name));
    for (const [name, row] of rows) if (!shown.has(name)) { row.remove(); rows.delete(name); }
    const formats = sides.map((of) => heatFormat(of.board ? of.board.pages : []));
    pages.forEach(([name, of], i) => {
      let row = rows.get(name);
      if (!row) rows.set(name, row = newRow(name));
      const at = $('rows').children[i];
      if (at !== row) $('rows').insertBefore(row, at || null);
      const newest = sides.find((side) => of[side.id] && of[side.id].title) || sides.find((side) => of[side.id]);
      setText(row.firstChild.firstChild, nameOf(of[newest.id]));
      setLink(row.firstChild.firstChild, of[newest.id]);
      [of.left, of.right].forEach((page, j) => {
        const [rank, heat] = [row.children[1 + j], row.children[3 + j]];
        setText(rank, page ? String(page.rank) : '–');
        rank.classList.toggle('absent', !page);
        setText(heat, page ? formats[j].format(page.heat) : '');
        heat.title = page ? exact.format(page.heat) : '';
      });
      const [way, arrow, words] = difference(of.left, of.right);
      row.lastChild.dataset.way = way;
      setText(row.lastChild.children[0], arrow);
      setText(row.lastChild.children[1], words);
    });
    $('empty').hidden = pages.length > 0;
    setText($('empty'), sides.every((of) => of.board) ? 'There is no page on either board.' : 'Waiting for the boards.');
    drawStatus();
  }

  function drawStatus() {
    const lost = sides.some((of) => of.lostAt && performance.now() - of.lostAt > GRACE_MS);
    const state = lost ? 'offline' : sides.every((of) => of.board) ? 'live' : 'waiting';
    $('status').dataset.state = state;
    setText($('status-text'), { offline: 'No connection', live: 'Live', waiting: 'Waiting' }[state]);
    document.body.toggleAttribute('data-stale', lost);
  }

  // drawChoices fills the two lists of boards. A board that the list does not have, since
  // it is gone or has too many parts, remains chosen.
  function drawChoices() {
    for (const of of sides) {
      const groups = [];
      let has = false;
      const option = (key, text) => { has = has || key === of.key; return new Option(text, key); };
      const plain = [];
      for (const board of list) {
        plain.push(option(board.name, `${titleOf(board.name)} (${visibleName(board.title)})`));
        const parts = [...board.groups, ...board.periods];
        if (!parts.length) continue;
        const group = Object.assign(document.createElement('optgroup'), { label: titleOf(board.name) });
        group.append(...parts.map((part) => option(`${board.name}/${part}`, `${titleOf(board.name)} / ${visibleName(part)}`)));
        groups.push(group);
      }
      if (!has) plain.unshift(new Option(titleOf(of.key), of.key));
      const select = $(of.id);
      const now = JSON.stringify([list.map((board) => [board.name, board.title, board.groups, board.periods]), has ? '' : of.key]);
      if (select.dataset.list !== now) {
        select.dataset.list = now;
        select.replaceChildren(...plain, ...groups);
      }
      select.value = of.key;
    }
  }

  async function learn() {
    list = await allBoards() || list;
    if (!right.key) fromAddress();
    drawChoices();
    draw();
  }

  for (const of of sides) {
    $(of.id).addEventListener('change', () => {
      show(of, $(of.id).value);
      history.pushState(null, '', address());
      drawChoices();
      draw();
    });
  }
  $('sides').addEventListener('submit', (event) => event.preventDefault());
  $('swap').addEventListener('click', () => {
    const [l, r] = [left.key, right.key];
    show(left, r);
    show(right, l);
    history.pushState(null, '', address());
    drawChoices();
    draw();
  });
  window.addEventListener('popstate', () => { fromAddress(); drawChoices(); });
  document.addEventListener('visibilitychange', () => {
    for (const of of sides) {
      leave(of);
      if (!document.hidden && of.key) follow(of);
    }
  });
  learnSettings().then(draw);
  setInterval(drawStatus, 1000);
  setInterval(() => { if (!document.hidden) learn(); }, LIST_MS);
  learn();
}
