// Random expressions of a wanted type, as text. Now and then of another type, so that evaluation errs and validation
// finds something.

import { EXTENSIONS, pools, type } from './world.mjs';

/** A string literal of Cedar. */
export function literal(text) {
  let out = '"';
  for (const c of text) {
    if (c === '"' || c === '\\') out += `\\${c}`;
    else if (c === '\n') out += '\\n';
    else if (c < ' ') out += `\\u{${c.codePointAt(0).toString(16)}}`;
    else out += c;
  }
  return `${out}"`;
}

export function uidText({ type: name, id }) {
  return `${name}::${literal(id)}`;
}

const isPlain = (name) => /^[a-z_]+$/i.test(name) && name !== 'if';

export class Expressions {
  /** environment: {principal, resource: type names, context: attributes}; sloppy: once in how many a wrong type. */
  constructor(random, world, environment, sloppy) {
    Object.assign(this, { random, world, environment, sloppy });
    this.sources = this.#sources();
  }

  // Paths that can be read: [text, type, guard or undefined].
  #sources() {
    const { world, environment } = this;
    const out = [];
    const add = (text, wanted, guards, depth) => {
      out.push({ text, type: wanted, guards });
      if (depth === 0) return;
      const attributes = wanted.kind === 'Record' ? wanted.attributes : wanted.kind === 'Entity' ? world.types.get(wanted.name)?.attributes ?? {} : {};
      for (const [name, { type: inner, required }] of Object.entries(attributes)) {
        const access = isPlain(name) && !this.random.once(5) ? `.${name}` : `[${literal(name)}]`;
        const guard = `${text} has ${isPlain(name) && this.random.once(2) ? name : literal(name)}`;
        add(text + access, inner, required ? guards : [...guards, guard], depth - 1);
      }
    };
    add('principal', type.entity(environment.principal), [], 2);
    add('resource', type.entity(environment.resource), [], 2);
    add('context', type.record(environment.context), [], 3);
    return out;
  }

  paren(text) {
    return `(${text})`;
  }

  of(wanted, depth) {
    const { random } = this;
    if (this.sloppy > 0 && random.once(this.sloppy)) return this.of(this.world.someType(1), Math.min(depth, 1));
    if (wanted.kind === 'Bool') return this.bool(depth);
    if (depth > 0 && random.once(8)) return this.paren(`if ${this.bool(depth - 1)} then ${this.of(wanted, depth - 1)} else ${this.of(wanted, depth - 1)}`);
    if (random.once(2)) {
      const source = this.read(wanted);
      if (source !== undefined) return source;
    }
    switch (wanted.kind) {
      case 'Long':
        return this.long(depth);
      case 'String':
        return literal(random.pick(pools.STRINGS));
      case 'Entity':
        return uidText(this.world.uid(wanted.name));
      case 'Extension':
        return this.extension(wanted.name, depth);
      case 'Set':
        return `[${random.list(random.once(15) ? 0 : 1, 3, () => this.of(wanted.element, depth - 1)).join(', ')}]`;
      default:
        return `{${Object.entries(wanted.attributes).map(([name, { type: inner }]) => `${isPlain(name) && random.once(2) ? name : literal(name)}: ${this.of(inner, depth - 1)}`).join(', ')}}`;
    }
  }

  // Something that can be read and has the wanted type; without its guards, mostly inside bool() which adds them.
  read(wanted) {
    const { random } = this;
    const fitting = this.sources.filter((source) => same(source.type, wanted));
    if (fitting.length === 0) return undefined;
    const source = random.pick(fitting);
    if (source.guards.length > 0 && !random.once(4)) this.pending?.push(...source.guards);
    return source.text;
  }

  long(depth) {
    const { random } = this;
    if (depth <= 0 || random.once(2)) return random.once(30) ? random.pick(['9223372036854775807', '-9223372036854775808']) : `${random.once(2) ? random.between(-9, 9) : random.pick(pools.LONGS)}`;
    if (random.once(5)) return `-${this.paren(this.long(depth - 1))}`;
    if (random.once(6)) return `${this.of(type.extension('duration'), depth - 1)}.${random.pick(['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'])}()`;
    const operator = random.pick(['+', '-', '*']);
    return random.list(2, 4, () => this.paren(this.of(type.long, depth - 1))).join(` ${operator} `);
  }

  extension(name, depth) {
    const { random } = this;
    const { fn, good, bad } = EXTENSIONS[name];
    if (depth > 0 && name === 'datetime' && random.once(3)) return random.once(2) ? `${this.of(type.extension('datetime'), depth - 1)}.offset(${this.of(type.extension('duration'), depth - 1)})` : `${this.of(type.extension('datetime'), depth - 1)}.toDate()`;
    if (depth > 0 && name === 'duration' && random.once(3)) return random.once(2) ? `${this.of(type.extension('datetime'), depth - 1)}.durationSince(${this.of(type.extension('datetime'), depth - 1)})` : `${this.of(type.extension('datetime'), depth - 1)}.toTime()`;
    if (random.once(25)) return `${fn}(${this.of(type.string, depth - 1)})`;
    return `${fn}(${literal(random.pick(random.once(25) ? bad : good))})`;
  }

  bool(depth) {
    const outer = this.pending;
    this.pending = [];
    let text = this.#bool(depth);
    if (this.pending.length > 0) text = this.paren(`${[...new Set(this.pending)].join(' && ')} && ${this.paren(text)}`);
    this.pending = outer;
    return text;
  }

  #bool(depth) {
    const { random } = this;
    if (depth <= 0) return random.once(3) ? random.pick(['true', 'false']) : this.#comparison(0);
    switch (random.below(12)) {
      case 0:
        return random.list(2, 4, () => this.paren(this.bool(depth - 1))).join(' && ');
      case 1:
        return random.list(2, 4, () => this.paren(this.bool(depth - 1))).join(' || ');
      case 2:
        return `${'!'.repeat(random.between(1, 4))}${this.paren(this.bool(depth - 1))}`;
      case 3:
        return this.paren(`if ${this.bool(depth - 1)} then ${this.bool(depth - 1)} else ${this.bool(depth - 1)}`);
      case 4:
        return this.read(type.bool) ?? 'true';
      case 5:
        return this.#tags(depth);
      default:
        return this.#comparison(depth);
    }
  }

  #tags(depth) {
    const { random, world } = this;
    const subject = this.#entity(depth);
    const tag = random.once(4) ? this.of(type.string, 0) : literal(random.pick(pools.TAGS));
    const wanted = world.types.get(subject.name)?.tags ?? type.string;
    const test = `${subject.text}.hasTag(${tag})`;
    if (random.once(3)) return test;
    const use = `${subject.text}.getTag(${tag}) == ${this.of(wanted, depth - 1)}`;
    return random.once(6) ? use : `${test} && ${use}`;
  }

  #entity(depth) {
    const name = this.random.pick([this.environment.principal, this.environment.resource, ...this.world.names]);
    return { name, text: this.of(type.entity(name), depth - 1) };
  }

  #comparison(depth) {
    const { random, world } = this;
    const inner = depth - 1;
    switch (random.below(11)) {
      case 0:
      case 1: {
        const wanted = world.someType(1);
        return `${this.paren(this.of(wanted, inner))} ${random.pick(['==', '!='])} ${this.paren(this.of(wanted, inner))}`;
      }
      case 2: {
        const wanted = random.pick([type.long, type.long, type.extension('datetime'), type.extension('duration')]);
        return `${this.paren(this.of(wanted, inner))} ${random.pick(['<', '<=', '>', '>='])} ${this.paren(this.of(wanted, inner))}`;
      }
      case 3: {
        const right = random.once(2) ? this.#entity(depth).text : `[${random.list(1, 3, () => this.of(type.entity(random.pick(world.names)), inner)).join(', ')}]`;
        return `${random.once(4) ? 'action' : this.#entity(depth).text} in ${right}`;
      }
      case 4:
        return this.#has();
      case 5:
        return `${this.of(type.string, inner)} like ${literal(random.pick(['*', 'a*', '*b', 'a*b*', '', '**', 'é*'])).replace('**', '\\**')}`;
      case 6: {
        const subject = this.#entity(depth).text;
        const test = `${subject} is ${random.pick(world.names)}`;
        return random.once(2) ? test : `${test} in ${this.#entity(depth).text}`;
      }
      case 7: {
        const element = world.someType(0);
        return `${this.of(type.set(element), inner)}.contains(${this.of(element, inner)})`;
      }
      case 8: {
        const wanted = type.set(world.someType(0));
        const method = random.pick(['containsAll', 'containsAny', 'isEmpty']);
        return `${this.of(wanted, inner)}.${method}(${method === 'isEmpty' ? '' : this.of(wanted, inner)})`;
      }
      case 9: {
        const ip = () => this.of(type.extension('ipaddr'), inner);
        return random.once(2) ? `${ip()}.isInRange(${ip()})` : `${ip()}.${random.pick(['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'])}()`;
      }
      default: {
        const decimal = () => this.of(type.extension('decimal'), inner);
        return `${decimal()}.${random.pick(['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'])}(${decimal()})`;
      }
    }
  }

  // `x has a`, `x has "a b"`, `x has a.b.c`.
  #has() {
    const { random } = this;
    const source = random.pick(this.sources.filter(({ type: { kind } }) => kind === 'Record' || kind === 'Entity'));
    if (random.once(2)) return `${source.text} has ${random.list(1, 3, () => random.pick(pools.ATTRIBUTES.filter(isPlain))).join('.')}`;
    return `${source.text} has ${literal(random.pick(pools.ATTRIBUTES))}`;
  }
}

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}
