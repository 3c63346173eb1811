import assert from "node:assert/strict";
import { test } from "node:test";
import { launch } from "../src/server";

const node = (script: string) => launch(process.execPath, ["-e", script], undefined);

test("what a server says last is heard, though it may have ended before", async () => {
  const server = await node("process.stderr.write('first\\nno pygls\\n'); process.exitCode = 2");
  assert.equal(await server.end(10_000), "first\nno pygls\n");
  assert.equal(server.process.exitCode, 2);
});

test("a program that cannot be executed is an error", async () => {
  await assert.rejects(launch(__filename, [], undefined), /EACCES|EFTYPE|UNKNOWN/);
  await assert.rejects(launch("/nowhere/fastapi-lint", [], undefined), /ENOENT/);
});

test("a server that stays is killed, and what it minds is the end of its input", async () => {
  const server = await node("process.on('SIGTERM', () => 0); process.stdin.on('end', () => process.exit(3)).resume()");
  const ended = new Promise((resolve) => server.process.on("exit", (code, signal) => resolve(code ?? signal)));
  assert.equal(await server.end(500), "");
  assert.ok([3, "SIGTERM"].includes((await ended) as number | string));
});
