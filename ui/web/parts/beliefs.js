const WIDE = 340, HIGH = 150, LEFT = 30, RIGHT = 12, TOP = 8, BOTTOM = 22;
const DASHES = ['', '6 3', '2 3', '8 3 2 3'];
const TONES = ['--st-primary-color', '--st-orange-text-color', '--st-green-text-color',
  '--st-violet-text-color', '--st-red-text-color', '--st-blue-text-color'];
const said = (percent) => (percent === null ? '\u2013' : String(Math.round(percent * 10) / 10));

function chart({ label, ticks, lines }) {
  const step = (WIDE - LEFT - RIGHT) / Math.max(1, ticks.length);
  const x = (i) => LEFT + i * step;
  const y = (percent) => TOP + (HIGH - TOP - BOTTOM) * (1 - percent / 100);
  const told = lines.map(({ name, points }) =>
    `${name}: ${points.map((one, i) => `${ticks[i]} ${said(one)}`).join(', ')}`);
  const sheet = svg('svg', { role: 'img', viewBox: `0 0 ${WIDE} ${HIGH}`,
    'aria-label': `${label}. ${told.join('. ')}` });
  for (const percent of [0, 50, 100]) {
    put(sheet, svg('line', { class: 'grid', x1: LEFT, x2: WIDE - RIGHT, y1: y(percent),
      y2: y(percent) }), svg('text', { class: 'tick', x: LEFT - 5, y: y(percent), 'text-anchor': 'end',
      'dominant-baseline': 'central' }, String(percent)));
  }
  const every = Math.ceil(ticks.length / 8);
  ticks.forEach((tick, i) => {
    if (i % every === 0) {
      put(sheet, svg('text', { class: 'tick', x: x(i) + step / 2, y: HIGH - 6,
        'text-anchor': 'middle' }, tick.length > 8 ? `${tick.slice(0, 7)}\u2026` : tick));
    }
  });
  lines.forEach(({ points }, n) => {
    let d = '', before = null;
    points.forEach((one, i) => {
      if (one !== null) {
        d += before === null ? `M${x(i)} ${y(one)}` : `L${x(i)} ${y(one)}`;
        d += `H${x(i + 1)}`;
      }
      before = one;
    });
    const line = svg('path', { class: 'line', d, 'stroke-dasharray': DASHES[n % DASHES.length] });
    line.style.stroke = `var(${TONES[n % TONES.length]})`;
    put(sheet, line);
  });
  return sheet;
}

function table({ label, ticks, lines }) {
  const head = put(el('tr'), el('th', '', 'After'));
  lines.forEach(({ name }) => put(head, el('th', '', name)));
  head.querySelectorAll('th').forEach((one) => one.setAttribute('scope', 'col'));
  const body = el('tbody');
  ticks.forEach((tick, i) => {
    const row = put(el('tr'), el('th', '', tick));
    row.firstChild.setAttribute('scope', 'row');
    lines.forEach(({ points }) => put(row, el('td', '', said(points[i]))));
    put(body, row);
  });
  return put(el('table'), el('caption', 'hidden', label), put(el('thead'), head), body);
}

function legend({ lines }) {
  const box = el('ul', 'legend');
  lines.forEach(({ name }, n) => {
    const mark = svg('svg', { viewBox: '0 0 24 8', 'aria-hidden': 'true' });
    const line = svg('line', { x1: 0, x2: 24, y1: 4, y2: 4, class: 'line',
      'stroke-dasharray': DASHES[n % DASHES.length] });
    line.style.stroke = `var(${TONES[n % TONES.length]})`;
    put(box, put(el('li'), put(mark, line), el('span', '', name)));
  });
  return box;
}

export default function (component) {
  const it = live(component, () => el('figure', 'beliefs'));
  const json = JSON.stringify(component.data);
  if (it.json !== json) {
    it.json = json;
    const open = it.box.querySelector('details')?.open ?? false;
    const fold = put(el('details', 'fold'), el('summary', '', 'As a table'), table(it.data));
    fold.open = open;
    it.box.replaceChildren(el('figcaption', '', it.data.label), chart(it.data),
      ...(it.data.lines.length > 1 ? [legend(it.data)] : []), fold);
  }
  return it.stop;
}
