// The official engine, npm @cedar-policy/cedar-wasm, asked the same as cedar_runner and answering in the same form.

import { createRequire } from 'node:module';

export class Oracle {
  /** npmFolder: where node_modules is. */
  constructor(npmFolder) {
    this.require = createRequire(`${npmFolder}/package.json`);
    this.traps = 0;
    this.#load();
    const version = this.cedar.getCedarSDKVersion();
    if (version !== '4.10.0') throw new Error(`cedar-wasm is ${version}, not 4.10.0`);
  }

  // A trap leaves the module's memory in an unknown state: it is loaded again.
  #load() {
    const path = this.require.resolve('@cedar-policy/cedar-wasm/nodejs');
    delete this.require.cache[path];
    this.cedar = this.require(path);
  }

  /** The answer; undefined when the engine trapped. */
  answer(call) {
    try {
      return call(this.cedar);
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError) && !(error instanceof RangeError)) throw error;
      this.traps += 1;
      this.#load();
      return undefined;
    }
  }

  // Ids by position, templates apart: the engine takes no templates in a text.
  static #policies({ policies, templates, links }) {
    const parts = { staticPolicies: {}, templates: {}, templateLinks: [] };
    policies.forEach((text, i) => {
      const id = `policy${i}`;
      (templates.has(id) ? parts.templates : parts.staticPolicies)[id] = text;
    });
    for (const { template, id, slots } of links) parts.templateLinks.push({ templateId: template, newId: id, values: slots });
    return parts;
  }

  static #text(job) {
    if (job.kind !== 'broken') return Oracle.#policies(job);
    return { staticPolicies: job.policies[0], templates: {}, templateLinks: [] };
  }

  /** Reads policies and schema once for the questions that follow; undefined when that trapped. */
  prepare(job) {
    return this.answer((cedar) => {
      this.prepared = refusable(() => {
        const policies = cedar.preparsePolicySet('policies', Oracle.#text(job));
        if (policies.type !== 'success') throw new Refused(policies);
        const schema = job.schema === null ? undefined : cedar.preparseSchema('schema', job.schema);
        if (schema !== undefined && schema.type !== 'success') throw new Refused(schema);
        return {};
      });
      return true;
    });
  }

  authorize(job, request) {
    if (this.prepared.error !== undefined) return this.prepared;
    return this.answer((cedar) => refusable(() => {
      const result = cedar.statefulIsAuthorized({
        ...request,
        preparsedPolicySetId: 'policies',
        ...(job.schema === null ? {} : { preparsedSchemaName: 'schema' }),
        validateRequest: job.validateRequest,
        entities: job.entities,
      });
      if (result.type !== 'success') throw new Refused(result);
      const { decision, diagnostics } = result.response;
      return { decision, reason: sorted(diagnostics.reason), errors: sorted(diagnostics.errors.map(({ policyId }) => policyId)) };
    }));
  }

  validate(job) {
    return this.answer((cedar) => refusable(() => {
      const result = cedar.validate({ validationSettings: { mode: 'strict' }, schema: job.schema, policies: Oracle.#text(job) });
      if (result.type !== 'success') throw new Refused(result);
      return { valid: result.validationErrors.length === 0, policies: sorted([...new Set(result.validationErrors.map(({ policyId }) => policyId))]) };
    }));
  }

  jsonSchema(text) {
    return this.answer((cedar) => {
      const result = cedar.schemaToJson(text);
      return result.type === 'success' ? result.json : undefined;
    });
  }
}

class Refused extends Error {
  constructor(result) {
    super(result.errors.map(({ message }) => message).join('; '));
  }
}

function refusable(call) {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { error: error.message };
  }
}

/** policy2 before policy10, links last. */
export function sorted(ids) {
  const key = (id) => [id.startsWith('policy') ? 0 : 1, Number(/\d+$/.exec(id)?.[0] ?? 0)];
  return [...ids].sort((a, b) => key(a)[0] - key(b)[0] || key(a)[1] - key(b)[1]);
}
