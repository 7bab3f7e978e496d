// What the page is made of: the items, their labels, filters, order and figures, and the list.
const byId = (id) => document.getElementById(id);
const meta = JSON.parse(byId('page-data').textContent);
const KINDS = {
  hold: ['◇', 'held'], confirm: ['▼', 'confirmed'], cancel: ['●', 'cancelled'], release: ['◆', 'released'],
};
const LABELS = {
  b: ['backchannel', 'backchannel'], i: ['interruption', 'interruption'], n: ['noise', 'noise'],
  c: ['nonspeech', 'cough or laugh'], a: ['ambiguous', 'cannot be sure'],
};
const IN_TIME = 3.0;
const NEAR = 1.0;
const audio = byId('audio');
const tracks = byId('tracks');
const head = byId('head');
const form = byId('filter');

// Labels: what the data say, and over it what was pressed here.
const labels = new Map(meta.items.map((item, at) => [at, item.label]));
const history = [];
const storageKey = `prosody-gate:labels:${meta.page}`;
let storage = null;
let shown = [];
let current = -1;
let clip = null;
let view = [0, 1];
let cursor = null;
let looping = false;
let spectrumOn = false;
let audioUrl = null;
let loadedClip = -1;

// What stays true for as long as the page is open, and what was last to be said.
const lasting = [...meta.problems];
function say(text) { byId('message').textContent = [...lasting, text].filter(Boolean).join(' '); }
const UNKEPT = 'This browser keeps nothing for this page: export the labels before you close it.';

function openStorage() {
  if (meta.saves) { return; }
  try {
    storage = window.localStorage;
    const kept = JSON.parse(storage.getItem(storageKey) || '{}');
    meta.items.forEach((item, at) => { if (item.key in kept) { labels.set(at, kept[item.key]); } });
  } catch (error) {
    storage = null;
    lasting.push(UNKEPT);
    say('');
  }
}

function keepLabels() {
  if (storage === null) { return; }
  const kept = {};
  meta.items.forEach((item, at) => { if (labels.get(at) !== item.label) { kept[item.key] = labels.get(at); } });
  try {
    storage.setItem(storageKey, JSON.stringify(kept));
  } catch (error) {
    storage = null;
    lasting.push(UNKEPT);
    say('');
  }
}

async function send(at) {
  if (!meta.saves) { return; }
  try {
    const answer = await fetch(meta.saves, {
      method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ key: meta.items[at].key, label: labels.get(at) }),
    });
    const body = await answer.json();
    if (!answer.ok) { throw new Error(body.error || answer.statusText); }
    byId('kept').textContent = `saved in ${body.file}`;
  } catch (error) {
    say(`The label was not saved: ${error.message}. Is "prosody-gate label" still running? Export keeps what is here.`);
  }
}

// ---- what is right, and what is shown ----
function rightOf(at) {
  const item = meta.items[at];
  const label = labels.get(at);
  if (!label || label === 'ambiguous') { return null; }
  if (item.right !== null && label === item.label) { return item.right; }
  if (label !== 'interruption') { return item.kind !== 'confirm'; }
  return item.kind === 'release' || (item.kind === 'confirm' && item.latency <= IN_TIME);
}
function logOdds(p) { return Math.log(p / (1 - p)); }
function distance(item) {
  if (item.p === null) { return Infinity; }
  const p = Math.min(Math.max(item.p, 1e-6), 1 - 1e-6);
  return Math.abs(logOdds(p) - logOdds(item.threshold));
}
function said(item) {
  if (item.transcript) { return `“${item.transcript}”`; }
  return item.recognised ? `~${item.recognised}` : '';
}
function seconds(value) { return value === null ? '' : `${value.toFixed(2)} s`; }
function clock(value) {
  if (value < 60) { return `${value.toFixed(2)} s`; }
  const whole = Math.floor(value);
  const rest = (value - whole).toFixed(1).slice(1);
  const two = (number) => String(number).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  const tail = `${two(minutes % 60)}:${two(whole % 60)}${rest}`;
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${tail}` : `${minutes % 60}:${two(whole % 60)}${rest}`;
}
function words(name) { return name.replaceAll('_', ' '); }

function matches(at) {
  const item = meta.items[at];
  const field = (name) => form.elements[name].value;
  if (field('kind') && item.kind !== field('kind')) { return false; }
  if (field('reason') && item.reason !== field('reason')) { return false; }
  if (field('set') && item.set !== field('set')) { return false; }
  const wanted = field('label');
  if (wanted === '-none' && labels.get(at)) { return false; }
  if (wanted === '-right' && rightOf(at) !== true) { return false; }
  if (wanted === '-wrong' && rightOf(at) !== false) { return false; }
  if (wanted && wanted[0] !== '-' && labels.get(at) !== wanted) { return false; }
  const low = parseFloat(field('from'));
  const high = parseFloat(field('to'));
  if (!Number.isNaN(low) && !(item.latency >= low)) { return false; }
  if (!Number.isNaN(high) && !(item.latency !== null && item.latency <= high)) { return false; }
  if (form.elements.near.checked && !(distance(item) <= NEAR)) { return false; }
  const text = field('text').trim().toLowerCase();
  return !text || `${item.transcript} ${item.recognised} ${item.name}`.toLowerCase().includes(text);
}

const SORTS = {
  time: (at) => at,
  p: (at) => meta.items[at].p ?? -1,
  near: (at) => -distance(meta.items[at]),
  latency: (at) => meta.items[at].latency ?? -1,
  kind: (at) => meta.items[at].kind,
  label: (at) => labels.get(at) || '',
  wrong: (at) => ({ false: 0, null: 1, true: 2 })[rightOf(at)],
};

function sorted(list) {
  const by = SORTS[form.elements.sort.value];
  // Near the threshold means the smallest distance first.
  const up = form.elements.sort.value === 'near' ? -1 : 1;
  const sign = form.elements.down.checked ? -up : up;
  return list.sort((one, two) => {
    const a = by(one);
    const b = by(two);
    return a === b ? one - two : sign * (a < b ? -1 : 1);
  });
}

function median(values) {
  if (!values.length) { return null; }
  const ordered = [...values].sort((a, b) => a - b);
  const middle = ordered.length >> 1;
  return ordered.length % 2 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}

function figures() {
  const items = shown.map((at) => meta.items[at]);
  const of = (kind) => items.filter((item) => item.kind === kind);
  const latency = median(of('confirm').map((item) => item.latency));
  const parts = [
    `${items.length} of ${meta.items.length} shown`,
    `${of('confirm').length} confirmed${latency === null ? '' : ` (median ${Math.round(1000 * latency)} ms)`}`,
    `${of('cancel').length} cancelled`, `${of('release').length} released`,
  ];
  const real = shown.filter((at) => labels.get(at) === 'interruption');
  const other = shown.filter((at) => rightOf(at) !== null && labels.get(at) !== 'interruption');
  if (real.length) { parts.push(`${real.filter((at) => rightOf(at)).length} of ${real.length} interruptions caught`); }
  if (other.length) { parts.push(`${other.filter((at) => !rightOf(at)).length} of ${other.length} others confirmed`); }
  byId('figures').textContent = parts.join(' · ');
  const count = meta.items.filter((_, at) => labels.get(at)).length;
  byId('progress').max = Math.max(meta.items.length, 1);
  byId('progress').value = count;
  byId('progress-text').textContent = `${count} of ${meta.items.length} labelled`;
  byId('export').textContent = `Export labels (${count})`;
}

// ---- the list ----
function rowText(at) {
  const item = meta.items[at];
  const right = rightOf(at);
  return [
    item.name, `at ${item.when || clock(item.onset)}`, `${KINDS[item.kind]?.[1] ?? 'nothing held'}`,
    item.latency === null ? '' : `after ${seconds(item.latency)}`, words(item.reason),
    item.p === null ? '' : `P ${item.p.toFixed(2)}`, said(item),
    labels.get(at) ? `label ${labels.get(at)}` : 'no label', right === null ? '' : right ? 'right' : 'wrong',
  ].filter(Boolean).join(', ');
}
function element(name, className, text) {
  const made = document.createElement(name);
  if (className) { made.className = className; }
  if (text !== undefined) { made.textContent = text; }
  return made;
}
function fillRow(button, at) {
  const item = meta.items[at];
  const right = rightOf(at);
  const mark = right === null ? '' : right ? '✓ ' : '✗ ';
  const label = element('span', right === false ? 'label wrong' : 'label', `${mark}${labels.get(at) || '–'}`);
  button.replaceChildren(
    element('span', `kind ${item.kind}`, `${KINDS[item.kind]?.[0] ?? '○'} ${item.kind || 'nothing'}`),
    element('span', '', item.when || clock(item.onset)), element('span', '', item.latency === null ? '' : `+${seconds(item.latency)}`),
    element('span', '', item.p === null ? '' : `P ${item.p.toFixed(2)}`), label,
    element('span', 'said', `${said(item) || '(no text)'} · ${words(item.reason)}${meta.kind === 'call' ? '' : ` · ${item.name}`}`),
  );
  button.setAttribute('aria-label', rowText(at));
}
const rows = meta.items.map(() => null);
function rowOf(at) {
  if (rows[at] === null) {
    const entry = document.createElement('li');
    const button = element('button', 'row');
    button.type = 'button';
    button.dataset.at = at;
    fillRow(button, at);
    entry.append(button);
    rows[at] = entry;
  }
  return rows[at];
}
// The first rows at once, the others when there is time: a folder may have thousands.
const AT_ONCE = 150;
let filling = 0;
function refresh() {
  shown = sorted(meta.items.map((_, at) => at).filter(matches));
  byId('list').replaceChildren(...shown.slice(0, AT_ONCE).map(rowOf));
  filling += 1;
  fill(filling, AT_ONCE);
  figures();
}
function fill(mine, from) {
  if (from >= shown.length) { return; }
  setTimeout(() => {
    if (mine !== filling) { return; }
    byId('list').append(...shown.slice(from, from + AT_ONCE).map(rowOf));
    fill(mine, from + AT_ONCE);
  });
}
function step(by) {
  if (!shown.length) { return; }
  const place = shown.indexOf(current);
  const next = place < 0 ? 0 : Math.min(Math.max(place + by, 0), shown.length - 1);
  choose(shown[next], true);
}
