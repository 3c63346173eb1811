/** Starts the language server of the project's environment, and starts it again when something about it changes. */

import * as fs from "node:fs";
import * as os from "node:os";
import { spawn, type ChildProcess } from "node:child_process";
import * as vscode from "vscode";
import { CloseAction, ErrorAction, LanguageClient, type ErrorHandler } from "vscode-languageclient/node";
import { explain, explainEnd, find, INSTALL, serverArguments, type Surroundings } from "./finding";

const ID = "fastapi-lint";
const MOST_RESTARTS = 3;

/** What is used of the interface of the Python extension. */
interface Python {
  readonly environments: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string };
    resolveEnvironment(
      environment: { readonly path: string },
    ): Promise<{ readonly executable: { readonly uri?: vscode.Uri } } | undefined>;
    readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
  };
}

let output: vscode.LogOutputChannel;
let client: LanguageClient | undefined;
/** What is being done with the server: one thing after the other, as settings may change in the middle of a start. */
let doing: Promise<void> = Promise.resolve();

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  output = vscode.window.createOutputChannel(ID, { log: true });
  context.subscriptions.push(
    output,
    vscode.commands.registerCommand(`${ID}.restart`, restart),
    vscode.commands.registerCommand(`${ID}.fixAll`, fixAll),
    vscode.commands.registerCommand(`${ID}.showOutput`, () => output.show()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      const matters = ["enable", "path", "args"].some((name) => event.affectsConfiguration(`${ID}.${name}`));
      if (matters) void restart();
    }),
    // The environment in a folder that comes or goes may be the one whose server runs.
    vscode.workspace.onDidChangeWorkspaceFolders(() => void (client ?? restart())),
  );
  const python = await pythonExtension();
  if (python) context.subscriptions.push(python.environments.onDidChangeActiveEnvironmentPath(() => void restart()));
  await restart();
}

export async function deactivate(): Promise<void> {
  await queued(stop);
}

function restart(): Promise<void> {
  return queued(async () => {
    await stop();
    await start();
  });
}

function queued(work: () => Promise<void>): Promise<void> {
  doing = doing.then(work).catch((error: unknown) => output.error(String(error)));
  return doing;
}

async function start(): Promise<void> {
  const settings = vscode.workspace.getConfiguration(ID);
  if (!settings.get<boolean>("enable", true)) {
    output.info("switched off by the setting fastapi-lint.enable");
    return;
  }
  const around = await surroundings(settings.get<string>("path", ""));
  const found = find(around);
  if ("tried" in found) {
    output.warn(["no server; looked for", ...found.tried].join("\n  "));
    void complain(explain(found, around));
    return;
  }
  const parameters = serverArguments(settings.get<string[]>("args", []));
  output.info(`starting ${[found.program, ...parameters].join(" ")} (from ${found.from})`);
  const folder = around.folders[0];
  let said = "";
  const run = async (): Promise<ChildProcess> => {
    const server = spawn(found.program, parameters, { ...(folder ? { cwd: folder } : {}), stdio: "pipe" });
    server.stderr?.on("data", (data: Buffer) => (said = (said + data.toString()).slice(-4000)));
    return server;
  };
  const starting: LanguageClient = new LanguageClient(ID, ID, run, {
    documentSelector: [{ scheme: "file", language: "python" }],
    outputChannel: output,
    errorHandler: handler((): boolean => client === starting),
  });
  try {
    await starting.start();
    client = starting;
  } catch (error) {
    output.error(String(error));
    void complain(explainEnd(found.program, said));
    await starting.dispose().catch(() => undefined);
  }
}

async function stop(): Promise<void> {
  const running = client;
  client = undefined;
  await running?.dispose(5000).catch((error: unknown) => output.warn(String(error)));
}

/** A server that has worked is started again when it ends, a few times; one that never did has been complained about. */
function handler(hasWorked: () => boolean): ErrorHandler {
  let ends = 0;
  return {
    error: () => ({ action: ErrorAction.Continue }),
    closed: () => {
      if (!hasWorked()) return { action: CloseAction.DoNotRestart, handled: true };
      ends += 1;
      if (ends <= MOST_RESTARTS) return { action: CloseAction.Restart };
      void complain(`fastapi-lint: the server ended ${ends} times and stays off; "fastapi-lint: Restart the server" tries again.`);
      return { action: CloseAction.DoNotRestart, handled: true };
    },
  };
}

async function surroundings(setting: string): Promise<Surroundings> {
  return {
    platform: process.platform,
    setting,
    interpreter: await interpreter(),
    folders: (vscode.workspace.workspaceFolders ?? [])
      .filter((folder) => folder.uri.scheme === "file")
      .map((folder) => folder.uri.fsPath),
    searchPath: process.env["PATH"] ?? "",
    home: os.homedir(),
    isFile: (path) => fs.statSync(path, { throwIfNoEntry: false })?.isFile() ?? false,
  };
}

async function interpreter(): Promise<string | undefined> {
  const python = await pythonExtension();
  if (!python) return undefined;
  const selected = python.environments.getActiveEnvironmentPath(vscode.workspace.workspaceFolders?.[0]?.uri);
  const resolved = await python.environments.resolveEnvironment(selected).catch(() => undefined);
  return resolved?.executable.uri?.fsPath ?? selected.path;
}

async function pythonExtension(): Promise<Python | undefined> {
  const extension = vscode.extensions.getExtension<Python>("ms-python.python");
  if (!extension) return undefined;
  try {
    const python = extension.isActive ? extension.exports : await extension.activate();
    return python?.environments ? python : undefined;
  } catch (error) {
    output.warn(`the Python extension does not start: ${String(error)}`);
    return undefined;
  }
}

async function fixAll(): Promise<void> {
  await vscode.commands.executeCommand("editor.action.codeAction", {
    kind: "source.fixAll.fastapi-lint",
    apply: "first",
  });
}

async function complain(message: string): Promise<void> {
  const copy = "Copy the command";
  const settings = "Settings";
  const show = "Output";
  const chosen = await vscode.window.showErrorMessage(message, ...(message.includes(INSTALL) ? [copy] : []), settings, show);
  if (chosen === copy) await vscode.env.clipboard.writeText(INSTALL);
  if (chosen === settings) await vscode.commands.executeCommand("workbench.action.openSettings", ID);
  if (chosen === show) output.show();
}
