const written = (word) => word[1] ?? word[0];
const TALL = 400; // characters of a choice that are shown below the passage

function range(it) {
  return [Math.min(it.anchor, it.line), Math.max(it.anchor, it.line)];
}

// The words that are chosen: some of one line, or all of some lines.
function chosen(it) {
  if (it.line === null) return [];
  const [first, last] = range(it);
  if (first === last && it.words) {
    const [from, to] = [Math.min(...it.words), Math.max(...it.words)];
    return it.data.lines[first].slice(from, to + 1);
  }
  return it.data.lines.slice(first, last + 1).flat();
}

const quoting = (it) => it.data.style === 'verbatim' || it.data.style === 'both';
const citing = (it) => it.data.style === 'lines' || it.data.style === 'both';

function citation(it) {
  const [first, last] = range(it);
  return first === last ? `[${first + 1}]` : `[${first + 1}-${last + 1}]`;
}

function insert(it, text) {
  const detail = { field: it.data.field, text };
  window.dispatchEvent(new CustomEvent('arena:insert', { detail }));
}

function quotation(it) {
  return `<quote>${chosen(it).map(written).join(' ')}</quote>`;
}

function plain(it, n) {
  it.rows[n].text.replaceChildren(document.createTextNode(
    it.data.lines[n].map((word) => word[0]).join(' ')));
}

function spelled(it, n) {
  const words = it.data.lines[n].flatMap((word, i) => {
    const one = el('span', 'word', word[0]);
    one.dataset.word = i;
    if (it.words && i >= Math.min(...it.words) && i <= Math.max(...it.words)) one.classList.add('on');
    return i ? [document.createTextNode(' '), one] : [one];
  });
  it.rows[n].text.replaceChildren(...words);
}

function show(it) {
  const [first, last] = it.line === null ? [0, -1] : range(it);
  if (it.spelled !== null) plain(it, it.spelled);
  it.spelled = first === last ? first : null;
  if (it.spelled !== null) spelled(it, it.spelled);
  it.marked.forEach((row) => row.node.setAttribute('aria-selected', 'false'));
  it.marked = it.rows.slice(first, last + 1);
  it.marked.forEach((row) => row.node.setAttribute('aria-selected', 'true'));
  if (it.line === null) it.list.removeAttribute('aria-activedescendant');
  else {
    it.list.setAttribute('aria-activedescendant', it.rows[it.line].node.id);
    it.rows[it.line].node.scrollIntoView({ block: 'nearest' });
  }
  const words = chosen(it).map(written).join(' ');
  const size = [...words].length;
  const short = size < it.data.least;
  it.quote.disabled = short;
  it.cite.disabled = !words.trim();
  it.cite.textContent = words.trim() ? `Insert ${citation(it)}` : 'Insert [n]';
  const shown = chosen(it).map((word) => word[0]).join(' ');
  const left = it.data.left === null ? '' : `, ${it.data.left} left before this turn`;
  it.said.textContent = it.line === null ? ''
    : shown.length > TALL ? `${shown.slice(0, TALL)}\u2026` : shown;
  it.size.textContent = it.line === null ? 'Nothing is chosen.'
    : `${size} characters${left}${quoting(it) && short ? `; a quotation has at least ${it.data.least}` : ''}`;
}

function choose(it, line, extend) {
  it.line = Math.min(it.rows.length - 1, Math.max(0, line));
  if (!extend || it.anchor === null) it.anchor = it.line;
  it.words = null;
  show(it);
}

function narrow(it, word, extend) {
  const last = it.data.lines[it.line].length - 1;
  if (last < 0) return;
  const to = Math.min(last, Math.max(0, word));
  it.words = extend && it.words ? [it.words[0], to] : [to, to];
  show(it);
}

function keyed(it, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 }[event.key];
  const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step) choose(it, it.line === null ? 0 : it.line + step, event.shiftKey);
  else if (side && it.line !== null && it.anchor === it.line) {
    const last = it.data.lines[it.line].length - 1;
    narrow(it, it.words ? it.words[1] + side : side > 0 ? 0 : last, event.shiftKey);
  } else if (event.key === 'Enter' && it.line !== null) {
    if (quoting(it) && !it.quote.disabled) insert(it, quotation(it));
    else if (citing(it) && !it.cite.disabled) insert(it, citation(it));
  } else if (event.key === 'Escape' && it.line !== null) {
    if (it.words) it.words = null;
    else it.line = it.anchor = null;
    show(it);
  } else if (!side) return;
  event.preventDefault();
  event.stopPropagation();
}

function draw(it) {
  it.json = JSON.stringify(it.data);
  it.rows = it.data.lines.map((_, n) => {
    const node = el('li');
    node.id = `line${n + 1}`;
    node.setAttribute('role', 'option');
    node.setAttribute('aria-selected', 'false');
    const text = el('span', 'said');
    put(node, el('span', 'number', String(n + 1)), text);
    node.addEventListener('click', (event) => {
      const word = event.target.closest?.('.word')?.dataset.word;
      const alone = it.line === n && it.anchor === n;
      if (word !== undefined && alone) narrow(it, Number(word), event.shiftKey);
      else choose(it, n, event.shiftKey && it.line !== null);
    });
    return { node, text };
  });
  [it.line, it.anchor, it.words, it.spelled, it.marked] = [null, null, null, null, []];
  it.rows.forEach((_, n) => plain(it, n));
  it.list.replaceChildren(...it.rows.map((row) => row.node));
  it.quote.hidden = !quoting(it);
  it.cite.hidden = !citing(it);
  show(it);
}

function build(it) {
  const box = el('div', 'picker');
  it.list = el('ul', 'lines');
  it.list.tabIndex = 0;
  it.list.setAttribute('role', 'listbox');
  it.list.setAttribute('aria-multiselectable', 'true');
  it.list.setAttribute('aria-label', 'Lines of the passage');
  it.list.addEventListener('keydown', (event) => keyed(it, event));
  it.said = el('p', 'choice said');
  it.size = el('p', 'size');
  it.size.setAttribute('role', 'status');
  it.quote = el('button', '', 'Insert the quotation');
  it.cite = el('button');
  it.quote.type = it.cite.type = 'button';
  it.quote.addEventListener('click', () => insert(it, quotation(it)));
  it.cite.addEventListener('click', () => insert(it, citation(it)));
  return put(box, el('p', 'hint', 'Click a line, then a word of it; Shift extends. With the keys: '
    + 'arrows, Shift and arrows, Enter inserts.'), it.list, it.said, it.size,
  put(el('p', 'buttons'), it.quote, it.cite));
}

export default function (component) {
  const it = live(component, build);
  if (it.json !== JSON.stringify(component.data)) draw(it);
  return it.stop;
}
