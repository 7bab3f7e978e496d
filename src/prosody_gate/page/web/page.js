(() => {
'use strict';
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

// ---- one overlap ----
function numbers(text, Type) {
  if (!text) { return null; }
  return new Type(bytesOf(text).buffer);
}
function bytesOf(text) {
  if (Uint8Array.fromBase64) { return Uint8Array.fromBase64(text); }
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at += 1) { bytes[at] = raw.charCodeAt(at); }
  return bytes;
}
const NONE = -32768;
const clips = new Map();
function clipOf(at) {
  if (!clips.has(at)) {
    const read = JSON.parse(byId(`clip-${at}`).textContent);
    const column = (text) => numbers(text, Int16Array);
    read.peaks = numbers(read.peaks, Int8Array);
    read.agentPeaks = numbers(read.agentPeaks, Int8Array);
    read.pyramid = [pyramid(read.peaks), pyramid(read.agentPeaks)];
    read.speech = column(read.speech);
    read.level = column(read.level);
    read.floor = column(read.floor);
    read.pitch = column(read.pitch);
    read.nats = Object.fromEntries(Object.entries(read.nats).map(([name, text]) => [name, column(text)]));
    read.names = Object.keys(read.nats);
    read.at = at;
    if (clips.size > 8) { clips.delete(clips.keys().next().value); }
    clips.set(at, read);
  }
  return clips.get(at);
}
// Lowest and highest sample at ever coarser steps, so that an hour is drawn as fast as a second.
function pyramid(peaks) {
  const levels = [];
  for (let level = peaks; level && level.length > 2; ) {
    levels.push(level);
    const coarser = new Int8Array(2 * Math.ceil(level.length / 8));
    for (let at = 0; at < coarser.length / 2; at += 1) {
      let low = 127;
      let high = -128;
      for (let from = 8 * at; from < Math.min(8 * at + 8, level.length); from += 2) {
        low = Math.min(low, level[from]);
        high = Math.max(high, level[from + 1]);
      }
      coarser[2 * at] = low;
      coarser[2 * at + 1] = high;
    }
    if (coarser.length < 1024) { break; }
    level = coarser;
  }
  return levels;
}

function choose(at, focus) {
  current = at;
  const item = meta.items[at];
  for (const entry of document.querySelectorAll('.row[aria-current=true]')) { entry.removeAttribute('aria-current'); }
  const row = rowOf(at).firstChild;
  row.setAttribute('aria-current', 'true');
  if (rowOf(at).parentNode) {
    row.scrollIntoView({ block: 'nearest' });
    if (focus) { row.focus({ preventScroll: true }); }
  }
  const isOther = !clip || clip.at !== item.clip;
  clip = clipOf(item.clip);
  if (isOther) { spectra = null; }
  byId('item-title').textContent = `${item.name}: ${KINDS[item.kind]?.[1] ?? 'nothing held'} (${words(item.reason) || '–'})`;
  byId('tracks').setAttribute('aria-label', `Timeline. ${rowText(at)}`);
  showOverlap();
  loadAudio();
  const start = Math.max(item.onset - 0.5, 0);
  if (audio.readyState > 0) { audio.currentTime = start; } else { audio.dataset.start = start; }
  details();
  legend();
  labelButtons();
}
function endOf(item) { return Math.max(item.end, item.decided ?? item.end); }
function showOverlap() {
  const item = meta.items[current];
  setView(item.onset - 2, endOf(item) + 2);
}
function setView(start, end) {
  const whole = clip ? clip.duration : 1;
  let length = Math.min(Math.max(end - start, 0.2), whole);
  const begin = Math.min(Math.max(start, 0), whole - length);
  view = [begin, begin + length];
  const slider = byId('position');
  slider.disabled = length >= whole;
  slider.value = whole > length ? Math.round((1000 * begin) / (whole - length)) : 0;
  slider.setAttribute('aria-valuetext', `${clock(view[0])} to ${clock(view[1])}`);
  draw();
}
function zoom(factor, around) {
  const middle = around ?? cursor ?? (view[0] + view[1]) / 2;
  setView(middle - (middle - view[0]) * factor, middle + (view[1] - middle) * factor);
}

function details() {
  const item = meta.items[current];
  const table = document.createElement('table');
  const caption = element('caption', '', 'What was decided, and why');
  caption.style.textAlign = 'left';
  table.append(caption);
  const add = (name, value) => {
    const row = table.insertRow();
    row.append(element('th', '', name));
    row.append(element('td', '', value));
    row.firstChild.scope = 'row';
  };
  add('onset', clock(item.onset));
  add('speech', seconds(item.end - item.onset));
  if (item.hold !== null) { add('hold', `◇ after ${seconds(item.hold - item.onset)}`); }
  if (item.kind) { add(KINDS[item.kind][1], `${KINDS[item.kind][0]} after ${seconds(item.latency)}, ${words(item.reason)}`); }
  if (item.p !== null) { add('P(interruption)', `${item.p.toFixed(3)} (threshold ${item.threshold.toFixed(2)})`); }
  for (const [name, nats] of Object.entries(item.nats)) { add(name, `${nats >= 0 ? '+' : '−'}${Math.abs(nats).toFixed(2)} nats`); }
  if (item.transcript) { add('transcript', `“${item.transcript}”`); }
  if (item.recognised) { add('recognised', `~${item.recognised} (a guess)`); }
  for (const one of clip.transcripts) { add(`${one.final ? 'final' : 'interim'} at ${clock(one.at)}`, `“${one.text}”`); }
  for (const [name, value] of Object.entries(item.about || {})) { add(name, String(value)); }
  byId('details').replaceChildren(table);
}

// ---- drawing ----
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const patterns = new Map();
function pattern(context, at) {
  const ink = colour(`s${at % 8}`);
  const key = `${at}:${ink}`;
  if (!patterns.has(key)) {
    const tile = document.createElement('canvas');
    tile.width = tile.height = 8;
    const draws = tile.getContext('2d');
    draws.fillStyle = ink;
    draws.globalAlpha = 0.55;
    draws.fillRect(0, 0, 8, 8);
    draws.globalAlpha = 1;
    draws.strokeStyle = ink;
    draws.lineWidth = 2;
    draws.beginPath();
    const line = (a, b, c, d) => { draws.moveTo(a, b); draws.lineTo(c, d); };
    [
      () => {}, () => { line(-2, 10, 10, -2); line(-2, 2, 2, -2); line(6, 10, 10, 6); }, () => { line(0, 4, 8, 4); },
      () => { line(-2, -2, 10, 10); line(-2, 6, 2, 10); line(6, -2, 10, 2); }, () => { line(4, 0, 4, 8); },
      () => { line(0, 4, 8, 4); line(4, 0, 4, 8); }, () => { draws.arc(4, 4, 1.5, 0, 7); },
      () => { line(-2, -2, 10, 10); line(-2, 10, 10, -2); },
    ][at % 8]();
    draws.stroke();
    patterns.set(key, tile);
  }
  return context.createPattern(patterns.get(key), 'repeat');
}

let tracksNow = [];
let spectra = null;
const LEFT = 44;
const MARKS = 34;
function layout() {
  const made = [['user', 74]];
  if (clip.agentPeaks) { made.push(['agent', 40]); }
  if (spectrumOn) { made.push(['spectrum', 100]); }
  made.push(['level', 62], ['pitch', 54], ['probability', 74]);
  if (clip.names.length) { made.push(['evidence', 112]); }
  if (clip.transcripts.length) { made.push(['words', 46]); }
  let top = MARKS;
  tracksNow = made.map(([name, height]) => {
    const track = { name, top, height };
    top += height + 8;
    return track;
  });
  return top + 16;
}
function xOf(time) { return LEFT + ((time - view[0]) / (view[1] - view[0])) * (tracks.clientWidth - LEFT - 4); }
function timeAt(x) { return view[0] + ((x - LEFT) / (tracks.clientWidth - LEFT - 4)) * (view[1] - view[0]); }
function frameAt(time) { return Math.round((time - clip.first) / clip.step); }
function sized(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext('2d');
  context.scale(scale, scale);
  return context;
}
let drawing = false;
function draw() {
  if (drawing || !clip) { return; }
  drawing = true;
  requestAnimationFrame(() => { drawing = false; drawNow(); });
}
function drawNow() {
  const height = layout();
  const width = tracks.clientWidth;
  tracks.style.height = `${height}px`;
  const context = sized(tracks, width, height);
  context.font = '12px system-ui, sans-serif';
  context.textBaseline = 'middle';
  background(context, width, height);
  const painters = { user: paintUser, agent: paintAgent, spectrum: paintSpectrum, level: paintLevel, pitch: paintPitch,
    probability: paintProbability, evidence: paintEvidence, words: paintWords };
  for (const track of tracksNow) {
    context.save();
    context.beginPath();
    context.rect(LEFT, track.top, width - LEFT - 4, track.height);
    context.clip();
    painters[track.name](context, track);
    context.restore();
    context.strokeStyle = colour('line');
    context.strokeRect(LEFT + 0.5, track.top + 0.5, width - LEFT - 5, track.height);
    axis(context, track);
  }
  paintMarks(context, height);
  paintTimes(context, width, height);
  drawHead();
}
function background(context, width, height) {
  const bottom = height - 24;
  context.save();
  context.beginPath();
  context.rect(LEFT, MARKS, width - LEFT - 4, bottom - MARKS);
  context.clip();
  for (const item of meta.items) {
    if (item.clip !== clip.at || item.end < view[0] || item.onset > view[1]) { continue; }
    context.fillStyle = item === meta.items[current] ? colour('here') : colour('panel');
    context.fillRect(xOf(item.onset), MARKS, Math.max(xOf(item.end) - xOf(item.onset), 1), bottom - MARKS);
  }
  context.restore();
}
function eachFrame(paint) {
  if (!clip.level) { return; }
  const width = tracks.clientWidth;
  const first = Math.max(frameAt(view[0]) - 1, 0);
  const last = Math.min(frameAt(view[1]) + 1, clip.level.length - 1);
  const stride = Math.max(Math.floor((last - first) / (2 * width)), 1);
  for (let at = first; at <= last; at += stride) { paint(at, xOf(clip.first + at * clip.step)); }
}
function line(context, values, y, ink, dash) {
  context.strokeStyle = ink;
  context.lineWidth = 1.6;
  context.setLineDash(dash || []);
  context.beginPath();
  let down = false;
  eachFrame((at, x) => {
    if (values[at] === NONE) { down = false; return; }
    if (down) { context.lineTo(x, y(values[at])); } else { context.moveTo(x, y(values[at])); }
    down = true;
  });
  context.stroke();
  context.setLineDash([]);
  context.lineWidth = 1;
}
function paintWave(context, track, levels, loudest, ink) {
  if (!levels.length) { return; }
  const width = tracks.clientWidth - LEFT;
  const wanted = (view[1] - view[0]) * clip.perSecond / width;
  let level = 0;
  while (level + 1 < levels.length && 4 ** (level + 1) <= wanted) { level += 1; }
  const perSecond = clip.perSecond / 4 ** level;
  const peaks = levels[level];
  const middle = track.top + track.height / 2;
  const scale = (track.height / 2 - 2) / Math.max(loudest, 8);
  const first = Math.max(Math.floor(view[0] * perSecond), 0);
  const last = Math.min(Math.ceil(view[1] * perSecond), peaks.length / 2 - 1);
  context.fillStyle = ink;
  for (let at = first; at <= last; at += 1) {
    const x = xOf(at / perSecond);
    const next = Math.max(xOf((at + 1) / perSecond) - x, 1);
    const low = middle - peaks[2 * at] * scale;
    const high = middle - peaks[2 * at + 1] * scale;
    context.fillRect(x, high, next, Math.max(low - high, 1));
  }
}
function paintAgentSpans(context, track) {
  for (const [start, end] of clip.agent) {
    if (end < view[0] || start > view[1]) { continue; }
    const x = xOf(Math.max(start, view[0]));
    const wide = xOf(Math.min(end, view[1])) - x;
    context.fillStyle = colour('agent');
    context.globalAlpha = 0.75;
    context.fillRect(x, track.top, wide, track.height);
    context.globalAlpha = 1;
    context.strokeStyle = colour('agent-ink');
    context.setLineDash([5, 3]);
    context.strokeRect(x, track.top - 2, wide, track.height + 4);
    context.setLineDash([]);
    if (wide > 90) {
      context.fillStyle = colour('agent-ink');
      context.fillText('agent speaks', Math.max(x, LEFT) + 5, track.top + 9);
    }
  }
}
function paintUser(context, track) {
  paintAgentSpans(context, track);
  paintWave(context, track, clip.pyramid[0], clip.loudest, colour('wave'));
}
function paintAgent(context, track) { paintWave(context, track, clip.pyramid[1], clip.agentLoudest, colour('agent-ink')); }
function rangeOf(values, low, high) {
  let least = low;
  let most = high;
  for (const value of values) { if (value !== NONE) { least = Math.min(least, value); most = Math.max(most, value); } }
  return [least, most];
}
function paintLevel(context, track) {
  if (!clip.level) { return; }
  const y = (tenths) => track.top + ((0 - tenths / 10) / 90) * track.height;
  line(context, clip.level, y, colour('level'));
  line(context, clip.floor, y, colour('floor'), [5, 4]);
}
function paintPitch(context, track) {
  if (!clip.pitch) { return; }
  const y = (tenths) => track.top + track.height - ((Math.log2(Math.max(tenths, 1) / 10 / 60) / Math.log2(500 / 60)) * track.height);
  context.fillStyle = colour('pitch');
  eachFrame((at, x) => { if (clip.pitch[at] !== NONE) { context.fillRect(x - 1, y(clip.pitch[at]) - 1.5, 3, 3); } });
}
function probabilityAt(at) {
  let sum = 0;
  let known = false;
  for (const name of clip.names) {
    const nats = clip.nats[name][at];
    if (nats !== undefined && nats !== NONE) { sum += nats / 100; known = true; }
  }
  return known ? 1 / (1 + Math.exp(-sum)) : null;
}
function paintProbability(context, track) {
  const y = (p) => track.top + (1 - p) * (track.height - 4) + 2;
  const item = meta.items[current];
  context.strokeStyle = colour('confirm');
  context.setLineDash([7, 4]);
  context.beginPath();
  context.moveTo(LEFT, y(item.threshold));
  context.lineTo(tracks.clientWidth, y(item.threshold));
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = colour('confirm');
  context.textAlign = 'right';
  context.fillText(`threshold ${item.threshold.toFixed(2)}`, tracks.clientWidth - 8, y(item.threshold) + (item.threshold > 0.8 ? 9 : -8));
  context.textAlign = 'left';
  context.strokeStyle = colour('p');
  context.lineWidth = 2;
  context.beginPath();
  let down = false;
  eachFrame((at, x) => {
    const p = probabilityAt(at);
    if (p === null) { down = false; return; }
    if (down) { context.lineTo(x, y(p)); } else { context.moveTo(x, y(p)); }
    down = true;
  });
  context.stroke();
  context.lineWidth = 1;
}
function natsReach() {
  let most = 300;
  eachFrame((at) => {
    let above = 0;
    let below = 0;
    for (const name of clip.names) {
      const nats = clip.nats[name][at];
      if (nats !== NONE) { if (nats > 0) { above += nats; } else { below -= nats; } }
    }
    most = Math.max(most, above, below);
  });
  return most / 100;
}
function paintEvidence(context, track) {
  const reach = natsReach() * 1.05;
  const middle = track.top + track.height / 2;
  const scale = track.height / 2 / reach;
  track.reach = reach;
  const frames = [];
  eachFrame((at, x) => frames.push([at, x]));
  const wide = frames.length > 1 ? Math.max(frames[1][1] - frames[0][1], 1) : 2;
  const above = new Float32Array(frames.length);
  const below = new Float32Array(frames.length);
  clip.names.forEach((name, place) => {
    const values = clip.nats[name];
    context.fillStyle = pattern(context, place);
    context.beginPath();
    frames.forEach(([at, x], index) => {
      const nats = values[at] === NONE ? 0 : (values[at] / 100) * scale;
      if (!nats) { return; }
      if (nats > 0) {
        context.rect(x - wide, middle - above[index] - nats, wide + 0.5, nats);
        above[index] += nats;
      } else {
        context.rect(x - wide, middle + below[index], wide + 0.5, -nats);
        below[index] -= nats;
      }
    });
    context.fill();
  });
  context.strokeStyle = colour('ink');
  context.beginPath();
  context.moveTo(LEFT, middle + 0.5);
  context.lineTo(tracks.clientWidth, middle + 0.5);
  context.stroke();
}
function paintWords(context, track) {
  let lane = 0;
  for (const one of clip.transcripts) {
    if (one.at < view[0] || one.at > view[1]) { continue; }
    const x = xOf(one.at);
    const y = track.top + 10 + 13 * lane;
    lane = (lane + 1) % 3;
    context.fillStyle = colour('ink');
    context.fillRect(x, track.top, 1, track.height);
    context.font = `${one.final ? '600 ' : ''}12px system-ui, sans-serif`;
    const text = `${one.final ? '▪' : '▫'} ${one.text}`;
    const wide = context.measureText(text).width;
    const place = Math.min(x + 3, tracks.clientWidth - wide - 6);
    context.fillText(text, Math.max(place, LEFT + 2), y);
  }
  context.font = '12px system-ui, sans-serif';
}
function paintSpectrum(context, track) {
  if (spectra === 'long') {
    context.fillStyle = colour('faint');
    context.fillText('too long for a spectrum: 10 minutes at most', LEFT + 6, track.top + 20);
    return;
  }
  if (spectra === null) { loadSpectra(); }
  if (!spectra || !spectra.samples) {
    context.fillStyle = colour('faint');
    context.fillText(spectra && spectra.error ? spectra.error : 'reading the sound …', LEFT + 6, track.top + 20);
    return;
  }
  const columns = Math.min(Math.round((tracks.clientWidth - LEFT) / 2), 500);
  const picture = context.createImageData(columns, 64);
  const dark = colour('bg') !== '#fff';
  for (let column = 0; column < columns; column += 1) {
    const time = view[0] + ((column + 0.5) / columns) * (view[1] - view[0]);
    const power = spectrumAt(spectra.samples, Math.round(time * spectra.rate));
    for (let bin = 0; bin < 64; bin += 1) {
      const db = 10 * Math.log10(power[2 * bin] + power[2 * bin + 1] + 1e-9);
      const share = Math.min(Math.max((db + 50) / 60, 0), 1);
      const grey = Math.round(255 * (dark ? share : 1 - share));
      const place = 4 * ((63 - bin) * columns + column);
      picture.data[place] = picture.data[place + 1] = picture.data[place + 2] = grey;
      picture.data[place + 3] = 255;
    }
  }
  const tile = document.createElement('canvas');
  tile.width = columns;
  tile.height = 64;
  tile.getContext('2d').putImageData(picture, 0, 0);
  context.drawImage(tile, LEFT, track.top, tracks.clientWidth - LEFT - 4, track.height);
}
async function loadSpectra() {
  if (clip.duration > 600) { spectra = 'long'; draw(); return; }
  const mine = clip.at;
  spectra = {};
  try {
    const source = byId(`audio-${clip.at}`);
    if (!source) { throw new Error('the spectrum needs the sound inside the page'); }
    const decoder = new OfflineAudioContext(1, 1, 16000);
    const decoded = await decoder.decodeAudioData(bytesOf(source.textContent.trim()).buffer);
    if (clip.at !== mine) { return; }
    spectra = { samples: decoded.getChannelData(0), rate: decoded.sampleRate };
  } catch (error) {
    spectra = { error: `no spectrum: ${error.message}` };
  }
  draw();
}
const SIZE = 256;
const hann = Float32Array.from({ length: SIZE }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / SIZE));
function spectrumAt(samples, middle) {
  const real = new Float32Array(SIZE);
  const imaginary = new Float32Array(SIZE);
  for (let at = 0; at < SIZE; at += 1) {
    let reversed = 0;
    for (let bit = 0; bit < 8; bit += 1) { reversed |= ((at >> bit) & 1) << (7 - bit); }
    real[reversed] = (samples[middle - SIZE / 2 + at] || 0) * hann[at];
  }
  for (let size = 2; size <= SIZE; size *= 2) {
    for (let start = 0; start < SIZE; start += size) {
      for (let at = 0; at < size / 2; at += 1) {
        const angle = (-2 * Math.PI * at) / size;
        const even = start + at;
        const odd = even + size / 2;
        const re = real[odd] * Math.cos(angle) - imaginary[odd] * Math.sin(angle);
        const im = real[odd] * Math.sin(angle) + imaginary[odd] * Math.cos(angle);
        real[odd] = real[even] - re;
        imaginary[odd] = imaginary[even] - im;
        real[even] += re;
        imaginary[even] += im;
      }
    }
  }
  const power = new Float32Array(SIZE / 2);
  for (let at = 0; at < SIZE / 2; at += 1) { power[at] = real[at] ** 2 + imaginary[at] ** 2; }
  return power;
}
const TITLES = { user: 'user', agent: 'agent', spectrum: 'kHz', level: 'dBFS', pitch: 'F0 Hz', probability: 'P', evidence: 'nats', words: 'text' };
function axis(context, track) {
  context.fillStyle = colour('faint');
  context.textAlign = 'right';
  const x = LEFT - 4;
  const ends = { level: ['0', '−90'], pitch: ['500', '60'], probability: ['1', '0'], spectrum: ['8', '0'],
    evidence: [`+${(track.reach || 3).toFixed(0)}`, `−${(track.reach || 3).toFixed(0)}`] }[track.name];
  context.fillText(TITLES[track.name], x, track.top + track.height / 2);
  if (ends) {
    context.fillText(ends[0], x, track.top + 6);
    context.fillText(ends[1], x, track.top + track.height - 5);
  }
  context.textAlign = 'left';
}
function paintMarks(context, height) {
  let edge = -Infinity;
  let lane = 0;
  for (const mark of clip.marks) {
    if (mark.time < view[0] || mark.time > view[1]) { continue; }
    const x = xOf(mark.time);
    const ink = colour(mark.kind);
    context.strokeStyle = ink;
    context.lineWidth = mark.kind === 'hold' ? 1 : 2;
    context.setLineDash(mark.kind === 'hold' ? [3, 3] : []);
    context.beginPath();
    context.moveTo(x, MARKS);
    context.lineTo(x, height - 24);
    context.stroke();
    context.setLineDash([]);
    context.lineWidth = 1;
    context.fillStyle = ink;
    const text = `${KINDS[mark.kind][0]} ${mark.kind}`;
    const wide = context.measureText(text).width;
    const place = Math.min(Math.max(x - 5, LEFT), tracks.clientWidth - wide - 4);
    if (place < edge) { lane = (lane + 1) % 2; } else { lane = 0; }
    context.fillText(text, place, 9 + 14 * lane);
    edge = place + wide + 6;
  }
}
function paintTimes(context, width, height) {
  const span = view[1] - view[0];
  const wish = span / Math.max(Math.floor((width - LEFT) / 90), 1);
  const stepBy = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1200].find((one) => one >= wish) || 3600;
  context.fillStyle = colour('faint');
  context.textAlign = 'center';
  for (let time = Math.ceil(view[0] / stepBy) * stepBy; time <= view[1] + 1e-9; time += stepBy) {
    const x = xOf(time);
    if (x < LEFT + 18 || x > width - 22) { continue; }
    context.fillRect(x, height - 24, 1, 4);
    context.fillText(clock(time).replace('.00 s', ' s'), x, height - 11);
  }
  context.textAlign = 'left';
}
function drawHead() {
  if (!clip) { return; }
  const context = sized(head, tracks.clientWidth, tracks.clientHeight);
  const bar = (time, ink, wide) => {
    if (time < view[0] || time > view[1]) { return; }
    context.fillStyle = ink;
    context.fillRect(xOf(time), MARKS, wide, tracks.clientHeight - MARKS - 24);
  };
  if (cursor !== null) { bar(cursor, colour('faint'), 1); }
  bar(audio.currentTime || 0, colour('focus'), 2);
}
function legend() {
  byId('legend').replaceChildren(...clip.names.map((name, place) => {
    const entry = document.createElement('li');
    const swatch = document.createElement('canvas');
    swatch.width = 26;
    swatch.height = 14;
    swatch.setAttribute('aria-hidden', 'true');
    const context = swatch.getContext('2d');
    context.fillStyle = pattern(context, place);
    context.fillRect(0, 0, 26, 14);
    entry.append(swatch, name);
    return entry;
  }));
}
function showValues() {
  drawHead();
  if (cursor === null || !clip) { return; }
  const at = frameAt(cursor);
  const number = (values, scale, digits) => (values && at >= 0 && at < values.length && values[at] !== NONE
    ? (values[at] / scale).toFixed(digits) : null);
  const parts = [clock(cursor)];
  const level = number(clip.level, 10, 0);
  if (level !== null) { parts.push(`level ${level} dBFS`); }
  const floor = number(clip.floor, 10, 0);
  if (floor !== null) { parts.push(`noise floor ${floor} dBFS`); }
  const speech = number(clip.speech, 1000, 2);
  if (speech !== null) { parts.push(`speech ${speech}`); }
  const pitch = number(clip.pitch, 10, 0);
  if (pitch !== null) { parts.push(`F0 ${pitch} Hz`); }
  const p = probabilityAt(at);
  if (p !== null) {
    parts.push(`P ${p.toFixed(2)}`);
    for (const name of clip.names) {
      const nats = number(clip.nats[name], 100, 1);
      if (nats !== null && Number(nats) !== 0) { parts.push(`${name} ${Number(nats) > 0 ? '+' : ''}${nats}`); }
    }
  }
  if (clip.agent.some(([start, end]) => start <= cursor && cursor < end)) { parts.push('agent speaks'); }
  byId('values').textContent = parts.join(' · ');
}

// ---- sound ----
function loadAudio() {
  const item = meta.items[current];
  if (loadedClip === item.clip) { return; }
  loadedClip = item.clip;
  audio.pause();
  if (audioUrl) { URL.revokeObjectURL(audioUrl); audioUrl = null; }
  const inside = byId(`audio-${item.clip}`);
  if (inside) {
    audioUrl = URL.createObjectURL(new Blob([bytesOf(inside.textContent.trim())], { type: inside.dataset.type }));
    audio.src = audioUrl;
  } else if (clip.link) {
    audio.src = clip.link;
  } else {
    audio.removeAttribute('src');
    say(clip.missing || 'There is no sound for this one; the rest works.');
    return;
  }
  say('');
}
audio.addEventListener('loadedmetadata', () => {
  if (audio.dataset.start) { audio.currentTime = Number(audio.dataset.start); delete audio.dataset.start; }
  drawHead();
});
audio.addEventListener('error', () => {
  if (audio.getAttribute('src')) {
    const where = clip && clip.link ? `${clip.link} is not beside this page, or is` : 'It is';
    say(`The sound cannot be played. ${where} of a kind that this browser does not play. The rest works.`);
  }
});
async function togglePlay() {
  if (!clip) { return; }
  if (!audio.paused) { audio.pause(); return; }
  try {
    if (audio.currentTime >= audio.duration - 0.02) { audio.currentTime = Math.max(meta.items[current].onset - 0.5, 0); }
    hearVoices();
    await audio.play();
  } catch (error) {
    say(`The sound cannot be played here (${error.message}); pictures and labels work without it.`);
  }
}
// The user alone: the left channel on both sides.
let graph = null;
function hearVoices() {
  const alone = byId('voices').value === 'user';
  if (!graph && !alone) { return; }
  if (!graph) {
    const made = new AudioContext();
    const source = made.createMediaElementSource(audio);
    const splitter = made.createChannelSplitter(2);
    const merger = made.createChannelMerger(2);
    const agent = made.createGain();
    source.connect(splitter);
    for (const side of [0, 1]) { splitter.connect(merger, 0, side); }
    splitter.connect(agent, 1);
    for (const side of [0, 1]) { agent.connect(merger, 0, side); }
    merger.connect(made.destination);
    graph = { made, agent };
  }
  graph.made.resume();
  graph.agent.gain.value = alone ? 0 : 1;
}
function follow() {
  const item = meta.items[current];
  if (item && looping && !audio.paused) {
    const from = Math.max(item.onset - 0.3, 0);
    if (audio.currentTime > endOf(item) + 0.3 || audio.currentTime < from - 0.05) { audio.currentTime = from; }
  }
  if (!audio.paused) {
    if (audio.currentTime > view[1] && !looping) {
      const length = view[1] - view[0];
      setView(audio.currentTime, audio.currentTime + length);
    }
    drawHead();
    requestAnimationFrame(follow);
  }
}
audio.addEventListener('play', () => { byId('play').textContent = '⏸ pause'; requestAnimationFrame(follow); });
audio.addEventListener('pause', () => { byId('play').textContent = '▶ play'; drawHead(); });
audio.addEventListener('seeked', drawHead);
function toggleLoop() {
  looping = !looping;
  byId('loop').setAttribute('aria-pressed', String(looping));
}
function toggleSpectrum() {
  spectrumOn = !spectrumOn;
  byId('spectrum').setAttribute('aria-pressed', String(spectrumOn));
  draw();
}

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
})();
