const WAYS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const said = (number) => String(Math.round(number * 10) / 10);

// A button for two who met: what the row scored, of how many, and the share of it as a colour.
function cell(it, row, column) {
  const [points, met] = it.data.cells[row][column];
  const [share, names] = [points / met, it.data.players];
  const button = el('button', share >= 0.5 ? 'more' : 'less');
  button.type = 'button';
  button.style.setProperty('--deep', `${Math.round(Math.abs(share - 0.5) * 80)}%`);
  button.setAttribute('aria-label', `${names[row]} against ${names[column]}: ${said(points)} of `
    + `${met}, ${Math.round(share * 100)} per cent. Open the debates.`);
  put(button, el('b', '', `${Math.round(share * 100)} %`), el('span', '', `${said(points)} / ${met}`));
  button.addEventListener('click', () => it.say.setTriggerValue('pick', [row, column]));
  return put(el('td'), button);
}

function nothing(same) {
  const one = el('td', same ? 'self' : 'never', same ? '' : '\u2013');
  one.title = same ? '' : 'They never met.';
  return one;
}

function head(it) {
  const row = put(el('tr'), el('th', 'corner', 'Row against column'));
  it.data.players.forEach((name, n) => {
    const one = put(el('th', 'number'), el('span', '', String(n + 1)));
    one.title = name;
    one.setAttribute('aria-label', `${n + 1}. ${name}`);
    one.scope = 'col';
    put(row, one);
  });
  row.firstChild.scope = 'col';
  return put(el('thead'), row);
}

// One stop for the Tab key; from there arrow keys go to the next cell of two who met.
function walk(it, area) {
  const rows = [...area.querySelectorAll('tbody tr')]
    .map((row) => [...row.querySelectorAll('td')].map((one) => one.querySelector('button')));
  const all = rows.flat().filter((one) => one !== null);
  const stop = (chosen) => all.forEach((one) => { one.tabIndex = one === chosen ? 0 : -1; });
  stop(all[0]);
  area.addEventListener('focusin', ({ target }) => all.includes(target) && stop(target));
  area.addEventListener('keydown', (event) => {
    const [down, right] = WAYS[event.key] ?? [0, 0];
    let row = rows.findIndex((some) => some.includes(event.target));
    if (row < 0 || (!down && !right)) return;
    let column = rows[row].indexOf(event.target);
    do [row, column] = [row + down, column + right];
    while (rows[row]?.[column] === null);
    event.preventDefault();
    rows[row]?.[column]?.focus();
  });
}

function draw(it) {
  const { players, cells, label } = it.data;
  const body = el('tbody');
  players.forEach((name, row) => {
    const first = put(el('th', 'name'), el('span', 'number', `${row + 1}`), el('span', 'who', name));
    first.scope = 'row';
    first.title = name;
    const line = put(el('tr'), first);
    players.forEach((_, column) => put(line, row !== column && cells[row][column]
      ? cell(it, row, column) : nothing(row === column)));
    put(body, line);
  });
  const area = put(el('div', 'area'), put(el('table'), el('caption', 'hidden', label), head(it), body));
  area.tabIndex = 0;
  area.setAttribute('role', 'region');
  area.setAttribute('aria-label', label);
  it.box.replaceChildren(area);
  walk(it, area);
}

export default function (component) {
  const it = live(component, () => el('div', 'matrix'));
  const json = JSON.stringify(component.data);
  if (it.json !== json) {
    it.json = json;
    draw(it);
  }
  return it.stop;
}
