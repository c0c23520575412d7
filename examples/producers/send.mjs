// Sends behaviours to pageheat over HTTP: one per line of standard input.
//
//     printf 'page37|5|1.5|1\n' | node send.mjs https://heat.example/api/v1/behaviours
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const BATCH = 100; // behaviours in a request; --collect-burst is the maximum
const ATTEMPTS = 20;

async function send(url, lines) {
  let status, answer;
  for (let i = 0; i < ATTEMPTS; i++) {
    const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: lines.join('\n') });
    ({ status } = response);
    answer = await response.json();
    if (status === 202) return;
    if (status === 400 && answer.refused) { // the valid ones are kept
      for (const { line, detail } of answer.refused) console.error(`refused: ${JSON.stringify(lines[line - 1])}: ${detail}`);
      return;
    }
    if (status !== 429 && status !== 503) break;
    await sleep(1000 * (response.headers.get('Retry-After') ?? 1));
  }
  throw new Error(`${status}: ${answer.detail}`);
}

let batch = [];
for await (const line of createInterface({ input: process.stdin })) {
  if (batch.push(line) === BATCH) {
    await send(process.argv[2], batch);
    batch = [];
  }
}
if (batch.length) await send(process.argv[2], batch);
