// What is heard: playing, looping, one voice or both.
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
