// Loaded into a worker by restart.test.mjs (node --require): the official engine with a fault. The process dies by itself
// when the engine is asked FAULT_REQUEST (JSON); with FAULT_ONCE, a file's name, only while that file does not exist.

const fs = require('node:fs');
const Module = require('node:module');

const { FAULT_REQUEST, FAULT_ONCE } = process.env;
const load = Module._load;

function dies({ principal, action, resource, context }) {
  if (JSON.stringify({ principal, action, resource, context }) !== FAULT_REQUEST) return;
  if (FAULT_ONCE !== undefined) {
    if (fs.existsSync(FAULT_ONCE)) return;
    fs.writeFileSync(FAULT_ONCE, '');
  }
  process.kill(process.pid, 'SIGKILL');
}

Module._load = (name, ...more) => {
  const loaded = load(name, ...more);
  if (!name.includes('cedar-wasm')) return loaded;
  return {
    ...loaded,
    statefulIsAuthorized(call) {
      dies(call);
      return loaded.statefulIsAuthorized(call);
    },
  };
};
