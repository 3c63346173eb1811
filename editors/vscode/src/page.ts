/** The page of a rule, as the server writes it, in the preview of VS Code: that needs no network and no site. */

import * as vscode from "vscode";

/** Show the page of the rule with this code. It becomes a file, so that it is there when the window is opened again. */
export async function showPage(storage: vscode.Uri, code: string, markdown: string): Promise<void> {
  const page = vscode.Uri.joinPath(storage, "rules", `${code}.md`);
  await vscode.workspace.fs.writeFile(page, new TextEncoder().encode(markdown));
  await vscode.commands.executeCommand("markdown.showPreview", page);
}
