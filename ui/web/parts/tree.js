const W = 46, H = 26, ACROSS = 8, DOWN = 14, EDGE = 4;

// Leaves take the next column, a parent stands midway between its first and its last child.
function layout(nodes) {
  const at = new Map(nodes.map((node) => [node.number, { node, children: [], row: 0 }]));
  const roots = [];
  for (const place of at.values()) {
    const above = at.get(place.node.parent);
    place.above = above ?? null;
    if (above) above.children.push(place);
    else roots.push(place);
  }
  let column = 0, rows = 0;
  const todo = roots.map((place) => [place, false]).reverse();
  while (todo.length) { // no recursion: a debate may be as deep as it is long
    const [place, left] = todo.pop();
    if (left) {
      const [first, last] = [place.children[0], place.children.at(-1)];
      place.column = (first.column + last.column) / 2;
      continue;
    }
    place.row = place.above ? place.above.row + 1 : 0;
    rows = Math.max(rows, place.row + 1);
    if (!place.children.length) place.column = column++;
    else {
      todo.push([place, true]);
      [...place.children].reverse().forEach((child) => todo.push([child, false]));
    }
  }
  for (const place of at.values()) {
    place.x = EDGE + place.column * (W + ACROSS);
    place.y = EDGE + place.row * (H + DOWN);
  }
  return { at, width: 2 * EDGE + column * (W + ACROSS) - ACROSS,
    height: 2 * EDGE + rows * (H + DOWN) - DOWN };
}

function edge(from, to, kind) {
  const [x, y, u, v] = [from.x + W / 2, from.y + H, to.x + W / 2, to.y];
  const mid = (y + v) / 2;
  return svg('path', { class: kind, d: `M${x} ${y}C${x} ${mid} ${u} ${mid} ${u} ${v}` });
}

function node(it, { node: one, x, y, row }) {
  const states = [one.done && 'reported', one.unread && 'not read yet'].filter(Boolean);
  const name = [one.label, ...states].join(', ');
  const kinds = ['node', one.side && 'tone' + one.side, one.done && 'done',
    one.unread && 'unread', one.dim && 'dim'];
  const group = svg('g', { class: kinds.filter(Boolean).join(' '), role: 'treeitem',
    'aria-label': name, 'aria-level': row + 1, 'data-number': one.number,
    transform: `translate(${x} ${y})` });
  put(group, svg('title', {}, name), svg('rect', { width: W, height: H, rx: 5 }),
    svg('text', { x: W / 2, y: H / 2 },
      `${one.number + 1} ${one.short}${one.done ? ' \u2713' : ''}`));
  group.addEventListener('click', () => go(it, one.number, true));
  return group;
}

function draw(it) {
  const { nodes, label } = it.data;
  it.json = JSON.stringify(it.data);
  it.plan = layout(nodes);
  const { at, width, height } = it.plan;
  const sheet = svg('svg', { role: 'tree', 'aria-label': label, width, height,
    viewBox: `0 0 ${width} ${height}` });
  for (const place of at.values()) {
    if (place.above) put(sheet, edge(place.above, place, 'edge'));
    place.node.also.forEach((other) => {
      if (at.has(other)) put(sheet, edge(at.get(other), place, 'edge also'));
    });
  }
  it.nodes = nodes.map((one) => node(it, at.get(one.number)));
  put(sheet, ...it.nodes);
  const focused = it.root.activeElement?.closest?.('.node')?.dataset.number;
  it.box.replaceChildren(...(nodes.length ? [sheet] : []));
  mark(it, it.selected ?? null);
  if (focused !== undefined) find(it, Number(focused))?.focus();
}

function find(it, number) {
  return it.nodes.find((one) => Number(one.dataset.number) === number);
}

// Scroll the tree's own box, and nothing around it: on a phone the page would jump.
function reveal(node) {
  for (let box = node.parentElement; box; box = box.parentElement) {
    if (box.scrollHeight <= box.clientHeight && box.scrollWidth <= box.clientWidth) continue;
    if (!/auto|scroll/.test(getComputedStyle(box).overflow)) continue;
    const at = node.getBoundingClientRect(), own = box.getBoundingClientRect();
    box.scrollTop += Math.min(0, at.top - own.top) + Math.max(0, at.bottom - own.bottom);
    box.scrollLeft += Math.min(0, at.left - own.left) + Math.max(0, at.right - own.right);
    return;
  }
}

// One node can be reached with Tab: the selected one, else the first.
function mark(it, number) {
  it.selected = number;
  const own = find(it, number);
  it.nodes.forEach((one, i) => {
    one.setAttribute('aria-selected', one === own);
    one.setAttribute('tabindex', (own ? one === own : i === 0) ? 0 : -1);
  });
  if (own) reveal(own);
}

function go(it, number, picked) {
  const target = find(it, number);
  if (!target) return;
  if (picked) {
    mark(it, number);
    pick(it, number);
  }
  it.nodes.forEach((one) => one.setAttribute('tabindex', one === target ? 0 : -1));
  target.focus();
}

function keyed(it, event) {
  const own = it.root.activeElement?.closest?.('.node');
  if (!own || event.ctrlKey || event.metaKey || event.altKey) return;
  const i = it.nodes.indexOf(own);
  const place = it.plan.at.get(Number(own.dataset.number));
  const beside = (one) => one && Number(one.dataset.number);
  const next = {
    ArrowLeft: beside(it.nodes[i - 1]), ArrowRight: beside(it.nodes[i + 1]),
    ArrowUp: place.above?.node.number, ArrowDown: place.children[0]?.node.number,
    Home: beside(it.nodes[0]), End: beside(it.nodes.at(-1)),
    Enter: place.node.number, ' ': place.node.number,
  };
  if (!(event.key in next)) return;
  event.preventDefault();
  event.stopPropagation();
  if (next[event.key] !== undefined) {
    go(it, next[event.key], event.key === 'Enter' || event.key === ' ');
  }
}

export default function (component) {
  const it = live(component, (one) => {
    one.nodes = [];
    const box = el('div', 'tree');
    box.addEventListener('keydown', (event) => keyed(one, event));
    return box;
  }, (one, signal) => onSelect(one, signal, (number) => mark(one, number)));
  if (it.json !== JSON.stringify(component.data)) draw(it);
  return it.stop;
}
