// The official engine, npm @cedar-policy/cedar-wasm, asked the same as cedar_runner and answering in the same form.
// It crashes now and then (a trap, a lost policy set); what that leaves behind is no answer. So after a crash everything
// is asked once more of a fresh instance, and a question that crashes that one too is answered {crashed: why}.

import { createRequire } from 'node:module';

const VERSION = '4.10.0';

/** A function that loads a fresh instance of the engine at each call. npmFolder: where node_modules is. */
export function engineLoader(npmFolder) {
  const require = createRequire(`${npmFolder}/package.json`);
  return () => {
    const path = require.resolve('@cedar-policy/cedar-wasm/nodejs');
    delete require.cache[path];
    const engine = require(path);
    const version = engine.getCedarSDKVersion();
    if (version !== VERSION) throw new Error(`cedar-wasm is ${version}, not ${VERSION}`);
    return engine;
  };
}

export class Oracle {
  #load;
  #engine;
  #job; // whose policies and schema the instance has read
  #prepared; // {} or {error}

  /** load: as of engineLoader. */
  constructor(load) {
    this.#load = load;
    this.restarts = 0;
    this.#engine = load();
  }

  authorize(job, request) {
    return this.#twice(() => {
      this.#prepare(job);
      if (this.#prepared.error !== undefined) return this.#prepared;
      return refusable(() => {
        const { decision, diagnostics } = this.#ask('statefulIsAuthorized', {
          ...request,
          preparsedPolicySetId: 'policies',
          ...(job.schema === null ? {} : { preparsedSchemaName: 'schema' }),
          validateRequest: job.validateRequest,
          entities: job.entities,
        }).response;
        return { decision, reason: sorted(diagnostics.reason), errors: sorted(diagnostics.errors.map(({ policyId }) => policyId)) };
      });
    });
  }

  validate(job) {
    return this.#twice(() => refusable(() => {
      const { validationErrors } = this.#ask('validate', { validationSettings: { mode: 'strict' }, schema: job.schema, policies: policySet(job) });
      return { valid: validationErrors.length === 0, policies: sorted([...new Set(validationErrors.map(({ policyId }) => policyId))]) };
    }));
  }

  /** {json}, {error} or {crashed}. */
  jsonSchema(text) {
    return this.#twice(() => refusable(() => ({ json: this.#ask('schemaToJson', text).json })));
  }

  // Policies and schema are read once for all the questions about a job.
  #prepare(job) {
    if (this.#job === job) return;
    this.#job = undefined;
    this.#prepared = refusable(() => {
      this.#ask('preparsePolicySet', 'policies', policySet(job));
      if (job.schema !== null) this.#ask('preparseSchema', 'schema', job.schema);
      return {};
    });
    this.#job = job;
  }

  // All that is asked of the engine goes through here: what it throws is a crash, and so is having lost what it read.
  #ask(name, ...args) {
    let result;
    try {
      result = this.#engine[name](...args);
    } catch (error) {
      throw new Crash(`${name}: ${error.message ?? error}`);
    }
    if (result.type === 'success') return result;
    const refusal = result.errors.map(({ message }) => message).join('; ');
    if (/preparsed (policy set|schema) '.*' not found/.test(refusal)) throw new Crash(`${name}: ${refusal}`);
    throw new Refused(refusal);
  }

  #twice(question) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return question();
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        this.#restart();
        if (attempt === 2) return { crashed: error.message };
      }
    }
  }

  #restart() {
    this.restarts += 1;
    this.#job = undefined;
    this.#engine = this.#load();
  }
}

class Crash extends Error {}

class Refused extends Error {}

function refusable(call) {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { error: error.message };
  }
}

// Ids by position, templates apart: the engine takes no templates in a text.
function policySet({ kind, policies, templates, links }) {
  if (kind === 'broken') return { staticPolicies: policies[0], templates: {}, templateLinks: [] };
  const parts = { staticPolicies: {}, templates: {}, templateLinks: [] };
  policies.forEach((text, i) => {
    const id = `policy${i}`;
    (templates.has(id) ? parts.templates : parts.staticPolicies)[id] = text;
  });
  for (const { template, id, slots } of links) parts.templateLinks.push({ templateId: template, newId: id, values: slots });
  return parts;
}

/** policy2 before policy10, links last. */
export function sorted(ids) {
  const key = (id) => [id.startsWith('policy') ? 0 : 1, Number(/\d+$/.exec(id)?.[0] ?? 0)];
  return [...ids].sort((a, b) => key(a)[0] - key(b)[0] || key(a)[1] - key(b)[1]);
}
