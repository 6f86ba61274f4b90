const PAUSE = 600, SLOW = 800, LONGEST = 30_000; // milliseconds
const FINAL = {
  400: 'refused', 401: 'you are signed out', 403: 'not allowed', 404: 'not found', 409: 'no longer open',
  413: 'too long', 422: 'refused',
};

// What a person writes is kept on the server while it is written. A part says what it has in
// `it.now`, what the server has in `it.saved`, and has `it.status`, an element, to say how it stands.
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
  const text = it.now();
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
    if (it.now() === text) {
      keep(it, null);
      status(it, `${it.data.saying ?? 'Draft saved'} ${clock()}`);
    } else later(it, PAUSE);
  } else if (final) status(it, `Not saved (${trouble})`, true);
  else {
    status(it, `Not saved (${trouble}), retrying`, true);
    it.wait = Math.min(LONGEST, (it.wait || 1000) * 2);
    if (!it.ear.signal.aborted) later(it, it.wait);
  }
}
