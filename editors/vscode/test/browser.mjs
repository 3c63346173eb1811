// The extension in a real VS Code: code-server, looked at through a headless Chromium. No part of CI; README.md says how
// to run it. Needs fastapi-lint.vsix (`make vscode`), and an environment with fastapi-lint[server]: that of the repository,
// or of the program that FASTAPI_LINT names. Takes pictures of what it sees.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as passed } from "node:timers/promises";

const extension = path.resolve(import.meta.dirname, "..");
const repository = path.resolve(extension, "..", "..");
const here = createRequire(path.join(process.cwd(), "here.js")); // where code-server and playwright-core are installed
const { chromium } = here("playwright-core");
const chrome = process.env.CHROMIUM ?? "/usr/bin/chromium";
const codeServer = path.join(path.dirname(here.resolve("code-server/package.json")), "out", "node", "entry.js");
const linter = process.env.FASTAPI_LINT ?? path.join(repository, ".venv", "bin", "fastapi-lint");

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "fastapi-lint-code-"));
const pictures = path.join(scratch, "pictures");
const project = path.join(scratch, "project");
fs.mkdirSync(path.join(scratch, "data", "User"), { recursive: true });
fs.mkdirSync(pictures);
fs.cpSync(path.join(repository, "fixtures", "demo"), project, { recursive: true });
fs.symlinkSync(path.dirname(path.dirname(linter)), path.join(project, ".venv"));
fs.writeFileSync(path.join(scratch, "config.yaml"), "auth: none\ncert: false\n");
fs.writeFileSync(
  path.join(scratch, "data", "User", "settings.json"),
  JSON.stringify({
    "security.workspace.trust.enabled": false,
    "workbench.startupEditor": "none",
    "files.autoSave": "off",
    "telemetry.telemetryLevel": "off",
  }),
);

// A variable of the one who runs this must not choose another linter; SHELL: VS Code asks the shell for its variables.
const { PYTHONPATH, PYTHONHOME, VIRTUAL_ENV, ...environment } = process.env;
environment.SHELL = "/bin/false";
const port = await free();
const options = ["--config", "config.yaml", "--user-data-dir", "data", "--extensions-dir", "extensions"];
const ran = { cwd: scratch, env: environment };
const vsix = path.join(extension, "fastapi-lint.vsix");
const installed = spawnSync(process.execPath, [codeServer, ...options, "--install-extension", vsix], ran);
assert.equal(installed.status, 0, String(installed.stderr));
const log = fs.openSync(path.join(scratch, "code-server.log"), "w");
const address = ["--bind-addr", `127.0.0.1:${port}`, "--disable-telemetry", "--disable-update-check"];
const server = spawn(process.execPath, [codeServer, ...options, ...address], { ...ran, stdio: ["ignore", log, log] });
let browser;
let page;
let steps = 0;
try {
  await until("code-server answers", () => fetch(`http://127.0.0.1:${port}/healthz`).then((answer) => answer.ok, () => false));
  const quiet = ["disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"];
  browser = await chromium.launch({
    executablePath: chrome,
    args: ["--no-sandbox", "--disable-gpu", ...quiet.map((each) => `--${each}`)],
  });
  page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  page.setDefaultTimeout(60_000);
  await page.goto(`http://127.0.0.1:${port}/?folder=${encodeURIComponent(project)}`);
  await page.locator(".monaco-workbench").waitFor();

  await open("shop/routers/items.py");
  await page.keyboard.press("Control+Shift+M");
  await step("findings of all files are problems", async () => (await badge()) === 9 && /FAPI201/.test(await problems()));
  await step("lenses stand above routes", async () => /GET \/api\/v1\/items · no auth/.test(await texts(".codelens-decoration")));

  await place(21, 14);
  await command("Show or Focus Hover");
  await step("the hover tells of the route", async () => /Dependencies:\s+get_session/.test(await texts(".monaco-hover:not(.hidden)")));
  await page.keyboard.press("Escape");

  await place(40, 8);
  await page.keyboard.press("Control+.");
  await step("fixes are offered", async () => /Suppress FAPI201 here/.test(await texts(".action-widget")));
  await choose("Move the markers into Annotated (FAPI201)");
  await step("the fix is applied, and its finding goes", async () => (await badge()) === 8 && !/FAPI201/.test(await problems()));
  assert.match(await texts(".view-lines"), /Annotated\[SupplierClient,\sDepends/);

  await command("fastapi-lint: Fix all");
  await step("all that is safe is fixed", async () => (await badge()) === 7 && !/FAPI402/.test(await problems()));

  await place(30, 5);
  await page.keyboard.press("Control+.");
  await choose("Explain FAPI302");
  const explained = page.frameLocator("iframe.webview.ready").frameLocator("#active-frame").locator("body");
  await step("the page of a rule is shown", async () => /FAPI302 created-with-200/.test(await explained.innerText({ timeout: 1000 })));

  await open("shop/routers/reports.py");
  await place(21, 1);
  for (const _ of "async ") await page.keyboard.press("Delete");
  await step("an edit takes a finding away", async () => (await badge()) === 6 && !/FAPI501/.test(await problems()));
  await page.keyboard.type("async ");
  await step("and brings it back", async () => (await badge()) === 7);

  const settings = path.join(project, ".vscode", "settings.json");
  fs.mkdirSync(path.dirname(settings));
  const broken = path.join(scratch, "broken");
  fs.writeFileSync(broken, "#!/bin/sh\necho 'no pygls here' >&2\nexit 2\n", { mode: 0o755 });
  fs.writeFileSync(settings, JSON.stringify({ "fastapi-lint.path": broken }));
  await step("a server that does not start is quoted", async () => /It said: no pygls here/.test(await texts(".notification-toast")));
  assert.equal(await page.locator(".notification-toast").count(), 1, "in one message");
  fs.writeFileSync(settings, "{}");
  await step("without the setting it works again", async () => (await badge()) === 7);
  console.log(`${steps} steps passed; pictures: ${pictures}`);
} catch (error) {
  await picture("failed");
  console.error(`pictures and the log of code-server: ${scratch}`);
  throw error;
} finally {
  await browser?.close();
  server.kill();
}

async function step(what, holds) {
  await until(what, holds);
  steps += 1;
  await picture(what);
  console.log(`ok ${steps} - ${what}`);
}

async function picture(name) {
  await page?.screenshot({ path: path.join(pictures, `${String(steps).padStart(2, "0")} ${name}.png`) }).catch(() => undefined);
}

async function until(what, holds) {
  for (const end = Date.now() + 90_000; ; await passed(300)) {
    if (await Promise.resolve(holds()).catch(() => false)) return;
    if (Date.now() > end) throw new Error(`not seen: ${what}`);
  }
}

async function texts(selector) {
  return (await page.locator(selector).allInnerTexts()).join("\n");
}

/** The panel of problems draws what is in view only; the number beside its title counts all. */
async function problems() {
  return await texts(".markers-panel");
}

async function badge() {
  const [number] = await page.locator(".panel .action-item", { hasText: "Problems" }).locator(".badge-content").allInnerTexts();
  return Number(number || 0);
}

async function ask(key, text, row) {
  await page.keyboard.press(key);
  await page.locator(".quick-input-widget:visible input").first().waitFor();
  await page.keyboard.type(text);
  if (row) await page.locator(".quick-input-list .monaco-list-row.focused", { hasText: row }).waitFor();
  await passed(500); // the list is filtered while one types
  await page.keyboard.press("Enter");
  await page.locator(".quick-input-widget").waitFor({ state: "hidden" });
}

async function open(name) {
  await ask("Control+P", path.join(project, name), path.basename(name)); // by its path: a search needs ripgrep
  await page.locator(".tab.active", { hasText: path.basename(name) }).waitFor();
}

async function command(title) {
  await ask("F1", title, title);
}

async function place(line, column) {
  await ask("Control+G", `${line}:${column}`);
}

async function choose(title) {
  const action = page.locator(".action-widget .monaco-list-row.action", { hasText: title }).first();
  // The first of its rows is a heading; a click does not reach them.
  for (let rest = Number(await action.getAttribute("data-index")); rest > 1; rest--) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
}

async function free() {
  const listening = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => listening.once("listening", resolve));
  const { port } = listening.address();
  await new Promise((resolve) => listening.close(resolve));
  return port;
}
