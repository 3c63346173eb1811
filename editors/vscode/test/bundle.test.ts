/** The bundle is whole: it loads with nothing but `vscode` from outside, and package.json fits what it registers. */

import assert from "node:assert/strict";
import * as fs from "node:fs";
import Module from "node:module";
import * as path from "node:path";
import { test } from "node:test";

const root = path.resolve(__dirname, "..");
const bundle = path.join(root, "dist", "extension.js");
const description = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));

/** Stands for anything of `vscode`: a class, a function, a namespace. */
function anything(): unknown {
  return new Proxy(class {}, {
    get: (target, name) => (name === "prototype" || typeof name === "symbol" ? Reflect.get(target, name) : anything()),
    apply: () => anything(),
  });
}

test("the bundle loads, and asks for vscode and modules of node only", () => {
  const asked = new Set<string>();
  const load = (Module as unknown as { _load: (...given: unknown[]) => unknown })._load;
  const patched = (request: string, ...rest: unknown[]): unknown => {
    if (request !== bundle) asked.add(request.replace(/^node:/, ""));
    return request === "vscode" ? anything() : load(request, ...rest);
  };
  (Module as unknown as { _load: unknown })._load = patched;
  try {
    const loaded = Module.createRequire(__filename)(bundle);
    assert.equal(typeof loaded.activate, "function");
    assert.equal(typeof loaded.deactivate, "function");
  } finally {
    (Module as unknown as { _load: unknown })._load = load;
  }
  const foreign = [...asked].filter((name) => name !== "vscode" && !Module.builtinModules.includes(name));
  assert.deepEqual(foreign, []);
});

test("commands and settings of package.json are those of the code", () => {
  const source = fs.readFileSync(path.join(root, "src", "extension.ts"), "utf8");
  const commands = [...source.matchAll(/registerCommand\(`\$\{ID\}\.(\w+)`/g)].map((match) => `fastapi-lint.${match[1]}`);
  assert.deepEqual(
    commands.sort(),
    description.contributes.commands.map((each: { command: string }) => each.command).sort(),
  );
  const read = [...source.matchAll(/settings\.get<[^>]*(?:\[\])?>\("(\w+)"/g)].map((match) => `fastapi-lint.${match[1]}`);
  const written = Object.keys(description.contributes.configuration.properties);
  // The trace is read by the client itself, under the name of the client.
  assert.deepEqual([...read, "fastapi-lint.trace.server"].sort(), written.sort());
});
