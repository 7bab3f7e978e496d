// The drawing: sound, level, pitch, evidence, P(interruption), words and marks on canvases over one time axis.
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
