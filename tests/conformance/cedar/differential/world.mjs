// A random schema, and entities and requests that follow it (or, on purpose, do not).

const ATTRIBUTES = ['a', 'b', 'c', 'name', 'owner', 'level', 'a b', 'if', 'principal', 'é'];
const TAGS = ['a', 'b', 'role', ''];
const IDS = ['x', 'y', 'z', '', 'a"b', 'ü*'];
const STRINGS = ['', 'a', 'ab', 'a*b', 'b', 'aab', '*', 'é', '😀', 'a\\b', 'x\ny', '10.0.0.1', 'a\u0000b'];
const LONGS = [0, 1, -1, 2, 7, 100, 2 ** 31, -(2 ** 31), 2 ** 52, -(2 ** 52), Number.MAX_SAFE_INTEGER];
export const EXTENSIONS = {
  ipaddr: { fn: 'ip', good: ['10.0.0.1', '10.0.0.0/8', '127.0.0.1', '::1', 'ff00::1', '224.0.0.1/4', '1:2:3:4:5:6:7:8/64', '10.0.0.1/32', '0.0.0.0/0', '::'], bad: ['10.0.0', '1.2.3.4/33', '01.2.3.4', ':::', '1:2', '::1.2.3.4', '1.2.3.4/08', '', '::1/129', '1:2:3:4:5:6:7:8::', 'g::'] },
  decimal: { fn: 'decimal', good: ['0.0', '1.5', '-1.5', '-0.0001', '922337203685477.5807', '-922337203685477.5808', '1.50', '00.1'], bad: ['1', '1.', '.5', '1.00000', '922337203685477.5808', '+1.0', '-.1', '', '1.0.0', '1. 0'] },
  datetime: { fn: 'datetime', good: ['2024-02-29', '1970-01-01', '2024-01-01T00:00:00Z', '2024-01-01T23:59:59.999Z', '1969-12-31T23:59:59+0100', '0000-01-01', '9999-12-31T00:00:00.001-2359', '2000-02-29T12:00:00Z'], bad: ['2023-02-29', '2024-13-01', '2024-01-01T24:00:00Z', '2024-01-01T00:00:60Z', '2024-01-01T00:00:00', '2024-01-01T00:00:00+2400', '2024-1-1', '', '2024-01-01T00:00:00.1Z', '2024-00-01', '2024-01-01t00:00:00Z', '2024-01-01T00:00:00+0160'] },
  duration: { fn: 'duration', good: ['1h', '-1h', '1d2h3m4s5ms', '0ms', '90m', '-9223372036854775808ms', '9223372036854775807ms', '5ms', '1d', '106751991167d', '1d5ms'], bad: ['', '-', '1', 'h', '1h1d', '1h1h', '9223372036854775808ms', '1ms1s', '+1h', ' 1h', '1 h', '106751991168d', '1h-1m', '1.5h', 'd1'] },
};

export const type = {
  bool: { kind: 'Bool' },
  long: { kind: 'Long' },
  string: { kind: 'String' },
  entity: (name) => ({ kind: 'Entity', name }),
  set: (element) => ({ kind: 'Set', element }),
  record: (attributes) => ({ kind: 'Record', attributes }),
  extension: (name) => ({ kind: 'Extension', name }),
};

export class World {
  constructor(random) {
    this.random = random;
    this.types = new Map(); // name -> {parents, attributes, tags, choices}
    this.actions = []; // {type, id, parents, applies}
    this.namespace = random.once(3) ? 'N' : '';
    this.implicit = false; // entities and extension values are written as the schema lets them be understood
    this.#declare();
  }

  qualified(name) {
    return this.namespace === '' ? name : `${this.namespace}::${name}`;
  }

  #declare() {
    const { random } = this;
    const names = ['User', 'Group', 'Doc', 'Box'].slice(0, random.between(2, 4));
    if (random.once(3)) names.push('Color');
    this.names = names.map((name) => this.qualified(name));
    for (const name of this.names) {
      if (name.endsWith('Color')) {
        this.types.set(name, { choices: ['red', 'green', 'a"b'], parents: [], attributes: {}, tags: undefined });
        continue;
      }
      this.types.set(name, {
        parents: random.some(this.names),
        attributes: this.#attributes(3),
        tags: random.once(2) ? this.someType(1) : undefined,
      });
    }
    const actionType = this.qualified('Action');
    const ids = ['view', 'edit', 'all', 'a b'].slice(0, random.between(1, 4));
    ids.forEach((id, i) => {
      const applies = random.once(6) ? undefined : { principal: this.#someNames(), resource: this.#someNames(), context: this.#attributes(4) };
      this.actions.push({ type: actionType, id, parents: random.some(ids.slice(i + 1)), applies });
    });
  }

  #someNames() {
    const some = this.random.some(this.names);
    return some.length === 0 ? [this.random.pick(this.names)] : some;
  }

  #attributes(depth) {
    const out = {};
    for (const name of this.random.some(ATTRIBUTES)) {
      out[name] = { type: this.someType(depth), required: !this.random.once(3) };
    }
    return out;
  }

  someType(depth) {
    const { random } = this;
    const basic = [type.bool, type.long, type.string, type.long, type.string];
    const choice = random.below(depth > 0 ? 12 : 8);
    if (choice < 4) return random.pick(basic);
    if (choice < 6) return type.entity(random.pick(this.names));
    if (choice < 8) return type.extension(random.pick(Object.keys(EXTENSIONS)));
    if (choice < 10) return type.set(this.someType(depth - 1));
    return type.record(Object.fromEntries(random.some(ATTRIBUTES.slice(0, 5)).map((name) => [name, { type: this.someType(depth - 1), required: !random.once(3) }])));
  }

  // --- text of the schema

  schemaText() {
    const lines = [];
    const text = (wanted) => this.#typeText(wanted, lines);
    for (const [name, declared] of this.types) {
      const short = name.slice(name.lastIndexOf(':') + 1);
      if (declared.choices !== undefined) {
        lines.push(`entity ${short} enum [${declared.choices.map((id) => JSON.stringify(id)).join(', ')}];`);
        continue;
      }
      const parents = declared.parents.length === 0 ? '' : ` in [${declared.parents.join(', ')}]`;
      const tags = declared.tags === undefined ? '' : ` tags ${text(declared.tags)}`;
      lines.push(`entity ${short}${parents} ${text(type.record(declared.attributes))}${tags};`);
    }
    for (const action of this.actions) {
      const parents = action.parents.length === 0 ? '' : ` in [${action.parents.map((id) => JSON.stringify(id)).join(', ')}]`;
      const applies = action.applies === undefined ? '' : ` appliesTo { principal: [${action.applies.principal.join(', ')}], resource: [${action.applies.resource.join(', ')}], context: ${text(type.record(action.applies.context))} }`;
      lines.push(`action ${JSON.stringify(action.id)}${parents}${applies};`);
    }
    const body = lines.join('\n');
    return this.namespace === '' ? body : `namespace ${this.namespace} {\n${body}\n}`;
  }

  // Some types get a name of their own, declared after or before their use.
  #typeText(wanted, lines) {
    const inner = (next) => this.#typeText(next, lines);
    const text = typeText(wanted, inner);
    if (wanted.kind === 'Entity' || !this.random.once(8)) return text;
    const name = `T${lines.length}`;
    lines.push(`type ${name} = ${text};`);
    return name;
  }

  // --- data

  uid(name) {
    const choices = this.types.get(name)?.choices;
    return { type: name, id: this.random.pick(choices !== undefined && !this.random.once(20) ? choices : IDS) };
  }

  anyUid() {
    return this.uid(this.random.pick(this.names));
  }

  value(wanted, sloppy = 0) {
    const { random } = this;
    if (sloppy > 0 && random.once(sloppy)) return this.value(this.someType(1), 0);
    switch (wanted.kind) {
      case 'Bool':
        return random.once(2);
      case 'Long':
        return random.once(3) ? random.between(-10, 10) : random.pick(LONGS);
      case 'String':
        return random.pick(STRINGS);
      case 'Entity':
        return this.implicit && random.once(2) ? this.uid(wanted.name) : { __entity: this.uid(wanted.name) };
      case 'Extension': {
        const { fn, good, bad } = EXTENSIONS[wanted.name];
        const once = random.once(sloppy > 0 ? 60 : 2000);
        const arg = random.pick(once ? bad : good);
        if (!this.implicit || random.once(2)) return { __extn: random.once(8) ? { fn, args: [arg] } : { fn, arg } };
        return random.once(4) ? { fn, arg } : arg;
      }
      case 'Set':
        return random.list(0, 4, () => this.value(wanted.element, sloppy * 2));
      default:
        return this.record(wanted.attributes, sloppy);
    }
  }

  record(attributes, sloppy = 0) {
    const { random } = this;
    const out = {};
    for (const [name, { type: wanted, required }] of Object.entries(attributes)) {
      const absent = required ? sloppy > 0 && random.once(sloppy) : random.once(2);
      if (!absent) out[name] = this.value(wanted, sloppy);
    }
    if (sloppy > 0 && random.once(sloppy * 2)) out[random.pick(ATTRIBUTES)] = this.value(this.someType(1));
    return out;
  }

  /** Entities of every type, in a hierarchy without cycles; sloppy: how seldom something is wrong, 0 for never. */
  entities(sloppy) {
    const { random } = this;
    const out = new Map();
    for (const name of this.names) {
      const declared = this.types.get(name);
      for (const id of (declared.choices ?? IDS).filter(() => random.once(3))) {
        const tags = declared.tags !== undefined && random.once(2) ? Object.fromEntries(random.some(TAGS).map((tag) => [tag, this.value(declared.tags, sloppy)])) : undefined;
        out.set(`${name} ${id}`, { uid: { type: name, id }, attrs: this.record(declared.attributes, sloppy), parents: this.#parents(name, id, declared, sloppy), ...(tags === undefined ? {} : { tags }) });
      }
    }
    for (const action of this.actions) {
      if (random.once(2)) continue;
      out.set(`action ${action.id}`, { uid: { type: action.type, id: action.id }, attrs: {}, parents: this.#allParents(action).map((id) => ({ type: action.type, id })) });
    }
    return [...out.values()];
  }

  // Everything above an action: the schema's own entity for it has all of them.
  #allParents(action) {
    const above = new Set(action.parents);
    for (const id of above) for (const next of this.actions.find((other) => other.id === id).parents) above.add(next);
    return [...above];
  }

  // Only "larger" entities are parents, so that there is a cycle seldom and on purpose.
  #parents(name, id, declared, sloppy) {
    const { random } = this;
    const wrong = sloppy > 0 && random.once(sloppy * 2);
    const types = wrong ? this.names : declared.parents;
    const candidates = types.flatMap((parent) => (this.types.get(parent).choices ?? IDS).map((other) => ({ type: parent, id: other })));
    const larger = wrong && random.once(4) ? candidates : candidates.filter((other) => `${other.type} ${other.id}` > `${name} ${id}`);
    return larger.filter(() => random.once(5));
  }

  request(sloppy) {
    const { random } = this;
    const action = random.pick(this.actions);
    const applies = action.applies ?? { principal: this.names, resource: this.names, context: {} };
    const wrong = () => sloppy > 0 && random.once(sloppy);
    return {
      principal: wrong() ? this.anyUid() : this.uid(random.pick(applies.principal)),
      action: wrong() ? { type: action.type, id: 'none' } : { type: action.type, id: action.id },
      resource: wrong() ? this.anyUid() : this.uid(random.pick(applies.resource)),
      context: this.record(applies.context, sloppy),
    };
  }
}

function typeText(wanted, inner) {
  switch (wanted.kind) {
    case 'Entity':
    case 'Extension':
      return wanted.name;
    case 'Set':
      return `Set<${inner(wanted.element)}>`;
    case 'Record':
      return `{${Object.entries(wanted.attributes).map(([name, { type: next, required }]) => `${JSON.stringify(name)}${required ? '' : '?'}: ${inner(next)}`).join(', ')}}`;
    default:
      return wanted.kind;
  }
}

export const pools = { ATTRIBUTES, TAGS, IDS, STRINGS, LONGS };
