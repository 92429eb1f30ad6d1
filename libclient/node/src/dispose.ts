// `await using` is newer than the compilers that this must be read by. Node.js has the symbol from 18.18 on.

export {};

declare global {
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
}
