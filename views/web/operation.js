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

  // perSecond is how much a number of a node has grown.
  const perSecond = (name, of) => {
    if (!before) return NaN;
    const was = before.flow.find((node) => node.name === name);
    const is = newest.flow.find((node) => node.name === name);
    const seconds = (Date.parse(newest.at) - Date.parse(before.at)) / 1000;
    return was && is && seconds > 0 ? Math.max(0, of(is) - of(was)) / seconds : NaN;
  };
  const show = (rate) => (Number.isNaN(rate) ? '–' : (rate < 100 ? some : whole).format(rate));

  // short tells members apart by the last letters of their long names.
  const short = (id) => (id.length > 12 ? `…${id.slice(-8)}` : id);

  // tells says whether it is known how many records a group has read; of rank it is not.
  const tells = (node) => node.kind !== 'group' || node.partitions.some((p) => p.committed >= 0);

  const lagOf = (node) => (node.lag === undefined ? '' : whole.format(node.lag));
  const left = (p, words) => (p.lag === undefined ? '' : `${whole.format(p.lag)} ${words}`);

  function partitions(node) {
    const box = cell('td', '', 'owners');
    if (node.kind !== 'group') {
      for (const p of node.partitions) {
        const rate = perSecond(node.name, (n) => (n.partitions.find((q) => q.partition === p.partition) || { end: 0 }).end);
        const lag = p.lag === undefined ? '' : `, ${left(p, 'not on the board')}`;
        box.append(Object.assign(cell('span', `${p.partition}: ${show(rate)}/s${lag}`, 'partition'), { title: `partition ${p.partition} ends at ${whole.format(p.end)}` }));
      }
      return box;
    }
    for (const p of node.partitions) {
      const lag = p.lag === undefined ? '' : `${left(p, 'left')}, `;
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
    return was && seconds > 0 ? Math.max(0, edge.records - was.records) / seconds : NaN;
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
      head.append(cell('span', node.name, 'node'), cell('span', node.kind === 'group' ? `group, ${node.group_state || 'unknown'}` : node.kind, 'kind'));
      row.append(head, cell('td', tells(node) ? whole.format(node.records) : '', 'number'),
        cell('td', tells(node) ? show(perSecond(node.name, (n) => n.records)) : '', 'number'), cell('td', lagOf(node), 'number'), partitions(node));
      return row;
    }));
    const { total, reasons, samples } = newest.dead_letters;
    $('refused-note').textContent = total === 0 ? 'Nothing was refused.'
      : `${whole.format(total)} in all; of the last: ${Object.entries(reasons).sort((a, b) => b[1] - a[1]).map(([reason, n]) => `${whole.format(n)} ${reason}`).join(', ')}.`;
    $('refused').replaceChildren(...samples.map((sample) => {
      const item = document.createElement('li');
      item.append(cell('span', sample.reason, 'reason'), cell('code', sample.message || '(empty)', ''), cell('span', sample.detail, 'detail'));
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
      $('flow-note').textContent = 'On the arrows: records a second. Lag of the input: records not on the board; of ingest: not committed; of heat: ranges not applied; of rank: counted and not on the board.';
      draw();
    } catch { $('flow-note').textContent = 'Kafka does not answer; what is shown is old.'; }
  }

  const timer = setInterval(ask, EVERY_MS);
  ask();
}
