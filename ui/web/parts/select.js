// Told only if it changed: what a person has scrolled to since stays where it is.
export default function ({ data }) {
  if (window.__arenaSel === data.selected) return;
  window.__arenaSel = data.selected;
  window.dispatchEvent(new CustomEvent('arena:select', { detail: data.selected }));
}
