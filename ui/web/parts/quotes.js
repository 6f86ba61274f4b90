const MARKS = {
  verified: '\u2713 in the passage',
  altered: '\u2248 altered',
  unverified: '\u2717 not in the passage',
  unknown: '\u2717 no such line',
};

function turns(it, list) {
  const box = el('span', 'turns');
  list.forEach((one) => {
    const button = el('button', 'tone' + one.tone);
    button.type = 'button';
    put(button, el('span', 'number', String(one.number + 1)), el('span', 'who', one.who));
    button.setAttribute('aria-label', `Go to turn ${one.number + 1}, ${one.who}`);
    button.addEventListener('click', () => pick(it, one.number));
    put(box, button);
  });
  return box;
}

function entry(it, one) {
  const box = el('li', one.kind);
  put(box, put(el('div', 'quoted'), long(el('q', 'words said'), one.words),
    el('span', 'tag', MARKS[one.kind])));
  if (one.says !== null) {
    put(box, put(el('div', 'says'), el('span', 'quiet', 'The passage has: '),
      long(el('span', 'said'), one.says)));
  }
  return put(box, turns(it, one.turns));
}

function budget(list) {
  const box = el('ul', 'budget');
  const number = (n) => n.toLocaleString('en');
  list.forEach((one) => {
    const line = put(el('li', 'tone' + one.tone), el('span', 'who', one.who));
    const of = one.total !== null ? ` of ${number(one.total)}` : '';
    const each = one.total === null && one.each !== null ? `, up to ${number(one.each)} a turn` : '';
    put(line, el('span', '', `${number(one.used)}${of} characters newly quoted${each}`));
    if (one.total) {
      const bar = el('span', 'bar');
      bar.setAttribute('aria-hidden', 'true');
      const full = put(bar, el('span')).lastChild;
      full.style.width = `${Math.min(100, (100 * one.used) / one.total)}%`;
      put(line, bar);
    }
    put(box, line);
  });
  return box;
}

function draw(it) {
  const { entries, apart, budget: used } = it.data;
  it.sig = it.data.sig;
  const list = el('ol', 'entries');
  entries.forEach((one, i) => {
    if (i) list.lastChild.classList.add('more'); // a gap follows
    put(list, entry(it, one));
  });
  const parts = [used.length ? budget(used) : null];
  parts.push(entries.length ? put(el('div'), el('h2', '', 'In the order of the passage'), list)
    : el('p', 'quiet', 'Nothing from the passage has been quoted so far.'));
  if (apart.length) {
    const others = el('ol', 'entries');
    apart.forEach((one) => put(others, entry(it, one)));
    parts.push(put(el('div'), el('h2', '', 'Not in the passage'), others));
  }
  it.body.replaceChildren(...parts.filter(Boolean));
}

export default function (component) {
  const it = live(component, (one) => {
    one.body = el('div');
    return put(el('div', 'quotes'), scaler(one), one.body);
  }, scaled);
  if (it.sig !== component.data.sig) draw(it);
  return it.stop;
}
