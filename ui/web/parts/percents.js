// Several probabilities that make 100 together; one may be left empty and has what is left.

const LEAST = 0, MOST = 100;
const round = (number) => Math.round(number * 1e6) / 1e6;

function now(it) {
  return it.boxes.map(({ input }) => {
    const text = input.value.trim();
    const number = Number(text);
    const bad = input.validity.badInput || (text !== '' && !(number >= LEAST && number <= MOST));
    if (bad) input.setAttribute('aria-invalid', 'true');
    else input.removeAttribute('aria-invalid');
    return { bad, number: text === '' || bad ? null : number };
  });
}

function sum(it) {
  const said = now(it);
  const numbers = said.map(({ number }) => number).filter((number) => number !== null);
  const total = round(numbers.reduce((one, other) => one + other, 0));
  const empty = said.length - numbers.length;
  it.state.textContent = said.some(({ bad }) => bad) ? `From ${LEAST} to ${MOST}, please`
    : empty === 1 && total <= MOST ? `${round(MOST - total)} is left for the empty one.`
      : `Together ${total}; they have to make 100. One may be left empty: it has the rest.`;
}

function tell(it) {
  const said = Object.fromEntries(
    now(it).map(({ number }, i) => [it.boxes[i].letter, number]),
  );
  const json = JSON.stringify(said);
  if (json === it.told) return;
  it.told = json;
  it.say.setStateValue('percents', said);
}

function build(it) {
  const { letters, initial, label } = it.data;
  const box = el('div', 'percents');
  box.setAttribute('role', 'group');
  box.setAttribute('aria-labelledby', 'label');
  const title = el('p', 'label', label);
  title.id = 'label';
  const row = el('div', 'row');
  it.boxes = letters.map((letter) => {
    const input = el('input');
    Object.assign(input, { type: 'number', min: LEAST, max: MOST, step: 'any', inputMode: 'decimal',
      value: initial[letter] ?? '' });
    input.setAttribute('aria-label', `${letter}, in per cent`);
    input.setAttribute('aria-describedby', 'state');
    input.addEventListener('input', () => sum(it));
    input.addEventListener('keydown', (event) => {
      if (typing(event)) event.stopPropagation();
    });
    put(row, put(el('label'), el('span', 'letter', letter), input, el('span', '', '%')));
    return { letter, input };
  });
  it.state = el('p', 'state');
  it.state.id = 'state';
  it.state.setAttribute('role', 'status');
  put(box, title, row, it.state);
  it.box = box;
  it.told = JSON.stringify(Object.fromEntries(letters.map((one) => [one, initial[one] ?? null])));
  sum(it);
  return box;
}

function listen(it, signal) {
  beforeActs(it, signal, () => tell(it));
}

export default function (component) {
  const it = live(component, build, listen);
  it.boxes.forEach(({ input }) => {
    input.disabled = component.data.disabled;
  });
  return it.stop;
}
