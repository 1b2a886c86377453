#!/usr/bin/env node
// A worker without a model: speaks the frames on stdin and file descriptor 3, and misbehaves when told to. It stands in
// for the Python interpreter, so it ignores its arguments.
//
// The model's config.json may hold {"fake": {…}}:
//   load_ms        time to load
//   load_error     the load fails with this message
//   crash_on_load  exits with code 7 in place of loading
//   step_ms        time between tokens, default 2
//   blind          images of prompts, of 10 tokens each otherwise, have none
//   ignore_term    ignores SIGTERM and the end of stdin
//   heir           a child of it holds its stdout and stderr open, for a second
//
// The environment variable FAKE_WORKER may hold {"protocol": N}, the version that it claims, {"never_ready": true}, and
// {"accident": {"phase", "how", "mark", "times"}}: what befalls the first `times` (1 when absent) workers that get there.
//   phase          start (before it is ready), load, prefill (of any completion), begun (after its start was told, before
//                  its first token), decode (after two tokens), question
//   how            crash (exit code 9), kill (SIGKILL, as for want of memory), freeze (SIGSTOP), hang (nothing follows of
//                  this request, pings are answered)
//   mark           path of a file that counts those who met with it
//
// The prompt is a list of words that say what to do; without one it emits "t0 t1 …" up to max_tokens (5 when null).
//   tokens=N       end by itself after N tokens
//   crash=N        exit with code 9 after N tokens
//   garbage=N      send a line that is no frame after N tokens
//   gather=N       put N tokens into each step frame, an output each
//   flood=N        send tokens of N characters
//   fail           a request that fails inside the worker
//   invalid        a request that the worker refuses
//   marked         a request that the worker refuses for holding <|mark|>
//   pageless       a request whose document has not the pages that are asked for
//   too-long       a prompt longer than the context
//   no-memory      a request that has no room
//   mute           take the request and never answer; also in texts to tokenize and to embed
//   cached=N       N tokens of the prompt come from a cache
//
// Questions: a text's tokens are its UTF-16 units, the first of which counts as special, and ten for each image; a vector
// has 4 components, or as many as asked for, the first of them 1.
//   show-scope     the tokens of the question's cache scope as JSON, in place of the text's
//   reasoning=N    the first N tokens are reasoning, "r0 r1 …"
//   say=TEXT       emit this text, four characters a token, and end
//   call=NAME:JSON call this function, where tool_choice allows it, and end; several are several calls
//   show-frame     emit the generate frame itself as JSON, and end
//   show-media     emit the prompt's media as JSON, each with the bytes and the mode of its file, and end
//   show-load      emit the frame that loaded the model as JSON, and end
//   stopped-by=X   a stop text ended it
//
// Log-probabilities are given where the frame asks for them: -0.5 for each token of the text.

import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

const CONTEXT_LENGTH = 1000;

let fake = {};
/** The frame that loaded the model. */
let loadFrame;
const running = new Map();
let steps = 0;
let prefixBytes = 5000;

function send(frame) {
  const bytes = Buffer.from(typeof frame === 'string' ? frame : `${JSON.stringify(frame)}\n`);
  let sent = 0;
  while (sent < bytes.length) {
    try {
      sent += writeSync(3, bytes, sent);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** Whether this worker meets with an accident in this phase; does not come back from most. */
function accident(phase) {
  const { accident: planned } = settings;
  if (planned?.phase !== phase) return false;
  const met = existsSync(planned.mark) ? statSync(planned.mark).size : 0;
  if (met >= (planned.times ?? 1)) return false;
  appendFileSync(planned.mark, '.');
  console.error(`accident: ${planned.how} in ${phase}`);
  if (planned.how === 'crash') process.exit(9);
  if (planned.how === 'kill') process.kill(process.pid, 'SIGKILL');
  if (planned.how === 'freeze') process.kill(process.pid, 'SIGSTOP');
  return true;
}

function promptText(prompt) {
  if (prompt.kind === 'text') return prompt.text;
  if (prompt.kind === 'tokens') return '';
  return prompt.messages
    .map(({ content }) => (Array.isArray(content) ? partsText(content) : content))
    .join(' ');
}

function partsText(parts) {
  return parts.flatMap((part) => part.text ?? []).join(' ');
}

function option(text, name) {
  const value = new RegExp(`(?:^|\\s)${name}=(\\d+)`).exec(text)?.[1];
  return value === undefined ? null : Number(value);
}

function load(frame) {
  loadFrame = frame;
  fake = JSON.parse(readFileSync(path.join(frame.path, 'config.json'), 'utf8')).fake ?? {};
  console.error(`loading ${path.basename(frame.path)}`);
  if (accident('load')) return;
  if (fake.heir) spawn('sleep', ['1'], { stdio: 'inherit' }).unref();
  setTimeout(() => {
    if (fake.crash_on_load) process.exit(7);
    if (fake.load_error) {
      send({ type: 'load_failed', message: fake.load_error });
      process.exit(1);
    }
    send({
      type: 'loaded',
      context_length: frame.context_length ?? CONTEXT_LENGTH,
      memory_bytes: 1_000_000,
      load_seconds: (fake.load_ms ?? 0) / 1000,
      has_chat_template: true,
    });
  }, fake.load_ms ?? 0);
}

const REFUSALS = {
  fail: { kind: 'internal', message: 'the fake failed' },
  invalid: { kind: 'invalid', message: 'the fake refuses' },
  marked: { kind: 'invalid', message: "A text holds '<|mark|>'.", param: 'messages', quote: '<|mark|>' },
  pageless: {
    kind: 'media',
    message: 'Page 9 is asked for, and the document has 2 pages.',
    param: 'messages.0.content.0.pages',
  },
  'no-memory': { kind: 'memory', message: 'the fake has no room' },
  'too-long': { kind: 'context_length', message: `the prompt is longer than ${CONTEXT_LENGTH} tokens` },
};

function words(text, name) {
  return Array.from(text.matchAll(new RegExp(`(?:^|\\s)${name}=(\\S+)`, 'g')), ([, value]) => value);
}

function withFile(media) {
  const { size: bytes, mode } = statSync(media.path);
  return { ...media, bytes, mode: (mode & 0o777).toString(8) };
}

/** Outputs in place of the first plain tokens, and whether they are all. */
function script(frame, text) {
  const reasoning = Array.from({ length: option(text, 'reasoning') ?? 0 }, (_, index) => ({
    text: '',
    reasoning: `r${index} `,
  }));
  const shows = {
    'show-frame': () => frame,
    'show-load': () => loadFrame,
    'show-media': () => frame.prompt.media.map(withFile),
  };
  const shown = shows[/(?:^|\s)(show-\w+)(?:\s|$)/.exec(text)?.[1]]?.();
  const said = shown === undefined ? words(text, 'say') : [JSON.stringify(shown)];
  const spoken = said.flatMap((each) => each.match(/.{1,4}/gsu)).map((piece) => ({ text: piece }));
  const calls = frame.tool_choice === 'none' ? [] : words(text, 'call');
  const called = calls.flatMap((call, index) => {
    const [, name, json] = /^(\w+):(.*)$/.exec(call);
    const half = Math.floor(json.length / 2);
    return [
      { text: '', tool_calls: [{ index, id: `call_${index}`, name, arguments: json.slice(0, half) }] },
      { text: '', tool_calls: [{ index, arguments: json.slice(half) }] },
    ];
  });
  return {
    outputs: [...reasoning, ...spoken, ...called],
    isWhole: spoken.length + called.length > 0,
    reasoningTokens: reasoning.length,
    reason: called.length > 0 ? 'tool_calls' : 'stop',
  };
}

function tokenLogprob(token, logprob) {
  return { token, bytes: [...Buffer.from(token)], logprob };
}

function logprobsOf(text, alternatives) {
  const others = Array.from({ length: alternatives }, (_, index) =>
    tokenLogprob(index === 0 ? text : `o${index}`, -0.5 - index),
  );
  return [{ ...tokenLogprob(text, -0.5), top_logprobs: others }];
}

function generate(frame) {
  const text = promptText(frame.prompt);
  for (const [word, refusal] of Object.entries(REFUSALS)) {
    if (text.split(/\s/).includes(word)) {
      send({ type: 'failed', id: frame.id, param: null, ...refusal });
      return;
    }
  }
  if (text.split(/\s/).includes('mute')) {
    running.set(frame.id, null);
    return;
  }
  if (accident('prefill')) {
    running.set(frame.id, null);
    return;
  }
  send({
    type: 'started',
    id: frame.id,
    prompt_tokens: text.split(/\s/).length,
    cached_tokens: option(text, 'cached') ?? 0,
    image_tokens: fake.blind ? 0 : 10 * (frame.prompt.media?.length ?? 0),
  });
  const { outputs: scripted, isWhole, reasoningTokens, reason } = script(frame, text);
  const end = isWhole ? scripted.length : option(text, 'tokens');
  const last = Math.min(end ?? Infinity, frame.max_tokens ?? (isWhole ? Infinity : 5));
  let count = 0;
  const flood = option(text, 'flood');
  /** The next token's output. */
  const emit = () => {
    if (option(text, 'crash') === count) {
      console.error('the fake crashes as told');
      process.exit(9);
    }
    if (option(text, 'garbage') === count) send('this is no frame\n');
    const output = {
      id: frame.id,
      text: flood === null ? `t${count} ` : 'x'.repeat(flood),
      tokens: [frame.sampling.seed ?? count],
      ...scripted[count],
    };
    if (frame.logprobs !== null && frame.logprobs !== undefined && output.text !== '') {
      output.logprobs = logprobsOf(output.text, frame.logprobs);
    }
    count += 1;
    if (count >= last) {
      clearInterval(timer);
      running.delete(frame.id);
      output.finish = {
        reason: count === end ? reason : 'length',
        stop_text: words(text, 'stopped-by')[0] ?? null,
        completion_tokens: count,
        reasoning_tokens: Math.min(count, reasoningTokens),
        timings: { prefill_seconds: 0.01, decode_seconds: count / 1000 },
      };
    }
    return output;
  };
  const timer = setInterval(() => {
    if ((count === 0 && accident('begun')) || (count === 2 && accident('decode'))) {
      clearInterval(timer);
      return;
    }
    const room = Math.min(option(text, 'gather') ?? 1, last - count);
    const outputs = Array.from({ length: Math.max(1, room) }, emit);
    steps += 1;
    send({ type: 'step', outputs });
  }, fake.step_ms ?? 2);
  running.set(frame.id, timer);
}

/** Tokenize, detokenize and embed. */
function answer(frame) {
  const { id } = frame;
  const texts = (frame.inputs ?? (frame.prompt === undefined ? [] : [promptText(frame.prompt)])).map(String);
  running.set(id, null);
  if (accident('question') || texts.some((text) => text.includes('mute'))) return;
  running.delete(id);
  if (texts.some((text) => text.includes('marked'))) {
    send({ type: 'failed', id, ...REFUSALS.marked });
  } else if (texts.some((text) => text.includes('invalid'))) {
    send({ type: 'failed', id, param: 'input', ...REFUSALS.invalid });
  } else if (frame.type === 'tokenize') {
    const images = (frame.prompt.media ?? []).flatMap(() => Array(10).fill(0));
    const [text] = texts.map((each) => (each === 'show-scope' ? JSON.stringify(frame.cache_scope) : each));
    const units = [...Array.from(text, (unit) => unit.charCodeAt(0)), ...images];
    send({ type: 'tokenized', id, tokens: frame.add_special_tokens === false ? units.slice(1) : units });
  } else if (frame.type === 'detokenize') {
    send({ type: 'detokenized', id, text: String.fromCharCode(...frame.tokens) });
  } else {
    const vector = Float32Array.from({ length: frame.dimensions ?? 4 }, (_, index) => (index === 0 ? 1 : 0));
    const embeddings = texts.map(() => Buffer.from(vector.buffer).toString('base64'));
    steps += 1;
    send({ type: 'embedded', id, embeddings, prompt_tokens: texts.join('').length });
  }
}

function handle(frame) {
  switch (frame.type) {
    case 'load':
      load(frame);
      break;
    case 'generate':
      generate(frame);
      break;
    case 'tokenize':
    case 'detokenize':
    case 'embed':
      answer(frame);
      break;
    case 'shrink':
      console.error(`shrink to ${frame.kept_bytes}`);
      prefixBytes = Math.min(prefixBytes, frame.kept_bytes);
      break;
    case 'cancel':
      console.error(`cancelled ${frame.id}`);
      clearInterval(running.get(frame.id));
      running.delete(frame.id);
      break;
    case 'ping':
      send({
        type: 'pong',
        nonce: frame.nonce,
        running: running.size,
        waiting: 0,
        steps,
        active_memory_bytes: 1_000_000,
        cache_memory_bytes: 0,
        peak_memory_bytes: 1_000_000,
        prefix_cache_bytes: prefixBytes,
        prefix_disk_bytes: 0,
        ...(loadFrame?.task === 'vision' ? { image_cache_bytes: 700, feature_cache_bytes: 900 } : {}),
        drafted_tokens: 8,
        accepted_tokens: 6,
      });
      break;
  }
}

function say(event) {
  console.log(JSON.stringify(event));
}

/**
 * Stands in for mlxfleet_worker.download: the id's name says how the hub behaves. Files come in the real order: mark,
 * reference, configuration, and the weights last.
 *   unreachable    no hub
 *   silent         a hub that never answers
 *   cut-off        the first try ends before the weights
 *   weightless     a repository without weights
 *   slow           the weights take half a second
 *   endless        the weights never come; the file `pid` beside them has the id of this process
 *   missing, huge  the hub does not have it, the disk has no room for it
 */
function download(id) {
  process.stdin.resume();
  process.stdin.on('end', () => process.exit(2));
  const name = id.split('/').at(-1);
  if (name === 'unreachable') {
    say({ event: 'failed', reason: 'unreachable', message: 'the hub could not be reached' });
    process.exit(1);
  }
  if (name === 'missing') {
    say({ event: 'failed', reason: 'unknown', message: 'the hub does not have it either' });
    process.exit(1);
  }
  if (name === 'huge') {
    say({ event: 'failed', reason: 'disk', message: 'it takes 9.0 GB more, and the disk has 1.0 GB free' });
    process.exit(1);
  }
  if (name === 'silent') return;
  say({ event: 'found', total_bytes: 9 });
  const folder = path.join(process.env.HF_HUB_CACHE, `models--${id.replace('/', '--')}`);
  const snapshot = path.join(folder, 'snapshots', 'abc');
  const isResumed = existsSync(snapshot);
  mkdirSync(path.join(folder, 'refs'), { recursive: true });
  mkdirSync(snapshot, { recursive: true });
  writeFileSync(path.join(folder, '.mlxfleet-incomplete'), '');
  writeFileSync(path.join(folder, 'refs', 'main'), 'abc');
  writeFileSync(path.join(snapshot, 'config.json'), '{}');
  if (name === 'cut-off' && !isResumed) {
    say({ event: 'failed', reason: 'failed', message: 'the download failed (ConnectionError)' });
    process.exit(1);
  }
  say({ event: 'progress', bytes: 2 });
  if (name === 'endless') {
    writeFileSync(path.join(snapshot, 'pid'), String(process.pid));
    return;
  }
  setTimeout(
    () => {
      if (name !== 'weightless') writeFileSync(path.join(snapshot, 'model.safetensors'), 'weights');
      rmSync(path.join(folder, '.mlxfleet-incomplete'), { force: true });
      say({ event: 'done' });
      process.exit(0);
    },
    name === 'slow' ? 500 : 100,
  );
}

function serve() {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    handle(JSON.parse(line));
  });
  lines.on('close', () => {
    if (!fake.ignore_term) process.exit(0);
  });
  process.on('SIGTERM', () => {
    if (!fake.ignore_term) process.exit(0);
  });
  // Keeps a worker that ignores everything alive.
  setInterval(() => {}, 1000);
  if (settings.never_ready || accident('start')) return;
  send({
    type: 'ready',
    protocol_version: settings.protocol ?? 1,
    pid: process.pid,
    versions: { fake: '1' },
    device: 'cpu',
  });
}

const settings = process.env.FAKE_WORKER === undefined ? {} : JSON.parse(process.env.FAKE_WORKER);
if (process.argv.includes('mlxfleet_worker.download')) download(process.argv.at(-1));
else serve();
