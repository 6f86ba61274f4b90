const TAGS = {
  verified: '\u2713 in the passage',
  altered: '\u2248 altered',
  unverified: '\u2717 not in the passage',
  unknown: '\u2717 no such line',
};
const WHY = {
  verified: 'The platform found these words in the passage.',
  altered: 'The platform found something close to this in the passage, but not these words.',
  cited: 'The platform shows the words of this line below.',
  unverified: 'The platform did not find these words in the passage.',
  unknown: 'The passage has no such line.',
};

function context(told, kind) {
  const box = el('span', 'context');
  const title = !told.whole ? 'Quoted around it, in the order of the passage'
    : kind === 'altered' ? 'What the passage has instead' : 'In the passage';
  put(box, el('span', 'context-title', title));
  const text = put(box, el('span', 'said')).lastChild;
  told.pieces.forEach(([what, said]) => {
    if (what === 'gap') put(text, el('span', 'gap', ' \u2026 '));
    else put(text, el(what === 'quoted' ? 'mark' : 'span', '', said));
  });
  return box;
}

function quote(kind, text, told) {
  const line = kind === 'cited' || kind === 'unknown';
  const words = el(line ? 'span' : 'q', 'words', text);
  const tag = TAGS[kind] ? el('span', 'tag', TAGS[kind]) : null;
  const box = el(told ? 'details' : 'span', 'quote ' + kind);
  if (!told) {
    box.title = WHY[kind];
    return put(box, words, tag);
  }
  const summary = put(el('summary'), words, tag);
  summary.title = WHY[kind] + ' Open to see it in its context.';
  return put(box, summary, context(told, kind));
}

function line([mark, text]) {
  const said = long(el('span'), text);
  return put(el('li'), el('span', 'mark', mark), put(el('div', 'said'), said,
    el('span', 'tag', TAGS.verified)));
}

function options(list) {
  const box = el('ul', 'options');
  list.forEach(([label, text]) => {
    put(box, put(el('li', 'tone' + label),
      el('span', 'letter', label), long(el('span', 'said'), text)));
  });
  return box;
}

// The words of a turn; what is beyond the cap waits behind a summary, quotations whole.
function said(one) {
  const body = el('div', 'said');
  const more = [];
  let room = CAP, over = 0, at = 0;
  one.parts.forEach(([kind, text]) => {
    const told = kind === 'text' ? null : one.contexts[at++];
    const piece = (words) => (kind === 'text' ? el('span', '', words) : quote(kind, words, told));
    const here = kind === 'text' ? Math.max(0, room) : room > 0 ? text.length : 0;
    if (here > 0) put(body, piece(text.slice(0, here)));
    if (here < text.length) more.push(piece(text.slice(here)));
    over += Math.max(0, text.length - here);
    room -= text.length;
  });
  return more.length ? put(body, rest(over, ...more)) : body;
}

function turn(it, one, round, first) {
  const box = el('article', 'turn tone' + one.tone + (first ? ' first' : ''));
  const id = 'turn' + one.number;
  box.tabIndex = -1;
  box.dataset.number = one.number;
  box.setAttribute('aria-labelledby', id);
  const head = put(el('header'), put(el('h2'), el('span', 'number', String(one.number + 1)),
    el('span', 'who', one.who)), el('span', '', round));
  head.id = id;
  if (one.kind) put(head, el('span', '', one.kind));
  one.notes.forEach((note) => put(head, el('span', 'note', note)));
  const cited = el('ul', 'cited-lines');
  one.lines.forEach((pair) => put(cited, line(pair)));
  put(box, head, one.parts.length ? said(one) : null, one.lines.length ? cited : null);
  box.addEventListener('click', (event) => {
    const inside = (name) => event.target.closest?.(name);
    const selecting = String(it.root.getSelection?.() ?? document.getSelection()).length > 0;
    if (!selecting && !inside('summary, .context')) chosen(it, one.number);
  });
  return box;
}

function chosen(it, number) {
  it.quiet = true; // the person is looking at it: nothing is scrolled
  pick(it, number);
  it.quiet = false;
}

function intro(data) {
  const sheet = el('details', 'intro fold');
  sheet.open = true;
  put(sheet, el('summary', '', 'Question, answers and rules'));
  put(sheet, el('p', 'where', data.where.join('  \u00b7  ')));
  put(sheet, long(el('h1', 'said'), data.question));
  if (data.answers.length) {
    put(sheet, el('h2', '', 'Possible answers'), options(data.answers),
      el('h2', '', 'What you decide'));
  }
  put(sheet, options(data.options), el('p', 'rules', data.rules));
  if (data.passage !== null) {
    const box = el('details', 'fold');
    const text = el('div', 'passage said', data.passage);
    text.tabIndex = 0;
    text.setAttribute('role', 'region');
    text.setAttribute('aria-label', 'The passage');
    box.open = true;
    put(sheet, put(box, el('summary', '', 'The passage'), text));
  }
  return sheet;
}

function legend() {
  const box = el('p', 'legend');
  put(box, el('span', '', 'Marks of the platform:'));
  for (const kind of ['verified', 'altered', 'unverified']) {
    put(box, put(el('span', kind), el('span', 'tag', TAGS[kind])));
  }
  return put(box, el('span', '',
    'Only the platform draws these. \u201cIn the passage\u201d means that the words are there, not '
    + 'that they are to the point. Open a quotation to see it in its context.'));
}

function build(it) {
  const box = el('div', 'reader');
  it.area = el('div', 'area');
  it.area.tabIndex = 0;
  it.area.setAttribute('role', 'region');
  it.area.setAttribute('aria-label', 'Transcript');
  it.feed = el('div', 'feed');
  it.feed.setAttribute('role', 'feed');
  it.feed.setAttribute('aria-label', 'Turns');
  it.feed.addEventListener('keydown', (event) => {
    const article = it.root.activeElement?.closest('article');
    const step = { PageDown: 1, PageUp: -1 }[event.key];
    if (!article || !step) return;
    const next = it.feed.children[[...it.feed.children].indexOf(article) + step];
    event.preventDefault();
    event.stopPropagation();
    if (next) {
      next.focus({ preventScroll: true });
      pick(it, Number(next.dataset.number));
    }
  });
  put(it.area, it.feed);
  return put(box, legend(), it.area);
}

// Articles that say the same as before stay as they are: opened, scrolled, selected.
function draw(it) {
  const { data } = it;
  it.sig = data.sig;
  const about = JSON.stringify([data.where, data.question, data.rules, data.answers, data.options,
    data.passage]);
  if (it.about !== about) {
    it.about = about;
    const fresh = intro(data);
    if (it.intro) it.intro.replaceWith(fresh);
    else it.area.prepend(fresh);
    it.intro = fresh;
    takePlace(() => fresh.querySelector('h1'));
  }
  let at = 0;
  data.rounds.forEach((round) => round.turns.forEach((one, i) => {
    const named = [round.title, round.name].filter(Boolean).join(', ');
    const json = JSON.stringify([one, named, i]);
    const old = it.feed.children[at++];
    if (old?.json === json) return;
    const fresh = turn(it, one, named, i === 0 && at > 1);
    fresh.json = json;
    if (old) old.replaceWith(fresh);
    else it.feed.appendChild(fresh);
  }));
  while (it.feed.children.length > at) it.feed.lastChild.remove();
  [...it.feed.children].forEach((article, i) => {
    article.setAttribute('aria-posinset', i + 1);
    article.setAttribute('aria-setsize', at);
  });
  show(it, it.selected ?? null, false);
}

function show(it, number, scroll) {
  it.selected = number;
  for (const article of it.feed.children) {
    const own = number !== null && Number(article.dataset.number) === number;
    article.classList.toggle('selected', own);
    if (own) article.setAttribute('aria-current', 'true');
    else article.removeAttribute('aria-current');
    if (own && scroll) {
      const seen = it.area.getBoundingClientRect();
      const { top, bottom } = article.getBoundingClientRect();
      if (top < seen.top || bottom > seen.bottom) it.area.scrollTop += top - seen.top;
      if (seen.top < 0 || seen.top > innerHeight - 80) it.area.scrollIntoView({ block: 'nearest' });
    }
  }
}

// When the button that was clicked goes, the keyboard would start again from the top of the page:
// for a second, what came in its place takes the focus if nothing else has it.
function takePlace(find, tries = 10) {
  const target = find();
  if (target && document.activeElement === document.body) {
    target.tabIndex = -1;
    target.style.outline = 'none';
    target.focus({ preventScroll: true });
  } else if (tries) setTimeout(takePlace, 100, find, tries - 1);
}

export default function (component) {
  const it = live(component, build, (one, signal) => {
    onSelect(one, signal, (number) => show(one, number, !one.quiet));
  });
  if (it.sig !== component.data.sig) {
    const first = it.sig === undefined;
    draw(it);
    if (first) show(it, it.selected ?? null, true);
  }
  return it.stop;
}
