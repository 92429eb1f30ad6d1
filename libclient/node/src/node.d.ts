// What this package uses of Node.js, declared: so the compiler is all that a build needs. A test compares it with
// the declarations that Node.js itself comes with, where they are installed.

declare class Buffer extends Uint8Array {
  static from(data: string, encoding: "utf8" | "latin1"): Buffer;
  static from(data: Uint8Array): Buffer;
  static from(data: ArrayBufferLike, offset: number, length: number): Buffer;
  static compare(a: Uint8Array, b: Uint8Array): -1 | 0 | 1;
  equals(other: Uint8Array): boolean;
  toString(encoding?: "utf8" | "latin1"): string;
}

interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: any;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: any): void;
}

declare namespace NodeJS {
  interface Timeout {
    ref(): this;
    unref(): this;
  }
}

declare const process: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hrtime: { bigint(): bigint };
};

declare function setTimeout(action: () => void, ms: number): NodeJS.Timeout;
declare function clearTimeout(timer: NodeJS.Timeout | undefined): void;
declare function setImmediate<T extends unknown[]>(action: (...args: T) => void, ...args: T): unknown;
declare function queueMicrotask(action: () => void): void;

declare module "node:events" {
  class EventEmitter {
    on(event: string, listener: (error: Error) => void): this;
    once(event: string, listener: (error: Error) => void): this;
    off(event: string, listener: (error: Error) => void): this;
    emit(event: string, error: unknown): boolean;
  }
}

declare module "node:net" {
  interface Socket {
    on(event: "connect" | "end", listener: () => void): this;
    on(event: "data", listener: (data: Buffer) => void): this;
    on(event: "error", listener: (error: Error) => void): this;
    write(data: string, encoding: "latin1"): boolean;
    destroy(): this;
    ref(): this;
    unref(): this;
  }
  function connect(options: { path: string }): Socket;
}

declare module "node:os" {
  function uptime(): number;
}
