const PAUSE = 600, SLOW = 800, LONGEST = 30_000; // milliseconds
const FINAL = {
  400: 'refused', 401: 'you are signed out', 403: 'not allowed', 404: 'not found', 409: 'no longer open',
  413: 'too long', 422: 'refused',
};

const size = (text) => [...text].length; // as Python counts
const backup = (it) => `arena draft ${it.data.box}`;

// What the server has not taken yet outlives a reload of this tab.
function keep(it, text) {
  try {
    if (text === null) sessionStorage.removeItem(backup(it));
    else sessionStorage.setItem(backup(it), text);
  } catch { /* no storage: the text is on the page all the same */ }
}

function kept(it) {
  try {
    return sessionStorage.getItem(backup(it));
  } catch {
    return null;
  }
}

function status(it, text, trouble = false) {
  clearTimeout(it.slow);
  it.status.textContent = text;
  it.status.classList.toggle('trouble', trouble);
}

function clock() {
  const now = new Date();
  return [now.getHours(), now.getMinutes()].map((n) => String(n).padStart(2, '0')).join(':');
}

function later(it, wait) {
  clearTimeout(it.timer);
  it.timer = setTimeout(save, wait, it);
}

// One request at a time, so that the last one to arrive is the newest; a page that is being closed
// cannot wait and sends what it has.
async function save(it, closing = false) {
  const text = it.text.value;
  clearTimeout(it.timer);
  if (text === it.saved || (it.sending !== undefined && !(closing && it.sending !== text))) return;
  it.sending = text;
  it.slow = setTimeout(() => status(it, 'Saving\u2026'), SLOW);
  const { url, assignment, field, drawn } = it.data;
  const body = { assignment, field, text, ...(drawn === null ? {} : { drawn }) };
  let trouble = 'offline', final = false;
  try {
    const answer = await post(url, body, closing);
    trouble = answer.ok ? '' : String(answer.status);
    if (answer.status in FINAL) [trouble, final] = [FINAL[answer.status], true];
  } catch { /* offline */ }
  clearTimeout(it.slow);
  if (it.sending === text) it.sending = undefined;
  if (!trouble) {
    it.saved = text;
    it.wait = 0;
    if (it.text.value === text) {
      keep(it, null);
      status(it, `Draft saved ${clock()}`);
    } else later(it, PAUSE);
  } else if (final) status(it, `Not saved (${trouble})`, true);
  else {
    status(it, `Not saved (${trouble}), retrying`, true);
    it.wait = Math.min(LONGEST, (it.wait || 1000) * 2);
    if (!it.ear.signal.aborted) later(it, it.wait);
  }
}

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
