/** The program that is found, started as the extension starts it, speaks the protocol. Left out where there is none, but in CI. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  createProtocolConnection,
  DidOpenTextDocumentNotification,
  ExitNotification,
  InitializedNotification,
  InitializeRequest,
  PublishDiagnosticsNotification,
  ShutdownRequest,
  StreamMessageReader,
  StreamMessageWriter,
} from "vscode-languageserver-protocol/node";
import { find, serverArguments } from "../src/finding";

const repository = path.resolve(__dirname, "..", "..", "..");
const found = find({
  platform: process.platform,
  setting: process.env["FASTAPI_LINT"] ?? "",
  interpreter: undefined,
  folders: [repository],
  searchPath: process.env["PATH"] ?? "",
  home: os.homedir(),
  isFile: (name) => fs.statSync(name, { throwIfNoEntry: false })?.isFile() ?? false,
});
const inCI = Boolean(process.env["CI"]);
const skip = "tried" in found && !inCI ? "no fastapi-lint in .venv or on the PATH; FASTAPI_LINT names one" : false;

const TEXT = `import time

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def read() -> None:
    time.sleep(1)
`;

test("the server that is found reports what it finds", { skip, timeout: 60_000 }, async (context) => {
  assert.ok("program" in found, "CI has a fastapi-lint");
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "fastapi-lint-"));
  const file = path.join(folder, "main.py");
  fs.writeFileSync(file, TEXT);
  const server = spawn(found.program, serverArguments(["--no-cache"]), { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<number | null>((resolve) => server.on("exit", resolve));
  const connection = createProtocolConnection(new StreamMessageReader(server.stdout), new StreamMessageWriter(server.stdin));
  try {
    connection.listen();
    const uri = pathToFileURL(file).href;
    const reported = new Promise<string[]>((resolve) => {
      connection.onNotification(PublishDiagnosticsNotification.type, (published) => {
        if (published.uri === uri) resolve(published.diagnostics.map((each) => `${each.code} line ${each.range.start.line + 1}`));
      });
    });
    const folderUri = pathToFileURL(folder).href;
    const answered = connection.sendRequest(InitializeRequest.type, {
      processId: process.pid,
      rootUri: folderUri,
      workspaceFolders: [{ uri: folderUri, name: "shop" }],
      capabilities: {},
    });
    const early = await Promise.race([ended, answered.then(() => "answered", () => ended)]);
    if (early !== "answered") {
      assert.equal(early, 2, "without the extra it says so, and ends with 2");
      assert.ok(!inCI, "CI has a server");
      context.skip("the fastapi-lint that was found has no server");
      return;
    }
    await connection.sendNotification(InitializedNotification.type, {});
    await connection.sendNotification(DidOpenTextDocumentNotification.type, {
      textDocument: { uri, languageId: "python", version: 1, text: TEXT },
    });
    assert.deepEqual(await reported, ["FAPI101 line 10"]);
    await connection.sendRequest(ShutdownRequest.type);
    await connection.sendNotification(ExitNotification.type);
    assert.equal(await ended, 0);
  } finally {
    connection.dispose();
    server.kill();
    fs.rmSync(folder, { recursive: true, force: true });
  }
});
