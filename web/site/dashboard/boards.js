// Which board is shown: a bar with all of them, where there are several, and the groups
// and closed periods of the one that is shown. The address has the board (?board=today),
// so that it can be linked to, and going back works.
'use strict';

const boards = {
  EVERY_MS: 10000,      // between two questions for the list
  shown: ALL_TIME,      // the key of the board that is shown
  list: [],             // all boards, as the server lists them
  current: '',          // the name in the bar that was brought into view
  onSelect: () => {},

  // begin shows the board of the address, and calls onSelect whenever another one is chosen.
  begin(onSelect) {
    this.onSelect = onSelect;
    this.shown = this.ofAddress();
    window.addEventListener('popstate', () => this.select(this.ofAddress(), true));
    $('tabs').addEventListener('click', (event) => {
      const link = event.target.closest('a[data-board]');
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      this.select(link.dataset.board);
    });
    for (const id of ['group', 'period']) {
      $(id).addEventListener('change', () => {
        const [name] = splitKey(this.shown);
        this.select($(id).value ? `${name}/${$(id).value}` : name);
      });
    }
    window.addEventListener('resize', () => { if (!$('tabs').hidden) this.reveal(); });
    this.draw();
    this.learn();
    setInterval(() => { if (!document.hidden) this.learn(); }, this.EVERY_MS);
  },

  ofAddress: () => new URLSearchParams(location.search).get('board') || ALL_TIME,
  address: (key) => (key === ALL_TIME ? './' : `./?board=${encodeURIComponent(key)}`),

  select(key, again) {
    if (key === this.shown) return;
    this.shown = key;
    if (!again) history.pushState(null, '', this.address(key) + location.hash);
    this.draw();
    this.onSelect(key);
  },

  async learn() {
    const list = await allBoards();
    if (!list) return;
    this.list = list;
    this.draw();
    this.onLearn();
  },
  onLearn() {},

  of(key) {
    const [name] = splitKey(key);
    return this.list.find((board) => board.name === name);
  },

  // several reports whether there is anything to choose.
  several() {
    return this.list.length > 1 || this.list.some((board) => board.groups.length || board.periods.length) || this.shown !== ALL_TIME;
  },

  draw() {
    $('tabs').hidden = !this.several();
    const [name, part] = splitKey(this.shown);
    const names = this.list.map((board) => board.name);
    if (!names.includes(name)) names.push(name);
    const links = new Map([...$('tabs').querySelectorAll('a[data-board]')].map((link) => [link.dataset.board, link]));
    names.forEach((board, i) => {
      let link = links.get(board);
      if (!link) {
        link = Object.assign(document.createElement('a'), { textContent: titleOf(board), href: this.address(board) });
        link.dataset.board = board;
      }
      links.delete(board);
      const listed = this.of(board);
      link.title = listed ? visibleName(listed.title) : '';
      if (board === name) link.setAttribute('aria-current', 'page'); else link.removeAttribute('aria-current');
      // Moving a link takes the focus away from it: only what is elsewhere moves.
      if ($('names').children[i] !== link) $('names').insertBefore(link, $('names').children[i] || null);
    });
    for (const link of links.values()) link.remove();
    if (name !== this.current && !$('tabs').hidden) {
      this.current = name;
      this.reveal();
    }
    const other = this.shown === ALL_TIME ? names.find((board) => board !== ALL_TIME) || ALL_TIME : ALL_TIME;
    $('compare').href = `compare?left=${encodeURIComponent(this.shown)}&right=${encodeURIComponent(other)}`;

    const board = this.of(this.shown) || { groups: [], periods: [] };
    this.drawParts('group', 'All groups', board.groups, part, board.groups_in_all);
    this.drawParts('period', 'Now', board.periods, part, board.periods_in_all);
  },

  // reveal brings the board that is shown into view in the bar, which may be too narrow for all.
  reveal() {
    const link = $('names').querySelector('[aria-current]');
    if (link) link.scrollIntoView({ block: 'nearest', inline: 'center' });
  },

  drawParts(id, all, parts, part, number) {
    const select = $(id);
    select.closest('label').hidden = !parts.length;
    const wanted = ['', ...parts];
    if ([...select.options].map((option) => option.value).join('\n') !== wanted.join('\n')) {
      select.replaceChildren(...wanted.map((value) => new Option(value ? visibleName(value) : all, value)));
      if (number > parts.length) select.append(Object.assign(new Option(`${whole.format(number - parts.length)} more`), { disabled: true }));
    }
    select.value = parts.includes(part) ? part : '';
  },
};
