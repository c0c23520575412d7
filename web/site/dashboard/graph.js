// The picture of the pipeline: topics and groups, and how many records a second go
// from one to the next. What a behaviour passes is on one line, from left to right, or
// from top to bottom where the screen is narrow; what is beside it stands beside its
// group. A list says the same to those who do not see it.
'use strict';

const drawGraph = (() => {
  const SVG = 'http://www.w3.org/2000/svg';
  const BOX = { width: 122, height: 46 };
  const narrow = window.matchMedia('(max-width: 58rem)');

  const element = (name, attributes, text) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };

  // lines breaks a name in two where that is needed, at a hyphen or a space.
  const ONE_LINE = 15;
  const LINE = 17; // of two; what is longer is cut
  const cut = (text) => (text.length > LINE ? `${text.slice(0, LINE - 1)}…` : text);
  function lines(name) {
    if (name.length <= ONE_LINE) return [name];
    let best = -1;
    for (let i = 1; i < name.length; i++) {
      if (/[-._ ]/.test(name[i - 1]) && (best < 0 || Math.abs(i - name.length / 2) < Math.abs(best - name.length / 2))) best = i;
    }
    return best < 0 ? [cut(name)] : [cut(name.slice(0, best).trim()), cut(name.slice(best))];
  }

  // places gives each node the middle of its box, and the size of the picture.
  function places(nodes, edges) {
    const way = nodes.filter((node) => !node.beside);
    const at = new Map();
    const step = narrow.matches ? 84 : 152;
    const across = narrow.matches ? 190 : 104;
    const put = (name, along, aside) => at.set(name, narrow.matches
      ? { x: 70 + aside * across, y: 30 + along * step } : { x: 68 + along * step, y: 58 + aside * across });
    way.forEach((node, i) => put(node.name, i, 0));
    // What the operator writes has no place: the table below names it.
    for (const node of nodes.filter((n) => n.beside)) {
      const next = edges.find((edge) => edge.to === node.name);
      const i = next ? way.findIndex((n) => n.name === next.from) : -1;
      if (i >= 0) put(node.name, i, 1);
    }
    const length = (way.length - 1) * step;
    return { at, width: narrow.matches ? 140 + across : length + 136, height: narrow.matches ? length + 60 : across + 88 };
  }

  // line is from the border of one box to that of another.
  function line(a, b) {
    const along = Math.abs(b.x - a.x) > Math.abs(b.y - a.y);
    const half = (along ? BOX.width : BOX.height) / 2 + 2;
    const sign = Math.sign(along ? b.x - a.x : b.y - a.y);
    return along ? { x1: a.x + sign * half, y1: a.y, x2: b.x - sign * (half + 3), y2: b.y, along }
      : { x1: a.x, y1: a.y + sign * half, x2: b.x, y2: b.y - sign * (half + 3), along };
  }

  function box(node, { x, y }) {
    const group = element('g', { class: `box ${node.kind}`, 'data-node': node.name });
    group.append(element('title', {}, `${node.name}: ${node.does || node.kind}`));
    const left = x - BOX.width / 2;
    const top = y - BOX.height / 2;
    if (node.kind !== 'outside') {
      group.append(element('rect', { x: left, y: top, width: BOX.width, height: BOX.height, rx: node.kind === 'group' ? BOX.height / 2 : 6 }));
    }
    if (node.kind === 'table') group.append(element('line', { x1: left, y1: top + 6, x2: left + BOX.width, y2: top + 6 }));
    const text = lines(node.name);
    text.forEach((part, i) => group.append(element('text', { x, y: y + 2 + (i - (text.length - 1) / 2) * 13 + (node.kind === 'table' ? 3 : 0), class: 'name-of' }, part)));
    return group;
  }

  // The nodes outside are known by the edges alone.
  function all(state) {
    const nodes = [...state.flow];
    for (const edge of state.edges) {
      for (const name of [edge.from, edge.to]) {
        if (nodes.some((node) => node.name === name)) continue;
        const feeds = edge.from === name;
        const other = nodes.find((node) => node.name === (feeds ? edge.to : edge.from));
        if (other && other.beside) continue; // who reads what stands beside
        nodes[feeds ? 'unshift' : 'push']({ name, kind: 'outside' });
      }
    }
    return nodes;
  }

  // rate says what goes over an edge in a second, as text; state is given twice.
  function draw(svg, list, state, rate) {
    const nodes = all(state);
    const { at, width, height } = places(nodes, state.edges);
    const edges = state.edges.filter((edge) => at.has(edge.from) && at.has(edge.to));
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.classList.toggle('down', narrow.matches);
    const drawn = edges.filter((edge) => edge.records !== null).map((edge) => {
      const both = edges.some((other) => other.from === edge.to && other.to === edge.from);
      const l = line(at.get(edge.from), at.get(edge.to));
      const perSecond = rate(edge);
      const g = element('g', { class: perSecond > 0 ? 'edge busy' : 'edge', 'data-edge': `${edge.from} ${edge.to}` });
      const ends = { 'marker-end': 'url(#arrow)' };
      if (both) ends['marker-start'] = 'url(#arrow)';
      g.append(element('line', { x1: l.x1, y1: l.y1, x2: l.x2, y2: l.y2, ...ends }));
      const x = (l.x1 + l.x2) / 2;
      const y = (l.y1 + l.y2) / 2;
      // Above the boxes where these stand close to each other.
      const label = l.along ? { x, y: narrow.matches ? y - 7 : y - BOX.height / 2 - 9, 'text-anchor': 'middle' } : { x: x + 8, y: y + 4, 'text-anchor': 'start' };
      g.append(element('text', { ...label, class: 'rate' }, draw.show(perSecond)));
      return g;
    });
    const marker = element('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 5, refY: 4, markerWidth: 6, markerHeight: 6, orient: 'auto-start-reverse' });
    marker.append(element('path', { d: 'M0 0 8 4 0 8Z' }));
    const defs = element('defs', {});
    defs.append(marker);
    svg.replaceChildren(element('title', { id: 'graph-title' }, 'Records a second from each topic and group to the next'), defs,
      ...drawn, ...nodes.filter((node) => at.has(node.name)).map((node) => box(node, at.get(node.name))));
    list.replaceChildren(...edges.filter((edge) => edge.records !== null).map((edge) => {
      const perSecond = rate(edge);
      return Object.assign(document.createElement('li'), {
        textContent: `${edge.from} to ${edge.to}: ${Number.isNaN(perSecond) ? 'not known yet' : `${draw.show(perSecond)} records a second`}` });
    }));
  }
  draw.onTurn = (again) => narrow.addEventListener('change', again);
  return draw;
})();
