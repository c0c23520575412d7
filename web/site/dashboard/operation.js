// The part of the dashboard for those who operate pageheat: what flows through each
// topic and group, who owns what, and what was refused. It stays away where there is
// no overview. Whatever comes from messages is set as text.
'use strict';

{
  const EVERY_MS = 3000;
  const $ = (id) => document.getElementById(id);
  const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
  const some = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
  let before = null; // the overview before the newest one
  let newest = null;

  const cell = (tag, text, className) => Object.assign(document.createElement(tag), { textContent: text, className: className || '' });

  const nothing = (value) => value === null || value === undefined;

  // What lasts: since when a partition waits at an offset, which brokers are down, and
  // since when Kafka does not answer.
  const LASTS_MS = 6000;    // a transaction that is open for less is none to speak of
  const NEWS_MS = 60000;    // how long a recovery is spoken of
  const waiting = new Map(); // topic and partition -> [offset, since]
  const down = new Map();    // broker -> since
  let news = [];             // of recoveries: [when, text]
  let silentSince = 0;

  const ago = (ms) => (ms < 60000 ? `${Math.round(ms / 1000)} s` : ms < 7200000 ? `${Math.round(ms / 60000)} min` : `${Math.round(ms / 3600000)} h`);
  const timeOf = (when) => new Date(when).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const nameOf = (broker) => `Broker ${broker.id}${broker.address ? ` (${broker.address})` : ''}`;

  // watch tracks what has begun and what is over.
  function watch() {
    const at = Date.now();
    const open = new Set();
    for (const node of newest.flow) {
      if (node.kind === 'group') continue;
      for (const p of node.partitions) {
        if (nothing(p.waits_at)) continue;
        const key = `${p.topic} ${p.partition}`;
        open.add(key);
        if (!waiting.has(key) || waiting.get(key)[0] !== p.waits_at) waiting.set(key, [p.waits_at, at]);
      }
    }
    for (const key of waiting.keys()) if (!open.has(key)) waiting.delete(key);
    for (const broker of newest.brokers) {
      if (!broker.up) {
        if (!down.has(broker.id)) down.set(broker.id, at);
      } else if (down.has(broker.id)) {
        news.push([at, `${nameOf(broker)} is up again, after ${ago(at - down.get(broker.id))}.`]);
        down.delete(broker.id);
      }
    }
    if (silentSince) news.push([at, `Kafka answers again, after ${ago(at - silentSince)}.`]);
    silentSince = 0;
  }

  const waits = (p) => {
    const since = waiting.get(`${p.topic} ${p.partition}`);
    return !nothing(p.waits_at) && since && Date.now() - since[1] >= LASTS_MS;
  };

  // tell shows what is wrong with the cluster, and for a while what was.
  function tell() {
    const at = Date.now();
    const bad = [];
    if (silentSince) bad.push(`Kafka has not answered since ${timeOf(silentSince)}; what is shown of the pipeline is old.`);
    if (newest && !silentSince) {
      for (const broker of newest.brokers) if (!broker.up) bad.push(`${nameOf(broker)} is down, seen first at ${timeOf(down.get(broker.id))}.`);
      const { under_replicated: under, leaderless } = newest.replicas;
      if (leaderless) bad.push(`${whole.format(leaderless)} ${leaderless === 1 ? 'partition has' : 'partitions have'} no leader and can be neither read nor written.`);
      if (under) bad.push(`${whole.format(under)} ${under === 1 ? 'partition has' : 'partitions have'} fewer replicas in sync than configured.`);
      for (const node of newest.flow) {
        if (node.kind === 'group') continue;
        for (const p of node.partitions) if (waits(p)) bad.push(`Partition ${p.partition} of ${p.topic} waits behind an open transaction at offset ${whole.format(p.waits_at)}.`);
      }
    }
    news = news.filter(([when]) => at - when < NEWS_MS).slice(-5);
    const text = [...bad, ...news.map(([, words]) => words)].join(' ');
    const banner = $('cluster');
    banner.classList.toggle('good', !bad.length);
    if (banner.textContent !== text) banner.textContent = text;
    banner.hidden = !text;
  }

  // perSecond is how much a number of a node has grown.
  const perSecond = (name, of) => {
    if (!before) return NaN;
    const was = before.flow.find((node) => node.name === name);
    const is = newest.flow.find((node) => node.name === name);
    const seconds = (Date.parse(newest.at) - Date.parse(before.at)) / 1000;
    return was && is && seconds > 0 && !nothing(of(is)) && !nothing(of(was)) ? Math.max(0, of(is) - of(was)) / seconds : NaN;
  };
  const show = (rate) => (Number.isNaN(rate) ? '–' : (rate < 100 ? some : whole).format(rate));

  // short tells members apart by the last letters of their long names.
  const short = (id) => (id.length > 12 ? `…${id.slice(-8)}` : id);

  // tells says whether it can be known how many records a node has: of rank, and of a
  // group that has not begun, it cannot.
  const tells = (node) => !nothing(node.records);

  // lagOf is empty where there is no lag, and a question mark where it is not known.
  const lagOf = (node) => (nothing(node.lag) ? (node.unknown ? '?' : '') : whole.format(node.lag));
  const left = (p, words) => (nothing(p.lag) ? '' : `${whole.format(p.lag)} ${words}`);

  function partitions(node) {
    const box = cell('td', '', 'owners');
    if (node.kind !== 'group') {
      for (const p of node.partitions) {
        const rate = perSecond(node.name, (n) => (n.partitions.find((q) => q.partition === p.partition) || { end: null }).end);
        const lag = nothing(p.lag) ? '' : `, ${left(p, 'not on the board')}`;
        const stuck = waits(p) ? `, waits at ${whole.format(p.waits_at)}` : '';
        box.append(Object.assign(cell('span', `${p.partition}: ${show(rate)}/s${lag}${stuck}`, stuck || nothing(p.end) ? 'partition nobody' : 'partition'),
          { title: nothing(p.end) ? `where partition ${p.partition} ends is not known` : `partition ${p.partition} ends at ${whole.format(p.end)}${stuck ? '; an open transaction begins where it waits' : ''}` }));
      }
      return box;
    }
    for (const p of node.partitions) {
      const lag = nothing(p.lag) ? '' : `${left(p, 'left')}, `;
      box.append(Object.assign(cell('span', `${p.partition}: ${lag}${p.owner ? short(p.owner) : 'nobody'}`, p.owner ? 'partition' : 'partition nobody'),
        { title: `partition ${p.partition} of ${p.topic}: ${lag}owned by ${p.owner || 'nobody'}` }));
    }
    for (const p of node.behind || []) {
      box.append(Object.assign(cell('span', `input ${p.partition}: ${left(p, 'behind')}`, 'partition'),
        { title: `partition ${p.partition} of ${p.topic}: counted below ${whole.format(p.end)}, on the board below ${whole.format(p.committed)}` }));
    }
    const idle = (node.members || []).filter((member) => !member.partitions.length).length;
    const all = (node.members || []).length;
    box.append(cell('span', `${all === 1 ? '1 instance' : `${all} instances`}${idle ? `, ${idle} waiting` : ''}`, 'instances'));
    return box;
  }

  // over is how many records go over an edge in a second.
  const over = (edge) => {
    const was = before && before.edges.find((other) => other.from === edge.from && other.to === edge.to);
    const seconds = before ? (Date.parse(newest.at) - Date.parse(before.at)) / 1000 : 0;
    return was && seconds > 0 && !nothing(edge.records) && !nothing(was.records) ? Math.max(0, edge.records - was.records) / seconds : NaN;
  };
  drawGraph.show = show;
  drawGraph.onTurn(() => { if (newest) drawGraph($('graph'), $('graph-list'), newest, over); });

  function draw() {
    $('flow').hidden = false;
    drawGraph($('graph'), $('graph-list'), newest, over);
    $('flow-rows').replaceChildren(...newest.flow.map((node) => {
      const row = document.createElement('tr');
      row.className = node.kind;
      const head = Object.assign(cell('th', '', ''), { scope: 'row', title: `${node.does}${node.from.length ? `; from ${node.from.join(', ')}` : ''}` });
      head.append(cell('span', '', 'node'), cell('span', node.kind === 'group' ? `group, ${node.group_state || 'unknown'}` : node.kind, 'kind'));
      // A name is broken at its hyphens and dots, not inside words.
      for (const part of node.name.split(/(?<=[-._])/)) head.firstChild.append(part, document.createElement('wbr'));
      const number = (label, text) => { const td = cell('td', text, 'number'); td.dataset.label = label; return td; };
      const lag = number('Lag', lagOf(node));
      if (node.unknown) { lag.title = node.unknown; head.append(cell('span', `not known: ${visibleName(node.unknown)}`, 'why')); }
      row.append(head, number('Records', tells(node) ? whole.format(node.records) : ''),
        number('Per second', tells(node) ? show(perSecond(node.name, (n) => n.records)) : ''), lag, partitions(node));
      return row;
    }));
    $('brokers').replaceChildren('Brokers: ', ...newest.brokers.map((broker) => Object.assign(
      cell('span', `${broker.id}${broker.up ? '' : ' down'}`, broker.up ? 'partition' : 'partition nobody'), { title: broker.address || 'its address is not known' })));
    $('unknown').hidden = !newest.unknown.length;
    $('unknown').textContent = newest.unknown.length ? `Not answered: ${newest.unknown.join('; ')}.` : '';
    const { total, reasons, samples, unknown } = newest.dead_letters;
    $('refused-note').textContent = nothing(total) ? `How many there are is not known: ${unknown}.`
      : total === 0 ? 'Nothing was refused, or what was is deleted.'
      : unknown ? `${whole.format(total)} in all; not shown: ${unknown}.`
      : `${whole.format(total)} in all; of the last: ${Object.entries(reasons).sort((a, b) => b[1] - a[1]).map(([reason, n]) => `${whole.format(n)} ${reason}`).join(', ')}.`;
    $('refused').replaceChildren(...samples.map((sample) => {
      const item = document.createElement('li');
      item.append(cell('span', sample.reason, 'reason'), cell('code', sample.message ? visibleName(sample.message) : '(empty)', ''), cell('span', visibleName(sample.detail), 'detail'));
      return item;
    }));
  }

  async function ask() {
    if (document.hidden) return;
    try {
      const answer = await fetch('api/v1/overview', { cache: 'no-store', signal: AbortSignal.timeout(8000) });
      if (answer.status === 404) { clearInterval(timer); return; }
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      const next = await answer.json();
      if (newest && next.at === newest.at) return;
      before = newest;
      newest = next;
      watch();
      $('flow-note').textContent = 'On the arrows: records a second. Lag of the input: records not on the board; of ingest: not committed; of heat: ranges not applied; of rank: counted and not on the board.';
      draw();
    } catch {
      silentSince = silentSince || Date.now();
      $('flow-note').textContent = 'Kafka does not answer; what is shown is old.';
    }
    tell();
  }

  const timer = setInterval(ask, EVERY_MS);
  ask();
}
