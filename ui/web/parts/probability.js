const LEAST = 1, MOST = 99, START = 50;
const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
// Where the arrows have a use of their own.
const OWN = 'input, textarea, select, [contenteditable], [role=treeitem], [role=radio], '
  + '[role=tab], [role=slider], [role=grid], [role=listbox], [role=menu], [role=combobox], canvas';

function set(it, percent, by) {
  it.value = percent === null ? null : Math.min(MOST, Math.max(LEAST, Math.round(percent)));
  const none = it.value === null;
  it.box.classList.toggle('untouched', none);
  it.range.value = none ? START : it.value;
  it.range.style.setProperty('--at', none ? 0 : (it.value - LEAST) / (MOST - LEAST));
  it.range.setAttribute('aria-valuetext', none ? 'not set yet' : `${it.value} per cent`);
  if (by !== 'number') it.number.value = none ? '' : it.value;
  if (none) it.number.removeAttribute('aria-invalid');
  it.state.textContent = none ? 'Not set yet: click, move or type' : '';
  it.cells.forEach(([cell, row, signed]) => {
    const points = none ? null : row[it.value - 1];
    cell.textContent = points === null ? '\u2013'
      : `${points < 0 ? '\u2212' : signed ? '+' : ''}${Math.abs(points).toFixed(2)}`;
  });
}

function tell(it) {
  clearTimeout(it.timer);
  if (it.value === it.told) return;
  it.told = it.value;
  it.say.setStateValue('percent', it.value);
}

// The person has let go of it, for now.
function rested(it, wait) {
  clearTimeout(it.timer);
  if (it.data.live) it.timer = setTimeout(tell, wait, it);
}

function moved(it, event) {
  if (it.data.disabled || event.ctrlKey || event.metaKey || event.altKey) return false;
  const now = it.value ?? START;
  const step = STEPS[event.key];
  const jump = { Home: LEAST, End: MOST, PageUp: now + 10, PageDown: now - 10, Enter: now,
    ' ': now }[event.key];
  if (step === undefined && jump === undefined) return false;
  set(it, step === undefined ? jump : now + step * (event.shiftKey ? 1 : 5));
  rested(it, 500);
  event.preventDefault();
  event.stopPropagation();
  return true;
}

function typed(it) {
  const text = it.number.value.trim();
  const number = Number(text);
  const good = text !== '' && number >= LEAST && number <= MOST;
  set(it, good ? number : null, 'number');
  if ((text !== '' || it.number.validity.badInput) && !good) {
    it.number.setAttribute('aria-invalid', 'true');
    it.state.textContent = `From ${LEAST} to ${MOST}, please`;
  } else it.number.removeAttribute('aria-invalid');
  rested(it, 800);
}

function build(it) {
  const box = el('div', 'probability');
  box.setAttribute('role', 'group');
  box.setAttribute('aria-labelledby', 'label');
  it.label = el('p', 'label');
  it.label.id = 'label';
  it.range = el('input');
  Object.assign(it.range, { type: 'range', min: LEAST, max: MOST, step: 1 });
  it.number = el('input');
  Object.assign(it.number, { type: 'number', min: LEAST, max: MOST, step: 1 });
  it.range.setAttribute('aria-labelledby', 'label');
  it.number.setAttribute('aria-label', 'The same as a number, in per cent');
  it.number.inputMode = 'numeric';
  it.state = el('p', 'state');
  it.state.setAttribute('role', 'status');
  it.ends = [el('span'), el('span')];
  it.payoffs = el('table');
  it.cells = [];
  it.note = el('p', 'note');
  it.range.addEventListener('input', () => set(it, Number(it.range.value)));
  it.range.addEventListener('change', () => rested(it, 0));
  it.range.addEventListener('pointerup', () => { // also where the handle already is
    if (!it.range.disabled) set(it, Number(it.range.value));
    rested(it, 0);
  });
  it.range.addEventListener('keydown', (event) => {
    if (!moved(it, event) && typing(event) && /^Arrow/.test(event.key)) event.stopPropagation();
  });
  it.number.addEventListener('input', () => typed(it));
  it.number.addEventListener('change', () => {
    if (it.value !== null) set(it, it.value);
    rested(it, 0);
  });
  it.number.addEventListener('keydown', (event) => {
    if (typing(event)) event.stopPropagation();
  });
  it.box = box; // `set` draws on it
  put(box, it.label, put(el('div', 'row'), it.range, put(el('span', 'number'), it.number,
    el('span', '', '%'))), put(el('div', 'ends'), ...it.ends), it.state, it.payoffs, it.note);
  set(it, it.data.initial);
  it.told = it.value;
  return box;
}

function listen(it, signal) {
  beforeActs(it, signal, () => tell(it));
  window.addEventListener('keydown', (event) => {
    if (!it.data.keys || event.defaultPrevented || document.querySelector('[role=dialog]')) return;
    if (!/^Arrow(Left|Right)$/.test(event.key)) return;
    const inUse = event.composedPath().some((node) => node.matches?.(OWN) || node === it.box);
    if (!inUse) moved(it, event);
  }, { signal });
}

function payoffs(it, rows) {
  const json = JSON.stringify(rows);
  if (it.rows === json) return;
  it.rows = json;
  it.cells = [];
  const body = el('tbody');
  rows.forEach(([name, row]) => {
    const head = el('th', '', name);
    head.setAttribute('scope', 'row');
    const cell = el('td');
    it.cells.push([cell, row, row.some((one) => one < 0)]);
    put(body, put(el('tr'), head, cell));
  });
  it.payoffs.hidden = rows.length === 0;
  it.payoffs.replaceChildren(el('caption', '', 'What it would pay, in points'), body);
  set(it, it.value, 'number');
}

export default function (component) {
  const it = live(component, build, listen);
  const { label, ends, note, disabled, payoffs: rows } = component.data;
  it.label.textContent = label;
  ends.forEach((text, i) => {
    it.ends[i].textContent = text;
  });
  it.note.textContent = note;
  it.range.disabled = it.number.disabled = disabled;
  payoffs(it, rows);
  return it.stop;
}
