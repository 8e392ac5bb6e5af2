// A small generator of pseudo-random choices (splitmix32): the same seed gives the same cases on every machine.

export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** 0 <= n < 2^32 */
  bits() {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  below(limit) {
    return this.bits() % limit;
  }

  /** between, both included */
  between(low, high) {
    return low + this.below(high - low + 1);
  }

  /** True once in `times`. */
  once(times) {
    return this.below(times) === 0;
  }

  pick(items) {
    return items[this.below(items.length)];
  }

  /** Some of the items, in their order. */
  some(items) {
    return items.filter(() => this.once(2));
  }

  list(low, high, make) {
    return Array.from({ length: this.between(low, high) }, () => make());
  }
}
