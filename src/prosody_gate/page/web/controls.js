// What people do: labels, keys, pointers, filters; and the beginning of it all.
// ---- labels ----
function label(at, value, forHistory = true) {
  if (forHistory) { history.push([at, labels.get(at)]); }
  labels.set(at, value);
  fillRow(rowOf(at).firstChild, at);
  keepLabels();
  figures();
  labelButtons();
  return send(at);
}
function press(key) {
  if (current < 0) { return; }
  const at = current;
  const place = shown.indexOf(at);
  label(at, LABELS[key][0]);
  const following = shown.slice(place + 1).find((one) => !labels.get(one));
  if (following !== undefined) { choose(following, document.activeElement?.classList.contains('row')); }
}
function undo() {
  const last = history.pop();
  if (!last) { byId('kept').textContent = 'nothing to undo'; return; }
  label(last[0], last[1], false);
  choose(last[0], document.activeElement?.classList.contains('row'));
}
function labelButtons() {
  const now = current < 0 ? null : labels.get(current);
  for (const button of byId('labels').querySelectorAll('button[data-key]')) {
    button.setAttribute('aria-pressed', String(LABELS[button.dataset.key][0] === now));
    button.disabled = current < 0;
  }
  byId('undo').disabled = !history.length;
}
function exported() {
  const lines = [];
  const byLine = new Map();
  meta.items.forEach((item, at) => {
    if (!labels.get(at)) { return; }
    if (!byLine.has(item.line)) { byLine.set(item.line, []); }
    byLine.get(item.line).push({ label: labels.get(at), start: item.span[0], end: item.span[1], set: item.ownSet });
  });
  for (const [line, events] of byLine) {
    const base = meta.lines[line];
    for (const event of events) { if (!event.set) { delete event.set; } }
    if (base.events === undefined) {
      lines.push({ ...base, label: events[0].label });
    } else {
      lines.push({ ...base, events: [...base.events, ...events].sort((one, two) => one.start - two.start) });
    }
  }
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}
function download() {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([exported()], { type: 'application/jsonl' }));
  link.download = meta.exportName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  byId('kept').textContent = `${meta.exportName}: put it ${meta.exportPlace}; bench and tune read it there`;
}

// ---- keys and pointers ----
const KEYS = [
  [' ', 'space', 'play or pause', togglePlay], ['ArrowDown', '↓ or j', 'next overlap', () => step(1)], ['j', '', '', () => step(1)],
  ['ArrowUp', '↑ or k', 'previous overlap', () => step(-1)], ['k', '', '', () => step(-1)],
  ['l', 'l', 'loop the overlap', toggleLoop], ['+', '+', 'zoom in', () => zoom(0.5)], ['=', '', '', () => zoom(0.5)],
  ['-', '−', 'zoom out', () => zoom(2)], ['0', '0', 'show the overlap', () => current >= 0 && showOverlap()],
  ['w', 'w', 'show all of the recording', () => clip && setView(0, clip.duration)], ['g', 'g', 'spectrum', toggleSpectrum],
  ...Object.entries(LABELS).map(([key, [, name]]) => [key, key, name, () => press(key)]),
  ['u', 'u or Ctrl-Z', 'undo the last label', undo], ['e', 'e', 'export the labels', download],
  ['/', '/', 'find in the text', () => { form.elements.text.focus(); }],
];
document.addEventListener('keydown', (event) => {
  const target = event.target;
  const isField = target.matches('input:not([type=checkbox]):not([type=range]), select, textarea');
  if (event.key === 'Escape' && isField) { target.blur(); return; }
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z' && !isField) { event.preventDefault(); undo(); return; }
  if (isField || event.ctrlKey || event.metaKey || event.altKey) { return; }
  if (target === tracks && (event.key === 'ArrowLeft' || event.key === 'ArrowRight')) {
    event.preventDefault();
    const by = (event.shiftKey ? 10 : 1) * (event.key === 'ArrowLeft' ? -1 : 1) * (clip ? clip.step : 0);
    cursor = Math.min(Math.max((cursor ?? (audio.currentTime || view[0])) + by, 0), clip.duration);
    if (cursor < view[0] || cursor > view[1]) { setView(cursor - (view[1] - view[0]) / 2, cursor + (view[1] - view[0]) / 2); }
    showValues();
    return;
  }
  if (target === tracks && event.key === 'Enter' && cursor !== null) { audio.currentTime = cursor; return; }
  const isRange = target.matches('input[type=range]');
  const isButton = target.matches('button:not(.row), summary, a, input[type=checkbox]');
  const found = KEYS.find(([key]) => key === event.key || key === event.key.toLowerCase());
  if (!found || (event.key === ' ' && isButton) || (isRange && event.key.startsWith('Arrow'))) { return; }
  event.preventDefault();
  found[3]();
});
byId('list').addEventListener('click', (event) => {
  const row = event.target.closest('.row');
  if (row) { choose(Number(row.dataset.at), true); }
});
const pointed = (event) => timeAt(event.clientX - tracks.getBoundingClientRect().left);
tracks.addEventListener('pointermove', (event) => {
  if (!clip) { return; }
  cursor = Math.min(Math.max(pointed(event), 0), clip.duration);
  showValues();
});
tracks.addEventListener('pointerleave', () => { cursor = null; drawHead(); });
tracks.addEventListener('click', (event) => { if (clip) { audio.currentTime = Math.max(pointed(event), 0); drawHead(); } });
tracks.addEventListener('wheel', (event) => {
  if (!clip) { return; }
  if (event.ctrlKey) {
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, pointed(event));
  } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
    event.preventDefault();
    const by = ((event.deltaX || event.deltaY) / tracks.clientWidth) * (view[1] - view[0]);
    setView(view[0] + by, view[1] + by);
  }
}, { passive: false });
byId('position').addEventListener('input', (event) => {
  const length = view[1] - view[0];
  const start = (event.target.value / 1000) * (clip.duration - length);
  setView(start, start + length);
});
for (const [id, act] of Object.entries({
  previous: () => step(-1), next: () => step(1), play: togglePlay, loop: toggleLoop, closer: () => zoom(0.5), wider: () => zoom(2),
  fit: () => current >= 0 && showOverlap(), whole: () => clip && setView(0, clip.duration), spectrum: toggleSpectrum, export: download,
})) { byId(id).addEventListener('click', act); }
byId('voices').addEventListener('change', hearVoices);
byId('theme').addEventListener('click', () => {
  const isDark = getComputedStyle(document.body).backgroundColor !== 'rgb(255, 255, 255)';
  document.documentElement.dataset.theme = isDark ? 'light' : 'dark';
  draw();
  if (clip) { legend(); }
});
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { draw(); if (clip) { legend(); } });
new ResizeObserver(draw).observe(byId('stack'));
form.addEventListener('input', refresh);
form.addEventListener('reset', () => setTimeout(refresh));
form.addEventListener('submit', (event) => event.preventDefault());

// ---- begin ----
function options(name, values) {
  for (const [value, text] of values) {
    const option = element('option', '', text);
    option.value = value;
    form.elements[name].append(option);
  }
}
const distinct = (values) => [...new Set(values)].filter(Boolean).sort();
options('kind', distinct(meta.items.map((item) => item.kind)).map((kind) => [kind, `${KINDS[kind][0]} ${kind}`]));
options('reason', distinct(meta.items.map((item) => item.reason)).map((one) => [one, words(one)]));
options('label', [['-none', 'none yet'], ['-right', 'right'], ['-wrong', 'wrong'], ...Object.values(LABELS).map(([one]) => [one, one])]);
const sets = distinct(meta.items.map((item) => item.set));
options('set', sets.map((one) => [one, one]));
byId('set-filter').hidden = sets.length < 2;
if (window.innerWidth < 832) { byId('filters').open = false; }
byId('about').textContent = meta.about;
byId('voices').parentElement.hidden = !meta.hasAgentSound;
byId('labels').append(...Object.entries(LABELS).map(([key, [, name]]) => {
  const button = element('button');
  button.type = 'button';
  button.dataset.key = key;
  button.append(element('kbd', '', key), ` ${name}`);
  button.addEventListener('click', () => press(key));
  return button;
}));
const undoButton = element('button');
undoButton.type = 'button';
undoButton.id = 'undo';
undoButton.append(element('kbd', '', 'u'), ' undo');
undoButton.addEventListener('click', undo);
byId('labels').append(undoButton);
for (const [, shownAs, what] of KEYS) {
  if (!what) { continue; }
  const row = byId('keys').tBodies[0].insertRow();
  row.append(element('th'), element('td', '', what));
  row.firstChild.append(element('kbd', '', shownAs));
}
openStorage();
byId('kept').textContent = meta.saves ? 'every label is saved at once' : 'labels are kept in this browser';
if (!storage && !meta.saves) { byId('kept').textContent = ''; }
refresh();
if (shown.length) { choose(shown[0], false); } else { say(meta.items.length ? '' : 'There is nothing to show: no overlap was found.'); }
document.documentElement.dataset.ready = 'true';
