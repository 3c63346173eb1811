/** Where the server is: decided from what it is told of the surroundings. Knows nothing of VS Code, runs nothing. */

import * as path from "node:path";

/** What there is to look at. Paths are absolute, but for `setting`, which is as somebody wrote it. */
export interface Surroundings {
  readonly platform: NodeJS.Platform;
  /** The setting `fastapi-lint.path`. */
  readonly setting: string;
  /** The interpreter that the Python extension has selected, where there is one. */
  readonly interpreter: string | undefined;
  /** The folders of the workspace. */
  readonly folders: readonly string[];
  /** The variable `PATH`. */
  readonly searchPath: string;
  readonly home: string;
  readonly isFile: (path: string) => boolean;
}

/** The program, and why it is this one. */
export interface Found {
  readonly program: string;
  readonly from: string;
}

/** No program: where it was looked for. */
export interface Missing {
  readonly tried: readonly string[];
}

/** What installs the server; in quotes, for shells that read brackets themselves. */
export const INSTALL = "pip install 'fastapi-lint[server]'";

/** The server of the first place that has one: the setting, the selected interpreter, the workspace, the PATH. */
export function find(around: Surroundings): Found | Missing {
  const tried: string[] = [];
  for (const { program, from } of candidates(around)) {
    if (around.isFile(program)) return { program, from };
    tried.push(program);
    // Who names a program means that one: another version would answer with other findings.
    if (from === SETTING) break;
  }
  return { tried };
}

/** What to tell somebody whose server is missing. */
export function explain(missing: Missing, around: Surroundings): string {
  if (around.setting.trim()) return `fastapi-lint: the setting "fastapi-lint.path" names ${missing.tried[0]}, which is no file.`;
  return `fastapi-lint: no server was found. Install it in the environment of the project: ${INSTALL}`;
}

/** What to tell somebody whose server ended before it could work; `said` is what it wrote to its standard error. */
export function explainEnd(program: string, said: string): string {
  const hint = said.includes(INSTALL) ? "" : `If its server is not installed: ${INSTALL}`;
  return [`fastapi-lint: ${program} could not be started.`, lastOf(said), hint].filter(Boolean).join(" ");
}

/** What to tell somebody whose server has worked and then ended again and again. */
export function explainEnds(times: number, said: string): string {
  return [`fastapi-lint: the server ended ${times} times and stays off.`, lastOf(said)].filter(Boolean).join(" ");
}

function lastOf(said: string): string {
  const last = said.trim().split(/\r?\n/).at(-1)?.trim();
  return last ? `It said: ${last}.`.replace(/\.\.$/, ".") : "";
}

/** The arguments of the server. */
export function serverArguments(extra: readonly string[]): string[] {
  return ["server", ...extra];
}

const SETTING = "the setting fastapi-lint.path";

function* candidates(around: Surroundings): Generator<Found> {
  const paths = around.platform === "win32" ? path.win32 : path.posix;
  const name = around.platform === "win32" ? "fastapi-lint.exe" : "fastapi-lint";
  const scripts = around.platform === "win32" ? "Scripts" : "bin";
  if (around.setting.trim()) {
    yield { program: written(around, paths), from: SETTING };
    return;
  }
  if (around.interpreter) {
    const from = "the selected Python interpreter";
    // It may be the folder of an environment as well. A Python for all of Windows has its scripts in a folder below it.
    yield { program: paths.join(paths.dirname(around.interpreter), name), from };
    yield { program: paths.join(paths.dirname(around.interpreter), scripts, name), from };
    yield { program: paths.join(around.interpreter, scripts, name), from };
  }
  for (const folder of around.folders) {
    for (const environment of [".venv", "venv"]) {
      yield { program: paths.join(folder, environment, scripts, name), from: `${environment} in the workspace` };
    }
  }
  for (const folder of around.searchPath.split(paths.delimiter)) {
    // An empty or relative entry would be looked up from wherever VS Code happens to run.
    if (paths.isAbsolute(folder)) yield { program: paths.join(folder, name), from: "the PATH" };
  }
}

function written(around: Surroundings, paths: path.PlatformPath): string {
  const first = around.folders[0] ?? around.home;
  const replaced = around.setting
    .trim()
    .replaceAll("${workspaceFolder}", first)
    .replace(/^~(?=$|[\\/])/, () => around.home);
  const absolute = paths.resolve(first, replaced);
  // On Windows a program is often named without its ending.
  const ending = `${absolute}.exe`;
  return around.platform === "win32" && !around.isFile(absolute) && around.isFile(ending) ? ending : absolute;
}
