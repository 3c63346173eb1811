import assert from "node:assert/strict";
import { test } from "node:test";
import { explain, explainEnd, explainEnds, find, INSTALL, serverArguments, type Surroundings } from "../src/finding";

/** Surroundings in which just these files are there. */
function around(files: readonly string[], other: Partial<Surroundings> = {}): Surroundings {
  return {
    platform: "linux",
    setting: "",
    interpreter: undefined,
    folders: ["/work/shop"],
    searchPath: "/usr/local/bin:/usr/bin",
    home: "/home/me",
    isFile: (path) => files.includes(path),
    ...other,
  };
}

const EVERYWHERE = [
  "/opt/lint/bin/fastapi-lint",
  "/envs/shop/bin/fastapi-lint",
  "/work/shop/.venv/bin/fastapi-lint",
  "/work/shop/venv/bin/fastapi-lint",
  "/usr/bin/fastapi-lint",
];

test("the setting comes before all others", () => {
  const found = find(around(EVERYWHERE, { setting: "/opt/lint/bin/fastapi-lint", interpreter: "/envs/shop/bin/python" }));
  assert.deepEqual(found, { program: "/opt/lint/bin/fastapi-lint", from: "the setting fastapi-lint.path" });
});

test("a setting that names no file is an error, not a reason to take another", () => {
  const asked = around(EVERYWHERE, { setting: "/opt/gone" });
  const found = find(asked);
  assert.deepEqual(found, { tried: ["/opt/gone"] });
  assert.match(explain(found as { tried: string[] }, asked), /fastapi-lint\.path.*\/opt\/gone/);
});

test("a setting may be relative, begin at home or name the folder", () => {
  for (const [setting, program] of [
    ["tools/fastapi-lint", "/work/shop/tools/fastapi-lint"],
    ["~/bin/fastapi-lint", "/home/me/bin/fastapi-lint"],
    ["${workspaceFolder}/../bin/fastapi-lint", "/work/bin/fastapi-lint"],
    ["  /opt/lint  ", "/opt/lint"],
  ] as const) {
    assert.deepEqual(find(around([program], { setting })), { program, from: "the setting fastapi-lint.path" });
  }
});

test("the selected interpreter comes before the workspace, and the workspace before the PATH", () => {
  const selected = find(around(EVERYWHERE, { interpreter: "/envs/shop/bin/python3.13" }));
  assert.deepEqual(selected, { program: "/envs/shop/bin/fastapi-lint", from: "the selected Python interpreter" });
  assert.deepEqual(find(around(EVERYWHERE)), {
    program: "/work/shop/.venv/bin/fastapi-lint",
    from: ".venv in the workspace",
  });
  assert.deepEqual(find(around(EVERYWHERE.slice(3))), {
    program: "/work/shop/venv/bin/fastapi-lint",
    from: "venv in the workspace",
  });
  assert.deepEqual(find(around(EVERYWHERE.slice(4))), { program: "/usr/bin/fastapi-lint", from: "the PATH" });
});

test("an interpreter without the linter is passed over", () => {
  const found = find(around(EVERYWHERE, { interpreter: "/usr/local/bin/python3" }));
  assert.equal("program" in found && found.from, ".venv in the workspace");
});

test("the folder of an environment will do for its interpreter", () => {
  const found = find(around(EVERYWHERE, { interpreter: "/envs/shop" }));
  assert.equal("program" in found && found.program, "/envs/shop/bin/fastapi-lint");
});

test("every folder of the workspace is looked at, in order", () => {
  const folders = ["/work/docs", "/work/shop"];
  assert.equal((find(around(EVERYWHERE, { folders })) as { program: string }).program, "/work/shop/.venv/bin/fastapi-lint");
});

test("what is relative on the PATH is left out", () => {
  const found = find(around(["fastapi-lint", "bin/fastapi-lint"], { searchPath: ":bin:." }));
  assert.deepEqual(found, { tried: ["/work/shop/.venv/bin/fastapi-lint", "/work/shop/venv/bin/fastapi-lint"] });
});

test("without anything, the message says how to install", () => {
  const nowhere = around([]);
  const found = find(nowhere) as { tried: string[] };
  assert.deepEqual(found.tried, [
    "/work/shop/.venv/bin/fastapi-lint",
    "/work/shop/venv/bin/fastapi-lint",
    "/usr/local/bin/fastapi-lint",
    "/usr/bin/fastapi-lint",
  ]);
  assert.ok(explain(found, nowhere).includes("pip install 'fastapi-lint[server]'"));
});

test("on Windows scripts stand beside the interpreter, or in a folder below it", () => {
  const windows = { platform: "win32", folders: ["C:\\shop"], searchPath: "C:\\Windows;D:\\tools", home: "C:\\me" } as const;
  const environment = "C:\\shop\\.venv\\Scripts\\fastapi-lint.exe";
  assert.deepEqual(find(around([environment], windows)), { program: environment, from: ".venv in the workspace" });
  for (const [interpreter, program] of [
    ["C:\\envs\\a\\Scripts\\python.exe", "C:\\envs\\a\\Scripts\\fastapi-lint.exe"],
    ["C:\\Python313\\python.exe", "C:\\Python313\\Scripts\\fastapi-lint.exe"],
  ] as const) {
    assert.deepEqual(find(around([program], { ...windows, interpreter })), {
      program,
      from: "the selected Python interpreter",
    });
  }
  const onPath = "D:\\tools\\fastapi-lint.exe";
  assert.deepEqual(find(around([onPath], windows)), { program: onPath, from: "the PATH" });
  const named = find(around([onPath], { ...windows, setting: "D:\\tools\\fastapi-lint" }));
  assert.deepEqual(named, { program: onPath, from: "the setting fastapi-lint.path" });
});

test("a server that cannot start is quoted", () => {
  const message = explainEnd("/x/fastapi-lint", "Traceback\nerror: the server needs pygls\n\n");
  assert.equal(
    message,
    "fastapi-lint: /x/fastapi-lint could not be started. It said: error: the server needs pygls. " +
      `If its server is not installed: ${INSTALL}`,
  );
  assert.ok(!explainEnd("/x/fastapi-lint", "").includes("It said"));
  assert.equal(explainEnd("/x", `install it: ${INSTALL}\n`).split(INSTALL).length, 2, "said once");
});

test("a server that ends again and again is quoted", () => {
  assert.equal(explainEnds(4, "Traceback\nMemoryError\n"), "fastapi-lint: the server ended 4 times and stays off. It said: MemoryError.");
  assert.equal(explainEnds(4, ""), "fastapi-lint: the server ended 4 times and stays off.");
});

test("arguments stand behind the command", () => {
  assert.deepEqual(serverArguments(["--no-cache"]), ["server", "--no-cache"]);
});
