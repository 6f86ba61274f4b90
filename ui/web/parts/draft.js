const size = (text) => [...text].length; // as Python counts

function count(it) {
  const { limit } = it.data;
  const used = limit === null ? 0 : size(it.text.value);
  const over = limit !== null && used > limit;
  it.count.textContent = limit === null ? '' : `${used} / ${limit}${over ? ': too long' : ''}`;
  it.count.classList.toggle('trouble', over);
  if (over) it.text.setAttribute('aria-invalid', 'true');
  else it.text.removeAttribute('aria-invalid');
}

function changed(it) {
  keep(it, it.text.value);
  count(it);
  later(it, PAUSE);
}

function tell(it) {
  if (it.text.value === it.told) return;
  it.told = it.text.value;
  it.say.setStateValue('text', it.told);
}

function build(it) {
  const { initial } = it.data;
  const box = el('div', 'draft');
  it.label = el('label');
  it.text = el('textarea');
  it.text.id = 'text';
  it.label.htmlFor = 'text';
  it.hint = el('p', 'hint');
  it.hint.id = 'hint';
  it.status = el('span', 'status');
  it.status.setAttribute('role', 'status');
  it.count = el('span', 'count');
  it.count.id = 'count';
  it.text.setAttribute('aria-describedby', 'hint count');
  it.now = () => it.text.value;
  const left = kept(it);
  it.text.value = left ?? initial;
  it.saved = it.told = initial;
  it.text.addEventListener('input', () => changed(it));
  it.text.addEventListener('keydown', (event) => {
    if (typing(event)) event.stopPropagation();
  });
  if (left !== null && left !== initial) later(it, 0);
  return put(box, it.label, it.hint, it.text, put(el('div', 'below'), it.status, it.count));
}

function listen(it, signal) {
  scaled(it, signal);
  beforeActs(it, signal, () => tell(it));
  onHide(signal, () => save(it, true));
  signal.addEventListener('abort', () => save(it, true));
  window.addEventListener('online', () => save(it), { signal });
  window.addEventListener('arena:insert', ({ detail }) => {
    if (detail?.field !== it.data.field || it.text.disabled) return;
    it.text.setRangeText(detail.text, it.text.selectionStart, it.text.selectionEnd, 'end');
    it.text.focus();
    changed(it);
  }, { signal });
}

export default function (component) {
  const it = live(component, build, listen);
  const { label, hint, lines, disabled } = component.data;
  it.label.textContent = label;
  it.hint.textContent = hint;
  it.text.rows = lines;
  it.text.disabled = disabled;
  count(it);
  return it.stop;
}
