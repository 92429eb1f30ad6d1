import { RedlockMutex } from 'redis-semaphore';
import { clients, TTL } from './nodes.mjs';

export default async (ports, { pipelining, retry }) => {
  const nodes = clients(ports, { pipelining });
  const options = {
    lockTimeout: TTL, onLockLost() {}, ...(retry && { retryInterval: retry, acquireTimeout: 1e9 }),
  };
  return {
    async take(name) {
      const mutex = new RedlockMutex(nodes, name, options);
      await mutex.acquire();
      return mutex;
    },
    letGo: (mutex) => mutex.release(),
  };
};
