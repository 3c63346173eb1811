/** Starts the language server of the project's environment, and starts it again when something about it changes. */

import * as fs from "node:fs";
import * as os from "node:os";
import type { ChildProcess } from "node:child_process";
import * as vscode from "vscode";
import { CloseAction, ErrorAction, LanguageClient, State, type ErrorHandler } from "vscode-languageclient/node";
import { explain, explainEnd, explainEnds, find, INSTALL, serverArguments, type Surroundings } from "./finding";
import { showPage } from "./page";
import { launch, type Server } from "./server";

const ID = "fastapi-lint";
const MOST_RESTARTS = 3;
/** Ends of the server count together that are no further apart than this, in milliseconds. */
const TOGETHER = 10 * 60_000;
/** How long a server may take to answer for the first time, and to end, in milliseconds. */
const PATIENCE = { start: 60_000, end: 2_000 };

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

/** Tells mishaps to the log alone: what people should read of them is said once, in our words, by `complain`. */
class Client extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data instanceof Error ? data.message : data, false); // where in the library helps nobody
  }
}

interface Running {
  readonly client: Client;
  readonly server: () => Server | undefined;
}

let output: vscode.LogOutputChannel;
let storage: vscode.Uri;
let running: Running | undefined;
/** What is being done with the server: one thing after the other, as settings may change in the middle of a start. */
let doing: Promise<void> = Promise.resolve();

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  output = vscode.window.createOutputChannel(ID, { log: true });
  storage = context.globalStorageUri;
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
    vscode.workspace.onDidChangeWorkspaceFolders(() => void (running ?? restart())),
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
  let server: Server | undefined;
  const run = async (): Promise<ChildProcess> => {
    server = undefined;
    try {
      server = await launch(found.program, parameters, around.folders[0]);
    } catch (error) {
      // At the first start it is told below; later nobody else would.
      if (running === starting) void complain(explainEnd(found.program, String(error)));
      throw error;
    }
    return server.process;
  };
  const client: Client = new Client(ID, ID, run, {
    documentSelector: [{ scheme: "file", language: "python" }],
    outputChannel: output,
    initializationOptions: { pages: true },
    initializationFailedHandler: () => false,
    errorHandler: handler(() => (running === starting ? starting : undefined)),
    middleware: {
      executeCommand: async (command, given, next) => {
        const answer: unknown = await next(command, given);
        if (command === `${ID}.explain` && typeof answer === "string" && answer) await showPage(storage, String(given[0]), answer);
        return answer;
      },
    },
  });
  const starting: Running = { client, server: () => server };
  try {
    await inTime(client.start());
    running = starting;
  } catch (error) {
    output.error(String(error));
    const said = await server?.end(PATIENCE.end);
    void complain(explainEnd(found.program, said || String(error)));
    await client.dispose().catch(() => undefined);
  }
}

async function stop(): Promise<void> {
  const stopped = running;
  running = undefined;
  if (!stopped) return;
  // One that is just being started again, after it has ended, cannot be stopped yet.
  if (stopped.client.state === State.Starting) await inTime(stopped.client.start()).catch(() => undefined);
  await stopped.client.dispose(PATIENCE.end).catch((error: unknown) => output.warn(String(error)));
  await stopped.server()?.end(PATIENCE.end);
}

async function inTime(start: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it does not answer")), PATIENCE.start);
  });
  await Promise.race([start, late]).finally(() => clearTimeout(timer));
}

/** A server that has worked is started again when it ends, a few times; one that never did has been complained about. */
function handler(one: () => Running | undefined): ErrorHandler {
  let ends: number[] = [];
  return {
    error: () => ({ action: ErrorAction.Continue, handled: true }),
    closed: async () => {
      const ended = one();
      if (!ended) return { action: CloseAction.DoNotRestart, handled: true };
      const said = await ended.server()?.end(PATIENCE.end);
      ends = [...ends.filter((end) => Date.now() - end < TOGETHER), Date.now()];
      if (ends.length <= MOST_RESTARTS) return { action: CloseAction.Restart };
      void complain(explainEnds(ends.length, said ?? ""));
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
  output.error(message);
  const answers: Record<string, () => unknown> = {
    ...(message.includes(INSTALL) ? { "Copy the command": () => vscode.env.clipboard.writeText(INSTALL) } : {}),
    "Try again": restart,
    Settings: () => vscode.commands.executeCommand("workbench.action.openSettings", ID),
    Output: () => output.show(),
  };
  const chosen = await vscode.window.showErrorMessage(message, ...Object.keys(answers));
  if (chosen) await answers[chosen]?.();
}
