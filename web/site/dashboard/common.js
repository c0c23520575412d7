// What all pages of the dashboard have in common: how numbers, times and boards are
// written, and where a board is.
'use strict';

const $ = (id) => document.getElementById(id);

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat('en', { maximumFractionDigits: 10 });
const brief = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });
const decimals = [0, 1, 2].map((n) => new Intl.NumberFormat('en', { minimumFractionDigits: n, maximumFractionDigits: n }));

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} days`;
}

function clock(time) {
  return new Date(time).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}

// minute is a time without seconds, and with its date where that is not today's.
function minute(time) {
  const date = new Date(time);
  const words = date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  return date.toDateString() === new Date().toDateString() ? words : `${date.toLocaleDateString()} ${words}`;
}

const ALL_TIME = 'all-time';

// boardPath is the address of a board, or of one of its forms, such as 'events'. What
// comes after the slash of a key, a group or a period, is always a parameter: a group
// may have the name of a form.
function boardPath(key, form) {
  const [name, part] = splitKey(key);
  return `api/v1/boards/${encodeURIComponent(name)}${form ? `/${form}` : ''}${part ? `?part=${encodeURIComponent(part)}` : ''}`;
}

function splitKey(key) {
  const at = key.indexOf('/');
  return at < 0 ? [key, ''] : [key.slice(0, at), key.slice(at + 1)];
}

// titleOf is a key for people.
const titleOf = (key) => visibleName(key.replace('/', ' / '));

// aboutBoard says in sentences what a board counts. The title is that of the list of
// boards, and may be missing.
function aboutBoard(board, title) {
  if (!board || !board.kind) return '';
  const sentences = [];
  const what = board.kind === 'calendar' && board.period
    ? `${visibleName(board.period)}${board.final ? ', closed: this board does not change any more' : ' so far'}`
    : visibleName(title || board.kind);
  const asOf = board.as_of && !board.final ? `, as of ${minute(board.as_of)}` : '';
  sentences.push(`${what}${asOf}.`);
  if (board.kind === 'trending') sentences.push('Clicks, minutes and likes lose half of their weight in each half-life.');
  const most = board.definition && board.definition['max-per-step'];
  if (most) sentences.push(`A page gets at most ${visibleName(most)} heat in each step of ${visibleName(board.definition.step || 'the board')}.`);
  if (board.since) sentences.push('Behaviours from before the board was added are not in it.');
  if (board.late === 1) sentences.push('1 behaviour came too late for it.');
  if (board.late > 1) sentences.push(`${whole.format(board.late)} behaviours came too late for it.`);
  return sentences.join(' ');
}

// nameOf is what a page is called, for people.
const nameOf = (page) => visibleName(page.title || page.page);

let pageLink = ''; // the template of pages' addresses, empty if there is none

// learnSettings asks for the settings. It is null where they cannot be had.
async function learnSettings() {
  try {
    const answer = await fetch('api/v1/settings', { signal: AbortSignal.timeout(4000) });
    if (!answer.ok) return null;
    const settings = await answer.json();
    pageLink = settings.page_link || '';
    return settings;
  } catch { return null; }
}

// linkOf is the address of a page, by the rules of the widget, or null. Without a template only
// a whole address is one: the dashboard is not on the site that it is about.
function linkOf(page) {
  if (pageLink) {
    const element = customElements.get('pageheat-board');
    return element ? element.addressOf(page.page, pageLink, page.url) : null;
  }
  try {
    const to = new URL(page.url);
    return /^https?:$/.test(to.protocol) && !to.username && !to.password ? to.href : null;
  } catch { return null; }
}

// setLink lets a link lead to a page, if its address is known; else it is no link.
function setLink(link, page) {
  const address = linkOf(page);
  if (!address) { link.removeAttribute('href'); return; }
  if (link.getAttribute('href') === address) return;
  link.href = address;
  link.target = '_blank';
  link.rel = 'nofollow ugc noopener noreferrer';
}

// heatFormat writes the heats of pages that are shown together with equally many decimals.
function heatFormat(pages) {
  const most = Math.max(0, ...pages.map((page) => Math.abs(page.heat)));
  return decimals[most < 1e5 ? 2 : most < 1e7 ? 1 : 0];
}

// allBoards asks for the list of boards. It is null where it cannot be had, as on a server that is
// still reading.
async function allBoards() {
  try {
    const answer = await fetch('api/v1/boards', { signal: AbortSignal.timeout(10000) });
    return answer.ok ? (await answer.json()).boards : null;
  } catch { return null; }
}
