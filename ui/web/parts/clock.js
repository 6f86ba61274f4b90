const TOLD = [300, 60, 30, 10]; // seconds left at which a screen reader hears it

function words(seconds) {
  const two = (n) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function place(it) {
  const number = it.selected;
  if (typeof number !== 'number' || number < 0) return -1;
  return it.data.places ? (it.data.places[number] ?? -1) : number;
}

// The time since the last look counts if the page was in use; a machine that slept was not.
function look(it) {
  const now = performance.now();
  const passed = Math.min(now - it.last, 2000);
  it.last = now;
  const used = document.visibilityState === 'visible' && document.hasFocus()
    && now - it.input < it.data.idle * 1000;
  if (used) it.spent.set(place(it), (it.spent.get(place(it)) ?? 0) + passed);
}

async function send(it, closing = false) {
  it.sent = performance.now();
  const { url, assignment } = it.data;
  const spent = [...it.spent].map(([at, ms]) => [at, Math.floor(ms)]).filter(([, ms]) => ms > 0);
  if (!spent.length) return;
  it.spent.clear();
  let lost = true;
  try {
    lost = (await post(url, { assignment, spent }, closing)).status >= 500;
  } catch { /* offline: with the next */ }
  if (lost) spent.forEach(([at, ms]) => it.spent.set(at, (it.spent.get(at) ?? 0) + ms));
}

function countdown(it) {
  it.box.hidden = it.data.left === null;
  if (it.data.left === null) return;
  const left = Math.max(0, Math.ceil((it.until - performance.now()) / 1000));
  it.time.textContent = words(left);
  it.time.classList.toggle('soon', left <= 60);
  const due = TOLD.filter((at) => at >= left).pop();
  if (due !== undefined && due !== it.announced && left > 0) {
    if (it.announced !== undefined || left === due) {
      it.news.textContent = due >= 60 ? `${due / 60} minute${due > 60 ? 's' : ''} left`
        : `${due} seconds left`;
    }
    it.announced = due;
  }
  if (left === 0 && !it.over) {
    it.over = true;
    it.news.textContent = 'The time is up';
    look(it);
    send(it);
    it.say.setTriggerValue('end', true);
  }
}

function build(it) {
  it.spent = new Map();
  it.last = it.input = it.sent = performance.now();
  it.time = el('span', 'time');
  it.news = el('span', 'hidden');
  it.news.setAttribute('role', 'status');
  return put(el('p', 'clock'), el('span', 'label', 'Time left'), it.time, it.news);
}

function listen(it, signal) {
  const used = () => {
    it.input = performance.now();
  };
  for (const kind of ['pointermove', 'pointerdown', 'keydown', 'wheel', 'touchmove', 'scroll']) {
    window.addEventListener(kind, used, { capture: true, passive: true, signal });
  }
  window.addEventListener('focus', () => look(it), { signal });
  window.addEventListener('blur', () => look(it), { signal });
  document.addEventListener('visibilitychange', () => look(it), { signal, capture: true });
  onSelect(it, signal, (number) => {
    look(it);
    it.selected = number;
  });
  const closing = () => {
    look(it);
    send(it, true);
  };
  onHide(signal, closing);
  const timer = setInterval(() => {
    look(it);
    countdown(it);
    if (performance.now() - it.sent >= it.data.every * 1000) send(it);
  }, 500);
  signal.addEventListener('abort', () => {
    clearInterval(timer);
    closing();
  });
}

export default function (component) {
  const it = live(component, build, listen);
  const { left } = component.data;
  if (left !== null && left !== it.left) {
    const until = performance.now() + left * 1000;
    if (it.until === undefined || Math.abs(until - it.until) > 1500) {
      [it.until, it.over, it.announced] = [until, false, undefined];
    }
    it.left = left;
  }
  countdown(it);
  return it.stop;
}
