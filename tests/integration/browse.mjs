// browse.mjs PROFILE URL WIDTH...: opens the status page at URL in Chromium, whose files go into the directory
// PROFILE, in windows of these widths. Prints for each "width=WIDTH beyond=N": how many pixels of the page do not fit;
// then what the browser complained of, a line "complaint: ..." each. Speaks to the browser over pipes, so that no port is needed.
import {spawn} from 'node:child_process';

const [profile, url, ...widths] = process.argv.slice(2);
const kPatience = 60000;  // ms until the page must have shown an answer

const browser = spawn('chromium', [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  `--user-data-dir=${profile}`, '--remote-debugging-pipe',
], {stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe']});
const [, , , toBrowser, fromBrowser] = browser.stdio;

const complaints = [];
const waiting = new Map();  // by id: what to do with the answer
let lastId = 0;

function onMessage(message) {
  if (message.id !== undefined) {
    const {resolve, reject} = waiting.get(message.id);
    return message.error ? reject(new Error(message.error.message)) : resolve(message.result);
  }
  const {method, params} = message;
  if (method === 'Runtime.exceptionThrown') complaints.push(params.exceptionDetails.text);
  if (method === 'Log.entryAdded' && !params.entry.url?.endsWith('/favicon.ico')) complaints.push(params.entry.text);
}

let unread = '';
fromBrowser.setEncoding('utf8').on('data', (text) => {
  const messages = (unread + text).split('\0');
  unread = messages.pop();
  for (const message of messages) onMessage(JSON.parse(message));
});

function ask(method, params = {}, sessionId = undefined) {
  const id = ++lastId;
  toBrowser.write(`${JSON.stringify({id, method, params, sessionId})}\0`);
  return new Promise((resolve, reject) => waiting.set(id, {resolve, reject}));
}

const {targetId} = await ask('Target.createTarget', {url: 'about:blank'});
const {sessionId} = await ask('Target.attachToTarget', {targetId, flatten: true});
const evaluate = async (expression) =>
  (await ask('Runtime.evaluate', {expression, returnByValue: true}, sessionId)).result.value;
for (const domain of ['Runtime', 'Log', 'Page']) await ask(`${domain}.enable`, {}, sessionId);

for (const width of widths) {
  await ask('Emulation.setDeviceMetricsOverride',
    {width: Number(width), height: 900, deviceScaleFactor: 1, mobile: false}, sessionId);
  await ask('Page.navigate', {url}, sessionId);
  const end = Date.now() + kPatience;
  while (!await evaluate("Boolean(document.getElementById('about')?.textContent)")) {
    if (Date.now() > end) throw new Error('the page shows no answer');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const root = 'document.documentElement';
  const beyond = await evaluate(`${root}.scrollWidth - ${root}.clientWidth`);
  console.log(`width=${width} beyond=${beyond}`);
}
for (const complaint of complaints) console.log(`complaint: ${complaint}`);
await ask('Browser.close');
