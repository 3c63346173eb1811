/** One process of the server: its start, and what it said before it ended. Knows nothing of VS Code. */

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as passed } from "node:timers/promises";

export interface Server {
  readonly process: ChildProcess;
  /** Wait for its end, for so many milliseconds; it is killed then. What it wrote last to its standard error. */
  readonly end: (patience: number) => Promise<string>;
}

/** Start a program; an error if it cannot be executed. */
export async function launch(program: string, parameters: readonly string[], folder: string | undefined): Promise<Server> {
  const process = spawn(program, parameters, { ...(folder ? { cwd: folder } : {}), stdio: "pipe" });
  let said = "";
  process.stderr.on("data", (data: Buffer) => (said = (said + data.toString()).slice(-4000)));
  // Its streams may be read to their end a while after the process is gone.
  const closed = new Promise<void>((resolve) => process.on("close", () => resolve()));
  await once(process, "spawn");
  process.on("error", () => undefined); // such as that it cannot be killed, being gone
  // A pipe that nobody reads any more: the client hears of it, but not once it is stopped.
  process.stdin.on("error", () => undefined);
  return {
    process,
    end: async (patience) => {
      await Promise.race([closed, passed(patience, undefined, { ref: false })]);
      process.stdin.destroy(); // a server that does not mind being killed minds that
      process.kill();
      return said;
    },
  };
}
