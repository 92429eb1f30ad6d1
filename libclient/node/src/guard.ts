// A signal that is aborted with the first of several.

export class Guard {
  readonly #controller = new AbortController();
  readonly #guarded: readonly AbortSignal[];

  constructor(guarded: readonly AbortSignal[]) {
    this.#guarded = guarded;
    for (const signal of guarded) signal.addEventListener("abort", this.#look);
    this.#look();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    for (const signal of this.#guarded) signal.removeEventListener("abort", this.#look);
  }

  readonly #look = (): void => {
    const first = this.#guarded.find((signal) => signal.aborted);
    if (first !== undefined) this.#controller.abort(first.reason);
  };
}
