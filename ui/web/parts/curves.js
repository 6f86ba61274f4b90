const WIDE = 420, HIGH = 190, LEFT = 44, RIGHT = 10, TOP = 12, BOTTOM = 24;
const DASHES = ['', '7 3', '2 3', '9 3 2 3'];
const TONES = ['--st-blue-text-color', '--st-orange-text-color', '--st-green-text-color',
  '--st-violet-text-color', '--st-red-text-color', '--st-text-color'];
const said = (value) => (value === null ? '\u2013' : String(Number(value.toPrecision(3))));

// Round numbers between two, about so many.
function ticks(low, high, about) {
  const rough = (high - low) / about || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * unit).find((one) => one >= rough * 0.999);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) {
    found.push(Number((n * step).toPrecision(12)));
  }
  return found;
}

function range(panel) {
  const all = panel.lines.flatMap(({ points }) => points.flatMap(([, ...some]) => some))
    .filter((one) => one !== null);
  let low = Math.min(...all, panel.low ?? Infinity), high = Math.max(...all, panel.high ?? -Infinity);
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const room = (high - low) * 0.04;
  return [panel.low !== null && low >= panel.low ? low : low - room,
    panel.high !== null && high <= panel.high ? high : high + room];
}

function scales(panel) {
  const steps = panel.lines.flatMap(({ points }) => points.map(([step]) => step));
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  const [low, high] = range(panel);
  const wide = Math.max(1, last - first);
  return { first, last, low, high,
    x: (step) => LEFT + (WIDE - LEFT - RIGHT) * (step - first) / wide,
    y: (value) => TOP + (HIGH - TOP - BOTTOM) * (high - value) / (high - low) };
}

function told(panel) {
  return panel.lines.map(({ name, points }) => {
    const [from, to] = [points[0], points.at(-1)];
    return points.length === 1 ? `${name}: ${said(from[1])} at step ${from[0]}`
      : `${name}: from ${said(from[1])} at step ${from[0]} to ${said(to[1])} at step ${to[0]}`;
  }).join('; ');
}

function chart(panel, at) {
  const sheet = svg('svg', { role: 'img', viewBox: `0 0 ${WIDE} ${HIGH}`,
    'aria-label': `${panel.title}, ${panel.unit}. ${told(panel)}.` });
  for (const value of ticks(at.low, at.high, 4)) {
    put(sheet, svg('line', { class: 'grid', x1: LEFT, x2: WIDE - RIGHT, y1: at.y(value),
      y2: at.y(value) }), svg('text', { class: 'tick', x: LEFT - 6, y: at.y(value),
      'text-anchor': 'end', 'dominant-baseline': 'central' }, said(value)));
  }
  for (const step of ticks(at.first, Math.max(at.last, at.first + 1), 6)) {
    if (!Number.isInteger(step)) continue;
    put(sheet, svg('text', { class: 'tick', x: at.x(step), y: HIGH - 8, 'text-anchor': 'middle' },
      String(step)));
  }
  put(sheet, svg('text', { class: 'tick', x: LEFT - 6, y: HIGH - 8, 'text-anchor': 'end' }, 'step'));
  if (panel.level !== null) {
    put(sheet, svg('line', { class: 'level', x1: LEFT, x2: WIDE - RIGHT, y1: at.y(panel.level),
      y2: at.y(panel.level) }));
  }
  panel.lines.forEach(({ points }, n) => put(sheet, ...line(points, n, at)));
  return sheet;
}

function line(points, n, at) {
  const tone = `var(${TONES[n % TONES.length]})`;
  const known = points.filter(([, , low, high]) => low !== null && high !== null);
  const path = (some, i) => some.map((one) => `${at.x(one[0])} ${at.y(one[i])}`).join('L');
  const made = [];
  if (known.length > 1) {
    made.push(svg('path', { class: 'band',
      d: `M${path(known, 2)}L${path([...known].reverse(), 3)}Z` }));
    made[0].style.fill = tone;
  }
  const drawn = svg('path', { class: 'line', d: `M${path(points, 1)}`,
    'stroke-dasharray': DASHES[n % DASHES.length] });
  drawn.style.stroke = tone;
  made.push(drawn);
  for (const one of points.length <= 24 ? points : []) {
    const dot = svg('circle', { cx: at.x(one[0]), cy: at.y(one[1]), r: 2.6 });
    dot.style.fill = tone;
    made.push(dot);
  }
  return made;
}

function legend({ lines }) {
  const box = el('ul', 'legend');
  lines.forEach(({ name }, n) => {
    const mark = svg('svg', { viewBox: '0 0 24 8', 'aria-hidden': 'true' });
    const one = svg('line', { x1: 0, x2: 24, y1: 4, y2: 4, class: 'line',
      'stroke-dasharray': DASHES[n % DASHES.length] });
    one.style.stroke = `var(${TONES[n % TONES.length]})`;
    put(mark, one);
    put(box, put(el('li'), mark, el('span', '', name)));
  });
  return box;
}

function table(panel) {
  const head = put(el('tr'), el('th', '', 'Step'));
  panel.lines.forEach(({ name }) => put(head, el('th', '', name)));
  head.querySelectorAll('th').forEach((one) => { one.scope = 'col'; });
  const by = panel.lines.map(({ points }) => new Map(points.map((one) => [one[0], one])));
  const steps = [...new Set(by.flatMap((one) => [...one.keys()]))].sort((a, b) => a - b);
  const body = el('tbody');
  for (const step of steps) {
    const row = put(el('tr'), el('th', '', String(step)));
    row.firstChild.scope = 'row';
    by.forEach((one) => {
      const [, value, low, high] = one.get(step) ?? [step, null, null, null];
      const ends = low === null || high === null ? '' : ` [${said(low)}, ${said(high)}]`;
      put(row, el('td', '', said(value) + ends));
    });
    put(body, row);
  }
  const area = put(el('div', 'area'), put(el('table'),
    el('caption', 'hidden', `${panel.title}, ${panel.unit}`), put(el('thead'), head), body));
  area.tabIndex = 0;
  area.setAttribute('role', 'region');
  area.setAttribute('aria-label', `${panel.title} as a table`);
  return area;
}

// What the lines say at the step below the pointer; a table says the same to everybody else.
function readout(panel, at, sheet, box) {
  const rule = svg('line', { class: 'rule', y1: TOP, y2: HIGH - BOTTOM });
  rule.style.display = 'none';
  put(sheet, rule);
  sheet.addEventListener('pointermove', (event) => {
    const wide = sheet.getBoundingClientRect();
    const x = (event.clientX - wide.left) / wide.width * WIDE;
    const nearest = (points) => points.reduce((a, b) =>
      (Math.abs(at.x(b[0]) - x) < Math.abs(at.x(a[0]) - x) ? b : a));
    const found = panel.lines.map(({ name, points }) => [name, nearest(points)]);
    rule.style.display = '';
    rule.setAttribute('x1', at.x(found[0][1][0]));
    rule.setAttribute('x2', at.x(found[0][1][0]));
    box.textContent = found.map(([name, [step, value]]) =>
      `${name} ${said(value)} (step ${step})`).join(', ');
  });
  sheet.addEventListener('pointerleave', () => {
    rule.style.display = 'none';
    box.textContent = panel.unit;
  });
}

function figure(panel, it) {
  const at = scales(panel);
  const [sheet, unit] = [chart(panel, at), el('p', 'unit', panel.unit)];
  unit.setAttribute('aria-hidden', 'true');
  readout(panel, at, sheet, unit);
  const fold = put(el('details', 'fold'), el('summary', '', 'As a table'));
  fold.addEventListener('toggle', () => {
    it.open[fold.open ? 'add' : 'delete'](panel.key);
    if (fold.open && fold.children.length === 1) put(fold, table(panel));
  });
  fold.open = it.open.has(panel.key);
  if (fold.open) put(fold, table(panel));
  const every = Math.max(...panel.lines.map((one) => one.every));
  return put(el('figure'), el('figcaption', '', panel.title), unit, sheet,
    panel.lines.length > 1 || panel.lines[0].name !== 'all' ? legend(panel) : null,
    every > 1 ? el('p', 'unit', `A point is the mean of up to ${every} steps.`) : null, fold);
}

export default function (component) {
  const it = live(component, () => el('div', 'curves'));
  it.open ??= new Set();
  const json = JSON.stringify(component.data);
  if (it.json !== json) {
    it.json = json;
    it.box.setAttribute('role', 'group');
    it.box.setAttribute('aria-label', it.data.label);
    it.box.replaceChildren(...it.data.panels.map((panel) => figure(panel, it)));
  }
  return it.stop;
}
