// Told only if it changed: what a person has scrolled to since stays where it is.
export default function ({ data }) {
  const { selected, address } = data;
  if (address) {
    const here = new URL(window.location.href);
    if (selected === null) here.searchParams.delete('turn');
    else here.searchParams.set('turn', selected);
    if (here.href !== window.location.href) window.history.replaceState(window.history.state, '', here);
  }
  if (window.__arenaSel === selected) return;
  window.__arenaSel = selected;
  window.dispatchEvent(new CustomEvent('arena:select', { detail: selected }));
}
