// What every part uses. Text goes into the page through textContent alone.

const CAP = 8000; // characters of a text that are drawn before "show the rest"
const SVG = 'http://www.w3.org/2000/svg';

function el(name, kind, text) {
  const node = document.createElement(name);
  if (kind) node.className = kind;
  if (text) node.append(...breakable(text));
  return node;
}

// A text in pieces with places to break a line in its endless words, if it has any: where a word of
// a hundred thousand characters may be broken takes a browser half a minute to find out.
function breakable(text) {
  if (!/\S{1000}/u.test(text)) return [text];
  const pieces = text.split(/(\S{500})/u).filter(Boolean);
  return pieces.flatMap((piece, i) => (i ? [document.createElement('wbr'), piece] : [piece]));
}

function svg(name, attributes = {}, text = '') {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text) node.textContent = text;
  return node;
}

function put(parent, ...children) {
  children.forEach((child) => child && parent.appendChild(child));
  return parent;
}

// A text that somebody wrote; what is beyond the cap waits behind a summary, where the browser's
// own search still finds it.
function long(node, text) {
  if (text.length <= CAP) {
    node.textContent = text;
    return node;
  }
  node.textContent = text.slice(0, CAP);
  return put(node, rest(text.length - CAP, el('span', '', text.slice(CAP))));
}

function rest(size, ...children) {
  const box = el('details', 'rest');
  put(box, el('summary', '', `Show the rest (${size.toLocaleString('en')} characters)`));
  return put(box, put(el('div'), ...children));
}

// Streamlit calls a part again whenever its data change, and may call an old clean-up late. So a
// part is built once for its place on the page, listens once, and stops listening only when the
// clean-up of its latest call runs.
function live(component, build, listen) {
  const root = component.parentElement;
  const it = root.arenaPart ?? (root.arenaPart = { root });
  it.say = component; // the latest way to answer
  it.data = component.data;
  if (!it.box) {
    it.box = build(it);
    root.appendChild(it.box);
  }
  if (!it.ear || it.ear.signal.aborted) {
    it.ear = new AbortController();
    if (listen) listen(it, it.ear.signal);
  }
  const call = (it.call = {});
  it.stop = () => {
    if (it.call !== call) return;
    it.ear.abort();
    it.ended?.();
  };
  return it;
}

// The key of a person who types, picks or moves within a part is no shortcut of the page's.
function typing(event) {
  if (event.key === undefined) return true; // a browser that fills a box in
  const plain = !(event.ctrlKey || event.metaKey || event.altKey)
    || event.getModifierState('AltGraph');
  const edits = 'zyacvx'.includes(event.key.toLowerCase()) && !event.altKey;
  return (plain && event.key !== 'Escape' && !/^F\d+$/.test(event.key)) || edits;
}

// Before a click or a key elsewhere has its effect, `tell` says what the part holds: both reach
// the server in one message. A key typed into the part is none of these.
function beforeActs(it, signal, tell) {
  const within = (event) => event.composedPath().includes(it.box);
  const acted = (event) => {
    if (!within(event)) tell();
  };
  const keyed = (event) => {
    const moves = /^(Arrow|Page|Home|End|Tab|Shift|Control|Alt|Meta|CapsLock)/.test(event.key);
    if (!moves && (!within(event) || !typing(event))) tell();
  };
  window.addEventListener('pointerup', acted, { capture: true, signal });
  window.addEventListener('click', acted, { capture: true, signal });
  window.addEventListener('keydown', keyed, { capture: true, signal });
}

function post(url, body, keepalive = false) {
  return fetch(url, {
    method: 'POST',
    credentials: 'same-origin',
    keepalive,
    headers: { 'Content-Type': 'application/json', 'X-Arena': '1' },
    body: JSON.stringify(body),
  });
}

function onHide(signal, act) {
  const hidden = () => {
    if (document.visibilityState === 'hidden') act();
  };
  document.addEventListener('visibilitychange', hidden, { signal });
  window.addEventListener('pagehide', act, { signal });
}

// A turn is chosen here: every part hears of it at once, and Python on the run that follows.
function pick(it, number) {
  tellSelected(number);
  it.say.setTriggerValue('pick', number);
}

function tellSelected(number) {
  window.__arenaSel = number;
  window.dispatchEvent(new CustomEvent('arena:select', { detail: number }));
}

function onSelect(it, signal, act) {
  window.addEventListener('arena:select', (event) => act(event.detail), { signal });
  act(window.__arenaSel ?? null);
}

// How large texts are drawn: the reader's own setting, kept in this browser.
const SCALES = [0.85, 1, 1.15, 1.3, 1.5, 1.75, 2];

function scale() {
  let kept = window.__arenaScale;
  try {
    kept = Number(localStorage.getItem('arena text size') ?? kept);
  } catch { /* no storage: until the page is left */ }
  return SCALES.includes(kept) ? kept : 1;
}

function rescale(by) {
  const now = SCALES[Math.min(SCALES.length - 1, Math.max(0, SCALES.indexOf(scale()) + by))];
  window.__arenaScale = now;
  try {
    localStorage.setItem('arena text size', String(now));
  } catch { /* no storage */ }
  window.dispatchEvent(new CustomEvent('arena:scale'));
}

// A part whose texts follow that setting, here and when another tab changes it.
function scaled(it, signal) {
  const apply = () => {
    it.box.style.setProperty('--size', scale());
    const at = SCALES.indexOf(scale());
    it.scales?.forEach(([button, by]) => {
      button.setAttribute('aria-disabled', at + by < 0 || at + by >= SCALES.length);
    });
  };
  window.addEventListener('arena:scale', apply, { signal });
  window.addEventListener('storage', apply, { signal });
  apply();
}

function scaler(it) {
  const box = el('span', 'scaler');
  box.setAttribute('role', 'group');
  box.setAttribute('aria-label', 'Size of the text');
  it.scales = [['A\u2212', 'Smaller text', -1], ['A+', 'Larger text', 1]].map(
    ([text, name, by]) => {
      const button = el('button', 'tool', text);
      button.type = 'button';
      button.title = name;
      button.setAttribute('aria-label', name);
      button.addEventListener('click', () => rescale(by));
      put(box, button);
      return [button, by];
    },
  );
  return box;
}
