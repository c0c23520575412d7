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

  // commits says whether a group tells Kafka how far it is; heat and rank do not.
  const commits = (node) => node.kind !== 'group' || node.lag !== undefined;

  // behind is what of the input is not in the board that is shown (see app.js), by
  // partition or in all; the board says how far it reaches.
  const behind = (p) => (typeof board === 'object' && board && board.offsets ? Math.max(0, p.end - (board.offsets[p.partition] || 0)) : NaN);
  const isInput = (node) => node === newest.flow[0];
  function lagOf(node) {
    if (node.lag !== undefined) return whole.format(node.lag);
    const lag = isInput(node) ? node.partitions.reduce((sum, p) => sum + behind(p), 0) : NaN;
    return Number.isNaN(lag) ? '' : whole.format(lag);
  }

  function partitions(node) {
    const box = cell('td', '', 'owners');
    if (node.kind !== 'group') {
      for (const p of node.partitions) {
        const rate = perSecond(node.name, (n) => (n.partitions.find((q) => q.partition === p.partition) || { end: 0 }).end);
        const lag = isInput(node) && !Number.isNaN(behind(p)) ? `, ${whole.format(behind(p))} not on the board` : '';
        box.append(Object.assign(cell('span', `${p.partition}: ${show(rate)}/s${lag}`, 'partition'), { title: `partition ${p.partition} ends at ${whole.format(p.end)}` }));
      }
      return box;
    }
    for (const p of node.partitions) {
      const lag = node.lag === undefined ? '' : `${whole.format(p.end - Math.max(0, p.committed))} left, `;
      box.append(Object.assign(cell('span', `${p.partition}: ${lag}${p.owner ? short(p.owner) : 'nobody'}`, p.owner ? 'partition' : 'partition nobody'),
        { title: `partition ${p.partition} of ${p.topic}: ${lag}owned by ${p.owner || 'nobody'}` }));
    }
    const idle = (node.members || []).filter((member) => !member.partitions.length).length;
    const all = (node.members || []).length;
    box.append(cell('span', `${all === 1 ? '1 instance' : `${all} instances`}${idle ? `, ${idle} waiting` : ''}`, 'instances'));
    return box;
  }

  function draw() {
    $('flow').hidden = false;
    $('flow-rows').replaceChildren(...newest.flow.map((node) => {
      const row = document.createElement('tr');
      row.className = node.kind;
      const head = Object.assign(cell('th', '', ''), { scope: 'row', title: `${node.does}${node.from.length ? `; from ${node.from.join(', ')}` : ''}` });
      head.append(cell('span', node.name, 'node'), cell('span', node.kind === 'group' ? `group, ${node.group_state || 'unknown'}` : node.kind, 'kind'));
      row.append(head, cell('td', commits(node) ? whole.format(node.records) : '', 'number'),
        cell('td', commits(node) ? show(perSecond(node.name, (n) => n.records)) : '', 'number'), cell('td', lagOf(node), 'number'), partitions(node));
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
      $('flow-note').textContent = 'Lag of a topic: what is not on the board yet; of a group: what it has not committed. heat and rank keep their progress in their tables.';
      draw();
    } catch { $('flow-note').textContent = 'Kafka does not answer; what is shown is old.'; }
  }

  const timer = setInterval(ask, EVERY_MS);
  ask();
}
