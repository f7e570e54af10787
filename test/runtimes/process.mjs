// Child processes of the runtime tests: always with an end, their RESULT line read, their server waited for.
import { spawn } from 'node:child_process';

/**
 * Runs a command to its end.
 *
 * @returns status (null where it had to be stopped) and all it wrote
 */
export function run(command, args, { cwd, env = {}, seconds = 120, shell = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: seconds * 1000,
      killSignal: 'SIGKILL',
      shell,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output }));
  });
}

/** The report that a host script printed. */
export async function runHost(command, args, options) {
  const { status, output } = await run(command, args, options);
  const line = /RESULT (\{.*\})/.exec(output);
  if (line === null) throw new Error(`no result, status ${status}: ${output.slice(-3000)}`);
  const report = JSON.parse(line[1]);
  if (status !== 0 && report.failed === 0) throw new Error(`status ${status}: ${output.slice(-3000)}`);
  return report;
}

/**
 * Starts a server, waits until it answers, and hands its address to `use`; the server is ended whatever comes.
 *
 * @param url its address
 */
export async function withServer(command, args, url, use, { cwd, env = {} } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const closed = new Promise((resolve) => child.on('close', resolve));
  const failed = new Promise((_, reject) => child.on('error', reject));
  failed.catch(() => {});
  try {
    await Promise.race([failed, answering(url, child, () => output)]);
    return await use(url, child);
  } finally {
    child.kill('SIGTERM');
    const patience = setTimeout(() => child.kill('SIGKILL'), 3000);
    if (child.pid !== undefined) await closed;
    clearTimeout(patience);
  }
}

async function answering(url, child, output) {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${output()}`);
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(`${url} did not answer within 10 s: ${output()}`);
}
