// The core and its socket.

import { connect, type Socket } from "node:net";

import { clock } from "./clock.js";
import { Core } from "./core.js";
import { ConnectFailed } from "./errors.js";
import type { SessionEvent } from "./event.js";
import type { Request } from "./request.js";

const defaultSocket = "/run/redlockd/redlockd.sock";
const longestSleep = 2 ** 31 - 1; // ms that a timer of Node.js can have

export class Link {
  readonly core: Core;
  readonly #path: string | undefined;
  #socket: Socket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due: number | undefined;
  #turnIsDue = false;

  constructor(path: string | undefined, onEvent: ((event: SessionEvent) => void) | undefined) {
    this.#path = path;
    this.core = new Core(onEvent);
  }

  start(request: Request): void {
    this.core.start(request, clock.now());
    this.turnSoon();
  }

  /** One turn, and one write, for all that is asked for together. */
  turnSoon(): void {
    if (this.#turnIsDue) return;
    this.#turnIsDue = true;
    queueMicrotask(() => this.#turn());
  }

  close(): void {
    this.core.close(clock.now());
    this.#turn();
    clearTimeout(this.#timer);
  }

  /** Does what is due, connects, writes, and sees to it that what comes next is noticed. */
  #turn(): void {
    const { core } = this;
    const { connection } = core;
    this.#turnIsDue = false;
    core.run(clock.now());
    while (connection.wantsClose || connection.wantsConnect) {
      if (connection.wantsClose) {
        connection.wantsClose = false;
        this.#closeSocket();
      }
      if (connection.wantsConnect) {
        connection.wantsConnect = false;
        this.#connect();
      }
      core.run(clock.now());
    }
    if (connection.outgoing !== "") {
      this.#socket?.write(connection.outgoing, "latin1");
      connection.outgoing = "";
    }
    this.#setTimer();
    this.#keepProcess();
    // After those whose answers came before have gone on.
    if (core.notices.length > 0) setImmediate(deliver, core.notices.splice(0));
  }

  #connect(): void {
    const path = this.#path ?? (process.env["REDLOCK_SOCKET"] || defaultSocket);
    const { core } = this;
    core.connection.path = path;
    const socket = connect({ path }); // close-on-exec, as all sockets of Node.js: no child process keeps our locks
    let isConnected = false;
    const of = <T extends unknown[]>(action: (...args: T) => void) => (...args: T): void => {
      if (this.#socket !== socket) return; // it was closed here before
      action(...args);
      this.#turn();
    };
    socket.on("connect", of(() => {
      isConnected = true;
      core.connected();
    }));
    socket.on("data", of((data: Uint8Array) => core.connection.receive(data, clock.now())));
    socket.on("end", of(() => core.connection.ended("the daemon closed the connection", clock.now())));
    socket.on("error", of((why: Error & { code?: string }) => {
      if (isConnected) {
        core.connection.ended(`the connection to the daemon ended: ${why.message}`, clock.now());
        return;
      }
      this.#closeSocket();
      core.connectFailed(new ConnectFailed(`${path}: ${why.message}`, { cause: why }),
                         why.code !== "EACCES" && why.code !== "EPERM", clock.now());
    }));
    this.#socket = socket;
  }

  #closeSocket(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #setTimer(): void {
    const due = this.core.timers.next();
    if (due === this.#due) return;
    this.#due = due;
    clearTimeout(this.#timer);
    const wait = Math.min(Math.ceil(Math.max(0, (due ?? 0) - clock.now())), longestSleep);
    this.#timer = due === undefined ? undefined : setTimeout(() => {
      this.#due = undefined;
      // What has come in the meantime is read first: it may be an answer that seems to be overdue.
      setImmediate(() => this.#turn());
    }, wait);
  }

  /** The process goes on while a caller waits, or holds something, and not for an idle session. */
  #keepProcess(): void {
    if (this.core.isBusy) {
      this.#socket?.ref();
      this.#timer?.ref();
    } else {
      this.#socket?.unref();
      this.#timer?.unref();
    }
  }
}

/** What the caller's function throws is not caught, as with other events of Node.js. */
function deliver(notices: (() => void)[]): void {
  for (const [at, notice] of notices.entries()) {
    try {
      notice();
    } catch (error) {
      setImmediate(deliver, notices.slice(at + 1));
      throw error;
    }
  }
}
