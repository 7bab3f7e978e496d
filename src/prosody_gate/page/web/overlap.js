// The overlap that is shown: its sound and curves unpacked, the stretch of time in view, its values in words.
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
