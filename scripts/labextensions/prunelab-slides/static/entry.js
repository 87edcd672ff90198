// The slideshow of jupyterlab-rise is a small JupyterLab of its own. It lacks the module @jupyterlab/console, which the manager of
// ipywidgets asks for only to learn whether there are consoles; without it no widget runs in a slideshow
// (https://github.com/jupyterlab-contrib/rise/issues/119). This extension says "there are none" where the module is missing, and
// does nothing where it is there. JupyterLab loads it from this folder (scripts/lab.py); nothing is built or installed.
(() => {
  const consoles = { IConsoleTracker: { name: "@jupyterlab/console:IConsoleTracker" } };
  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["prunelab-slides"] = {
    init(shared) {
      shared["@jupyterlab/console"] ??= { "4.3.4": { get: async () => () => consoles, from: "prunelab-slides", loaded: 1 } };
    },
    get: async () => () => ({ __esModule: true, default: [] }),
  };
})();
