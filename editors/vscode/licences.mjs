// Write the licences of what the bundle holds beside it: esbuild says which packages these are.
import fs from "node:fs";
import path from "node:path";

const { inputs } = JSON.parse(fs.readFileSync("dist/meta.json", "utf8"));
const packages = new Set(Object.keys(inputs).flatMap((input) => input.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []));
const texts = [...packages].sort().map((folder) => {
  const { name, version, license } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  const file = fs.readdirSync(folder).find((each) => /^licen[cs]e(\.|$)/i.test(each));
  if (!file) throw new Error(`${name} has no licence file`);
  return `${name} ${version} (${license})\n\n${fs.readFileSync(path.join(folder, file), "utf8").trim()}\n`;
});
fs.writeFileSync("dist/LICENCES.txt", texts.join(`\n${"-".repeat(80)}\n\n`));
fs.rmSync("dist/meta.json");
