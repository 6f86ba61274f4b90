// Highlights in the turns of a reader: what a person has marked for itself. The part `highlights`
// keeps them; here they are drawn, added and taken away. Positions count code points.

const points = (text) => [...text].length;

// Where a number of code points ends in a text, as JavaScript counts.
function units(text, count) {
  let at = 0;
  for (let left = count; left > 0 && at < text.length; left--) {
    at += text.codePointAt(at) > 0xffff ? 2 : 1;
  }
  return at;
}

// What is selected in this part of the page; null where nothing is.
function selection(root) {
  const whole = document.getSelection();
  const found = root.getSelection ? root.getSelection() : whole;
  let range = found?.rangeCount ? found.getRangeAt(0) : null;
  if (!root.getSelection && whole?.getComposedRanges) {
    range = whole.getComposedRanges({ shadowRoots: [root] })[0] ?? null;
  }
  if (!range || !root.contains(range.startContainer) || !root.contains(range.endContainer)) {
    return null;
  }
  const live = document.createRange();
  live.setStart(range.startContainer, range.startOffset);
  live.setEnd(range.endContainer, range.endOffset);
  return live.collapsed ? null : live;
}

function before(node, container, offset) {
  const range = document.createRange();
  range.setStart(node, 0);
  range.setEnd(container, offset);
  return range.toString().length;
}

// The part of a turn's text that a range covers, as a highlight; null where it covers none.
function covered(article, range) {
  let from = Infinity, to = -1;
  for (const { node, text, begin } of article.chunks) {
    if (!range.intersectsNode(node)) continue;
    const { startContainer: a, startOffset: i, endContainer: b, endOffset: j } = range;
    const first = node.contains(a) ? before(node, a, i) : 0;
    const last = node.contains(b) ? before(node, b, j) : text.length;
    if (last <= first) continue;
    from = Math.min(from, begin + first);
    to = Math.max(to, begin + last);
  }
  if (to <= from) return null;
  const { text } = article;
  while (from < to && /\s/.test(text[from])) from += 1;
  while (to > from && /\s/.test(text[to - 1])) to -= 1;
  return to <= from ? null
    : [Number(article.dataset.number), points(text.slice(0, from)), points(text.slice(0, to))];
}

const own = (it) => (it.highlights?.place === it.own ? it.highlights.list : []);
const length = (list) => list.reduce((sum, [, a, b]) => sum + b - a, 0);
const without = (it, index) => own(it).filter((_, i) => i !== index);

function change(it, list, word) {
  if (it.own === null || it.highlights?.place !== it.own) return;
  if (list.length > it.highlights.most) {
    it.news.textContent = `Up to ${it.highlights.most} highlights`;
    return;
  }
  window.dispatchEvent(new CustomEvent('arena:highlight', { detail: { place: it.own, list } }));
  it.news.textContent = word;
}

// Add what is selected; where all of it is highlighted, take it out of what is.
function toggled(list, [number, from, to]) {
  const here = list.filter(([n, a, b]) => n === number && a < to && b > from);
  const rest = list.filter((one) => !here.includes(one));
  const whole = here.find(([, a, b]) => a <= from && b >= to);
  if (!whole) {
    const begin = Math.min(from, ...here.map(([, a]) => a));
    return [...rest, [number, begin, Math.max(to, ...here.map(([, , b]) => b))]];
  }
  const left = [[number, whole[1], from], [number, to, whole[2]]].filter(([, a, b]) => a < b);
  return [...rest, ...here.filter((one) => one !== whole), ...left];
}

// The key: what is selected; with nothing selected, the selected turn as a whole, or, where
// something is highlighted in it, the last of that is taken away.
function highlight(it) {
  const list = own(it);
  const range = selection(it.root);
  if (range) {
    const found = [...it.feed.children].map((article) => covered(article, range)).filter(Boolean);
    if (!found.length) return;
    const next = found.reduce(toggled, list);
    (it.root.getSelection?.() ?? document.getSelection()).removeAllRanges();
    change(it, next, length(next) < length(list) ? 'Taken away' : 'Highlighted');
    return;
  }
  const article = [...it.feed.children].find((one) => Number(one.dataset.number) === it.selected);
  if (!article?.text) return;
  const last = list.findLastIndex(([number]) => number === it.selected);
  if (last >= 0) change(it, without(it, last), 'Taken away');
  else change(it, [...list, [it.selected, 0, points(article.text)]], 'Turn highlighted');
}

// Each chunk anew where its highlights have changed, and nothing else.
function paint(it) {
  const list = own(it);
  for (const article of it.feed.children) {
    const here = list
      .map(([number, a, b], index) => ({ number, a, b, index }))
      .filter(({ number }) => number === Number(article.dataset.number))
      .map((one) => ({ index: one.index, a: units(article.text, one.a),
        b: units(article.text, one.b) }))
      .sort((one, other) => one.a - other.a);
    for (const chunk of article.chunks) {
      const inside = here
        .map((one) => ({ ...one, from: Math.max(0, one.a - chunk.begin),
          to: Math.min(chunk.text.length, one.b - chunk.begin) }))
        .filter(({ from, to }) => from < to);
      const json = JSON.stringify(inside);
      if ((chunk.drawn ?? '[]') === json) continue;
      chunk.drawn = json;
      const pieces = [];
      let at = 0;
      for (const one of inside) {
        if (one.to <= at) continue;
        const from = Math.max(at, one.from);
        if (from > at) pieces.push(document.createTextNode(chunk.text.slice(at, from)));
        const first = chunk.begin + from === one.a;
        const mark = el('mark', first ? 'own first' : 'own', chunk.text.slice(from, one.to));
        mark.dataset.index = one.index;
        mark.title = 'Your highlight, seen by nobody else. Click to take it away.';
        pieces.push(mark);
        at = one.to;
      }
      if (at < chunk.text.length) pieces.push(document.createTextNode(chunk.text.slice(at)));
      chunk.node.replaceChildren(...pieces);
    }
  }
}

function marker(it) {
  it.marker = el('span', 'marker');
  it.news = el('span', 'news');
  it.news.setAttribute('role', 'status');
  const button = el('button', 'tool', 'Highlight');
  button.type = 'button';
  button.title = 'Mark what is selected in the text, for yourself alone; with nothing selected, the '
    + 'turn. The same takes it away.';
  button.setAttribute('aria-keyshortcuts', 'm');
  put(button, el('kbd', '', 'M'));
  button.addEventListener('pointerdown', (event) => event.preventDefault()); // keeps what is selected
  button.addEventListener('mousedown', (event) => event.preventDefault());
  button.addEventListener('click', () => highlight(it));
  return put(it.marker, it.news, button);
}

function highlighting(it, signal) {
  const take = (said) => {
    if (!said) return;
    it.highlights = said;
    if (said.place !== it.own) return;
    if (said.status) it.news.textContent = said.status;
    it.news.classList.toggle('trouble', said.trouble);
    paint(it);
  };
  window.addEventListener('arena:highlights', ({ detail }) => take(detail), { signal });
  take(window.__arenaHighlights);
  window.addEventListener('keydown', (event) => {
    const plain = !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey);
    if (event.key?.toLowerCase() !== 'm' || !plain || it.own === null || event.repeat) return;
    if (event.defaultPrevented || document.querySelector('[role=dialog]')) return;
    const writes = 'input:not([type=range]), textarea, select, [contenteditable]';
    if (event.composedPath().some((node) => node.matches?.(writes))) return;
    event.preventDefault();
    highlight(it);
  }, { signal });
}
