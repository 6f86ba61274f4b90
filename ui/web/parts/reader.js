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

const BELOW = 44; // pixels that a page has below its reader

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

function quote(kind, words, told) {
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

// The words of a turn; what is beyond the cap waits behind a summary, quotations whole. `chunks` are
// the elements that hold them, in order, and where in the turn's text each begins.
function said(one, chunks) {
  const body = el('div', 'said');
  const more = [];
  let room = CAP, over = 0, at = 0, begin = 0;
  one.parts.forEach(([kind, text]) => {
    const told = kind === 'text' ? null : one.contexts[at++];
    const piece = (words, from) => {
      const quoted = !['text', 'cited', 'unknown'].includes(kind);
      const node = el(quoted ? 'q' : 'span', kind === 'text' ? '' : 'words', words);
      chunks.push({ node, text: words, begin: begin + from });
      return kind === 'text' ? node : quote(kind, node, told);
    };
    const here = kind === 'text' ? Math.max(0, room) : room > 0 ? text.length : 0;
    if (here > 0) put(body, piece(text.slice(0, here), 0));
    if (here < text.length) more.push(piece(text.slice(here), here));
    over += Math.max(0, text.length - here);
    room -= text.length;
    begin += text.length;
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
  box.chunks = [];
  box.text = one.parts.map(([, text]) => text).join('');
  put(box, head, one.parts.length ? said(one, box.chunks) : null,
    one.lines.length ? cited : null);
  box.addEventListener('click', (event) => {
    const inside = (name) => event.target.closest?.(name);
    if (selection(it.root)) return;
    const own = inside('mark.own');
    if (own) {
      event.preventDefault(); // where it is in a summary, that stays as it is
      change(it, without(it, Number(own.dataset.index)), 'Taken away');
    } else if (!inside('summary, .context')) chosen(it, one.number);
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

function head(it) {
  const why = put(el('details', 'why'), el('summary', '', 'Marks of the platform'), el('p', '',
    'Only the platform draws these. \u201cIn the passage\u201d means that the words are there, not '
    + 'that they are to the point. Open a quotation to see it in its context.'));
  const marks = el('p', 'legend');
  for (const kind of ['verified', 'altered', 'unverified']) {
    put(marks, put(el('span', kind), el('span', 'tag', TAGS[kind])));
  }
  return put(el('div', 'head'), put(el('div', 'about'), why, marks),
    put(el('div', 'tools'), marker(it), scaler(it)));
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
  return put(box, head(it), it.area);
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
  it.feed.hidden = at === 0; // a feed of nothing is none
  [...it.feed.children].forEach((article, i) => {
    article.setAttribute('aria-posinset', i + 1);
    article.setAttribute('aria-setsize', at);
  });
  place(it);
  paint(it);
  show(it, it.selected ?? null, false);
}

// Side by side: each speaker has a column, and what was said in a round begins in one row. The
// order of the page stays that of reading.
function place(it) {
  const { columns, rounds } = it.data;
  let at = 0, row = 1;
  it.feed.style.setProperty('--columns', columns);
  rounds.forEach((round) => {
    const free = Array(Math.max(1, columns)).fill(row);
    round.turns.forEach(({ column }) => {
      const { style } = it.feed.children[at++];
      const own = column === null ? Math.max(...free) : free[column];
      style.gridRow = own;
      style.gridColumn = column === null ? '1 / -1' : column + 1;
      if (column === null) free.fill(own + 1);
      else free[column] = own + 1;
    });
    row = Math.max(row, ...free);
  });
}

// As high as the window leaves it, where the page is wide and nothing but a head is above.
function fit(it) {
  const host = it.root.host ?? it.root;
  const main = host.closest('[data-testid=stMain]') ?? document.scrollingElement;
  const above = it.area.getBoundingClientRect().top + main.scrollTop;
  const wide = matchMedia('(min-width: 1000px)').matches && above < innerHeight / 2;
  if (wide) it.box.style.setProperty('--reader-height', `${Math.floor(innerHeight - above - BELOW)}px`);
  else it.box.style.removeProperty('--reader-height');
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

function listen(it, signal) {
  onSelect(it, signal, (number) => show(it, number, !it.quiet));
  scaled(it, signal);
  highlighting(it, signal);
  window.addEventListener('resize', () => fit(it), { signal });
  const moved = new ResizeObserver(() => requestAnimationFrame(() => fit(it))); // by what is above
  const around = (it.root.host ?? it.root).closest('[data-testid=stMainBlockContainer]');
  if (around) moved.observe(around);
  signal.addEventListener('abort', () => moved.disconnect());
}

export default function (component) {
  const it = live(component, build, listen);
  const { sig, layout, place: own } = component.data;
  it.feed.classList.toggle('columns', layout === 'columns');
  it.marker.hidden = own === null;
  if (it.sig !== sig || it.own !== own) {
    const first = it.sig === undefined;
    it.own = own;
    draw(it);
    if (first) show(it, it.selected ?? null, true);
  } else if (it.layout !== layout) show(it, it.selected ?? null, true);
  it.layout = layout;
  fit(it);
  return it.stop;
}
