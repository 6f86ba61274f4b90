
const MARKS = {
  verified: '\u2713 in the passage',
  altered: '\u2248 altered',
  unverified: '\u2717 not in the passage',
  unknown: '\u2717 no such line',
};

function piece([kind, text]) {
  if (kind === 'text') return long(el('span'), text);
  const line = kind === 'cited' || kind === 'unknown';
  const box = put(el('span', `quote ${kind}`), long(el(line ? 'span' : 'q', 'words'), text));
  return MARKS[kind] ? put(box, el('span', 'tag', MARKS[kind])) : box;
}

function card(it, one, i, column) {
  const box = el('article', `card tone${one.tone}`);
  const head = put(el('header'), put(el('h3'),
    one.number === null ? null : el('span', 'number', String(one.number + 1)),
    el('span', 'who', one.who)));
  head.id = `card${i}`;
  box.setAttribute('aria-labelledby', head.id);
  if (column) put(head, el('span', 'column', column));
  one.notes.forEach((note) => put(head, el('span', 'note', note)));
  const body = el('div', 'said');
  body.tabIndex = 0;
  body.setAttribute('role', 'group');
  body.setAttribute('aria-label', 'What was said');
  one.parts.forEach((part) => put(body, piece(part)));
  put(box, head, one.parts.length ? body : null);
  if (one.foot.length) {
    const foot = el('ul', 'foot');
    one.foot.forEach((line) => put(foot, el('li', '', line)));
    put(box, foot);
  }
  if (one.opens) {
    const button = el('button', '', 'Open the debate that goes on with it');
    button.type = 'button';
    // The number is one of cards, not of turns: nobody else is told.
    button.addEventListener('click', () => it.say.setTriggerValue('pick', i));
    put(box, button);
  }
  return box;
}

export default function (component) {
  const it = live(component, () => {
    const box = el('div', 'cards');
    box.setAttribute('role', 'group');
    return box;
  });
  const json = JSON.stringify(component.data);
  if (it.json === json) return it.stop;
  it.json = json;
  const { label, heads, cards } = it.data;
  it.box.setAttribute('aria-label', label);
  it.box.classList.toggle('two', heads.length === 2);
  const drawn = cards.map((one, i) => (one === null ? el('p', 'none', 'Nothing was said here.')
    : card(it, one, i, heads.length ? heads[i % heads.length] : '')));
  it.box.replaceChildren(...heads.map((head) => el('h2', 'head', head)), ...drawn);
  return it.stop;
}
