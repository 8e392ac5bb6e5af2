// Random questions: what cedar_runner and the official engine are both asked.

import { Expressions, literal, uidText } from './expression.mjs';
import { Random } from './random.mjs';
import { World, pools } from './world.mjs';

const DEEP = 55; // the official engine traps between 100 and 200 levels of parentheses
const CHAIN = 90; // and somewhere above 100 operands of one operator

const REQUESTS = 8; // asked of the same policies and entities

/** {policies: [text], templates: ids, links, schema, entities, requests, ...} of a seed. kind says what it is about. */
export function makeCase(seed) {
  const random = new Random(seed);
  const world = new World(random);
  const kind = random.once(25) ? 'extreme' : random.once(20) ? 'brokenSchema' : random.pick(['plain', 'plain', 'plain', 'plain', 'schema', 'schema', 'validate', 'validate', 'validate', 'sloppy', 'broken']);
  const sloppy = { plain: 40, schema: 0, validate: 60, sloppy: 12, broken: 40, brokenSchema: 60, extreme: 0 }[kind];
  const links = [];
  const templates = new Set();
  const policies = random.list(1, kind === 'broken' ? 2 : random.pick([2, 3, 6]), () => undefined).map((_, i) => policy(random, world, `policy${i}`, sloppy, kind, links, templates));
  const dataSloppy = kind === 'sloppy' ? 10 : random.once(4) ? 15 : 0;
  const withSchema = kind === 'schema' || kind === 'validate' || kind === 'brokenSchema' || (kind === 'sloppy' && random.once(2));
  world.implicit = withSchema && random.once(2);
  const schema = withSchema ? world.schemaText() : null;
  return {
    kind,
    policies: kind === 'broken' ? [breakText(random, policies.join('\n'))] : policies,
    links: kind === 'broken' ? [] : links,
    templates,
    schema: kind === 'brokenSchema' ? breakText(random, schema) : schema,
    jsonSchema: withSchema && random.once(4),
    validate: kind === 'validate' || kind === 'brokenSchema' || (kind === 'schema' && random.once(2)),
    entities: kind === 'extreme' ? deepHierarchy(random, world) : world.entities(dataSloppy),
    requests: Array.from({ length: kind.startsWith('broken') ? 1 : REQUESTS }, () => world.request(dataSloppy)),
    validateRequest: random.once(2),
  };
}

function policy(random, world, id, sloppy, kind, links, templates) {
  const effect = random.once(3) ? 'forbid' : 'permit';
  const action = random.pick(world.actions);
  const applies = action.applies ?? { principal: world.names, resource: world.names, context: {} };
  const environment = { principal: random.pick(applies.principal), resource: random.pick(applies.resource), context: applies.context };
  const slots = {};
  const principal = side(random, world, 'principal', environment.principal, kind, slots);
  const resource = side(random, world, 'resource', environment.resource, kind, slots);
  const expressions = new Expressions(random, world, environment, sloppy);
  const conditions = random.list(0, 3, () => `${random.once(3) ? 'unless' : 'when'} { ${kind === 'extreme' ? extreme(random, expressions) : expressions.bool(random.between(0, 3))} }`);
  const annotations = random.once(5) ? `@id(${literal(random.pick(pools.STRINGS))}) @note ` : '';
  const text = `${annotations}${effect}(${principal}, ${actionScope(random, world, action)}, ${resource})\n${conditions.join('\n')};`;
  if (Object.keys(slots).length > 0) {
    templates.add(id);
    for (let i = 0; i < random.between(0, 2); i += 1) {
      links.push({ template: id, id: `link${links.length}`, slots: Object.fromEntries(Object.keys(slots).map((slot) => [slot, world.anyUid()])) });
    }
  }
  return text;
}

function side(random, world, variable, expected, kind, slots) {
  const slot = () => {
    slots[`?${variable}`] = true;
    return `?${variable}`;
  };
  const entity = () => (kind !== 'broken' && random.once(5) ? slot() : uidText(random.once(3) ? world.anyUid() : world.uid(expected)));
  const name = random.once(4) ? random.pick(world.names) : expected;
  switch (random.below(8)) {
    case 0:
      return `${variable} == ${entity()}`;
    case 1:
      return `${variable} in ${entity()}`;
    case 2:
      return `${variable} is ${name}`;
    case 3:
      return `${variable} is ${name} in ${entity()}`;
    default:
      return variable;
  }
}

function actionScope(random, world, action) {
  const text = (other) => uidText({ type: other.type, id: other.id });
  switch (random.below(6)) {
    case 0:
      return `action == ${text(action)}`;
    case 1:
      return `action in ${text(random.pick(world.actions))}`;
    case 2:
      return `action in [${random.list(random.once(10) ? 0 : 1, 3, () => text(random.pick(world.actions))).join(', ')}]`;
    default:
      return 'action';
  }
}

// Deep nesting, long chains, large sets and records.
function extreme(random, expressions) {
  const depth = random.between(10, DEEP);
  const leaf = expressions.bool(1);
  switch (random.below(7)) {
    case 0:
      return `${'('.repeat(depth)}${leaf}${')'.repeat(depth)}`;
    case 1:
      return Array.from({ length: random.between(20, CHAIN) }, () => `(${expressions.bool(0)})`).join(random.pick([' && ', ' || ']));
    case 2: {
      const numbers = Array.from({ length: random.between(50, 1500) }, () => random.between(-5, 1000));
      return `[${numbers.join(', ')}].${random.pick(['contains(7)', `containsAll([${random.list(1, 30, () => random.pick(numbers)).join(', ')}])`, 'containsAny([2000, 3, 5])'])}`;
    }
    case 3:
      return `${Array.from({ length: random.between(20, CHAIN) }, () => random.between(0, 99)).join(random.pick([' + ', ' - ']))} < ${random.between(-9999, 9999)}`;
    case 4:
      return `${'{a: '.repeat(depth)}1${'}'.repeat(depth)}${'.a'.repeat(random.between(0, depth))} == ${random.once(2) ? '1' : '{a: 1}'}`;
    case 5:
      return `{${Array.from({ length: random.between(20, 300) }, (_, i) => `k${i}: ${random.below(3)}`).join(', ')}}.k${random.between(0, 320)} == 1`;
    default:
      return `${'if true then ('.repeat(Math.floor(depth / 2))}${leaf}${') else false'.repeat(Math.floor(depth / 2))}`;
  }
}

// A chain of parents with branches; sometimes closed to a cycle.
function deepHierarchy(random, world) {
  const name = world.names[0];
  const length = random.between(5, 120);
  const uid = (i) => ({ type: name, id: i === 0 ? 'x' : i === length ? 'z' : `n${i}` });
  const out = [];
  for (let i = 0; i < length; i += 1) {
    const parents = [uid(i + 1)];
    if (random.once(3)) parents.push(uid(random.between(i + 1, length)));
    out.push({ uid: uid(i), attrs: {}, parents });
  }
  if (random.once(20)) out.push({ uid: uid(length), attrs: {}, parents: [uid(random.below(length))] });
  return out;
}

// One small change of the text: what does not parse must be refused by both, what still parses must mean the same.
function breakText(random, whole) {
  const text = Array.from(whole); // code points
  const at = random.below(text.length + 1);
  const tokens = ['(', ')', '{', '}', '[', ']', ',', ';', '.', '::', '==', '&&', '||', '!', '-', '*', '/', '%', 'in', 'has', 'like', 'is', 'if', 'then', 'else', 'true', '"', '\\', '?principal', '1', 'x', ' ', '\n', '//', '\u00a0', '@', '=', '<', 'principal', '__cedar', '\u0001', '9223372036854775808', 'entity', 'type', 'tags', 'enum', 'Set', 'Long', '?', ':'];
  const put = (from, added) => [...text.slice(0, at), added, ...text.slice(from)].join('');
  switch (random.below(4)) {
    case 0:
      return put(at, random.pick(tokens));
    case 1:
      return put(at + random.between(1, 6), '');
    case 2:
      return put(at + 1, random.pick(tokens));
    default:
      return put(text.length, '');
  }
}
