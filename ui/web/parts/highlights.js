// The person's own marks in the turns: kept here and on the server, drawn and changed by the reader.
// A list of [number of the turn, begin, end], in code points of the turn's text as it is shown.

function read(text) {
  try {
    return JSON.parse(text || '[]');
  } catch {
    return [];
  }
}

function tell(it) {
  const { assignment } = it.data;
  const said = { place: assignment, list: it.list, most: it.data.most, status: it.status.textContent,
    trouble: it.status.classList.contains('trouble') };
  window.__arenaHighlights = said;
  window.dispatchEvent(new CustomEvent('arena:highlights', { detail: said }));
}

function build(it) {
  it.now = () => (it.list.length ? JSON.stringify(it.list) : '');
  it.status = el('span');
  it.server = it.saved = it.data.text;
  it.sent = new Set();
  const left = kept(it);
  it.list = read(left ?? it.server);
  if (left !== null && left !== it.server) later(it, 0);
  new MutationObserver(() => tell(it)).observe(it.status, { childList: true });
  return el('div', 'highlights');
}

function listen(it, signal) {
  onHide(signal, () => save(it, true));
  signal.addEventListener('abort', () => save(it, true));
  window.addEventListener('online', () => save(it), { signal });
  window.addEventListener('arena:highlight', ({ detail }) => {
    if (detail.place !== it.data.assignment) return;
    it.list = detail.list;
    it.sent.add(it.now());
    keep(it, it.now());
    later(it, PAUSE);
    tell(it);
  }, { signal });
}

// What the server has may come from another device; what this page has sent comes back late.
export default function (component) {
  const it = live(component, build, listen);
  const { text } = component.data;
  if (text !== it.server) {
    it.server = text;
    if (it.now() === it.saved && !it.sent.has(text)) {
      it.list = read(text);
      it.saved = it.now();
    }
  }
  tell(it);
  return it.stop;
}
